"""The semidefinite program behind a sum of squares, in floats: solved by clarabel, and what its solution shows to vanish.

Nothing here is exact and nothing here has to be: `gram.py` makes exact what comes out, and the leaf checks it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from olmix.proofs.proving.gram import Equations, triangle


def solve_program(equations: Equations, sizes: Sequence[int], centred: bool) -> tuple[np.ndarray, float] | None:
    """Floats: a solution whose smallest eigenvalue is as large as possible (at most 1), or any (`centred` false).

    Returns the unknowns and that eigenvalue; None where clarabel finds no solution.
    """
    import clarabel
    from scipy import sparse

    count = len(equations.columns)
    place = {x: i for i, x in enumerate(equations.rows)}
    scale = max((abs(float(v)) for v in equations.right.values()), default=1.0)
    rows, columns, values = [], [], []
    for j, column in enumerate(equations.columns):
        for x, value in column.items():
            rows.append(place[x])
            columns.append(j)
            values.append(float(value))
    right = np.zeros(len(place))
    for x, value in equations.right.items():
        right[place[x]] = float(value) / scale
    linear = sparse.csc_matrix((values, (rows, columns)), shape=(len(place), count + 1))
    parts, sides, cones = [linear], [right], [clarabel.ZeroConeT(len(place))]
    for start, size in zip(equations.starts, sizes, strict=True):
        parts.append(_psd_rows(start, size, count))
        sides.append(np.zeros(size * (size + 1) // 2))
        cones.append(clarabel.PSDTriangleConeT(size))
    bound = sparse.csc_matrix(([1.0], ([0], [count])), shape=(1, count + 1))
    parts.append(bound)
    sides.append(np.array([1.0 if centred else 0.0]))
    cones.append(clarabel.NonnegativeConeT(1) if centred else clarabel.ZeroConeT(1))
    cost = np.zeros(count + 1)
    cost[count] = -1.0 if centred else 0.0
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_iter = 100
    settings.max_threads = 1
    solver = clarabel.DefaultSolver(
        sparse.csc_matrix((count + 1, count + 1)), cost, sparse.vstack(parts, format="csc"), np.concatenate(sides), cones,
        settings,
    )  # fmt: skip
    solution = solver.solve()
    if str(solution.status) not in ("Solved", "AlmostSolved", "InsufficientProgress", "MaxIterations"):
        return None
    found = np.array(solution.x)
    return (found[:count] * scale, float(found[count])) if np.isfinite(found).all() else None


def _psd_rows(start: int, size: int, count: int) -> Any:
    """Y - t I in the cone, in clarabel's order (upper triangle, column by column, off the diagonal times sqrt 2)."""
    from scipy import sparse

    at = {pair: start + k for k, pair in enumerate(triangle(size))}
    rows, columns, values = [], [], []
    for last in range(size):
        for first in range(last + 1):
            k = last * (last + 1) // 2 + first
            rows.append(k)
            columns.append(at[first, last])
            values.append(-1.0 if first == last else -math.sqrt(2))
            if first == last:
                rows.append(k)
                columns.append(count)
                values.append(1.0)
    return sparse.csc_matrix((values, (rows, columns)), shape=(size * (size + 1) // 2, count + 1))


def symmetric(x: np.ndarray, start: int, size: int) -> np.ndarray:
    """The symmetric matrix whose upper triangle begins at `start`."""
    out = np.zeros((size, size))
    for k, (i, j) in enumerate(triangle(size)):
        out[i, j] = out[j, i] = x[start + k]
    return out


def rational_span(null: np.ndarray) -> list[list[Fraction]] | None:
    """A rational basis near the span of some columns: solved for the best-conditioned rows, then rounded."""
    from scipy.linalg import qr

    _, _, order = qr(null.T, pivoting=True)
    chosen = sorted(order[: null.shape[1]])
    solved = null @ np.linalg.inv(null[chosen])
    out = []
    for row in solved.T.tolist():
        rounded = [Fraction(float(v)).limit_denominator(60) for v in row]
        if max(abs(float(r) - v) for r, v in zip(rounded, row, strict=True)) > 2e-4:
            return None
        out.append(rounded)
    return out
