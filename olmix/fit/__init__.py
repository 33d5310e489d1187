"""Laws, fitting, diagnostics, optimising a law over the feasible set."""

from olmix.fit.autoscale import AutoScale
from olmix.fit.best import Best
from olmix.fit.bimix import BiMix
from olmix.fit.boosted_trees import BoostedTrees
from olmix.fit.effective_data import EffectiveData
from olmix.fit.gaussian_process import GaussianProcess
from olmix.fit.law import Law
from olmix.fit.linear import Linear, Quadratic
from olmix.fit.log_linear import LogLinear

__all__ = [
    "AutoScale",
    "Best",
    "BiMix",
    "BoostedTrees",
    "EffectiveData",
    "GaussianProcess",
    "Law",
    "Linear",
    "LogLinear",
    "Quadratic",
]
