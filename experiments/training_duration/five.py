"""Five Chinchilla multiples still pay for a model of this size: it is far from what it can learn."""

from __future__ import annotations

import fiddle as fdl

from experiments.overlays import duration
from experiments.presets.proxy_run_14m import dclm_run_14m
from olmix.mixture_run import MixtureRun


def experiment() -> fdl.Config[MixtureRun]:
    """1.4 billion tokens."""
    cfg = dclm_run_14m()
    duration.chinchilla(cfg, multiple=5.0)
    return cfg
