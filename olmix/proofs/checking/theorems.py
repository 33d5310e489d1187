"""Whether a relation is an instance of a theorem with roots: AM-GM with its product written out, Hoelder, Minkowski.

Everything is seen in floats at a few points, term by term: this decides what counts as a reason, not what is true.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from fractions import Fraction

import numpy as np

from olmix.proofs.checking.forms import upward
from olmix.proofs.refuting.falsify import Budget, feasible_points
from olmix.proofs.statements.expr import Add, Expr, Mul, Num, Pow, mul, num, power
from olmix.proofs.statements.numeric import compile_floats
from olmix.proofs.statements.statement import Statement

#: Sums with more terms than this are not permuted.
_MOST = 4


def is_rooted_instance(statement: Statement, theorems: Collection[str]) -> bool:
    """Whether the claim is one of these inequalities, as far as they are among the theorems."""
    points = feasible_points(statement, Budget(starts=40, seed=7))[:12]
    if len(points) < 4:
        return False
    claim = upward(statement.claim)
    tests = (
        ("mean", _is_written_mean), ("mean", _is_written_in_groups), ("mean", _is_product_of_means),
        ("cauchy", _is_cauchy_with_numbers), ("cauchy", _is_engel_form),
        ("hoelder", _is_hoelder), ("minkowski", _is_minkowski),
    )  # fmt: skip
    chosen = [test for name, test in tests if name in theorems]
    return any(test(claim.left, claim.right, statement.variables, points) for test in chosen)


def _values(exprs: Sequence[Expr], names: Sequence[str], points: np.ndarray) -> np.ndarray:
    """Shape (expressions, points)."""
    with np.errstate(all="ignore"):
        return compile_floats(list(exprs), tuple(names))(points).T


def _close(one: np.ndarray, two: np.ndarray) -> bool:
    fine = np.isfinite(one) & np.isfinite(two)
    return int(fine.sum()) >= 4 and bool(np.allclose(one[fine], two[fine], rtol=1e-8))


def _is_written_mean(big: Expr, small: Expr, names: Sequence[str], points: np.ndarray) -> bool:
    """`x1 + ... + xn >= n (x1 ... xn)**(1/n)` where the product is written out, each factor once."""
    factors = small.factors if isinstance(small, Mul) else (small,)
    scale = mul(num(1), *(f for f in factors if isinstance(f, Num)))
    roots = [f for f in factors if not isinstance(f, Num)]
    if len(roots) != 1 or not isinstance(roots[0], Pow) or not isinstance(roots[0].base, Mul):
        return False
    inside, exponent = roots[0].base.factors, roots[0].exponent
    n = len(inside)
    if exponent != num(Fraction(1, n)) or scale not in (num(n), num(1)):
        return False
    values = _values([big, *inside], names, points)
    factor = 1 if scale == num(n) else 1 / n
    return bool((values[1:] >= 0).all()) and _close(values[0], factor * values[1:].sum(axis=0))


def _is_written_in_groups(big: Expr, small: Expr, names: Sequence[str], points: np.ndarray) -> bool:
    """`(u + v) + (v + w) + (w + u) >= 2 sqrt(u v) + 2 sqrt(v w) + 2 sqrt(w u)`: one application to each group of terms."""
    many, few = (e.terms if isinstance(e, Add) else (e,) for e in (big, small))
    if not 2 <= len(few) <= _MOST or len(many) % len(few) or len(many) == len(few):
        return False
    size = len(many) // len(few)
    values, wanted = _values(many, names, points), _values(few, names, points)
    if (values < 0).any():
        return False
    left = list(range(len(few)))
    for start in range(0, len(many), size):
        least = size * np.prod(values[start : start + size], axis=0) ** (1 / size)
        found = next((i for i in left if _close(wanted[i], least)), None)
        if found is None:
            return False
        left.remove(found)
    return True


def _is_product_of_means(big: Expr, small: Expr, names: Sequence[str], points: np.ndarray) -> bool:
    """`(u + v)(v + w)(w + u) >= 2 sqrt(u v) 2 sqrt(v w) 2 sqrt(w u)`: one application to each factor."""
    sums = [f.terms for f in (big.factors if isinstance(big, Mul) else ()) if isinstance(f, Add)]
    rest = [f for f in (big.factors if isinstance(big, Mul) else ()) if not isinstance(f, Add)]
    if len(sums) < 2 or any(isinstance(t, Num) and t.value < 0 for s in sums for t in s):
        return False
    least = np.ones(len(points))
    for terms in sums:
        values = _values(terms, names, points)
        if (values < 0).any():
            return False
        least = least * len(terms) * np.prod(values, axis=0) ** (1 / len(terms))
    wanted, others = _values([small, mul(num(1), *rest)], names, points)
    return bool((others >= 0).all()) and _close(wanted, others * least)


def _terms(expr: Expr) -> list[Expr]:
    """The terms of a sum; a whole number counts as that many ones."""
    out: list[Expr] = []
    for term in expr.terms if isinstance(expr, Add) else (expr,):
        if isinstance(term, Num) and term.value.denominator == 1 and 1 < term.value <= _MOST:
            out += [num(1)] * int(term.value)
        else:
            out.append(term)
    return out


def _is_hoelder(big: Expr, small: Expr, names: Sequence[str], points: np.ndarray) -> bool:
    """`sum(p) sum(q) sum(r) >= sum((p q r)**(1/3))**3` and the same for two or four sums."""
    factors = big.factors if isinstance(big, Mul) else (big,)
    sums: list[list[Expr]] = []
    for factor in factors:
        times, base = 1, factor
        if isinstance(factor, Pow) and factor.exponent in (num(2), num(3)):
            times, base = int(factor.exponent.value), factor.base
        sums += [_terms(base)] * times
    n, size = len(sums), len(sums[0])
    if not 2 <= n <= 4 or not 2 <= size <= _MOST or any(len(s) != size for s in sums):
        return False
    if n * (size - 1) > 6:
        return False
    parts = [_values(s, names, points) for s in sums]
    if any((p < 0).any() for p in parts):
        return False
    wanted = _values([power(small, Fraction(1, n))], names, points)[0]
    orders = list(itertools.permutations(range(size)))
    for chosen in itertools.product(orders, repeat=n - 1):
        product = parts[0].copy()
        for part, order in zip(parts[1:], chosen, strict=True):
            product = product * part[list(order)]
        if _close(wanted, (product ** (1 / n)).sum(axis=0)):
            return True
    return False


def _is_cauchy_with_numbers(big: Expr, small: Expr, names: Sequence[str], points: np.ndarray) -> bool:
    """`(1 + 4 + 4)(x**2 + y**2 + z**2) >= (x + 2y + 2z)**2`, where the numbers have been added up."""
    factors = big.factors if isinstance(big, Mul) else (big,)
    sums = [f.terms for f in factors if isinstance(f, Add)] or ([big.terms] if isinstance(big, Add) else [])
    if len(sums) != 1 or not isinstance(small, Pow) or small.exponent != num(2) or not isinstance(small.base, Add):
        return False
    rest = [f for f in factors if isinstance(f, Num)] if isinstance(big, Mul) else []
    if len(rest) + 1 != len(factors) and isinstance(big, Mul):
        return False
    tops, bottoms = small.base.terms, sums[0]
    values = _values([mul(num(1), *rest), *bottoms, *tops], names, points)
    scale, below, above = values[0, 0], values[1 : len(bottoms) + 1], values[len(bottoms) + 1 :]
    if scale >= len(tops) and _close(below.sum(axis=0), (above**2).sum(axis=0)):
        return True  # `(1 + 1 + 1)((a + b) + (b + c) + (c + a))`, which has six terms by now.
    if len(tops) != len(bottoms) or len(tops) > _MOST:
        return False
    fine = (below > 1e-9).all(axis=0)
    if (below < 0).any() or fine.sum() < 4:
        return False
    below, above = below[:, fine], above[:, fine]
    for order in itertools.permutations(range(len(bottoms))):
        ratios = above**2 / below[list(order)]
        if np.allclose(ratios, ratios[:, :1], rtol=1e-8) and ratios[:, 0].sum() <= scale * (1 + 1e-9):
            return True
    return False


def _is_engel_form(big: Expr, small: Expr, names: Sequence[str], points: np.ndarray) -> bool:
    """`sum(u**2 / v) >= sum(u)**2 / sum(v)`, whatever number each quotient on the left has been reduced by."""
    squares = [f.base for f in (small.factors if isinstance(small, Mul) else (small,))
               if isinstance(f, Pow) and f.exponent == num(2) and isinstance(f.base, Add)]  # fmt: skip
    quotients = big.terms if isinstance(big, Add) else ()
    for base in squares:
        tops = base.terms
        if len(tops) != len(quotients) or len(tops) > _MOST:
            continue
        values = _values([small, *quotients, *tops], names, points)
        fractions, above = values[1 : len(tops) + 1], values[len(tops) + 1 :]
        if not (fractions > 0).all():
            continue
        for order in itertools.permutations(range(len(tops))):
            below = (above**2 / fractions[list(order)]).sum(axis=0)
            if _close(values[0] * below, above.sum(axis=0) ** 2):
                return True
    return False


def _is_minkowski(big: Expr, small: Expr, names: Sequence[str], points: np.ndarray) -> bool:
    """`sum_i sqrt(sum_j x_ij**2) >= sqrt(sum_j (sum_i x_ij)**2)` for any signs of the x_ij."""
    half = num(Fraction(1, 2))
    roots = big.terms if isinstance(big, Add) else ()
    if not 2 <= len(roots) <= 3 or any(not isinstance(r, Pow) or r.exponent != half for r in roots):
        return False
    rows = [list(r.base.terms) if isinstance(r.base, Add) else [r.base] for r in roots]  # type: ignore[union-attr]
    size = len(rows[0])
    if size > 3 or any(len(row) != size for row in rows):
        return False
    values = [_values(row, names, points) for row in rows]
    if any((v < 0).any() for v in values):
        return False
    wanted = _values([power(small, 2)], names, points)[0]
    lengths = [np.sqrt(v) for v in values]
    signed = [_signed_lengths(row, length, names, points) for row, length in zip(rows, lengths, strict=True)]
    orders = list(itertools.permutations(range(size)))
    for table in (lengths, signed):
        for chosen in itertools.product(orders, repeat=len(rows) - 1):
            total = table[0].copy()
            for length, order in zip(table[1:], chosen, strict=True):
                total = total + length[list(order)]
            if _close(wanted, (total**2).sum(axis=0)):
                return True
    return False


def _signed_lengths(row: Sequence[Expr], lengths: np.ndarray, names: Sequence[str], points: np.ndarray) -> np.ndarray:
    """Where a square is written as one, its base with the sign that it has."""
    out = lengths.copy()
    for i, term in enumerate(row):
        if isinstance(term, Pow) and term.exponent == num(2):
            out[i] = _values([term.base], names, points)[0]
    return out
