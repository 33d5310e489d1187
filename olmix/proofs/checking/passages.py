"""What a sentence about equality may be about: the chains just before it, or letters that the proof has defined itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from olmix.proofs.checking.cases import EqualityCases
from olmix.proofs.checking.equality import check_case
from olmix.proofs.checking.equality_points import never_equal, says_never, too_narrow
from olmix.proofs.checking.link import Link
from olmix.proofs.checking.links import Context, LinkResult
from olmix.proofs.checking.readings import agrees_in_own_letters, misplaced
from olmix.proofs.checking.shapes import ends
from olmix.proofs.statements.expr import Expr, Relation, Var

#: Words that may restrict the problem without a formula: `normalise so that the sum is 1`, `they are not all equal`.
_RESTRICTS = re.compile(
    r"\b(homogen\w*|normali[sz]\w*|(re)?scal\w+|w\.?l\.?o\.?g|generality|assum\w+|suppos\w+|distinct|different|otherwise"
    r"|not all|not both|cases?)\b",
    re.IGNORECASE,
)


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


def only_case(
    told: EqualityCases, near: Sequence[Relation], far: Sequence[Relation], context: Context, said: str
) -> LinkResult | None:
    """What is wrong with a case that a passage calls the only one; None where another reading of it may be right.

    `said` are the words of the proof so far.
    """
    cases = [c for c in told.cases if c]
    if not told.only or told.several or told.unread or told.impossible or len(cases) != 1:
        return None
    return _weighed(too_narrow(context, [r.map(context.expand) for r in cases[0]], near, far), said)


def no_case(
    text: str, near: Sequence[Relation], far: Sequence[Relation], context: Context, said: str
) -> LinkResult | None:
    """What is wrong with a sentence that says that equality never holds; None for other sentences."""
    return _weighed(never_equal(context, near, far), said) if says_never(text) else None


def _weighed(fault: LinkResult | None, said: str) -> LinkResult | None:
    """Where words may have restricted the problem, a point of it refutes nothing."""
    if fault is None or not _RESTRICTS.search(said):
        return fault
    return LinkResult("doubtful", f"{fault.reason}, unless something else was assumed")


def at_point(relations: Sequence[Relation], context: Context) -> LinkResult:
    """What is to be said of `it attains its minimum at x = 1`: nothing given may exclude the point."""
    clash = misplaced(relations, context)
    if clash:
        return LinkResult("refuted", f"not given: {clash}")
    if relations and check_case(context.statement, relations, ()) is None:
        return LinkResult("unrefuted", "equality holds there")
    return LinkResult("unread", "a point")
