"""Scans of object stores, kept for a while: by the whole tree (every leaf and path), dtype, held-out size and endpoint.

Kept are conclusions (counts and the manifest), not listings, so reading them back costs milliseconds for any number of files.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
import tempfile
import time
from collections.abc import Mapping, Sequence

import msgspec

from olmix import cache
from olmix.data import manifest
from olmix.data.scan import Counted
from olmix.data.token_files import TokenFile
from olmix.data.tree import Tree

#: Raised when the files of a cached scan change their meaning.
_FORMAT = 1
_SHOWN = "shown.json"


@dataclasses.dataclass(frozen=True)
class Cached:
    """A scan that was made `age` seconds ago, and where its manifest is."""

    counted: Counted
    manifest: pathlib.Path
    age: float


def place(tree: Tree, dtype: str, held_out_tokens: int, endpoint: str | None) -> pathlib.Path:
    """The folder of the scan of this tree."""
    leaves = [(leaf.name, leaf.paths) for leaf in tree.leaves()]
    text = json.dumps([_FORMAT, leaves, dtype, held_out_tokens, endpoint])
    return cache.folder("scans") / hashlib.sha256(text.encode()).hexdigest()[:32]


def load(where: pathlib.Path) -> Cached | None:
    """What is kept there; None if nothing is, or it cannot be read."""
    try:
        text = (where / "counted.json").read_bytes()
        made, counted = msgspec.json.decode(text, type=tuple[float, Counted])
    except (OSError, msgspec.MsgspecError):
        return None
    # The manifest's name carries the digest, so that counts and manifest of two scans never mix.
    path = where / f"{counted.digest[:32]}.parquet"
    return Cached(counted, path, time.time() - made) if path.is_file() else None


def save(where: pathlib.Path, counted: Counted, files: Mapping[str, Sequence[TokenFile]]) -> Cached:
    """Keeps a scan, in place of an earlier one."""
    where.mkdir(parents=True, exist_ok=True)
    path = where / f"{counted.digest[:32]}.parquet"
    beside = _beside(where)
    manifest.write(beside, files)
    os.replace(beside, path)
    beside = _beside(where)
    beside.write_bytes(msgspec.json.encode((time.time(), counted)))
    os.replace(beside, where / "counted.json")
    for old in where.glob("*.parquet"):
        if old != path:
            old.unlink(missing_ok=True)
    return Cached(counted, path, 0.0)


def show(where: pathlib.Path, counted: Counted) -> None:
    """Remembers what a dry run showed of a tree, so that a run that finds something else can say so; if it can be written."""
    with contextlib.suppress(OSError):
        where.mkdir(parents=True, exist_ok=True)
        beside = _beside(where)
        beside.write_bytes(msgspec.json.encode((time.time(), counted)))
        os.replace(beside, where / _SHOWN)


def shown(where: pathlib.Path, seconds: float) -> Counted | None:
    """What a dry run showed in the last so many seconds, if no run asked for it since: it is forgotten by asking."""
    try:
        made, counted = msgspec.json.decode((where / _SHOWN).read_bytes(), type=tuple[float, Counted])
        (where / _SHOWN).unlink(missing_ok=True)
    except (OSError, msgspec.MsgspecError):
        return None
    return counted if time.time() - made <= seconds else None


def _beside(where: pathlib.Path) -> pathlib.Path:
    handle, name = tempfile.mkstemp(dir=where)
    os.close(handle)
    return pathlib.Path(name)
