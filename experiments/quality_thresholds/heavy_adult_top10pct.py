"""Even among adult content the best tenth of the text teaches more than the best 70 %."""

from __future__ import annotations

import fiddle as fdl

from experiments.overlays import quality, topics
from experiments.presets.proxy_run_14m import proxy_run_14m
from olmix.mixture_run import MixtureRun


def experiment() -> fdl.Config[MixtureRun]:
    """Vigintiles 18 and 20 of each topic in equal parts."""
    cfg = proxy_run_14m()
    topics.heavy_adult(cfg, arxiv=5.2e-5, wikipedia=5.2e-5)
    quality.top(cfg, percent=10)
    return cfg
