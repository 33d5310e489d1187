"""The manifest: which files each leaf is made of, how many tokens they hold, and which of these are never trained on.

It is a Parquet file, because a leaf may have a hundred thousand shards. What other steps compute
with (tokens by leaf, the prior, the limits) is in the small `ScanResult` beside it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import pathlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from olmix.data.files import Files
from olmix.data.scan_result import HeldOut, ScanResult, TokenRange
from olmix.data.token_files import Part, TokenFile
from olmix.errors import UserError, nearest

__all__ = ["HeldOut", "LeafFiles", "Manifest", "ScanResult", "TokenRange", "digest", "hold_out_tail", "write"]


def digest(files: Mapping[str, Sequence[TokenFile]], dtype: str, *more: str) -> str:
    """The sha256 over every leaf's files (path, size, etag, split), whatever the order of the leaves."""
    whole = hashlib.sha256()
    for line in (dtype, *more):
        whole.update(f"{line}\n".encode())
    for leaf in sorted(files):
        whole.update(f"# {leaf}\n".encode())
        for file in files[leaf]:
            whole.update(f"{file.path}\t{file.size}\t{file.etag}\t{file.training}\n".encode())
    return whole.hexdigest()


def write(path: pathlib.Path, files: Mapping[str, Sequence[TokenFile]]) -> None:
    """Writes the manifest: one row a file, in the order in which a leaf is read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [(leaf, file) for leaf, found in files.items() for file in found]
    columns = {
        "leaf": pa.array([leaf for leaf, _ in rows], pa.string()).dictionary_encode(),
        "path": pa.array([file.path for _, file in rows], pa.string()),
        "size": pa.array([file.size for _, file in rows], pa.int64()),
        "etag": pa.array([file.etag for _, file in rows], pa.string()),
        "tokens": pa.array([file.tokens for _, file in rows], pa.int64()),
        "training": pa.array([file.training for _, file in rows], pa.int64()),
        "header": pa.array([file.header for _, file in rows], pa.int64()),
    }
    pq.write_table(pa.table(columns), path, compression="zstd")


class LeafFiles:
    """The files of one leaf as one row of training tokens; `starts[i]` is the place of file i's first token in it."""

    def __init__(
        self, paths: list[str], etags: list[str], training: npt.NDArray[np.int64], headers: npt.NDArray[np.int64]
    ) -> None:
        used = np.flatnonzero(training > 0)
        self.paths = [paths[i] for i in used]
        self.etags = [etags[i] for i in used]
        self.headers = headers[used]
        self.starts = np.concatenate([[0], np.cumsum(training[used])]).astype(np.int64)

    @property
    def tokens(self) -> int:
        """Training tokens in all."""
        return int(self.starts[-1])


class Manifest:
    """An opened manifest: the files by leaf, and where relative paths lead."""

    def __init__(self, leaves: dict[str, LeafFiles], scan: ScanResult, root: pathlib.Path | None) -> None:
        self.leaves = leaves
        self.scan = scan
        self.root = root

    @classmethod
    def read(cls, folder: pathlib.Path, scan: ScanResult, root: pathlib.Path | None = None) -> Manifest:
        """Reads the manifest of a scan's artifact; `root` is the corpus folder that relative paths are in."""
        import pyarrow.parquet as pq

        table = pq.read_table(folder / scan.manifest)
        names = table["leaf"].combine_chunks()
        codes = names.indices.to_numpy()
        # Rows are written leaf after leaf, so each leaf is one slice.
        edges = [0, *(np.flatnonzero(np.diff(codes)) + 1).tolist(), len(codes)]
        leaves = {}
        for start, stop in itertools.pairwise(edges):
            part = table.slice(start, stop - start)
            leaves[names[start].as_py()] = LeafFiles(
                part["path"].to_pylist(),
                part["etag"].to_pylist(),
                part["training"].to_numpy(),
                part["header"].to_numpy(),
            )
        return cls(leaves, scan, root)

    def held_out(self, leaf: str) -> npt.NDArray[np.unsignedinteger]:
        """The held-out tokens of a leaf.

        Raises:
          UserError: when the leaf is unknown or has none.
        """
        if leaf not in self.scan.held_out:
            raise UserError(f"Leaf {leaf!r} has no held-out tokens{nearest(leaf, self.scan.held_out)}.")
        files = self.open_files()
        ranges = self.scan.held_out[leaf].ranges
        out = np.empty(sum(part.tokens for part in ranges), dtype=files.dtype)
        parts: list[Part] = []
        place = 0
        for part in ranges:
            parts.append((part.path, "", part.start, out[place : place + part.tokens]))
            place += part.tokens
        files.read_many(parts)
        files.close()
        return out

    def open_files(self) -> Files:
        """A reader of the tokens; the caller closes it."""
        return Files(self.scan.dtype, self.root, self.scan.endpoint)


def hold_out_tail(files: Iterable[TokenFile], tokens: int, width: int) -> tuple[list[TokenFile], HeldOut | None]:
    """Keeps the last `tokens` tokens of a leaf out of training, for leaves that bring no held-out text of their own."""
    kept: list[TokenFile] = []
    ranges: list[TokenRange] = []
    for file in reversed(list(files)):
        out = min(tokens, file.training)
        tokens -= out
        kept.append(dataclasses.replace(file, training=file.training - out))
        if out:
            start = file.header + (file.training - out) * width
            ranges.append(TokenRange(path=file.path, start=start, tokens=out))
    kept.reverse()
    ranges.reverse()
    if not ranges:
        return kept, None
    total = sum(part.tokens for part in ranges)
    return kept, HeldOut(tokens=total, bytes=None, documents=None, ranges=tuple(ranges))
