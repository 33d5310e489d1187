"""The scan: from a tree to a manifest and token counts, by listing and a look at two files of each leaf.

`look` does the I/O, `conclude` the arithmetic. A leaf's format (raw or true `.npy`) is read off its first and last file; files
of both kinds in one leaf are an error, and a shard that hides among thousands of another kind is caught when it is read.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Callable, Mapping, Sequence

from olmix.data import manifest, token_files
from olmix.data.listing import Found, is_address, list_leaf
from olmix.data.manifest import HeldOut, ScanResult, TokenRange
from olmix.data.token_files import TokenFile
from olmix.data.tree import Leaf, Tree
from olmix.errors import UserError

#: What the tokeniser writes beside a leaf's shards: what was held out, and how much text it is.
LEAF_NOTES = "leaf.json"
HELD_OUT = "held_out.bin"
#: Of a leaf without notes, no more than this part is held out.
MOST_HELD_OUT = 0.05

Progress = Callable[[float, float, str], None]


@dataclasses.dataclass(frozen=True)
class LeafFound:
    """What was found for a leaf: its files in reading order, the bytes of header of each, and its notes by folder."""

    files: tuple[Found, ...]
    header: int
    notes: Mapping[str, HeldOut]


def look(
    tree: Tree,
    dtype: str,
    root: pathlib.Path | None = None,
    progress: Progress = lambda done, total, note: None,
) -> dict[str, LeafFound]:
    """Lists all leaves of the tree. Relative paths are resolved in `root`.

    Raises:
      UserError: naming leaf, pattern and cause, when something is missing, unreadable, or of another format.
    """
    leaves = tree.leaves()
    found = {}
    for number, leaf in enumerate(leaves):
        progress(number, len(leaves), leaf.name)
        found[leaf.name] = _look_at(leaf, dtype, root)
    progress(len(leaves), len(leaves), "")
    return found


def conclude(
    tree: Tree, found: Mapping[str, LeafFound], dtype: str, held_out_tokens: int
) -> tuple[ScanResult, dict[str, list[TokenFile]]]:
    """Counts tokens, sets the held-out slices apart, and works out the prior.

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
            tokens = token_files.count_tokens(file.path, file.size, seen.header, dtype)
            counted.append(TokenFile(file.path, file.size, file.etag, tokens, tokens, seen.header))
        slice_: HeldOut | None
        if seen.notes:
            slice_ = _merged(list(seen.notes.values()))
        else:
            total = sum(file.tokens for file in counted)
            counted, slice_ = manifest.hold_out_tail(counted, min(held_out_tokens, int(total * MOST_HELD_OUT)), width)
        if slice_ is not None and slice_.tokens:
            held_out[leaf] = slice_
        files[leaf] = counted
    counts = {leaf: sum(file.training for file in part) for leaf, part in files.items()}
    empty = [leaf for leaf, count in counts.items() if count == 0]
    if empty:
        raise UserError(f"The files of {', '.join(map(repr, empty))} hold no training tokens.")
    total = sum(counts.values())
    result = ScanResult(
        tokens=counts,
        prior={leaf: count / total for leaf, count in counts.items()},
        mixture=tree.mixture(counts),
        repetition_limits=tree.repetition_limits(),
        held_out=held_out,
        digest=manifest.digest(
            files, dtype, json.dumps({k: dataclasses.asdict(v) for k, v in sorted(held_out.items())})
        ),
        dtype=dtype,
        files=sum(map(len, files.values())),
        bytes=sum(file.size for part in files.values() for file in part),
    )
    return result, files


def listing_digest(found: Mapping[str, LeafFound]) -> str:
    """The digest of what was found, before any arithmetic."""
    return manifest.digest(
        {
            leaf: [TokenFile(file.path, file.size, file.etag, 0, 0, seen.header) for file in seen.files]
            for leaf, seen in found.items()
        },
        "",
        json.dumps(
            {
                leaf: {k: dataclasses.asdict(v) for k, v in sorted(seen.notes.items())}
                for leaf, seen in sorted(found.items())
            }
        ),
    )


def _look_at(leaf: Leaf, dtype: str, root: pathlib.Path | None) -> LeafFound:
    addresses = [path for path in leaf.paths if is_address(path)]
    if addresses:
        raise UserError(f"Leaf {leaf.name!r}: {addresses[0]!r} is in an object store, which this version cannot list.")
    files = list_leaf(leaf, root)
    headers = {
        token_files.header_bytes(file.path, token_files.read_start(_full(file.path, root)), dtype)
        for file in (files[0], files[-1])
    }
    if len(headers) > 1:
        raise UserError(
            f"Leaf {leaf.name!r} mixes raw token files and .npy files with a header ({files[0].path}, {files[-1].path}); "
            "make them two leaves."
        )
    folders = sorted({file.path.rpartition("/")[0] for file in files})
    notes = {folder: held for folder in folders if (held := _notes(folder, root)) is not None}
    return LeafFound(tuple(files), headers.pop(), notes)


def _notes(folder: str, root: pathlib.Path | None) -> HeldOut | None:
    path = pathlib.Path(_full(folder, root)) / LEAF_NOTES
    if not path.is_file():
        return None
    return read_notes(path.read_bytes(), folder)


def read_notes(text: bytes, folder: str) -> HeldOut:
    """The held-out slice that the notes of a folder describe."""
    notes = json.loads(text)["held_out"]
    where = f"{folder}/{HELD_OUT}" if folder else HELD_OUT
    ranges = (TokenRange(path=where, start=0, tokens=notes["tokens"]),)
    return HeldOut(tokens=notes["tokens"], bytes=notes["bytes"], documents=notes["documents"], ranges=ranges)


def _merged(parts: Sequence[HeldOut]) -> HeldOut:
    return HeldOut(
        tokens=sum(part.tokens for part in parts),
        bytes=sum(part.bytes or 0 for part in parts),
        documents=sum(part.documents or 0 for part in parts),
        ranges=tuple(range_ for part in parts for range_ in part.ranges),
    )


def _full(path: str, root: pathlib.Path | None) -> str:
    return path if root is None else str(root / path)
