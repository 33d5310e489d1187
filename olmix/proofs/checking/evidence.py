"""What shows by itself that it holds, as it is written: visible signs, named theorems, what every reader knows.

That a prover finds a relation easy says nothing here: the claim itself may be easy.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from olmix.errors import UserError
from olmix.proofs.checking.combine import is_zero
from olmix.proofs.checking.facts import Fact, restates, same
from olmix.proofs.checking.forms import kinds_of, upward, visibly_nonneg
from olmix.proofs.checking.instances import in_one_order, is_common, is_instance, is_three_squares, same_form, tidied
from olmix.proofs.checking.signs import signed
from olmix.proofs.proving.algebra import Unsupported, build_system, known_sign
from olmix.proofs.statements.expr import Add, Num, sub


def evident(fact: Fact, target: Fact) -> bool:
    """Whether a relation shows by itself that it holds.

    Squares, products and sums of what is visibly signed; an instance of a theorem that is named for it; one of the few
    that every reader knows, unless it is the target itself; a chain of such.
    """
    relation = upward(fact.relation)
    if relation.op not in (">=", ">"):
        return False
    domains = kinds_of(fact.statement)
    if signed(relation.gap(), fact.statement) or visibly_nonneg(tidied(relation.gap()), domains):
        return True
    if is_three_squares(fact.statement) and not same(fact, target):
        return True
    if is_common(fact.statement) and not same_form(fact.statement, target.statement):
        return True
    if fact.key != target.key and not restates(fact, target) and _is_square(fact):
        return True
    if fact.cited and is_instance(fact.statement, fact.cited):
        return True
    return bool(fact.links) and all(link.relation.op == "=" or evident(link, target) for link in fact.links)


def _is_square(fact: Fact) -> bool:
    """Whether the gap is a square times what is visibly positive, once it is multiplied out and factored."""
    try:
        system = build_system(dataclasses.replace(fact.statement, constraints=()))
    except (Unsupported, UserError):
        return False
    if len(system.goal) > 40 or system.unknown_factors or system.auxiliary:
        return False
    constant, parts = system.goal.factor()
    odd = [part for part, times in parts if times % 2]
    return constant > 0 and len(odd) < len(parts) and all(known_sign(part, system.signs) for part in odd)


def visibly_weaker(target: Fact, fact: Fact) -> bool:
    """Whether the target asks for less than a fact says, the difference being visibly non-negative."""
    if "=" in (fact.relation.op, target.relation.op) or same(fact, target):
        return False
    if not set(fact.relation.variables()) <= set(target.statement.variables):
        return False
    rest = tidied(sub(upward(target.relation).gap(), upward(fact.relation).gap()))
    return visibly_nonneg(rest, kinds_of(target.statement))


def is_identity(fact: Fact, target: Fact) -> bool:
    """Whether the sides of the target are equal wherever the hypotheses hold, and a chain of equations leads from one to
    the other by way of something that is written otherwise than either.
    """
    if target.relation.op not in ("<=", ">=", "=") or not fact.links:
        return False
    ends = {in_one_order(tidied(side)) for side in (fact.relation.left, fact.relation.right)}
    if ends != {in_one_order(tidied(side)) for side in (target.relation.left, target.relation.right)}:
        return False
    middle = {in_one_order(tidied(link.relation.left)) for link in fact.links}
    return bool(middle - ends) and is_zero(target.relation.gap(), target.statement)


def is_identity_by_terms(facts: Sequence[Fact], target: Fact) -> bool:
    """Whether the sides of the target are equal, and equations of the proof say what each of its terms is."""
    if target.relation.op not in ("<=", ">=", "="):
        return False
    told = {in_one_order(s) for f in facts if f.relation.op == "=" for s in (f.relation.left, f.relation.right)}
    terms = [
        term
        for side in (target.relation.left, target.relation.right)
        for term in (side.terms if isinstance(side, Add) else (side,))
        if not isinstance(term, Num)
    ]
    if len(terms) < 2 or any(in_one_order(term) not in told for term in terms):
        return False
    return is_zero(target.relation.gap(), target.statement)
