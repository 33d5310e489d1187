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
from olmix.proofs.checking.instances import is_common, is_instance, same_form, tidied
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


def _reach(target: Fact, facts: list[Fact], depth: int, above: tuple[Fact, ...] = ()) -> str | None:
    """How the target follows from the facts; `above` are the relations that wait for the target's own support."""
    for fact in facts:
        if fact.key == target.key and fact.relation.op != "=" and _told(fact, target) and evident(fact, target):
            return f"step {fact.number} is equivalent to the claim and evident"
    if depth and evident(target, above[0] if above else target):
        return "the claim is evident"
    for used in _ways(target, facts):
        if all(_supported(fact, target, facts, depth, above) for fact in used):
            steps = ", ".join(str(n) for n in sorted({f.number for f in used if f.number}))
            return f"the claim follows from steps {steps}"
    return None


def _supported(fact: Fact, target: Fact, facts: list[Fact], depth: int, above: tuple[Fact, ...]) -> bool:
    """Whether a fact needs no more support.

    What was only announced ("it suffices to show") has to be reached in its turn, and so has the target in another form.
    """
    waiting = (*above, target)
    alike = fact.relation.op != "=" and any(_alike(fact, f) for f in waiting)
    if evident(fact, waiting[0]) or not (fact.announced or (alike and not fact.derived)):
        return True
    others = [f for f in facts if f is not fact and _admissible(f, fact) and all(_admissible(f, w) for w in waiting)]
    return depth <= 4 and _reach(fact, others, depth + 1, (*above, target)) is not None


def _told(fact: Fact, target: Fact) -> bool:
    """Whether the proof itself says or shows that a fact is the target in another form."""
    return fact.announced or fact.derived or same(fact, target)


def _alike(fact: Fact, target: Fact) -> bool:
    """The target in another form. What has only positive terms is one and the same to the canonical key."""
    if fact.key != target.key:
        return False
    nothing = canonical_key(target.statement.with_claim(Relation(num(1), ">=", num(0))))
    return fact.key != nothing or same_form(fact.statement, target.statement)


def _ways(target: Fact, facts: list[Fact]) -> Iterator[list[Fact]]:
    """Sets of facts from which the target follows, simple ways first."""
    for fact in facts:
        # The same problem in other letters, cleared of denominators, and so on; it needs support of its own.
        if (
            fact.key == target.key
            and fact.relation.op != "="
            and fact.proved
            and (_told(fact, target) or not evident(fact, target))
        ):
            yield [fact]
    plain = [f for f in facts if f.relation.op != "=" and not _has_root(f.relation)]
    settled = [f for f in facts if not f.announced]
    other = [f for f in settled if f.key != target.key or f.derived]
    for chosen in (other, settled, plain, facts):
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
    """Whether a fact may support a target: the target restated may not, unless it is derived or evident."""
    if fact.relation.op == "=":
        return target.relation.op != "=" or fact.key != target.key
    if same(fact, target):
        return fact.derived or evident(fact, target)
    return fact.key != target.key or fact.proved


def _has_root(relation: Relation) -> bool:
    nodes = [*walk(relation.left), *walk(relation.right)]
    return any(
        isinstance(n, Pow) and not (isinstance(n.exponent, Num) and n.exponent.value.denominator == 1) for n in nodes
    )


def evident(fact: Fact, target: Fact) -> bool:
    """Whether a relation shows by itself that it holds, as it is written.

    Squares, products and sums of what is visibly signed; an instance of a theorem that is named for it; one of the few
    that every reader knows, unless it is the target itself. That a prover finds a relation easy says nothing: the
    claim itself may be easy.
    """
    relation = fact.relation if fact.relation.op in (">=", ">") else fact.relation.flipped()
    domains = dict(zip(fact.statement.variables, fact.statement.domains, strict=True))
    if relation.op not in (">=", ">"):
        return False
    if _signed(relation.gap(), fact.statement, domains) or visibly_nonneg(tidied(relation.gap()), domains):
        return True
    if is_common(fact.statement) and not same_form(fact.statement, target.statement):
        return True
    return fact.cited and is_instance(fact.statement)


def _signed(expr: Expr, statement: Statement, domains: dict[str, str]) -> bool:
    """Whether an expression is visibly non-negative: term by term, factor by factor.

    Factors without a visible sign may have one together, as in `(a**3 - 1)(a**2 - 1)`; one alone may not.
    """
    if visibly_nonneg(expr, domains):
        return True
    if isinstance(expr, Add):
        return all(_signed(term, statement, domains) for term in expr.terms)
    if not isinstance(expr, Mul):
        return False
    open_ = [f for f in expr.factors if not visibly_nonneg(f, domains)]
    if len(open_) == 1:
        return isinstance(open_[0], Add) and _signed(open_[0], statement, domains)
    try:
        system = build_system(statement.with_claim(Relation(mul(*open_), ">=", num(0))))
    except (Unsupported, UserError):
        return False
    return system.goal_op in (">=", ">") and known_sign(system.goal, system.signs) != ""


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
        if np.abs(rows[:, 1 + i]).max() < 1e-12:
            continue  # It says nothing: `L - R = L - R`, `0 >= 0`.
        for sign in (1, -1) if fact.relation.op == "=" else (1,):
            columns.append(sign * rows[:, 1 + i])
            signs.append(sign)
            owner.append(i)
    if not columns:
        return None
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
