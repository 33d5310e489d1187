"""Laws, fitting, diagnostics, optimising a law over the feasible set.

From a notebook: `EffectiveData().fit(weights, metrics).predict(points, return_std=True)`. In an experiment: the steps
`Laws` and `Proposal`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from olmix.fit.autoscale import AutoScale
    from olmix.fit.best import Best
    from olmix.fit.bimix import BiMix
    from olmix.fit.boosted_trees import BoostedTrees
    from olmix.fit.cross_validation import cross_validate
    from olmix.fit.effective_data import EffectiveData
    from olmix.fit.gaussian_process import GaussianProcess
    from olmix.fit.inputs import runs_from_csv, runs_from_store, runs_from_wandb
    from olmix.fit.law import Law
    from olmix.fit.linear import Linear, Quadratic
    from olmix.fit.log_linear import LogLinear
    from olmix.fit.propose import optimum
    from olmix.fit.propose_step import Proposal
    from olmix.fit.scores import score
    from olmix.fit.steps import Laws

_ROOM_OF = {
    "AutoScale": "autoscale",
    "Best": "best",
    "BiMix": "bimix",
    "BoostedTrees": "boosted_trees",
    "EffectiveData": "effective_data",
    "GaussianProcess": "gaussian_process",
    "Law": "law",
    "Laws": "steps",
    "Linear": "linear",
    "LogLinear": "log_linear",
    "Proposal": "propose_step",
    "Quadratic": "linear",
    "cross_validate": "cross_validation",
    "optimum": "propose",
    "runs_from_csv": "inputs",
    "runs_from_store": "inputs",
    "runs_from_wandb": "inputs",
    "score": "scores",
}

__all__ = [
    "AutoScale",
    "Best",
    "BiMix",
    "BoostedTrees",
    "EffectiveData",
    "GaussianProcess",
    "Law",
    "Laws",
    "Linear",
    "LogLinear",
    "Proposal",
    "Quadratic",
    "cross_validate",
    "optimum",
    "runs_from_csv",
    "runs_from_store",
    "runs_from_wandb",
    "score",
]


def __getattr__(name: str) -> Any:
    # On first use: an experiment that declares one law need not import the others.
    if name not in _ROOM_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_ROOM_OF[name]}"), name)
