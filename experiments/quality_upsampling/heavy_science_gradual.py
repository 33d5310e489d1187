"""For science 50/30/20 over the best 5, 5 and 15 % keeps what 70/30 gains and more of its variety."""

from __future__ import annotations

import fiddle as fdl

from experiments.overlays import quality, topics
from experiments.presets.proxy_run_14m import proxy_run_14m
from olmix.mixture_run import MixtureRun


def experiment() -> fdl.Config[MixtureRun]:
    """50 % from vigintile 20, 30 % from 18, 20 % from 16 and 17."""
    cfg = proxy_run_14m()
    topics.heavy_science(cfg, arxiv=1e-6, wikipedia=1e-6)
    quality.gradual(cfg)
    return cfg
