"""What the words between formulas refer to: the subject of `which is >= 0`, and claims that two relations are the same."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from olmix.proofs.checking.links import Context, check_relation
from olmix.proofs.checking.proof_text import Formula
from olmix.proofs.statements.expr import Expr, Mul, Num, Pow, Relation, mul, num, power
from olmix.proofs.statements.formulas import Chain, Side

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

#: Words that may make a relation a supposition, or the name of a point.
SUPPOSITION = re.compile(
    r"\b(suppos\w*|assum\w*|contrary|let|if|when\w*|case|where|equality|otherwise|would|false|not)\b", re.IGNORECASE
)
POINT = re.compile(
    r"\b(when|at|if|for|case|point|minim\w+|maxim\w+|approach\w*|equal\w*|attain\w*|achiev\w*|occurs?)\b", re.IGNORECASE
)
#: Words that announce what is to be proved, just before it.
ANNOUNCED = re.compile(
    r"\b(proving|prove|showing|show|suffic\w+|enough)\b( that| to prove| to show|:)*\s*$", re.IGNORECASE
)
_IT = re.compile(r"\b(this|which|it|that (?!is)|inequality|claim|statement|latter|former)\b")
#: What a relation is a reason for stands in the words around it.
_REASON = re.compile(
    r"(\b(since|because)|(^|[,.;(])\s*as)\W*((we have|clearly|obviously|of course)\W*)?$", re.IGNORECASE
)
_FACTOR = re.compile(
    r"\b(by|with|for|(multipl|divid)\w*[^.;]*\bby( the| a)?( (positive|non-?negative|number|factor|quantity|expression))*"
    r"|(positive|non-?negative) (number|factor|quantity|expression))\W*$",
    re.IGNORECASE,
)

#: `The left-hand side is`, just before an expression.
_SIDE_IS = re.compile(
    r"\b(left|right)[- ]*(?:hand[- ]*)?side (?:is|equals|is equal to|becomes|can be (?:re)?written as)\s*$",
    re.IGNORECASE,
)


def side_named(chain: Chain, formula: Formula, sides: tuple[Expr, Expr] | None) -> Chain | None:
    """`The left-hand side is X`: the chain with that side of the claim before it; None where no side is named."""
    found = _SIDE_IS.search(formula.words) if not chain.lead and sides else None
    if found is None or sides is None or chain.sides[0].expr is None:
        return None
    index = int(found[1].lower() == "right")
    first = Side(("\\lhs", "\\rhs")[index], sides[index])
    return dataclasses.replace(chain, sides=(first, *chain.sides), ops=("=", *chain.ops))


def nearer(named: Chain, before: Chain | None, context: Context, given: Sequence[Relation]) -> Chain:
    """`The left side is X` after a relation may mean that relation's side: where X is that side, and not the claim's."""
    right, side = named.sides[1].expr, named.sides[0]
    if before is None or right is None or side.expr is None:
        return named
    other = before.sides[0 if side.text == "\\lhs" else -1].expr
    held = ("proved", "unrefuted")
    if other is None or check_relation(Relation(side.expr, "=", right), context, given).status in held:
        return named
    if check_relation(Relation(other, "=", right), context, given).status not in held:
        return named
    return dataclasses.replace(named, sides=(dataclasses.replace(side, expr=other), *named.sides[1:]))


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


def is_aside(chain: Chain, formula: Formula) -> bool:
    """Whether a relation only gives a reason or a sign: `multiplying by t**2 > 0`, `since a >= b`."""
    if _REASON.search(formula.words):
        return True
    zero = any(side.expr == num(0) for side in (chain.sides[0], chain.sides[-1]))
    return zero and chain.ops[-1][0] in "<>" and bool(_FACTOR.search(formula.words))


def calls_same(formula: Formula, aside: bool = False) -> str:
    """`firm` where the words before a relation call it the same as the relation just before, `loose` for `i.e.`, else empty.

    `this` and `which` are never about an `aside`: what they are about then is not clear.
    """
    between = formula.between.lower()
    if aside and _IT.search(between):
        return ""
    found = list(_SAME.finditer(between))
    if not found or len(between) > 80 or re.search(r"[.;]\s", between[: found[-1].start()]):
        return ""
    if _OTHER.search(between):
        return "loose"
    return "loose" if found[-1]["loose"] else "firm"
