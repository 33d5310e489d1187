"""Sums of squares: the difference of both sides is written as squares, alone or times something positive.

Every square vanishes at the chosen point (a form a - 2b, a^2 - 3bc, ...), except in problems that are never equalities.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from olmix.proofs.symbolic.amgm import touching, whole
from olmix.proofs.symbolic.draft import Dice, Draft, Latex
from olmix.proofs.symbolic.terms import Point, Sum, const, linear, monomial, number, total, var

TECHNIQUE = "sos"


def weighted_square(weight: Sum, root: Sum, names: Sequence[str]) -> tuple[Sum, Latex]:
    """weight * root^2 and how it is written, with a root of whole coefficients without a common factor."""
    common = root.content() * (-1 if root.latex(names).startswith("-") else 1)
    weight, root = weight * (common * common), root * (1 / common)
    front = weight.latex(names)
    if front == "1":
        front = ""
    elif len(weight.terms) > 1:
        front = f"({front})"
    alone = len(root.terms) == 1 and root.degree() == 1
    return weight * root * root, f"{front}{root.latex(names) if alone else f'({root.latex(names)})'}^{{2}}"


def draft(
    dice: Dice, family: str, difficulty: str, names: tuple[str, ...], domain: str, parts: Sequence[tuple[Sum, Latex]],
    point: Point, homogeneous: bool, rest: int = 0,
) -> Draft:  # fmt: skip
    """The draft for the sum of the squares, plus a constant `rest` that makes the claim strict."""
    size = len(names)
    whole_sum = total((value for value, _ in parts), size)
    shown = " + ".join(text for _, text in parts) + (f" + {rest}" if rest else "")
    whole_sum = whole_sum + const(rest, size)
    left, right = whole_sum.positive(), whole_sum.negative()
    ways = ["difference", "equivalent", "expand"]
    difference = f"{whole_sum.latex(names)}"
    sign = ">" if rest else "\\ge"
    way = dice.choice(ways)
    if way == "difference":
        opening = dice.one("The difference of both sides is", "Subtracting the right-hand side, we get", "We have")
        sentence = f"{opening} $$ {difference} = {shown} {sign} 0. $$"
    elif way == "equivalent":
        verb = dice.one("The inequality is equivalent to", "This can be rewritten as", "The claim is equivalent to")
        sentence = f"{verb} $$ {shown} {sign} 0, $$ {dice.one('which is obvious', 'which is clearly true', 'and this is true')}."
    else:
        opening = dice.one("Since squares are non-negative,", "Clearly,", "Note that")
        sentence = f"{opening} $$ 0 {'<' if rest else chr(92) + 'le'} {shown} = {difference}. $$ This is the claim."
    return Draft(
        technique=TECHNIQUE, family=family, difficulty=difficulty, names=names, domain=domain, left=left.latex(names),
        op=sign, right=right.latex(names), equality=None if rest else point, ray=homogeneous,
        proof=(sentence,),
    )  # fmt: skip


def forms(dice: Dice) -> Draft:
    """Quadratic forms in real numbers: squares of linear forms that vanish on a ray."""
    size = dice.choice((2, 3, 3, 3, 4))
    names = dice.names(size)
    one = const(1, size)
    while True:
        # A fresh point each time: with some, nothing is left for the right-hand side.
        point = (
            tuple(p or Fraction(1) for p in dice.any_point(size, 3)) if dice.random() < 0.7 else (Fraction(1),) * size
        )
        parts = [
            weighted_square(one * (1 if size == 2 else dice.randint(1, 3)), _vanishing(dice, point, size), names)
            for _ in range(1 if size == 2 else dice.choice((2, 3)))
        ]
        whole_sum = total((value for value, _ in parts), size)
        if _usable(whole_sum, size):
            return draft(dice, "forms", "easy", names, "real", parts, point, True)


def _usable(whole_sum: Sum, size: int) -> bool:
    used = {i for x in whole_sum.terms for i, e in enumerate(x) if e}
    return bool(whole_sum.negative().terms) and len(used) == size and max(map(abs, whole_sum.terms.values())) <= 150


def _vanishing(dice: Dice, point: Point, size: int) -> Sum:
    """A linear form with small coefficients that is 0 at the point."""
    while True:
        coefficients = [Fraction(dice.randint(-3, 3)) for _ in range(size)]
        last = dice.randrange(size)
        rest = sum(c * p for i, (c, p) in enumerate(zip(coefficients, point, strict=True)) if i != last)
        share = -rest / point[last]
        coefficients[last] = share if share.denominator == 1 else Fraction(0)
        if sum(map(bool, coefficients)) > 1 and abs(coefficients[last]) <= 5 and not linear(coefficients).at(point):
            return linear(coefficients)


def shifted(dice: Dice) -> Draft:
    """Quadratic polynomials in real numbers, equal at one point or, with something left over, never."""
    size = dice.choice((2, 2, 3))
    names = dice.names(size)
    one = const(1, size)
    while True:
        point = dice.any_point(size, 3)
        parts = []
        for i in range(size):
            root = var(i, size) * dice.randint(1, 3)
            if dice.random() < 0.5:
                root = root + var((i + 1) % size, size) * dice.choice((-2, -1, 1))
            root = root - const(root.at(point), size)
            parts.append(weighted_square(one * dice.choice((1, 1, 2)), root, names))
        whole_sum = total((value for value, _ in parts), size)
        if _usable(whole_sum, size):
            return draft(
                dice, "shifted", "medium", names, "real", parts, point, False, dice.randint(1, 5) if dice.random() < 0.15 else 0
            )  # fmt: skip


def monomials(dice: Dice) -> Draft:
    """Squares of differences of two monomials of one degree: quartic or sextic."""
    size = dice.choice((2, 3, 3))
    names = dice.names(size)
    degree = dice.choice((2, 2, 3)) if size == 3 else dice.choice((2, 3))
    one = const(1, size)
    while True:
        point = dice.point(size, 3)
        parts = [
            weighted_square(one * dice.randint(1, 2), _two_monomials(dice, point, degree), names)
            for _ in range(dice.choice((1, 2, 3)))
        ]
        whole_sum = total((value for value, _ in parts), size)
        used = {i for x in whole_sum.terms for i, e in enumerate(x) if e}
        if len(used) == size and whole_sum.negative().terms and max(map(abs, whole_sum.terms.values())) <= 400:
            return draft(dice, "monomials", "medium", names, "real", parts, point, True)


def _two_monomials(dice: Dice, point: Point, degree: int) -> Sum:
    size = len(point)
    while True:
        shapes = []
        for _ in range(2):
            shape = [0] * size
            for _ in range(degree):
                shape[dice.randrange(size)] += 1
            shapes.append(tuple(shape))
        if shapes[0] != shapes[1]:
            first, second = touching(shapes, point, Fraction(1))
            return (first - second) * whole([first, second])


def multiplied(dice: Dice) -> Draft:
    """Squares times positive variables: the pattern of a(b - c)^2 + b(c - a)^2 + c(a - b)^2 >= 0."""
    size = dice.choice((2, 3, 3))
    names = dice.names(size)
    while True:
        point = dice.point(size, 3)
        parts = []
        for _ in range(dice.choice((1, 2, 3)) if size == 2 else dice.choice((2, 3))):
            shape = [0] * size
            shape[dice.randrange(size)] = 1
            weight = monomial(tuple(shape), dice.randint(1, 2))
            if dice.random() < 0.3:
                weight = weight + var(dice.randrange(size), size)
            i, j = dice.sample(range(size), 2)
            root = var(i, size) * point[j] - var(j, size) * point[i]
            if size == 3 and dice.random() < 0.3:
                root = _vanishing(dice, point, size)
            parts.append(weighted_square(weight, root, names))
        whole_sum = total((value for value, _ in parts), size)
        if _usable(whole_sum, size):
            return draft(dice, "multiplied", "medium", names, "pos", parts, point, True)


def bounded(dice: Dice) -> Draft:
    """With a linear condition: a weighted sum of squares minus its least value is a sum of squares of a - (its value there)."""
    size = dice.choice((2, 3, 3, 3, 4))
    names, point = dice.names(size), dice.any_point(size, 5)
    if dice.random() < 0.4:
        point = dice.point(size, 5)
    weights = [Fraction(dice.randint(1, 6)) for _ in range(size)]
    slopes = [2 * w * p for w, p in zip(weights, point, strict=True)]
    content = linear(slopes).content()
    given = linear([s / content for s in slopes])
    if sum(map(bool, slopes)) < 2:
        return bounded(dice)
    left = total((var(i, size) ** 2 * w for i, w in enumerate(weights)), size)
    bound = number(left.at(point))
    parts = [
        weighted_square(const(w, size), var(i, size) - const(p, size), names)[1]
        for i, (w, p) in enumerate(zip(weights, point, strict=True))
    ]
    shown = " + ".join(parts)
    known = f"{given.latex(names)} = {number(given.at(point))}"
    expanded = (left - linear(slopes) + const(left.at(point), size)).latex(names)
    line = f"0 \\le {shown} = {expanded}"
    return Draft(
        technique=TECHNIQUE, family="bounded", difficulty="medium", names=names, domain="real", given=(known,),
        left=left.latex(names), op="\\ge", right=bound, equality=point, ray=False,
        proof=(f"{dice.one('Clearly,', 'We have', 'Note that')} $$ {line}. $$",
               f"Since ${known}$, we have ${linear(slopes).latex(names)} = {number(2 * left.at(point))}$, "
               "and the claim follows."),
    )  # fmt: skip


FAMILIES = (forms, shifted, monomials, multiplied, bounded)
