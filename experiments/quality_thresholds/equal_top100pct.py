"""Quality filtering does not help: everything, in equal topics, is what the thresholds must beat."""

from __future__ import annotations

import fiddle as fdl

from experiments.overlays import quality, topics
from experiments.presets.proxy_run_14m import proxy_run_14m
from olmix.mixture_run import MixtureRun


def experiment() -> fdl.Config[MixtureRun]:
    """All vigintiles of each topic in equal parts; the reference has no such file, the numbers follow its rule."""
    cfg = proxy_run_14m()
    topics.equal(cfg, arxiv=6e-6, wikipedia=6e-6)
    quality.top(cfg, percent=100)
    return cfg
