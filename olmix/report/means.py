"""Mean, standard error, and what counts as more than noise, as everything in a report computes them."""

from __future__ import annotations

import math
from collections.abc import Sequence


def mean(values: Sequence[float]) -> float | None:
    """The mean, None of nothing."""
    return math.fsum(values) / len(values) if values else None


def error(values: Sequence[float]) -> float:
    """The standard error of the mean (sample deviation / sqrt n); 0 for fewer than two values."""
    if len(values) < 2:
        return 0.0
    middle = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((v - middle) ** 2 for v in values) / (len(values) - 1) / len(values))


def needed(seeds: int) -> float:
    """How many standard errors apart two means of `seeds` values each must be to differ by more than noise.

    Student's t: with a standard error that is itself estimated from few seeds, two of them are too few (Student, 1908). The
    seeds' noise is taken to be alike on both sides, 2 (seeds - 1) degrees of freedom, and chance to pass once in twenty.
    """
    from scipy.special import stdtrit

    return float(stdtrit(2 * (seeds - 1), 0.975))
