"""Equal parts of science, software and education with a fifth each of papers and encyclopedia serve every family of tasks."""

from __future__ import annotations

import fiddle as fdl

from experiments.presets.proxy_run_14m import dclm_run_14m
from olmix.mixture_run import MixtureRun


def experiment() -> fdl.Config[MixtureRun]:
    """The preset as it stands."""
    return dclm_run_14m()
