"""With encyclopedia beside it, how steeply quality is upsampled on the web makes no difference."""

from __future__ import annotations

import fiddle as fdl

from experiments.overlays import quality, topics
from experiments.presets.proxy_run_14m import proxy_run_14m
from olmix.mixture_run import MixtureRun


def experiment() -> fdl.Config[MixtureRun]:
    """50 % from vigintile 20, 30 % from 18, 20 % from 16 and 17."""
    cfg = proxy_run_14m()
    topics.heavy_wiki(cfg, arxiv=2e-6, wikipedia=6.3e-5)
    quality.gradual(cfg)
    return cfg
