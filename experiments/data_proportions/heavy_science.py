"""Half of the tokens in science and a fifth in papers lower the BPB of mathematics most."""

from __future__ import annotations

import fiddle as fdl

from experiments.overlays import proportions
from experiments.presets.proxy_run_14m import dclm_run_14m
from olmix.mixture_run import MixtureRun


def experiment() -> fdl.Config[MixtureRun]:
    """Science at 50 % of all tokens."""
    cfg = dclm_run_14m()
    proportions.heavy_science(cfg)
    return cfg
