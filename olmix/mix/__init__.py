"""Mixtures, the feasible set, swarm designs, mixture reuse."""

from olmix.mix.feasible import FeasibleSet
from olmix.mix.limits import feasible_set
from olmix.mix.reuse_steps import ReusedLimits, ReusedRuns
from olmix.mix.runs import RunTable
from olmix.mix.steps import Design, Limits
from olmix.mix.variants import Variants

__all__ = ["Design", "FeasibleSet", "Limits", "ReusedLimits", "ReusedRuns", "RunTable", "Variants", "feasible_set"]
