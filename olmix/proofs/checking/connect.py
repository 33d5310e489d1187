"""Whether the checked links of a proof reach its claim.

Every link may be true and the proof still prove something else, or the claim may simply be repeated. So the claim has
to be *derived*: its gap (left minus right) must be a non-negative combination of the gaps of other checked relations,
or a product of them, confirmed exactly; or it must be equivalent to a relation that is evident (a square, a sum of
non-negative terms, one application of AM-GM). A relation that was only announced ("it suffices to show") counts after
it has been reached in the same way. The claim restated never supports itself.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np
from scipy.optimize import nnls

from olmix.errors import UserError
from olmix.proofs.checking.facts import Fact, collect_facts, multiplied, same, visibly_nonneg
from olmix.proofs.checking.legitimacy import covers, legitimate
from olmix.proofs.checking.links import Context, build_link
from olmix.proofs.checking.walker import Link
from olmix.proofs.proving.algebra import Unsupported, build_system, known_sign
from olmix.proofs.proving.certificate import check_certificate
from olmix.proofs.proving.cones import ConeBudget
from olmix.proofs.proving.keys import canonical_key
from olmix.proofs.proving.strategy import Work, find_certificate
from olmix.proofs.refuting.falsify import Budget, feasible_points
from olmix.proofs.statements.expr import (
    Add,
    Expr,
    Mul,
    Num,
    Pow,
    Relation,
    add,
    mul,
    num,
    power,
    rebuild,
    sub,
    substitute,
    walk,
)
from olmix.proofs.statements.numeric import compile_floats
from olmix.proofs.statements.printing import relation_text
from olmix.proofs.statements.statement import Statement


def reaches_claim(statement: Statement, links: Sequence[Link], context: Context) -> str | None:
    """How the links reach the claim, in words, or None."""
    given = [a.relation for a in context.assumptions if a.lasts == "proof"]
    if context.retired or (given and not legitimate(statement, given, context)):
        return None
    target, _ = build_link(statement.claim, context, given)
    if target is None:
        return None
    facts = collect_facts(links, context, given)
    if not any(f.number for f in facts):
        return None
    changed = _in_new_variables(statement, context, given)
    if changed is not None:
        root = Fact(changed.claim, changed, canonical_key(changed), announced=True, number=0)
        how = _reach(root, [f for f in facts if _admissible(f, root)], depth=0)
        if how is not None:
            return how
    root = Fact(target.claim, target, canonical_key(target), announced=True, number=0)
    return _reach(root, [f for f in facts if _admissible(f, root)], depth=0)


def _in_new_variables(statement: Statement, context: Context, given: Sequence[Relation]) -> Statement | None:
    """The claim in the new variables of a substitution, where that reaches every point of the hypotheses."""
    old = {n: context.expand(e) for n, e in context.substitutions.items()}
    if set(old) != set(statement.variables) or not covers(statement, old, context):
        return None
    claim = statement.claim.map(lambda e: substitute(e, old))
    return build_link(claim, context, given)[0]


def _reach(target: Fact, facts: list[Fact], depth: int) -> str | None:
    for fact in facts:
        if fact.key == target.key and fact.relation.op != "=" and evident(fact):
            return f"step {fact.number} is equivalent to the claim and evident"
    if depth and evident(target):
        return "the claim is evident"
    for used in _ways(target, facts):
        if all(_supported(fact, facts, depth) for fact in used):
            steps = ", ".join(str(n) for n in sorted({f.number for f in used if f.number}))
            return f"the claim follows from steps {steps}"
    return None


def _supported(fact: Fact, facts: list[Fact], depth: int) -> bool:
    """What was only announced ("it suffices to show") has to be reached in its turn."""
    if not fact.announced or evident(fact):
        return True
    others = [f for f in facts if f is not fact and _admissible(f, fact)]
    return depth <= 4 and _reach(fact, others, depth + 1) is not None


def _ways(target: Fact, facts: list[Fact]) -> Iterator[list[Fact]]:
    """Sets of facts from which the target follows, simple ways first."""
    for fact in facts:
        # The same problem in other letters, cleared of denominators, and so on; never the claim restated.
        if fact.key == target.key and fact.relation.op != "=" and fact.proved:
            yield [fact]
    plain = [f for f in facts if f.relation.op != "=" and not _has_root(f.relation)]
    settled = [f for f in facts if not f.announced]
    for chosen in (settled, plain, facts):
        found = _combination(target, chosen)
        if found is not None:
            yield found
    found = _product(target, facts)
    if found is not None:
        yield found
    found = _combination(target, [*facts, *multiplied(facts)])
    if found is not None:
        yield [part for fact in found for part in (fact.parts or (fact,))]


def _admissible(fact: Fact, target: Fact) -> bool:
    """Whether a fact may support a target: the target restated may not, unless it is derived, cited or evident."""
    if fact.relation.op == "=":
        return target.relation.op != "=" or fact.key != target.key
    if same(fact, target):
        return (
            fact.derived
            or (fact.cited and (fact.worked or relation_text(fact.relation) != relation_text(target.relation)))
            or evident(fact)
        )
    return fact.key != target.key or fact.proved


def _has_root(relation: Relation) -> bool:
    nodes = [*walk(relation.left), *walk(relation.right)]
    return any(
        isinstance(n, Pow) and not (isinstance(n.exponent, Num) and n.exponent.value.denominator == 1) for n in nodes
    )


def evident(fact: Fact) -> bool:
    """Whether a relation needs no further argument: squares, non-negative terms, or AM-GM applied once."""
    gap = fact.relation.gap()
    domains = dict(zip(fact.statement.variables, fact.statement.domains, strict=True))
    if visibly_nonneg(gap, domains) or _is_amgm(fact):
        return True
    try:
        system = build_system(fact.statement)
    except Unsupported:
        return False
    if system.goal.is_zero():
        return True
    return known_sign(system.goal, system.signs) != "" and system.goal_op in (">=", ">")


def _is_amgm(fact: Fact) -> bool:
    """`T1 + ... + Tk >= k (T1 ... Tk)**(1/k)` for non-negative terms, with whole coefficients counted as copies."""
    relation = fact.relation if fact.relation.op in (">=", ">") else fact.relation.flipped()
    left = relation.left
    if (
        isinstance(left, Mul)
        and len(left.factors) == 2
        and isinstance(left.factors[0], Num)
        and left.factors[0].value > 0
    ):
        scale = num(1 / left.factors[0].value)
        relation = Relation(left.factors[1], relation.op, mul(scale, relation.right))
    if relation.op != ">=" or not isinstance(relation.left, Add):
        return False
    domains = dict(zip(fact.statement.variables, fact.statement.domains, strict=True))
    terms = relation.left.terms
    if not all(visibly_nonneg(t, domains) for t in terms):
        return False
    for copies in (False, True):
        parts: list[Expr] = []
        for term in terms:
            count, rest = 1, term
            if copies and isinstance(term, Mul) and isinstance(term.factors[0], Num):
                value = term.factors[0].value
                if value.denominator == 1 and value <= 12:
                    count, rest = int(value), mul(*term.factors[1:])
            elif copies and isinstance(term, Num) and term.value.denominator == 1 and term.value <= 12:
                count, rest = int(term.value), num(1)
            parts += [rest] * count
        k = len(parts)
        wanted = mul(num(k), power(mul(*parts), Fraction(1, k)))
        if _equal(wanted, relation.right, fact.statement):
            return True
    return False


def _equal(left: Expr, right: Expr, statement: Statement) -> bool:
    """Whether two expressions agree on the statement's points: floats first, then exactly."""
    points = _points(statement)
    values = compile_floats([left, right], statement.variables)(points)
    if not len(points) or not np.allclose(values[:, 0], values[:, 1], rtol=1e-9):
        return False
    return _zero(sub(left, right), statement)


def _zero(expr: Expr, statement: Statement) -> bool:
    """Whether an expression vanishes wherever the hypotheses hold, by a certificate."""
    claim = statement.with_claim(Relation(expr, "=", num(0)))
    try:
        certificate = find_certificate(build_system(claim), Work(nodes=10, cones=ConeBudget(4000)))
    except (Unsupported, UserError):
        return False
    return certificate is not None and check_certificate(claim, certificate) is None


def _points(statement: Statement, count: int = 160) -> np.ndarray:
    points = feasible_points(statement, Budget(starts=count, seed=7))
    with np.errstate(all="ignore"):
        tame = (np.abs(np.log(np.abs(points) + 1e-300)) < 3).all(axis=1)
    return points[tame]


def _combination(target: Fact, facts: list[Fact]) -> list[Fact] | None:
    """Facts whose gaps, with non-negative weights (any weights for equations), add up to the target's gap."""
    return _fit(
        target,
        facts,
        lambda r: r.gap(),
        lambda weights, gaps: add(*(mul(num(w), g) for w, g in zip(weights, gaps, strict=True))),
    )


def _product(target: Fact, facts: list[Fact]) -> list[Fact] | None:
    """Facts that multiply to the target: the quotient of its sides is a product of powers of their quotients."""

    def ratio(relation: Relation) -> Expr:
        big, small = (
            (relation.left, relation.right) if relation.op in (">=", ">", "=") else (relation.right, relation.left)
        )
        return mul(big, power(small, -1))

    positive = [f for f in facts if f.relation.op != "=" and _positive_sides(f)]
    if not _positive_sides(target):
        return None
    return _fit(
        target,
        positive,
        ratio,
        lambda weights, ratios: mul(*(power(r, w) for w, r in zip(weights, ratios, strict=True))),
        logs=True,
    )


def _positive_sides(fact: Fact) -> bool:
    domains = dict(zip(fact.statement.variables, fact.statement.domains, strict=True))
    if any(d in ("nonneg", "real") for d in domains.values()):
        return False
    return all(_positive(side, fact.statement, domains) for side in (fact.relation.left, fact.relation.right))


def _positive(side: Expr, statement: Statement, domains: dict[str, str]) -> bool:
    if visibly_nonneg(side, domains):
        return side != num(0)
    try:
        system = build_system(dataclasses.replace(statement, claim=Relation(side, ">", num(0)), constraints=()))
    except (Unsupported, UserError):
        return False
    return not system.unknown_factors and known_sign(system.goal, system.signs) == "pos"


def spread_roots(expr: Expr, domains: dict[str, str]) -> Expr:
    """Roots of products of non-negative factors as products of roots, so that equal roots look alike."""
    inner = rebuild(expr, lambda part: spread_roots(part, domains))
    if isinstance(inner, Pow) and isinstance(inner.exponent, Num) and inner.exponent.value.denominator > 1:
        base = inner.base
        if isinstance(base, Mul) and all(visibly_nonneg(f, domains) for f in base.factors):
            return mul(*(spread_roots(power(f, inner.exponent), domains) for f in base.factors))
        if isinstance(base, Pow) and isinstance(base.exponent, Num) and visibly_nonneg(base.base, domains):
            return spread_roots(power(base.base, base.exponent.value * inner.exponent.value), domains)
    return inner


def _fit(target: Fact, facts: list[Fact], value_of: object, combine: object, logs: bool = False) -> list[Fact] | None:
    """Non-negative weights by least squares on points, made rational, and confirmed exactly."""
    names = target.statement.variables
    same = [f for f in facts if {*f.statement.variables, *f.relation.variables()} <= set(names)]
    if not same or len(same) > 200:
        return None
    points = _points(target.statement)
    if len(points) < 12:
        return None
    wanted = value_of(target.relation)  # type: ignore[operator]
    parts = [value_of(f.relation) for f in same]  # type: ignore[operator]
    sides = [target.relation.left, target.relation.right]
    values = compile_floats([wanted, *parts, *sides], names)(points)
    with np.errstate(all="ignore"):
        # Where gaps vanish only rounding is left: rows are scaled by the sides, not by the gaps.
        size = np.ones((len(values), 1)) if logs else np.abs(values[:, -2:]).max(axis=1, keepdims=True)
        rows = (np.log(values[:, :-2]) if logs else values[:, :-2]) / size
    rows = rows[np.isfinite(rows).all(axis=1)]
    if len(rows) < 12:
        return None
    columns, signs, owner = [], [], []
    for i, fact in enumerate(same):
        for sign in (1, -1) if fact.relation.op == "=" else (1,):
            columns.append(sign * rows[:, 1 + i])
            signs.append(sign)
            owner.append(i)
    try:
        weights, residual = nnls(np.array(columns).T, rows[:, 0])
    except RuntimeError:
        return None
    if residual > 1e-8 * np.sqrt(len(rows)):
        return None
    exact: dict[int, Fraction] = {}
    for weight, sign, i in zip(weights, signs, owner, strict=True):
        if weight > 1e-9:
            exact[i] = exact.get(i, Fraction(0)) + sign * Fraction(weight).limit_denominator(720)
    exact = {i: w for i, w in exact.items() if w}
    if not exact:
        return None
    built = combine(list(exact.values()), [parts[i] for i in exact])  # type: ignore[operator]
    domains = dict(zip(names, target.statement.domains, strict=True))
    rest = spread_roots(sub(wanted, built), domains)
    if sum(1 for _ in walk(built)) > 4000 or not _zero(rest, target.statement):
        return None
    return [same[i] for i in exact]


__all__ = ["Fact", "evident", "reaches_claim"]
