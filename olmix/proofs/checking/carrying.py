"""What may carry a claim: relations that are lighter than the claim itself, and that stand without it.

A true relation that is as hard as the claim supports nothing by being written down: it has to be evident, to be derived, or
to be a theorem's own inequality. How hard a relation is, is measured by what it is as a polynomial (terms and variables,
denominators cleared), never by what our prover makes of it. And an expression that is defined only where the claim holds,
as the square root of its two sides' difference, or that equals another only there, as the absolute value of that
difference, uses what is to be shown.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from olmix.errors import UserError
from olmix.proofs.checking.facts import Fact, restates
from olmix.proofs.checking.forms import kinds_of, proportional, visibly_nonneg
from olmix.proofs.checking.instances import is_instance, tidied
from olmix.proofs.proving.algebra import Unsupported, build_system
from olmix.proofs.proving.keys import canonical_key
from olmix.proofs.refuting.falsify import Budget, feasible_points
from olmix.proofs.statements.expr import Add, Expr, Fun, Num, Pow, Relation, add, mul, neg, num, sub, variables_of, walk
from olmix.proofs.statements.numeric import compile_floats
from olmix.proofs.statements.statement import Statement

#: What has no more terms is light beside every claim that has more.
_FEW = 3


def presumes(relation: Relation, statement: Statement) -> bool:
    """Whether what brings in a letter says what is to be shown: `let k be such that L = R + k**2`."""
    own = set(statement.variables)
    if relation.op != "=" or set(relation.variables()) <= own:
        return False
    gap = tidied(relation.gap())
    terms = gap.terms if isinstance(gap, Add) else (gap,)
    rest = add(*(t for t in terms if set(variables_of(t)) <= own))
    target = Fact(statement.claim, statement, "", announced=True, number=0)
    kinds, claimed = kinds_of(statement), statement.claim.gap()
    if not variables_of(rest):
        return False
    return any(proportional(r, claimed, kinds) for r in (rest, neg(rest))) or (
        len(terms) > 1 and heavy(Relation(rest, ">=", num(0)), statement, target)
    )


def heavy(relation: Relation, statement: Statement, target: Fact) -> bool:
    """Whether a relation is at least as hard as the target: as many terms, in as many variables."""
    here, there = _size(statement.with_claim(relation)), _size(target.statement)
    parts = _parts(relation, statement)
    if len(parts) > 1:
        sizes = [_size(statement.with_claim(part)) for part in parts]
        here = max((s for s in sizes if s), default=None) if all(sizes) else None
    if here is None or there is None:
        here, there = _length(relation), _length(target.relation)
    return here[0] > min(_FEW, there[0] - 1) and here[0] >= there[0] and here[1] >= there[1]


def _parts(relation: Relation, statement: Statement) -> list[Relation]:
    """A sum of functions of one variable each, with the constant shared out, where each of them holds by itself."""
    gap = tidied(relation.gap())
    by: dict[tuple[str, ...], list[Expr]] = {}
    for term in gap.terms if isinstance(gap, Add) else (gap,):
        by.setdefault(variables_of(term), []).append(term)
    shared = add(*by.pop((), []))
    if len(by) < 2 or any(len(names) != 1 for names in by):
        return []
    parts = [add(*terms, mul(num(Fraction(1, len(by))), shared)) for terms in by.values()]
    if any(_negative_somewhere(part, statement) for part in parts):
        return []
    return [Relation(part, ">=", num(0)) for part in parts]


@functools.lru_cache(maxsize=1024)
def _size(statement: Statement) -> tuple[int, int] | None:
    """Terms and variables of the gap as a polynomial, the hypotheses left aside; None where it is none."""
    try:
        goal = build_system(Statement(statement.claim, statement.variables, statement.domains)).goal
    except (Unsupported, UserError):
        return None
    return len(goal), sum(1 for degree in goal.degrees() if degree)


def _length(relation: Relation) -> tuple[int, int]:
    return sum(1 for side in (relation.left, relation.right) for _ in walk(side)), len(relation.variables())


def stands(fact: Fact, target: Fact) -> bool:
    """Whether every root and absolute value of a fact, and of the chain that it comes from, is there without the claim."""
    given = {node for side in (target.relation.left, target.relation.right) for node in walk(side)}
    relations = [fact.relation, *(link.relation for link in fact.links)]
    nodes = {node for r in relations for side in (r.left, r.right) for node in walk(side)} - given
    return all(_granted(inner, root, fact, target) for node in nodes for inner, root in _inside(node))


def _inside(node: Expr) -> Iterator[tuple[Expr, bool]]:
    """What stands inside an absolute value or an even root, and whether it must not be negative there."""
    if isinstance(node, Fun) and node.name == "abs":
        yield node.args[0], False
    if isinstance(node, Fun) and node.name in ("max", "min"):
        for one, two in itertools.combinations(node.args, 2):
            yield sub(one, two), False
    if isinstance(node, Pow) and isinstance(node.exponent, Num) and node.exponent.value.denominator % 2 == 0:
        yield node.base, True
        for part in walk(node.base):
            # The root of a square is an absolute value.
            if isinstance(part, Pow) and isinstance(part.exponent, Num) and part.exponent.value.numerator % 2 == 0:
                yield part.base, False


def _granted(inner: Expr, root: bool, fact: Fact, target: Fact) -> bool:
    kinds = kinds_of(fact.statement)
    if isinstance(inner, Num) or visibly_nonneg(inner, kinds):
        return True
    gap = target.relation.gap()
    if any(proportional(one, gap, kinds) for one in (inner, neg(inner))):
        return False
    if root and _negative_somewhere(inner, fact.statement):
        return False
    return not heavy(Relation(inner, ">=", num(0)), fact.statement, target)


def _negative_somewhere(expr: Expr, statement: Statement) -> bool:
    """Whether an expression may be negative: so it may where it has letters of the proof's own."""
    if not set(variables_of(expr)) <= set(statement.variables):
        return True
    points = feasible_points(statement, Budget(starts=120, seed=7))
    if not len(points):
        return True
    with np.errstate(all="ignore"):
        values = compile_floats([expr], statement.variables)(points)[:, 0]
    return bool((values[np.isfinite(values)] < -1e-6).any())


def carries(fact: Fact, target: Fact) -> bool:
    """Whether a checked relation may support the target without support of its own."""
    if fact.relation.op in ("=", "!=") or not fact.number:
        return True
    given = [c.gap() for c in fact.statement.constraints if c.op not in ("=", "!=")]
    if any(proportional(gap, fact.relation.gap(), kinds_of(fact.statement)) for gap in given):
        return True
    if not heavy(fact.relation, fact.statement, target):
        return True
    # A theorem's own inequality, named or not, unless it is the target, multiplied by something positive for instance.
    return not same_by_itself(fact, target) and is_instance(fact.statement)


def same_by_itself(fact: Fact, target: Fact) -> bool:
    """Whether a fact is the target in another form, without any use of the hypotheses."""
    return restates(fact, target) or _free_key(fact) == _free_key(target)


def _free_key(fact: Fact) -> str:
    return canonical_key(dataclasses.replace(fact.statement, constraints=()))


__all__ = ["carries", "heavy", "presumes", "same_by_itself", "stands"]
