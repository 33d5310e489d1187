"""Which theorems the words around a relation name: a name is a reason for an instance of that theorem and of no other.

Trades away: who calls a Cauchy sum "Hoelder's inequality" is not wrong, but has to show it.
"""

from __future__ import annotations

import re

#: Pattern of a name, and the shapes (`instances.py`, `theorems.py`) that it stands for.
_NAMES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"cauchy|schwar[tz]|bunyakovsk|titu|engel|bergstr", ("cauchy",)),
    (r"h[^a-z]{0,3}o?lder|huygens", ("hoelder",)),
    (r"muirhead", ("muirhead",)),
    (r"schur", ("schur",)),
    (r"jensen|karamata|convex|concav", ("jensen",)),
    (r"cheb[iy]sh", ("chebyshev",)),
    (r"rearrangement", ("rearrangement", "chebyshev")),
    (r"minkowski", ("minkowski",)),
    (r"power.?mean|mean inequality|inequality (?:of|between)[a-z ]* means", ("mean", "cauchy", "jensen")),
    (r"\b[hq][ ]*m\b|harmonic|quadratic mean", ("mean", "cauchy", "jensen")),
    (r"\b[ag][ ]*m\b|arithmetic|geometric mean", ("mean",)),
)
_COMPILED = tuple((re.compile(pattern, re.IGNORECASE), shapes) for pattern, shapes in _NAMES)
#: Names of theorems that no shape stands for.
_OTHERS = re.compile(r"bernoulli", re.IGNORECASE)
NONE: frozenset[str] = frozenset()


def cited_theorems(text: str) -> frozenset[str]:
    """The shapes of the theorems that a text names; `other` for theorems without one."""
    named = {shape for pattern, shapes in _COMPILED if pattern.search(text) for shape in shapes}
    return frozenset(named | ({"other"} if _OTHERS.search(text) else set()))
