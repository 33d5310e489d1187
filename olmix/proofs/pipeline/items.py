"""A problem with its proof, on its way through the pipeline: the record that every stage reads and writes, one JSON line each."""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib
import re
from collections.abc import Iterable
from typing import Any

import msgspec

ITEMS = "items.jsonl"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Item:
    """`problem` and `proof` are LaTeX; `statement` is the same problem as `Statement.to_text` has it, None if unread.

    `source` says who wrote it. `key` is the canonical key, or a digest of the words where the statement could not be
    read.
    """

    id: str
    problem: str
    proof: str
    technique: str
    difficulty: str
    source: str
    key: str
    statement: dict[str, Any] | None = None

    @property
    def stratum(self) -> str:
        """What a split keeps in proportion."""
        return f"{self.technique}/{self.difficulty}"


def words_key(problem: str) -> str:
    """The key of a problem that could not be read: equal for equal words."""
    words = re.sub(r"\W+", " ", problem.casefold()).strip()
    return f"words:{hashlib.sha256(words.encode()).hexdigest()[:24]}"


def write_items(folder: pathlib.Path, items: Iterable[Item], name: str = ITEMS) -> int:
    """Writes them into the folder and says how many."""
    lines = [msgspec.json.encode(item) + b"\n" for item in items]
    (folder / name).write_bytes(b"".join(lines))
    return len(lines)


def read_items(folder: pathlib.Path, name: str = ITEMS) -> list[Item]:
    """What `write_items` wrote."""
    return [msgspec.json.decode(line, type=Item) for line in (folder / name).read_bytes().splitlines()]


def write_records(path: pathlib.Path, records: Iterable[Any]) -> None:
    """Any dataclasses, as JSON lines."""
    path.write_bytes(b"".join(msgspec.json.encode(record) + b"\n" for record in records))


def read_records(path: pathlib.Path, kind: type) -> list[Any]:
    """What `write_records` wrote."""
    return [msgspec.json.decode(line, type=kind) for line in path.read_bytes().splitlines()]
