"""Checkpoints that are whole or not there: written beside, digested, synced, renamed, and checked before they are believed.

A save copies the state and writes it in a thread, so that training goes on; at most one write is under way. Each
checkpoint is one file of tensors and, written after it, a small note with its size and digest: no note, or one that
does not match, and the checkpoint is skipped and named. Of a model that is sharded over N processes it is such a file with
what all have alike and one more from each process with its part (`parts.py`); it is whole once all of them are there, of the
same attempt. All of it may go to an object store as well, for another machine to go on from.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import pathlib
import re
import shutil
import threading
from collections.abc import Mapping
from typing import IO, Any, cast

import torch

from olmix.errors import UserError
from olmix.train import parts
from olmix.train.distributed import World
from olmix.train.parts import Rows
from olmix.train.shelves import Digested, Folder, Shelf, digest, elsewhere

log = logging.getLogger(__name__)

_NAME = re.compile(r"step-(\d{12})\.pt")
_ANY = re.compile(r"step-(\d{12})\..*")


def _copied(state: Any) -> Any:
    """A deep copy of a state with its tensors on the CPU, which training can no longer change."""
    if isinstance(state, torch.Tensor):
        return state.detach().to("cpu", copy=True)
    if isinstance(state, Rows):
        return dataclasses.replace(state, values=_copied(state.values))
    if isinstance(state, dict):
        return {key: _copied(value) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(_copied(value) for value in state)
    return state


@dataclasses.dataclass
class Checkpoints:
    """The checkpoints of one run in a folder of its own, and elsewhere as well if `store` is an address or a path.

    `keep` is how many of the newest stay; marked ones stay for as long as the run. Of the processes of a `world` whose model is
    sharded all must save; of any other the first one.
    """

    folder: pathlib.Path
    keep: int = 2
    store: str | None = None
    world: World = dataclasses.field(default_factory=World)
    _writer: threading.Thread | None = dataclasses.field(default=None, repr=False)
    _failure: BaseException | None = dataclasses.field(default=None, repr=False)

    def save(
        self, step: int, state: dict[str, Any], *, wait: bool = False, mark: str | None = None, again: bool = False
    ) -> None:
        """Saves `state` (tensors, `Rows`, numbers, lists, dicts) as that after `step` steps.

        `mark` names a checkpoint that stays (a period's end). `again`: the run went on from the checkpoint of this step, whose
        parts are what they were and stay. Raises what the previous write raised, a full disk for example: better late than never.
        """
        self.wait()
        copy = _copied(state)
        self._writer = threading.Thread(
            target=self._write, args=(step, copy, mark, again), name="checkpoint", daemon=False
        )
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

    def _write(self, step: int, state: dict[str, Any], mark: str | None, again: bool) -> None:
        try:
            common, mine = parts.split(state)
            world, said = self.world, {"parts": self.world.size, "attempt": self.world.attempt}
            if mine and again:
                note = self._finished(Folder(self.folder), step)
                if note is None or not note.get("parts") or not world.first:
                    return
                said = {name: note[name] for name in said}
            elif mine:
                self._put(_part(step, world.rank, world.size), mine, said)
            if world.first:
                self._put(_file(step), common, {"mark": mark, **(said if mine else {})})
                for shelf in self._shelves():
                    self._forget(shelf)
        except BaseException as error:  # Raised by the next `wait`: a thread's own would only be printed.
            self._failure = error

    def _put(self, name: str, state: Mapping[str, Any], about: Mapping[str, Any]) -> None:
        """One file and its note, in the folder and then elsewhere."""
        folder, *others = self._shelves()
        assert isinstance(folder, Folder)
        with folder.writing(name) as file:
            content = Digested(file)
            try:
                torch.save(state, cast(IO[bytes], content))
            except RuntimeError:
                if content.refused is None:
                    raise
                raise content.refused from None
        note = json.dumps({"bytes": content.size, "blake2b": content.digest, **about}).encode()
        folder.write(_note(name), note)
        for shelf in others:
            shelf.put(name, folder.path / name)
            shelf.write(_note(name), note)

    def _shelves(self) -> list[Shelf]:
        return [Folder(self.folder), *([elsewhere(self.store)] if self.store else [])]

    def _forget(self, shelf: Shelf) -> None:
        """Removes what is too old to stay, and what was never finished and is older still."""
        marks = {step: note.get("mark") for step in self._steps(shelf) if (note := self._finished(shelf, step))}
        unmarked = sorted(step for step, mark in marks.items() if mark is None)
        if not (kept := unmarked[-self.keep :]):
            return
        # The notes go first: a file without one is not believed.
        for name in sorted(shelf.names(), key=lambda name: not name.endswith(".json")):
            match = _ANY.fullmatch(name)
            if match and (step := int(match[1])) < kept[0] and marks.get(step) is None:
                shelf.delete(name)

    def tidy(self) -> None:
        """Removes what a killed attempt was writing. Nobody may be writing."""
        Folder(self.folder).tidy()

    def forget_remote(self) -> None:
        """Removes all of them from where else they lie, when the run is done. The folder is its owner's to remove."""
        if self.store:
            shelf = elsewhere(self.store)
            for name in sorted(shelf.names(), key=lambda name: not name.endswith(".json")):
                shelf.delete(name)
            if isinstance(shelf, Folder):
                shutil.rmtree(shelf.path, ignore_errors=True)

    def steps(self) -> list[int]:
        """The steps of all checkpoints in the folder that were finished, oldest first."""
        shelf = Folder(self.folder)
        return [step for step in self._steps(shelf) if self._finished(shelf, step)]

    @staticmethod
    def _steps(shelf: Shelf) -> list[int]:
        return sorted(int(match[1]) for name in shelf.names() if (match := _NAME.fullmatch(name)))

    @staticmethod
    def _read_note(shelf: Shelf, name: str) -> dict[str, Any] | None:
        try:
            note = json.loads(shelf.read(_note(name)))
        except (OSError, ValueError, UserError):
            return None
        return note if isinstance(note, dict) and {"bytes", "blake2b"} <= note.keys() else None

    def _finished(self, shelf: Shelf, step: int) -> dict[str, Any] | None:
        """The note of a checkpoint of which all parts are there with theirs; None of any other."""
        note = self._read_note(shelf, _file(step))
        if note is None or not (count := note.get("parts", 0)):
            return note
        there = set(shelf.names())
        for name in (_part(step, rank, count) for rank in range(count)):
            part = self._read_note(shelf, name) if name in there else None
            if part is None or part["attempt"] != note["attempt"]:
                return None
        return note

    def newest(self, at_most: int | None = None) -> tuple[int, dict[str, Any]] | None:
        """The newest whole checkpoint, of at most so many steps, as (step, state), or None. The log names broken ones.

        Of a sharded one each process of a world that is sharded gets, and checks, its own part.
        """
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
        note = self._finished(shelf, step)
        if note is None:
            log.warning("Skipped checkpoint %s/%s: it was not finished.", shelf, _file(step))
            return None
        try:
            common = self._load(shelf, _file(step))
            if not (count := note.get("parts", 0)):
                return common
            rank, size = (self.world.rank, self.world.size) if self.world.sharded else (0, 1)
            state: dict[str, Any] = parts.joined(
                common, count, lambda number: self._load(shelf, _part(step, number, count)), rank, size
            )
            return state
        except (_Broken, FileNotFoundError) as why:
            log.warning("Skipped checkpoint %s", why)
            return None

    def _load(self, shelf: Shelf, name: str) -> dict[str, Any]:
        """What is in a file, its tensors read when they are asked for. Raises _Broken."""
        note = self._read_note(shelf, name) or {}
        with shelf.local(name, self.folder) as path:
            if (size := path.stat().st_size) != note.get("bytes"):
                raise _Broken(f"{shelf}/{name}: it has {size} of {note.get('bytes')} bytes.")
            if digest(path) != note.get("blake2b"):
                raise _Broken(f"{shelf}/{name}: its content is damaged.")
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
            return state


class _Broken(Exception):
    """A file is not what its note says."""


def _file(step: int) -> str:
    return f"step-{step:012d}.pt"


def _part(step: int, rank: int, size: int) -> str:
    return f"step-{step:012d}.part-{rank:04d}-of-{size:04d}.pt"


def _note(name: str) -> str:
    return f"{name.removesuffix('.pt')}.json"
