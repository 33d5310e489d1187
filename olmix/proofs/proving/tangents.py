"""Roots replaced by bounds that AM-GM gives, with equality where the inequality itself is tight.

For D u**q = N with u >= 0 and any positive m = M/S: u <= (N/D + (q-1) m**q)/(q m**(q-1)), and from the same applied to 1/u,
u >= q N m/(D m**q + (q-1) N). Which m is good is for the search to find: it must agree with u where equality holds, and
does better when it agrees to first order there.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from olmix.proofs.proving.algebra import Poly, rational, to_fraction
from olmix.proofs.proving.tasks import (
    Params,
    RuleError,
    Task,
    coefficients_in,
    is_nonneg,
    is_positive,
    read_poly,
    restrict,
    terms_of,
    write_poly,
)


def tangent(task: Task, params: Params) -> list[Task]:
    """A claim A + B u >= 0 with B of known sign loses the root u: see the module's first lines.

    `equation`: D u**q = N with D > 0; `top`, `bottom`: the terms of M and S, both positive.
    """
    index, name = int(params["equation"]), str(params["variable"])
    at = task.names.index(name)
    if task.sign(name) == "real":
        raise RuleError(f"{name} may be negative")
    q, d, n = root_equation(task, index, at)
    pieces = coefficients_in(task.goal, at)
    if not set(pieces) <= {0, 1} or 1 not in pieces:
        raise RuleError(f"the claim is not linear in {name}")
    a, b = pieces.get(0, task.context.constant(0)), pieces[1]
    m, s = read_poly(task, params["top"]), read_poly(task, params["bottom"])
    if not (is_positive(m, task.signs) and is_positive(s, task.signs)) or m.degrees()[at] or s.degrees()[at]:
        raise RuleError("the bound needs positive polynomials without the root")
    if params.get("mode") == "below":
        # Where N/D >= m**q the root is at least m.
        if not is_nonneg(b, task.signs):
            raise RuleError(f"the coefficient of {name} may be negative")
        parts = [n * s**q - d * m**q, a * s + b * m]
        return [_without(task, index, at, part, strict=task.strict and k == 1) for k, part in enumerate(parts)]
    if is_nonneg(-b, task.signs):
        goal = a * q * d * m ** (q - 1) * s + b * (n * s**q + (q - 1) * d * m**q)
    elif is_nonneg(b, task.signs):
        goal = a * (d * m**q + (q - 1) * n * s**q) + b * q * n * m * s ** (q - 1)
    else:
        raise RuleError(f"the sign of the coefficient of {name} is not known")
    # What the root being defined says about the other variables stays known.
    radicand = () if is_nonneg(n, task.signs) else ((n, False),)
    return [_without(task, index, at, goal, inequalities=(*task.inequalities, *radicand))]


def _without(task: Task, index: int, at: int, goal: Poly, **changes: Any) -> Task:
    """The task with another goal, and without the root's equation unless something else mentions the root."""
    used = [*task.equations[:index], *task.equations[index + 1 :], *(p for p, _ in task.inequalities), *task.nonzero]
    keep = any(p.degrees()[at] > 0 for p in used)
    equations = task.equations if keep else (*task.equations[:index], *task.equations[index + 1 :])
    return restrict(task, goal, equations=equations, **changes)


def root_equation(task: Task, index: int, at: int) -> tuple[int, Poly, Poly]:
    """q, D > 0 and N of an equation D u**q = N; raises RuleError where it is none."""
    parts = coefficients_in(task.equations[index], at)
    q = max(parts, default=0)
    if set(parts) != {0, q} or q < 2:
        raise RuleError("the equation defines no root")
    d, n = parts[q], -parts[0]
    if is_positive(-d, task.signs):
        d, n = -d, -n
    if not is_positive(d, task.signs):
        raise RuleError("the denominator under the root is not known to be positive")
    return q, d, n


# --- which bounds to try ---------------------------------------------------------------------------------------------


def bounds(task: Task) -> Iterator[dict[str, Any]]:
    """Parameters for `tangent` at the first root in which the claim is linear, where all variables are equal."""
    for index, equation in enumerate(task.equations):
        for at, name in enumerate(task.names):
            if not name.startswith("u_") or equation.degrees()[at] < 2 or task.goal.degrees()[at] != 1:
                continue
            try:
                q, d, n = root_equation(task, index, at)
            except RuleError:
                continue
            b = coefficients_in(task.goal, at)[1]
            if not (is_nonneg(b, task.signs) or is_nonneg(-b, task.signs)):
                continue
            if is_nonneg(b, task.signs):
                for lower in _cauchy(task, q, d, n):
                    yield {"equation": index, "variable": name, "mode": "below", "top": write_poly(lower),
                           "bottom": write_poly(task.context.constant(1))}  # fmt: skip
            for top, bottom in _candidates(task, at, q, d, n):
                yield {"equation": index, "variable": name, "top": write_poly(top), "bottom": write_poly(bottom)}
            return


def _cauchy(task: Task, q: int, d: Poly, n: Poly) -> Iterator[Poly]:
    """By Cauchy-Schwarz the root of (f1 + f2 + ...)(g1 + g2 + ...) is at least the sum of the roots of fi gi."""
    if q != 2 or not d.is_constant():
        return
    constant, factors = (n / d.leading_coefficient()).factor()
    front = _root(to_fraction(constant), 2) if to_fraction(constant) > 0 else None
    if front is None or len(factors) != 2 or any(e != 1 for _, e in factors):
        return
    first, second = (terms_of(f) for f, _ in factors)
    if len(first) != len(second) or len(first) > 3:
        return
    for order in itertools.permutations(range(len(first))):
        total: dict[tuple[int, ...], Fraction] = {}
        for (x, c), (y, k) in zip(first, (second[i] for i in order), strict=True):
            value = _root(c * k, 2) if c > 0 and k > 0 else None
            exponents = [e + f for e, f in zip(x, y, strict=True)]
            if value is None or any(e % 2 for e in exponents):
                break
            place = tuple(e // 2 for e in exponents)
            total[place] = total.get(place, Fraction(0)) + value * front
        else:
            yield task.context.from_dict({x: rational(c) for x, c in total.items()})


def _candidates(task: Task, at: int, q: int, d: Poly, n: Poly) -> Iterator[tuple[Poly, Poly]]:
    plain = [i for i, name in enumerate(task.names) if not name.endswith("_")]
    if any(x[i] for p in (d, n) for x, _ in terms_of(p) for i in range(len(task.names)) if i not in plain):
        return
    seen: set[str] = set()
    for t in _equal_points(task, plain):
        point = [rational(t if i in plain else 1) for i in range(len(task.names))]
        value = _root(to_fraction(n(*point)) / to_fraction(d(*point)), q)
        if value is None or value <= 0:
            continue
        one = task.context.constant(1)
        gens = [task.context.gens()[i] for i in plain]
        slopes = [_slope(n, d, i, point, value, q) for i in plain]
        degrees = {sum(x) for x, _ in terms_of(n)}, {sum(x) for x, _ in terms_of(d)}
        weight = Fraction(max(degrees[0]) - max(degrees[1]), q) if len(degrees[0]) == len(degrees[1]) == 1 else None
        made: list[tuple[Poly, Poly]] = []
        total = sum(gens[1:], gens[0])
        if weight is None or weight == 0 or task.equations[1:]:
            made.append((one * rational(value), one))
        if weight == 1 or weight is None:
            line = sum((g * rational(s) for g, s in zip(gens, slopes, strict=True)), task.context.constant(0))
            rest = value - t * sum(slopes, Fraction(0))
            made.append((line + one * rational(rest), one))
        if weight == 1:
            made.append((total * rational(value / (t * len(gens))), one))
        if weight == 2:
            made.append((total * total * rational(value / (t * len(gens)) ** 2), one))
        for top, bottom in made:
            if str(top) not in seen and is_positive(top, task.signs):
                seen.add(str(top))
                yield top, bottom


def _equal_points(task: Task, plain: list[int]) -> list[Fraction]:
    """Values that all variables may share: 1, unless an equation between them says otherwise."""
    own = [e for e in task.equations if not any(e.degrees()[i] for i in range(len(task.names)) if i not in plain)]
    choices = [Fraction(k, m) for m in (1, 2, 3, 4, 5, 6) for k in range(1, 13)]
    out = []
    for t in dict.fromkeys(choices):
        point = [rational(t if i in plain else 1) for i in range(len(task.names))]
        if all(e(*point) == 0 for e in own):
            out.append(t)
        if not own or len(out) == 2:
            break
    return out


def _slope(n: Poly, d: Poly, i: int, point: list[Any], value: Fraction, q: int) -> Fraction:
    """The derivative of (N/D)**(1/q) by one variable."""
    top, bottom = to_fraction(n(*point)), to_fraction(d(*point))
    return value / q * (to_fraction(n.derivative(i)(*point)) / top - to_fraction(d.derivative(i)(*point)) / bottom)


def _root(value: Fraction, q: int) -> Fraction | None:
    if value <= 0:
        return None
    rooted = Fraction(round(value.numerator ** (1 / q)), round(value.denominator ** (1 / q)))
    return rooted if rooted**q == value else None
