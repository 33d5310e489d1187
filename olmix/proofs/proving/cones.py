"""Searches for a proof by cones: where to cut the orthant so that all coefficients become non-negative.

Works very well for what olympiads are made of (homogeneous, symmetric or cyclic, equality at equal variables
or on the boundary), where sums of squares would be enormous; it needs the zeros of the form to be rational,
because a zero inside a cone must become one of its rays.
"""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from olmix.proofs.proving.algebra import Poly, to_fraction
from olmix.proofs.proving.leaves import (
    barycentric,
    chamber_rays,
    in_rays,
    orthant_form,
    positive_inside,
    same_under,
    scaled,
    split_cone,
    unit_rays,
)
from olmix.proofs.proving.tasks import RuleError, Task
from olmix.proofs.proving.zeros import rational_zeros


class Negative(Exception):
    """The form is negative at a point of the orthant: there is nothing to prove."""


@dataclasses.dataclass
class ConeBudget:
    """Counts down the terms of the polynomials that are looked at; `total` lasts for a whole search.

    `until`, on the monotonic clock, ends a search that another one repeats in full.
    """

    total: int
    left: int = 0
    until: float | None = None

    def spend(self, amount: int) -> None:
        """Raises TimeoutError where the allowance of this call or of the whole search is used up."""
        self.left -= amount
        self.total -= amount
        if self.left < 0 or self.total < 0 or (self.until is not None and time.monotonic() > self.until):
            raise TimeoutError


def find_cones(task: Task, budget: ConeBudget, each: int = 60_000) -> dict[str, Any] | None:
    """A `cones` leaf, or None; each attempt may look at `each` terms.

    Raises Negative where the goal is negative at a point of the orthant.
    """
    if task.strict and any(task.sign(name) != "pos" for name in task.used()):
        return None
    try:
        form = orthant_form(task)
    except RuleError:
        return None
    size = len(form.degrees())
    if size > 6 or len(form) > 6000:
        return None
    for thorough in (False, True):
        if thorough:
            # Zeros elsewhere than at small whole numbers take a search: only when the obvious ones do not
            # suffice.
            budget.total -= 20 * len(form)
        zeros = rational_zeros(form, starts=40 if thorough else 0)
        for scale in _scales(zeros, size)[1 if thorough else 0 :]:
            found = _attempt(task, form, zeros, scale, budget, each)
            if found:
                return found
        if thorough and zeros != rational_zeros(form, starts=0):
            found = _attempt(task, form, zeros, None, budget, each)
            if found:
                return found
    return None


def _attempt(
    task: Task,
    form: Poly,
    zeros: Sequence[tuple[Fraction, ...]],
    scale: tuple[Fraction, ...] | None,
    budget: ConeBudget,
    each: int,
) -> dict[str, Any] | None:
    size = len(form.degrees())
    own = scaled(form, scale)
    points = [_rescale(z, scale) for z in zeros]
    orders = _orders(own) if size <= 5 else None
    starts = [chamber_rays(o) for o in orders] if orders else [unit_rays(size)]
    budget.left = each
    try:
        trees = [_cut(own, rays, points, budget, 0, task.strict) for rays in starts]
    except TimeoutError:
        return None
    out: dict[str, Any] = {"leaf": "cones", "trees": trees}
    if orders:
        out["chambers"] = [list(o) for o in orders]
    if scale:
        out["scale"] = [str(s) for s in scale]
    return out


def _scales(zeros: Sequence[tuple[Fraction, ...]], size: int) -> list[tuple[Fraction, ...] | None]:
    """No scaling first; then scalings that move an interior zero to equal coordinates."""
    inner = [z for z in zeros if all(z) and len(set(z)) > 1]
    return [None, *(tuple(x * size for x in z) for z in inner[:2])]


def _rescale(point: tuple[Fraction, ...], scale: tuple[Fraction, ...] | None) -> tuple[Fraction, ...]:
    if not scale:
        return point
    raw = [x / s for x, s in zip(point, scale, strict=True)]
    return tuple(x / sum(raw) for x in raw)


def _orders(form: Poly) -> list[tuple[int, ...]]:
    """One ordering of the variables for each class under the symmetries of the form."""
    size = len(form.degrees())
    symmetries = [p for p in itertools.permutations(range(size)) if same_under(form, p)]
    left = dict.fromkeys(itertools.permutations(range(size)))
    out = []
    while left:
        order = next(iter(left))
        out.append(order)
        for p in symmetries:
            left.pop(tuple(p[i] for i in order), None)
    return out


def _cut(
    form: Poly,
    rays: list[list[Fraction]],
    zeros: Sequence[tuple[Fraction, ...]],
    budget: ConeBudget,
    depth: int,
    strict: bool,
) -> dict[str, Any] | None:
    """A tree that proves the form non-negative on the cone; raises TimeoutError when the work is used up."""
    here = in_rays(form, rays)
    terms = here.to_dict()
    budget.spend(len(terms) + 5)
    worst = None
    for exponents, c in terms.items():
        if c < 0:
            if sum(1 for e in exponents if e) < 2:
                raise Negative
            badness = float(to_fraction(c)) / _multinomial(exponents)
            if worst is None or badness < worst[0]:
                worst = (badness, exponents)
    if worst is None:
        if strict and not positive_inside(here, rays):
            raise TimeoutError
        return None
    if depth > 60:
        raise TimeoutError
    point = _zero_inside(rays, zeros)
    if point is None:
        edge = _edge_at_zero({tuple(map(int, x)): float(to_fraction(c)) for x, c in terms.items()}, len(rays))
        i, j = edge or _longest_edge(rays, [k for k, e in enumerate(worst[1]) if e])
        point = [(x + y) / 2 for x, y in zip(rays[i], rays[j], strict=True)]
    parts = split_cone(rays, point)
    return {
        "at": [str(v) for v in point],
        "parts": [_cut(form, p, zeros, budget, depth + 1, strict) for p in parts],
    }


def _multinomial(exponents: Sequence[int]) -> float:
    """The coefficient that the monomial has in a power of the sum of the variables: its natural size."""
    import math

    total = math.lgamma(sum(exponents) + 1) - sum(math.lgamma(e + 1) for e in exponents)
    return math.exp(total)


def _zero_inside(rays: list[list[Fraction]], zeros: Sequence[tuple[Fraction, ...]]) -> list[Fraction] | None:
    for zero in zeros:
        weights = barycentric(rays, zero)
        if all(w >= 0 for w in weights) and sum(w > 0 for w in weights) > 1:
            return list(zero)
    return None


def _edge_at_zero(terms: dict[tuple[int, ...], float], size: int) -> tuple[int, int] | None:
    """At a ray where the form vanishes, the pair of directions between which its quadratic part bends the
    wrong way.

    Near a zero the form looks like a quadratic form in the directions that leave it; cutting towards the zero
    never ends, so directions are divided first, the widest angle (in the metric of that quadratic form)
    before the others.
    """
    degree = sum(next(iter(terms)))
    worst: tuple[float, int, int] | None = None
    for z in range(size):
        pure = [0] * size
        pure[z] = degree
        if terms.get(tuple(pure), 0.0):
            continue
        for i in range(size):
            for j in range(i + 1, size):
                if z in (i, j):
                    continue
                cross, first, second = (
                    terms.get(_near(size, z, degree, pair), 0.0) for pair in ((i, j), (i, i), (j, j))
                )
                if cross < 0 < first and second > 0:
                    angle = cross / (2 * (first * second) ** 0.5)
                    if worst is None or angle < worst[0]:
                        worst = (angle, i, j)
    return worst[1:] if worst else None


def _near(size: int, z: int, degree: int, pair: tuple[int, int]) -> tuple[int, ...]:
    exponents = [0] * size
    exponents[z] = degree - 2
    for k in pair:
        exponents[k] += 1
    return tuple(exponents)


def _longest_edge(rays: list[list[Fraction]], support: Sequence[int]) -> tuple[int, int]:
    """The longest edge between rays on which the worst term leans: cones then shrink in every direction."""

    def length(pair: tuple[int, int]) -> tuple[float, int, int]:
        i, j = pair
        total = sum(float(x - y) ** 2 for x, y in zip(rays[i], rays[j], strict=True))
        return (-total, i, j)

    return min(itertools.combinations(support, 2), key=length)
