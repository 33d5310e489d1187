"""True inequalities with short proofs in regular forms, for models of a million parameters and for tests.

Two or three families for each technique, every one an identity or one known inequality about small monomials with random
coefficients, in several orders and wordings, with and without conditions. What a model must do to prove an unseen one is small
but real: see which pattern it is, take roots of coefficients and monomials, multiply them, put them in the right places.
For problems as people write them use the symbolic generator; these trade away the variety of form.
"""

from __future__ import annotations

import dataclasses
import math
import random
import re
from collections.abc import Callable, Iterator, Sequence

Monomial = tuple[int, int, int]

DIFFICULTIES = ("easy", "medium")

_LINEAR: tuple[Monomial, ...] = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
_QUADRATIC: tuple[Monomial, ...] = ((2, 0, 0), (0, 2, 0), (0, 0, 2), (1, 1, 0), (0, 1, 1), (1, 0, 1))
_ONE: Monomial = (0, 0, 0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Made:
    """`left >= right`, under the condition `given` if there is one; real numbers unless it takes positive ones."""

    left: str
    right: str
    proof: str
    given: str = ""
    real: bool = False


class Pen:
    """Dice, and the letters in which monomials are written."""

    letters = "abc"

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def term(self, k: int, x: Monomial) -> str:
        """`k` times the monomial."""
        powers = [
            name if e == 1 else f"{name}^{{{e}}}" for name, e in zip(self.letters, x, strict=True) if e
        ]  # fmt: skip
        text = " ".join(powers)
        return text if k == 1 and text else f"{k} {text}".strip()

    def upto(self, most: int) -> int:
        """A coefficient."""
        return self.rng.randint(1, most)

    def two(self, most: int) -> tuple[int, int]:
        """Two coefficients."""
        return self.upto(most), self.upto(most)


Maker = Callable[[Pen], Made]


def write(technique: str, seed: int, difficulties: Sequence[str] = DIFFICULTIES) -> Iterator[tuple[str, str, str]]:
    """Problems for ever: (problem, proof, difficulty), families by the dice; they repeat themselves now and then."""
    rng = random.Random(f"{technique}/{seed}")
    while True:
        difficulty = rng.choice(difficulties)
        pen = Pen(rng)
        made = rng.choice(_FAMILIES[technique, difficulty])(pen)
        yield _problem(pen, made), made.proof, difficulty


def _problem(pen: Pen, made: Made) -> str:
    bare = re.sub(r"\\[a-z]+", "", f"{made.left} {made.right} {made.given}")
    letters = [letter for letter in pen.letters if letter in bare]
    one = len(letters) == 1
    kind = f"{'a ' if one else ''}{'' if made.real else 'positive '}real number{'' if one else 's'}"
    claim = f"{made.left} \\ge {made.right}" if pen.rng.random() < 0.7 else f"{made.right} \\le {made.left}"
    if one or pen.rng.random() < 0.5:
        given = f" with ${made.given}$" if made.given else ""
        return f"Let ${', '.join(letters)}$ be {kind}{given}. Prove that $$ {claim}. $$"
    given = f" such that ${made.given}$" if made.given else ""
    return f"For {kind} ${', '.join(letters)}${given}, show that $$ {claim}. $$"


# Sums of squares.


def _one_square(pen: Pen) -> Made:
    """(px)² + (qy)² >= 2 px qy; y may be 1."""
    p, q = pen.two(7)
    x, y = pen.rng.sample((*_LINEAR, *_QUADRATIC, _ONE), 2)
    left = f"{pen.term(p * p, _power(x, 2))} + {pen.term(q * q, _power(y, 2))}"
    return _square_proof(left, pen.term(2 * p * q, _times(x, y)), _square(pen, p, x, q, y))


def _two_squares(pen: Pen) -> Made:
    """(px - qy)² + (ry - sz)² >= 0, with the two middle terms added up."""
    (p, q), (r, s) = pen.two(6), pen.two(6)
    x, y, z = pen.rng.sample(_LINEAR, 3)
    middle = pen.term(q * q + r * r, _power(y, 2))
    left = f"{pen.term(p * p, _power(x, 2))} + {middle} + {pen.term(s * s, _power(z, 2))}"
    right = f"{pen.term(2 * p * q, _times(x, y))} + {pen.term(2 * r * s, _times(y, z))}"
    return _square_proof(left, right, f"{_square(pen, p, x, q, y)} + {_square(pen, r, y, s, z)}")


def _three_points(most: int) -> Maker:
    """(x - p)² + (y - q)² + (z - r)² >= 0: the least value of a sum of squares where a linear form is given."""

    def make(pen: Pen) -> Made:
        points = [(pen.upto(most), m) for m in pen.rng.sample(_LINEAR, 3)]
        n = sum(p * p for p, _ in points)
        left = " + ".join(pen.term(1, _power(x, 2)) for _, x in points)
        squares = " + ".join(_square(pen, 1, x, p, _ONE) for p, x in points)
        given = f"{' + '.join(pen.term(p, x) for p, x in points)} = {n}"
        proof = f"Squares: by the condition, $$ {left} - {n} = {squares} \\ge 0. $$"
        return Made(left=left, right=str(n), proof=proof, given=given, real=True)

    return make


def _square(pen: Pen, p: int, x: Monomial, q: int, y: Monomial) -> str:
    return f"\\left({pen.term(p, x)} - {pen.term(q, y)}\\right)^{{2}}"


def _square_proof(left: str, right: str, squares: str) -> Made:
    turned = right.replace(" + ", " - ")
    proof = f"Squares: $$ {left} - {turned} = {squares} \\ge 0. $$"
    return Made(left=left, right=right, proof=proof, real=True)


# AM-GM.


def _products(monomials: tuple[Monomial, ...], most: int) -> Maker:
    """(px)³ + (qy)³ + (rz)³ >= 3 px qy rz."""

    def make(pen: Pen) -> Made:
        factors = [(pen.upto(most), m) for m in pen.rng.sample(monomials, 3)]
        left = " + ".join(pen.term(k**3, _power(m, 3)) for k, m in factors)
        (p, x), (q, y), (r, z) = factors
        right = pen.term(3 * p * q * r, _times(_times(x, y), z))
        bases = [f"\\left({pen.term(k, m)}\\right)" for k, m in factors]
        cubes = " + ".join(f"{base}^{{3}}" for base in bases)
        proof = f"AM-GM: $$ {left} = {cubes} \\ge 3 {' '.join(bases)} = {right}. $$"
        return Made(left=left, right=right, proof=proof)

    return make


def _quotients(most: int) -> Maker:
    """p³ x/y + q³ y/z + r³ z/x >= 3 p q r."""

    def make(pen: Pen) -> Made:
        ring = pen.rng.sample(_LINEAR, 3)
        factors = [pen.upto(most) for _ in ring]
        terms = [
            f"\\frac{{{pen.term(k**3, x)}}}{{{pen.term(1, y)}}}"
            for k, x, y in zip(factors, ring, ring[1:] + ring[:1], strict=True)
        ]
        bound = str(3 * math.prod(factors))
        cubes = " \\cdot ".join(str(k**3) for k in factors)
        proof = f"AM-GM: $$ {' + '.join(terms)} \\ge 3 \\sqrt[3]{{{cubes}}} = {bound}. $$"
        return Made(left=" + ".join(terms), right=bound, proof=proof)

    return make


def _given_product(most: int) -> Maker:
    """p³ x + q³ y + r³ z >= 3 p q r k where xyz = k³ is given."""

    def make(pen: Pen) -> Made:
        factors, k = [pen.upto(most) for _ in _LINEAR], pen.upto(2)
        terms = [pen.term(f**3, x) for f, x in zip(factors, pen.rng.sample(_LINEAR, 3), strict=True)]
        letters, front = pen.term(1, (1, 1, 1)), 3 * math.prod(factors)
        product = " \\cdot ".join(terms)
        root = f"3 \\sqrt[3]{{{product}}} = {front} \\sqrt[3]{{{letters}}} = {front * k}"
        proof = f"AM-GM: $$ {' + '.join(terms)} \\ge {root}. $$"
        return Made(left=" + ".join(terms), right=str(front * k), proof=proof, given=f"{letters} = {k**3}")

    return make


# AM-GM with weights.


def _cubes(monomials: tuple[Monomial, ...], most: int) -> Maker:
    """2 (px)³ + (qy)³ >= 3 (px)² qy, which is AM-GM for three terms of which two are equal."""

    def make(pen: Pen) -> Made:
        p, q = pen.two(most)
        x, y = pen.rng.sample(monomials, 2)
        return _uneven(pen, 2, (p, x), (q, y))

    return make


def _fourths(most: int) -> Maker:
    """2 (px)⁴ + (qy)⁴ + (rz)⁴ >= 4 (px)² qy rz."""

    def make(pen: Pen) -> Made:
        return _uneven(pen, 2, *((pen.upto(most), m) for m in pen.rng.sample(_LINEAR, 3)))

    return make


def _uneven(pen: Pen, weight: int, often: tuple[int, Monomial], *once: tuple[int, Monomial]) -> Made:
    """`weight` u^n + v^n + ... >= n u^weight v ... with n terms in all."""
    (p, x), n = often, weight + len(once)
    left = " + ".join([pen.term(weight * p**n, _power(x, n)), *(pen.term(q**n, _power(y, n)) for q, y in once)])
    product = _power(x, weight)
    for _, y in once:
        product = _times(product, y)
    right = pen.term(n * p**weight * math.prod(q for q, _ in once), product)
    first, *others = (f"\\left({pen.term(k, m)}\\right)" for k, m in (often, *once))
    powers = " + ".join(f"{base}^{{{n}}}" for base in (*[first] * weight, *others))
    proof = f"AM-GM: $$ {left} = {powers} \\ge {n} {first}^{{{weight}}} {' '.join(others)} = {right}. $$"
    return Made(left=left, right=right, proof=proof)


# Cauchy-Schwarz.


def _fractions(most: int) -> Maker:
    """t²/d + u²/e >= (t + u)²/(d + e)."""

    def make(pen: Pen) -> Made:
        tops = pen.two(most)
        bottoms = [pen.term(pen.upto(7), m) for m in pen.rng.sample(_LINEAR, 2)]
        left = " + ".join(f"\\frac{{{top * top}}}{{{bottom}}}" for top, bottom in zip(tops, bottoms, strict=True))
        total = " + ".join(bottoms)
        right = f"\\frac{{{sum(tops) ** 2}}}{{{total}}}"
        middle = f"\\frac{{\\left({tops[0]} + {tops[1]}\\right)^{{2}}}}{{{total}}}"
        return Made(left=left, right=right, proof=f"Titu: $$ {left} \\ge {middle} = {right}. $$")

    return make


def _sums_of_squares(most: int) -> Maker:
    """(p² + q²)(x² + y²) >= (px + qy)², by Lagrange's identity."""

    def make(pen: Pen) -> Made:
        p, q = pen.two(most)
        x, y = pen.rng.sample((*_LINEAR, *_QUADRATIC), 2)
        squares = f"\\left({pen.term(1, _power(x, 2))} + {pen.term(1, _power(y, 2))}\\right)"
        right = f"\\left({pen.term(p, x)} + {pen.term(q, y)}\\right)^{{2}}"
        left = f"{p * p + q * q} {squares}"
        split = f"\\left({p}^{{2}} + {q}^{{2}}\\right) {squares}"
        proof = f"Cauchy: $$ {left} - {right} = {split} - {right} = {_square(pen, q, x, p, y)} \\ge 0. $$"
        return Made(left=left, right=right, proof=proof, real=True)

    return make


# The tangent line trick.


def _tangents(kind: str, slopes_to: int, places_to: int) -> Maker:
    """Three terms above their tangents, whose slopes are those of the condition."""

    def make(pen: Pen) -> Made:
        names = [pen.term(1, m) for m in pen.rng.sample(_LINEAR, 3)]
        places = [pen.upto(places_to) for _ in names]
        touches = [_touch(kind, pen.upto(slopes_to), x, t) for x, t in zip(names, places, strict=True)]
        given = " + ".join(
            f"{touch.slope if touch.slope > 1 else ''} {x}".strip() for touch, x in zip(touches, names, strict=True)
        )
        value = sum(touch.slope * t for touch, t in zip(touches, places, strict=True))
        return Made(
            left=" + ".join(touch.term for touch in touches), right=str(sum(touch.value for touch in touches)),
            given=f"{given} = {value}",
            proof=f"Tangents: $$ {', $$ $$ '.join(touch.line for touch in touches)}. $$ Their sum is the claim.",
        )  # fmt: skip

    return make


@dataclasses.dataclass(frozen=True)
class _Touch:
    """A term, its value and the size of its slope at its place, and why it lies above its tangent."""

    term: str
    slope: int
    value: int
    line: str


def _touch(kind: str, c: int, x: str, t: int) -> _Touch:
    front = f"{c} " if c > 1 else ""
    square = f"\\left({x} - {t}\\right)^{{2}}"
    if kind == "square":  # c x² above 2ctx - ct².
        term, slope = f"{front}{x}^{{2}}", 2 * c * t
        line = f"{term} - \\left({slope} {x} - {c * t * t}\\right) = {front}{square} \\ge 0"
        return _Touch(term, slope, c * t * t, line)
    term = f"\\frac{{{c * t * t}}}{{{x}}}"  # c t²/x above 2ct - cx.
    line = f"{term} - \\left({2 * c * t} - {front}{x}\\right) = \\frac{{{front}{square}}}{{{x}}} \\ge 0"
    return _Touch(term, c, c * t, line)


_FAMILIES: dict[tuple[str, str], tuple[Maker, ...]] = {
    ("sos", "easy"): (_one_square, _three_points(7)),
    ("sos", "medium"): (_two_squares, _three_points(20)),
    ("weighted_am_gm", "easy"): (_cubes((*_LINEAR, *_QUADRATIC), 5), _fourths(4)),
    ("weighted_am_gm", "medium"): (_cubes((*_LINEAR, *_QUADRATIC), 12), _fourths(7)),
    ("am_gm", "easy"): (_products(_LINEAR, 7), _quotients(5), _given_product(5)),
    ("am_gm", "medium"): (_products(_QUADRATIC, 4), _quotients(9), _given_product(9)),
    ("cauchy", "easy"): (_fractions(6), _sums_of_squares(7)),
    ("cauchy", "medium"): (_fractions(12), _sums_of_squares(15)),
    ("tangent_line", "easy"): (_tangents("square", 2, 6), _tangents("inverse", 3, 6)),
    ("tangent_line", "medium"): (_tangents("square", 9, 9), _tangents("inverse", 9, 9)),
}

TECHNIQUES = tuple(dict.fromkeys(technique for technique, _ in _FAMILIES))


def _power(x: Monomial, n: int) -> Monomial:
    return (x[0] * n, x[1] * n, x[2] * n)


def _times(x: Monomial, y: Monomial) -> Monomial:
    return (x[0] + y[0], x[1] + y[1], x[2] + y[2])
