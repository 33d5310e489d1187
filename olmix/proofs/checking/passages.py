"""What a sentence about equality may be about: the chains just before it, or letters that the proof has defined itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from olmix.proofs.checking.cases import EqualityCases
from olmix.proofs.checking.equality import check_case
from olmix.proofs.checking.link import Link
from olmix.proofs.checking.links import Context, LinkResult
from olmix.proofs.checking.readings import agrees_in_own_letters, misplaced
from olmix.proofs.checking.shapes import ends
from olmix.proofs.statements.expr import Expr, Relation, Var


def about(
    links: Sequence[Link], places: Mapping[int, tuple[int, int]], place: tuple[int, int], expand: Callable[[Expr], Expr]
) -> tuple[list[Relation], list[Relation]]:
    """The ends of the chains near a place (in its paragraph, and the last one), and all relations that the proof has shown."""
    chains: dict[int, list[Relation]] = {}
    for link in links:
        if link.relation is not None and link.role in ("fact", "goal") and link.status != "refuted":
            chains.setdefault(link.chain, []).append(link.relation.map(expand))
    near = []
    for number, relations in chains.items():
        if number == max(chains) or places.get(number, (-1, -1))[0] == place[0]:
            near += ends(relations)
    return near, [r for relations in chains.values() for r in relations]


def own_case(told: EqualityCases, first: Relation, links: Sequence[Link], context: Context) -> LinkResult | None:
    """A case in letters that the proof has defined, `a = b = c = 0` where a = 1/(1 - x): looked at in those letters."""
    case = next((c for c in told.cases if c and c[0] == first), [])
    if not case or {v for r in case for v in r.variables()} - set(context.definitions):
        return None
    shown = [k.relation for k in links if k.relation and k.role in ("fact", "goal") and k.status != "refuted"]
    named = [Relation(Var(name), "=", expr) for name, expr in context.definitions.items()]
    agrees = agrees_in_own_letters(case, [*named, *shown])
    if agrees is False:
        return LinkResult("refuted", "in this case what the proof has shown is no equality")
    return LinkResult("unrefuted", "equality would hold there") if agrees and told.impossible else None


def at_point(relations: Sequence[Relation], context: Context) -> LinkResult:
    """What is to be said of `it attains its minimum at x = 1`: nothing given may exclude the point."""
    clash = misplaced(relations, context)
    if clash:
        return LinkResult("refuted", f"not given: {clash}")
    if relations and check_case(context.statement, relations, ()) is None:
        return LinkResult("unrefuted", "equality holds there")
    return LinkResult("unread", "a point")
