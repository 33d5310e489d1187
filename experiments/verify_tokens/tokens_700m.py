"""A run declared as 700 million tokens reads exactly that, in whole global batches, and of each leaf its share."""

from __future__ import annotations

import fiddle as fdl

from experiments.overlays import duration
from experiments.presets.proxy_run_14m import dclm_run_14m
from olmix.mixture_run import MixtureRun


def experiment() -> fdl.Config[MixtureRun]:
    """The report compares what the trainer counted with what was planned, and fails if they differ."""
    cfg = dclm_run_14m()
    duration.tokens(cfg, number=700_000_000)
    return cfg
