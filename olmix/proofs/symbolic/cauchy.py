"""The Cauchy-Schwarz inequality, as a product of two sums and in Engel's form (Titu's lemma).

A proof names the inequality and shows the squares that Lagrange's identity makes of it, so that nothing is taken on trust;
the numbers are such that the two sequences are proportional at the chosen point.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from fractions import Fraction

from olmix.proofs.symbolic.amgm import sums_apart, whole
from olmix.proofs.symbolic.draft import Dice, Draft, Latex
from olmix.proofs.symbolic.terms import Point, Sum, const, fraction_latex, linear, monomial, number, total, var

TECHNIQUE = "cauchy"


def by_cauchy(dice: Dice) -> Latex:
    """What a proof says before it applies the inequality."""
    return dice.one(
        "By the Cauchy-Schwarz inequality,", "By Cauchy-Schwarz,", "The Cauchy-Schwarz inequality gives",
        "Applying the Cauchy-Schwarz inequality, we get",
    )  # fmt: skip


def by_titu(dice: Dice) -> Latex:
    """The same for Engel's form."""
    return dice.one(
        "By Titu's lemma,", "By the Cauchy-Schwarz inequality in Engel form,", "Titu's lemma gives",
        "By Cauchy-Schwarz in Engel form,",
    )  # fmt: skip


def lagrange(tops: Sequence[Sum], bottoms: Sequence[Sum], names: Sequence[str]) -> Latex:
    """`(sum n_i^2/d_i)(sum d_i) - (sum n_i)^2` as a sum of squares over products of the d_i."""
    pieces = []
    for (n, d), (m, e) in itertools.combinations(zip(tops, bottoms, strict=True), 2):
        root = n * e - m * d
        if not root.terms:
            continue
        common = root.content() * (-1 if root.latex(names).startswith("-") else 1)
        front = common**2 / (d.content() * e.content())
        below = [d * (1 / d.content()), e * (1 / e.content())]
        if all(len(one.terms) == 1 for one in below):
            below = [below[0] * below[1]]
        under = "".join(one.wrapped(names) for one in below if one.latex(names) != "1")
        if len(below) == 2 and below[0].terms == below[1].terms:
            under = f"{below[0].wrapped(names)}^{{2}}"
        above = f"{front.numerator if front.numerator != 1 else ''}({(root * (1 / common)).latex(names)})^{{2}}"
        under = f"{front.denominator if front.denominator != 1 else ''}{under}"
        pieces.append(f"\\frac{{{above}}}{{{under}}}" if under else above)
    return " + ".join(pieces) or "0"


def _squared(one: Sum, names: Sequence[str]) -> Latex:
    """The square of a sum, or of a number worked out."""
    return (one**2).latex(names) if len(one.terms) == 1 else f"({one.latex(names)})^{{2}}"


def fractions(dice: Dice) -> Draft:
    """n_1^2/d_1 + ... >= (n_1 + ...)^2/(d_1 + ...) with linear forms or variables as d_i and numbers or variables as n_i."""
    size = dice.choice((2, 3, 3, 3))
    names, point = dice.names(size), dice.point(size, dice.choice((3, 3, 4)))
    variable_tops = dice.random() < 0.6
    tops = [
        var(i, size) * dice.randint(1, 3) if variable_tops else const(dice.randint(1, 4), size) for i in range(size)
    ]
    bottoms = []
    for i in range(size):
        others = [dice.randint(0, 2) if j != i else dice.randint(0 if variable_tops else 1, 2) for j in range(size)]
        if not any(others):
            others[(i + 1) % size] = 1
        bottoms.append(linear(others))
    # Each fraction n/d must have one and the same value at the point.
    bottoms = [d * (n.at(point) / d.at(point)) for n, d in zip(tops, bottoms, strict=True)]
    scale = whole(bottoms)
    bottoms = [d * scale for d in bottoms]
    above, below = total(tops, size), total(bottoms, size)
    left = " + ".join(fraction_latex(n**2, d, names) for n, d in zip(tops, bottoms, strict=True))
    right = _quotient(above, below, names)
    squares = lagrange(tops, bottoms, names)
    product = f"\\left({left}\\right)({below.latex(names)})"
    square = _squared(above, names)
    line = f"{product} - {square} = {squares} \\ge 0"
    return Draft(
        technique=TECHNIQUE, family="fractions", difficulty="easy" if size == 2 else "medium", names=names, domain="pos",
        left=left, op="\\ge", right=right, equality=point, ray=variable_tops or size == 2,
        proof=(
            f"{by_cauchy(dice)} $$ {product} \\ge {square}; $$ indeed $$ {line}. $$",
            f"Dividing by ${below.latex(names)} > 0$ gives the claim.",
        ),
    )  # fmt: skip


def _quotient(above: Sum, below: Sum, names: Sequence[str]) -> Latex:
    """(above)^2 / below, shortened where they share a factor that is easy to see."""
    if len(above.terms) == len(below.terms) and set(above.terms) == set(below.terms):
        shares = {below.terms[x] / above.terms[x] for x in above.terms}
        if len(shares) == 1:
            (share,) = shares
            return (above * (1 / share)).latex(names) if share.denominator == 1 and share == 1 else fraction_latex(
                above, const(share, len(names)), names)  # fmt: skip
    square = above**2
    if len(square.terms) == 1:
        return fraction_latex(square, below, names)
    return f"\\frac{{({above.latex(names)})^{{2}}}}{{{below.latex(names)}}}"


def products(dice: Dice) -> Draft:
    """(p_1^2 + ...)(q_1^2 + ...) >= (p_1 q_1 + ...)^2 with multiples p_i of the variables and numbers or monomials q_i."""
    size = dice.choice((2, 3, 3, 3))
    names, point = dice.names(size), dice.point(size, 3)
    units = [tuple(int(i == j) for j in range(size)) for i in range(size)]
    # Each pair is proportional at the point, so that both have the same ratio there.
    kind = dice.choice(("numbers", "numbers", "turned", "powers"))
    if kind == "numbers":
        p = [monomial(x, dice.randint(1, 4)) for x in units]
        q = [monomial((0,) * size, one.at(point)) for one in p]
    elif kind == "turned":
        p = [monomial(x, dice.randint(1, 2)) for x in units]
        q = [monomial(units[(i + 1) % size], p[i].at(point) / point[(i + 1) % size]) for i in range(size)]
    else:
        p = [monomial(x, dice.randint(1, 2)) for x in units]
        q = [monomial(tuple(2 * e for e in x), p[i].at(point) / point[i] ** 2) for i, x in enumerate(units)]
    scale = total((one for one in sums_apart(q)), size + 1).content()
    q = [one * (1 / scale) for one in q]
    first, second = (total((one**2 for one in ones), size) for ones in (p, q))
    inner = total((a * b for a, b in zip(p, q, strict=True)), size)
    square = f"({inner.latex(names)})^{{2}}"
    squares = " + ".join(
        _weighted_square(Fraction(1), a * e - b * d, names)
        for (a, d), (b, e) in itertools.combinations(zip(p, q, strict=True), 2)
        if (a * e - b * d).terms
    )
    left = shown = f"{second.wrapped(names)}({first.latex(names)})"
    if kind == "numbers":
        shown = f"({' + '.join(f'{one.latex(names)}^{{2}}' for one in q)})({first.latex(names)})"
    if not squares:
        return products(dice)
    return Draft(
        technique=TECHNIQUE, family="products", difficulty="easy" if kind == "numbers" else "medium", names=names, domain="real",
        left=left, op="\\ge", right=square, equality=point, ray=kind != "powers",
        proof=(f"{by_cauchy(dice)} $$ {shown} \\ge {square}; $$ indeed $$ {shown} - {square} = {squares} \\ge 0. $$",),
    )  # fmt: skip


def inverses(dice: Dice) -> Draft:
    """(w_1 x_1 + ...)(t_1/x_1 + ...) >= a constant."""
    size = dice.choice((2, 3, 3))
    names, point = dice.names(size), dice.point(size, 3)
    weights = [Fraction(dice.randint(1, 6)) for _ in range(size)]
    tops = [w * p * p for w, p in zip(weights, point, strict=True)]
    common = linear(tops).content()
    sums = linear(weights)
    fractions_ = total((var(i, size) ** -1 * (t / common) for i, t in enumerate(tops)), size)
    value = number(sums.at(point) ** 2 / common)
    squares = []
    for (i, w), (j, v) in itertools.combinations(enumerate(weights), 2):
        form = var(i, size) * point[j] - var(j, size) * point[i]
        squares.append(f"\\frac{{{_weighted_square(w * v / common, form, names)}}}{{{names[i]}{names[j]}}}")
    product = f"({sums.latex(names)})\\left({fractions_.latex(names)}\\right)"
    return Draft(
        technique=TECHNIQUE, family="inverses", difficulty="easy", names=names, domain="pos", left=product, op="\\ge",
        right=value, equality=point, ray=True,
        proof=(f"{by_cauchy(dice)} $$ {product} \\ge {value}; $$ "
               f"indeed $$ {product} - {value} = {' + '.join(squares)} \\ge 0. $$",),
    )  # fmt: skip


def plane(dice: Dice) -> Draft:
    """A linear form of real numbers is given; a weighted sum of squares is at least a constant."""
    size = dice.choice((2, 3, 3, 4))
    names = dice.names(size)
    point = dice.point(size, 4) if dice.random() < 0.4 else tuple(p or Fraction(1) for p in dice.any_point(size, 4))
    weights = [Fraction(dice.randint(1, 6)) for _ in range(size)]
    slopes = [w * p for w, p in zip(weights, point, strict=True)]
    content = linear(slopes).content()
    given = linear([s / content for s in slopes])
    squares = total((var(i, size) ** 2 * w for i, w in enumerate(weights)), size)
    # (sum w x^2)(sum w p^2) >= (sum w p x)^2.
    norm = squares.at(point)
    forms = total((var(i, size) * s for i, s in enumerate(slopes)), size)
    pieces = []
    for i, j in itertools.combinations(range(size), 2):
        form = var(i, size) * point[j] - var(j, size) * point[i]
        pieces.append(_weighted_square(weights[i] * weights[j], form, names))
    product = f"{number(norm)}({squares.latex(names)})"
    square = f"({forms.latex(names)})^{{2}}"
    known, value = f"{given.latex(names)} = {number(given.at(point))}", number(forms.at(point) ** 2)
    line = f"{product} - {square} = {' + '.join(pieces)} \\ge 0"
    return Draft(
        technique=TECHNIQUE, family="plane", difficulty="medium", names=names, domain="real", given=(known,),
        left=squares.latex(names), op="\\ge", right=number(norm), equality=point, ray=False,
        proof=(
            f"{by_cauchy(dice)} $$ {product} \\ge {square} = {value}, $$ because ${known}$; indeed $$ {line}. $$",
            f"Dividing by ${number(norm)}$ gives the claim.",
        ),
    )  # fmt: skip


def _weighted_square(weight: Fraction, form: Sum, names: Sequence[str]) -> Latex:
    common = form.content() * (-1 if form.latex(names).startswith("-") else 1)
    weight, form = weight * common * common, form * (1 / common)
    return f"{number(weight) if weight != 1 else ''}({form.latex(names)})^{{2}}"


def nesbitt(dice: Dice) -> Draft:
    """x/(p y + q z) + y/(p z + q x) + z/(p x + q y) >= 3/(p + q) in multiples of the variables."""
    names, point = dice.names(3), dice.point(3, 4)
    p, q = dice.randint(1, 5), dice.randint(1, 5)
    xs = _multiples(point)
    factor = dice.choice((1, 1, 2, 3))
    bottoms = [xs[(i + 1) % 3] * p + xs[(i + 2) % 3] * q for i in range(3)]
    tops = [x * factor for x in xs]
    left = " + ".join(fraction_latex(t, b, names) for t, b in zip(tops, bottoms, strict=True))
    wide = " + ".join(fraction_latex(t * x, b * x, names) for t, b, x in zip(tops, bottoms, xs, strict=True))
    whole_sum = total(xs, 3)
    pairs = total((xs[i] * xs[(i + 1) % 3] for i in range(3)), 3)
    front = str(factor) if factor > 1 else ""
    middle = f"\\frac{{{front}({whole_sum.latex(names)})^{{2}}}}{{{(pairs * (p + q)).latex(names)}}}"
    value = number(Fraction(3 * factor, p + q))
    halves = " + ".join(f"({(xs[i] - xs[(i + 1) % 3]).latex(names)})^{{2}}" for i in range(3))
    known = (
        f"({whole_sum.latex(names)})^{{2}} - 3({pairs.latex(names)}) = \\frac{{1}}{{2}}\\left({halves}\\right) \\ge 0"
    )
    return Draft(
        technique=TECHNIQUE, family="nesbitt", difficulty="hard", names=names, domain="pos", left=left, op="\\ge",
        right=value, equality=point, ray=True,
        proof=(f"{by_titu(dice)} $$ {left} = {wide} \\ge {middle}. $$",
               f"{dice.one('Moreover,', 'Now', 'Furthermore,')} $$ {known}, $$ so $$ {middle} \\ge {value}. $$"),
    )  # fmt: skip


def _multiples(point: Point) -> list[Sum]:
    """Whole multiples of the variables that are equal at the point."""
    xs = [var(i, len(point)) * (1 / p) for i, p in enumerate(point)]
    return [x * whole(xs) for x in xs]


def quotients(dice: Dice) -> Draft:
    """x^2/(p y + q z) + y^2/(p z + q x) + z^2/(p x + q y) >= (x + y + z)/(p + q), or a number where the sum is given."""
    names, point = dice.names(3), dice.point(3, 4)
    p, q = dice.randint(0, 4), dice.randint(1, 5)
    ring = dice.choice((1, 2))
    xs = _multiples(point)
    own = dice.choice((0, 0, 0, 1))
    bottoms = [xs[(i + ring) % 3] * p + xs[(i + 2 * ring) % 3] * q + xs[i] * own for i in range(3)]
    fronts = [Fraction(k * k) for k in ((1, 1, 1) if dice.random() < 0.7 else (dice.randint(1, 3) for _ in range(3)))]
    # (k x)^2/d has the same ratio kx/d at the point only if d grows with k.
    bottoms = [d * Fraction(math.isqrt(int(k))) for d, k in zip(bottoms, fronts, strict=True)]
    roots = [x * Fraction(math.isqrt(int(k))) for x, k in zip(xs, fronts, strict=True)]
    above, below = total(roots, 3), total(bottoms, 3)
    left = " + ".join(fraction_latex(r**2, d, names) for r, d in zip(roots, bottoms, strict=True))
    middle = f"\\frac{{({above.latex(names)})^{{2}}}}{{{below.latex(names)}}}"
    shares = {below.terms.get(x, Fraction(0)) / c for x, c in above.terms.items()}
    given: tuple[Latex, ...] = ()
    if len(shares) == 1 and len(below.terms) == len(above.terms):
        (share,) = shares
        common = above.content()
        simple, value = above * (1 / common), above.at(point) / common
        right = fraction_latex(above, const(share, 3), names)
        line, ending = f"{left} \\ge {middle} = {right}", ""
        if dice.random() < 0.4:
            given = (f"{simple.latex(names)} = {number(value)}",)
            right = number(above.at(point) / share)
            line, ending = f"{line} = {right}", f" because ${given[0]}$"
    else:
        right, line, ending = middle, f"{left} \\ge {middle}", ""
    squares = lagrange(roots, bottoms, names)
    product = f"\\left({left}\\right)({below.latex(names)})"
    because = f"{product} - ({above.latex(names)})^{{2}} = {squares} \\ge 0"
    why = dice.one("The inequality used is Lagrange's identity:", "Here we used that", "Indeed,")
    return Draft(
        technique=TECHNIQUE, family="quotients", difficulty="medium", names=names, domain="pos", given=given, left=left,
        op="\\ge", right=right, equality=point, ray=not given,
        proof=(f"{by_titu(dice)} $$ {line}{f', $${ending}.' if ending else '. $$'}", f"{why} $$ {because}. $$"),
    )  # fmt: skip


FAMILIES = (fractions, fractions, products, inverses, plane, plane, nesbitt, quotients, quotients)
