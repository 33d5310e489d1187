"""Doing one step: wait for its lock, run it beside the store, publish the result.

The same function runs in the launcher's process and in a Ray worker. It never lets an exception out: what went wrong comes
back as an `Outcome`, so that a user's mistake looks the same wherever it was noticed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
import pathlib
import shutil
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any, Literal

from olmix.errors import UserError
from olmix.graph import identity, provenance, result
from olmix.graph.step import Context, Step
from olmix.graph.store import ABOUT, RESULT, Store, StoreError, disk_sentence, write_atomically

PROGRESS = "progress.json"
log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Job:
    """Everything that a process needs to do one step. `upstream` pairs each step it may read with its artifact's name."""

    store: pathlib.Path
    experiment: str
    label: str
    step: Step
    artifact: str
    about: dict[str, Any]
    notes: dict[str, str]
    upstream: Sequence[tuple[Step, str]]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a job ended. `found` means that another runner finished it while we waited for its lock."""

    status: Literal["ran", "found", "mistake", "disk", "failed"]
    seconds: float = 0.0
    message: str = ""
    trace: str = ""

    @property
    def ok(self) -> bool:
        """Whether the artifact is there now."""
        return self.status in ("ran", "found")


class StoreContext(Context):
    """A `Context` on a store: reads upstream artifacts, writes into a staging folder, reports progress to a file."""

    def __init__(self, job: Job, out: pathlib.Path) -> None:
        self.out = out
        self.experiment = job.experiment
        self.label = job.label
        self._store = Store(job.store)
        self.scratch = self._store.scratch(job.artifact)
        self._names = {id(step): name for step, name in job.upstream}
        self._fingerprints: dict[int, str] = {}
        self._upstream = job.upstream
        self._told = 0.0

    def read(self, step: Step) -> Any:
        """See `Context.read`."""
        return result.decode(step, (self.folder(step) / RESULT).read_bytes())

    def folder(self, step: Step) -> pathlib.Path:
        """See `Context.folder`."""
        name = self._names.get(id(step))
        if name is None:
            # A piece that `run` made anew: the same settings and upstream steps give the same artifact.
            name = identity.artifact_name(
                step, identity.fingerprint(step, self._fingerprint_of_upstream, step.observe())
            )
        folder = self._store.artifact(name)
        if not (folder / RESULT).is_file():
            raise LookupError(f"{self.label} reads {name}, which is not among its upstream steps or not there.")
        return folder

    def _fingerprint_of_upstream(self, step: Step) -> str | None:
        name = self._names.get(id(step))
        return self._store.about(name)["fingerprint"] if name is not None else None

    def progress(self, done: float, total: float, note: str = "") -> None:
        """See `Context.progress`; written at most twice a second."""
        now = time.monotonic()
        if now - self._told < 0.5 and done < total:
            return
        self._told = now
        text = json.dumps({"done": done, "total": total, "note": note, "pid": os.getpid()})
        with contextlib.suppress(
            OSError
        ):  # Losing a progress line to a full disk is no loss; the result's write will tell.
            write_atomically(self.scratch / PROGRESS, text, durable=False)


def perform(job: Job, *, told: Callable[[str], None] = log.info) -> Outcome:
    """Does the job unless its artifact is there, or waits while another runner does it."""
    store = Store(job.store)
    began = time.monotonic()
    waiting = False
    try:
        while True:
            lock = store.try_lock(job.artifact)
            if store.has(job.artifact):
                if lock is not None:
                    os.close(lock)
                return Outcome("found", time.monotonic() - began)
            if lock is not None:
                break
            if not waiting:
                told(f"{job.label}: another runner is working on it; waiting for its result")
                waiting = True
            time.sleep(0.2)
        try:
            return _run_locked(store, job)
        finally:
            os.close(lock)
    except UserError as error:
        return Outcome("mistake", time.monotonic() - began, str(error))
    except StoreError as error:
        return Outcome("disk", time.monotonic() - began, str(error), traceback.format_exc())
    except Exception as error:
        sentence = disk_sentence(job.store, error)
        if sentence is not None:
            return Outcome("disk", time.monotonic() - began, sentence, traceback.format_exc())
        return Outcome("failed", time.monotonic() - began, f"{type(error).__name__}: {error}", traceback.format_exc())


def _run_locked(store: Store, job: Job) -> Outcome:
    store.sweep(job.artifact)
    started, began = provenance.now(), time.monotonic()
    with store.staging(job.artifact) as out:
        context = StoreContext(job, out)
        context.scratch.mkdir(parents=True, exist_ok=True)
        # A mark for whoever watches: work has begun, in this process.
        write_atomically(
            context.scratch / PROGRESS,
            json.dumps({"done": 0, "total": 1, "note": "", "pid": os.getpid()}),
            durable=False,
        )
        encoded = result.encode(job.step, job.step.run(context))
        if (found := job.step.observe()) != job.about["observed"]:
            raise UserError(
                f"The data that {job.label} reads changed while it ran (digest {job.about['observed']} before, {found} now): "
                "its result is discarded; run the same command again."
            )
        seconds = time.monotonic() - began
        about = {
            **job.about,
            "started": started,
            "seconds": round(seconds, 3),
            "code": provenance.code_revision(),
            "environment": provenance.environment(),
        }
        notes = {**job.notes, ABOUT: json.dumps(about, indent=1, sort_keys=True) + "\n"}
        store.publish(out, job.artifact, encoded, notes)
    shutil.rmtree(context.scratch, ignore_errors=True)
    return Outcome("ran", seconds)
