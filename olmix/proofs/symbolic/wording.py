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

_TURNED = {"\\ge": "\\le", "\\le": "\\ge", ">": "<", "<": ">"}


def problem(draft: Draft, dice: Dice) -> Latex:
    """The problem."""
    names = f"${', '.join(draft.names)}$"
    given = [f"${relation}$" for relation in draft.given]
    conditions = " and ".join(given)
    left, op, right = draft.left, draft.op, draft.right
    if dice.random() < 0.2:
        left, op, right = right, _TURNED[op], left
    display = f"$$ {left} {op} {right}. $$" if dice.random() < 0.7 else f"${left} {op} {right}$."
    order = dice.one("Prove that", "Show that", "Prove the inequality", "Prove that the following inequality holds:")
    if draft.triangle:
        return f"Let {names} be the side lengths of a triangle. {order} {display}"
    domain = dice.choice(_DOMAINS[draft.domain])
    satisfying = f" {dice.one('such that', 'with', 'satisfying')} {conditions}" if conditions else ""
    way = dice.randrange(3)
    if way == 0:
        return f"Let {names} be {domain}{satisfying}. {order} {display}"
    if way == 1:
        return f"Given {domain} {names}{satisfying}, {order[0].lower()}{order[1:]} {display}"
    middle = (
        f" {dice.one('If', 'Suppose that')} {conditions}, {order[0].lower()}{order[1:]}" if conditions else f" {order}"
    )
    return (
        f"The numbers {names} are {domain}.{middle} {display}"
        if conditions
        else f"Let {names} be {domain}. {order} {display}"
    )


def proof(draft: Draft, dice: Dice) -> Latex:
    """The proof, with the case of equality at its end where there is one (now and then it goes without saying)."""
    sentences = list(draft.proof)
    if draft.equality is not None and dice.random() < 0.85:
        case = _ray(draft.names, draft.equality) if draft.ray else _place(draft.names, draft.equality)
        verb = dice.one("Equality holds when", "Equality holds for", "Equality occurs when", "We have equality when")
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
