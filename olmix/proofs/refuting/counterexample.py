"""Counterexamples and their exact confirmation.

A counterexample gives every variable a rational value, except that one variable may be pinned by an equality
constraint: then it is known to lie in a rational interval at whose ends the constraint has opposite signs, so
that by the intermediate value theorem a root lies inside, and everything else is shown for the whole interval
in ball arithmetic. Several variables may be pinned by as many equations, in a box that holds a solution (`pinned.py`).
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from olmix.proofs.refuting.pinned import Box, float_root, has_solution, solve_near
from olmix.proofs.statements.expr import Relation, num
from olmix.proofs.statements.numeric import Undefined, ball_value, exact_value, holds_at, sign_at, to_ball
from olmix.proofs.statements.statement import Statement


@dataclasses.dataclass(frozen=True)
class Counterexample:
    """A point where the hypotheses hold and the claim fails; `interval` is (name, low, high) of a pinned
    variable, `box` several of them.
    """

    values: tuple[tuple[str, Fraction], ...]
    interval: tuple[str, Fraction, Fraction] | None = None
    left: str = ""
    right: str = ""
    box: Box = ()

    def describe(self) -> str:
        """One line for people: the point, and both sides there."""
        parts = [f"{name} = {_short(value)}" for name, value in self.values]
        for name, low, high in self.box or ((self.interval,) if self.interval else ()):
            parts.append(f"{name} = {float((low + high) / 2):.10g} (the root between {_short(low)} and {_short(high)})")
        return f"{', '.join(parts) or 'these numbers'}: left {self.left}, right {self.right}"

    def to_json(self) -> dict[str, object]:
        """Plain data; fractions as text."""
        out: dict[str, object] = {"values": {name: str(value) for name, value in self.values}}
        if self.interval:
            out["interval"] = [self.interval[0], str(self.interval[1]), str(self.interval[2])]
        if self.box:
            out["box"] = [[name, str(low), str(high)] for name, low, high in self.box]
        return {**out, "left": self.left, "right": self.right}


def _short(value: Fraction) -> str:
    text = str(value)
    return text if len(text) <= 24 else f"{float(value):.12g} (exact value recorded)"


def confirm(statement: Statement, found: Counterexample) -> bool:
    """Whether the point certainly satisfies every hypothesis and certainly violates the claim. Exact; no
    search.
    """
    if found.box:
        return found.interval is None and _confirm_box(statement, found)
    point: dict[str, Any] = dict(found.values)
    pinned: str | None = None
    if found.interval:
        pinned, low, high = found.interval
        if not low < high:
            return False
    if set(point) | ({pinned} if pinned else set()) != set(statement.variables):
        return False
    for name, domain in zip(statement.variables, statement.domains, strict=True):
        value = found.interval[1] if found.interval and name == pinned else point[name]
        if (domain == "pos" and value <= 0) or (domain == "nonneg" and value < 0):
            return False
        if domain == "natural" and (name == pinned or value < 1 or value.denominator != 1):
            return False
    try:
        if found.interval is None:
            return all(holds_at(c, point) is True for c in statement.constraints) and (
                holds_at(statement.claim, point) is False
            )
        return _confirm_pinned(statement, point, found.interval)
    except Undefined:
        return False


def _confirm_box(statement: Statement, found: Counterexample) -> bool:
    import flint

    point = dict(found.values)
    ends = {name: (low, high) for name, low, high in found.box}
    if set(point) & set(ends) or set(point) | set(ends) != set(statement.variables):
        return False
    for name, domain in zip(statement.variables, statement.domains, strict=True):
        low, high = ends.get(name, (point.get(name),) * 2)
        if low is None or high is None or (name in ends and not low < high):
            return False
        if (domain == "pos" and low <= 0) or (domain == "nonneg" and low < 0) or (domain == "natural" and name in ends):
            return False
        if domain == "natural" and (low < 1 or low.denominator != 1):
            return False
    equations = [c for c in statement.constraints if c.op == "=" and set(c.variables()) & set(ends)]
    with flint.ctx.workprec(512):
        whole: dict[str, Any] = {**point, **{n: to_ball(low).union(to_ball(high)) for n, (low, high) in ends.items()}}
    try:
        rest = [c for c in statement.constraints if c not in equations]
        if not all(holds_at(c, whole) is True for c in rest) or holds_at(statement.claim, whole) is not False:
            return False
    except Undefined:
        return False
    return has_solution(equations, point, found.box)


def _confirm_pinned(statement: Statement, point: dict[str, Any], interval: tuple[str, Fraction, Fraction]) -> bool:
    import flint

    name, low, high = interval
    with flint.ctx.workprec(512):
        whole = {**point, name: to_ball(low).union(to_ball(high))}
    crossed = False
    for constraint in statement.constraints:
        if constraint.op == "=" and name in constraint.variables():
            if crossed:
                return False  # One interval can serve one equation only.
            gap = constraint.gap()
            signs = [sign_at(gap, {**point, name: end}) for end in (low, high)]
            with flint.ctx.workprec(256):
                continuous = ball_value(gap, whole).is_finite()
            if None in signs or signs[0] * signs[1] >= 0 or not continuous:  # type: ignore[operator]
                return False
            crossed = True
        elif name in constraint.variables():
            if holds_at(constraint, whole) is not True:
                return False
        elif holds_at(constraint, point) is not True:
            return False
    return crossed and holds_at(statement.claim, whole) is False


def rationalise(statement: Statement, floats: Sequence[float]) -> Iterator[Counterexample]:
    """Candidates near a floating-point point, simplest first; each still has to be confirmed."""
    names = statement.variables
    equations = [c for c in statement.constraints if c.op == "="]
    for digits in (1, 2, 3, 5, 8, 12):
        values = {n: _near(x, digits, d) for n, x, d in zip(names, floats, statement.domains, strict=True)}
        yield Counterexample(tuple(values.items()))
        if not equations:
            continue
        yield from _solved(statement, equations, values, dict(zip(names, floats, strict=True)))


def _near(x: float, digits: int, domain: str) -> Fraction:
    """A simple fraction near x, with about `digits` correct digits relative to its size."""
    if domain == "natural":
        return Fraction(max(1, round(x)))
    if x == 0 or not math.isfinite(x):
        return Fraction(0)
    exact = Fraction(x)
    if abs(x) >= 1:
        return (
            exact.limit_denominator(max(1, int(10**digits / abs(x)) or 1))
            if abs(x) < 10**digits
            else Fraction(round(x))
        )
    # Below one, make the reciprocal simple: tiny coordinates are rounded relatively.
    inverse = 1 / exact
    return (
        exact.limit_denominator(10**digits)
        if abs(x) > 0.05
        else 1 / inverse.limit_denominator(max(1, 10 ** (digits - 1)))
    )


def _solved(
    statement: Statement,
    equations: list[Relation],
    values: Mapping[str, Fraction],
    floats: Mapping[str, float],
) -> Iterator[Counterexample]:
    """Points that satisfy the equations: exactly by solving for variables that occur linearly, else by an
    interval.
    """
    yield from _linear(equations, dict(values), floats)
    if len(equations) > 1:
        # Solve all but one equation linearly where that is possible, and pin the last.
        for last in equations:
            for partial in _linear([e for e in equations if e is not last], dict(values), floats):
                yield from _pin(statement, last, dict(partial.values), floats)
        yield from _boxes(equations, values, floats)
    else:
        yield from _pin(statement, equations[0], dict(values), floats)


def _boxes(
    equations: list[Relation], values: Mapping[str, Fraction], floats: Mapping[str, float]
) -> Iterator[Counterexample]:
    """All equations at once, each choice of as many variables pinned."""
    names = sorted({v for e in equations for v in e.variables()})
    for chosen in itertools.islice(itertools.combinations(names, len(equations)), 12):
        point = {v: x for v, x in values.items() if v not in chosen}
        box = solve_near(equations, point, chosen, floats)
        if box is not None:
            yield Counterexample(tuple(point.items()), box=box)


def _linear(
    equations: list[Relation], values: dict[str, Fraction], floats: Mapping[str, float]
) -> Iterator[Counterexample]:
    """Solves each equation for a variable in which its value is affine, tried in turn (Gauss-Seidel, two
    rounds).
    """
    candidates = [v for e in equations for v in e.variables()]
    for first in dict.fromkeys(candidates):
        point, used = dict(values), set()
        for equation in equations:
            order = [first, *equation.variables()] if first in equation.variables() else list(equation.variables())
            for name in order:
                solved = None if name in used else _affine_root(equation, name, point)
                if solved is not None and abs(float(solved) - floats[name]) <= 1e-2 * abs(floats[name]) + 1e-9:
                    point[name] = solved
                    used.add(name)
                    break
        try:
            if all(exact_value(e.gap(), point) == 0 for e in equations):
                yield Counterexample(tuple(point.items()))
        except Undefined:
            continue


def _affine_root(equation: Relation, name: str, point: Mapping[str, Fraction]) -> Fraction | None:
    """The root in one variable when the equation, cleared of a denominator in it, is affine there."""
    from olmix.proofs.statements.expr import substitute

    others = {v: num(x) for v, x in point.items() if v != name}
    gap = substitute(equation.gap(), others)
    values = []
    try:
        for x in (Fraction(1, 3), Fraction(1, 2), Fraction(3, 4), Fraction(7, 5)):
            values.append((x, exact_value(gap, {name: x})))
    except Undefined:
        return None
    if any(y is None for _, y in values):
        return None
    # A fraction (p + q x)/(r + s x) is known from three values; the fourth tests that it really is one.
    for inverse in (False, True):
        pairs = [(x, y * x if inverse else y) for x, y in values if y is not None]
        (x0, y0), (x1, y1), *rest = pairs
        slope = (y1 - y0) / (x1 - x0)
        if slope and all(y == y0 + slope * (x - x0) for x, y in rest):
            return x0 - y0 / slope
    return None


def _pin(
    statement: Statement, equation: Relation, values: Mapping[str, Fraction], floats: Mapping[str, float]
) -> Iterator[Counterexample]:
    for name in equation.variables():
        others = {v: x for v, x in values.items() if v != name}
        centre = float_root(equation.gap(), name, others, floats[name])
        if centre is None or centre == 0:
            continue
        for width in (1e-6, 1e-9):
            low, high = (Fraction(centre * (1 + s * width)).limit_denominator(10**14) for s in (-1, 1))
            if low > high:
                low, high = high, low
            yield Counterexample(tuple(others.items()), (name, low, high))


def _is_short(value: Fraction) -> bool:
    """Whether a number has few digits; of huge ones Python does not even write the text."""
    return value.numerator.bit_length() + value.denominator.bit_length() <= 100


def describe_sides(statement: Statement, found: Counterexample) -> Counterexample:
    """The same counterexample with both sides written out."""
    import flint

    point: dict[str, Any] = dict(found.values)
    for name, low, high in found.box or ((found.interval,) if found.interval else ()):
        with flint.ctx.workprec(128):
            point[name] = to_ball((low + high) / 2)
    sides = []
    for side in (statement.claim.left, statement.claim.right):
        text = None
        if found.interval is None and not found.box:
            exact = exact_value(side, point)
            text = str(exact) if exact is not None and _is_short(exact) and len(str(exact)) <= 24 else None
        if text is None:
            with flint.ctx.workprec(128):
                text = ball_value(side, point).str(15, radius=False)
        sides.append(text)
    return dataclasses.replace(found, left=sides[0], right=sides[1])
