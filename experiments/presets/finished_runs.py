"""Preset: laws and a proposal from runs that are finished, in two CSV files or a W&B group; every number set."""

from __future__ import annotations

from typing import Any

import fiddle as fdl

from experiments import base
from olmix.fit.effective_data import EffectiveData
from olmix.mixture_search import FitRuns


def finished_runs(runs: fdl.Config[Any] | None = None) -> fdl.Config[FitRuns]:
    """The fit, with the files still to be named, or of the runs that the step `runs` reads."""
    cfg = base.fit_runs(runs)
    cfg.laws.law = fdl.Config(EffectiveData)
    cfg.laws.folds = 5
    cfg.laws.repeats = 3
    cfg.proposal.bootstrap = 1000
    cfg.proposal.kl = 0.0
    cfg.proposal.next_runs = 5
    return cfg
