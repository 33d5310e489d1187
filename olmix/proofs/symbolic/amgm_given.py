"""AM-GM under a condition: a fixed product, a fixed sum, of the variables, of their squares or of products of two.

The condition is made to hold at the chosen point, where the terms of every mean agree.
"""

from __future__ import annotations

import math
from fractions import Fraction

from olmix.proofs.symbolic.amgm import TECHNIQUE, by_amgm, chain, listed, rotations, touching, whole
from olmix.proofs.symbolic.draft import Dice, Draft
from olmix.proofs.symbolic.terms import linear, monomial, number, total, var


def fixed_product(dice: Dice) -> Draft:
    """The product of the variables is given; a sum of monomials that move round is at least a constant."""
    size = dice.choice((2, 3, 3, 3, 4))
    names = dice.names(size)
    while True:
        base = tuple(dice.randint(-1, 3) for _ in range(size))
        neat = sum(base) % size == 0 or (size < 4 and min(base) >= 0)
        if sum(base) and len(set(base)) > 1 and any(e > 0 for e in base) and abs(sum(base)) <= 4 and neat:
            break
    point = dice.point(size, 3, 0.3)
    if sum(base) % size and len(set(point)) > 1:
        # The product must be a power, or its root is not rational: p (p q^2), or p^2 q (p q^2), in any order.
        p, q = point[0], dice.choice([x for x in map(Fraction, (1, 2, 3)) if x != point[0]])
        point = tuple(dice.sample([p, p * q * q] if size == 2 else [p * p, q, p * q * q], size))
    product = math.prod(point, start=Fraction(1))
    terms = touching(rotations(base), point, Fraction(1))
    scale = whole(terms)
    terms = [t * scale for t in terms]
    left = total(terms, size).latex(names)
    letters = "".join(names)
    power = Fraction(sum(base), size)
    front = size * scale / Fraction(round(float(product) ** float(power) * 10**6), 10**6).limit_denominator(10**5)
    if power.denominator == 1:
        middle = monomial((int(power),) * size, front).latex(names)
    else:
        root = f"\\sqrt{{{letters}}}" if size == 2 else f"\\sqrt[{size}]{{{letters}}}"
        count = abs(sum(base))
        root = root if count == 1 else f"\\left({root}\\right)^{{{count}}}"
        middle = f"{number(front)}{root}" if power > 0 else f"\\frac{{{number(front)}}}{{{root}}}"
    line = chain([t.latex(names) for t in terms], middle)
    known = f"{letters} = {number(product)}"
    because = dice.one("because", "by the condition")
    return Draft(
        technique=TECHNIQUE, family="fixed product", difficulty="medium", names=names, domain="pos", given=(known,),
        left=left, op="\\ge", right=number(size * scale), equality=point, ray=False,
        proof=(f"{by_amgm(dice)} $$ {line} = {number(size * scale)}, $$ {because} ${known}$.",),
    )  # fmt: skip


def fixed_sum(dice: Dice) -> Draft:
    """A weighted sum of the variables is given; their product is at most a constant."""
    size = 3
    names, point = dice.names(size), dice.point(size, 6)
    slopes = linear([1 / p for p in point])
    slopes = slopes * (1 / slopes.content()) * dice.choice((1, 1, 2))
    parts = [monomial(x, c) for x, c in slopes.terms.items()]
    letters = monomial((1,) * size)
    product = math.prod(parts[1:], start=parts[0]).latex(names)
    bound, value = number(letters.at(point)), number(slopes.at(point))
    root = chain([p.latex(names) for p in parts], f"{size}\\sqrt[{size}]{{{product}}}")
    known = f"{slopes.latex(names)} = {value}"
    so = dice.one("hence", "so that", "and therefore")
    return Draft(
        technique=TECHNIQUE, family="fixed sum", difficulty="easy", names=names, domain="pos", given=(known,),
        left=letters.latex(names), op="\\le", right=bound, equality=point, ray=False,
        proof=(f"{by_amgm(dice)} $$ {value} = {root}, $$ {so} ${letters.latex(names)} \\le {bound}$.",),
    )  # fmt: skip


def reciprocals(dice: Dice) -> Draft:
    """A weighted sum of the variables is given; each reciprocal is paired with its variable."""
    size = dice.choice((2, 3, 3, 4))
    names, point = dice.names(size), dice.point(size, 4)
    weights = [Fraction(dice.randint(1, 6)) for _ in range(size)]
    fixed = linear(weights)
    tops = [w * p * p for w, p in zip(weights, point, strict=True)]
    units = [tuple(int(i == j) for i in range(size)) for j in range(size)]
    inverse = [monomial(tuple(-e for e in u), t) for u, t in zip(units, tops, strict=True)]
    upright = [monomial(u, w) for u, w in zip(units, weights, strict=True)]
    sum_value = fixed.at(point)
    left, right = total(inverse, size).latex(names), number(sum_value)
    lines = [
        chain([i.latex(names), u.latex(names)], number(2 * w * p))
        for i, u, w, p in zip(inverse, upright, weights, point, strict=True)
    ]
    known = f"{fixed.latex(names)} = {number(sum_value)}"
    summed = f"{left} + {fixed.latex(names)} \\ge {number(2 * sum_value)}"
    return Draft(
        technique=TECHNIQUE, family="reciprocals", difficulty="medium", names=names, domain="pos", given=(known,),
        left=left, op="\\ge", right=right, equality=point, ray=False,
        proof=(
            f"{by_amgm(dice)} {listed(lines)}", f"Adding these, we get $${summed}.$$",
            dice.one(f"Since ${known}$, the claim follows.", f"Now ${known}$ gives the claim."),
        ),
    )  # fmt: skip


def fixed_squares(dice: Dice) -> Draft:
    """A weighted sum of squares is given; each square is paired with a number, so that a linear form is at most a constant."""
    size = dice.choice((2, 3, 3, 4))
    names, point = dice.names(size), dice.point(size, 4)
    weights = [Fraction(dice.randint(1, 4)) for _ in range(size)]
    squares = total((var(i, size) ** 2 * w for i, w in enumerate(weights)), size)
    value = squares.at(point)
    slopes = linear([w * p for w, p in zip(weights, point, strict=True)])
    common = slopes.content()
    lines = [
        chain([(var(i, size) ** 2 * w).latex(names), number(w * p * p)], (var(i, size) * (2 * w * p)).latex(names))
        for i, (w, p) in enumerate(zip(weights, point, strict=True))
    ]
    known = f"{squares.latex(names)} = {number(value)}"
    claim, bound = (slopes * (1 / common)).latex(names), number(value / common)
    summed = f"{number(2 * value)} \\ge {(slopes * 2).latex(names)}"
    ending = "" if common * 2 == 1 else f" It remains to divide by ${number(common * 2)}$."
    return Draft(
        technique=TECHNIQUE, family="fixed squares", difficulty="medium", names=names, domain="pos", given=(known,),
        left=claim, op="\\le", right=bound, equality=point, ray=False,
        proof=(f"{by_amgm(dice)} {listed(lines)}",
               f"{dice.one('Adding these inequalities and using', 'We add them and use')} ${known}$: $$ {summed}. $${ending}"),
    )  # fmt: skip


def fixed_pairs(dice: Dice) -> Draft:
    """A weighted sum of products of two is given; the product of all three is at most a constant."""
    size = 3
    names = dice.names(size)
    point = dice.point(size, 5)
    shapes = [(1, 1, 0), (0, 1, 1), (1, 0, 1)]
    terms = touching(shapes, point, Fraction(1))
    scale = whole(terms) * dice.choice((1, 1, 1, 2))
    terms = [t * scale for t in terms]
    given = total(terms, size)
    value = number(given.at(point))
    letters = monomial((1,) * size)
    inside = math.prod(terms[1:], start=terms[0])
    known = f"{given.latex(names)} = {value}"
    bound = number(letters.at(point))
    line = chain([t.latex(names) for t in terms], f"3\\sqrt[3]{{{inside.latex(names)}}}")
    so = dice.one("hence", "so that", "and therefore")
    return Draft(
        technique=TECHNIQUE, family="fixed pairs", difficulty="medium", names=names, domain="pos", given=(known,),
        left=letters.latex(names), op="\\le", right=bound, equality=point, ray=False,
        proof=(f"{by_amgm(dice)} $$ {value} = {line}, $$ {so} ${(letters**2).latex(names)} \\le "
               f"{number(letters.at(point) ** 2)}$, that is, ${letters.latex(names)} \\le {bound}$.",),
    )  # fmt: skip


def shifted_factors(dice: Dice) -> Draft:
    """The product of the variables is given; each factor k + x is at least twice a root: (1 + a)(1 + b)(1 + c) >= 8."""
    size = dice.choice((2, 3, 3))
    names = dice.names(size)
    # Squares, so that the root of the product of all numbers is whole.
    point = tuple(p * p for p in dice.point(size, 3, 0.3))
    front = [dice.choice((1, 1, 2, 3)) for _ in range(size)]
    power = dice.choice((1, 1, 2))
    sums = [
        var(i, size) ** power * f + monomial((0,) * size, f * p**power)
        for i, (f, p) in enumerate(zip(front, point, strict=True))
    ]
    product = math.prod(point, start=Fraction(1))
    letters = "".join(names)
    known = f"{letters} = {number(product)}"
    bound = number(math.prod((s.at(point) for s in sums), start=Fraction(1)))
    lines = []
    for i, (f, p) in enumerate(zip(front, point, strict=True)):
        x, k = (var(i, size) ** power * f).latex(names), number(f * p**power)
        root = number(2 * f * (p if power == 2 else Fraction(math.isqrt(int(p)))))
        root = f"{root}{names[i]}" if power == 2 else f"{root}\\sqrt{{{names[i]}}}"
        lines.append(f"${x} + {k} \\ge 2\\sqrt{{{x} \\cdot {k}}} = {root}$")
    left = "".join(f"({s.latex(names)})" for s in sums)
    ending = dice.one("Multiplying these inequalities and using", "The claim follows by multiplying them, since")
    rest = f"${known}$ gives the claim" if "using" in ending else f"${known}$"
    return Draft(
        technique=TECHNIQUE, family="shifted factors", difficulty="medium", names=names, domain="pos", given=(known,),
        left=left, op="\\ge", right=bound, equality=point, ray=False,
        proof=(f"{by_amgm(dice)} {', '.join(lines[:-1])} and {lines[-1]}.", f"{ending} {rest}."),
    )  # fmt: skip


def roots(dice: Dice) -> Draft:
    """A weighted sum is given; a sum of square roots of linear terms is at most a constant, by AM-GM with numbers."""
    size = dice.choice((2, 3, 3))
    names, point = dice.names(size), dice.point(size, 4)
    fronts, insides, values = [], [], list[Fraction]()
    for i, p in enumerate(point):
        k = dice.choice((1, 1, 2, 3))
        # k x + m is a square r^2 at the point.
        r = math.isqrt(int(k * p)) + dice.choice((1, 1, 2))
        m = r * r - k * p
        insides.append(var(i, size) * k + monomial((0,) * size, m))
        values.append(Fraction(r))
        fronts.append(k)
    # r sqrt(kx + m) <= (r^2 + kx + m)/2; the coefficient of the root makes all slopes what the condition has.
    weights = [Fraction(dice.choice((1, 1, 1, 2, 3))) for _ in range(size)]
    slopes = [w * k / (2 * height) for w, k, height in zip(weights, fronts, values, strict=True)]
    common = linear(slopes).content()
    given = linear([x / common for x in slopes])
    known = f"{given.latex(names)} = {number(given.at(point))}"
    terms, lines, bound = [], [], Fraction(0)
    for w, one, height in zip(weights, insides, values, strict=True):
        root = f"\\sqrt{{{one.latex(names)}}}"
        front = "" if w == 1 else number(w)
        terms.append(f"{front}{root}")
        bound += w * height
        share = w / (2 * height)
        inside, square = one.latex(names), number(height**2)
        outer = "" if w == height else number(w / height)
        lines.append(f"{front}{root} = {outer}\\sqrt{{{square}({inside})}} \\le {number(share)}({square} + {inside})")
    return Draft(
        technique=TECHNIQUE, family="roots", difficulty="hard", names=names, domain="pos", given=(known,),
        left=" + ".join(terms), op="\\le", right=number(bound), equality=point, ray=False,
        proof=(f"{by_amgm(dice)} {listed(lines)}",
               dice.one(f"Adding these and using ${known}$ gives the claim.", f"Summing up, with ${known}$ the claim follows.")),
    )  # fmt: skip


FAMILIES = (fixed_product, fixed_sum, fixed_squares, fixed_squares, fixed_pairs, shifted_factors, roots, reciprocals)
