"""Half of the tokens in code lower the BPB of code tasks, at the cost of questions and answers."""

from __future__ import annotations

import fiddle as fdl

from experiments.overlays import proportions
from experiments.presets.proxy_run_14m import dclm_run_14m
from olmix.mixture_run import MixtureRun


def experiment() -> fdl.Config[MixtureRun]:
    """Code at 50 % of all tokens."""
    cfg = dclm_run_14m()
    proportions.heavy_code(cfg)
    return cfg
