"""Which weights and which tangents to try for sums of roots: small forms, tried on many points in floats.

Roots that a renaming of the variables turns into each other get weights that the same renaming turns into each other, so
that one small form decides for all. What survives on the points is offered, the simplest first; `means.py` proves.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from olmix.proofs.proving.algebra import Poly, rational, to_fraction
from olmix.proofs.proving.means import Root, linear_root
from olmix.proofs.proving.sampling import points_with_roots
from olmix.proofs.proving.tasks import RuleError, Task, is_nonneg, is_positive, terms_of, write_poly

_POINTS, _OFFERED = 500, 3
#: Relative gaps above this survive.
_ROUNDING = -1e-9


@dataclasses.dataclass(frozen=True)
class _Sum:
    """A claim A + sum of B u >= 0 (`sign` is that of all B), with everything in floats at the points."""

    task: Task
    roots: list[Root]
    sign: int
    renamings: list[tuple[int, ...]]
    plain: list[int]
    points: np.ndarray
    rest: np.ndarray
    factors: list[np.ndarray]
    radicands: list[np.ndarray]


def mean_moves(task: Task) -> Iterator[tuple[str, dict[str, Any]]]:
    """Parameters for the rules `means` and `tangents`."""
    found = _sums(task)
    for own in found:
        yield from (("means", {"roots": list(roots)}) for roots in _weights(own))
    for own in found:
        yield from (("tangents", {"roots": list(roots)}) for roots in _tangents(own))


def _sums(task: Task) -> list[_Sum]:
    """The roots in which the claim is linear, those with positive and those with negative coefficients."""
    if any(s == "real" for s, d in zip(task.signs, task.goal.degrees(), strict=True) if d) or len(task.goal) > 200:
        return []
    roots = []
    for name in task.names:
        if name.startswith("u_") and task.goal.degrees()[task.names.index(name)] == 1:
            try:
                root = linear_root(task, name)
            except RuleError:
                continue
            if sum(1 for d in task.equations[root.index].degrees() if d) > 1:
                roots.append(root)
    if not roots:
        return []
    points = points_with_roots(task, _POINTS)
    if points is None or len(points) < 50:
        return []
    out = []
    plain = [i for i, n in enumerate(task.names) if not n.endswith("_") or n == "t_"]
    for sign in (1, -1):
        group = [r for r in roots if is_nonneg(sign * r.factor, task.signs)]
        places = [r.at for r in group]
        alone = not any(p.degrees()[at] for r in group for p in (r.factor, r.top, r.bottom) for at in places)
        if not group or len({r.q for r in group}) > 1 or not alone:
            continue
        values = [_values(r.factor, points) for r in group]
        rest = _values(task.goal, points) - sum(v * points[:, r.at] for v, r in zip(values, group, strict=True))
        out.append(
            _Sum(task, group, sign, _renamings(group, plain, len(task.names)), plain, points, rest, values,
                 [points[:, r.at] ** r.q for r in group])
        )  # fmt: skip
    return out


def _values(poly: Poly, points: np.ndarray) -> np.ndarray:
    out = np.zeros(len(points))
    for x, c in terms_of(poly):
        out += float(c) * np.prod(points ** np.array(x), axis=1)
    return out


def _renamings(roots: Sequence[Root], plain: Sequence[int], size: int) -> list[tuple[int, ...]]:
    """For each root, the renaming of the variables that turns the first one into it; the identity for one without."""
    first = roots[0]
    identity = tuple(range(size))
    out = [identity]
    for root in roots[1:]:
        found = []
        if len(plain) <= 5:
            for order in itertools.permutations(plain):
                to = list(identity)
                for i, j in zip(plain, order, strict=True):
                    to[i] = j
                if all(_renamed(getattr(first, k), to) == getattr(root, k) for k in ("bottom", "top", "factor")):
                    found.append(tuple(to))
        # A rotation before a mirror image: cyclic claims must stay cyclic.
        found.sort(key=lambda to: sum(i == j for i, j in enumerate(to) if i in plain))
        out.append(found[0] if found else ())
    return out if all(out) else [identity] * len(roots)


def _renamed(poly: Poly, to: Sequence[int]) -> Poly:
    terms = {}
    for x, c in poly.to_dict().items():
        moved = [0] * len(x)
        for i, e in enumerate(x):
            moved[to[i]] = e
        terms[tuple(moved)] = c
    return poly.context().from_dict(terms)


# --- forms -----------------------------------------------------------------------------------------------------------

_Form = list[tuple[tuple[int, ...], int]]


def _forms(own: _Sum, degree: int, most: int) -> list[_Form]:
    """Forms of one degree with whole coefficients up to `most`, not all with a common factor, the simplest first."""
    size = len(own.task.names)
    if degree == 0:
        return [[((0,) * size, 1)]]
    monomials = []
    for places in itertools.combinations_with_replacement(own.plain, degree):
        x = [0] * size
        for i in places:
            x[i] += 1
        monomials.append(tuple(x))
    out = []
    for coefficients in itertools.islice(itertools.product(range(most + 1), repeat=len(monomials)), 5000):
        if any(coefficients) and np.gcd.reduce(coefficients) == 1:
            out.append([(x, c) for x, c in zip(monomials, coefficients, strict=True) if c])
    return sorted(out, key=lambda f: (sum(c for _, c in f), len(f)))


def _at(own: _Sum, forms: list[_Form], to: Sequence[int]) -> np.ndarray:
    """The values of the renamed forms: (forms, points)."""
    monomials = list(dict.fromkeys(x for form in forms for x, _ in form))
    points = own.points[:, list(to)]
    values = np.array([np.prod(points ** np.array(x), axis=1) for x in monomials])
    matrix = np.zeros((len(forms), len(monomials)))
    for i, form in enumerate(forms):
        for x, c in form:
            matrix[i, monomials.index(x)] = c
    return matrix @ values


def _poly(own: _Sum, form: _Form, to: Sequence[int], factor: Fraction = Fraction(1)) -> Poly:
    poly = own.task.context.from_dict({x: rational(c * factor) for x, c in form})
    return _renamed(poly, to)


# --- weights for Hölder ----------------------------------------------------------------------------------------------


def _weights(own: _Sum) -> Iterator[list[list[Any]]]:
    if len(own.roots) < 2 or (own.sign > 0 and not all(is_positive(r.top, own.task.signs) for r in own.roots)):
        return
    q = own.roots[0].q
    width = len(own.plain)
    plans = [(0, 1), (1, {1: 3, 2: 3, 3: 3, 4: 2}.get(width, 1)), (2, {1: 2, 2: 2, 3: 2}.get(width, 0))]
    offered = 0
    for degree, most in plans:
        if not most or width > 6:
            continue
        forms = _forms(own, degree, most)
        weights = [_at(own, forms, to) for to in own.renamings]
        with np.errstate(all="ignore"):
            bs = [np.abs(b) for b in own.factors]
            total = sum(b * w for b, w in zip(bs, weights, strict=True))
            if own.sign < 0:
                power = total ** (q - 1) * sum(
                    b * x / w ** (q - 1) for b, w, x in zip(bs, weights, own.radicands, strict=True)
                )
                bound = power ** (1 / q)
                gap = (own.rest - bound) / (np.abs(own.rest) + bound)
            else:
                power = total ** (q + 1) / sum(
                    b * w ** (q + 1) / x for b, w, x in zip(bs, weights, own.radicands, strict=True)
                )
                bound = power ** (1 / q)
                gap = (own.rest + bound) / (np.abs(own.rest) + bound)
        good = np.flatnonzero(np.nan_to_num(gap, nan=-1.0).min(axis=1) > _ROUNDING)
        for k in good[:_OFFERED]:
            polys = [_poly(own, forms[k], to) for to in own.renamings]
            if all(is_positive(p, own.task.signs) for p in polys):
                offered += 1
                yield [[own.task.names[r.at], write_poly(p)] for r, p in zip(own.roots, polys, strict=True)]
        if offered >= _OFFERED:
            return


# --- tangents --------------------------------------------------------------------------------------------------------


def _tangents(own: _Sum) -> Iterator[list[list[Any]]]:
    """Each root against M/S, right where all variables are equal (or all but one, which is zero)."""
    q, width = own.roots[0].q, len(own.plain)
    if width > 4:
        return
    weight = _degree(own.roots[0])
    if weight is None or weight.denominator > 1 or abs(weight) > 2:
        return
    most = {1: 3, 2: 3, 3: 3}.get(width, 1)
    offered = 0
    for low in (0, 1):
        top_degree, bottom_degree = low + max(int(weight), 0), low + max(-int(weight), 0)
        if max(top_degree, bottom_degree) > 2:
            continue
        tops = _forms(own, top_degree, most if top_degree < 2 else 2 if width < 3 else 1)
        bottoms = _forms(own, bottom_degree, most if bottom_degree < 2 else 2 if width < 3 else 1)
        for scale, constant in _scales(own):
            for top, bottom in _good_tangents(own, tops, bottoms, scale * constant[1], q):
                ratio = Fraction(sum(c for _, c in bottom), sum(c for _, c in top)) * scale
                made = []
                for root, to in zip(own.roots, own.renamings, strict=True):
                    m = _poly(own, top, to, ratio)
                    if constant[0] is not None:
                        m = m * own.task.context.gens()[constant[0]]
                    made.append([own.task.names[root.at], write_poly(m), write_poly(_poly(own, bottom, to))])
                offered += 1
                yield made
        if offered >= _OFFERED:
            return


def _good_tangents(
    own: _Sum, tops: list[_Form], bottoms: list[_Form], scale: float, q: int
) -> list[tuple[_Form, _Form]]:
    """Pairs of forms, scaled to be right where all variables are 1, that bound the sum well enough at every point."""
    above = [_at(own, tops, to) / np.array([sum(c for _, c in f) for f in tops])[:, None] for to in own.renamings]
    below = [_at(own, bottoms, to) / np.array([sum(c for _, c in f) for f in bottoms])[:, None] for to in own.renamings]
    found = []
    for k, bottom in enumerate(bottoms):
        total = np.broadcast_to(own.rest, (len(tops), len(own.points)))
        size = np.abs(total)
        with np.errstate(all="ignore"):
            for b, x, m, s in zip(own.factors, own.radicands, above, below, strict=True):
                value = scale * m / s[k]
                bound = q * x * value / (value**q + (q - 1) * x) if own.sign > 0 else (
                    x + (q - 1) * value**q) / (q * value ** (q - 1))  # fmt: skip
                total = total + b * bound
                size = size + np.abs(b * bound)
            gap = np.nan_to_num(total / size, nan=-1.0).min(axis=1)
        found += [(tops[i], bottom) for i in np.flatnonzero(gap > _ROUNDING)]
    found.sort(key=lambda f: sum(c for g in f for _, c in g) + sum(len(g) for g in f))
    return found[:_OFFERED]


def _scales(own: _Sum) -> Iterator[tuple[Fraction, tuple[int | None, float]]]:
    """What the first root is where all variables are 1 or one of them is 0: a fraction, or one times a root of a constant."""
    root = own.roots[0]
    constants: list[tuple[int | None, float, Fraction]] = [(None, 1.0, Fraction(1))]
    for at, name in enumerate(own.task.names):
        for equation in own.task.equations:
            live = [i for i, d in enumerate(equation.degrees()) if d]
            if live == [at] and name.endswith("_") and equation.degrees()[at] == root.q and len(equation) == 2:
                terms = dict(terms_of(equation))
                lead = terms.pop(max(terms, key=sum))
                value = -next(iter(terms.values())) / lead
                constants.append((at, float(value) ** (1 / root.q), value))
    seen = set()
    size = len(own.task.names)
    for zero in (None, *own.plain):
        point = [rational(0 if i == zero else 1) for i in range(size)]
        bottom = root.bottom(*point)
        value = to_fraction(root.top(*point) / bottom) if bottom != 0 else Fraction(0)
        if value <= 0:
            continue
        for place, number, square in constants:
            scale = _root(value / square, root.q)
            if scale is not None and (scale, place) not in seen:
                seen.add((scale, place))
                yield scale, (place, number)


def _degree(root: Root) -> Fraction | None:
    degrees = [{sum(x) for x, _ in terms_of(p)} for p in (root.top, root.bottom)]
    if any(len(d) > 1 for d in degrees):
        return None
    return Fraction(degrees[0].pop() - degrees[1].pop(), root.q)


def _root(value: Fraction, q: int) -> Fraction | None:
    rooted = Fraction(round(value.numerator ** (1 / q)), round(value.denominator ** (1 / q)) or 1)
    return rooted if rooted**q == value else None
