"""What every law asks of its data, and the named warnings about what the data cannot support."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from olmix.errors import UserError

#: Arrays are float64 at run time; numpy's stubs cannot keep that promise through linalg.
Array = NDArray[np.floating]
Index = NDArray[np.signedinteger]

#: How far the weights of a run may be from summing to 1.
SUM_TOLERANCE = 1e-2


def check_data(weights: ArrayLike, metrics: ArrayLike) -> tuple[Array, Array]:
    """`weights[n, m]` and `metrics[n, k]` as float64, or a UserError that says what is wrong with them."""
    w = np.asarray(weights, dtype=np.float64)
    y = np.asarray(metrics, dtype=np.float64)
    y = y[:, None] if y.ndim == 1 else y
    if w.ndim != 2 or y.ndim != 2 or w.shape[0] != y.shape[0] or 0 in w.shape or 0 in y.shape:
        shapes = f"{list(w.shape)} and {list(y.shape)}"
        raise UserError(f"weights must be [runs, leaves] and metrics [runs, metrics]; they are {shapes}.")
    if w.shape[0] < 2:
        raise UserError("A law needs at least two runs; there is one.")
    for name, array in (("weights", w), ("metrics", y)):
        bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
        if bad.size:
            raise UserError(f"{name} must be finite; rows {_few(bad)} are not.")
    bad = np.flatnonzero((w < 0).any(axis=1) | (np.abs(w.sum(axis=1) - 1) > SUM_TOLERANCE))
    if bad.size:
        raise UserError(f"Every row of weights must be non-negative and sum to 1; rows {_few(bad)} do not.")
    return w, y


def data_warnings(w: Array, y: Array) -> tuple[str, ...]:
    """What this data cannot support, whatever the law: `name: explanation`, by column and row numbers.

    Names: `never-varied-leaf`, `fewer-runs-than-leaves`, `rank-deficient-design`, `duplicate-rows`,
      `constant-metric`.
    """
    found = []
    still = np.flatnonzero(np.ptp(w, axis=0) <= 1e-12)
    if still.size:
        found.append(f"never-varied-leaf: columns {_few(still)} of weights are constant, so their effect is a guess")
    distinct = np.unique(w, axis=0)
    if distinct.shape[0] <= w.shape[1]:
        found.append(f"fewer-runs-than-leaves: {distinct.shape[0]} distinct mixtures for {w.shape[1]} leaves")
    else:
        rank = int(np.linalg.matrix_rank(w - w.mean(axis=0), tol=1e-9 * np.sqrt(w.shape[0])))
        if rank < w.shape[1] - 1:
            found.append(f"rank-deficient-design: the mixtures vary in {rank} of {w.shape[1] - 1} directions")
    if distinct.shape[0] < w.shape[0]:
        found.append(f"duplicate-rows: {w.shape[0] - distinct.shape[0]} of {w.shape[0]} mixtures repeat another one")
    flat = np.flatnonzero(np.ptp(y, axis=0) <= 1e-12 * np.maximum(np.abs(y).max(axis=0), 1e-300))
    if flat.size:
        found.append(f"constant-metric: metrics {_few(flat)} do not vary; their prediction is that constant")
    return tuple(found)


def by_name(warning: str, leaves: Sequence[str], metrics: Sequence[str]) -> str:
    """A law's warning, which knows columns and metrics by number only, with their names."""

    def named(found: re.Match[str]) -> str:
        names = leaves if found[1] == "columns" else metrics
        return f"{found[1]} {', '.join(names[int(number)] for number in found[2].split(', '))}"

    return re.sub(r"\b(columns|metrics) \[?(\d+(?:, \d+)*)\]?", named, warning)


def check_sample_weight(sample_weight: ArrayLike | None, n: int) -> Array:
    """`sample_weight[n]` as float64, all 1 for None, or a UserError."""
    if sample_weight is None:
        return np.ones(n)
    omega = np.asarray(sample_weight, dtype=np.float64)
    if omega.shape != (n,) or not np.all(np.isfinite(omega)) or np.any(omega < 0) or np.count_nonzero(omega) < 2:
        wanted = f"[{n}], finite and non-negative, with at least two entries above 0"
        raise UserError(f"sample_weight must be {wanted}; its shape is {list(omega.shape)}.")
    return omega


def _few(indices: NDArray[np.int64], most: int = 8) -> str:
    shown = ", ".join(str(i) for i in indices[:most])
    return shown if len(indices) <= most else f"{shown}, ... ({len(indices)} in all)"
