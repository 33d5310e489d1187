"""With encyclopedia beside it, web text is worth having only if it is the best tenth."""

from __future__ import annotations

import fiddle as fdl

from experiments.overlays import quality, topics
from experiments.presets.proxy_run_14m import proxy_run_14m
from olmix.mixture_run import MixtureRun


def experiment() -> fdl.Config[MixtureRun]:
    """Vigintiles 18 and 20 of each topic in equal parts."""
    cfg = proxy_run_14m()
    topics.heavy_wiki(cfg, arxiv=1.05e-4, wikipedia=3.14e-3)
    quality.top(cfg, percent=10)
    return cfg
