"""The scan: from a tree to a manifest and token counts, by listing and a look at two files of each leaf.

`look` does the I/O, `count` and `result` the arithmetic. A leaf's format (raw or true `.npy`) is read off its first and last
file; files of both kinds in one leaf are an error. Everything else about a file follows from its size.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
import json
import os
import pathlib
from collections.abc import Mapping, Sequence

from olmix.data import listing, manifest, token_files
from olmix.data.listing import Found, is_address
from olmix.data.parallel import Progress, silent
from olmix.data.scan_result import HeldOut, ScanResult, TokenRange
from olmix.data.token_files import TokenFile
from olmix.data.tree import Tree
from olmix.errors import UserError

#: What the tokeniser writes beside a leaf's shards: what was held out, and how much text it is.
LEAF_NOTES = "leaf.json"
HELD_OUT = "held_out.bin"
#: Of a leaf without notes, no more than this part is held out.
MOST_HELD_OUT = 0.05
_MOST_NOTES = 1 << 16


@dataclasses.dataclass(frozen=True)
class LeafFound:
    """What was found for a leaf: its files in reading order, the bytes of header of each, and its notes by folder."""

    files: tuple[Found, ...]
    header: int
    notes: Mapping[str, HeldOut]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Counted:
    """The numbers of a scan that do not depend on weights: what is cached. Fields as in `ScanResult`."""

    tokens: dict[str, int]
    held_out: dict[str, HeldOut]
    digest: str
    files: int
    bytes: int


def look(
    tree: Tree,
    dtype: str,
    root: pathlib.Path | None = None,
    endpoint: str | None = None,
    progress: Progress = silent,
) -> dict[str, LeafFound]:
    """Lists all leaves of the tree. Relative paths are resolved in `root`, addresses on `endpoint`.

    Raises:
      UserError: naming leaf, pattern and cause, when something is missing, unreadable, or of another format.
    """
    token_files.item_size(dtype)
    leaves = tree.leaves()
    addresses = [(leaf.name, path) for leaf in leaves for path in leaf.paths if is_address(path)]
    matched: dict[tuple[str, str], list[Found]] = {}
    seen: frozenset[str] = frozenset()
    if addresses:
        from olmix.data import object_stores

        listed = object_stores.find(addresses, endpoint, progress)
        matched, seen = listed.files, listed.notes
    files: dict[str, tuple[Found, ...]] = {}
    for number, leaf in enumerate(leaves):
        if not addresses:
            progress(number, len(leaves), leaf.name)
        found: dict[str, Found] = {}
        for path in leaf.paths:
            part = matched[leaf.name, path] if is_address(path) else listing.list_local(leaf.name, path, root)
            found.update(
                (file.path, file) for file in part if file.path.rpartition("/")[2] not in (LEAF_NOTES, HELD_OUT)
            )
        if not found:
            raise UserError(f"Leaf {leaf.name!r}: {list(leaf.paths)} match no tokens for training.")
        files[leaf.name] = tuple(found[path] for path in sorted(found))
    look_closer = functools.partial(_closer, dtype=dtype, root=root, endpoint=endpoint, seen=seen)
    with concurrent.futures.ThreadPoolExecutor(16 if addresses else 1) as pool:
        return dict(zip(files, pool.map(look_closer, files.items()), strict=True))


def count(
    found: Mapping[str, LeafFound], dtype: str, held_out_tokens: int
) -> tuple[Counted, dict[str, list[TokenFile]]]:
    """Counts tokens and sets the held-out slices apart.

    Raises:
      UserError: for a file whose size is no whole number of tokens, a leaf without training tokens, or a file in two leaves.
    """
    width = token_files.item_size(dtype)
    files: dict[str, list[TokenFile]] = {}
    held_out: dict[str, HeldOut] = {}
    owner: dict[str, str] = {}
    for leaf, seen in found.items():
        counted = []
        for file in seen.files:
            other = owner.setdefault(file.path, leaf)
            if other != leaf:
                raise UserError(f"{file.path} belongs to two leaves, {other!r} and {leaf!r}.")
            inside = token_files.count_tokens(leaf, file.path, file.size, seen.header, dtype)
            counted.append(TokenFile(file.path, file.size, file.etag, inside, inside, seen.header))
        aside: HeldOut | None
        if seen.notes:
            aside = _merged(list(seen.notes.values()))
        else:
            total = sum(file.tokens for file in counted)
            counted, aside = manifest.hold_out_tail(counted, min(held_out_tokens, int(total * MOST_HELD_OUT)), width)
        if aside is not None and aside.tokens:
            held_out[leaf] = aside
        files[leaf] = counted
    tokens = {leaf: sum(file.training for file in part) for leaf, part in files.items()}
    empty = [leaf for leaf, some in tokens.items() if some == 0]
    if empty:
        raise UserError(f"The files of {', '.join(map(repr, empty))} hold no training tokens.")
    aside_text = json.dumps({leaf: dataclasses.asdict(part) for leaf, part in sorted(held_out.items())})
    numbers = Counted(
        tokens=tokens,
        held_out=held_out,
        digest=manifest.digest(files, dtype, aside_text),
        files=sum(map(len, files.values())),
        bytes=sum(file.size for part in files.values() for file in part),
    )
    return numbers, files


def result(tree: Tree, counted: Counted, dtype: str, endpoint: str | None) -> ScanResult:
    """Works out prior and mixture."""
    total = sum(counted.tokens.values())
    return ScanResult(
        **{field.name: getattr(counted, field.name) for field in dataclasses.fields(counted)},
        prior={leaf: count / total for leaf, count in counted.tokens.items()},
        mixture=tree.mixture(counted.tokens),
        repetition_limits=tree.repetition_limits(),
        dtype=dtype,
        endpoint=endpoint,
    )


def counted(found: ScanResult) -> Counted:
    """The numbers of a result that do not depend on weights."""
    return Counted(**{field.name: getattr(found, field.name) for field in dataclasses.fields(Counted)})


def _closer(
    leaf_files: tuple[str, tuple[Found, ...]],
    dtype: str,
    root: pathlib.Path | None,
    endpoint: str | None,
    seen: frozenset[str],
) -> LeafFound:
    """Looks at the first and last file of a leaf, and at the notes in its folders."""
    leaf, files = leaf_files

    def start(path: str, size: int, most: int) -> bytes:
        if is_address(path):
            from olmix.data import object_stores

            return object_stores.read(path, 0, min(most, size), endpoint) if size else b""
        with open(path if root is None else root / path, "rb") as file:
            return file.read(most)

    headers = {
        token_files.header_bytes(file.path, start(file.path, file.size, token_files.HEADER_BYTES), dtype)
        for file in (files[0], files[-1])
    }
    if len(headers) > 1:
        raise UserError(
            f"Leaf {leaf!r} mixes raw token files and .npy files with a header ({files[0].path}, {files[-1].path}); "
            "make them two leaves."
        )
    notes = {}
    for folder in sorted({file.path.rpartition("/")[0] for file in files}):
        path = f"{folder}/{LEAF_NOTES}" if folder else LEAF_NOTES
        there = path in seen if is_address(path) else os.path.isfile(path if root is None else root / path)
        if there:
            notes[folder] = _notes(start(path, _MOST_NOTES, _MOST_NOTES), folder)
    if notes and len(notes) < len({file.path.rpartition("/")[0] for file in files}):
        raise UserError(
            f"Leaf {leaf!r}: some of its folders have a {LEAF_NOTES} that says what is held out, and some have not."
        )
    return LeafFound(files, headers.pop(), notes)


def _notes(text: bytes, folder: str) -> HeldOut:
    """The held-out slice that the notes of a folder describe."""
    try:
        notes = json.loads(text)["held_out"]
        tokens, size, documents = int(notes["tokens"]), int(notes["bytes"]), int(notes["documents"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{folder}/{LEAF_NOTES} does not say what is held out ({error!r}); tokenise this leaf again."
        ) from error
    where = f"{folder}/{HELD_OUT}" if folder else HELD_OUT
    ranges = (TokenRange(path=where, start=0, tokens=tokens),) if tokens else ()
    return HeldOut(tokens=tokens, bytes=size, documents=documents, ranges=ranges)


def _merged(parts: Sequence[HeldOut]) -> HeldOut:
    return HeldOut(
        tokens=sum(part.tokens for part in parts),
        bytes=sum(part.bytes or 0 for part in parts),
        documents=sum(part.documents or 0 for part in parts),
        ranges=tuple(part for one in parts for part in one.ranges),
    )
