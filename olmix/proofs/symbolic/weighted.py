"""AM-GM with weights: a term that counts w times is written w times, so that the mean is one everybody can check.

The means are taken as in `amgm`; what is new are unequal weights, and with them powers, cubic patterns and uneven products.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from olmix.proofs.symbolic.amgm import chain, listed, rotations, touching, whole
from olmix.proofs.symbolic.draft import Dice, Draft, Latex
from olmix.proofs.symbolic.terms import Exponents, Sum, linear, monomial, number, total

TECHNIQUE = "weighted_am_gm"


def by_weighted(dice: Dice) -> Latex:
    """What a proof says before it applies the inequality."""
    return dice.one(
        "By weighted AM-GM,", "By the weighted AM-GM inequality,", "Weighted AM-GM gives", "Applying weighted AM-GM, we get"
    )  # fmt: skip


def weighted_chain(terms: Sequence[Sum], weights: Sequence[int], result: Latex, names: Sequence[str]) -> Latex:
    """`2 t_1 + t_2 = t_1 + t_1 + t_2 >= 3 (t_1 t_1 t_2)^(1/3) = result`."""
    copies = [t.latex(names) for t, w in zip(terms, weights, strict=True) for _ in range(w)]
    short = total((t * w for t, w in zip(terms, weights, strict=True)), len(names)).latex(names)
    return f"{short} = {chain(copies, result)}"


def split(dice: Dice, parts: int, most: int = 5) -> tuple[int, ...]:
    """Weights that are not all equal, with a sum of at most `most`."""
    while True:
        weights = tuple(dice.randint(1, most - 1) for _ in range(parts))
        if len(set(weights)) > 1 and sum(weights) <= most:
            return weights


def mean(dice: Dice) -> Draft:
    """w_1 t_1 + ... + w_n t_n >= (w_1 + ... + w_n) m for monomials with t_1^w_1 ... t_n^w_n = m^(w_1 + ... + w_n)."""
    while True:
        size, n, low = dice.choice((2, 3, 3, 3)), dice.choice((2, 3, 3)), dice.choice((0, 0, -1))
        weights = split(dice, n, 6)
        whole_weight = sum(weights)
        shapes = [tuple(dice.randint(low, 4) for _ in range(size)) for _ in range(n - 1)]
        # The last exponents are such that every weighted sum is a multiple of all weights.
        last = [_completing(weights, column, low) for column in zip(*shapes, strict=True)]
        if None in last:
            continue
        shapes.append(tuple(e for e in last if e is not None))
        sums = [sum(w * e for w, e in zip(weights, column, strict=True)) for column in zip(*shapes, strict=True)]
        target = tuple(s // whole_weight for s in sums)
        used = all(any(shape[i] for shape in shapes) for i in range(size))
        if used and 0 < max(map(sum, shapes)) <= 6 and len({*shapes, target}) == n + 1:
            break
    names, point = dice.names(size), dice.point(size, 3)
    terms = touching(shapes, point, Fraction(1))
    scale = whole(terms)
    terms = [t * scale for t in terms]
    right = monomial(target, whole_weight * scale / monomial(target).at(point)).latex(names)
    left = total((t * w for t, w in zip(terms, weights, strict=True)), size)
    homogeneous = len({sum(shape) for shape in shapes}) == 1
    return Draft(
        technique=TECHNIQUE, family="mean", difficulty="easy", names=names, domain="pos", left=left.latex(names),
        op="\\ge", right=right, equality=point, ray=homogeneous,
        proof=(f"{by_weighted(dice)} $$ {weighted_chain(terms, weights, right, names)}. $$",),
    )  # fmt: skip


def _completing(weights: Sequence[int], exponents: Sequence[int], low: int) -> int | None:
    """The least exponent from `low` on with which the weighted sum is a multiple of the sum of the weights, if there is one."""
    known = sum(w * e for w, e in zip(weights, exponents, strict=False))
    return next((e for e in range(low, low + sum(weights)) if (known + weights[-1] * e) % sum(weights) == 0), None)


def rows(dice: Dice) -> Draft:
    """The pattern of a^3 + b^3 + c^3 >= a^2 b + b^2 c + c^2 a: one weighted mean for each term on the right."""
    size = dice.choice((3, 3, 3, 4))
    names, point = dice.names(size), dice.point(size, dice.choice((2, 3)))
    weights = split(dice, 2, 4 if size == 3 else 3)
    degree = sum(weights)
    base = tuple(degree * e for e in dice.choice([(1, 0, 0), (1, 0, 0), (1, 1, 0), (1, -1, 0)])) + (0,) * (size - 3)
    shapes = rotations(base)
    step = dice.choice((1, 1, 2)) if size == 3 else dice.choice((1, 3))
    made = []
    for i in range(size):
        shape = [shapes[i], shapes[(i + step) % size]]
        worth = Fraction(dice.choice((1, 1, 1, 2, 3)))
        two = touching(shape, point, worth)
        middle = _middle(shape, weights)
        made.append((two, monomial(middle, degree * worth / monomial(middle).at(point))))
    scale = whole([s for two, _ in made for s in two])
    made = [([t * scale for t in two], middle * scale) for two, middle in made]
    left = total((t * w for two, _ in made for t, w in zip(two, weights, strict=True)), size)
    right = total((middle for _, middle in made), size)
    lines = [weighted_chain(two, weights, middle.latex(names), names) for two, middle in made]
    common = total([left, right * -1], size).content()
    share = "" if common == 1 else f" and dividing by {number(common)}"
    ending = dice.one(f"Adding these inequalities{share} gives the claim.", f"Summing up{share}, we obtain the claim.")
    return Draft(
        technique=TECHNIQUE, family="rows", difficulty="medium", names=names, domain="pos",
        left=(left * (1 / common)).latex(names), op="\\ge", right=(right * (1 / common)).latex(names), equality=point, ray=True,
        proof=(f"{by_weighted(dice)} {listed(lines)}", ending),
    )  # fmt: skip


def _middle(shapes: Sequence[Exponents], weights: Sequence[int]) -> Exponents:
    return tuple(
        sum(w * e for w, e in zip(weights, column, strict=True)) // sum(weights) for column in zip(*shapes, strict=True)
    )


def fixed_product(dice: Dice) -> Draft:
    """A product with uneven exponents is given; a weighted sum of the variables, or of powers, is at least a constant."""
    size = dice.choice((2, 3, 3, 3))
    weights = split(dice, size, 6 if size == 3 else 5)
    names = dice.names(size)
    degree = sum(weights)
    point = dice.point(size, 3 if degree < 6 else 2, 0.3)
    units = [tuple(degree * int(i == j) for i in range(size)) for j in range(size)]
    terms = touching(units, point, Fraction(1))
    scale = whole(terms)
    terms = [t * scale for t in terms]
    letters = monomial(weights)
    power = degree // sum(weights)
    front = sum(weights) * scale / letters.at(point) ** power
    middle = (letters**power * front).latex(names)
    value = number(sum(weights) * scale)
    known = f"{letters.latex(names)} = {number(letters.at(point))}"
    left = total((t * w for t, w in zip(terms, weights, strict=True)), size)
    because = dice.one("because", "by the condition")
    return Draft(
        technique=TECHNIQUE, family="fixed product", difficulty="medium", names=names, domain="pos", given=(known,),
        left=left.latex(names), op="\\ge", right=value, equality=point, ray=False,
        proof=(f"{by_weighted(dice)} $$ {weighted_chain(terms, weights, middle, names)} = {value}, $$ {because} ${known}$.",),
    )  # fmt: skip


def fixed_sum(dice: Dice) -> Draft:
    """A weighted sum, perhaps of squares, is given; a product with uneven exponents is at most a constant."""
    size = dice.choice((2, 3, 3))
    # An odd sum: the checker follows odd roots.
    while sum(weights := split(dice, size, 5)) % 2 == 0:
        pass
    names = dice.names(size)
    point = tuple(w * p for w, p in zip(weights, dice.point(size, 4), strict=True))
    power = dice.choice((1, 1, 2))
    slopes = [Fraction(w) / p**power for w, p in zip(weights, point, strict=True)]
    slopes = [s / linear(slopes).content() for s in slopes]
    raised = [monomial(tuple(power * int(i == j) for j in range(size)), s) for i, s in enumerate(slopes)]
    given = total(raised, size)
    value = number(given.at(point))
    letters = monomial(weights) ** power
    bound = number(letters.at(point))
    # Each power in w equal parts: w (k x / w).
    parts = [x * Fraction(1, w) for x, w in zip(raised, weights, strict=True)]
    copies = [p.latex(names) for p, w in zip(parts, weights, strict=True) for _ in range(w)]
    inside = math.prod((p**w for p, w in zip(parts, weights, strict=True)), start=monomial((0,) * size))
    n = sum(weights)
    root = f"{n}\\sqrt{f'[{n}]' if n > 2 else ''}{{{inside.latex(names)}}}"
    so = dice.one("hence", "so that", "and therefore")
    return Draft(
        technique=TECHNIQUE, family="fixed sum", difficulty="medium", names=names, domain="pos",
        given=(f"{given.latex(names)} = {value}",), left=letters.latex(names), op="\\le", right=bound, equality=point, ray=False,
        proof=(f"{by_weighted(dice)} $$ {value} = {given.latex(names)} = {chain(copies, root)}, $$ {so} "
               f"${letters.latex(names)} \\le {bound}$.",),
    )  # fmt: skip


def powers(dice: Dice) -> Draft:
    """A weighted sum of powers x^m is given; m x^n + (n - m) t^n >= n t^(n-m) x^m for each variable, added up with factors."""
    size = dice.choice((2, 3, 3, 4))
    n, m = dice.choice(
        ((3, 1), (3, 1), (4, 1), (3, 2), (4, 3), (5, 1) if size < 4 else (3, 1), (5, 2) if size < 4 else (3, 2))
    )
    names, point = dice.names(size), dice.point(size, 3 if n < 5 else 2)
    # A front c makes the powers' coefficient m c whole, and the numbers (n - m) c t^n.
    tops = [Fraction(dice.randint(1, 4)) for _ in range(size)]
    slopes = [n * c * p ** (n - m) for c, p in zip(tops, point, strict=True)]
    content = linear(slopes).content()
    lowers = [monomial(tuple(m * int(i == j) for j in range(size)), s) for i, s in enumerate(slopes)]
    given = total(lowers, size) * (1 / content)
    left = total((monomial(tuple(n * int(i == j) for j in range(size)), m * tops[i]) for i in range(size)), size)
    common = left.content()
    value, bound = number(given.at(point)), number(left.at(point) / common)
    lines = []
    for i, (c, p) in enumerate(zip(tops, point, strict=True)):
        x = monomial(tuple(int(i == j) for j in range(size)))
        rest = monomial((0,) * size, c * p**n)
        lines.append(weighted_chain([x**n * c, rest], [m, n - m], lowers[i].latex(names), names))
    known = f"{given.latex(names)} = {value}"
    share = "" if common == 1 else f" and dividing by {number(common)}"
    return Draft(
        technique=TECHNIQUE, family="powers", difficulty="hard", names=names, domain="pos", given=(known,),
        left=(left * (1 / common)).latex(names), op="\\ge", right=bound, equality=point, ray=False,
        proof=(f"{by_weighted(dice)} {listed(lines)}",
               dice.one(f"Adding these, using ${known}${share} gives the claim.",
                        f"We add these{share} and use ${known}$, which gives the claim.")),
    )  # fmt: skip


FAMILIES = (mean, mean, rows, rows, fixed_product, fixed_sum, powers, powers, powers)
