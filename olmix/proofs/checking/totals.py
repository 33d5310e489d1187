"""`We have A >= B and two similar ones, so the product is at least E`: what the words `the sum`, `the product` bind to E.

It is a side of the claim, or the sum or product of the sides of the relations just before; which one the words do not say.
Where the bound holds for none of them, nothing is accepted; nothing is refuted either.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from olmix.proofs.checking.link import Link
from olmix.proofs.checking.links import Context, LinkResult, check_relation
from olmix.proofs.checking.proof_text import Formula
from olmix.proofs.statements.expr import Expr, Relation, add, mul
from olmix.proofs.statements.formulas import Chain

_TOTAL = re.compile(
    r"\b(?:their|the|this|that|our|whole) (?:whole |total )?(?P<kind>sum|product)"
    r"(?: of (?:these|those|them|all of them|(?:the )?(?:two|three|four)))? (?:is|must be|becomes) (?:always |thus |then )?"
    r"(?:(?P<up>at least|not less than|no less than|(?:greater|bigger|larger) than or equal to)"
    r"|(?:at most|not more than|no more than|(?:less|smaller) than or equal to))$",
    re.IGNORECASE,
)
_SIDES = 4


def unbound_total(
    chain: Chain, formula: Formula, links: Sequence[Link], context: Context, given: Sequence[Relation]
) -> LinkResult | None:
    """Doubtful where a sum or product in words is bounded by an expression that bounds nothing it may be; else None."""
    found = _TOTAL.search(" ".join(formula.words.split()))
    bound = chain.sides[0].expr
    if found is None or bound is None or chain.lead:
        return None
    op = ">=" if found["up"] else "<="
    combine = add if found["kind"].lower() == "sum" else mul
    for total in dict.fromkeys(_totals(combine, links, context)):
        if check_relation(Relation(total, op, bound), context, given).status in ("proved", "unrefuted"):
            return None
    return LinkResult("doubtful", f"it is not clear which {found['kind'].lower()} is meant: this bounds none that is")


def _totals(combine: Callable[..., Expr], links: Sequence[Link], context: Context) -> Iterator[Expr]:
    claim = context.statement.claim
    yield from (claim.left, claim.right)
    before = [link.relation for link in links if link.relation is not None and link.role in ("fact", "goal")]
    for count in range(2, _SIDES + 1):
        if count <= len(before):
            yield combine(*(r.left for r in before[-count:]))
            yield combine(*(r.right for r in before[-count:]))
