"""Sums of functions of one variable each, under constraints of the same form: the tangent line trick, in any number of variables.

For a claim f1(x1) + f2(x2) + ... >= 0 where h = p1(x1) + p2(x2) + ... + c is 0 (or non-negative), it is enough to find a
multiplier m (non-negative in the second case) with f_i(x) - m p_i(x) >= k_i for each i alone, and k1 + k2 + ... large
enough: these are claims in one variable, each with a certificate of its own. `separate_search.py` finds the multipliers.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from olmix.proofs.proving.algebra import Unsupported, build_system, known_sign
from olmix.proofs.proving.tasks import RuleError
from olmix.proofs.statements.expr import (
    ZERO,
    Add,
    Expr,
    Mul,
    Num,
    Relation,
    Var,
    add,
    mul,
    neg,
    num,
    substitute,
    variables_of,
)
from olmix.proofs.statements.printing import relation_text
from olmix.proofs.statements.statement import Statement, make_statement

Certificate = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Separate:
    """A sum of functions of one variable each and a constant."""

    parts: Mapping[str, Expr]
    constant: Fraction


@dataclasses.dataclass(frozen=True)
class Problem:
    """The claim as a sum that is to be non-negative; each usable constraint as one that is 0, or non-negative (not `equal`)."""

    claim: Separate
    constraints: tuple[tuple[Separate, bool], ...]


def read_problem(statement: Statement) -> Problem:
    """The statement in this form; raises RuleError where it has none. Constraints of other forms are left out."""
    if statement.claim.op not in (">=", ">", "<=", "<") or len(statement.variables) < 2:
        raise RuleError("the claim is no inequality between sums over several variables")
    constraints = []
    for relation in statement.constraints:
        if relation.op != "!=" and len(relation.variables()) > 1:
            try:
                constraints.append((_separate(relation.gap()), relation.op == "="))
            except RuleError:
                continue
    return Problem(_separate(statement.claim.gap()), tuple(constraints))


def _separate(expr: Expr) -> Separate:
    parts: dict[str, list[Expr]] = {}
    constant = Fraction(0)
    stack = [(expr, Fraction(1))]
    while stack:
        node, factor = stack.pop()
        if isinstance(node, Add):
            stack.extend((term, factor) for term in reversed(node.terms))
        elif isinstance(node, Mul) and len(node.factors) == 2 and isinstance(node.factors[0], Num):
            stack.append((node.factors[1], factor * node.factors[0].value))
        elif isinstance(node, Num):
            constant += factor * node.value
        else:
            names = variables_of(node)
            if len(names) != 1:
                raise RuleError("a term has more than one variable, or none and is no rational number")
            parts.setdefault(names[0], []).append(mul(num(factor), node))
    return Separate({name: add(*terms) for name, terms in parts.items()}, constant)


def single_claims(
    statement: Statement, problem: Problem, multipliers: Sequence[Fraction], bounds: Mapping[str, Fraction]
) -> list[Statement]:
    """For each variable, the claim that its part of claim - sum of multiplier * constraint is at least its bound.

    Hypotheses: the constraints that mention it alone, and what others say about its part where all parts have one sign.
    The variable is called x in all of them, so that those of variables in like roles are the same.
    """
    strict = statement.claim.op in (">", "<")
    out = []
    for name in statement.variables:
        given = [relation for relation in statement.constraints if relation.variables() == (name,)]
        for constraint, equal in problem.constraints:
            given += _alone(statement, constraint, equal, name)
        claim = Relation(combined(problem, multipliers, name), ">" if strict else ">=", num(bounds[name]))
        if claim.variables() or given:
            as_x = {name: Var("x")}
            relations = [relation.map(lambda e, by=as_x: substitute(e, by)) for relation in (claim, *given)]  # type: ignore[misc]
            out.append(make_statement(relations[0], {"x": statement.domain(name)}, relations[1:]))
        elif bounds[name] > 0:
            raise RuleError(f"nothing bounds {name}")
    return out


def combined(problem: Problem, multipliers: Sequence[Fraction], name: str) -> Expr:
    """The variable's part of claim - sum of multiplier * constraint."""
    value = problem.claim.parts.get(name, ZERO)
    for (constraint, _), m in zip(problem.constraints, multipliers, strict=True):
        value = add(value, _times(-m, constraint.parts.get(name, ZERO)))
    return value


def left_over(problem: Problem, multipliers: Sequence[Fraction], bounds: Mapping[str, Fraction]) -> Fraction:
    """What the bounds and the constants add up to: the claim holds where it is not negative."""
    rest = problem.claim.constant + sum(bounds.values(), Fraction(0))
    return rest - sum((m * c.constant for m, (c, _) in zip(multipliers, problem.constraints, strict=True)), Fraction(0))


def _times(factor: Fraction, value: Expr) -> Expr:
    terms = value.terms if isinstance(value, Add) else (value,)
    return add(*(mul(num(factor), term) for term in terms)) if factor else ZERO


def _alone(statement: Statement, constraint: Separate, equal: bool, name: str) -> list[Relation]:
    """What a constraint says about one variable because the parts of the others all have one sign."""
    for sign in (1, -1) if equal else (-1,):
        parts = {n: part if sign > 0 else neg(part) for n, part in constraint.parts.items()}
        if name in parts and all(_is_nonneg(part, n, statement.domain(n)) for n, part in parts.items()):
            return [Relation(parts[name], "<=", num(-sign * constraint.constant))]
    return []


def _is_nonneg(part: Expr, name: str, domain: str) -> bool:
    try:
        system = build_system(make_statement(Relation(part, ">=", ZERO), {name: domain}))
    except Unsupported:
        return False
    return not system.equations and not system.unknown_factors and known_sign(system.goal, system.signs) != ""


def check_separate(
    statement: Statement, params: Mapping[str, Any], check: Callable[[Statement, Certificate], str | None]
) -> None:
    """Returns where the multipliers, bounds and certificates prove the statement; raises RuleError where they do not.

    `multipliers`: one for each usable constraint; `bounds`: one for each variable; `claims`: a certificate for each claim of
    `single_claims`, which `check` finds no fault with.
    """
    problem = read_problem(statement)
    multipliers = [Fraction(m) for m in params["multipliers"]]
    bounds = {name: Fraction(params["bounds"][name]) for name in statement.variables}
    if len(multipliers) != len(problem.constraints):
        raise RuleError("one multiplier for each constraint is needed")
    if any(m < 0 and not equal for m, (_, equal) in zip(multipliers, problem.constraints, strict=True)):
        raise RuleError("a constraint is used in the wrong direction")
    claims = single_claims(statement, problem, multipliers, bounds)
    if left_over(problem, multipliers, bounds) < 0 or not claims:
        raise RuleError("the bounds do not add up to the claim")
    if len(claims) != len(params["claims"]):
        raise RuleError("one certificate for each variable is needed")
    for claim, certificate in zip(claims, params["claims"], strict=True):
        fault = check(claim, certificate)
        if fault is not None:
            raise RuleError(fault)


def explain_separate(
    statement: Statement, params: Mapping[str, Any], explain: Callable[[Statement, Certificate], list[str]]
) -> list[str]:
    """The proof that `check_separate` accepts, in words; `explain` tells those of the claims in one variable."""
    problem = read_problem(statement)
    multipliers = [Fraction(m) for m in params["multipliers"]]
    claims = single_claims(statement, problem, multipliers, {n: Fraction(b) for n, b in params["bounds"].items()})
    out = ["Each variable, called x, has a bound of its own, and the bounds add up to the claim."]
    if any(multipliers):
        out[0] = (
            f"Less {', '.join(map(str, multipliers))} times the constraints (their left sides minus their right sides, "
        )
        out[0] += (
            "or the reverse for <=), each variable, called x, has a bound of its own, and the bounds add up to the claim."
        )
    counts = Counter(claims)
    for claim, certificate in zip(claims, params["claims"], strict=True):
        if claim in counts:
            times = counts.pop(claim)
            given = "".join(f", where {relation_text(r)}" for r in claim.constraints)
            out.append(f"{relation_text(claim.claim)}{given}{f' ({times} times)' if times > 1 else ''}:")
            out.extend("  " + line for line in explain(claim, certificate))
    return out
