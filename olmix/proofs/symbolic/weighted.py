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
        size, n, low = dice.choice((2, 3, 3)), dice.choice((2, 2, 3)), dice.choice((0, 0, -1))
        weights = split(dice, n)
        whole_weight = sum(weights)
        shapes = [tuple(dice.randint(low, whole_weight) for _ in range(size)) for _ in range(n)]
        sums = [sum(w * e for w, e in zip(weights, column, strict=True)) for column in zip(*shapes, strict=True)]
        used = all(any(shape[i] for shape in shapes) for i in range(size))
        low_degree = max(map(sum, shapes)) <= whole_weight + 1
        if used and low_degree and len(set(shapes)) == n and all(s % whole_weight == 0 for s in sums):
            break
    names, point = dice.names(size), dice.point(size, 3)
    target = tuple(s // whole_weight for s in sums)
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


def rows(dice: Dice) -> Draft:
    """The pattern of a^3 + b^3 + c^3 >= a^2 b + b^2 c + c^2 a: one weighted mean for each term on the right."""
    size = 3
    names, point = dice.names(size), dice.point(size, 2)
    weights = split(dice, 2, 4)
    degree = sum(weights)
    base = tuple(degree * e for e in dice.choice([(1, 0, 0), (1, 0, 0), (1, 1, 0)]))
    shapes = rotations(base)
    made = []
    for i in range(size):
        shape = [shapes[i], shapes[(i + 1) % size]]
        worth = Fraction(dice.choice((1, 1, 2, 3)))
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
    size = dice.choice((2, 2, 3))
    weights = split(dice, size, 5)
    names = dice.names(size)
    degree = dice.choice((1, 1, 2)) * sum(weights)
    point = dice.point(size, 2 if size == 3 else 3, 0.3)
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
    """A weighted sum is given; a product with uneven exponents is at most a constant."""
    size = dice.choice((2, 2, 3))
    # An odd sum: the checker follows odd roots.
    while sum(weights := split(dice, size, 5)) % 2 == 0:
        pass
    names = dice.names(size)
    point = tuple(w * p for w, p in zip(weights, dice.point(size, 3), strict=True))
    slopes = [Fraction(w) / p for w, p in zip(weights, point, strict=True)]
    slopes = [s / linear(slopes).content() for s in slopes]
    given = linear(slopes)
    value = number(given.at(point))
    letters = monomial(weights)
    bound = number(letters.at(point))
    # Each variable in w equal parts: w (k x / w).
    parts = [monomial(x, c / w) for (x, c), w in zip(given.terms.items(), weights, strict=True)]
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
    """A weighted sum is given; for each variable x^n + (n - 1) t^n >= n t^(n-1) x, added up with fitting factors."""
    size = dice.choice((3, 3, 4))
    n = dice.choice((3, 3, 4))
    names, point = dice.names(size), dice.point(size, 3)
    tops = [Fraction(dice.randint(1, 5)) for _ in range(size)]
    slopes = [n * c * p ** (n - 1) for c, p in zip(tops, point, strict=True)]
    content = linear(slopes).content()
    given = linear([s / content for s in slopes])
    left = total((monomial(tuple(n * int(i == j) for j in range(size)), tops[i]) for i in range(size)), size)
    value, bound = number(given.at(point)), number(left.at(point))
    lines = []
    for i, (c, p) in enumerate(zip(tops, point, strict=True)):
        x = monomial(tuple(int(i == j) for j in range(size)))
        rest = monomial((0,) * size, c * p**n)
        lines.append(weighted_chain([x**n * c, rest], [1, n - 1], (x * slopes[i]).latex(names), names))
    known = f"{given.latex(names)} = {value}"
    return Draft(
        technique=TECHNIQUE, family="powers", difficulty="hard", names=names, domain="pos", given=(known,),
        left=left.latex(names), op="\\ge", right=bound, equality=point, ray=False,
        proof=(f"{by_weighted(dice)} {listed(lines)}",
               dice.one(f"Adding these and using ${known}$ gives the claim.", f"Their sum, with ${known}$, is the claim.")),
    )  # fmt: skip


FAMILIES = (mean, rows, fixed_product, fixed_sum, powers)
