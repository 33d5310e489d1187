"""Puts a draft into words: the problem and its proof in LaTeX, in the ways in which such problems are written."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from olmix.proofs.symbolic.draft import Dice, Draft, Latex
from olmix.proofs.symbolic.terms import Point, number

_DOMAINS = {
    "pos": ("positive real numbers", "positive reals", "positive numbers"),
    "nonneg": ("non-negative real numbers", "non-negative reals"),
    "real": ("real numbers", "reals"),
}

_SIGNS = {"pos": "> 0", "nonneg": "\\ge 0"}

_TURNED = {"\\ge": "\\le", "\\le": "\\ge", ">": "<", "<": ">"}


def problem(draft: Draft, dice: Dice) -> Latex:
    """The problem."""
    names = f"${', '.join(draft.names)}$"
    conditions = " and ".join(f"${relation}$" for relation in draft.given)
    left, op, right = draft.left, draft.op, draft.right
    if dice.random() < 0.2:
        left, op, right = right, _TURNED[op], left
    claim = f"{left} {op} {right}"
    display = f"$$ {claim}. $$" if dice.random() < 0.7 else f"${claim}$."
    order = dice.one("Prove that", "Show that", "Prove the inequality", "Prove that the following inequality holds:")
    then = f"{order[0].lower()}{order[1:]}"
    if draft.triangle:
        sides = dice.one("the side lengths of a triangle", "the lengths of the sides of a triangle")
        return f"Let {names} be {sides}. {order} {display}"
    domain = dice.choice(_DOMAINS[draft.domain])
    satisfying = f" {dice.one('such that', 'with', 'satisfying')} {conditions}" if conditions else ""
    signed = f"${', '.join(draft.names)} {_SIGNS.get(draft.domain, '')}$"
    match dice.randrange(7):
        case 0:
            return f"Given {domain} {names}{satisfying}, {then} {display}"
        case 1:
            return f"For all {domain} {names}{satisfying}, {then} {display}"
        case 2:
            opening = dice.one("Show that", "Prove that")
            return f"{opening} $$ {claim} $$ for all {domain} {names}{satisfying}."
        case 3 if conditions:
            return f"The numbers {names} are {domain}. {dice.one('If', 'Given that')} {conditions}, {then} {display}"
        case 4 if draft.domain != "real":
            return f"Let {signed}{satisfying}. {order} {display}"
        case 5 if draft.domain != "real" and conditions:
            return f"If {signed} and {conditions}, {then} {display}"
        case 6 if not conditions:
            return f"Suppose that {names} are {domain}. {order} {display}"
    return f"Let {names} be {domain}{satisfying}. {order} {display}"


def proof(draft: Draft, dice: Dice) -> Latex:
    """The proof, with the case of equality at its end where there is one (now and then it goes without saying)."""
    sentences = list(draft.proof)
    if draft.equality is not None and dice.random() < 0.85:
        case = _ray(draft.names, draft.equality) if draft.ray else _place(draft.names, draft.equality)
        verb = dice.one(
            "Equality holds when", "Equality holds for", "Equality occurs when", "We have equality when",
            "Equality is attained when", "There is equality for",
        )  # fmt: skip
        sentences.append(f"{verb} {case}.")
    return " ".join(sentences)


def _place(names: Sequence[str], point: Point) -> Latex:
    """`$a = 1$, $b = 2$`, or `$a = b = c = 1$`."""
    if len(set(point)) == 1:
        return f"${' = '.join(names)} = {number(point[0])}$"
    pieces = [f"${name} = {number(value)}$" for name, value in zip(names, point, strict=True)]
    return f"{', '.join(pieces[:-1])} and {pieces[-1]}"


def _ray(names: Sequence[str], point: Point) -> Latex:
    """The ray through a point: `$a = b = c$`, or `$a = 2b$ and $b = c$`."""
    if len(set(point)) == 1:
        return f"${' = '.join(names)}$"
    pieces = []
    for (name, value), (other, base) in itertools.pairwise(zip(names, point, strict=True)):
        share = number(value / base) if value != base else ""
        pieces.append(f"${name} = {share}{' ' if 'frac' in share else ''}{other}$")
    return " and ".join(pieces)
