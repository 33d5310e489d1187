"""Theorems that a proof applies to sequences which it names: `Cauchy-Schwarz for a_1 = sqrt(x - 1), a_2 = 1, b_1 = 1, ...`.

What the theorem says of those sequences is known, so that the relation that the proof draws from it can be compared: where
neither side of it, nor the ratio of its sides, is the theorem's, the sequences are not those of the relation. A number of
terms that the same sentence names must be the length of its sequences.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence

import numpy as np

from olmix.errors import UserError
from olmix.proofs.checking.links import Context, build_link
from olmix.proofs.refuting.falsify import Budget, feasible_points
from olmix.proofs.statements.expr import Expr, Num, Relation, add, mul, power, variables_of
from olmix.proofs.statements.numeric import compile_floats
from olmix.proofs.statements.statement import Statement, make_statement

_CAUCHY = re.compile(r"cauchy|schwar[tz]|bunyakovsk", re.IGNORECASE)
_WEIGHTED = re.compile(r"jensen|weight|power.mean", re.IGNORECASE)
_POINTS = 24
#: Relative differences below this are none.
_AGREE = 1e-8


@dataclasses.dataclass(frozen=True)
class Sequences:
    """The sequences of one sentence by their letters, each complete from index 1; `count` is the value of its `n`."""

    terms: Mapping[str, tuple[Expr, ...]]
    count: int | None


def sequences(definitions: Sequence[tuple[str, Expr]]) -> Sequences:
    """The sequences among the definitions of a sentence: `a_1, ..., a_m` without gaps."""
    families: dict[str, dict[int, Expr]] = {}
    count = None
    for name, expr in definitions:
        letter, _, index = name.rpartition("_")
        if letter and index.isdigit():
            families.setdefault(letter, {})[int(index)] = expr
        elif name == "n" and isinstance(expr, Num) and expr.value.denominator == 1:
            count = int(expr.value)
    whole = {
        letter: tuple(of[i] for i in range(1, len(of) + 1))
        for letter, of in families.items()
        if len(of) > 1 and set(of) == set(range(1, len(of) + 1))
    }
    return Sequences(whole, count)


def wrong_count(found: Sequences) -> str | None:
    """`n = 4` beside sequences that all have another length, in words; or None."""
    lengths = {len(terms) for terms in found.terms.values()}
    if found.count is None or len(lengths) != 1 or found.count in lengths:
        return None
    return f"n = {found.count}, but {', '.join(sorted(found.terms))} has {lengths.pop()} terms"


def wrong_weights(found: Sequences, words: str) -> str | None:
    """Fractions as weights of a mean or of Jensen's inequality whose sum is not 1, in words; or None."""
    if not _WEIGHTED.search(words):
        return None
    for letter, terms in found.terms.items():
        values = [term.value for term in terms if isinstance(term, Num)]
        if (
            len(values) == len(terms)
            and min(values) > 0
            and any(v.denominator > 1 for v in values)
            and sum(values) != 1
        ):
            return f"the weights {letter} add up to {sum(values)}"
    return None


def is_cauchy(found: Sequences, relation: Relation, context: Context, words: str) -> bool | None:
    """Whether a relation is Cauchy's inequality for two sequences of its sentence; None where that cannot be said.

    `(sum a b)**2 <= sum(a**2) sum(b**2)` may be divided, its root may be taken, and both sides may be written otherwise; the
    comparison is made in floats. False where nothing of the relation is the theorem's, or where it is stronger.
    """
    if not _CAUCHY.search(words) or len(found.terms) != 2 or relation.op in ("=", "!="):
        return None
    first, second = found.terms.values()
    if len(first) != len(second):
        return None
    small, large = (relation.left, relation.right) if relation.op in ("<", "<=") else (relation.right, relation.left)
    inner = power(add(*(mul(x, y) for x, y in zip(first, second, strict=True))), 2)
    squares = [add(*(power(x, 2) for x in terms)) for terms in (first, second)]
    built, _ = build_link(Relation(small, "<=", large), context, ())
    parts = [context.expand(e) for e in (small, large, inner, *squares)]
    if built is None:
        built, parts = _free(parts, context)
    if built is None:
        return None
    points = feasible_points(built, Budget(starts=120, seed=3))
    with np.errstate(all="ignore"):
        values = compile_floats(parts, built.variables)(points)
    values = values[(np.isfinite(values) & (np.abs(values) > 1e-12)).all(axis=1)][:_POINTS]
    if len(values) < 6:
        return None
    low, high, product, p, q = values.T
    if _same(low / high, product / (p * q)) or _same(low**2 / high**2, product / (p * q)):
        return True
    theirs = (product, np.sqrt(product), product / p, product / q, p * q, np.sqrt(p * q), p, q)
    if not any(_same(side, known) for side in (low, high) if not _same(side, side[0]) for known in theirs):
        return False
    # What is multiplied or estimated further gets weaker, never stronger than the theorem.
    stronger = (low / high > np.sqrt(product / (p * q)) * (1 + 1e-6)).any()
    return False if stronger else None


def _free(parts: list[Expr], context: Context) -> tuple[Statement | None, list[Expr]]:
    """Letters that nobody brought in are as the problem's variables: real numbers, wherever everything is defined."""
    names = list(dict.fromkeys(v for e in parts for v in variables_of(e)))
    domains = dict(zip(context.statement.variables, context.statement.domains, strict=True))
    kinds = {name: domains.get(name, "pos") for name in names}
    try:
        return make_statement(Relation(parts[0], "<=", parts[1]), kinds, []), parts
    except UserError:
        return None, parts


def _same(one: np.ndarray, two: np.ndarray | float) -> bool:
    return bool(np.allclose(one, two, rtol=_AGREE, atol=0))
