"""Whether what a proof assumes "without loss of generality" loses nothing: an order, a scale, new names for expressions.

Seen in floats at a few points: this decides whether a proof is called complete, not whether a relation is true.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from olmix.errors import UserError
from olmix.proofs.checking.arrangement import attained
from olmix.proofs.checking.links import Context
from olmix.proofs.proving.algebra import Unsupported, build_system, to_fraction
from olmix.proofs.refuting.falsify import Budget, feasible_points
from olmix.proofs.statements.expr import NEGATED, STRICT, ZERO, Expr, Fun, Num, Relation, Var, variables_of
from olmix.proofs.statements.numeric import compile_floats
from olmix.proofs.statements.statement import Statement


def legitimate(statement: Statement, assumed: Sequence[Relation], context: Context) -> bool:
    """Whether all assumptions together lose nothing.

    One order of variables that may be exchanged, one scale for a homogeneous problem, and equations that bring in
    symbols of the proof's own (which then must exist at every point of the problem).
    """
    expanded = [r.map(context.expand) for r in assumed]
    names = set(statement.variables)
    orders = [r for r in expanded if set(r.variables()) <= names and _arranges(r)]
    scales = [r for r in expanded if set(r.variables()) <= names and r not in orders]
    fresh = [r for r in expanded if not set(r.variables()) <= names]
    points = np.random.default_rng(3).uniform(0.3, 2.0, size=(8, len(statement.variables)))
    if len(scales) > 1 or not all(_is_scaling(statement, r, points) for r in scales):
        return False
    plain = all(map(_is_order, orders))
    exchanged = plain and all(_may_exchange(statement, r, points) for r in orders) and not _cyclic(orders)
    extreme = plain and _is_extreme(statement, orders) and _may_shift(statement, points)
    if not exchanged and not extreme and not attained(statement, orders):
        return False
    return not fresh or exist(statement, fresh, context)


def _arranges(relation: Relation) -> bool:
    """Whether an assumption says how the variables stand to each other, or to a number: no scale."""
    return relation.op != "=" or any(
        isinstance(s, Fun) and s.name in ("max", "min") for s in (relation.left, relation.right)
    )


def _is_order(relation: Relation) -> bool:
    return relation.op not in ("=", "!=") and all(isinstance(s, Var) for s in (relation.left, relation.right))


def _is_extreme(statement: Statement, orders: Sequence[Relation]) -> bool:
    """Whether orders say of one variable, and no more, that it is the greatest or the least of all."""
    pairs = [(r.left, r.right) if r.op in (">", ">=") else (r.right, r.left) for r in orders]
    for one, others in ((0, 1), (1, 0)):
        top, rest = {p[one].name for p in pairs}, [p[others].name for p in pairs]  # type: ignore[union-attr]
        if len(top) == 1 and sorted([*top, *rest]) == sorted(statement.variables):
            return not any(r.op in STRICT for r in orders)
    return False


def _may_shift(statement: Statement, points: np.ndarray) -> bool:
    """Whether the problem stays the same when every variable takes the place of the next."""
    shifted = np.roll(points, 1, axis=1)
    claim = compile_floats([statement.claim.gap()], statement.variables)
    values = compile_floats([c.gap() for c in statement.constraints] or [ZERO], statement.variables)
    return len(set(statement.domains)) == 1 and bool(
        np.allclose(claim(points), claim(shifted), equal_nan=True)
        and np.allclose(np.sort(values(points)), np.sort(values(shifted)), equal_nan=True)
    )


def _may_exchange(statement: Statement, relation: Relation, points: np.ndarray) -> bool:
    """Whether the problem stays the same when the two variables of an order are exchanged."""
    if relation.op in STRICT and statement.claim.op in STRICT:
        return False
    i, j = (statement.variables.index(s.name) for s in (relation.left, relation.right))  # type: ignore[union-attr]
    swapped = points.copy()
    swapped[:, [i, j]] = points[:, [j, i]]
    if statement.domains[i] != statement.domains[j]:
        return False
    claim = compile_floats([statement.claim.gap()], statement.variables)
    values = compile_floats([c.gap() for c in statement.constraints] or [ZERO], statement.variables)
    return bool(
        np.allclose(claim(points), claim(swapped), equal_nan=True)
        and np.allclose(np.sort(values(points)), np.sort(values(swapped)), equal_nan=True)
    )


def _cyclic(orders: Sequence[Relation]) -> bool:
    """Whether orders run in a circle: each alone is harmless, together they make variables equal."""
    above: dict[str, set[str]] = {}
    for relation in orders:
        big, small = (relation.left, relation.right) if relation.op in (">", ">=") else (relation.right, relation.left)
        above.setdefault(big.name, set()).add(small.name)  # type: ignore[union-attr]

    def reaches(start: str, goal: str, seen: frozenset[str]) -> bool:
        return any(n == goal or (n not in seen and reaches(n, goal, seen | {n})) for n in above.get(start, ()))

    return any(reaches(name, name, frozenset()) for name in above)


def _is_scaling(statement: Statement, relation: Relation, points: np.ndarray) -> bool:
    """Whether a homogeneous problem may be looked at where some positive homogeneous expression is a positive constant."""
    if relation.op != "=" or any(c.op == "=" for c in statement.constraints):
        return False
    size, fixed = (
        (relation.left, relation.right) if isinstance(relation.right, Num) else (relation.right, relation.left)
    )
    if not isinstance(fixed, Num) or fixed.value <= 0 or any(d not in ("pos", "nonneg") for d in statement.domains):
        return False
    gaps = [size, statement.claim.gap(), *(c.gap() for c in statement.constraints)]
    values = compile_floats(gaps, statement.variables)
    base, once, twice = (values(points * t) for t in (1.0, 2.0, 4.0))
    with np.errstate(all="ignore"):
        first, second = once / base, twice / once
    power = float(first[0, 0])
    steady = np.allclose(first, second, equal_nan=True) and np.allclose(first[:, 0], power)
    return bool(steady and (base[:, 0] > 0).all() and abs(power - 1) > 1e-9)


def exist(statement: Statement, relations: Sequence[Relation], context: Context) -> bool:
    """Whether at points of the problem the proof's own symbols can be chosen such that all relations hold."""
    equations = [Relation(Var(n), "=", context.expand(e)) for n, e in context.substitutions.items()]
    wanted = [*equations, *relations]
    own = tuple(
        v for v in variables_of(*(s for r in wanted for s in (r.left, r.right))) if v not in statement.variables
    )
    kinds = [context.domains.get(n, _kind(statement)) for n in own]
    function = compile_floats([r.gap() for r in wanted], (*statement.variables, *own))
    slack = np.array([r.op != "=" for r in wanted])

    def miss(x: np.ndarray, point: np.ndarray) -> np.ndarray:
        at = np.where([k == "real" for k in kinds], x, np.exp(np.clip(x, -30, 30)))
        gaps = np.nan_to_num(function(np.concatenate([point, at])[None])[0], nan=1e3, posinf=1e3, neginf=-1e3)
        return np.where(slack, np.minimum(gaps, 0.0), gaps)

    return _solvable(miss, _tame(statement)[:6], len(own))


def covers(statement: Statement, old: Mapping[str, Expr], context: Context) -> bool:
    """Whether new variables of a substitution exist for points of the hypotheses."""
    names = variables_of(*old.values())
    if not names or set(names) & set(statement.variables):
        return False
    kinds = [context.domains.get(n, _kind(statement)) for n in names]
    function = compile_floats([old[v] for v in statement.variables], names)

    def miss(x: np.ndarray, point: np.ndarray) -> np.ndarray:
        at = np.where([k == "real" for k in kinds], x, np.exp(np.clip(x, -30, 30)))
        return np.nan_to_num(function(at[None])[0] - point, nan=1e3, posinf=1e3, neginf=-1e3)

    return _solvable(miss, _tame(statement)[:6], len(names))


def exhaustive(statement: Statement, cases: Sequence[Sequence[Relation]], context: Context) -> bool:
    """Whether cases leave out no point of the hypotheses: each way to miss one condition of every case is impossible.

    Conditions are looked at as linear in the monomials that occur in them, which is exact for the orders and bounds that
    people distinguish, and never finds a gap closed that is open.
    """
    if not cases:
        return False
    expanded = [[r.map(context.expand) for r in case] for case in cases]
    if any(r.op in ("=", "!=") for case in expanded for r in case):
        return False
    missed = itertools.product(*([Relation(r.left, NEGATED[r.op], r.right) for r in case] for case in expanded))
    return all(not _possible(statement, relations) for relations in itertools.islice(missed, 200))


def _possible(statement: Statement, relations: Sequence[Relation]) -> bool:
    """Whether inequalities can hold together with the hypotheses, monomials taken as independent (a linear program)."""
    from scipy.optimize import linprog

    signs = [Relation(Var(n), ">" if d == "pos" else ">=", ZERO)
             for n, d in zip(statement.variables, statement.domains, strict=True) if d != "real"]  # fmt: skip
    rows: list[tuple[dict[tuple[int, ...], float], str]] = []
    for relation in (*relations, *(c for c in statement.constraints if c.op != "!="), *signs):
        try:
            system = build_system(Statement(relation, statement.variables, ("real",) * len(statement.variables)))
        except (Unsupported, UserError):
            continue  # One condition less: at worst a gap is seen where there is none.
        if len(system.names) != len(statement.variables) or system.goal_op != (
            "=" if relation.op == "=" else system.goal_op
        ):
            continue
        rows.append(
            ({tuple(map(int, x)): float(to_fraction(c)) for x, c in system.goal.to_dict().items()}, relation.op)
        )
    monomials = sorted({x for row, _ in rows for x in row if any(x)})
    strict = [op in STRICT for _, op in rows]
    # Each strict gap is at least t; possible where t can be positive.
    above = [(row, s) for (row, op), s in zip(rows, strict, strict=True) if op != "="]
    equal = [row for row, op in rows if op == "="]
    constant = (0,) * len(statement.variables)

    def line(row: dict[tuple[int, ...], float]) -> list[float]:
        return [row.get(x, 0.0) for x in monomials]

    result = linprog(
        [*[0.0] * len(monomials), -1.0],
        A_ub=[[-v for v in line(row)] + [1.0 if s else 0.0] for row, s in above] or None,
        b_ub=[row.get(constant, 0.0) for row, _ in above] or None,
        A_eq=[[*line(row), 0.0] for row in equal] or None,
        b_eq=[-row.get(constant, 0.0) for row in equal] or None,
        bounds=[*[(-1e6, 1e6)] * len(monomials), (None, 1.0)],
    )
    if result.status == 2:
        return False
    return not (result.status == 0 and any(strict) and -float(result.fun or 0.0) <= 1e-9)


def _kind(statement: Statement) -> str:
    return "pos" if all(d == "pos" for d in statement.domains) else "real"


def _solvable(miss: Callable[..., np.ndarray], points: np.ndarray, unknowns: int) -> bool:
    """Whether a system has a solution at every point, by least squares from several starts."""
    from scipy.optimize import least_squares

    rng = np.random.default_rng(5)
    for point in points:
        best = np.inf
        for _ in range(6):
            found = least_squares(miss, rng.normal(size=unknowns), kwargs={"point": point})
            best = min(best, float(np.abs(found.fun).max()))
            if best < 1e-7:
                break
        if best > 1e-7:
            return False
    return len(points) > 0


def _tame(statement: Statement, count: int = 160) -> np.ndarray:
    """Feasible points without very large or small coordinates."""
    points = feasible_points(statement, Budget(starts=count, seed=7))
    with np.errstate(all="ignore"):
        return points[(np.abs(np.log(np.abs(points) + 1e-300)) < 3).all(axis=1)]


__all__ = ["covers", "exhaustive", "exist", "legitimate"]
