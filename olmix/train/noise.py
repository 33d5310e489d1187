"""What counts as more than noise between runs that were trained with several seeds."""

from __future__ import annotations


def needed(seeds: int) -> float:
    """How many standard errors apart two means of `seeds` values each must be to differ by more than noise.

    Student's t: with a standard error that is itself estimated from few seeds, two of them are too few (Student, 1908). The
    seeds' noise is taken to be alike on both sides, 2 (seeds - 1) degrees of freedom, and chance to pass once in twenty.
    """
    from scipy.special import stdtrit

    return float(stdtrit(2 * (seeds - 1), 0.975))
