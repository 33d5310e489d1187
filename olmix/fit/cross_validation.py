"""Predictions of runs by laws that have not seen them: repeated K-fold cross-validation.

Every correlation or error that olmix quotes comes from here or from a test set that the user gives. Runs with
the same mixture always share a fold, or a duplicate would tell the law the answer.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from olmix.errors import UserError
from olmix.fit.checks import Index, check_data
from olmix.fit.law import Array, Law

#: Below this many distinct mixtures, a fold would be fitted on next to nothing.
FEWEST_MIXTURES = 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class OutOfSample:
    """Predictions of the same runs by several partitions: `mean[r, n, k]` and `std[r, n, k]` (of a new
    run).
    """

    mean: Array
    std: Array


def partition(w: Array, folds: int, rng: np.random.Generator) -> list[Index]:
    """Row numbers of `folds` parts (fewer if there are fewer distinct mixtures) of nearly equal size.

    Raises:
      UserError: with fewer than 4 distinct mixtures, or fewer than 2 folds.
    """
    _, group = np.unique(w, axis=0, return_inverse=True)
    group = group.reshape(-1)
    count = int(group.max()) + 1
    if count < FEWEST_MIXTURES:
        raise UserError(f"Cross-validation needs at least {FEWEST_MIXTURES} distinct mixtures; there are {count}.")
    if folds < 2:
        raise UserError(f"Cross-validation needs at least 2 folds, not {folds}.")
    fold_of_group = np.empty(count, dtype=np.intp)
    fold_of_group[rng.permutation(count)] = np.arange(count) % min(folds, count)
    fold = fold_of_group[group]
    return [np.flatnonzero(fold == f) for f in range(min(folds, count))]


def cross_validate(
    law: Law, weights: ArrayLike, metrics: ArrayLike, *, folds: int = 5, repeats: int = 3, seed: int = 0
) -> OutOfSample:
    """Predicts every run of `weights[n, m]`, `metrics[n, k]` `repeats` times, each time by a law fitted without its
    fold.
    """
    w, y = check_data(weights, metrics)
    mean = np.empty((repeats, *y.shape))
    std = np.empty((repeats, *y.shape))
    rng = np.random.default_rng(seed)
    for r in range(repeats):
        mean[r], std[r] = law.held_out(w, y, partition(w, folds, rng))
    return OutOfSample(mean=mean, std=std)
