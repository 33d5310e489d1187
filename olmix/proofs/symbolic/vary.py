"""The same inequality in other clothes: expressions in new variables for the old ones; the proof begins by undoing that.

Reciprocals, squares, sums of two, shifts, and the sides of a triangle (Ravi's substitution). The new problem is about
other numbers, has another canonical key, and its point of equality is carried over exactly.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from fractions import Fraction

from olmix.proofs.statements.expr import Add, Expr, Num, add, neg, substitute
from olmix.proofs.statements.latex import Scope, parse_tokens, tokenize
from olmix.proofs.symbolic.clean import latex, tidy
from olmix.proofs.symbolic.draft import Dice, Draft, Latex
from olmix.proofs.symbolic.terms import Point


@dataclasses.dataclass(frozen=True)
class Change:
    """Old variables as expressions in the new ones; `back` gives the new point for an old one, None if there is none."""

    name: str
    forward: Callable[[tuple[str, ...]], tuple[Latex, ...]]
    back: Callable[[Point], Point | None]
    sizes: tuple[int, ...]
    domains: tuple[str, ...] = ("pos",)
    keeps_rays: bool = True
    triangle: bool = False


def _positive(point: Point) -> Point | None:
    return point if all(p > 0 for p in point) else None


def _roots(point: Point) -> Point | None:
    roots = tuple(Fraction(math.isqrt(int(p))) for p in point)
    return roots if all(r * r == p for r, p in zip(roots, point, strict=True)) else None


def _sums(names: tuple[str, ...]) -> tuple[Latex, ...]:
    return tuple(f"{names[(i + 1) % 3]} + {names[(i + 2) % 3]}" for i in range(3))


def _sums_back(point: Point) -> Point | None:
    half = sum(point, Fraction(0)) / 2
    return _positive(tuple(half - p for p in point))


def _sides(names: tuple[str, ...]) -> tuple[Latex, ...]:
    return tuple(f"{names[(i + 1) % 3]} + {names[(i + 2) % 3]} - {names[i]}" for i in range(3))


def _sides_back(point: Point) -> Point | None:
    # x = b + c - a, ...: the sum of two of them is twice a side.
    return tuple((point[(i + 1) % 3] + point[(i + 2) % 3]) / 2 for i in range(3))


def _half_turn_back(point: Point) -> Point | None:
    return ((point[0] + point[1]) / 2, (point[0] - point[1]) / 2)


CHANGES = (
    Change("reciprocals", lambda n: tuple(f"\\frac{{1}}{{{v}}}" for v in n), lambda p: tuple(1 / x for x in p), (2, 3)),
    Change("squares", lambda n: tuple(f"{v}^{{2}}" for v in n), _roots, (2, 3)),
    Change("sums", _sums, _sums_back, (3,)),
    Change(
        "shift", lambda n: tuple(f"{v} + 1" for v in n), lambda p: _positive(tuple(x - 1 for x in p)), (2, 3),
        keeps_rays=False,
    ),
    Change("sides", _sides, _sides_back, (3,), triangle=True),
    Change(
        "half turn", lambda n: (f"{n[0]} + {n[1]}", f"{n[0]} - {n[1]}"), _half_turn_back, (2,), domains=("real",)
    ),
)  # fmt: skip

#: Above this length a problem in other clothes is no longer one that a person would set.
LONGEST = 150


def changed(draft: Draft, dice: Dice) -> Draft:
    """The draft after a random change that fits it, or the draft itself where none does."""
    if draft.equality is None:
        return draft
    fitting = [c for c in CHANGES if len(draft.names) in c.sizes and draft.domain in c.domains]
    dice.shuffle(fitting)
    for change in fitting:
        if change.triangle and draft.given:
            continue
        point = change.back(draft.equality)
        if point is None or not all(point):
            continue
        new = _names(draft.names)
        inside = change.forward(new)
        by = {old: _read(text, new) for old, text in zip(draft.names, inside, strict=True)}
        left, right, *given = (
            _replaced(text, draft.names, by) for text in (draft.left, draft.right, *_sides_of(draft.given))
        )
        if len(left) + len(right) > LONGEST:
            continue
        conditions = tuple(_condition(a, b, new) for a, b in zip(given[::2], given[1::2], strict=True))
        put = ", ".join(f"${old} = {text}$" for old, text in zip(draft.names, inside, strict=True))
        verb = dice.one("Put", "Let", "Substitute", "Set")
        signs = (
            f"Then ${', '.join(draft.names)} > 0$ and the inequality becomes" if draft.domain == "pos" else "It becomes"
        )
        known = f" with ${draft.given[0]}$" if draft.given else ""
        return dataclasses.replace(
            draft, names=new, given=conditions, left=left, right=right, equality=point, triangle=change.triangle,
            ray=draft.ray and change.keeps_rays, family=f"{draft.family}, {change.name}",
            difficulty="hard" if draft.difficulty == "medium" else "medium",
            proof=(f"{verb} {put}.", f"{signs} ${draft.claim}${known}.", *draft.proof),
        )  # fmt: skip
    return draft


def _names(old: tuple[str, ...]) -> tuple[str, ...]:
    """Letters that are not the old ones."""
    letters = "abc" if "a" not in old else "xyz"
    return tuple(letters[: len(old)])


def _sides_of(given: tuple[Latex, ...]) -> list[Latex]:
    return [side for relation in given for side in relation.split(" = ")]


def _read(text: Latex, names: tuple[str, ...]) -> Expr:
    return parse_tokens(tokenize(text), Scope(names))


def _replaced(text: Latex, names: tuple[str, ...], by: dict[str, Expr]) -> Latex:
    return latex(tidy(substitute(_read(text, names), by)))


def _condition(left: Latex, right: Latex, names: tuple[str, ...]) -> Latex:
    """`x + 2y + 3 = 8` as `x + 2y = 5`."""
    one = _read(left, names)
    loose = [term for term in (one.terms if isinstance(one, Add) else ()) if isinstance(term, Num)]
    if not loose:
        return f"{left} = {right}"
    return " = ".join(latex(tidy(add(_read(side, names), neg(loose[0])))) for side in (left, right))
