"""Checks what a proof says about equality: "equality holds if and only if a = b = c = 1".

The case must be compatible with the problem and with everything that the sentence says about it, and in it the claim
(or the chain before the sentence, which may be about a lemma) must really be an equality.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from olmix.errors import UserError
from olmix.proofs.refuting.falsify import Budget, feasible_points, search
from olmix.proofs.statements.expr import (
    Add,
    Expr,
    Mul,
    Num,
    Relation,
    Var,
    add,
    mul,
    num,
    sub,
    substitute,
    variables_of,
)
from olmix.proofs.statements.numeric import Undefined, compile_floats, holds_at, magnitude
from olmix.proofs.statements.printing import relation_text
from olmix.proofs.statements.statement import Statement, make_statement

_BUDGET = Budget(starts=200, survivors=8, generations=8, offspring=6, candidates=2)
#: Both sides agree when their relative difference stays below this on the whole case.
_AGREE = 1e-9
OUTSIDE = "the case does not satisfy the hypotheses"
NOWHERE = "in this case neither the claim nor any inequality of the proof is an equality"
#: Faults that begin like this leave the sentence undecided: nothing is certainly wrong.
DOUBTFUL = "it is not clear"


@dataclasses.dataclass(frozen=True)
class Case:
    """A system of equations as substitutions, with what could not be solved kept as relations."""

    by: dict[str, Expr]
    rest: tuple[Relation, ...]

    def put(self, expr: Expr) -> Expr:
        """The expression in the case."""
        for _ in range(len(self.by) + 1):
            expr = substitute(expr, self.by)
        return expr


def read_case(relations: Sequence[Relation]) -> Case:
    """Solves `a = b`, `b = c`, `a + b = 2` and the like for variables, in turn; what is not linear stays in `rest`."""
    case = Case({}, ())
    waiting = [r for r in relations if r.op == "="]
    rest: list[Relation] = []
    while waiting:
        relation = waiting.pop(0)
        there = relation.map(case.put)
        solved = None if there.left == there.right else _solved(there)
        if solved is None:
            rest.append(there)
            continue
        name, value = solved
        case = Case({**{n: substitute(e, {name: value}) for n, e in case.by.items()}, name: value}, ())
        waiting, rest = [*waiting, *rest], []
    kept = [r.map(case.put) for r in (*rest, *(r for r in relations if r.op != "="))]
    return Case(case.by, tuple(r for r in kept if r.left != r.right or r.op not in ("=", "<=", ">=")))


def _solved(relation: Relation) -> tuple[str, Expr] | None:
    """A variable and what it equals, by an equation that is linear as it is written."""
    for left, right in ((relation.left, relation.right), (relation.right, relation.left)):
        if isinstance(left, Var) and left.name not in variables_of(right):
            return left.name, right
    form = linear_form(sub(relation.left, relation.right))
    if form is None:
        return None
    names = [n for n in form if n]
    if not names:
        return None
    name = names[-1]
    others = [mul(num(-c / form[name]), Var(n)) if n else num(-c / form[name]) for n, c in form.items() if n != name]
    return name, add(*others)


def linear_form(expr: Expr) -> dict[str, Fraction] | None:
    """Coefficients by variable (the constant under the empty name) of an expression that is written as a linear form."""
    out: dict[str, Fraction] = {}
    for term in expr.terms if isinstance(expr, Add) else (expr,):
        factors = term.factors if isinstance(term, Mul) else (term,)
        coefficient = Fraction(1)
        name = ""
        for factor in factors:
            if isinstance(factor, Num):
                coefficient *= factor.value
            elif isinstance(factor, Var) and not name:
                name = factor.name
            elif isinstance(factor, Add) and not name and len(factors) == 2 and isinstance(factors[0], Num):
                inner = linear_form(factor)
                if inner is None:
                    return None
                for n, c in inner.items():
                    out[n] = out.get(n, 0) + coefficient * c
                coefficient = Fraction(0)
            else:
                return None
        out[name] = out.get(name, 0) + coefficient
    return {n: c for n, c in out.items() if c}


def is_case(relation: Relation) -> bool:
    """Whether a relation looks like part of a case: between variables, numbers and simple terms."""
    return (
        relation.op == "="
        and (isinstance(relation.left, Num) != isinstance(relation.right, Num))
        and len(relation.variables()) > 1
    ) or (
        relation.op in ("=", ">=", ">", "<", "<=")
        and any(isinstance(s, Var) for s in (relation.left, relation.right))
        and all(isinstance(s, Var | Num) or len(variables_of(s)) <= 2 for s in (relation.left, relation.right))
    ) or (relation.op == "=" and all(1 <= len(variables_of(s)) <= 3 for s in (relation.left, relation.right)))  # fmt: skip


def contradiction(relations: Sequence[Relation]) -> str | None:
    """Two statements about numbers in a system of equations that exclude each other, or None. Exact."""
    solved = read_case(relations)
    for relation in solved.rest:
        if not relation.variables():
            try:
                if holds_at(relation, {}) is False:
                    return relation_text(relation)
            except Undefined:
                continue
    return None


def check_case(
    statement: Statement,
    case: Sequence[Relation],
    near: Sequence[Relation],
    far: Sequence[Relation] = (),
    impossible: bool = False,
) -> str | None:
    """What is wrong with an equality case, or None.

    `near` are relations that the sentence may well be about (the chain before it), `far` the others of the proof.
    Of a case that the proof itself calls impossible only the equality is looked at.
    """
    solved = read_case(case)
    known = set(statement.variables)
    own = {v for r in case for v in r.variables()} - known
    if own and not (known <= set(solved.by) and own.isdisjoint(solved.by)):
        return None if known.isdisjoint(v for r in case for v in r.variables()) else f"{DOUBTFUL} what {min(own)} is"
    fault = None if impossible else _compatible(statement, solved)
    if fault:
        return fault
    verdicts = []
    for relation in (statement.claim, *near):
        if relation.op in ("=", "!=") or not set(relation.variables()) <= known:
            continue
        verdicts.append(_agrees(statement, solved, relation, impossible))
        if verdicts[-1] is True:
            return _needless(statement, solved)
    if None in verdicts:
        return f"{DOUBTFUL} whether the claim is an equality there"
    for relation in far:
        if relation.op not in ("=", "!=") and set(relation.variables()) <= known:
            agrees = _agrees(statement, solved, relation, impossible)
            if agrees is not False:
                return f"{DOUBTFUL} what is an equality there: the claim is not"
    if impossible or _somewhere(statement, solved):
        return f"{DOUBTFUL} what is an equality there"
    return NOWHERE


def _somewhere(statement: Statement, case: Case) -> bool:
    """Whether the claim is an equality on a part of a case that leaves variables free: `a = b = c`, with d as it may be."""
    claim = statement.claim
    built = _in_case(statement, case, claim)
    if built is None or not built.variables:
        return False
    points = feasible_points(built, Budget(starts=300))
    if not len(points):
        return False
    gap = built.claim.gap()
    values = compile_floats([gap, magnitude(gap)], built.variables)(points)
    return bool((np.abs(values[:, 0]) <= _AGREE * values[:, 1]).any())


def _needless(statement: Statement, case: Case) -> str | None:
    """A bound in the case that neither the hypotheses imply nor the equality needs: `a = b = c > 1`."""
    bounds = [r for r in case.rest if r.op != "="]
    whole = Case(case.by, tuple(r for r in case.rest if r.op == "="))
    for bound in bounds:
        built = _in_case(statement, whole, bound, strict=True)
        if built is None or search(built, _BUDGET).counterexample is None:
            continue
        if _agrees(statement, whole, statement.claim) is True:
            return f"{DOUBTFUL} why {relation_text(bound)}: equality holds without it"
    return None


def _in_case(
    statement: Statement, case: Case, claim: Relation, free: bool = False, strict: bool = False
) -> Statement | None:
    """A claim in the case; positive variables may be zero there, because books say so too."""
    kinds = dict(zip(statement.variables, statement.domains, strict=True))
    domains = {n: "nonneg" if d == "pos" and not strict else d for n, d in kinds.items()}
    hypotheses = [] if free else [c.map(case.put) for c in statement.constraints]
    hypotheses = [h for h in (*hypotheses, *case.rest) if h.variables() and h.left != h.right]
    put = claim.map(case.put)
    own = {v for r in (put, *hypotheses) for v in r.variables()} - set(domains)
    positive = all(d == "pos" for d in statement.domains)
    domains |= dict.fromkeys(own, "pos" if positive else "real")
    try:
        return make_statement(put, domains, hypotheses)
    except UserError:
        return None


def _compatible(statement: Statement, case: Case) -> str | None:
    for constraint in (*statement.constraints, *case.rest):
        there = constraint.map(case.put)
        try:
            if not there.variables() and holds_at(_relaxed(there), {}) is False:
                return OUTSIDE
        except Undefined:
            return "the hypotheses are not defined in this case"
    for name, domain in zip(statement.variables, statement.domains, strict=True):
        value = case.by.get(name)
        if isinstance(value, Num) and domain in ("pos", "nonneg", "natural") and value.value < 0:
            return f"{name} is negative in this case"
    return None


def _relaxed(relation: Relation) -> Relation:
    """Limits count as cases: strict hypotheses are taken as not strict."""
    return Relation(relation.left, {"<": "<=", ">": ">="}.get(relation.op, relation.op), relation.right)


def _agrees(statement: Statement, case: Case, relation: Relation, free: bool = False) -> bool | None:
    """Whether both sides are equal all over the case; None where that cannot be told."""
    built = _in_case(statement, case, Relation(relation.left, "=", relation.right), free)
    if built is None:
        return None
    if not built.variables:
        return holds_in_numbers(built.claim)
    seen = search(built, _BUDGET)
    if not seen.feasible:
        return None
    return seen.counterexample is None and seen.tightest > -_AGREE


def holds_in_numbers(relation: Relation) -> bool | None:
    """Whether a relation without variables holds; equal irrational numbers are told by floats. None where undefined."""
    try:
        exact = holds_at(relation, {})
    except Undefined:
        return None
    if exact is not None or relation.op != "=":
        return exact
    gap = relation.gap()
    difference, size = compile_floats([gap, magnitude(gap)], ())(np.zeros((1, 0)))[0]
    return True if abs(difference) <= 1e-12 * size else None


def can_hold(statement: Statement, case: Sequence[Relation], free: bool = False) -> bool:
    """Whether some point of the problem satisfies all relations of a case, as far as a search in floats sees."""
    solved = read_case(case)
    for name, domain in zip(statement.variables, statement.domains, strict=True):
        value = solved.by.get(name)
        if domain == "pos" and isinstance(value, Num) and value.value <= 0:
            return False
    built = _in_case(statement, solved, Relation(num(0), "=", num(0)), free, strict=True)
    if built is None:
        return True
    if not built.variables:
        return all(holds_in_numbers(r) is not False for r in built.constraints)
    points = feasible_points(built, Budget(starts=300))
    positive = [j for j, d in enumerate(built.domains) if d == "pos"]
    return bool((points[:, positive] > 1e-9).all(axis=1).any())


def check_in_case(statement: Statement, case: Sequence[Relation], relation: Relation, free: bool = False) -> str:
    """What a relation is in the case: `holds`, `fails`, or `open`. Fails only with an exact counterexample."""
    solved = read_case(case)
    there = relation.map(solved.put)
    if not there.variables():
        held = holds_in_numbers(there)
        return "open" if held is None else "holds" if held else "fails"
    built = _in_case(statement, solved, relation, free)
    if built is None or not set(relation.variables()) <= {*statement.variables, *solved.by}:
        return "open"
    seen = search(built, _BUDGET)
    if seen.counterexample is not None:
        return "fails"
    return "holds" if seen.feasible else "open"
