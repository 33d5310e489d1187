"""A problem with its proof before it is put into words, and the dice that the techniques throw.

A technique chooses the point of equality first and makes everything else touch there: so where equality holds is
varied on purpose and not by accident, and every constant is known exactly.
"""

from __future__ import annotations

import dataclasses
import random
from fractions import Fraction
from typing import Literal

from olmix.proofs.symbolic.terms import Point

Latex = str

Place = Literal["all equal", "elsewhere", "none"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Draft:
    """`left op right` for all `names` in `domain` with the relations `given`, and the sentences of its proof.

    `equality` is a point where both sides are equal, None where they are equal nowhere; with `ray` they are on all its
    positive multiples. In a `triangle` the variables are its sides.
    """

    technique: str
    family: str
    difficulty: str
    names: tuple[str, ...]
    domain: str
    given: tuple[Latex, ...] = ()
    left: Latex
    op: Latex
    right: Latex
    proof: tuple[Latex, ...]
    equality: Point | None = None
    ray: bool = False
    triangle: bool = False

    @property
    def place(self) -> Place:
        """Where equality holds: with all variables equal, elsewhere, or nowhere."""
        if self.equality is None:
            return "none"
        return "all equal" if len(set(self.equality)) == 1 else "elsewhere"

    @property
    def claim(self) -> Latex:
        """The claim as one relation."""
        return f"{self.left} {self.op} {self.right}"


class Dice(random.Random):
    """A generator of random choices with the ones that several techniques make."""

    def names(self, count: int) -> tuple[str, ...]:
        """Letters in a row."""
        sets = {2: ("ab", "xy", "uv", "pq"), 3: ("abc", "xyz", "uvw", "pqr"), 4: ("abcd", "xyzt")}
        return tuple(self.choice(sets[count]))

    def point(self, count: int, most: int = 4, equal: float = 0.25) -> Point:
        """Where equality shall hold, positive: all the same with probability `equal`."""
        if self.random() < equal:
            return (Fraction(self.randint(1, most)),) * count
        while True:
            point = tuple(Fraction(self.randint(1, most)) for _ in range(count))
            if len(set(point)) > 1:
                return point

    def any_point(self, count: int, most: int = 4) -> Point:
        """As `point`, of any sign and not at the origin."""
        while True:
            point = tuple(Fraction(self.randint(-most, most)) for _ in range(count))
            if any(point):
                return point

    def one(self, *choices: str) -> str:
        """One of several wordings."""
        return self.choice(choices)
