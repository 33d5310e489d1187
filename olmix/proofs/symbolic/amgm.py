"""AM-GM with equal weights: means of monomials, sums and products of such means. Under conditions see `amgm_given`.

Every mean is taken of terms that agree at the chosen point, so its root is rational there and equality holds there.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from fractions import Fraction

from olmix.proofs.symbolic.draft import Dice, Draft, Latex
from olmix.proofs.symbolic.terms import Exponents, Point, Sum, monomial, number, total

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
    size, n = dice.choice((2, 3, 3, 3, 4)), dice.choice((2, 3, 3, 4))
    names, point = dice.names(size), dice.point(size, 3)
    low = dice.choice((0, 0, -1))
    while True:
        shapes = [tuple(dice.randint(low, 3) for _ in range(size)) for _ in range(n - 1)]
        # The last makes every sum of exponents a multiple of n.
        shapes.append(tuple(low + (-sum(column) - low) % n for column in zip(*shapes, strict=True)))
        sums = [sum(column) for column in zip(*shapes, strict=True)]
        used = all(any(shape[i] for shape in shapes) for i in range(size))
        target = tuple(s // n for s in sums)
        if used and len({*shapes, target}) == n + 1 and 0 < max(map(sum, shapes)) <= 5:
            break
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


def triples(dice: Dice) -> Draft:
    """A product of two sums of three terms is at least 9 times their roots: the pattern of (a + b + c)(1/a + 1/b + 1/c) >= 9."""
    size = 3
    names, point = dice.names(size), dice.point(size, 3)
    first = rotations(dice.choice([(1, 0, 0), (1, 0, 0), (1, 1, 0), (2, 1, 0), (2, 0, 0), (1, -1, 0)]))
    second = rotations(
        dice.choice([(1, 0, 0), (0, 1, 1), (0, 1, 1), (-1, 0, 0), (-1, 0, 0), (0, 1, 2), (-2, 0, 0), (-1, 1, 0)])
    )
    made = []
    for shapes in (first, second):
        terms = touching(shapes, point, Fraction(1))
        made.append([t * whole(terms) for t in terms])
    sums = [total(terms, size) for terms in made]
    degree = sum(first[0]) + sum(second[0])
    if degree % 3 or len({*first, *second}) < 4:
        return triples(dice)
    product = monomial((degree // 3,) * size)
    bound = product * (sums[0].at(point) * sums[1].at(point) / product.at(point))
    shown = []
    for terms in made:
        inside = math.prod(terms[1:], start=terms[0])
        product_ = " \\cdot ".join(t.latex(names) for t in terms)
        whole_sum = total(terms, size).latex(names)
        shown.append(f"{whole_sum} \\ge 3\\sqrt[3]{{{product_}}} = 3\\sqrt[3]{{{inside.latex(names)}}}")
    ending = dice.one("Multiplying these inequalities gives the claim.", "The product of the two is the claim.")
    left = "".join(
        f"\\left({s.latex(names)}\\right)" if "frac" in s.latex(names) else f"({s.latex(names)})" for s in sums
    )
    return Draft(
        technique=TECHNIQUE, family="triples", difficulty="medium", names=names, domain="pos", left=left, op="\\ge",
        right=bound.latex(names), equality=point, ray=True,
        proof=(f"{by_amgm(dice)} $$ {shown[0]} $$ and $$ {shown[1]}. $$", ending),
    )  # fmt: skip


FAMILIES = (mean, mean, rows, rows, factors, triples)
