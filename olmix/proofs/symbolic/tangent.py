"""The tangent line trick: each term lies above a line that touches it; under a linear condition the lines add up to a constant.

The terms may be of different kinds and touch at different places; the condition is made from their slopes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from fractions import Fraction

from olmix.proofs.symbolic.draft import Dice, Draft, Latex
from olmix.proofs.symbolic.terms import Sum, const, linear, number, var

TECHNIQUE = "tangent_line"


@dataclasses.dataclass(frozen=True)
class Touch:
    """One term above its line: the term, its value and slope at the place, and the difference written as a product.

    `gap(x - t)` says `c (x - t)^2 (...)/(...)`, which is not negative for positive x.
    """

    term: Latex
    value: Fraction
    slope: Fraction
    gap: Latex


def _gap(c: Fraction, x: str, t: Fraction, above: Latex = "", below: Latex = "", front: Latex = "") -> Latex:
    """`c front (x - t)^2 above / below` with the number c shared out between top and bottom."""
    top = f"{c.numerator if c.numerator != 1 else ''}{front}({x} - {number(t)})^{{2}}{above}"
    factor = f"({below})" if " " in below and c.denominator != 1 else below
    bottom = f"{c.denominator if c.denominator != 1 else ''}{factor}"
    return f"\\frac{{{top}}}{{{bottom}}}" if bottom else top


def _square(dice: Dice, x: str, t: Fraction, c: int) -> Touch:
    """c x^2."""
    return Touch(_times(c, f"{x}^{{2}}"), c * t * t, 2 * c * t, _gap(Fraction(c), x, t))


def _cube(dice: Dice, x: str, t: Fraction, c: int) -> Touch:
    """c x^3: c (x - t)^2 (x + 2t)."""
    gap = _gap(Fraction(c), x, t, f"({x} + {number(2 * t)})")
    return Touch(_times(c, f"{x}^{{3}}"), c * t**3, 3 * c * t**2, gap)


def _fourth(dice: Dice, x: str, t: Fraction, c: int) -> Touch:
    """c x^4: c (x - t)^2 (x^2 + 2tx + 3t^2)."""
    gap = _gap(Fraction(c), x, t, f"({x}^{{2}} + {number(2 * t)}{x} + {number(3 * t * t)})")
    return Touch(_times(c, f"{x}^{{4}}"), c * t**4, 4 * c * t**3, gap)


def _inverse(dice: Dice, x: str, t: Fraction, c: int) -> Touch:
    """k/x with k = c t^2: k (x - t)^2/(t^2 x)."""
    k = c * t * t
    return Touch(f"\\frac{{{number(k)}}}{{{x}}}", k / t, -k / t**2, _gap(k / t**2, x, t, below=x))


def _shifted_inverse(dice: Dice, x: str, t: Fraction, c: int) -> Touch:
    """k/(x + m) with k = c (t + m)^2: k (x - t)^2/((t + m)^2 (x + m))."""
    m = dice.randint(1, 3)
    k = c * (t + m) ** 2
    gap = _gap(k / (t + m) ** 2, x, t, below=f"{x} + {m}")
    return Touch(f"\\frac{{{number(k)}}}{{{x} + {m}}}", k / (t + m), -k / (t + m) ** 2, gap)


def _inverse_square(dice: Dice, x: str, t: Fraction, c: int) -> Touch:
    """k/x^2 with k = c t^3: k (x - t)^2 (2x + t)/(t^3 ... x^2), in lowest terms."""
    k = c * t**3
    gap = _gap(k / t**2, x, t, f"(2{x} + {number(t)})", f"{x}^{{2}}") if t == 1 else _gap(
        k / t**3 * t, x, t, f"(2{x} + {number(t)})", f"{number(t)}{x}^{{2}}")  # fmt: skip
    return Touch(f"\\frac{{{number(k)}}}{{{x}^{{2}}}}", k / t**2, -2 * k / t**3, gap)


def _quotient(dice: Dice, x: str, t: Fraction, c: int) -> Touch:
    """k x^2/(x + m) with k = c (t + m)^2: the slope at t is c (t^2 + 2tm), the gap c m^2 (x - t)^2/(x + m)."""
    m = dice.randint(1, 3)
    k = c * (t + m) ** 2
    gap = _gap(Fraction(c * m * m), x, t, below=f"{x} + {m}")
    return Touch(f"\\frac{{{number(k)}{x}^{{2}}}}{{{x} + {m}}}", k * t * t / (t + m), c * (t * t + 2 * t * m), gap)


def _bell(dice: Dice, x: str, t: Fraction, c: int) -> Touch:
    """k/(x^2 + m) with m <= t^2: k (x - t)^2 (2tx + t^2 - m)/((t^2 + m)^2 (x^2 + m))."""
    m = dice.randint(1, int(t * t))
    square = (t * t + m) ** 2
    k = c * (square / 2 if square % 2 == 0 else square)
    rest = f" + {number(t * t - m)}" if t * t > m else ""
    if not rest:  # 2t x (x - t)^2, with the number in front.
        return Touch(f"\\frac{{{number(k)}}}{{{x}^{{2}} + {m}}}", k / (t * t + m), -2 * k * t / square,
                     _gap(k / square * 2 * t, x, t, below=f"{x}^{{2}} + {m}", front=x))  # fmt: skip
    above = f"({number(2 * t)}{x}{rest})"
    gap = _gap(k / square, x, t, above, f"{x}^{{2}} + {m}")
    return Touch(f"\\frac{{{number(k)}}}{{{x}^{{2}} + {m}}}", k / (t * t + m), -2 * k * t / square, gap)


Maker = Callable[[Dice, str, Fraction, int], Touch]
RISING: tuple[Maker, ...] = (_square, _cube, _fourth, _quotient)
FALLING: tuple[Maker, ...] = (_inverse, _shifted_inverse, _inverse_square, _bell)


def _times(c: int, text: str) -> Latex:
    return text if c == 1 else f"{c}{text}"


def _line(touch: Touch, x: str, t: Fraction) -> Sum:
    """value + slope (x - t) in one variable."""
    return var(0, 1) * touch.slope + const(touch.value - touch.slope * t, 1)


_LEADS = (
    "We use the tangent line trick. For positive numbers,", "Each term lies above its tangent:",
    "By the tangent line trick we have", "We compare each term with its tangent line:",
)  # fmt: skip


def alike(dice: Dice) -> Draft:
    """One kind of term for all variables."""
    kinds = [dice.choice(RISING + FALLING)]
    return _draft(dice, "alike", kinds * 3, "medium")


def mixed(dice: Dice) -> Draft:
    """Terms of different kinds, all rising or all falling."""
    side = dice.choice((RISING, FALLING))
    return _draft(dice, "mixed", [dice.choice(side) for _ in range(3)], "hard")


def _draft(dice: Dice, family: str, kinds: Sequence[Maker], difficulty: str) -> Draft:
    size = dice.choice((2, 3, 3))
    names, point = dice.names(size), dice.point(size, 4)
    same = len(set(point)) == 1 and family == "alike" and dice.random() < 0.7
    touches = []
    for kind, x, t in zip(kinds, names, point, strict=False):
        state = dice.getstate()
        touches.append(kind(dice, x, t, 1 if same else dice.randint(1, 4)))
        if same:
            dice.setstate(state)  # The same shift in every term.
    slopes = [touch.slope for touch in touches]
    content = linear(slopes).content() * (-1 if slopes[0] < 0 else 1)
    given = linear([s / content for s in slopes])
    bound = sum((touch.value for touch in touches), Fraction(0))
    left = " + ".join(touch.term for touch in touches)
    lines = []
    for touch, x, t in zip(touches, names, point, strict=False):
        line = _line(touch, x, t).latex([x])
        apart = f"\\left({line}\\right)" if "frac" in line else f"({line})"
        lines.append(f"{touch.term} - {apart} = {touch.gap} \\ge 0")
    known = f"{given.latex(names)} = {number(given.at(point))}"
    lead = dice.one(*_LEADS)
    return Draft(
        technique=TECHNIQUE, family=family, difficulty=difficulty, names=names, domain="pos", given=(known,), left=left,
        op="\\ge", right=number(bound), equality=point, ray=False,
        proof=(f"{lead} $$ {', $$ $$ '.join(lines)}. $$", _ending(dice, known)),
    )  # fmt: skip


def below(dice: Dice) -> Draft:
    """k x/(x + m), which bends down, lies below its tangents: a sum of such terms is at most a constant."""
    size = dice.choice((2, 3, 3, 3))
    names, point = dice.names(size), dice.point(size, 4)
    terms, lines, slopes, bound = [], [], [], Fraction(0)
    m_all = dice.randint(1, 4) if dice.random() < 0.5 else 0
    for x, t in zip(names, point, strict=True):
        m, c = m_all or dice.randint(1, 4), dice.randint(1, 3)
        k = c * (t + m)
        # The slope at t is k m/(t + m)^2 = c m/(t + m); the gap c m (x - t)^2/((t + m)(x + m)).
        slope, value = c * m / (t + m), k * t / (t + m)
        term = f"\\frac{{{_times(int(k), x)}}}{{{x} + {m}}}"
        line = (var(0, 1) * slope + const(value - slope * t, 1)).latex([x])
        terms.append(term)
        lines.append(f"{line} - {term} = {_gap(slope, x, t, below=f'{x} + {m}')} \\ge 0")
        slopes.append(slope)
        bound += value
    content = linear(slopes).content()
    given = linear([s / content for s in slopes])
    known = f"{given.latex(names)} = {number(given.at(point))}"
    lead = dice.one("Each term lies below its tangent:", "The tangent line lies above each term:")
    return Draft(
        technique=TECHNIQUE, family="below", difficulty="medium", names=names, domain="pos", given=(known,),
        left=" + ".join(terms), op="\\le", right=number(bound), equality=point, ray=False,
        proof=(f"{lead} $$ {', $$ $$ '.join(lines)}. $$", _ending(dice, known)),
    )  # fmt: skip


def _ending(dice: Dice, known: Latex) -> Latex:
    return dice.one(
        f"Adding these and using ${known}$ gives the claim.", f"Summing up, with ${known}$ the claim follows.",
        f"We add these inequalities; since ${known}$, their sum is the claim.",
    )  # fmt: skip


def normalised(dice: Dice) -> Draft:
    """C x/(s - k x) for each variable, where s is the given sum of the k x: the pattern of Nesbitt's inequality."""
    names, point = dice.names(3), dice.point(3, 4, 0.3)
    ks = [dice.randint(1, 5) for _ in names]
    s = sum((k * t for k, t in zip(ks, point, strict=True)), Fraction(0))
    # With C = k (s - k t)^2 the slope of each term at its place is s k.
    tops = [k * (s - k * t) ** 2 for k, t in zip(ks, point, strict=True)]
    common = linear(tops).content()
    lines, terms, bound = [], [], Fraction(0)
    for x, k, t, top in zip(names, ks, point, tops, strict=True):
        c = top / common
        below = f"{number(s)} - {_times(k, x)}"
        value, slope = c * t / (s - k * t), s * k / common
        bound += value
        term = f"\\frac{{{_times(int(c), x)}}}{{{below}}}"
        line = (var(0, 1) * slope + const(value - slope * t, 1)).latex([x])
        apart = f"\\left({line}\\right)" if "frac" in line else f"({line})"
        terms.append(term)
        lines.append(f"{term} - {apart} = {_gap(c * s * k / (s - k * t) ** 2, x, t, below=below)} \\ge 0")
    given = linear([Fraction(k) for k in ks])
    known = f"{given.latex(names)} = {number(s)}"
    return Draft(
        technique=TECHNIQUE, family="normalised", difficulty="hard", names=names, domain="pos", given=(known,),
        left=" + ".join(terms), op="\\ge", right=number(bound), equality=point,
        proof=(f"{dice.one(*_LEADS)} $$ {', $$ $$ '.join(lines)}. $$", _ending(dice, known)),
    )  # fmt: skip


FAMILIES = (alike, mixed, mixed, below, normalised)
