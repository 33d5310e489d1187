"""Sums of monomials with rational coefficients and whole exponents, negative ones included, and how a person writes them.

Only what the techniques need to make a problem and expand a square; exact algebra proper is in `proofs.algebra`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

Exponents = tuple[int, ...]
Point = tuple[Fraction, ...]


@dataclasses.dataclass(frozen=True)
class Sum:
    """Exponents (one per variable) to coefficient, without zeros."""

    terms: Mapping[Exponents, Fraction]

    def __add__(self, other: Sum) -> Sum:
        terms = dict(self.terms)
        for exponents, coefficient in other.terms.items():
            terms[exponents] = terms.get(exponents, Fraction(0)) + coefficient
        return Sum({x: c for x, c in terms.items() if c})

    def __neg__(self) -> Sum:
        return Sum({x: -c for x, c in self.terms.items()})

    def __sub__(self, other: Sum) -> Sum:
        return self + -other

    def __mul__(self, other: Sum | int | Fraction) -> Sum:
        if not isinstance(other, Sum):
            return Sum({x: c * other for x, c in self.terms.items()} if other else {})
        out = Sum({})
        for x, c in self.terms.items():
            out = out + Sum({_plus(x, y): c * d for y, d in other.terms.items()})
        return out

    __rmul__ = __mul__

    def __pow__(self, power: int) -> Sum:
        if len(self.terms) == 1:
            ((x, c),) = self.terms.items()
            return Sum({tuple(e * power for e in x): c**power})
        if power < 0:
            raise ValueError("only a single term has a negative power here")
        out = self if power else Sum({(0,) * len(next(iter(self.terms))): Fraction(1)})
        for _ in range(power - 1):
            out = out * self
        return out

    def at(self, point: Sequence[Fraction]) -> Fraction:
        """The value at a point."""
        return sum(
            (c * math.prod((p**e for p, e in zip(point, x, strict=True)), start=Fraction(1)) for x, c in self.terms.items()),
            Fraction(0),
        )  # fmt: skip

    def positive(self) -> Sum:
        """The terms with positive coefficients."""
        return Sum({x: c for x, c in self.terms.items() if c > 0})

    def negative(self) -> Sum:
        """Minus the terms with negative coefficients."""
        return Sum({x: -c for x, c in self.terms.items() if c < 0})

    def content(self) -> Fraction:
        """The largest rational whose division leaves whole coefficients."""
        bottom = math.lcm(*(c.denominator for c in self.terms.values()))
        return Fraction(math.gcd(*(int(c * bottom) for c in self.terms.values())), bottom)

    def degree(self) -> int:
        """The largest sum of exponents."""
        return max(sum(x) for x in self.terms)

    def latex(self, names: Sequence[str]) -> str:
        """In falling degree and alphabetical order."""
        ordered = sorted(self.terms.items(), key=lambda item: (-sum(item[0]), tuple(-abs(e) for e in item[0])))
        # A sum that begins with a minus reads badly where any term could come first instead.
        if ordered and ordered[0][1] < 0:
            ordered.sort(key=lambda item: item[1] < 0)
        out = ""
        for exponents, coefficient in ordered:
            piece = term_latex(abs(coefficient), exponents, names)
            out += piece if not out and coefficient > 0 else f" {'-' if coefficient < 0 else '+'} {piece}"
        return out.strip() or "0"

    def wrapped(self, names: Sequence[str]) -> str:
        """In parentheses where a factor needs them."""
        text = self.latex(names)
        return f"({text})" if len(self.terms) > 1 or text.startswith("-") else text


def _plus(x: Exponents, y: Exponents) -> Exponents:
    return tuple(a + b for a, b in zip(x, y, strict=True))


def term_latex(coefficient: Fraction, exponents: Exponents, names: Sequence[str]) -> str:
    r"""`\frac{3a^{2}}{2b}`: one fraction with everything below the bar that belongs there."""
    top, bottom = _letters(exponents, names, 1), _letters(exponents, names, -1)
    if not bottom and coefficient.denominator > 1:
        numeral = f"\\frac{{{coefficient.numerator}}}{{{coefficient.denominator}}}"
        return f"{numeral} {top}".strip()
    above = f"{coefficient.numerator if coefficient.numerator != 1 or not top else ''}{top}"
    below = f"{coefficient.denominator if coefficient.denominator != 1 else ''}{bottom}"
    return f"\\frac{{{above}}}{{{below}}}" if below else above


def _letters(exponents: Exponents, names: Sequence[str], sign: int) -> str:
    return "".join(
        name if e * sign == 1 else f"{name}^{{{e * sign}}}"
        for name, e in zip(names, exponents, strict=True) if e * sign > 0
    )  # fmt: skip


def number(value: int | Fraction) -> str:
    """A number in LaTeX."""
    value = Fraction(value)
    if value.denominator == 1:
        return str(value.numerator)
    return f"{'-' if value < 0 else ''}\\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"


def const(value: int | Fraction, size: int) -> Sum:
    """A constant in `size` variables."""
    return Sum({(0,) * size: Fraction(value)} if value else {})


def var(index: int, size: int) -> Sum:
    """One variable."""
    return Sum({tuple(int(i == index) for i in range(size)): Fraction(1)})


def monomial(exponents: Exponents, coefficient: int | Fraction = 1) -> Sum:
    """One term."""
    return Sum({exponents: Fraction(coefficient)})


def linear(coefficients: Sequence[int | Fraction]) -> Sum:
    """A linear form."""
    size = len(coefficients)
    return total((var(i, size) * c for i, c in enumerate(coefficients)), size)


def total(sums: Iterable[Sum], size: int) -> Sum:
    """The sum of sums in `size` variables."""
    out = const(0, size)
    for one in sums:
        out = out + one
    return out


def fraction_latex(top: Sum, bottom: Sum, names: Sequence[str]) -> str:
    """A quotient in lowest terms, as far as numbers go."""
    common = Fraction(
        math.gcd(*(int(c) for c in (*top.terms.values(), *bottom.terms.values())))
        if all(c.denominator == 1 for c in (*top.terms.values(), *bottom.terms.values()))
        else 1
    )
    top, bottom = top * (1 / common), bottom * (1 / common)
    if len(bottom.terms) == 1 and len(top.terms) == 1:
        return (top * bottom**-1).latex(names)
    return f"\\frac{{{top.latex(names)}}}{{{bottom.latex(names)}}}"
