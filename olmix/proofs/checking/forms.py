"""The forms between which people pass without a word: powers and roots of both sides, absolute values; and visible signs.

`implied` gives what follows from a relation, `sufficient` what a relation follows from; signs are those that can be seen in
an expression as it is written, never those that a prover would find.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping
from fractions import Fraction

import numpy as np

from olmix.proofs.statements.expr import (
    Add,
    Expr,
    Fun,
    Mul,
    Num,
    Pow,
    Relation,
    Var,
    mul,
    neg,
    num,
    power,
    rebuild,
    substitute,
    variables_of,
    walk,
)
from olmix.proofs.statements.numeric import compile_floats
from olmix.proofs.statements.statement import Statement

#: Higher powers of both sides are not taken.
_MOST = 6


def kinds_of(statement: Statement) -> dict[str, str]:
    """The domain of each variable."""
    return dict(zip(statement.variables, statement.domains, strict=True))


def upward(relation: Relation) -> Relation:
    """The relation with the greater side on the left."""
    return relation if relation.op in (">=", ">", "=") else relation.flipped()


def implied(statement: Statement) -> Iterator[Relation]:
    """What the claim of a statement says in other forms, each a consequence of it."""
    if statement.claim.op in ("=", "!="):
        return
    relation, domains = upward(statement.claim), kinds_of(statement)
    big, small = relation.left, relation.right
    if isinstance(small, Fun) and small.name == "abs":
        yield Relation(big, relation.op, small.args[0])
        yield Relation(big, relation.op, neg(small.args[0]))
    scale, base, n = _as_power(small)
    if scale > 0 and n.denominator == 1 and 2 <= n <= _MOST:
        root = root_of(mul(num(1 / scale), big), int(n), domains)
        if visibly_nonneg(base, domains):
            yield Relation(root, relation.op, base)
        elif n % 2 == 0:
            yield Relation(root, relation.op, Fun("abs", (base,)))
            yield Relation(root, relation.op, base)
            yield Relation(root, relation.op, neg(base))
        elif visibly_nonneg(big, domains):
            yield Relation(root, relation.op, base)
    elif scale > 0 and 2 <= n.denominator <= _MOST:
        yield Relation(power(big, n.denominator), relation.op, power(small, n.denominator))
    if not visibly_nonneg(small, domains):
        return
    scale, base, n = _as_power(big)
    if scale > 0 and n.denominator == 1 and 2 <= n <= _MOST and visibly_nonneg(base, domains):
        yield Relation(base, relation.op, root_of(mul(num(1 / scale), small), int(n), domains))
    elif scale > 0 and 2 <= n.denominator <= _MOST:
        yield Relation(power(big, n.denominator), relation.op, power(small, n.denominator))


def between_roots(statement: Statement) -> Iterator[Relation]:
    """From `(3x - 2)(x - 2) <= 0` that x lies between the roots, where these are rational."""
    relation = upward(statement.claim)
    names = relation.variables()
    if len(names) != 1 or relation.op not in (">=", ">") or any(isinstance(n, Fun) for n in walk(relation.gap())):
        return
    values = [substitute(relation.gap(), {names[0]: num(v)}) for v in (-1, 0, 1, 2)]
    if has_root(relation) or not all(isinstance(v, Num) for v in values):
        return
    low, constant, high, far = (v.value for v in values)  # type: ignore[union-attr]
    square, line = (high + low) / 2 - constant, (high - low) / 2
    if square >= 0 or far != 4 * square + 2 * line + constant:
        return
    root = root_of(num(line**2 - 4 * square * constant), 2, {})
    if isinstance(root, Num):
        ends = sorted((-line + sign * root.value) / (2 * square) for sign in (1, -1))
        yield Relation(Var(names[0]), relation.op, num(ends[0]))
        yield Relation(num(ends[1]), relation.op, Var(names[0]))


def sufficient(statement: Statement) -> Iterator[Relation]:
    """Relations from which the claim of a statement follows by taking powers or roots of both sides."""
    if statement.claim.op in ("=", "!="):
        return
    relation, domains = upward(statement.claim), kinds_of(statement)
    big, small = relation.left, relation.right
    for degree in sorted(_roots_in(big) | _roots_in(small)):
        if degree % 2 or visibly_nonneg(big, domains):
            yield Relation(power(big, degree), relation.op, power(small, degree))
    scale, base, n = _as_power(big)
    if scale > 0 and n.denominator == 1 and 2 <= n <= _MOST and visibly_nonneg(small, domains):
        yield Relation(base, relation.op, root_of(mul(num(1 / scale), small), int(n), domains))
    scale, base, n = _as_power(small)
    if scale > 0 and n.denominator == 1 and 2 <= n <= _MOST and visibly_nonneg(base, domains):
        yield Relation(root_of(mul(num(1 / scale), big), int(n), domains), relation.op, base)


def _as_power(expr: Expr) -> tuple[Fraction, Expr, Fraction]:
    """`c * base**n` with a number c; n is 1 where the expression is no power."""
    factors = expr.factors if isinstance(expr, Mul) else (expr,)
    numbers = [f.value for f in factors if isinstance(f, Num)]
    rest = [f for f in factors if not isinstance(f, Num)]
    scale = numbers[0] if numbers else Fraction(1)
    if len(rest) == 1 and isinstance(rest[0], Pow) and isinstance(rest[0].exponent, Num):
        return scale, rest[0].base, rest[0].exponent.value
    exponents = [f.exponent.value for f in rest if isinstance(f, Pow) and isinstance(f.exponent, Num)]
    if len(rest) > 1 and len(exponents) == len(rest) and all(e.denominator == 1 and e > 0 for e in exponents):
        common = math.gcd(*(int(e) for e in exponents))  # `x**2 * y**2 * z**2` is a square.
        return scale, mul(*(power(f.base, e / common) for f, e in zip(rest, exponents, strict=True))), Fraction(common)  # type: ignore[union-attr]
    return scale, mul(*rest) if rest else num(1), Fraction(1)


def _roots_in(expr: Expr) -> set[int]:
    """Degrees of the roots in a sum, outside of other functions."""
    out: set[int] = set()
    for term in expr.terms if isinstance(expr, Add) else (expr,):
        for factor in term.factors if isinstance(term, Mul) else (term,):
            if isinstance(factor, Pow) and isinstance(factor.exponent, Num):
                out.add(factor.exponent.value.denominator)
    return {n for n in out if 2 <= n <= _MOST}


def root_of(expr: Expr, n: int, domains: Mapping[str, str]) -> Expr:
    """The n-th root, numbers and powers of what is visibly non-negative resolved."""
    if isinstance(expr, Num) and expr.value >= 0:
        top, bottom = (_whole_root(part, n) for part in (expr.value.numerator, expr.value.denominator))
        if top is not None and bottom is not None:
            return num(Fraction(top, bottom))
    scale, base, exponent = _as_power(expr)
    if n % 2 and exponent == n:
        return mul(root_of(num(scale), n, domains), base)  # An odd power keeps the sign.
    return spread_roots(power(expr, Fraction(1, n)), domains)


def _whole_root(value: int, n: int) -> int | None:
    if value < 0 or value.bit_length() > 400:
        return None
    low, high = 0, 1 << (value.bit_length() // n + 1)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**n <= value else (low, middle - 1)
    return low if low**n == value else None


def spread_roots(expr: Expr, domains: Mapping[str, str]) -> Expr:
    """Roots of products of non-negative factors as products of roots, so that equal roots look alike."""
    inner = rebuild(expr, lambda part: spread_roots(part, domains))
    if isinstance(inner, Pow) and isinstance(inner.exponent, Num) and inner.exponent.value.denominator > 1:
        base = inner.base
        if isinstance(base, Mul) and all(visibly_nonneg(f, domains) for f in base.factors):
            return mul(*(spread_roots(power(f, inner.exponent), domains) for f in base.factors))
        if isinstance(base, Pow) and isinstance(base.exponent, Num) and visibly_nonneg(base.base, domains):
            return spread_roots(power(base.base, base.exponent.value * inner.exponent.value), domains)
    return inner


def visibly_nonneg(expr: Expr, domains: Mapping[str, str]) -> bool:
    """Whether an expression is a sum of products of squares, even roots and non-negative variables, as it is written."""
    if isinstance(expr, Num):
        return expr.value >= 0
    if isinstance(expr, Add):
        return all(visibly_nonneg(term, domains) for term in expr.terms)
    if isinstance(expr, Mul):
        return all(visibly_nonneg(factor, domains) for factor in expr.factors)
    if isinstance(expr, Pow):
        if isinstance(expr.exponent, Num):
            n = expr.exponent.value
            if n.numerator % 2 == 0 or n.denominator % 2 == 0:
                return True
        return visibly_nonneg(expr.base, domains)
    name = getattr(expr, "name", "")
    return name == "abs" or domains.get(name) in ("pos", "nonneg", "natural")


def has_root(relation: Relation) -> bool:
    """Whether a root, or a power that is no number, stands in a relation."""
    return bool(roots_in(relation))


def roots_in(relation: Relation) -> set[Expr]:
    """What stands under roots, or has an exponent that is no number."""
    nodes = [*walk(relation.left), *walk(relation.right)]
    return {
        n.base for n in nodes
        if isinstance(n, Pow) and not (isinstance(n.exponent, Num) and n.exponent.value.denominator == 1)
    }  # fmt: skip


def proportional(one: Expr, two: Expr, kinds: Mapping[str, str]) -> bool:
    """Whether one expression is a positive constant times the other, without using any hypothesis.

    Seen in floats at a few points: this decides what counts as a restatement, not whether something is true.
    """
    names = variables_of(one)
    if names != variables_of(two):
        return False
    real = tuple(kinds.get(n) == "real" for n in names)
    for scale in _SCALES:
        with np.errstate(all="ignore"):
            ratios = _profile(one, names, real, scale) / _profile(two, names, real, scale)
        ratios = ratios[np.isfinite(ratios)]
        if len(ratios) > 4:
            return bool(ratios[0] > 0 and np.allclose(ratios, ratios[0], rtol=1e-7))
    return False


#: Roots may be there for large or for small numbers only.
_SCALES = (1.0, 3.0, 0.1)


@functools.lru_cache(maxsize=2048)
def _profile(expr: Expr, names: tuple[str, ...], real: tuple[bool, ...], scale: float) -> np.ndarray:
    """The values at a few points; negative ones too where variables are real: |x| and x differ only there."""
    rng = np.random.default_rng(11)
    points = scale * rng.uniform(0.4, 2.3, size=(9, len(names)))
    if any(real):
        turned = points * np.where(real, rng.choice([-1, 1], size=points.shape), 1)
        points = np.concatenate([points, turned])
    with np.errstate(all="ignore"):
        return compile_floats([expr], names)(points)[:, 0]
