"""Checkpoints that are whole or not there: written beside, digested, synced, renamed, and checked before they are believed.

A save copies the state and writes it in a thread, so that training goes on; at most one write is under way. Each
checkpoint is one file of tensors and, written after it, a small note with its size and digest: no note, or one that
does not match, and the checkpoint is skipped and named.
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
import threading
from typing import Any

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
    """The checkpoints of one run in a folder of its own. `keep` is how many of the newest stay; marked ones stay for good."""

    folder: pathlib.Path
    keep: int = 2
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
            self.folder.mkdir(parents=True, exist_ok=True)
            buffer = io.BytesIO()
            torch.save(state, buffer)
            data = buffer.getbuffer()
            path = self.folder / f"step-{step:012d}.pt"
            _durably(path, data)
            note = {
                "bytes": len(data),
                "blake2b": hashlib.blake2b(data, digest_size=16).hexdigest(),
                "mark": mark,
            }
            _durably(path.with_suffix(".json"), json.dumps(note).encode())
            self._forget()
        except (
            BaseException
        ) as error:  # Raised by the next `wait`: a thread's exception would otherwise only be printed.
            self._failure = error

    def _forget(self) -> None:
        for leftover in self.folder.glob(".*.tmp"):
            leftover.unlink(missing_ok=True)
        unmarked = [
            s for s in self.steps() if (note := self._note(self._path(s))) is not None and note.get("mark") is None
        ]
        for step in unmarked[: -self.keep]:
            # The note goes first: a checkpoint without one is not believed.
            self._path(step).with_suffix(".json").unlink(missing_ok=True)
            self._path(step).unlink(missing_ok=True)

    def _path(self, step: int) -> pathlib.Path:
        return self.folder / f"step-{step:012d}.pt"

    def steps(self) -> list[int]:
        """The steps of all checkpoints, whole or not, oldest first."""
        if not self.folder.is_dir():
            return []
        return sorted(int(match[1]) for path in self.folder.iterdir() if (match := _NAME.fullmatch(path.name)))

    @staticmethod
    def _note(path: pathlib.Path) -> dict[str, Any] | None:
        try:
            return dict(json.loads(path.with_suffix(".json").read_text()))
        except (OSError, ValueError):
            return None

    def newest(self) -> tuple[int, dict[str, Any]] | None:
        """The newest whole checkpoint as (step, state), or None. Broken ones are skipped and named in the log."""
        import torch

        for step in reversed(self.steps()):
            path = self._path(step)
            note = self._note(path)
            data = path.read_bytes()
            if note is None:
                log.warning("Skipped checkpoint %s: it was not finished.", path)
            elif len(data) != note["bytes"]:
                log.warning("Skipped checkpoint %s: it has %d of %d bytes.", path, len(data), note["bytes"])
            elif hashlib.blake2b(data, digest_size=16).hexdigest() != note["blake2b"]:
                log.warning("Skipped checkpoint %s: its content is damaged.", path)
            else:
                return step, torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        return None
