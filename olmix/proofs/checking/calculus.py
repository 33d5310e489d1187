"""`f'(x) = 6x(x - 1)`, so f falls up to 1 and rises from there on: a claim in one variable by the sign of a derivative.

The proof has to state the derivative. That it has the sign which makes the point c the least place, `(x - c) f'(x) >= 0` on the
whole interval, is confirmed by a certificate, and `f(c) >= 0` exactly; f must have no poles inside the interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from olmix.errors import UserError
from olmix.proofs.checking.combine import confirmed
from olmix.proofs.checking.facts import Fact
from olmix.proofs.checking.forms import kinds_of, proportional, upward, visibly_nonneg
from olmix.proofs.statements.calculus import derivative
from olmix.proofs.statements.expr import Expr, Fun, Num, Pow, Relation, Var, mul, neg, num, sub, walk
from olmix.proofs.statements.numeric import Undefined, holds_at
from olmix.proofs.statements.statement import Statement

#: More numbers of a proof are not tried as the least place.
_MOST = 12


def by_derivative(target: Fact, facts: Sequence[Fact]) -> bool:
    """Whether a derivative that the proof states shows the target."""
    statement = target.statement
    relation = upward(statement.claim)
    if len(statement.variables) != 1 or relation.op != ">=" or not _is_interval(statement) or not _smooth(statement):
        return False
    name, gap = statement.variables[0], relation.gap()
    slope = derivative(gap, name)
    sides = [s for f in facts if f.relation.op == "=" for s in (f.relation.left, f.relation.right)]
    kinds = kinds_of(statement)
    if not any(proportional(side, one, kinds) for side in sides for one in (slope, neg(slope))):
        return False
    written = {
        n.value for f in facts for s in (f.relation.left, f.relation.right) for n in walk(s) if isinstance(n, Num)
    }
    bounds = {n.value for c in statement.constraints for n in (c.left, c.right) if isinstance(n, Num)}
    for value in sorted(bounds | written | {Fraction(0), Fraction(1)})[:_MOST]:
        if not _within(statement, value) or not _good(gap, name, value):
            continue
        turned = Relation(mul(sub(Var(name), num(value)), slope), ">=", num(0))
        try:
            if confirmed(statement.with_claim(turned)):
                return True
        except UserError:
            continue
    return False


def _is_interval(statement: Statement) -> bool:
    """Whether the hypotheses are bounds by numbers, so that between two points of the problem lie only such."""
    return statement.domains[0] != "natural" and all(
        c.op in ("<", "<=", ">", ">=") and {type(c.left), type(c.right)} == {Var, Num} for c in statement.constraints
    )


def _smooth(statement: Statement) -> bool:
    """Whether both sides are continuous on the interval, as they are written: no functions, no poles but at zero."""
    kinds = kinds_of(statement)
    for node in (*walk(statement.claim.left), *walk(statement.claim.right)):
        if isinstance(node, Fun):
            return False
        if isinstance(node, Pow):
            if not isinstance(node.exponent, Num):
                return False
            plain = node.exponent.value.denominator == 1 and node.exponent.value > 0
            if not plain and (statement.domains[0] == "real" or not visibly_nonneg(node.base, kinds)):
                return False
    return True


def _within(statement: Statement, value: Fraction) -> bool:
    """Whether a number lies in the interval or on its border."""
    if statement.domains[0] in ("pos", "nonneg") and value < 0:
        return False
    at = {statement.variables[0]: value}
    closed = {"<": "<=", ">": ">="}
    return all(holds_at(Relation(c.left, closed.get(c.op, c.op), c.right), at) is True for c in statement.constraints)


def _good(gap: Expr, name: str, value: Fraction) -> bool:
    """Whether the claim holds at the number, exactly."""
    try:
        return holds_at(Relation(gap, ">=", num(0)), {name: value}) is True
    except Undefined:
        return False
