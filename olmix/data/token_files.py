"""Token files: raw little-endian arrays (what dolma calls `.npy`) or true `.npy`, told apart by their first bytes.

Reads are positioned reads into the caller's array, not memory maps: both copy once out of the page cache, but a map keeps a file
handle for as long as it lives, and ten thousand shards are more handles than a process may have.
"""

from __future__ import annotations

import ast
import collections
import dataclasses
import os
import pathlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from olmix.errors import UserError

DTYPES = ("uint8", "uint16", "uint32")
MAGIC = b"\x93NUMPY"
#: Enough for the header of any one-dimensional `.npy`.
HEADER_BYTES = 256
#: Open files kept at a time; the usual limit of a process is 1,024.
OPEN_FILES = 512


#: A part of a file: path or address, etag at the scan, first byte, and the array to fill.
Part = tuple[str, str, int, npt.NDArray[np.unsignedinteger]]


@dataclasses.dataclass(frozen=True)
class TokenFile:
    """A shard: `tokens` in all, of which the first `training` are for training, after `header` bytes. Held-out ones follow."""

    path: str
    size: int
    etag: str
    tokens: int
    training: int
    header: int


def item_size(dtype: str) -> int:
    """Bytes of a token.

    Raises:
      UserError: when `dtype` is none of the three that tokens have.
    """
    if dtype not in DTYPES:
        raise UserError(f"Tokens are {', '.join(DTYPES)}; got dtype={dtype!r}.")
    return np.dtype(dtype).itemsize


def header_bytes(path: str, start: bytes, dtype: str) -> int:
    """Bytes before the first token of a file that begins with `start`: 0 for a raw array.

    Raises:
      UserError: when a true `.npy` holds something else than a one-dimensional little-endian array of `dtype`.
    """
    if not start.startswith(MAGIC):
        return 0
    width = 2 if start[6] == 1 else 4
    length = int.from_bytes(start[8 : 8 + width], "little")
    header = start[8 + width : 8 + width + length]
    if len(header) < length:
        raise UserError(f"{path}: the header of this .npy file is damaged or longer than {HEADER_BYTES} bytes.")
    about = ast.literal_eval(header.decode("latin1"))
    kind = np.dtype(about["descr"])
    if kind != np.dtype(dtype).newbyteorder("<") or len(about["shape"]) != 1:
        raise UserError(
            f"{path}: this .npy file holds {kind} of shape {about['shape']}, where the scan expects a row of {dtype}."
        )
    return 8 + width + length


def count_tokens(leaf: str, path: str, size: int, header: int, dtype: str) -> int:
    """Tokens in a file of `size` bytes.

    Raises:
      UserError: when the size is no whole number of tokens, as after a broken transfer.
    """
    tokens, rest = divmod(size - header, item_size(dtype))
    if rest or tokens < 0:
        raise UserError(
            f"Leaf {leaf!r}: {path} has {size:,} bytes, which are not a whole number of {dtype} tokens "
            f"({item_size(dtype)} bytes each); the file is truncated or has another dtype."
        )
    return tokens


class LocalFiles:
    """Reads tokens from local files; keeps a limited number of them open. Not for sharing between threads.

    Absolute paths are checked against the etag of the scan when they are opened. Files of an artifact (relative to `root`) are
    not: the artifact never changes, and copying a store changes the times of its files.
    """

    def __init__(self, dtype: str, root: pathlib.Path | None = None) -> None:
        self.dtype = np.dtype(dtype).newbyteorder("<")
        self.root = root
        self._open: collections.OrderedDict[str, int] = collections.OrderedDict()

    def read_many(self, parts: Sequence[Part]) -> None:
        """Fills all arrays.

        Raises:
          UserError: when a file is gone, has changed since it was scanned, or is shorter than the manifest says.
        """
        for path, etag, start, out in parts:
            handle = self._open.get(path)
            if handle is None:
                handle = self._opened(path, etag)
            wanted = out.nbytes
            got = os.preadv(handle, [out.data], start)
            while 0 < got < wanted:
                more = os.preadv(handle, [out.data.cast("B")[got:]], start + got)
                got = got + more if more else 0
            if got != wanted:
                raise UserError(f"{path} has become shorter since it was scanned; run the scan again.")

    def close(self) -> None:
        """Closes all files."""
        while self._open:
            os.close(self._open.popitem()[1])

    def __del__(self) -> None:
        self.close()

    def _opened(self, path: str, etag: str) -> int:
        full = path if self.root is None else os.path.join(self.root, path)
        try:
            handle = os.open(full, os.O_RDONLY)
        except FileNotFoundError:
            raise UserError(f"{full} was there when the data was scanned and is gone; run the scan again.") from None
        if os.path.isabs(path) and etag and local_etag(os.fstat(handle)) != etag:
            os.close(handle)
            raise UserError(f"{full} has changed since the data was scanned; run the scan again.")
        self._open[path] = handle
        if len(self._open) > OPEN_FILES:
            os.close(self._open.popitem(last=False)[1])
        return handle


def local_etag(status: os.stat_result) -> str:
    """What stands for an etag of a local file: its time of change and its size."""
    return f"{status.st_mtime_ns:x}-{status.st_size:x}"
