"""A mixture heavy in science cannot tell the better half of each topic from the best 30 %."""

from __future__ import annotations

import fiddle as fdl

from experiments.overlays import quality, topics
from experiments.presets.proxy_run_14m import proxy_run_14m
from olmix.mixture_run import MixtureRun


def experiment() -> fdl.Config[MixtureRun]:
    """Vigintiles 11 to 20 of each topic in equal parts."""
    cfg = proxy_run_14m()
    topics.heavy_science(cfg, arxiv=1.2e-5, wikipedia=1.2e-5)
    quality.top(cfg, percent=50)
    return cfg
