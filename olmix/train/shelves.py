"""Where checkpoints lie: a folder, or an object store; a file is there whole or not at all.

Large files are written and read as streams: a checkpoint is never in the memory a second time.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import os
import pathlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, BinaryIO, Protocol

from olmix.data import object_stores
from olmix.errors import UserError
from olmix.graph.store import flush_folder

#: Bytes of one read where a file is copied or digested.
PIECE = 1 << 22


class Shelf(Protocol):
    """Where named files lie; each is there whole or not at all."""

    def names(self) -> list[str]:
        """All of them."""

    def read(self, name: str) -> bytes:
        """The content of a small one."""

    def write(self, name: str, data: bytes) -> None:
        """Puts a small one there, in place of an earlier one."""

    def put(self, name: str, source: pathlib.Path) -> None:
        """Puts a copy of a file there, in place of an earlier one."""

    def local(self, name: str, scratch: pathlib.Path) -> AbstractContextManager[pathlib.Path]:
        """One of them as a file to be read in the block; one that has to be fetched goes to `scratch` for as long."""

    def delete(self, name: str) -> None:
        """Removes one, if it is there."""


class Digested(io.RawIOBase):
    """A file to write to that knows what was written: `size` in bytes and `digest`."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._digest, self.size = file, _blake2b(), 0
        #: What the disk refused; torch says only that the file is not as long as it should be.
        self.refused: OSError | None = None

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, data: Any) -> int:
        """Writes all of `data`."""
        try:
            self._file.write(data)
        except OSError as error:
            self.refused = error
            raise
        self._digest.update(data)
        count = memoryview(data).nbytes
        self.size += count
        return count

    @property
    def digest(self) -> str:
        """Of all that was written."""
        return self._digest.hexdigest()


def _blake2b() -> Any:
    return hashlib.blake2b(digest_size=16)


def digest(path: pathlib.Path) -> str:
    """The digest of a file's content."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, _blake2b).hexdigest()


@dataclasses.dataclass(frozen=True)
class Folder:
    """A folder on a disk; created when it is first written to."""

    path: pathlib.Path

    def __str__(self) -> str:
        return str(self.path)

    def names(self) -> list[str]:
        """All files, but those that are being written, or were by a dead process."""
        if not self.path.is_dir():
            return []
        return [path.name for path in self.path.iterdir() if not path.name.startswith(".")]

    def read(self, name: str) -> bytes:
        """The content of a file."""
        return (self.path / name).read_bytes()

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """A file to write to that is there, and on the disk, when the block has ended well."""
        self.path.mkdir(parents=True, exist_ok=True)
        beside = self.path / f".{name}.{os.getpid()}.tmp"
        try:
            with open(beside, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, self.path / name)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        flush_folder(self.path)

    def write(self, name: str, data: bytes) -> None:
        """Writes a file."""
        with self.writing(name) as file:
            file.write(data)

    def put(self, name: str, source: pathlib.Path) -> None:
        """Copies a file here."""
        with open(source, "rb") as whole, self.writing(name) as file:
            while data := whole.read(PIECE):
                file.write(data)

    @contextlib.contextmanager
    def local(self, name: str, scratch: pathlib.Path) -> Iterator[pathlib.Path]:
        """The file where it lies."""
        yield self.path / name

    def delete(self, name: str) -> None:
        """Removes a file, if it is there."""
        (self.path / name).unlink(missing_ok=True)

    def tidy(self) -> None:
        """Removes what dead processes were writing. Nobody may be writing."""
        if self.path.is_dir():
            for leftover in self.path.glob(".*.tmp"):
                leftover.unlink(missing_ok=True)


@dataclasses.dataclass(frozen=True)
class Objects:
    """Everything below an address such as `s3://bucket/folder` in an object store, which puts objects whole or not at all."""

    address: str

    def __str__(self) -> str:
        return self.address

    def _open(self) -> tuple[Any, str]:
        bucket, key = object_stores.split(self.address)
        return object_stores.store(bucket, None), key.strip("/")

    def names(self) -> list[str]:
        """All objects directly below the address."""
        import obstore

        store, key = self._open()
        listed = self._asked(lambda: obstore.list(store, f"{key}/").collect())
        return [entry["path"].removeprefix(f"{key}/") for entry in listed]

    def read(self, name: str) -> bytes:
        """The content of an object."""
        import obstore

        store, key = self._open()
        return bytes(self._asked(lambda: obstore.get(store, f"{key}/{name}").bytes()))

    def write(self, name: str, data: bytes) -> None:
        """Puts an object."""
        import obstore

        store, key = self._open()
        self._asked(lambda: obstore.put(store, f"{key}/{name}", data))

    def put(self, name: str, source: pathlib.Path) -> None:
        """Puts a file, in several pieces if it is large."""
        import obstore

        store, key = self._open()
        self._asked(lambda: obstore.put(store, f"{key}/{name}", source))

    @contextlib.contextmanager
    def local(self, name: str, scratch: pathlib.Path) -> Iterator[pathlib.Path]:
        """An object, fetched for as long as the block lasts."""
        scratch.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=scratch, prefix=".", suffix=".tmp") as file:
            self._asked(lambda: self._fetch(name, file))
            file.flush()
            yield pathlib.Path(file.name)

    def _fetch(self, name: str, file: Any) -> None:
        import obstore

        store, key = self._open()
        for piece in obstore.get(store, f"{key}/{name}").stream(min_chunk_size=PIECE):
            file.write(piece)

    def delete(self, name: str) -> None:
        """Removes an object, if it is there."""
        import obstore

        store, key = self._open()
        self._asked(lambda: obstore.delete(store, f"{key}/{name}"))

    def _asked(self, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except Exception as error:
            raise UserError(f"Checkpoints in {self.address}: {object_stores.cause(error)}.") from error


def elsewhere(store: str) -> Shelf:
    """The shelf at an address, or at a path: of a disk that outlives this machine's."""
    return Objects(store) if "://" in store else Folder(pathlib.Path(store))
