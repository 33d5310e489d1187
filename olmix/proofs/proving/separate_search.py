"""Which multipliers make a claim fall apart into claims in one variable: Lagrange's, where the claim is tightest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from olmix.proofs.proving.separate import Certificate, Problem, combined, left_over, read_problem, single_claims
from olmix.proofs.proving.tasks import RuleError
from olmix.proofs.statements.expr import ZERO, Expr
from olmix.proofs.statements.numeric import Undefined, compile_floats, exact_value
from olmix.proofs.statements.statement import Statement

_DENOMINATORS = (12, 60, 1000)


def find_separate(
    statement: Statement,
    near: Mapping[str, float],
    prove: Callable[[Statement], Certificate | None],
) -> dict[str, Any] | None:
    """A certificate `{"separate": ...}`, or None. `near`: where the claim is tightest; `prove`: for claims in one variable."""
    try:
        problem = read_problem(statement)
    except RuleError:
        return None
    if set(near) != set(statement.variables):
        return None
    slopes = _multipliers(problem, near)
    if slopes is None:
        return None
    tried = set()
    for denominator in _DENOMINATORS:
        at = {name: Fraction(value).limit_denominator(denominator) for name, value in near.items()}
        multipliers = tuple(Fraction(m).limit_denominator(denominator) for m in slopes)
        if (
            any(abs(float(at[n]) - near[n]) > 1e-3 * (1 + abs(near[n])) for n in at)
            or (multipliers, *at.values()) in tried
        ):
            continue
        tried.add((multipliers, *at.values()))
        params = _attempt(statement, problem, multipliers, at, prove)
        if params is not None:
            return {"separate": params}
    return None


def _attempt(
    statement: Statement,
    problem: Problem,
    multipliers: Sequence[Fraction],
    at: Mapping[str, Fraction],
    prove: Callable[[Statement], Certificate | None],
) -> dict[str, Any] | None:
    if any(m < 0 and not equal for m, (_, equal) in zip(multipliers, problem.constraints, strict=True)):
        return None
    bounds = {}
    for name in statement.variables:
        try:
            exact = exact_value(combined(problem, multipliers, name), {name: at[name]})
        except Undefined:
            return None
        if exact is None:
            return None
        bounds[name] = exact
    rest = left_over(problem, multipliers, bounds)
    if rest < 0:
        return None
    if statement.claim.op in (">", "<"):
        # What is left over makes room for claims with >.
        bounds = {name: bound - rest / len(bounds) for name, bound in bounds.items()}
    certificates: list[Certificate] = []
    done: dict[Statement, Certificate] = {}
    try:
        claims = single_claims(statement, problem, multipliers, bounds)
    except RuleError:
        return None
    if not claims:
        return None
    for claim in claims:
        found = done[claim] if claim in done else prove(claim)
        if found is None:
            return None
        done[claim] = found
        certificates.append(found)
    return {
        "multipliers": [str(m) for m in multipliers],
        "bounds": {name: str(bound) for name, bound in bounds.items()},
        "claims": certificates,
    }


def _multipliers(problem: Problem, near: Mapping[str, float]) -> list[float] | None:
    """Lagrange's: the slope of every part of the claim is that of the constraints' parts, times these (least squares)."""
    if not problem.constraints:
        return []
    names = list(near)
    left = [_slope(problem.claim.parts.get(n, ZERO), n, near[n]) for n in names]
    right = [[_slope(c.parts.get(n, ZERO), n, near[n]) for c, _ in problem.constraints] for n in names]
    if not (np.isfinite(left).all() and np.isfinite(right).all()):
        return None
    return [float(m) for m in np.linalg.lstsq(np.array(right), np.array(left), rcond=None)[0]]


def _slope(part: Expr, name: str, at: float) -> float:
    if part == ZERO:
        return 0.0
    step = 1e-4 * max(abs(at), 1e-3)
    low, high = compile_floats([part], (name,))(np.array([[at - step], [at + step]]))[:, 0]
    return float(high - low) / (2 * step)
