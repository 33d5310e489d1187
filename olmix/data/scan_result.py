"""What a scan found, as plain numbers: what every later step computes with. Imports nothing, so that configs may."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class TokenRange:
    """`tokens` tokens of a file, from byte `start` on."""

    path: str
    start: int
    tokens: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class HeldOut:
    """The part of a leaf that never enters training.

    `bytes` is the length of its text in UTF-8, which bits per byte need, and `documents` their number; both are None when the
    leaf was tokenised elsewhere and nobody wrote them down.
    """

    tokens: int
    bytes: int | None
    documents: int | None
    ranges: tuple[TokenRange, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScanResult:
    """What a scan found, by leaf. Leaves of weight 0 are not in it.

    `tokens` counts what may be trained on, the held-out slice excluded; `prior` is a leaf's share of all of them; `mixture` is
    what the weights of the tree ask for (the prior where there are none). `digest` changes whenever a file does.
    `endpoint` is the server of the object store, where it is not the provider's own.
    """

    tokens: dict[str, int]
    prior: dict[str, float]
    mixture: dict[str, float]
    repetition_limits: dict[str, float]
    held_out: dict[str, HeldOut]
    digest: str
    dtype: str
    files: int
    bytes: int
    manifest: str = "manifest.parquet"
    endpoint: str | None = None
