"""What the words between formulas refer to: the subject of `which is >= 0`, and claims that two relations are the same."""

from __future__ import annotations

import re
from collections.abc import Sequence

from olmix.proofs.checking.links import Context, check_relation
from olmix.proofs.checking.proof_text import Formula
from olmix.proofs.statements.expr import Expr, Mul, Num, Pow, Relation, mul, num, power
from olmix.proofs.statements.formulas import Chain

_SUBJECT = re.compile(
    r"(?P<top>numerator)|(?P<bottom>denominator)|(?P<left>left(-| )?hand side|\blhs\b|left side)"
    r"|(?P<right>right(-| )?(hand )?side|\brhs\b|\blatter\b|last (expression|sum|term|quantity))"
    r"|(?P<it>\b(it|which|this|that|difference|expression|square|squares)\b)"
)
#: Two relations are called the same.
_SAME = re.compile(
    r"\b(equivalent|rewritten|the same as|same thing as|if and only if|(?P<loose>i\.\s?e|that is|in other words))\b"
)
#: What is spoken of is not the relation just before.
_OTHER = re.compile(r"\b(inequality|claim|statement|problem|desired|required|given|want|show|prove|it suffices)\b")


def subject(
    chain: Chain, formula: Formula, last: Expr | None, context: Context, given: Sequence[Relation]
) -> Expr | None:
    """What a relation without a left side is about, or None; `last` ends the chain before.

    Where the words are not clear, the relation must hold for what they may mean.
    """
    named, right = _named(formula, last, context.statement.claim.left), chain.sides[1].expr
    if named is None or right is None:
        return None
    about, clear = named
    held = check_relation(Relation(about, chain.ops[0], right), context, given).status
    return about if held in ("proved", "unrefuted") or (clear and held == "refuted") else None


def _named(formula: Formula, last: Expr | None, left: Expr) -> tuple[Expr, bool] | None:
    """The expression that the words before a formula name, and whether they are clear."""
    found = list(_SUBJECT.finditer(formula.between.lower() or formula.words.lower()))
    named = {k for m in found for k, v in m.groupdict().items() if v}
    clear = named - {"it"}
    if len(clear) > 1 or not named:
        return None
    kind = clear.pop() if clear else "it"
    if kind == "left":
        return left, False
    if last is None:
        return None
    if kind in ("top", "bottom"):
        above, below = quotient(last)
        if below == num(1):
            return None
        return (above if kind == "top" else below), True
    near = formula.between.strip(" ,.;").lower().startswith("which")
    return last, near or kind == "right"


def quotient(expr: Expr) -> tuple[Expr, Expr]:
    """Numerator and denominator, as they are written."""
    factors = expr.factors if isinstance(expr, Mul) else (expr,)
    below = [f for f in factors if isinstance(f, Pow) and isinstance(f.exponent, Num) and f.exponent.value < 0]
    above = [f for f in factors if f not in below]
    return mul(num(1), *above), mul(num(1), *(power(f.base, -f.exponent.value) for f in below))  # type: ignore[union-attr]


def calls_same(formula: Formula) -> str:
    """`firm` where the words before a relation call it the same as the relation just before, `loose` for `i.e.`, else empty."""
    between = formula.between.lower()
    found = list(_SAME.finditer(between))
    if not found or len(between) > 80 or re.search(r"[.;]\s", between[: found[-1].start()]):
        return ""
    if _OTHER.search(between):
        return "loose"
    return "loose" if found[-1]["loose"] else "firm"
