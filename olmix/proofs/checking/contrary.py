"""Proofs by contradiction: what the opposite of the claim leads to, read as what is enough for the claim.

"Suppose A < B. Then C < D, which is impossible" is "it is enough that C >= D" for someone who reads it backwards; so each
relation is either one that holds anyway, or one whose opposite does, and that opposite is a goal.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from olmix.proofs.checking.forms import kinds_of, proportional
from olmix.proofs.checking.links import Context, LinkResult, check_relation
from olmix.proofs.checking.shapes import is_point
from olmix.proofs.statements.expr import NEGATED, Relation, neg

_UNCLEAR = LinkResult("unchecked", "inside a proof by contradiction")


def opposes(relation: Relation, context: Context) -> bool:
    """Whether a supposition is the opposite of the claim, strictness aside."""
    claim, there = context.statement.claim.map(context.expand), relation.map(context.expand)
    if {there.op, claim.op} & {"=", "!="}:
        return False
    return proportional(neg(there.gap()), claim.gap(), kinds_of(context.statement))


def under_contrary(
    relation: Relation, context: Context, given: Sequence[Relation], certain: bool, last: bool = False
) -> tuple[Relation, str, LinkResult]:
    """A relation under the opposite of the claim, its role and its check; `certain`: no equation was supposed;
    `last`: it stands in the sentence that calls it a contradiction.

    An equation must hold all the same: no inequality makes it true. A point (`a = b`) may be where equality is looked at.
    """
    result = check_relation(relation, context, given)
    if result.status in ("proved", "unrefuted"):
        return relation, "fact", result
    if relation.op not in ("=", "!="):
        opposite = Relation(relation.left, NEGATED[relation.op], relation.right)
        found = check_relation(opposite, context, given)
        if found.status in ("proved", "unrefuted"):
            reason = "the opposite of what the supposition leads to"
            return opposite, "goal", dataclasses.replace(found, reason=reason)
    if relation.op == "=" and certain and not is_point(relation) and result.status == "refuted":
        return relation, "hypothetical", result
    if relation.op not in ("=", "!=") and certain and not last and _turned(relation, context, given):
        return relation, "hypothetical", LinkResult("refuted", "the opposite follows from what is supposed")
    return relation, "hypothetical", _UNCLEAR


def _turned(relation: Relation, context: Context, given: Sequence[Relation]) -> bool:
    """Whether the opposite of a relation follows from the supposition alone, as b**3 > c**3 does from b > c."""
    statement = context.statement
    claim = statement.claim
    supposed = Relation(claim.left, NEGATED[claim.op], claim.right)
    bare = dataclasses.replace(context, statement=dataclasses.replace(statement, constraints=()), unread=[])
    opposite = Relation(relation.left, NEGATED[relation.op], relation.right)
    return check_relation(opposite, bare, [*given, supposed]).status == "proved"
