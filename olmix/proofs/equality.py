"""Checks what a proof says about equality: "equality holds if and only if a = b = c = 1".

The case must be compatible with the problem, and in it the claim (or some inequality of the proof, because the sentence
may be about a lemma) must really be an equality.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from olmix.errors import UserError
from olmix.proofs.expr import Expr, Num, Relation, Var, substitute, variables_of
from olmix.proofs.falsify import Budget, search
from olmix.proofs.numeric import Undefined, holds_at
from olmix.proofs.statement import Statement, make_statement

_BUDGET = Budget(starts=200, survivors=8, generations=8, offspring=6, candidates=2)
#: Both sides agree when their relative difference stays below this on the whole case.
_AGREE = 1e-9
OUTSIDE = "the case does not satisfy the hypotheses"


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
    """Solves `a = b`, `b = c`, `c = 1` and the like for variables, in turn."""
    case = Case({}, ())
    rest: list[Relation] = []
    for relation in relations:
        left, right = case.put(relation.left), case.put(relation.right)
        if left == right:
            continue
        pairs = ((left, right), (right, left))
        pair = next(((x, y) for x, y in pairs if isinstance(x, Var) and x.name not in variables_of(y)), None)
        if relation.op == "=" and pair and isinstance(pair[0], Var):
            name = pair[0].name
            solved = {n: substitute(e, {name: pair[1]}) for n, e in case.by.items()}
            case = Case({**solved, name: pair[1]}, ())
        else:
            rest.append(Relation(left, relation.op, right))
    return Case(case.by, tuple(r.map(case.put) for r in rest))


def is_case(relation: Relation) -> bool:
    """Whether a relation looks like part of a case: between variables, numbers and simple terms."""
    return (
        relation.op == "="
        and (isinstance(relation.left, Num) != isinstance(relation.right, Num))
        and len(relation.variables()) > 1
    ) or (
        relation.op in ("=", ">=", ">")
        and any(isinstance(s, Var) for s in (relation.left, relation.right))
        and all(isinstance(s, Var | Num) or len(variables_of(s)) <= 2 for s in (relation.left, relation.right))
    )


def check_case(statement: Statement, case: Sequence[Relation], relations: Sequence[Relation]) -> str | None:
    """What is wrong with an equality case, or None; `relations` are the inequalities that the sentence may be about."""
    solved = read_case([r for r in case if r.op == "="])
    known = set(statement.variables)
    if not all(v in known for r in case for v in r.variables()):
        return None  # A lemma in letters of its own.
    fault = _compatible(statement, solved)
    if fault:
        return fault
    for relation in (statement.claim, *relations):
        if relation.op in ("=", "!=") or not set(relation.variables()) <= known:
            continue
        if _agrees(statement, solved, relation) is not False:
            return None
    return "in this case neither the claim nor any inequality of the proof is an equality"


def _in_case(statement: Statement, case: Case, claim: Relation) -> Statement | None:
    """A claim in the case; positive variables may be zero there, because books say so too."""
    domains = {n: "nonneg" if d == "pos" else d for n, d in zip(statement.variables, statement.domains, strict=True)}
    hypotheses = [c.map(case.put) for c in statement.constraints] + list(case.rest)
    hypotheses = [h for h in hypotheses if h.variables() and h.left != h.right]
    try:
        return make_statement(claim.map(case.put), domains, hypotheses)
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


def _agrees(statement: Statement, case: Case, relation: Relation) -> bool | None:
    """Whether both sides are equal all over the case; None where that cannot be told."""
    built = _in_case(statement, case, Relation(relation.left, "=", relation.right))
    if built is None:
        return None
    if not built.variables:
        try:
            return holds_at(built.claim, {})
        except Undefined:
            return None
    seen = search(built, _BUDGET)
    if not seen.feasible:
        return None
    return seen.counterexample is None and seen.tightest > -_AGREE
