"""Whether renaming the variables makes an assumption true at every point: `b lies between a and c`, `(a - 1)(b - 1) >= 0`.

A cyclic problem has three names for each point, a symmetric one six. What holds under one of them loses nothing. Seen in
floats at many points of the problem: this decides whether a proof is called complete, not whether a relation is true.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from olmix.proofs.refuting.falsify import Budget, feasible_points
from olmix.proofs.statements.expr import STRICT, Relation
from olmix.proofs.statements.numeric import compile_floats
from olmix.proofs.statements.statement import Statement

#: Problems in more variables are not looked at.
_MOST = 4
_SAMPLES = 4000
_ROUNDING = 1e-9


def attained(statement: Statement, assumed: Sequence[Relation]) -> bool:
    """Whether some renaming that leaves the problem as it is satisfies all assumptions, at every point that is tried.

    A strict assumption, or that numbers differ, is harmless only where the claim is not strict and nothing pins points down.
    """
    names = statement.variables
    if not assumed or not 2 <= len(names) <= _MOST or "natural" in statement.domains:
        return False
    pinned = any(c.op == "=" for c in statement.constraints) or statement.claim.op not in ("<=", ">=")
    if pinned and any(r.op in (*STRICT, "!=") for r in assumed):
        return False
    points = _points(statement)
    if len(points) < 60:
        return False
    conditions = compile_floats([r.gap() for r in assumed], names)
    held = np.zeros(len(points), dtype=bool)
    for order in _renamings(statement):
        with np.errstate(all="ignore"):
            gaps = conditions(points[:, order])
        fine = [
            np.abs(g) <= _ROUNDING if r.op == "=" else np.mean(g != 0) > 0.5 if r.op == "!=" else g >= -_ROUNDING
            for r, g in zip(assumed, gaps.T, strict=True)
        ]
        held |= np.all(np.broadcast_arrays(*fine, held)[:-1], axis=0)
    return bool(held.all())


def _points(statement: Statement) -> np.ndarray:
    """Points of the problem, near and far from each other; all of the hypotheses hold there."""
    found = feasible_points(statement, Budget(starts=600, seed=9))
    if any(c.op == "=" for c in statement.constraints):
        return found
    rng = np.random.default_rng(9)
    count = len(statement.variables)
    wide = np.exp(rng.normal(size=(_SAMPLES, count)) * rng.choice([0.02, 0.3, 2.0], size=(_SAMPLES, 1)))
    real = np.array([d == "real" for d in statement.domains])
    wide = np.where(real & (rng.random(wide.shape) < 0.5), -wide, wide)
    if statement.constraints:
        gaps = compile_floats([c.gap() for c in statement.constraints], statement.variables)(wide)
        wide = wide[(gaps > 0).all(axis=1)]
    return np.concatenate([found, wide]) if len(found) else wide


def _renamings(statement: Statement) -> list[list[int]]:
    """The permutations of the variables under which claim and hypotheses stay the same, seen at a few random points."""
    rng = np.random.default_rng(3)
    points = rng.uniform(0.3, 2.0, size=(12, len(statement.variables)))
    points = np.where([d == "real" for d in statement.domains] & (rng.random(points.shape) < 0.3), -points, points)
    claim = compile_floats([statement.claim.gap()], statement.variables)
    gaps = [c.gap() for c in statement.constraints]
    given = compile_floats(gaps, statement.variables) if gaps else None
    out = []
    for order in itertools.permutations(range(len(statement.variables))):
        moved = points[:, list(order)]
        same = [statement.domains[i] for i in order] == list(statement.domains)
        with np.errstate(all="ignore"):
            same = same and np.allclose(claim(points), claim(moved), equal_nan=True, rtol=1e-7)
            if given is not None:
                same = same and np.allclose(np.sort(given(points)), np.sort(given(moved)), equal_nan=True, atol=1e-7)
        if same:
            out.append(list(order))
    return out
