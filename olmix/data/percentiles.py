"""Percentile groups out of whichever quality vigintiles exist.

A vigintile holds 5 % of the documents; `vigintile_0020` is the best. When many documents have the same score, two cut
points meet and a vigintile is missing: its documents lie in the next lower one. So a bucket reaches from its own
lower edge up to the lower edge of the next better bucket that exists, and belongs to the group in which its best
documents fall. In the reference data 0019 is missing, so 0018 reaches from 5 % to 15 % and is part of the top 10 %.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from olmix.errors import UserError

VIGINTILES = 20
#: The vigintiles of the reference data (CommonCrawl, "all dressed"): all but the nineteenth.
REFERENCE_VIGINTILES = tuple(number for number in range(1, VIGINTILES + 1) if number != 19)


def vigintile_name(number: int) -> str:
    """The name of a vigintile: 20 gives `vigintile_0020`, the best 5 %."""
    return f"vigintile_{number:04d}"


def starts(existing: Iterable[int]) -> dict[int, int]:
    """For each vigintile that exists, best first, the percentage of all documents that are better than its best."""
    numbers = sorted(set(existing), reverse=True)
    if not numbers or numbers[0] > VIGINTILES or numbers[-1] < 1:
        raise UserError(f"Vigintiles are numbered from 1 to {VIGINTILES}; got {numbers}.")
    edges = [VIGINTILES + 1, *numbers]
    step = 100 // VIGINTILES
    return {number: (VIGINTILES + 1 - above) * step for above, number in zip(edges, numbers, strict=False)}


def between(better: float, worse: float, existing: Iterable[int] = REFERENCE_VIGINTILES) -> tuple[int, ...]:
    """The vigintiles between two percentages counted from the best document, in ascending order.

    `between(0, 10)` is the top 10 % and `between(10, 30)` what follows it, so groups with the same edges never overlap.

    Raises:
      UserError: when the range is empty or holds no vigintile that exists.
    """
    if not 0 <= better < worse <= 100:
        raise UserError(f"A percentile group needs 0 <= better < worse <= 100; got {better} and {worse}.")
    found = tuple(sorted(number for number, start in starts(existing).items() if better <= start < worse))
    if not found:
        raise UserError(f"No vigintile that exists lies between the top {better} % and the top {worse} %.")
    return found


def top(percent: float, existing: Iterable[int] = REFERENCE_VIGINTILES) -> tuple[int, ...]:
    """The vigintiles of the best `percent` of the documents, in ascending order."""
    return between(0, percent, existing)


def groups(
    edges: Sequence[float] = (10, 30, 50, 70), existing: Iterable[int] = REFERENCE_VIGINTILES
) -> dict[str, tuple[int, ...]]:
    """Disjoint groups between neighbouring edges, best first: `top10pct`, `top10to30pct`, `top30to50pct`, ..."""
    known = tuple(existing)
    named: dict[str, tuple[int, ...]] = {}
    for better, worse in zip((0, *edges), edges, strict=False):
        name = f"top{worse:g}pct" if better == 0 else f"top{better:g}to{worse:g}pct"
        named[name] = between(better, worse, known)
    return named
