"""Two and a half Chinchilla multiples lower every BPB, and leave the order of mixtures as it is."""

from __future__ import annotations

import fiddle as fdl

from experiments.overlays import duration
from experiments.presets.proxy_run_14m import dclm_run_14m
from olmix.mixture_run import MixtureRun


def experiment() -> fdl.Config[MixtureRun]:
    """700 million tokens."""
    cfg = dclm_run_14m()
    duration.chinchilla(cfg, multiple=2.5)
    return cfg
