"""With encyclopedia beside it, the best 30 % of the web teach as much as the best tenth."""

from __future__ import annotations

import fiddle as fdl

from experiments.overlays import quality, topics
from experiments.presets.proxy_run_14m import proxy_run_14m
from olmix.mixture_run import MixtureRun


def experiment() -> fdl.Config[MixtureRun]:
    """Vigintiles 15 to 20 of each topic in equal parts."""
    cfg = proxy_run_14m()
    topics.heavy_wiki(cfg, arxiv=4.2e-5, wikipedia=1.259e-3)
    quality.top(cfg, percent=30)
    return cfg
