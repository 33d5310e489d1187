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

from olmix.proofs.checking.calculus import by_derivative
from olmix.proofs.checking.carrying import carries, presumes, same_by_itself, stands
from olmix.proofs.checking.combine import combination, product
from olmix.proofs.checking.evidence import evident, is_identity, is_identity_by_terms, visibly_weaker
from olmix.proofs.checking.facts import Fact, collect_facts, multiplied, restates, same, shapes
from olmix.proofs.checking.forms import has_root, roots_in
from olmix.proofs.checking.instances import same_form
from olmix.proofs.checking.legitimacy import covers, exhaustive, legitimate
from olmix.proofs.checking.link import Link
from olmix.proofs.checking.links import Context, build_link
from olmix.proofs.proving.keys import canonical_key
from olmix.proofs.statements.expr import STRICT, Relation, num, substitute
from olmix.proofs.statements.statement import Statement


def reaches_claim(statement: Statement, links: Sequence[Link], context: Context, cyclic: bool = False) -> str | None:
    """How the links reach the claim, in words, or None; `cyclic`: the proof speaks of analogues of what it spells out."""
    given = [a.relation for a in context.assumptions if a.lasts == "proof"]
    own = set(statement.variables)
    if any(presumes(r.map(context.expand), statement) for r in (*given, *context.retired)):
        return None
    retired = [r for r in context.retired if own & set(r.map(context.expand).variables())]
    if not retired and (not given or legitimate(statement, given, context)):
        how = _reach_under(statement, links, context, given, cyclic)
        if how is not None:
            return how
    return _by_cases(statement, links, context, given, retired, cyclic)


def _by_cases(
    statement: Statement, links: Sequence[Link], context: Context, given: Sequence[Relation],
    retired: Sequence[Relation], cyclic: bool,
) -> str | None:  # fmt: skip
    """The claim reached in each of several cases that leave nothing out."""
    own = set(statement.variables)
    always = [] if retired else list(given)
    if always and not legitimate(statement, always, context):
        return None
    cases: dict[tuple[Relation, ...], None] = {}
    for link in links:
        case = tuple(r for r in link.under if r not in always and set(r.map(context.expand).variables()) <= own)
        if case and link.role in ("fact", "goal"):
            cases[case] = None
    # What is said within a case may have a condition of its own: the smallest sets are the cases.
    smallest = [c for c in cases if not any(set(d) < set(c) for d in cases)]
    if not 2 <= len(smallest) <= 6:
        return None
    reached = []
    for case in smallest:
        inside = [dataclasses.replace(k, conditional=False) for k in links if set(k.under) <= {*case, *always}]
        if _reach_under(statement, inside, context, [*always, *case], cyclic) is not None:
            reached.append(case)
    return f"the claim is reached in each of {len(reached)} cases" if exhaustive(statement, reached, context) else None


def _reach_under(
    statement: Statement, links: Sequence[Link], context: Context, given: Sequence[Relation], cyclic: bool
) -> str | None:
    """How the links reach the claim where all of `given` holds."""
    target, _ = build_link(statement.claim, context, given)
    if target is None:
        return None
    facts = collect_facts(links, context, given, cyclic)
    if not any(f.number for f in facts):
        return None
    changed = _in_new_variables(statement, context, given)
    if changed is not None:
        root = Fact(changed.claim, changed, canonical_key(changed), announced=True, number=0)
        how = _reach(root, _usable(facts, root), depth=0, effort=_Effort())
        if how is not None:
            return how
    root = Fact(target.claim, target, canonical_key(target), announced=True, number=0)
    return _reach(root, _usable(facts, root), depth=0, effort=_Effort())


def _usable(facts: Sequence[Fact], root: Fact) -> list[Fact]:
    """The facts that may support the claim, directly or not."""
    return [f for f in facts if _admissible(f, root) and stands(f, root)]


def _in_new_variables(statement: Statement, context: Context, given: Sequence[Relation]) -> Statement | None:
    """The claim in the new variables of a substitution, where that reaches every point of the hypotheses."""
    old = {n: context.expand(e) for n, e in context.substitutions.items()}
    if set(old) != set(statement.variables) or not covers(statement, old, context):
        return None
    claim = statement.claim.map(lambda e: substitute(e, old))
    return build_link(claim, context, given)[0]


@dataclasses.dataclass
class _Effort:
    """How many relations may still be sought support for."""

    left: int = 20


def _reach(target: Fact, facts: list[Fact], depth: int, effort: _Effort, above: tuple[Fact, ...] = ()) -> str | None:
    """How the target follows from the facts; `above` are the relations that wait for the target's own support."""
    for fact in facts:
        same_key = fact.key == target.key and fact.relation.op != "=" and _strict_enough([fact], target)
        if same_key and _told(fact, target) and evident(fact, target):
            return f"step {fact.number} is equivalent to the claim and evident"
        if fact.relation.op == "=" and is_identity(fact, target):
            return f"both sides are equal by step {fact.number}"
    if is_identity_by_terms(facts, target):
        return "both sides are equal, term by term"
    if depth and evident(target, above[0] if above else target):
        return "the claim is evident"
    if by_derivative(target, facts):
        return "a derivative that the proof states shows it"
    effort.left -= 1
    for shape in shapes(target) if effort.left >= 0 else ():
        for used in _ways(shape, facts):
            if (
                used
                and _strict_enough(used, target)
                and all(_supported(fact, target, facts, depth, effort, above) for fact in used)
            ):
                steps = ", ".join(str(n) for n in sorted({f.number for f in used if f.number}))
                return f"the claim follows from steps {steps}"
    return None


def _supported(
    fact: Fact, target: Fact, facts: list[Fact], depth: int, effort: _Effort, above: tuple[Fact, ...]
) -> bool:
    """Whether a fact needs no more support.

    What was only announced ("it suffices to show") has to be reached in its turn, and so has the target in another form.
    """
    waiting = (*above, target)
    alike = fact.relation.op != "=" and any(_alike(fact, f) for f in waiting)
    if evident(fact, waiting[0]):
        return True
    if not (fact.announced or (alike and not fact.derived)):
        if fact.origin is not None:
            return _supported(fact.origin, target, facts, depth, effort, above)
        if fact.links:
            proper = [link for link in fact.links if link.relation.op != "="]
            return all(_supported(link, target, facts, depth, effort, above) for link in proper)
        if carries(fact, waiting[0]):
            return True
    elif not fact.announced and not any(same_by_itself(fact, f) for f in waiting) and carries(fact, waiting[0]):
        return True  # The target by the hypotheses only, and lighter than it.
    if effort.left <= 0 or depth > 4:
        return False
    others = [
        f for f in facts
        if not _made_of(f, fact) and _admissible(f, fact) and all(_admissible(f, w) for w in waiting)
    ]  # fmt: skip
    if fact.origin is not None and not _alike(fact.origin, target):
        # A root of both sides: what the root was taken of has to be reached.
        return _reach(fact.origin, others, depth + 1, effort, waiting) is not None
    return _reach(fact, others, depth + 1, effort, waiting) is not None


def _strict_enough(used: Sequence[Fact], target: Fact) -> bool:
    """Whether what a strict target is derived from is strict somewhere."""
    return target.relation.op not in STRICT or any(f.relation.op in STRICT for f in used)


def _made_of(fact: Fact, part: Fact) -> bool:
    """Whether a fact is another one, or what follows from it: it cannot support that one."""
    found = (fact, *fact.links, *([fact.origin, *fact.origin.links] if fact.origin else []))
    return any(f.relation == part.relation for f in found)


def _told(fact: Fact, target: Fact) -> bool:
    """Whether the proof itself says or shows that a fact is the target in another form."""
    return fact.announced or fact.derived or restates(fact, target)


def _alike(fact: Fact, target: Fact) -> bool:
    """The target in another form. What has only positive terms is one and the same to the canonical key."""
    if restates(fact, target):
        return True
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
    for fact in facts:
        if same(fact, target):
            yield combination(target, [fact]) or []
    first = [f for f in facts if not (f.visible or f.origin or f.announced)]
    plain = [f for f in facts if f.relation.op != "=" and not has_root(f.relation)]
    settled = [f for f in facts if not f.announced]
    other = [f for f in settled if f.key != target.key or f.derived]
    known = roots_in(target.relation)
    familiar = [f for f in settled if roots_in(f.relation) <= known]
    for chosen in (first, familiar, other, settled, plain, facts):
        found = combination(target, chosen)
        if found is not None:
            yield found
    for fact in facts:
        if visibly_weaker(target, fact):
            yield [fact]
    found = product(target, facts)
    if found is not None:
        yield found
    found = combination(target, [*facts, *multiplied(facts)])
    if found is not None:
        yield [part for fact in found for part in (fact.parts or (fact,))]


def _admissible(fact: Fact, target: Fact) -> bool:
    """Whether a fact may support a target: the target restated may not, unless it is derived or evident."""
    if fact.relation.op == "=":
        return target.relation.op != "=" or fact.key != target.key
    if restates(fact, target):
        rooted = fact.origin is not None and not restates(fact.origin, target)
        return fact.derived or rooted or evident(fact, target)
    return fact.key != target.key or fact.proved


__all__ = ["reaches_claim"]
