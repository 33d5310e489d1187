"""Points of equality, found on a grid of small numbers and confirmed exactly: what a proof says about *all* of them.

"Equality holds only for x = y = 1" is false where a point outside of the case is one of equality too, "equality never holds"
where any point is. Points with a zero in them are left aside: books forget the degenerate ones.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np

from olmix.proofs.checking.links import Context, LinkResult
from olmix.proofs.statements.expr import Relation
from olmix.proofs.statements.numeric import Undefined, compile_floats, holds_at, magnitude

#: Just before a case: it is the only one.
_ONLY = re.compile(
    r"\b(equality|attained|reached|achieved)( is)?( holds?| occurs?| attained| achieved| takes place)?"
    r" (if,? and only if|iff|(exactly|precisely|only) (if|when|for|at))$",
    re.IGNORECASE,
)
#: A whole sentence that says that there is no case of equality.
_NEVER = re.compile(
    r"^\W*((but|so|hence|thus|therefore|moreover|also|note that|however)\W+)*"
    r"((the )?equality (here )?(can never|never|cannot|can not|can't|does not|is never|is not|is impossible)( ever)?"
    r"( holds?| occurs?| be attained| be reached| attained| reached| possible)?"
    r"|(the|this|our) inequality is (always )?strict)( for all)?\W*$",
    re.IGNORECASE,
)
_VALUES = tuple(map(Fraction, ("1", "2", "1/2", "3", "1/3", "2/3", "3/2", "4", "1/4", "6", "5")))
_POINTS = 1500


def says_only(words: str) -> bool:
    """Whether words just before a case say that there is no other one."""
    return bool(_ONLY.search(" ".join(words.split())))


def says_never(words: str) -> bool:
    """Whether a sentence says that equality never holds."""
    return bool(_NEVER.match(" ".join(words.split())))


def _grid(context: Context) -> list[tuple[Fraction, ...]]:
    """Small points of the problem's domain, those with few different numbers first."""
    size = len(context.statement.variables)
    count = next((k for k in range(len(_VALUES), 1, -1) if k**size <= _POINTS), 1)
    equal = [(v,) * size for v in _VALUES]
    points = list(dict.fromkeys([*equal, *itertools.product(_VALUES[:count], repeat=size)]))
    if "natural" in context.statement.domains:
        points = [p for p in points if all(v.denominator == 1 for v in p)]
    return points


def equality_points(context: Context, given: Sequence[Relation], relation: Relation) -> Iterator[dict[str, Fraction]]:
    """Points of the problem, where all that is given holds as well, at which both sides are the same. Exact."""
    names = context.statement.variables
    points = _grid(context)
    gap = relation.map(context.expand).gap()
    with np.errstate(all="ignore"):
        values = compile_floats([gap, magnitude(gap)], names)(np.array(points, dtype=float))
    equal = Relation(relation.left, "=", relation.right)
    for point, (difference, size) in zip(points, values, strict=True):
        at = dict(zip(names, point, strict=True))
        if abs(difference) <= 1e-12 * size and _all_hold(context, (*context.statement.constraints, *given, equal), at):
            yield at


def _all_hold(context: Context, relations: Sequence[Relation], at: dict[str, Fraction]) -> bool:
    try:
        return all(holds_at(r.map(context.expand), at) is True for r in relations)
    except (Undefined, KeyError):
        return False


def _candidates(context: Context, relations: Sequence[Relation]) -> list[Relation]:
    """What a sentence about equality may be about, besides the claim: inequalities in the problem's variables."""
    known = set(context.statement.variables)
    there = (r.map(context.expand) for r in relations if r.op not in ("=", "!="))
    return list(dict.fromkeys(r for r in there if set(r.variables()) <= known and r.variables()))


def _applies(context: Context) -> bool:
    """Whether all that was assumed is read, and is about the problem's own variables."""
    known = set(context.statement.variables)
    assumed = [a.relation.map(context.expand) for a in context.assumptions]
    return not context.unread and not context.substitutions and all(set(r.variables()) <= known for r in assumed)


def too_narrow(
    context: Context, case: Sequence[Relation], near: Sequence[Relation], far: Sequence[Relation]
) -> LinkResult | None:
    """What is wrong with a case that is said to be the only one, or None.

    The sentence may be about the claim or about any relation near it that is an equality in the case; where one of those
    is strict at the point outside, it is right. Of relations further away that is not taken for granted.
    """
    known = set(context.statement.variables)
    if not _applies(context) or any(not set(r.variables()) <= known for r in case):
        return None
    given = [a.relation for a in context.assumptions]
    claim = context.statement.claim
    points = list(equality_points(context, given, claim))
    inside = next((at for at in points if _all_hold(context, case, at)), None)
    # What is strict inside of the case is not what the sentence is about.
    near, far = (
        [r for r in _candidates(context, some) if inside is None or not _strict_at(r, inside)] for some in (near, far)
    )
    for at in points:
        if not any(_fails(r, at) for r in case) or any(_strict_at(r, at) for r in near):
            continue
        named = ", ".join(f"{n} = {v}" for n, v in at.items())
        reason = f"equality also holds at {named}"
        if any(_strict_at(r, at) for r in far):
            return LinkResult("doubtful", f"{reason}, if the claim is meant")
        return LinkResult("refuted", reason)
    return None


def never_equal(context: Context, near: Sequence[Relation], far: Sequence[Relation]) -> LinkResult | None:
    """What is wrong with `equality never holds`, or None: at some point the claim is an equality, and what is near too."""
    if not _applies(context):
        return None
    given = [a.relation for a in context.assumptions]
    at = next(equality_points(context, given, context.statement.claim), None)
    if at is None:
        return None
    reason = f"equality holds at {', '.join(f'{n} = {v}' for n, v in at.items())}"
    if any(next(equality_points(context, given, r), None) is None for r in _candidates(context, [*near, *far])):
        return LinkResult("doubtful", f"{reason}, if the claim is meant")
    return LinkResult("refuted", reason)


def _fails(relation: Relation, at: dict[str, Fraction]) -> bool:
    try:
        return holds_at(relation, at) is False
    except (Undefined, KeyError):
        return False


def _strict_at(relation: Relation, at: dict[str, Fraction]) -> bool:
    """Whether the two sides differ at a point, or cannot be told to be the same."""
    try:
        return holds_at(Relation(relation.left, "=", relation.right), at) is not True
    except (Undefined, KeyError):
        return True
