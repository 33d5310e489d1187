"""Laws, fitting, diagnostics, optimising a law over the feasible set."""

from olmix.fit.law import Law
from olmix.fit.log_linear import LogLinear

__all__ = ["Law", "LogLinear"]
