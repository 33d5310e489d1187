"""A mixture heavy in adult content hardly cares for quality: the best 70 % are what the other thresholds must beat."""

from __future__ import annotations

import fiddle as fdl

from experiments.overlays import quality, topics
from experiments.presets.proxy_run_14m import proxy_run_14m
from olmix.mixture_run import MixtureRun


def experiment() -> fdl.Config[MixtureRun]:
    """Vigintiles 7 to 20 of each topic in equal parts."""
    cfg = proxy_run_14m()
    topics.heavy_adult(cfg, arxiv=8e-6, wikipedia=8e-6)
    quality.top(cfg, percent=70)
    return cfg
