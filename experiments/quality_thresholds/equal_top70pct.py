"""With topics in equal parts, leaving out the worst 30 % of each changes next to nothing."""

from __future__ import annotations

import fiddle as fdl

from experiments.overlays import quality, topics
from experiments.presets.proxy_run_14m import proxy_run_14m
from olmix.mixture_run import MixtureRun


def experiment() -> fdl.Config[MixtureRun]:
    """Vigintiles 7 to 20 of each topic in equal parts; the reference has no such file, the numbers follow its rule."""
    cfg = proxy_run_14m()
    topics.equal(cfg, arxiv=8e-6, wikipedia=8e-6)
    quality.top(cfg, percent=70)
    return cfg
