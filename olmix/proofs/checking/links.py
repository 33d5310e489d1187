"""Checks one relation of a proof in its context: what the problem gives, what has been assumed and defined so far.

A relation is *proved* when an exact certificate (or identity) is found quickly, *unrefuted* when a search finds no
counterexample, *refuted* when a counterexample is confirmed exactly, *doubtful* when it fails but something that was
assumed before could not be read, and *unread* when it mentions what nobody introduced.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

import numpy as np

from olmix.errors import UserError
from olmix.proofs.proving.algebra import Unsupported, build_system
from olmix.proofs.proving.certificate import check_certificate
from olmix.proofs.proving.cones import ConeBudget
from olmix.proofs.proving.strategy import Work, find_certificate
from olmix.proofs.refuting.falsify import Budget, feasible_points, search
from olmix.proofs.statements.expr import STRICT, Expr, Relation, Var, num, substitute, variables_of
from olmix.proofs.statements.numeric import compile_floats
from olmix.proofs.statements.printing import relation_text
from olmix.proofs.statements.statement import Statement, make_statement

LINK_BUDGET = Budget(starts=500, survivors=14, generations=18, offspring=8, candidates=6)


@dataclasses.dataclass(frozen=True)
class Assumption:
    """A relation that is taken to hold from here on; `lasts` and the place say how long."""

    relation: Relation
    lasts: str
    paragraph: int
    sentence: int


@dataclasses.dataclass
class Context:
    """What is known at a point of a proof. `statement` is the problem's."""

    statement: Statement
    #: New symbols with their expressions (`S = a + b + c`).
    definitions: dict[str, Expr] = dataclasses.field(default_factory=dict)
    #: Old variables in terms of new ones (`a = x/y`).
    substitutions: dict[str, Expr] = dataclasses.field(default_factory=dict)
    domains: dict[str, str] = dataclasses.field(default_factory=dict)
    assumptions: list[Assumption] = dataclasses.field(default_factory=list)
    #: Assumptions of cases that are over, which nothing has put together again.
    retired: list[Relation] = dataclasses.field(default_factory=list)
    #: Assumptions that could not be read: from here on a failing relation is only doubtful.
    unread: list[str] = dataclasses.field(default_factory=list)

    def knows(self, name: str) -> bool:
        """Whether a symbol has a meaning here."""
        return (
            name in self.statement.variables
            or name in self.definitions
            or name in self.domains
            or any(name in variables_of(e) for e in self.substitutions.values())
        )

    def in_force(self, paragraph: int, sentence: int) -> list[Relation]:
        """The assumptions that still hold at a place."""
        return [
            a.relation
            for a in self.assumptions
            if a.lasts == "proof"
            or (a.lasts == "paragraph" and a.paragraph == paragraph)
            or (a.lasts == "sentence" and a.sentence == sentence)
        ]

    def assume(self, new: Assumption) -> None:
        """Adds an assumption; older ones that exclude it belonged to a case that is over."""
        held = self.in_force(new.paragraph, new.sentence)
        if held and not possible(self, [*held, new.relation]) and possible(self, [new.relation]):
            for old in [a for a in reversed(self.assumptions) if a.relation in held]:
                if not possible(self, [old.relation, new.relation]):
                    self.assumptions.remove(old)
                    self.retired.append(old.relation)
                    if old.sentence == new.sentence:
                        # Which relation of the sentence each condition belongs to was not understood.
                        self.unread.append(relation_text(old.relation))
            held = self.in_force(new.paragraph, new.sentence)
            if not possible(self, [*held, new.relation]):
                self.retired += held
                self.assumptions = [a for a in self.assumptions if a.relation not in held]
        self.assumptions.append(new)

    def expand(self, expr: Expr) -> Expr:
        """The expression without defined symbols."""
        for _ in range(12):
            used = set(variables_of(expr)) & set(self.definitions)
            if not used:
                return expr
            expr = substitute(expr, {name: self.definitions[name] for name in used})
        return expr


@dataclasses.dataclass(frozen=True)
class LinkResult:
    """What the check of one relation gave."""

    status: str
    reason: str = ""


def possible(context: Context, relations: Iterable[Relation]) -> bool:
    """Whether some point satisfies the problem's hypotheses and these relations, as far as a search in floats sees."""
    first, *others = relations
    built, _ = build_link(first, context, others)
    if built is None:
        return True
    whole = make_statement(
        Relation(num(0), "=", num(0)),
        dict(zip(built.variables, built.domains, strict=True)),
        [*built.constraints, built.claim],
    )
    if not whole.variables:
        return True
    points = feasible_points(whole, Budget(starts=150))
    strict = [c.gap() for c in whole.constraints if c.op in STRICT]
    if strict and len(points):
        gaps = compile_floats(strict, whole.variables)(points)
        signed = np.array([c.op != "!=" for c in whole.constraints if c.op in STRICT])
        points = points[(np.where(signed, gaps, np.abs(gaps)) > 0).all(axis=1)]
    return len(points) > 0


def check_relation(relation: Relation, context: Context, given: Iterable[Relation] = ()) -> LinkResult:
    """Checks a relation under the context's hypotheses and `given` (the assumptions in force)."""
    given = list(given)
    lost = bool(given) and not possible(context, given)
    if lost:
        given = []  # From what excludes itself anything would follow.
    statement, fault = build_link(relation, context, given)
    if statement is None:
        return _as_lemma(relation, context, given) or LinkResult("unread", fault)
    exact = exact_result(statement)
    if exact:
        return exact
    seen = search(statement, LINK_BUDGET)
    if not seen.feasible:
        return LinkResult("doubtful", "no point satisfies what is assumed here")
    if seen.counterexample:
        reason = f"fails at {seen.counterexample.describe()}"
        if lost:
            return LinkResult("doubtful", f"{reason}; but no point satisfies what is assumed here")
        if context.unread:
            return LinkResult("doubtful", f"{reason}; but an assumption was not read: {context.unread[-1]!r}")
        return LinkResult("refuted", reason)
    return LinkResult("unrefuted", "no counterexample found")


def _as_lemma(relation: Relation, context: Context, given: list[Relation]) -> LinkResult | None:
    """A relation in symbols that nobody introduced may be a well-known inequality: true for all reals, or for all
    numbers like the problem's. Where it is not, nothing is said.
    """
    unknown = [v for v in relation.variables() if not context.knows(v)]
    kinds = set(context.statement.domains)
    for kind in ("real", *sorted(kinds - {"real"})):
        trial = dataclasses.replace(context, domains={**context.domains, **dict.fromkeys(unknown, kind)})
        statement, _ = build_link(relation, trial, given)
        if statement is None:
            return None
        seen = search(statement, LINK_BUDGET)
        if seen.feasible and not seen.counterexample:
            return exact_result(statement) or LinkResult(
                "unrefuted", f"no counterexample found, for {kind} {', '.join(unknown)}"
            )
    return _never_strictly(relation, context, unknown)


def _never_strictly(relation: Relation, context: Context, unknown: list[str]) -> LinkResult | None:
    """Whatever the symbols mean, as long as they are positive: refuted where the opposite is proved for all of them."""
    if relation.op in ("=", "!="):
        return None
    trial = dataclasses.replace(context, domains={**context.domains, **dict.fromkeys(unknown, "pos")})
    opposite = Relation(relation.right, "<=" if relation.op in ("<", "<=") else ">=", relation.left)
    turned, _ = build_link(opposite, trial, ())
    here, _ = build_link(relation, trial, ())
    if turned is None or here is None or exact_result(turned) is None:
        return None
    found = search(here, LINK_BUDGET).counterexample
    if found is None:
        return None
    return LinkResult(
        "refuted", f"the opposite holds for all positive {', '.join(unknown)}; it fails at {found.describe()}"
    )


def exact_result(statement: Statement) -> LinkResult | None:
    """A quick try for a certificate."""
    try:
        system = build_system(statement)
        if len(system.goal) > 250 or system.goal_op == "!=":
            return None
        certificate = find_certificate(system, Work(nodes=10, cones=ConeBudget(8_000)))
    except Unsupported:
        return None
    if certificate is None or check_certificate(statement, certificate) is not None:
        return None
    return LinkResult("proved", "certificate checked exactly")


def build_link(relation: Relation, context: Context, given: Iterable[Relation]) -> tuple[Statement | None, str]:
    """The relation as a statement of its own, or None and the reason."""
    expanded = relation.map(context.expand)
    hypotheses = [r.map(context.expand) for r in (*context.statement.constraints, *given)]
    domains = dict(zip(context.statement.variables, context.statement.domains, strict=True))
    domains.update({n: d for n, d in context.domains.items() if n not in domains})
    old = {n: context.expand(e) for n, e in context.substitutions.items()}
    symbols = set(expanded.variables())
    if old and (symbols - set(context.statement.variables)) & {v for e in old.values() for v in variables_of(e)}:
        expanded, hypotheses, domains = _change(expanded, hypotheses, domains, old, context)
    unknown = [v for v in expanded.variables() if v not in domains]
    if unknown:
        return None, f"{', '.join(unknown)} is not introduced"
    hypotheses = _relevant(expanded, hypotheses, domains)
    try:
        return make_statement(expanded, domains, hypotheses), ""
    except UserError as error:
        return None, str(error)


def _change(
    relation: Relation, hypotheses: list[Relation], domains: dict[str, str], old: Mapping[str, Expr], context: Context
) -> tuple[Relation, list[Relation], dict[str, str]]:
    """Everything in terms of the new variables of a substitution."""

    def put(expr: Expr) -> Expr:
        return substitute(expr, dict(old))

    new_names = {v for e in old.values() for v in variables_of(e)}
    positive = all(d == "pos" for d in context.statement.domains)
    out = dict(domains)
    for name in new_names:
        # New variables of a substitution for positive numbers are taken to be positive, as every book does.
        out.setdefault(name, "pos" if positive else "real")
    signs = [Relation(e, ">" if domains[n] == "pos" else ">=", num(0)) for n, e in old.items()
             if domains.get(n) in ("pos", "nonneg")]  # fmt: skip
    changed = [h.map(put) for h in hypotheses]
    changed = [h for h in changed if h.left != h.right]
    return relation.map(put), [*changed, *signs], out


def _relevant(relation: Relation, hypotheses: list[Relation], domains: Mapping[str, str]) -> list[Relation]:
    """The hypotheses that can matter: those connected with the relation's variables, all of them known."""
    known = [h for h in hypotheses if all(v in domains for v in h.variables())]
    reach = set(relation.variables())
    grew = True
    while grew:
        grew = False
        for h in known:
            own = set(h.variables())
            if own & reach and not own <= reach:
                reach |= own
                grew = True
    out = [h for h in known if set(h.variables()) <= reach and h.variables()]
    trivial = {Relation(Var(n), ">", num(0)) for n, d in domains.items() if d == "pos"}
    return [h for h in dict.fromkeys(out) if h not in trivial]
