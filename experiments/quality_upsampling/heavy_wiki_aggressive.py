"""With encyclopedia beside it, the best 5 % of the web may make up 70 % of it without loss."""

from __future__ import annotations

import fiddle as fdl

from experiments.overlays import quality, topics
from experiments.presets.proxy_run_14m import proxy_run_14m
from olmix.mixture_run import MixtureRun


def experiment() -> fdl.Config[MixtureRun]:
    """70 % from vigintile 20, 30 % from 18."""
    cfg = proxy_run_14m()
    topics.heavy_wiki(cfg, arxiv=2e-6, wikipedia=6.3e-5)
    quality.aggressive(cfg)
    return cfg
