"""Doing one step, or several together: wait for its lock, run it beside the store, publish the result.

The same function runs in the launcher's process and in a Ray worker. It never lets an exception out: what went wrong comes
back as an `Outcome`, so that a user's mistake looks the same wherever it was noticed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import logging
import os
import pathlib
import shutil
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

from olmix.errors import UserError
from olmix.graph import identity, provenance, result, worker_log
from olmix.graph.seldom import Seldom
from olmix.graph.step import Context, Step, WorkerLost
from olmix.graph.store import ABOUT, RESULT, Store, StoreError, disk_sentence, write_atomically

PROGRESS = "progress.json"
#: In the scratch folder of several steps: the artifacts of which it is.
MEMBERS = "members.json"
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
    """How a job ended. `found`: another runner finished it while we waited for its lock. `lost`: start it again."""

    status: Literal["ran", "found", "mistake", "disk", "failed", "lost"]
    seconds: float = 0.0
    message: str = ""
    trace: str = ""
    #: What was logged in a process of its own; of jobs that were done together the first one has it.
    said: tuple[worker_log.Line, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the artifact is there now."""
        return self.status in ("ran", "found")


class StoreContext(Context):
    """A `Context` on a store: reads upstream artifacts, writes into a staging folder, reports progress to a file."""

    def __init__(
        self,
        job: Job,
        out: pathlib.Path,
        scratch: pathlib.Path | None = None,
        progress: pathlib.Path | None = None,
    ) -> None:
        self.out = out
        self.experiment = job.experiment
        self.label = job.label
        self._store = Store(job.store)
        self.scratch = scratch or self._store.scratch(job.artifact)
        self._progress = progress or self.scratch
        self._names = {id(step): name for step, name in job.upstream}
        self._fingerprints: dict[int, str] = {}
        self._upstream = job.upstream
        self._seldom = Seldom(0.5)

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
        """See `Context.progress`; written at most twice a second, but for what must not be missed."""
        if not self._seldom.due(done, total, note):
            return
        text = json.dumps({"done": done, "total": total, "note": note, "pid": os.getpid()})
        with contextlib.suppress(
            OSError
        ):  # Losing a progress line to a full disk is no loss; the result's write will tell.
            write_atomically(self._progress / PROGRESS, text, durable=False)


def together_name(artifacts: Sequence[str]) -> str:
    """The name of the scratch folder of steps that are done together: for one step, its artifact's."""
    if len(artifacts) == 1:
        return artifacts[0]
    digest = hashlib.sha256("\n".join(artifacts).encode()).hexdigest()[: identity.SHORT]
    return f"{artifacts[0].rpartition('-')[0]}-{len(artifacts)}-together-{digest}"


def perform(jobs: Sequence[Job], *, told: Callable[[str], None] = log.info) -> list[Outcome]:
    """Does the jobs whose artifacts are not there, in one go if there are several; waits while another runner does one.

    An outcome for each; seconds are shared evenly among those that were done together.
    """
    store = Store(jobs[0].store)
    began = time.monotonic()
    each = {job.artifact: job for job in jobs}
    with contextlib.ExitStack() as locks:
        try:
            # All runners take locks in the same order, so that none waits for one that waits for it.
            missing = {name for name in sorted(each) if _locked(store, each[name], locks, told) is not None}
            mine = [job for name, job in each.items() if name in missing]
            seconds = _run_locked(store, mine, [job.artifact for job in jobs]) if mine else 0.0
        except Exception as error:
            failure = _failed(error, jobs[0].store, (time.monotonic() - began) / len(jobs))
            return [Outcome("found") if store.has(job.artifact) else failure for job in jobs]
    waited = time.monotonic() - began
    ran = Outcome("ran", seconds / max(1, len(mine)))
    return [ran if job.artifact in missing else Outcome("found", waited) for job in jobs]


def perform_apart(jobs: Sequence[Job]) -> list[Outcome]:
    """As `perform`, in a process whose log nobody reads: what is logged comes back with the outcome."""
    with worker_log.kept(Store(jobs[0].store).scratch(together_name([job.artifact for job in jobs]))) as said:
        first, *others = perform(jobs)
    return [dataclasses.replace(first, said=tuple(said)), *others]


def _failed(error: Exception, store: pathlib.Path, seconds: float) -> Outcome:
    if isinstance(error, UserError):
        return Outcome("mistake", seconds, str(error))
    if isinstance(error, WorkerLost):
        return Outcome("lost", seconds, str(error), traceback.format_exc())
    if isinstance(error, StoreError):
        return Outcome("disk", seconds, str(error), traceback.format_exc())
    sentence = disk_sentence(store, error)
    if sentence is not None:
        return Outcome("disk", seconds, sentence, traceback.format_exc())
    return Outcome("failed", seconds, f"{type(error).__name__}: {error}", traceback.format_exc())


def _locked(store: Store, job: Job, locks: contextlib.ExitStack, told: Callable[[str], None]) -> int | None:
    """The artifact's lock, held until `locks` closes; None once the artifact is there."""
    waiting = False
    while True:
        lock = store.try_lock(job.artifact)
        if store.has(job.artifact):
            if lock is not None:
                os.close(lock)
            return None
        if lock is not None:
            locks.callback(os.close, lock)
            return lock
        if not waiting:
            told(f"{job.label}: another runner is working on it; waiting for its result")
            waiting = True
        time.sleep(0.2)


def _run_locked(store: Store, jobs: Sequence[Job], watched: Sequence[str]) -> float:
    """Runs the jobs, publishes their results, returns the seconds; progress is told in the scratch folder of `watched`."""
    started, began = provenance.now(), time.monotonic()
    # Those that are left of a group have a scratch folder of their own: checkpoints are of exactly these steps.
    scratch, progress = _scratch(store, [job.artifact for job in jobs]), _scratch(store, watched)
    with contextlib.ExitStack() as staging:
        contexts = []
        for number, job in enumerate(jobs):
            store.sweep(job.artifact)
            out = staging.enter_context(store.staging(job.artifact))
            own = scratch if len(jobs) == 1 else scratch / f"{number:03d}"
            own.mkdir(parents=True, exist_ok=True)
            contexts.append(StoreContext(job, out, own, progress))
        # A mark for whoever watches: work has begun, in this process.
        write_atomically(
            progress / PROGRESS,
            json.dumps({"done": 0, "total": 1, "note": "", "pid": os.getpid()}),
            durable=False,
        )
        steps = [job.step for job in jobs]
        results = (
            [steps[0].run(contexts[0])] if len(jobs) == 1 else type(steps[0]).run_together(steps, contexts, scratch)
        )
        encoded = [result.encode(job.step, value) for job, value in zip(jobs, results, strict=True)]
        seconds = time.monotonic() - began
        for job, context, value in zip(jobs, contexts, encoded, strict=True):
            _seal(store, job, context.out, value, started, seconds / len(jobs), len(jobs))
        # All are whole before the first one is seen: a crash between two renames is all that could part them.
        for job, context in zip(jobs, contexts, strict=True):
            store.reveal(context.out, job.artifact)
    for folder in {scratch, progress, *(store.scratch(job.artifact) for job in jobs), *_abandoned(store, jobs)}:
        shutil.rmtree(folder, ignore_errors=True)
    return seconds


def _scratch(store: Store, artifacts: Sequence[str]) -> pathlib.Path:
    """The scratch folder of steps that are done together, which is there now."""
    folder = store.scratch(together_name(artifacts))
    folder.mkdir(parents=True, exist_ok=True)
    if len(artifacts) > 1:
        write_atomically(folder / MEMBERS, json.dumps(list(artifacts)), durable=False)
    return folder


def _abandoned(store: Store, finished: Sequence[Job]) -> Iterator[pathlib.Path]:
    """The scratch folders of earlier groups that nobody can go on with, because one of theirs is finished in another way.

    Call it while holding the locks of `finished`: whoever works in such a folder would hold one of them.
    """
    names = {job.artifact for job in finished}
    for path in (store.root / "scratch").glob(f"*-together-*/{MEMBERS}"):
        with contextlib.suppress(OSError, ValueError):
            if not names.isdisjoint(json.loads(path.read_text())):
                yield path.parent


def _seal(
    store: Store, job: Job, out: pathlib.Path, encoded: bytes, started: str, seconds: float, together: int
) -> None:
    """Writes beside a result what is known of it."""
    if (found := job.step.observe()) != job.about["observed"]:
        raise UserError(
            f"The data that {job.label} reads changed while it ran (digest {job.about['observed']} before, {found} now): "
            "its result is discarded; run the same command again."
        )
    about = {
        **job.about,
        "started": started,
        "seconds": round(seconds, 3),
        **({"together": together} if together > 1 else {}),
        "code": provenance.code_revision(),
        "environment": provenance.environment(),
    }
    store.seal(out, encoded, {**job.notes, ABOUT: json.dumps(about, indent=1, sort_keys=True) + "\n"})
