"""Half a Chinchilla multiple ranks mixtures as longer runs do, and is enough for a proxy."""

from __future__ import annotations

import fiddle as fdl

from experiments.presets.proxy_run_14m import dclm_run_14m
from olmix.mixture_run import MixtureRun


def experiment() -> fdl.Config[MixtureRun]:
    """140 million tokens: the preset as it stands."""
    return dclm_run_14m()
