"""Whether two inequalities are equivalent: their differences have the same sign wherever the hypotheses hold.

Both may hold everywhere, so that only the points of equality tell them apart: simple exact points are tried.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from fractions import Fraction

from olmix.proofs.checking.links import Context, LinkResult, build_link
from olmix.proofs.checking.shapes import ends
from olmix.proofs.statements.expr import Relation, num
from olmix.proofs.statements.formulas import Chain
from olmix.proofs.statements.numeric import Undefined, holds_at
from olmix.proofs.statements.statement import Statement

_VALUES = tuple(Fraction(v) for v in ("1", "2", "1/2", "3", "1/3", "0", "-1", "-2"))
_MOST = 400


def differs(one: Relation, two: Relation, context: Context, given: Iterable[Relation]) -> str | None:
    """A point, in words, at which two inequalities in the same variables differ in sign; None where none is seen."""
    given = list(given)
    first, _ = build_link(one, context, given)
    second, _ = build_link(two, context, given)
    if first is None or second is None or first.variables != second.variables or not first.variables:
        return None
    if any(s.claim.op not in ("<", "<=", ">", ">=") for s in (first, second)):
        return None
    for values in itertools.islice(itertools.product(_VALUES, repeat=len(first.variables)), _MOST):
        at = dict(zip(first.variables, values, strict=True))
        try:
            if not _inside(first, at) or not _inside(second, at):
                continue
            signs = [_sign(s.claim, at) for s in (first, second)]
            if -1 not in signs and not all(_strictly(s, at) for s in (first, second)):
                continue  # On the border a factor that was divided out may vanish.
        except Undefined:
            continue
        if None in signs or signs[0] == signs[1]:
            continue
        # Where a variable vanishes people divide by it all the same: only what fails there counts.
        if -1 in signs or all(values):
            return ", ".join(f"{name} = {value}" for name, value in at.items())
    return None


def _inside(statement: Statement, at: dict[str, Fraction]) -> bool:
    for name, domain in zip(statement.variables, statement.domains, strict=True):
        if (domain == "pos" and at[name] <= 0) or (domain == "nonneg" and at[name] < 0) or domain == "natural":
            return False
    return all(holds_at(c, at) is True for c in statement.constraints)


def _strictly(statement: Statement, at: dict[str, Fraction]) -> bool:
    """Whether a point lies inside: inequalities among the hypotheses are strict there."""
    strict = {"<=": "<", ">=": ">"}
    return all(
        holds_at(Relation(c.left, strict[c.op], c.right), at) is True for c in statement.constraints if c.op in strict
    )


def _sign(claim: Relation, at: dict[str, Fraction]) -> int | None:
    """1 where the inequality is strict, 0 where it is an equality, -1 where it fails; exactly, or None."""
    gap = claim.gap()
    for sign, op in ((1, ">"), (0, "="), (-1, "<")):
        if holds_at(Relation(gap, op, num(0)), at) is True:
            return sign
    return None


def compare(before: Chain, after: Chain, context: Context, given: Iterable[Relation], how: str) -> LinkResult | None:
    """What is wrong with calling two chains equivalent: refuted at a point where one is strict and the other an equality,
    or one holds and the other fails.

    Where the words are `loose`, as `i.e.` is, the second may be a consequence of the first, or equivalent to the claim.
    """
    one, two = ends(before.relations()), ends(after.relations())
    if len(one) != 1 or len(two) != 1 or len(before.relations()) < len(before.ops):
        return None
    given = list(given)
    where = differs(one[0], two[0], context, given)
    if where is not None and how == "loose" and differs(context.statement.claim, two[0], context, given) is None:
        return None
    if where is None:
        return None
    return LinkResult("refuted" if how == "firm" else "doubtful", f"not equivalent at {where}")
