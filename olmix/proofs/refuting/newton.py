"""Newton's method with finite differences, for the last digits of a minimum.

Directions of negative curvature are followed downhill. Good to about half of a float's digits, which is enough to recognise
simple fractions; it knows nothing of constraints.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def newton(
    value: Callable[[np.ndarray], np.ndarray],
    cost: Callable[[np.ndarray], np.ndarray],
    point: np.ndarray,
    rounds: int = 12,
    h: float = 1e-4,
) -> np.ndarray:
    """A point (variables,) where `value` is smaller, by steps relative to its non-zero coordinates.

    `value` and `cost` map points (count, variables) to (count,); a step counts only where `cost` falls.
    """
    live = np.flatnonzero(point)
    size = len(live)
    if not size:
        return point
    for _ in range(rounds):
        scale = np.abs(point[live])
        unit = np.eye(size) * h
        pairs = [(i, j) for i in range(size) for j in range(i)]
        offsets = [np.zeros(size), *unit, *(-unit)]
        offsets += [s * unit[i] + t * unit[j] for i, j in pairs for s, t in ((1, 1), (1, -1), (-1, 1), (-1, -1))]
        probes = np.tile(point, (len(offsets), 1))
        probes[:, live] += np.array(offsets) * scale
        f = value(probes)
        if not np.isfinite(f).all():
            return point
        gradient = (f[1 : 1 + size] - f[1 + size : 1 + 2 * size]) / (2 * h)
        hessian = np.diag((f[1 : 1 + size] + f[1 + size : 1 + 2 * size] - 2 * f[0]) / h**2)
        for k, (i, j) in enumerate(pairs):
            a, b, c, d = f[1 + 2 * size + 4 * k : 5 + 2 * size + 4 * k]
            hessian[i, j] = hessian[j, i] = (a - b - c + d) / (4 * h**2)
        values, vectors = np.linalg.eigh(hessian)
        bent = np.where(np.abs(values) > 1e-9 * np.abs(values).max() + 1e-300, np.abs(values), np.inf)
        step = -vectors @ ((vectors.T @ gradient) / bent)
        trials = np.tile(point, (6, 1))
        trials[:, live] += step * scale * 0.5 ** np.arange(6)[:, None]
        best = int(cost(np.concatenate([point[None], trials])).argmin())
        if best == 0:
            break
        point = trials[best - 1]
    return point
