"""A mixture heavy in science gains from the best 5 % of each topic making up 70 % of it."""

from __future__ import annotations

import fiddle as fdl

from experiments.overlays import quality, topics
from experiments.presets.proxy_run_14m import proxy_run_14m
from olmix.mixture_run import MixtureRun


def experiment() -> fdl.Config[MixtureRun]:
    """70 % from vigintile 20, 30 % from 18."""
    cfg = proxy_run_14m()
    topics.heavy_science(cfg, arxiv=1e-6, wikipedia=1e-6)
    quality.aggressive(cfg)
    return cfg
