"""Linear programs, by scipy's HiGHS; one place for how they are called and how they may end."""

from __future__ import annotations

from typing import Any

import numpy as np

from olmix.mix.arrays import Array


def minimiser(
    cost: Array,
    matrix: Array,
    most: Array,
    *,
    equal: tuple[Array, Array] | None = None,
    bounds: Any = (0, None),
) -> Array | None:
    """A vertex that minimises `cost @ x` over `matrix @ x <= most`, `equal[0] @ x = equal[1]` and `bounds` (as scipy's).

    None if no x satisfies them. Anything else that goes wrong is a RuntimeError.
    """
    from scipy.optimize import linprog

    kept: Any = np.isfinite(most)
    call: Any = linprog
    solution = call(
        cost,
        A_ub=matrix[kept],
        b_ub=most[kept],
        A_eq=equal[0] if equal else None,
        b_eq=equal[1] if equal else None,
        bounds=bounds,
        method="highs-ds",
    )
    if solution.status == 2:
        return None
    if solution.x is None:
        raise RuntimeError(f"A linear program of {len(cost)} variables ended with: {solution.message}")
    return np.asarray(solution.x, dtype=float)
