"""AM-GM with equal weights: means of monomials, sums and products of such means, under a fixed product or a fixed sum.

Every mean is taken of terms that agree at the chosen point, so its root is rational there and equality holds there.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from fractions import Fraction

from olmix.proofs.symbolic.draft import Dice, Draft, Latex
from olmix.proofs.symbolic.terms import Exponents, Point, Sum, linear, monomial, number, total

TECHNIQUE = "am_gm"


def chain(terms: Sequence[Latex], result: Latex) -> Latex:
    r"""`t_1 + ... + t_n \ge n \sqrt[n]{t_1 \cdots t_n} = result`."""
    n = len(terms)
    inside = " \\cdot ".join(f"({t})" if " + " in t or " - " in t else t for t in terms)
    root = f"\\sqrt{{{inside}}}" if n == 2 else f"\\sqrt[{n}]{{{inside}}}"
    return f"{' + '.join(terms)} \\ge {n}{root} = {result}"


def touching(shapes: Sequence[Exponents], point: Point, value: Fraction) -> list[Sum]:
    """The monomials with coefficients that make each worth `value` at the point."""
    return [monomial(shape, value / monomial(shape).at(point)) for shape in shapes]


def whole(sums: Sequence[Sum]) -> Fraction:
    """What to multiply with so that all coefficients are whole without a common factor."""
    return 1 / total(sums_apart(sums), len(next(iter(sums[0].terms))) + 1).content()


def sums_apart(sums: Sequence[Sum]) -> list[Sum]:
    """The sums side by side, so that equal monomials of different ones do not meet."""
    return [Sum({(*x, i): c for x, c in one.terms.items()}) for i, one in enumerate(sums)]


def rotations(shape: Exponents) -> list[Exponents]:
    """The shape with its variables moved round."""
    return [shape[-k:] + shape[:-k] if k else shape for k in range(len(shape))]


def by_amgm(dice: Dice) -> Latex:
    """What a proof says before it applies the inequality."""
    return dice.one("By AM-GM,", "By the AM-GM inequality,", "Applying AM-GM, we obtain", "The AM-GM inequality gives")


def mean(dice: Dice) -> Draft:
    """t_1 + ... + t_n >= n m for monomials whose product is the n-th power of m."""
    size, n = dice.choice((2, 3, 3, 4)), dice.choice((2, 3, 3, 4))
    names, point = dice.names(size), dice.point(size, 3)
    low = dice.choice((0, 0, -1))
    while True:
        shapes = [tuple(dice.randint(low, 3) for _ in range(size)) for _ in range(n)]
        sums = [sum(column) for column in zip(*shapes, strict=True)]
        used = all(any(shape[i] for shape in shapes) for i in range(size))
        if used and len(set(shapes)) == n and all(s % n == 0 for s in sums) and max(map(sum, shapes)) <= 5:
            break
    target = tuple(s // n for s in sums)
    terms = touching(shapes, point, Fraction(1))
    scale = whole(terms)
    terms = [t * scale for t in terms]
    right = monomial(target, n * scale / monomial(target).at(point))
    homogeneous = len({sum(shape) for shape in shapes}) == 1
    left = total(terms, size)
    line = chain([t.latex(names) for t in terms], right.latex(names))
    return Draft(
        technique=TECHNIQUE, family="mean", difficulty="easy" if n < 4 else "medium", names=names, domain="pos",
        left=left.latex(names), op="\\ge", right=right.latex(names), equality=point, ray=homogeneous,
        proof=(f"{by_amgm(dice)} $$ {line}. $$",),
    )  # fmt: skip


def rows(dice: Dice) -> Draft:
    """Several means of neighbours added up: the pattern of a^2 + b^2 + c^2 >= ab + bc + ca, with other monomials."""
    size = dice.choice((2, 3, 3, 4)) if dice.random() < 0.5 else 3
    names, point = dice.names(size), dice.point(size, 3)
    while True:
        base = tuple(dice.randint(0, 3) for _ in range(size))
        shapes = rotations(base)
        if len(set(shapes)) == size and sum(base) <= 3:
            break
    pairs = list(itertools.combinations(range(size), 2)) if dice.random() < 0.5 else [
        (i, (i + 1) % size) for i in range(size if size > 2 else 1)
    ]  # fmt: skip
    made = []
    for i, j in pairs:
        shape = [tuple(2 * e for e in shapes[k]) for k in (i, j)]
        weight = Fraction(dice.randint(1, 5))
        two = touching(shape, point, weight)
        middle = tuple((a + b) // 2 for a, b in zip(*shape, strict=True))
        made.append((two, monomial(middle, 2 * weight / monomial(middle).at(point))))
    scale = whole([s for two, _ in made for s in two])
    made = [([t * scale for t in two], middle * scale) for two, middle in made]
    left = total((t for two, _ in made for t in two), size)
    right = total((middle for _, middle in made), size)
    lines = [f"$${chain([t.latex(names) for t in two], middle.latex(names))}$$" for two, middle in made]
    ending = dice.one("Adding these inequalities gives the claim.", "Summing up, we obtain the desired inequality.")
    return Draft(
        technique=TECHNIQUE, family="rows", difficulty="medium", names=names, domain="pos", left=left.latex(names),
        op="\\ge", right=right.latex(names), equality=point, ray=True,
        proof=(f"{by_amgm(dice)} {listed(lines)}", *([ending] if len(made) > 1 else [])),
    )  # fmt: skip


def listed(lines: Sequence[Latex]) -> Latex:
    """Several displays in a row, as one sentence."""
    bare = [line.strip("$") for line in lines]
    return "$$ " + ", $$ $$ ".join(bare) + ". $$"


def factors(dice: Dice) -> Draft:
    """A product of sums of two terms is at least 2^k times the product of their roots."""
    size = dice.choice((2, 3, 3, 4))
    names = dice.names(size)
    # Squares, so that the roots of the coefficients are whole.
    point = tuple(p * p for p in dice.point(size, 3))
    if size == 2:
        second = dice.choice([((1, 1), (0, 0)), ((3, 0), (0, 1)), ((1, 2), (0, 1)), ((1, 0), (0, 1))])
        pairs: list[tuple[Exponents, Exponents]] = [((1, 0), (0, 1)), second]
    else:
        units = rotations((1, *[0] * (size - 1)))
        pairs = [(units[i], units[(i + 1) % size]) for i in range(size)]
    made = []
    for two in pairs:
        terms = touching(two, point, Fraction(1))
        scale = whole(terms) * dice.choice((1, 1, 2, 3))
        made.append([t * scale for t in terms])
    sums = [total(two, size) for two in made]
    product = tuple(sum(column) // 2 for column in zip(*(shape for two in pairs for shape in two), strict=True))
    worth = math.prod((s.at(point) for s in sums), start=Fraction(1))
    right = monomial(product, worth / monomial(product).at(point)).latex(names)
    lines = []
    for one, (a, b) in zip(sums, made, strict=True):
        inside = a * b
        root = number(Fraction(math.isqrt(int(4 * inside.content()))))
        letters = (inside * (1 / inside.content())).latex(names)
        lines.append(
            f"${one.latex(names)} \\ge 2\\sqrt{{{a.latex(names)} \\cdot {b.latex(names)}}} = {root}\\sqrt{{{letters}}}$"
        )
    homogeneous = all(len({sum(s) for s in two}) == 1 for two in pairs)
    listed = ", ".join(lines[:-1]) + f" and {lines[-1]}"
    ending = dice.one("Multiplying these inequalities gives the claim.", "The claim follows by multiplying them.")
    return Draft(
        technique=TECHNIQUE, family="factors", difficulty="medium", names=names, domain="pos",
        left="".join(s.wrapped(names) for s in sums), op="\\ge", right=right, equality=point, ray=homogeneous,
        proof=(f"{by_amgm(dice)} {listed}.", ending),
    )  # fmt: skip


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


FAMILIES = (mean, rows, factors, fixed_product, fixed_sum, reciprocals)
