"""What a single run was to read and read, leaf by leaf, as plain data."""

from __future__ import annotations

import dataclasses

PAGE = "report.html"


@dataclasses.dataclass(frozen=True, kw_only=True)
class LeafRow:
    """A leaf of a run: `share` declared, `planned` and `counted` tokens, `repetition` and its `limit`, held-out BPB."""

    leaf: str
    share: float
    planned: int
    counted: int
    repetition: float
    limit: float
    bpb: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class MixtureReportResult:
    """`verified`: the run finished, and read of every leaf exactly what was planned. `metrics` are all that were measured."""

    status: str
    verified: bool
    sentence: str
    rows: tuple[LeafRow, ...]
    metrics: dict[str, float]
    page: str = PAGE
