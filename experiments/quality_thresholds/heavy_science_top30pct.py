"""A mixture heavy in science loses when the best tenth is diluted to the best 30 %."""

from __future__ import annotations

import fiddle as fdl

from experiments.overlays import quality, topics
from experiments.presets.proxy_run_14m import proxy_run_14m
from olmix.mixture_run import MixtureRun


def experiment() -> fdl.Config[MixtureRun]:
    """Vigintiles 15 to 20 of each topic in equal parts."""
    cfg = proxy_run_14m()
    topics.heavy_science(cfg, arxiv=2.1e-5, wikipedia=2.1e-5)
    quality.top(cfg, percent=30)
    return cfg
