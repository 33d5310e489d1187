"""Reads tokens from object stores: ranged requests side by side, each range kept in a local cache.

A range is what one sequence needs from one object. All proxies of a swarm with one seed draw a leaf in the same order, so on one
machine each range is fetched once for all of them. The cache is plain files under a folder that may be deleted at any time.
"""

from __future__ import annotations

import concurrent.futures
import hashlib
import os
import pathlib
import tempfile
from collections.abc import Sequence

import numpy as np

from olmix.data import object_stores
from olmix.data.token_files import Part
from olmix.errors import UserError


class RemoteFiles:
    """Fills arrays from objects. `cache` None fetches every time."""

    def __init__(self, dtype: str, endpoint: str | None, cache: pathlib.Path | None) -> None:
        self.dtype = np.dtype(dtype).newbyteorder("<")
        self._endpoint = endpoint
        self._cache = cache
        self._pool: concurrent.futures.ThreadPoolExecutor | None = None

    def read_many(self, parts: Sequence[Part]) -> None:
        """Fills all arrays.

        Raises:
          UserError: when an object is gone, has changed since it was scanned, or cannot be read.
        """
        missing = [part for part in parts if not self._from_cache(part)]
        if not missing:
            return
        if self._pool is None:
            self._pool = concurrent.futures.ThreadPoolExecutor(object_stores.PARALLEL)
        for _ in self._pool.map(self._fetch, missing):
            pass

    def close(self) -> None:
        """Ends the threads."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def _place(self, part: Part) -> pathlib.Path | None:
        if self._cache is None:
            return None
        path, etag, start, out = part
        name = hashlib.blake2b(
            f"{self._endpoint}\n{path}\n{etag}\n{start}\n{out.nbytes}".encode(), digest_size=16
        ).hexdigest()
        return self._cache / name[:2] / name[2:4] / name

    def _from_cache(self, part: Part) -> bool:
        place, out = self._place(part), part[3]
        if place is None:
            return False
        try:
            with open(place, "rb") as file:
                return file.readinto(out.data) == out.nbytes
        except FileNotFoundError:
            return False

    def _fetch(self, part: Part) -> None:
        path, etag, start, out = part
        data = object_stores.read(path, start, out.nbytes, self._endpoint, etag)
        if len(data) != out.nbytes:
            raise UserError(f"{path} is shorter than when the data was scanned; {object_stores.RESCAN}.")
        out[:] = np.frombuffer(data, dtype=self.dtype)
        place = self._place(part)
        if place is not None:
            place.parent.mkdir(parents=True, exist_ok=True)
            handle, beside = tempfile.mkstemp(dir=place.parent)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.replace(beside, place)
