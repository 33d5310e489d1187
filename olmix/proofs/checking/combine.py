"""Facts that combine to a relation: with non-negative weights (any weights for equations), or as a product of powers.

The weights are found by least squares in floats, made rational, and what they give is confirmed exactly.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
from scipy.optimize import nnls

from olmix.errors import UserError
from olmix.proofs.checking.facts import Fact
from olmix.proofs.checking.forms import kinds_of, spread_roots, upward, visibly_nonneg
from olmix.proofs.proving.algebra import Unsupported, build_system, known_sign
from olmix.proofs.proving.certificate import check_certificate
from olmix.proofs.proving.cones import ConeBudget
from olmix.proofs.proving.strategy import Work, find_certificate
from olmix.proofs.refuting.falsify import Budget, feasible_points
from olmix.proofs.statements.expr import Expr, Relation, add, mul, num, power, sub, walk
from olmix.proofs.statements.numeric import compile_floats
from olmix.proofs.statements.statement import Statement


def is_zero(expr: Expr, statement: Statement) -> bool:
    """Whether an expression vanishes wherever the hypotheses hold, by a certificate."""
    return confirmed(statement.with_claim(Relation(expr, "=", num(0))))


def confirmed(statement: Statement) -> bool:
    """Whether a certificate is found quickly, and checked exactly."""
    try:
        certificate = find_certificate(build_system(statement), Work(nodes=10, cones=ConeBudget(4000)))
    except (Unsupported, UserError):
        return False
    return certificate is not None and check_certificate(statement, certificate) is None


@functools.lru_cache(maxsize=256)
def _points(statement: Statement, count: int = 160) -> np.ndarray:
    points = feasible_points(statement, Budget(starts=count, seed=7))
    with np.errstate(all="ignore"):
        tame = (np.abs(np.log(np.abs(points) + 1e-300)) < 3).all(axis=1)
    if 0 < tame.sum() < 20 and count < 640:
        return _points(statement, 4 * count)
    return points[tame]


def combination(target: Fact, facts: list[Fact]) -> list[Fact] | None:
    """Facts whose gaps, with non-negative weights (any weights for equations), add up to the target's gap."""
    return _fit(
        target,
        facts,
        lambda r: r.gap(),
        lambda weights, gaps: add(*(mul(num(w), g) for w, g in zip(weights, gaps, strict=True))),
    )


def product(target: Fact, facts: list[Fact]) -> list[Fact] | None:
    """Facts that multiply to the target: the quotient of its sides is a product of powers of their quotients."""

    def ratio(relation: Relation) -> Expr:
        big, small = (
            (relation.left, relation.right) if relation.op in (">=", ">", "=") else (relation.right, relation.left)
        )
        return mul(big, power(small, -1))

    # The greater side is positive where the smaller one is: for the target, because it is a product of such.
    positive = [f for f in facts if f.relation.op != "=" and _positive_below(f)]
    if not _positive_below(target):
        return None
    return _fit(
        target,
        positive,
        ratio,
        lambda weights, ratios: mul(*(power(r, w) for w, r in zip(weights, ratios, strict=True))),
        logs=True,
    )


def _positive_below(fact: Fact) -> bool:
    domains = kinds_of(fact.statement)
    if any(d in ("nonneg", "real") for d in domains.values()):
        return False
    return _positive(upward(fact.relation).right, fact.statement, domains)


def _positive(side: Expr, statement: Statement, domains: dict[str, str]) -> bool:
    if visibly_nonneg(side, domains):
        return side != num(0)
    try:
        system = build_system(dataclasses.replace(statement, claim=Relation(side, ">", num(0)), constraints=()))
    except (Unsupported, UserError):
        return False
    return not system.unknown_factors and known_sign(system.goal, system.signs) == "pos"


def _fit(
    target: Fact,
    facts: list[Fact],
    value_of: Callable[[Relation], Expr],
    build: Callable[[Sequence[Fraction], Sequence[Expr]], Expr],
    logs: bool = False,
) -> list[Fact] | None:
    """Non-negative weights by least squares on points, made rational, and confirmed exactly."""
    names = target.statement.variables
    same = [f for f in facts if {*f.statement.variables, *f.relation.variables()} <= set(names)]
    if not same or len(same) > 200:
        return None
    points = _points(target.statement)
    if len(points) < 12:
        return None
    wanted = value_of(target.relation)
    parts = [value_of(f.relation) for f in same]
    sides = [target.relation.left, target.relation.right]
    values = compile_floats([wanted, *parts, *sides], names)(points)
    with np.errstate(all="ignore"):
        # Where gaps vanish only rounding is left: rows are scaled by the sides, not by the gaps.
        size = np.ones((len(values), 1)) if logs else np.abs(values[:, -2:]).max(axis=1, keepdims=True)
        rows = (np.log(values[:, :-2]) if logs else values[:, :-2]) / size
    rows = rows[np.isfinite(rows).all(axis=1)]
    if len(rows) < 12:
        return None
    columns, signs, owner = [], [], []
    for i, fact in enumerate(same):
        if np.abs(rows[:, 1 + i]).max() < 1e-12:
            continue  # It says nothing: `L - R = L - R`, `0 >= 0`.
        for sign in (1, -1) if fact.relation.op == "=" else (1,):
            columns.append(sign * rows[:, 1 + i])
            signs.append(sign)
            owner.append(i)
    if not columns:
        return None
    try:
        weights, residual = nnls(np.array(columns).T, rows[:, 0])
    except RuntimeError:
        return None
    if residual > 1e-8 * np.sqrt(len(rows)):
        return None
    exact: dict[int, Fraction] = {}
    for weight, sign, i in zip(weights, signs, owner, strict=True):
        if weight > 1e-9:
            exact[i] = exact.get(i, Fraction(0)) + sign * Fraction(weight).limit_denominator(720)
    exact = {i: w for i, w in exact.items() if w}
    if not exact:
        return None
    built = build(list(exact.values()), [parts[i] for i in exact])
    domains = kinds_of(target.statement)
    rest = spread_roots(sub(wanted, built), domains)
    if sum(1 for _ in walk(built)) > 4000 or not is_zero(rest, target.statement):
        return None
    return [same[i] for i in exact]
