"""Whether a relation is, as it stands, an instance of a theorem: AM-GM, Cauchy, Jensen, Chebyshev, Muirhead, Schur.

A proof may cite a theorem for its claim only where the claim *is* the theorem. What is recognised here are the usual shapes;
whether two sides agree is seen in floats at a few points, since this decides what counts as a reason and not what is true
(every relation has been checked by itself before).
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Collection, Iterator, Sequence
from fractions import Fraction

import numpy as np
from scipy.optimize import nnls

from olmix.errors import UserError
from olmix.proofs.checking.forms import upward
from olmix.proofs.checking.theorems import is_rooted_instance
from olmix.proofs.checking.wording import quotient
from olmix.proofs.proving.keys import canonical_key
from olmix.proofs.refuting.falsify import Budget, feasible_points
from olmix.proofs.statements.expr import (
    Add,
    Expr,
    Mul,
    Num,
    Pow,
    Relation,
    Var,
    add,
    mul,
    num,
    power,
    rebuild,
    sub,
    substitute,
)
from olmix.proofs.statements.numeric import compile_floats
from olmix.proofs.statements.statement import Statement, make_statement

#: Sums with more terms than this are not permuted.
_MOST = 4
THEOREMS = (
    "mean", "schur", "muirhead", "rearrangement", "cauchy", "chebyshev", "jensen", "hoelder", "minkowski",
)  # fmt: skip


def is_mean_instance(statement: Statement) -> bool:
    """Weighted AM-GM once: `sum(c m) >= C prod(m**w)` with w >= 0, sum(w) = 1 and C at most prod((c / w)**w).

    The weights are those of the coefficients, or what least squares on logarithms finds, so that copies need not be
    written out.
    """
    gap = _collected(upward(statement.claim).gap())
    above = [(float(c), body) for body, c in gap.items() if c > 0]
    below = [(-float(c), body) for body, c in gap.items() if c < 0]
    if len(below) != 1 or len(above) < 2:
        return False
    points = feasible_points(statement, Budget(starts=120, seed=7))
    bodies = [body for _, body in above] + [below[0][1]]
    with np.errstate(all="ignore"):
        logs = np.log(compile_floats(bodies, statement.variables)(points))
    logs = logs[(np.abs(logs) < 20).all(axis=1)]
    if len(logs) < len(bodies):
        return False
    shares = np.array([c for c, _ in above]) / sum(c for c, _ in above)
    offset = logs[:, -1] - logs[:, :-1] @ shares
    if np.ptp(offset) < 1e-7 and np.log(below[0][0]) + offset[0] <= np.log(sum(c for c, _ in above)) + 1e-8:
        return True  # Every term as often as it is written.
    free = np.ones((len(logs), 1))  # A constant inside the root.
    rows = np.concatenate([np.concatenate([logs[:, :-1], free, -free], axis=1), np.zeros((1, len(bodies) + 1))])
    rows[-1, : len(above)] = 1
    weights, residual = nnls(rows, np.append(logs[:, -1], 1.0))
    if residual > 1e-7 * np.sqrt(len(rows)):
        return False
    inside = weights[-2] - weights[-1]
    best = sum(w * np.log(c / w) for w, (c, _) in zip(weights, above, strict=False) if w > 1e-9)
    return bool(np.log(below[0][0]) + inside <= best + 1e-8)


def is_instance(statement: Statement, theorems: Collection[str] = THEOREMS) -> bool:
    """Whether the claim of the statement is the inequality of one of the theorems, up to a constant factor and terms moved."""
    relation = _without_common(upward(statement.claim))
    tests: dict[str, Callable[[], bool]] = {
        "mean": lambda: is_mean_instance(statement),
        "schur": lambda: _is_schur(statement),
        "muirhead": lambda: _is_muirhead(statement),
        "rearrangement": lambda: _is_rearranged(statement),
        "cauchy": lambda: _is_cauchy(statement, relation),
        "chebyshev": lambda: _is_chebyshev(statement, relation),
        "jensen": lambda: _is_jensen(statement),
    }
    return any(test() for name, test in tests.items() if name in theorems) or is_rooted_instance(statement, theorems)


def _without_common(relation: Relation) -> Relation:
    """Without the terms that stand on both sides."""
    left: list[Expr] = list(relation.left.terms) if isinstance(relation.left, Add) else [relation.left]
    right: list[Expr] = list(relation.right.terms) if isinstance(relation.right, Add) else [relation.right]
    for term in list(left):
        if term in right and (len(left) > 1 or len(right) > 1):
            left.remove(term)
            right.remove(term)
    return Relation(add(*left), relation.op, add(*right))


def is_common(statement: Statement) -> bool:
    """Whether every reader knows it without a name: `x**2 + y**2 + z**2 >= xy + yz + zx`, AM-GM for two, `t + 1/t >= 2`."""
    if _is_binomial_square(statement):
        return True
    gap = _collected(upward(statement.claim).gap())
    above = [body for body, c in gap.items() if c > 0]
    if len(above) == 2 and is_mean_instance(statement):
        return True
    scale = max(gap.values(), default=Fraction(1))
    squares = [body for body in above if gap[body] == scale]
    if len(squares) == len(above) == len(gap) - len(above) == 3 and scale > 0:
        x, y, z = (_half(body) for body in squares)
        return _agree(
            statement,
            add(*squares),
            add(mul(x, y), mul(y, z), mul(z, x), mul(num(1 / scale), upward(statement.claim).gap())),
        )
    rest = gap.pop(num(1), Fraction(0))
    pairs = {body: power(body, -1) for body in gap}
    if not gap or len(gap) % 2 or rest > 0 or any(c <= 0 for c in gap.values()):
        return False
    matched = all(any(gap[other] == c and _agree(statement, inverse, other) for other in gap)
                  for (body, inverse), c in zip(pairs.items(), gap.values(), strict=True))  # fmt: skip
    return matched and sum(gap.values(), rest) == 0


def _is_binomial_square(statement: Statement) -> bool:
    """`(x + y)**2 >= 4xy` and the like: two squares and twice their product, once multiplied out."""
    monomials = _monomials(statement) or []
    above = [(c, x) for c, x in monomials if c > 0 and all(e % 2 == 0 for e in x)]
    below = [(c, x) for c, x in monomials if c < 0]
    if len(monomials) != 3 or len(above) != 2 or len(below) != 1:
        return False
    (c, x), (d, y), (e, z) = *above, below[0]
    return e * e == 4 * c * d and all(2 * k == i + j for i, j, k in zip(x, y, z, strict=True))


def is_three_squares(statement: Statement) -> bool:
    """`(x + y + z)**2 >= 3(xy + yz + zx)` and `3(x**2 + y**2 + z**2) >= (x + y + z)**2`."""
    monomials = _monomials(statement) or []
    above = {x for c, x in monomials if c > 0}
    below = {x for c, x in monomials if c < 0}
    if len({abs(c) for c, _ in monomials}) != 1 or len(above) != 3 or len(below) != 3:
        return False
    return all(sum(x) == 2 and max(x) == 2 for x in above) and all(sum(x) == 2 and max(x) == 1 for x in below)


def same_form(one: Statement, two: Statement) -> bool:
    """Whether two relations are written alike: the same terms up to a factor, moving terms, and renaming of variables."""
    first, second = (_collected(upward(s.claim).gap()) for s in (one, two))
    names, others = one.claim.variables(), two.claim.variables()
    if len(first) != len(second) or len(names) != len(others) or len(names) > 5:
        return False
    for order in itertools.permutations(others):
        by = {n: Var(o) for n, o in zip(names, order, strict=True)}
        renamed = {body: c for b, c in first.items() for body in (in_one_order(substitute(b, by)),)}
        ratios = {renamed[b] / c for b, c in ((in_one_order(b), c) for b, c in second.items()) if b in renamed}
        if len(ratios) == 1 and min(ratios) > 0 and set(renamed) == {in_one_order(b) for b in second}:
            return True
    return False


def in_one_order(expr: Expr) -> Expr:
    """An expression with the parts of sums and products in one order."""
    inner = rebuild(expr, in_one_order)
    if isinstance(inner, Mul):
        return Mul(tuple(sorted(inner.factors, key=repr)))
    return Add(tuple(sorted(inner.terms, key=repr))) if isinstance(inner, Add) else inner


def _collected(expr: Expr) -> dict[Expr, Fraction]:
    """A sum by its terms: bodies without numbers, and their coefficients; like terms taken together."""
    out: dict[Expr, Fraction] = {}
    for coefficient, body in _terms(expr):
        out[body] = out.get(body, Fraction(0)) + coefficient
    return {body: c for body, c in out.items() if c}


def tidied(expr: Expr) -> Expr:
    """A sum with like terms taken together."""
    return add(*(mul(num(c), body) for body, c in _collected(expr).items()))


def _terms(expr: Expr) -> Iterator[tuple[Fraction, Expr]]:
    if isinstance(expr, Num):
        yield expr.value, num(1)
    elif isinstance(expr, Add):
        for term in expr.terms:
            yield from _terms(term)
    elif isinstance(expr, Mul):
        numbers = [f.value for f in expr.factors if isinstance(f, Num)]
        rest = [f for f in expr.factors if not isinstance(f, Num)]
        scale = Fraction(1)
        for value in numbers:
            scale *= value
        if len(rest) == 1:
            for coefficient, body in _terms(rest[0]):
                yield scale * coefficient, body
        else:
            yield scale, mul(*sorted(rest, key=repr))
    else:
        yield Fraction(1), expr


def _agree(statement: Statement, left: Expr, right: Expr) -> bool:
    points = feasible_points(statement, Budget(starts=40, seed=7))[:16]
    if len(points) < 4:
        return False
    with np.errstate(all="ignore"):
        values = compile_floats([left, right], statement.variables)(points)
    values = values[np.isfinite(values).all(axis=1)]
    return len(values) >= 4 and bool(np.allclose(values[:, 0], values[:, 1], rtol=1e-8))


def _parts(expr: Expr) -> list[Expr]:
    """The terms of a sum as they are written, numbers drawn in; one part for anything else."""
    return [mul(num(c), body) for c, body in _terms(expr)]


def _sums(expr: Expr) -> tuple[list[Expr], list[Expr]]:
    """The factors of a product that are sums, and the others."""
    factors = list(expr.factors) if isinstance(expr, Mul) else [expr]
    flat = [f for factor in factors for f in _twice(factor)]
    return [f for f in flat if isinstance(f, Add)], [f for f in flat if not isinstance(f, Add)]


def _twice(factor: Expr) -> list[Expr]:
    return [factor.base] * 2 if isinstance(factor, Pow) and factor.exponent == num(2) else [factor]


def _half(expr: Expr) -> Expr:
    """The square root, squares in it undone (the sign of x in x**2 is free to choose)."""
    factors = expr.factors if isinstance(expr, Mul) else (expr,)
    out = []
    for f in factors:
        base, exponent = (f.base, f.exponent) if isinstance(f, Pow) else (f, num(1))
        out.append(power(base, exponent.value / 2) if isinstance(exponent, Num) else power(f, Fraction(1, 2)))
    return mul(num(1), *out)


def _is_cauchy(statement: Statement, relation: Relation) -> bool:
    """`sum(p) sum(q) >= sum(sqrt(p q))**2`, and in Engel's form `sum(u**2 / v) >= sum(u)**2 / sum(v)`."""
    sums, others = _sums(relation.left)
    outer = mul(num(1), *others)
    for i, chosen in enumerate(sums):
        rest = mul(outer, *(s for j, s in enumerate(sums) if j != i))
        tops, bottoms = zip(*(quotient(t) for t in _parts(chosen)), strict=True)
        for v in (bottoms, tuple(mul(t, b) for t, b in zip(tops, bottoms, strict=True))):
            u = [_half(mul(x, y)) for x, y in zip(_parts(chosen), v, strict=True)]
            whole = mul(rest, power(add(*u), 2))
            if _agree(statement, mul(relation.right, add(*v)), whole):
                return True
    for one, two in itertools.combinations(sums, 2):
        p, q = _parts(one), _parts(two)
        if len(p) != len(q) or len(p) > _MOST:
            continue
        left = list(sums)
        left.remove(one)
        left.remove(two)
        for order in itertools.permutations(q):
            inner = add(*(_half(mul(x, y)) for x, y in zip(p, order, strict=True)))
            if _agree(statement, relation.right, mul(outer, *left, power(inner, 2))):
                return True
    return False


def _is_chebyshev(statement: Statement, relation: Relation) -> bool:
    """`n sum(x y) >= sum(x) sum(y)` up to a constant."""
    sums, others = _sums(relation.right)
    for one, two in itertools.combinations(sums, 2):
        p, q = _parts(one), _parts(two)
        if len(p) != len(q) or len(p) > _MOST:
            continue
        outer = [*others, *(s for s in sums if s is not one and s is not two)]
        for order in itertools.permutations(q):
            products = mul(num(len(p)), add(*(mul(x, y) for x, y in zip(p, order, strict=True))))
            if _agree(statement, relation.left, mul(*outer, products)):
                return True
    return False


def _is_jensen(statement: Statement) -> bool:
    """`f(x1) + ... + f(xn)` against `n f((x1 + ... + xn) / n)`, either way round."""
    names = statement.variables
    n = len(names)
    mean = mul(num(Fraction(1, n)), add(*(Var(v) for v in names))) if n > 1 else None
    for side, other in ((statement.claim.left, statement.claim.right), (statement.claim.right, statement.claim.left)):
        parts = _parts(side)
        if mean is None or len(parts) != n:
            continue
        first = parts[0]
        used = [v for v in names if substitute(first, {v: num(2)}) != first]
        if len(used) != 1:
            continue
        spelled = add(*(substitute(first, {used[0]: Var(v)}) for v in names))
        if _agree(statement, side, spelled) and _agree(
            statement, other, mul(num(n), substitute(first, {used[0]: mean}))
        ):
            return True
    return False


def _monomials(statement: Statement) -> list[tuple[Fraction, tuple[int, ...]]] | None:
    """The gap as an expanded polynomial in the statement's variables; None where it is none."""
    from olmix.proofs.proving.algebra import Unsupported, build_system, to_fraction

    try:
        system = build_system(dataclasses.replace(statement, constraints=()))
    except (Unsupported, UserError):
        return None
    if len(system.signs) != len(statement.variables) or len(system.goal) > 80:
        return None
    return [(to_fraction(c), tuple(int(e) for e in x)) for x, c in system.goal.to_dict().items()]


def _is_muirhead(statement: Statement) -> bool:
    """Two symmetric sums, the exponents of the greater one majorizing those of the other."""
    if any(d == "real" for d in statement.domains):
        return False
    monomials = _monomials(statement)
    if not monomials:
        return False
    orbits: dict[tuple[int, ...], Fraction] = {}
    for c, x in monomials:
        shape = tuple(sorted(x, reverse=True))
        orbits[shape] = orbits.get(shape, Fraction(0)) + c
    if len(orbits) != 2 or sum(orbits.values()) != 0:
        return False
    shapes: dict[tuple[int, ...], set[Fraction]] = {}
    for c, x in monomials:
        shapes.setdefault(tuple(sorted(x, reverse=True)), set()).add(c)
    full = sum(len(set(itertools.permutations(s))) for s in shapes)
    if full != len(monomials) or any(len(cs) > 1 for cs in shapes.values()):
        return False
    (big, _), (small, _) = sorted(orbits.items(), key=lambda item: -item[1])
    return sum(big) == sum(small) and all(sum(big[:k]) >= sum(small[:k]) for k in range(len(big)))


def _is_rearranged(statement: Statement) -> bool:
    """`sum(x**p)` against `sum(x**q y**(p - q))`, y running through the variables once: sequences that are sorted alike
    where q and p - q have the same sign, so that the first sum is the greater one, and oppositely where they have not.
    """
    gap = _collected(upward(statement.claim).gap())
    n, names = len(statement.variables), set(statement.variables)
    if any(d == "real" for d in statement.domains) or len(gap) != 2 * n or len({abs(c) for c in gap.values()}) != 1:
        return False
    powers = [(c > 0, _exponents(body)) for body, c in gap.items()]
    pure = [(above, e) for above, e in powers if e is not None and len(e) == 1]
    mixed = [(above, sorted((p, v) for v, p in e.items())) for above, e in powers if e is not None and len(e) == 2]
    if len(pure) != n or len(mixed) != n or {above for above, _ in pure} & {above for above, _ in mixed}:
        return False
    degrees = {p for _, e in pure for p in e.values()}
    splits = {(low, high) for _, ((low, _), (high, _)) in mixed}
    if len(degrees) != 1 or len(splits) != 1 or {v for _, e in pure for v in e} != names:
        return False
    low, high = next(iter(splits))
    once = all({pair[k][1] for _, pair in mixed} == names for k in (0, 1))
    return once and low != high and low + high == next(iter(degrees)) and pure[0][0] == (low * high > 0)


def _exponents(body: Expr) -> dict[str, Fraction] | None:
    """A product of powers of variables by its exponents."""
    out: dict[str, Fraction] = {}
    for factor in body.factors if isinstance(body, Mul) else (body,):
        base, exponent = (factor.base, factor.exponent) if isinstance(factor, Pow) else (factor, num(1))
        if not isinstance(base, Var) or not isinstance(exponent, Num):
            return None
        out[base.name] = out.get(base.name, Fraction(0)) + exponent.value
    return {v: p for v, p in out.items() if p}


def _is_schur(statement: Statement) -> bool:
    """`sum(x**t (x - y)(x - z)) >= 0` for t = 1 and t = 2."""
    names = statement.variables
    if len(names) != 3 or any(d == "real" for d in statement.domains):
        return False
    key = canonical_key(dataclasses.replace(statement, constraints=()))
    return any(canonical_key(_schur(names, statement.domains, t)) == key for t in (1, 2))


def _schur(names: Sequence[str], domains: Sequence[str], t: int) -> Statement:
    x, y, z = (Var(n) for n in names)
    terms = [mul(power(p, t), sub(p, q), sub(p, r)) for p, q, r in ((x, y, z), (y, z, x), (z, x, y))]
    return make_statement(Relation(add(*terms), ">=", num(0)), dict(zip(names, domains, strict=True)), [])
