"""Mixtures, the feasible set, swarm designs, mixture reuse: `feasible_set`, `design`, and the steps `Limits`, `Design`."""

from olmix.mix.runs import RunTable
from olmix.mix.steps import Design, Limits
from olmix.mix.variants import Variants

__all__ = ["Design", "Limits", "RunTable", "Variants"]
