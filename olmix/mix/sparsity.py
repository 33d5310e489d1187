"""Minimum weights: which leaves a mixture leaves out, so that those it uses weigh at least so much.

"Zero or at least m" is not convex. A mixture is sparsified in two exact moves: choose the leaves to keep (those at
or above m, plus the next largest while the rest cannot fill the mixture), then go on with ordinary lower limits.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from olmix.errors import UserError
from olmix.mix.arrays import Array
from olmix.mix.feasible import FeasibleSet
from olmix.mix.interior import FIXED

#: Supports whose inner points are kept while mixtures are made sparse: many mixtures share one, and it takes two linear programs.
REMEMBERED = 1024


def supports(feasible: FeasibleSet, weights: Array, minimum: float) -> tuple[Array, Array, Array]:
    """Leaf limits `lower`, `upper` [k, n] for the support of each mixture [k, n], and a feasible mixture in each.

    Leaves with a lower limit above 0 are always kept.
    """
    lower, upper, rows, _, _ = feasible.arrays
    if not 0 <= minimum < 1:
        raise UserError(f"minimum_weight is {minimum}; it must lie between 0 and 1.")
    required = lower > 0
    possible = required | (upper >= minimum)
    floor = np.maximum(lower, np.minimum(minimum, upper))
    if upper[possible].sum() < 1 - FIXED:
        raise UserError(
            f"With minimum_weight = {minimum:g} only {int(possible.sum())} leaves have a cap that large, and their caps sum"
            f" to {upper[possible].sum():.4g}, less than 1; lower minimum_weight."
        )
    if floor[required].sum() > 1 + FIXED:
        raise UserError(f"The required leaves at minimum_weight = {minimum:g} each sum to more than 1; lower it.")
    # Rank: required leaves first, then by weight; keep a prefix of that order, per mixture.
    order = np.argsort(-(weights + 2.0 * required - 2.0 * ~possible), axis=1, kind="stable")
    caps = np.cumsum(upper[order] * possible[order], axis=1)
    wanted = np.take_along_axis((weights >= minimum) | required, order, axis=1) & possible[order]
    keep = wanted | (np.concatenate([np.zeros((len(weights), 1)), caps[:, :-1]], axis=1) < 1 - FIXED)
    keep &= possible[order] & (np.cumsum(floor[order] * possible[order], axis=1) <= 1 + FIXED)
    kept = np.zeros_like(keep)
    np.put_along_axis(kept, order, keep, axis=1)
    if len(rows):
        return _with_rows(feasible, weights, kept, order, possible, floor)
    low, high = np.where(kept, floor, 0.0), np.where(kept, upper, 0.0)
    if np.any(high.sum(1) < 1 - 1e-9):
        raise UserError(
            f"No choice of leaves found that weigh at least minimum_weight = {minimum:g} and fill the mixture; lower it."
        )
    width = high - low
    center = low + width * np.clip((1 - low.sum(1)) / np.maximum(width.sum(1), FIXED), 0.0, 1.0)[:, None]
    wish = np.where(kept, weights, 0.0)
    wish /= wish.sum(1, keepdims=True)
    return low, high, toward(center, wish, low, high)


def toward(center: Array, wish: Array, lower: Array, upper: Array) -> Array:
    """The last point within the limits on the way from each `center` to each `wish`, [k, n]."""
    step = wish - center
    with np.errstate(divide="ignore", invalid="ignore"):
        up = np.where(step > 0, np.maximum(upper - center, 0.0) / step, np.inf)
        down = np.where(step < 0, np.minimum(lower - center, 0.0) / step, np.inf)
    length = np.minimum(1.0, np.minimum(up, down).min(1))
    return np.clip(center + length[:, None] * step, lower, upper)


def _with_rows(
    feasible: FeasibleSet, weights: Array, kept: np.ndarray, order: np.ndarray, possible: np.ndarray, floor: Array
) -> tuple[Array, Array, Array]:
    """The same under group limits: one projection per mixture, and more leaves while the support is too small."""

    @functools.lru_cache(maxsize=REMEMBERED)
    def keeping(leaves: tuple[bool, ...]) -> FeasibleSet:
        keep = np.array(leaves)
        low, high = np.where(keep, floor, 0.0), np.where(keep, upper, 0.0)
        return dataclasses.replace(feasible, lower=tuple(low.tolist()), upper=tuple(high.tolist()))

    low, high, start = np.zeros_like(weights), np.zeros_like(weights), np.zeros_like(weights)
    upper = np.array(feasible.upper)
    for row in range(len(weights)):
        keep = kept[row].astype(bool)
        for extra in [None, *order[row]]:
            if extra is not None:
                if keep[extra] or not possible[extra]:
                    continue
                keep[extra] = True
            inside = keeping(tuple(keep.tolist()))
            low[row], high[row] = inside.arrays[:2]
            if low[row].sum() <= 1 and inside.is_feasible:
                wish = np.where(keep, np.maximum(weights[row], 1e-6), 0.0)
                start[row] = inside.project_kl(wish / wish.sum())
                break
        else:
            raise UserError(
                "Under the group limits no choice of leaves that weigh at least minimum_weight was found; lower it."
            )
    return low, high, start
