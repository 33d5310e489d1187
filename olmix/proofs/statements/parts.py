"""A claim that is several at once, part by part: |x| <= c, max(x, y) <= c and min(x, y) >= c.

The parts say together what the claim says wherever the claim has a value, and each has a value there. So proofs of all
parts prove the claim, and a point refutes the claim where it refutes a part and the claim has a value.
"""

from __future__ import annotations

import math
from fractions import Fraction

from olmix.proofs.statements.expr import ZERO, Add, Expr, Fun, Mul, Num, Relation, add, mul, neg, num, walk
from olmix.proofs.statements.statement import Statement

#: A claim that would fall into more parts than this is left whole.
MOST_PARTS = 16


def split_claim(statement: Statement) -> tuple[Statement, ...]:
    """The parts of a claim, or the statement alone."""
    claim = statement.claim
    if claim.op in ("=", "!="):
        return (statement,)
    op = ">" if claim.op in ("<", ">") else ">="
    gap = claim.gap()
    if math.prod(max(len(node.args), 2) for node in walk(gap) if isinstance(node, Fun)) > MOST_PARTS:
        return (statement,)
    parts = _gaps(gap)
    if len(parts) == 1:
        return (statement,)
    return tuple(statement.with_claim(_relation(gap, op)) for gap in parts)


def _gaps(gap: Expr) -> list[Expr]:
    """Expressions that are all non-negative exactly where `gap` is."""
    terms = list(gap.terms) if isinstance(gap, Add) else [gap]
    for i, term in enumerate(terms):
        factor, function = _multiple(term)
        if function is None:
            continue
        if function.name == ("min" if factor > 0 else "max"):
            values = list(function.args)
        elif function.name == "abs" and factor < 0:
            values = [function.args[0], neg(function.args[0])]
        else:
            continue
        rest = [*terms[:i], *terms[i + 1 :]]
        whole = [part for value in values for part in _gaps(add(*rest, _times(factor, value)))]
        return list(dict.fromkeys(whole))
    return [gap]


def _multiple(term: Expr) -> tuple[Fraction, Fun | None]:
    """A constant times a call of a function, as the two; no function for other terms."""
    if isinstance(term, Fun):
        return Fraction(1), term
    if isinstance(term, Mul) and len(term.factors) == 2:
        factor, function = term.factors
        if isinstance(factor, Num) and factor.value and isinstance(function, Fun):
            return factor.value, function
    return Fraction(0), None


def _times(factor: Fraction, value: Expr) -> Expr:
    if isinstance(value, Add):
        return add(*(mul(num(factor), term) for term in value.terms))
    return mul(num(factor), value)


def _relation(gap: Expr, op: str) -> Relation:
    """`gap >= 0` with what it subtracts on the other side."""
    left: list[Expr] = []
    right: list[Expr] = []
    for term in gap.terms if isinstance(gap, Add) else (gap,):
        negative = isinstance(term, Num) and term.value < 0
        negative |= isinstance(term, Mul) and isinstance(term.factors[0], Num) and term.factors[0].value < 0
        (right if negative else left).append(neg(term) if negative else term)
    return Relation(add(*left) if left else ZERO, op, add(*right) if right else ZERO)
