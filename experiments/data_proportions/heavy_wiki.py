"""Half of the tokens in encyclopedia, read often, help questions and answers less than more of the web does."""

from __future__ import annotations

import fiddle as fdl

from experiments.overlays import proportions
from experiments.presets.proxy_run_14m import dclm_run_14m
from olmix.mixture_run import MixtureRun


def experiment() -> fdl.Config[MixtureRun]:
    """Encyclopedia at 50 % of all tokens."""
    cfg = dclm_run_14m()
    proportions.heavy_wiki(cfg)
    return cfg
