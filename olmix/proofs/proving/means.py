"""Sums of roots bounded all at once: by Hölder's inequality (Jensen's, with weights), or each root by a tangent.

For roots D u**q = N with u >= 0, coefficients b >= 0 and any positive weights w, and P = sum of b w:
    (sum of b u)**q <= P**(q-1) * sum of b N / (D w**(q-1)),        P**(q+1) <= (sum of b u)**q * sum of b w**(q+1) D / N.
Which weights are good, and which tangents, is for the search in `mean_moves.py` to find.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from olmix.proofs.proving.algebra import Poly
from olmix.proofs.proving.tangents import root_equation, tangent
from olmix.proofs.proving.tasks import (
    Params,
    RuleError,
    Task,
    coefficients_in,
    is_nonneg,
    is_positive,
    move,
    read_poly,
    restrict,
    write_poly,
)


@dataclasses.dataclass(frozen=True)
class Root:
    """A root in which the claim is linear: D u**q = N, with coefficient `factor` in the claim."""

    index: int
    at: int
    q: int
    bottom: Poly
    top: Poly
    factor: Poly


def linear_root(task: Task, name: str) -> Root:
    """The root of that name; raises RuleError where it is none, or the claim is not linear in it."""
    at = task.names.index(name)
    if task.sign(name) == "real":
        raise RuleError(f"{name} may be negative")
    for index, equation in enumerate(task.equations):
        if equation.degrees()[at] < 2:
            continue
        q, d, n = root_equation(task, index, at)
        pieces = coefficients_in(task.goal, at)
        if not set(pieces) <= {0, 1} or 1 not in pieces:
            raise RuleError(f"the claim is not linear in {name}")
        return Root(index, at, q, d, n, pieces[1])
    raise RuleError(f"no equation defines {name}")


def means(task: Task, params: Params) -> list[Task]:
    """A claim A + sum of B u >= 0 over roots u of one degree, all B of one known sign, loses the roots by Hölder.

    `roots`: [[variable, terms of its weight], ...].
    """
    roots = [linear_root(task, str(name)) for name, _ in params["roots"]]
    weights = [read_poly(task, terms) for _, terms in params["roots"]]
    q = roots[0].q
    places = [root.at for root in roots]
    if len(set(places)) != len(places) or any(root.q != q for root in roots):
        raise RuleError("different roots of one degree are needed")
    rest = task.goal
    for root in roots:
        rest = rest - root.factor * task.context.gens()[root.at]
    for poly in [rest, *weights, *(p for r in roots for p in (r.bottom, r.top, r.factor))]:
        if any(poly.degrees()[at] for at in places):
            raise RuleError("the roots do not stand alone")
    if not all(is_positive(w, task.signs) for w in weights):
        raise RuleError("a weight is not known to be positive")
    if all(is_nonneg(root.factor, task.signs) for root in roots):
        return [_without(task, roots, _below(task, roots, weights, rest))]
    if all(is_nonneg(-root.factor, task.signs) for root in roots):
        goal = _above(task, roots, weights, rest)
        parts = [_without(task, roots, goal)]
        if q % 2 == 0 and not is_nonneg(rest, task.signs):
            parts.insert(0, _without(task, roots, rest, strict=False))
        return parts
    raise RuleError("the coefficients of the roots have no common known sign")


def _above(task: Task, roots: list[Root], weights: list[Poly], rest: Poly) -> Poly:
    """A**q - P**(q-1) * sum of b N / (D w**(q-1)), times a common denominator."""
    q = roots[0].q
    total = _sum([-root.factor * w for root, w in zip(roots, weights, strict=True)], task)
    bottoms = [root.bottom * w ** (q - 1) for root, w in zip(roots, weights, strict=True)]
    common = _common(bottoms, task)
    shares = _sum([-r.factor * r.top * divmod(common, b)[0] for r, b in zip(roots, bottoms, strict=True)], task)
    return rest**q * common - total ** (q - 1) * shares


def _below(task: Task, roots: list[Root], weights: list[Poly], rest: Poly) -> Poly:
    """P**(q+1) - T**q * sum of b w**(q+1) D / N with T = -A, times a common denominator."""
    q = roots[0].q
    if not all(is_positive(root.top, task.signs) for root in roots):
        raise RuleError("what is under a root may be zero")
    total = _sum([root.factor * w for root, w in zip(roots, weights, strict=True)], task)
    if not is_positive(total, task.signs):
        raise RuleError("the coefficients of the roots may all be zero")
    common = _common([root.top for root in roots], task)
    parts = [r.factor * w ** (q + 1) * r.bottom * divmod(common, r.top)[0] for r, w in zip(roots, weights, strict=True)]
    return total ** (q + 1) * common - (-rest) ** q * _sum(parts, task)


def _sum(parts: list[Poly], task: Task) -> Poly:
    return sum(parts, task.context.constant(0))


def _common(polys: list[Poly], task: Task) -> Poly:
    """A positive common multiple of positive polynomials: the least one where its coefficients show that it is positive."""
    least = full = task.context.constant(1)
    for poly in polys:
        least = least * divmod(poly, least.gcd(poly))[0]
        full = full * poly
    for candidate in (least, -least):
        if is_positive(candidate, task.signs):
            return candidate
    return full


def _without(task: Task, roots: list[Root], goal: Poly, **changes: Any) -> Task:
    """The task with another goal, and without the equations of roots that nothing else mentions."""
    own = {root.index for root in roots}
    others = [e for i, e in enumerate(task.equations) if i not in own]
    used = [*others, *(p for p, _ in task.inequalities), *task.nonzero]
    gone = {root.index for root in roots if not any(p.degrees()[root.at] > 0 for p in used)}
    known = [(r.top, False) for r in roots if r.index in gone and not is_nonneg(r.top, task.signs)]
    equations = tuple(e for i, e in enumerate(task.equations) if i not in gone)
    return restrict(task, goal, equations=equations, inequalities=(*task.inequalities, *known), **changes)


def tangents(task: Task, params: Params) -> list[Task]:
    """The rule `tangent` for several roots, one after the other. `roots`: [[variable, terms of M, terms of S], ...]."""
    start = task
    for name, *terms in params["roots"]:
        root = linear_root(task, str(name))
        # Earlier tangents may have dropped variables; the terms are written for the task at the start.
        top, bottom = (write_poly(move(read_poly(start, t), start.names, task.context, task.names)) for t in terms)
        (task,) = tangent(task, {"equation": root.index, "variable": str(name), "top": top, "bottom": bottom})
    return [task]
