"""A document: a text, and the source and topic it belongs to."""

from __future__ import annotations

import hashlib
from typing import NamedTuple


class Document(NamedTuple):
    """A text with its place in the data tree.

    `score` is a quality given with the text (a column of the input), if any; `name` says where it came from, for messages
    and for a stable order.
    """

    text: str
    source: str
    topic: str | None = None
    score: float | None = None
    name: str = ""


def stable_order(name: str) -> bytes:
    """A sort key that is as good as random, and the same on every machine."""
    return hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8).digest()
