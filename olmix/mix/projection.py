"""Projections onto the feasible set.

With leaf limits alone both projections have the form w(t) = clip(z - t or z * t, lower, upper) with one unknown t, and
sum w(t) is piecewise linear in t: sort the kinks, find the piece that reaches 1, solve it. Group limits go through the
interior-point method, with its certificate checked.
"""

from __future__ import annotations

import numpy as np

from olmix.errors import UserError
from olmix.mix import interior
from olmix.mix.arrays import Array
from olmix.mix.interior import StandardForm

#: `lower[n], upper[n], rows[m, n], row_lower[m], row_upper[m]`, as in `FeasibleSet.arrays`.
Arrays = tuple[Array, Array, Array, Array, Array]


def euclidean(point: Array, lower: Array, upper: Array, form: StandardForm | None) -> Array:
    """argmin ||w - point||^2 over the set; shape [n]. `form` is the set's where it has group limits, else None."""
    if form is None:
        return _by_kinks(point, np.ones_like(point), lower, upper)
    eye = np.eye(len(point))[None]

    def distance(w: Array) -> tuple[Array, Array, Array]:
        away = w - point
        return 0.5 * (away**2).sum(1), away, eye

    return _solved(interior.minimise(distance, form, tolerance=1e-15))


def kullback_leibler(point: Array, limits: Arrays, form: StandardForm | None) -> Array:
    """argmin sum w log(w / point) over the set; shape [n]. Leaves where `point` is 0 stay at their lower limit.

    `form` is the set's where it has group limits, else None.
    """
    if not (np.all(point >= 0) and point.sum() > 0 and np.all(np.isfinite(point))):
        raise UserError("A KL projection needs a point with finite, non-negative weights that are not all 0.")
    lower, upper, *rows = limits
    known = point > 0
    upper = np.where(known, upper, lower)
    if upper.sum() < 1 - 1e-12:
        raise UserError(
            f"Leaves with a prior of 0 cannot be used, and the caps of the others sum to {upper.sum():.4g}, less than 1."
        )
    if form is None:
        return _by_kinks(np.zeros_like(point), np.where(known, point, 0.0), lower, upper)
    inside = form
    if np.any(upper < limits[1]):
        inside = interior.standard_form(lower, upper, *rows, inner=interior.inner_point(lower, upper, *rows))
    safe = np.where(known, point, 1.0)
    diagonal = np.arange(len(point))

    def divergence(w: Array) -> tuple[Array, Array, Array]:
        positive = np.maximum(w, 1e-300)
        ratio = np.where(known & (w > 0), np.log(positive / safe), 0.0)
        hessian = np.zeros((len(w), len(point), len(point)))
        hessian[:, diagonal, diagonal] = 1 / positive
        return (w * ratio).sum(1), ratio + 1, hessian

    return _solved(interior.minimise(divergence, inside, tolerance=1e-15))


def _solved(solution: interior.Solution) -> Array:
    if solution.gap[0] > 1e-9:
        raise RuntimeError(f"A projection ended with a duality gap of {solution.gap[0]:.2e} instead of 0.")
    return solution.w[0]


def _by_kinks(base: Array, slope: Array, lower: Array, upper: Array) -> Array:
    """clip(base + t * slope, lower, upper) with t such that it sums to 1; slopes are non-negative."""
    moving = slope > 0
    b, s, low, high = base[moving], slope[moving], lower[moving], upper[moving]
    rest = lower[~moving].sum()
    with np.errstate(over="ignore"):
        kinks = np.unique(np.concatenate([(low - b) / s, (high - b) / s]))
    kinks = kinks[np.isfinite(kinks)]
    sums = np.clip(b + kinks[:, None] * s, low, high).sum(1) + rest
    piece = int(np.clip(np.searchsorted(sums, 1.0), 1, len(kinks) - 1)) if len(kinks) > 1 else 0
    w = lower.copy()
    if piece == 0:
        w[moving] = np.clip(b + kinks[0] * s, low, high)
        return w
    middle = b + 0.5 * (kinks[piece - 1] + kinks[piece]) * s
    free = (middle > low) & (middle < high)
    fixed = np.where(middle <= low, low, high)
    t = kinks[piece]
    if free.any():
        t = (1 - rest - fixed[~free].sum() - b[free].sum()) / s[free].sum()
        t = min(max(t, kinks[piece - 1]), kinks[piece])
    w[moving] = np.where(free, np.clip(b + t * s, low, high), fixed)
    return w
