"""Feasible sets for the tests of this room."""

from __future__ import annotations

import numpy as np

from olmix.mix.feasible import FeasibleSet, LinearLimit


def box(upper, lower=None, prior=None, names=None, limits=()) -> FeasibleSet:
    n = len(upper)
    prior = np.full(n, 1 / n) if prior is None else np.asarray(prior, dtype=float)
    return FeasibleSet(
        leaves=tuple(names or (f"leaf{i}" for i in range(n))),
        lower=tuple(map(float, np.zeros(n) if lower is None else lower)),
        upper=tuple(map(float, upper)),
        prior=tuple(map(float, prior)),
        limits=tuple(limits),
    )


def group(name, leaves, lower=0.0, upper=1.0) -> LinearLimit:
    return LinearLimit(name=name, leaves=tuple(leaves), coefficients=(1.0,) * len(leaves), lower=lower, upper=upper)
