"""Checkpoints that are whole or not there: written beside, digested, synced, renamed, and checked before they are believed.

A save copies the state and writes it in a thread, so that training goes on; at most one write is under way. Each
checkpoint is one file of tensors and, written after it, a small note with its size and digest: no note, or one that
does not match, and the checkpoint is skipped and named. The same two files may go to an object store as well, for another
machine to go on from.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import logging
import os
import pathlib
import re
import shutil
import threading
from collections.abc import Callable
from typing import Any, Protocol

from olmix.data import object_stores
from olmix.errors import UserError

log = logging.getLogger(__name__)

_NAME = re.compile(r"step-(\d{12})\.pt")


def _durably(path: pathlib.Path, data: bytes | memoryview) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(beside, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class Shelf(Protocol):
    """Where named files lie; each is there whole or not at all."""

    def names(self) -> list[str]:
        """All of them."""

    def read(self, name: str) -> bytes:
        """The content of one."""

    def write(self, name: str, data: bytes | memoryview) -> None:
        """Puts one there, in place of an earlier one."""

    def delete(self, name: str) -> None:
        """Removes one, if it is there."""


@dataclasses.dataclass(frozen=True)
class Folder:
    """A folder on a disk; created when it is first written to."""

    path: pathlib.Path

    def __str__(self) -> str:
        return str(self.path)

    def names(self) -> list[str]:
        """All files, but those that a dead process was writing."""
        if not self.path.is_dir():
            return []
        return [path.name for path in self.path.iterdir() if not path.name.startswith(".")]

    def read(self, name: str) -> bytes:
        """The content of a file."""
        return (self.path / name).read_bytes()

    def write(self, name: str, data: bytes | memoryview) -> None:
        """Writes a file whole or not at all, and removes what dead processes left of others."""
        self.path.mkdir(parents=True, exist_ok=True)
        for leftover in self.path.glob(".*.tmp"):
            leftover.unlink(missing_ok=True)
        _durably(self.path / name, data)

    def delete(self, name: str) -> None:
        """Removes a file, if it is there."""
        (self.path / name).unlink(missing_ok=True)


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

    def write(self, name: str, data: bytes | memoryview) -> None:
        """Puts an object."""
        import obstore

        store, key = self._open()
        self._asked(lambda: obstore.put(store, f"{key}/{name}", bytes(data)))

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


def _copied(state: Any) -> Any:
    """A deep copy of a state with its tensors on the CPU, which training can no longer change."""
    import torch

    if isinstance(state, torch.Tensor):
        return state.detach().to("cpu", copy=True)
    if isinstance(state, dict):
        return {key: _copied(value) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(_copied(value) for value in state)
    return state


@dataclasses.dataclass
class Checkpoints:
    """The checkpoints of one run in a folder of its own, and elsewhere as well if `store` is an address or a path.

    `keep` is how many of the newest stay; marked ones stay for as long as the run.
    """

    folder: pathlib.Path
    keep: int = 2
    store: str | None = None
    _writer: threading.Thread | None = dataclasses.field(default=None, repr=False)
    _failure: BaseException | None = dataclasses.field(default=None, repr=False)

    def save(self, step: int, state: dict[str, Any], *, wait: bool = False, mark: str | None = None) -> None:
        """Saves `state` (tensors, numbers, lists, dicts) as that after `step` steps.

        `mark` names a checkpoint that stays (a period's end). Raises what the previous write raised, a full disk for
        example: better late than never.
        """
        self.wait()
        copy = _copied(state)
        self._writer = threading.Thread(target=self._write, args=(step, copy, mark), name="checkpoint", daemon=False)
        self._writer.start()
        if wait:
            self.wait()

    def close(self) -> None:
        """Waits for the write under way and keeps what it raised to itself: something else is being raised already."""
        if self._writer is not None:
            self._writer.join()
            self._writer = None

    def wait(self) -> None:
        """Waits for the write under way; raises what it raised."""
        self.close()
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def _write(self, step: int, state: dict[str, Any], mark: str | None) -> None:
        import torch

        try:
            buffer = io.BytesIO()
            torch.save(state, buffer)
            data = buffer.getbuffer()
            digest = hashlib.blake2b(data, digest_size=16).hexdigest()
            note = json.dumps({"bytes": len(data), "blake2b": digest, "mark": mark}).encode()
            for shelf in self._shelves():
                shelf.write(_file(step), data)
                shelf.write(_note(step), note)
                self._forget(shelf)
        except BaseException as error:  # Raised by the next `wait`: a thread's own would only be printed.
            self._failure = error

    def _shelves(self) -> list[Shelf]:
        return [Folder(self.folder), *([elsewhere(self.store)] if self.store else [])]

    def _forget(self, shelf: Shelf) -> None:
        steps = self._steps(shelf)
        # Only the oldest can go, and of those only what was not marked.
        unmarked = [s for s in steps if (note := self._read_note(shelf, s)) is not None and note.get("mark") is None]
        for step in unmarked[: -self.keep]:
            # The note goes first: a checkpoint without one is not believed.
            shelf.delete(_note(step))
            shelf.delete(_file(step))

    def forget_remote(self) -> None:
        """Removes all of them from where else they lie, when the run is done. The folder is its owner's to remove."""
        if self.store:
            shelf = elsewhere(self.store)
            for name in sorted(shelf.names(), key=lambda name: not name.endswith(".json")):
                shelf.delete(name)
            if isinstance(shelf, Folder):
                shutil.rmtree(shelf.path, ignore_errors=True)

    def steps(self) -> list[int]:
        """The steps of all checkpoints in the folder, whole or not, oldest first."""
        return self._steps(Folder(self.folder))

    @staticmethod
    def _steps(shelf: Shelf) -> list[int]:
        return sorted(int(match[1]) for name in shelf.names() if (match := _NAME.fullmatch(name)))

    @staticmethod
    def _read_note(shelf: Shelf, step: int) -> dict[str, Any] | None:
        try:
            note = json.loads(shelf.read(_note(step)))
        except (OSError, ValueError, UserError):
            return None
        return note if isinstance(note, dict) and {"bytes", "blake2b"} <= note.keys() else None

    def newest(self, at_most: int | None = None) -> tuple[int, dict[str, Any]] | None:
        """The newest whole checkpoint, of at most so many steps, as (step, state), or None. The log names broken ones."""
        # Of the same step the folder's comes first: it is nearer.
        found = [(step, -number, shelf) for number, shelf in enumerate(self._shelves()) for step in self._steps(shelf)]
        for step, _, shelf in sorted(found, key=lambda item: item[:2], reverse=True):
            state = self._read(shelf, step) if at_most is None or step <= at_most else None
            if state is not None:
                return step, state
        return None

    def at(self, step: int) -> dict[str, Any] | None:
        """The state after `step` steps; None if it is not there, or, which the log says, broken."""
        for shelf in self._shelves():
            if step in self._steps(shelf) and (state := self._read(shelf, step)) is not None:
                return state
        return None

    def _read(self, shelf: Shelf, step: int) -> dict[str, Any] | None:
        import torch

        name, note = f"{shelf}/{_file(step)}", self._read_note(shelf, step)
        data = shelf.read(_file(step))
        if note is None:
            log.warning("Skipped checkpoint %s: it was not finished.", name)
        elif len(data) != note["bytes"]:
            log.warning("Skipped checkpoint %s: it has %d of %d bytes.", name, len(data), note["bytes"])
        elif hashlib.blake2b(data, digest_size=16).hexdigest() != note["blake2b"]:
            log.warning("Skipped checkpoint %s: its content is damaged.", name)
        else:
            state: dict[str, Any] = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
            return state
        return None


def _file(step: int) -> str:
    return f"step-{step:012d}.pt"


def _note(step: int) -> str:
    return f"step-{step:012d}.json"
