"""With encyclopedia beside it, the better half of the web is worse than the best tenth."""

from __future__ import annotations

import fiddle as fdl

from experiments.overlays import quality, topics
from experiments.presets.proxy_run_14m import proxy_run_14m
from olmix.mixture_run import MixtureRun


def experiment() -> fdl.Config[MixtureRun]:
    """Vigintiles 11 to 20 of each topic in equal parts."""
    cfg = proxy_run_14m()
    topics.heavy_wiki(cfg, arxiv=2.3e-5, wikipedia=7e-4)
    quality.top(cfg, percent=50)
    return cfg
