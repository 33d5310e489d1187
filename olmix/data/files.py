"""One reader of tokens for wherever they are: local files, or an object store through the local cache."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from olmix import cache
from olmix.data.listing import is_address
from olmix.data.token_files import LocalFiles, Part

if TYPE_CHECKING:
    from olmix.data.remote_files import RemoteFiles


class Files:
    """Reads tokens by path or address; `root` is where relative paths lead, `endpoint` the server of the object store."""

    def __init__(self, dtype: str, root: pathlib.Path | None, endpoint: str | None) -> None:
        self.local = LocalFiles(dtype, root)
        self.dtype = self.local.dtype
        self._name = dtype
        self._endpoint = endpoint
        self._remote: RemoteFiles | None = None

    def read_many(self, parts: Sequence[Part]) -> None:
        """Fills all arrays; see `LocalFiles` and `RemoteFiles` for what can go wrong."""
        remote = [part for part in parts if is_address(part[0])]
        if len(remote) < len(parts):
            self.local.read_many([part for part in parts if not is_address(part[0])] if remote else parts)
        if remote:
            if self._remote is None:
                from olmix.data.remote_files import RemoteFiles

                self._remote = RemoteFiles(self._name, self._endpoint, cache.folder("tokens"))
            self._remote.read_many(remote)

    def close(self) -> None:
        """Closes files and connections."""
        self.local.close()
        if self._remote is not None:
            self._remote.close()
