"""Several variables pinned by as many equations: existence of a solution, shown in ball arithmetic.

Krawczyk's test (1969): with m the middle of a box X and Y near the inverse Jacobian, if m - Y f(m) + (I - Y J(X)) (X - m) lies
inside X, then X holds exactly one zero of f. Values and derivatives come from one pass of automatic differentiation over
balls; absolute values, maxima and minima are not differentiated, and make the test fail.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from olmix.proofs.statements.expr import Add, Expr, Mul, Num, Pow, Relation, Var, num, substitute
from olmix.proofs.statements.numeric import compile_floats, to_ball

Box = tuple[tuple[str, Fraction, Fraction], ...]


def has_solution(equations: Sequence[Relation], point: Mapping[str, Fraction], box: Box) -> bool:
    """Whether the equations certainly have a common solution with the other variables at `point` and these in their box."""
    import flint

    names = [name for name, _, _ in box]
    if len(names) != len(equations) or len(set(names)) != len(names):
        return False
    others = {v: num(x) for v, x in point.items()}
    gaps = [substitute(e.gap(), others) for e in equations]
    with flint.ctx.workprec(256):
        middle = {name: to_ball((low + high) / 2) for name, low, high in box}
        whole = {name: to_ball(low).union(to_ball(high)) for name, low, high in box}
        try:
            jacobian = [_dual(g, whole, names) for g in gaps]
            at = [_dual(g, middle, names)[0] for g in gaps]
            inverse = np.linalg.inv([[float(d.mid()) for d in row] for _, row in jacobian])
        except (ValueError, np.linalg.LinAlgError):
            return False
        if not np.isfinite(inverse).all():
            return False
        y = [[to_ball(Fraction(float(v))) for v in row] for row in inverse]
        for i, (name, low, high) in enumerate(box):
            image = middle[name]
            for j in range(len(names)):
                image -= y[i][j] * at[j]
            for k, other in enumerate(names):
                entry = flint.arb(int(i == k))
                for j in range(len(names)):
                    entry -= y[i][j] * jacobian[j][1][k]
                image += entry * (whole[other] - middle[other])
            if not (image.is_finite() and image > to_ball(low) and image < to_ball(high)):
                return False
    return True


def _dual(expr: Expr, point: Mapping[str, Any], names: Sequence[str]) -> tuple[Any, list[Any]]:
    """Value and gradient over balls; raises ValueError where there is none."""
    import flint

    zero = flint.arb(0)
    if isinstance(expr, Num):
        return to_ball(expr.value), [zero] * len(names)
    if isinstance(expr, Var):
        return point[expr.name], [flint.arb(int(expr.name == n)) for n in names]
    if isinstance(expr, Add):
        parts = [_dual(term, point, names) for term in expr.terms]
        return sum((v for v, _ in parts), zero), [sum((d[k] for _, d in parts), zero) for k in range(len(names))]
    if isinstance(expr, Mul):
        value, slopes = flint.arb(1), [zero] * len(names)
        for factor in expr.factors:
            v, d = _dual(factor, point, names)
            slopes = [s * v + value * e for s, e in zip(slopes, d, strict=True)]
            value = value * v
        return value, slopes
    if isinstance(expr, Pow) and isinstance(expr.exponent, Num):
        base, d = _dual(expr.base, point, names)
        p, q = expr.exponent.value.numerator, expr.exponent.value.denominator
        if q > 1 and not base > 0:
            raise ValueError("a root of what may not be positive")
        rooted = base.root(q) if q > 1 else base
        value = rooted**p
        slope = to_ball(expr.exponent.value) * (value / base if q > 1 else rooted ** (p - 1))
        return value, [slope * e for e in d]
    raise ValueError("no derivative")


def solve_near(
    equations: Sequence[Relation], point: Mapping[str, Fraction], names: Sequence[str], floats: Mapping[str, float]
) -> Box | None:
    """A small box around a floating-point solution in `names`, the others at `point`; None where Newton finds none."""
    others = {v: num(x) for v, x in point.items() if v not in names}
    function = compile_floats([substitute(e.gap(), others) for e in equations], tuple(names))
    at = np.array([floats[n] for n in names], dtype=float)
    size = len(names)
    for _ in range(30):
        step = 1e-7 * np.maximum(np.abs(at), 1e-9)
        probes = np.concatenate([at[None], at + np.diag(step), at - np.diag(step)])
        values = function(probes)
        if not np.isfinite(values).all():
            return None
        jacobian = ((values[1 : 1 + size] - values[1 + size :]) / (2 * step)[:, None]).T
        try:
            move = np.linalg.solve(jacobian, values[0])
        except np.linalg.LinAlgError:
            return None
        at = at - move
        if not np.isfinite(at).all():
            return None
        if (np.abs(move) <= 1e-14 * np.maximum(np.abs(at), 1e-9)).all():
            break
    if any(abs(x - floats[n]) > 0.05 * abs(floats[n]) + 1e-6 for x, n in zip(at, names, strict=True)):
        return None
    box = []
    for n, x in zip(names, at, strict=True):
        centre, width = Fraction(float(x)), Fraction(max(abs(float(x)), 1e-6)) / 10**9
        box.append((n, centre - width, centre + width))
    return tuple(box)


def float_root(gap: Expr, name: str, others: Mapping[str, Fraction], near: float) -> float | None:
    """A root of `gap` in one variable near a float, the others fixed; None where no sign change is near."""
    function = compile_floats([substitute(gap, {v: num(x) for v, x in others.items()})], (name,))

    def at(x: np.ndarray) -> np.ndarray:
        return function(x[:, None])[:, 0]

    width = 1e-7
    while width < 1e-1:
        grid = near * (1 + np.linspace(-width, width, 41)) if near else np.linspace(-width, width, 41)
        values = at(grid)
        change = np.flatnonzero(np.sign(values[:-1]) * np.sign(values[1:]) < 0)
        if len(change):
            low, high = grid[change[0]], grid[change[0] + 1]
            sign = np.sign(at(np.array([low])))[0]
            for _ in range(80):
                middle = (low + high) / 2
                if np.sign(at(np.array([middle])))[0] == sign:
                    low = middle
                else:
                    high = middle
            return float((low + high) / 2)
        width *= 8
    return None


__all__ = ["Box", "float_root", "has_solution", "solve_near"]
