"""True inequalities with short proofs in one regular form, for models of a million parameters and for tests.

Four techniques, each one identity or one known inequality about small monomials with random coefficients. What a model must do
to prove an unseen one is small but real: take roots of coefficients and monomials, multiply them, put them in the right places.
For problems as people write them use the symbolic generator; these trade away all variety of form.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence

_NAMES = ("a", "b", "c")
Monomial = tuple[int, int, int]

DIFFICULTIES = ("easy", "medium")

_LINEAR: tuple[Monomial, ...] = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
_QUADRATIC: tuple[Monomial, ...] = ((2, 0, 0), (0, 2, 0), (0, 0, 2), (1, 1, 0), (0, 1, 1), (1, 0, 1))

Made = tuple[str, str, str]


def write(
    technique: str, seed: int, difficulties: Sequence[str] = DIFFICULTIES
) -> Iterator[tuple[str, str, dict[str, object], str]]:
    """Problems for ever: (problem, proof, statement as text, difficulty); they repeat themselves now and then."""
    rng = random.Random(f"{technique}/{seed}")
    while True:
        difficulty = rng.choice(difficulties)
        left, right, proof = _MAKERS[technique, difficulty](rng)
        problem = f"Let $a, b, c$ be positive real numbers. Prove that $$ {left} \\ge {right}. $$"
        statement: dict[str, object] = {
            "statement": f"{_plain(left)} >= {_plain(right)}", "domain": "pos", "constraints": [],
        }  # fmt: skip
        yield problem, proof, statement, difficulty


def _one_square(rng: random.Random) -> Made:
    """(px)² + (qy)² >= 2 px qy."""
    p, q = rng.randint(1, 9), rng.randint(1, 9)
    x, y = rng.sample(_LINEAR + _QUADRATIC, 2)
    left = f"{_term(p * p, _power(x, 2))} + {_term(q * q, _power(y, 2))}"
    return _square_proof(left, _term(2 * p * q, _times(x, y)), _square(p, x, q, y))


def _two_squares(rng: random.Random) -> Made:
    """(px - qy)² + (ry - sz)² >= 0, with the two middle terms added up."""
    p, q, r, s = (rng.randint(1, 6) for _ in range(4))
    x, y, z = rng.sample(_LINEAR, 3)
    middle = _term(q * q + r * r, _power(y, 2))
    left = f"{_term(p * p, _power(x, 2))} + {middle} + {_term(s * s, _power(z, 2))}"
    right = f"{_term(2 * p * q, _times(x, y))} + {_term(2 * r * s, _times(y, z))}"
    return _square_proof(left, right, f"{_square(p, x, q, y)} + {_square(r, y, s, z)}")


def _square(p: int, x: Monomial, q: int, y: Monomial) -> str:
    return f"\\left({_term(p, x)} - {_term(q, y)}\\right)^{{2}}"


def _square_proof(left: str, right: str, squares: str) -> Made:
    turned = right.replace(" + ", " - ")
    return left, right, f"Squares: $$ {left} - {turned} = {squares} \\ge 0. $$"


def _cubes(monomials: tuple[Monomial, ...], most: int) -> Callable[[random.Random], Made]:
    """2 (px)³ + (qy)³ >= 3 (px)² qy, which is AM-GM for three terms of which two are equal."""

    def make(rng: random.Random) -> Made:
        p, q = rng.randint(1, most), rng.randint(1, most)
        x, y = rng.sample(monomials, 2)
        left = f"{_term(2 * p**3, _power(x, 3))} + {_term(q**3, _power(y, 3))}"
        right = _term(3 * p * p * q, _times(_power(x, 2), y))
        first, second = f"\\left({_term(p, x)}\\right)", f"\\left({_term(q, y)}\\right)"
        cubes = f"{first}^{{3}} + {first}^{{3}} + {second}^{{3}}"
        return left, right, f"AM-GM: $$ {left} = {cubes} \\ge 3 {first}^{{2}} {second} = {right}. $$"

    return make


def _products(monomials: tuple[Monomial, ...], most: int) -> Callable[[random.Random], Made]:
    """(px)³ + (qy)³ + (rz)³ >= 3 px qy rz."""

    def make(rng: random.Random) -> Made:
        factors = [(rng.randint(1, most), m) for m in rng.sample(monomials, 3)]
        left = " + ".join(_term(k**3, _power(m, 3)) for k, m in factors)
        (p, x), (q, y), (r, z) = factors
        right = _term(3 * p * q * r, _times(_times(x, y), z))
        bases = [f"\\left({_term(k, m)}\\right)" for k, m in factors]
        cubes = " + ".join(f"{base}^{{3}}" for base in bases)
        return left, right, f"AM-GM: $$ {left} = {cubes} \\ge 3 {' '.join(bases)} = {right}. $$"

    return make


def _fractions(most: int) -> Callable[[random.Random], Made]:
    """t²/d + u²/e >= (t + u)²/(d + e)."""

    def make(rng: random.Random) -> Made:
        tops = [rng.randint(1, most) for _ in range(2)]
        bottoms = [_term(rng.randint(1, 7), m) for m in rng.sample(_LINEAR, 2)]
        left = " + ".join(f"\\frac{{{top * top}}}{{{bottom}}}" for top, bottom in zip(tops, bottoms, strict=True))
        total = " + ".join(bottoms)
        right = f"\\frac{{{sum(tops) ** 2}}}{{{total}}}"
        middle = f"\\frac{{\\left({tops[0]} + {tops[1]}\\right)^{{2}}}}{{{total}}}"
        return left, right, f"Titu: $$ {left} \\ge {middle} = {right}. $$"

    return make


_MAKERS: dict[tuple[str, str], Callable[[random.Random], Made]] = {
    ("sos", "easy"): _one_square,
    ("sos", "medium"): _two_squares,
    ("weighted_am_gm", "easy"): _cubes(_LINEAR, 9),
    ("weighted_am_gm", "medium"): _cubes(_QUADRATIC, 6),
    ("am_gm", "easy"): _products(_LINEAR, 9),
    ("am_gm", "medium"): _products(_QUADRATIC, 4),
    ("cauchy", "easy"): _fractions(6),
    ("cauchy", "medium"): _fractions(12),
}

TECHNIQUES = tuple(dict.fromkeys(technique for technique, _ in _MAKERS))


def _power(x: Monomial, n: int) -> Monomial:
    return (x[0] * n, x[1] * n, x[2] * n)


def _times(x: Monomial, y: Monomial) -> Monomial:
    return (x[0] + y[0], x[1] + y[1], x[2] + y[2])


def _term(k: int, x: Monomial) -> str:
    letters = " ".join(name if e == 1 else f"{name}^{{{e}}}" for name, e in zip(_NAMES, x, strict=True) if e)
    return letters if k == 1 else f"{k} {letters}"


def _plain(latex: str) -> str:
    """This module's LaTeX as text that `parse_text` reads."""
    text = re.sub(r"\\frac\{([^{}]*(?:\{\d+\}[^{}]*)*)\}\{([^{}]*(?:\{\d+\}[^{}]*)*)\}", r"(\1)/(\2)", latex)
    text = re.sub(r"\^\{(\d+)\}", r"^\1", text)
    return re.sub(r"(?<=[\da-c]) (?=[a-c])", "*", text)
