"""Starting the processes of a run through Ray Train, and coordinating them: progress, an early end, failures.

The step's own task starts a group of workers, which hold what the step needs (one node if any has room for all of them,
else several), waits, and ends as they end. One worker that fails or dies ends all; starting again is the engine's
business, for any step alike, and the next attempt goes on from the newest whole checkpoint. A run of one process never
comes here. Several nodes need the store on a file system that all of them share.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import pathlib
import queue
import secrets
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from olmix.errors import UserError
from olmix.graph import gangs
from olmix.graph.ray_engine import RayEngine, RaySettings
from olmix.graph.resources import Needs
from olmix.graph.step import WorkerLost
from olmix.train.channel import GONE, Desk, Line
from olmix.train.distributed import LEAVE, World

#: Seconds that the processes have to end once one of them has failed, before they are ended by force.
PATIENCE = 60.0
#: Seconds that they have to begin once they have been given their places: imports from a cold file system, joining.
BEGIN = 30 * 60.0
#: Seconds between two looks at what they wait for.
LOOK = 5.0
#: Seconds that one waits for another in an exchange where nobody knows how long a run may be silent, and at most: clocks of
#: gloo and NCCL count nanoseconds, and run over.
WAIT, LONGEST = 6 * 3600.0, 30 * 24 * 3600.0
#: How gloo says that another process of the run is gone, which means nothing about this one; all else has types of its own.
_CUT_OFF = ("gloo/transport", "Connection closed by peer", "Connection reset by peer")
#: What NCCL says where no other attempt would do better: two processes on one GPU, an interface that is not there.
_REFUSED = ("ncclInvalidUsage", "ncclInvalidArgument", "no socket interface found", "No interface found")
#: Outcomes after which the others do what they have to do (the first one may write for minutes) and nobody hurries them.
_AS_ASKED = ("result", "interrupted")
log = logging.getLogger(__name__)


class WorkerFailed(Exception):
    """A process of a distributed run failed; the message holds its traceback."""


@dataclasses.dataclass
class _Heard:
    """What the coordinator knows about its processes; outcomes are (kind, what), by rank."""

    size: int
    controller: Any = None
    there: dict[int, str] = dataclasses.field(default_factory=dict)
    #: In the order in which they went.
    gone: list[int] = dataclasses.field(default_factory=list)
    #: The kind of the first trouble: what comes after it may be its consequence.
    first: str = ""
    outcomes: dict[int, tuple[str, Any]] = dataclasses.field(default_factory=dict)
    #: Log lines, and who was the first to say each: the others need not say it too.
    said: dict[tuple[str, int, str], int] = dataclasses.field(default_factory=dict)

    def note(self, who: int | str, kind: str, content: Any, progress: Callable[..., None]) -> None:
        """Takes in one message."""
        if kind == "controller":
            from ray import cloudpickle

            self.controller = cloudpickle.loads(content)
        elif not isinstance(who, int):
            return
        elif kind == "hello":
            self.there[who] = content
        elif kind == GONE:
            self.gone.append(who)
            if who not in self.outcomes:
                self.first = self.first or GONE
        elif kind == "progress":
            progress(*content)
        elif kind == "log":
            name, level, message = content
            if self.said.setdefault((name, level, message), who) == who:
                whose = f"process {who}: " if who else ""
                logging.getLogger(name).log(level, "%s%s", whose, message)
        else:
            self.outcomes[who] = (kind, content)
            if kind not in _AS_ASKED:
                self.first = self.first or kind


def launch(
    size: int,
    device: str,
    sharded: bool,
    work: Callable[..., Any],
    arguments: tuple[Any, ...],
    scratch: pathlib.Path,
    stop: threading.Event,
    progress: Callable[..., None],
    needs: Needs | None = None,
    patience: float | None = None,
) -> Any:
    """Runs `work(world, progress, *arguments)` in `size` processes and returns what the first one returned.

    All of it must pickle. Together they hold `needs` (None: one CPU). `progress` is told in this process what the first
    one tells it. `stop`, once set, reaches each of them within a step. Without a Ray that this process belongs to, one is
    started for as long as it takes. `patience` is how many minutes the work may be silent before somebody ends it: they wait
    longer than that for each other, for one may write for as long as it takes while the others wait.

    Raises:
      UserError: if one of them raised it, or if their nodes do not share the file system of `scratch`.
      Interrupted: if they were told to stop, after saving.
      WorkerLost: if one of them died, lost touch with another, or did not begin in time.
      WorkerFailed: with the traceback, for anything else.
    """
    scratch, needs = scratch.absolute(), needs or Needs()
    seen = scratch / f".shared-{secrets.token_hex(8)}"
    with _ray(size, needs), contextlib.ExitStack() as stack:
        import ray

        from olmix.train import ray_backend

        desk = Desk(ray.util.get_node_ip_address())
        stack.callback(desk.close)
        seen.touch()
        stack.callback(seen.unlink, missing_ok=True)
        told = {"address": desk.address, "sharded": sharded, "work": work, "arguments": arguments, "seen": str(seen)}
        told["attempt"] = secrets.token_hex(8)
        wait = WAIT if patience is None else min(2 * 60 * patience, LONGEST)
        trainer = ray_backend.trainer(_process, told, size, device == "cuda", needs, scratch, wait)
        ended: list[BaseException] = []
        fit = threading.Thread(target=_fit, args=(trainer, ended), name="ray-train", daemon=True)
        heard = _Heard(size)
        fit.start()
        try:
            _attend(desk, heard, fit, stop, progress)
        finally:
            if fit.is_alive():
                _end(desk, heard, fit)
        _drain(desk, heard, progress)
        return _answer(heard, stop.is_set(), ended[0] if ended else None)


def _attend(
    desk: Desk, heard: _Heard, fit: threading.Thread, stop: threading.Event, progress: Callable[..., None]
) -> None:
    """Until all have ended: passes messages on. Returns early where waiting longer makes no sense."""
    told, until, start = False, None, _Start(heard, progress)
    while fit.is_alive():
        with contextlib.suppress(queue.Empty):
            heard.note(*desk.messages.get(timeout=0.1), progress)
        now = time.monotonic()
        if stop.is_set() and not told:
            told = True
            if not heard.there:
                return
            desk.tell("leave")
        if heard.first:  # The others will end soon, or never.
            until = until or now + PATIENCE
            if now > until:
                return
        if len(heard.there) < heard.size:
            start.look(now)


class _Start:
    """The start of the processes. They may wait for room for ever, and say so; once there is room they must begin in time."""

    def __init__(self, heard: _Heard, progress: Callable[..., None]) -> None:
        self._heard, self._progress = heard, progress
        self._since, self._looked, self._starting = time.monotonic(), 0.0, False

    def look(self, now: float) -> None:
        """Looks, now and then, what they wait for. Raises WorkerLost if some have not begun for too long."""
        if now < self._looked + LOOK:
            return
        heard, first, self._looked = self._heard, not self._looked, now
        if first or (heard.controller is not None and gangs.waits(heard.controller._actor_id.binary())):
            self._since = now
            self._progress(0, 1, f"waiting for {heard.size} processes")
        elif heard.controller is not None and not self._starting:
            self._starting = True
            self._progress(0, 1, f"starting {heard.size} processes")  # Once: who watches must not take a hang for work.
        if now > self._since + BEGIN:
            missing = [str(rank) for rank in range(heard.size) if rank not in heard.there]
            raise WorkerLost(
                f"processes {', '.join(missing)} of {heard.size} did not begin within {BEGIN / 60:.3g} minutes of having room"
                + (f"; the others are on {', '.join(sorted(set(heard.there.values())))}" if heard.there else "")
            )


def _drain(desk: Desk, heard: _Heard, progress: Callable[..., None]) -> None:
    """Takes in what was said before the end and is still under way."""
    until = time.monotonic() + 2
    while time.monotonic() < until:
        with contextlib.suppress(queue.Empty):
            heard.note(*desk.messages.get(timeout=0.05), progress)
            continue
        if set(heard.there) <= set(heard.gone):
            return


def _end(desk: Desk, heard: _Heard, fit: threading.Thread) -> None:
    """Ends Ray Train's controller, and so all that it started, by force, and frees what they held."""
    import ray

    until = time.monotonic() + 15
    while heard.controller is None and fit.is_alive():  # It is being started.
        if time.monotonic() > until:
            log.error("Ray Train's controller did not show up within 15 seconds; it ends when it asks for us.")
            return
        with contextlib.suppress(queue.Empty):
            heard.note(*desk.messages.get(timeout=0.1), lambda *_: None)
    ray.kill(heard.controller)
    fit.join(10)
    for _ in range(20):  # Until Ray itself has noticed.
        if gangs.free_orphans():
            return
        time.sleep(0.1)


def _fit(trainer: Any, ended: list[BaseException]) -> None:
    try:
        trainer.fit()
    except BaseException as error:
        ended.append(error)


@contextlib.contextmanager
def _ray(size: int, needs: Needs) -> Iterator[None]:
    """The Ray that this process belongs to, or else an instance of its own for the block."""
    import ray

    if ray.is_initialized():
        yield
        return
    engine = RayEngine(RaySettings(cpus=max(size, os.cpu_count() or 1)))
    engine.start()
    try:
        engine.check("the run", needs, size)
        yield
    finally:
        engine.stop()


def _process(told: dict[str, Any]) -> None:
    """The life of one process, in a thread of one of Ray Train's workers."""
    import ray.train

    from olmix.train.run import Interrupted

    context = ray.train.get_context()
    world = World(context.get_world_rank(), context.get_world_size(), told["sharded"], told["attempt"])
    line = Line(told["address"], world.rank, lambda word: LEAVE.set())
    host = f"{socket.gethostname()} ({ray.util.get_node_ip_address()})"
    line.send("hello", host)
    try:
        with line.logging(logging.INFO if world.first else logging.WARNING):
            _check_shared(pathlib.Path(told["seen"]), host)
            tell = line.progress if world.first else (lambda *_: None)
            result = told["work"](world, tell, *told["arguments"])
        # Without waiting for the others: the first may write for long yet, and all live until all are done.
        outcome: tuple[str, Any] = ("result", result if world.first else None)
    except UserError as error:
        outcome = ("mistake", str(error))
    except Interrupted as error:
        outcome = ("interrupted", str(error))
    except WorkerLost as error:
        outcome = ("lost", str(error))
    except BaseException as error:
        outcome = ("cut off" if _cut_off(error) else "failure", traceback.format_exc())
    line.send(*outcome)
    if outcome[0] not in _AS_ASKED:
        raise RuntimeError(f"process {world.rank}: {outcome[0]}")  # For Ray Train, to end the others; we know more.


def _cut_off(error: BaseException) -> bool:
    """Whether an error, or what it came of, means that another process is gone or cannot be reached.

    torch has types for what fails between processes, but for gloo; what NCCL refuses to do at all is among them.
    """
    import torch.distributed as dist

    if any(mark in str(error) for mark in _REFUSED):
        return False
    if isinstance(error, dist.DistError) or any(mark in str(error) for mark in _CUT_OFF):
        return True
    before = error.__cause__ or error.__context__
    return before is not None and _cut_off(before)


def _died_at_the_start(ended: BaseException) -> bool:
    """Whether Ray Train ended because a process died, or was cut off by another's death, before any began."""
    import ray
    from ray.train import ControllerError
    from ray.train.v2._internal.exceptions import WorkerGroupStartupFailedError

    if not isinstance(ended, ControllerError):
        return False
    failure = ended.controller_failure
    return isinstance(failure, ray.exceptions.RayActorError | WorkerGroupStartupFailedError) or _cut_off(failure)


def _silent(ended: BaseException | None) -> list[int]:
    """The processes that Ray Train ended the others for, because they did not answer it for ten minutes."""
    from ray.train import WorkerGroupError
    from ray.train.v2._internal.exceptions import WorkerHealthCheckTimeoutError

    failures = ended.worker_failures if isinstance(ended, WorkerGroupError) else {}
    return [rank for rank, failure in sorted(failures.items()) if isinstance(failure, WorkerHealthCheckTimeoutError)]


def _check_shared(seen: pathlib.Path, host: str) -> None:
    if not seen.exists():
        raise UserError(
            f"A run over several nodes needs its store on a file system that all of them share, and {host} does not see "
            f"{seen.parent}: put the store on one (--store), or ask for no more processes than one node has room for."
        )


def _answer(heard: _Heard, stopped: bool, ended: BaseException | None) -> Any:
    """What the run comes to, from all that its processes said, the user's mistakes first."""
    from olmix.train.run import Interrupted

    by_kind: dict[str, list[tuple[int, Any]]] = {}
    for rank, (kind, what) in sorted(heard.outcomes.items()):
        by_kind.setdefault(kind, []).append((rank, what))
    if heard.outcomes.get(0, ("",))[0] == "result":
        return heard.outcomes[0][1]
    for _, what in by_kind.get("mistake", []):
        raise UserError(what)
    for _, what in by_kind.get("lost", []):
        raise WorkerLost(what)
    if heard.first != GONE:
        for rank, what in by_kind.get("failure", []):
            raise WorkerFailed(f"process {rank} of {heard.size} failed:\n{what}")
    for _, what in by_kind.get("interrupted", []):
        raise Interrupted(what)
    if stopped:
        raise Interrupted("SIGTERM before or after the training itself; the same run goes on from its last checkpoint.")
    for rank in _silent(ended):
        where = f" on {heard.there[rank]}" if rank in heard.there else ""
        raise WorkerLost(f"process {rank}{where} of the {heard.size} of the run does not answer any more")
    lost = [rank for rank in heard.gone if rank not in heard.outcomes]
    if heard.first == GONE:
        del lost[1:]  # The others were ended because of it.
    if lost or "cut off" in by_kind:
        said = "; ".join(what.strip().splitlines()[-1] for _, what in by_kind.get("cut off", []))
        known = ", ".join(f"{rank} on {heard.there[rank]}" for rank in lost if rank in heard.there)
        raise WorkerLost(
            f"process {known} of the {heard.size} of the run died"
            if known
            else f"the {heard.size} processes of the run lost touch with each other; was one of them killed? ({said})"
        )
    if ended is not None and "Actor" in type(ended).__name__:
        raise WorkerLost(f"Ray Train's controller died: {str(ended).splitlines()[0]}")
    if ended is not None and _died_at_the_start(ended):
        said = str(ended).strip().splitlines()[-1]
        raise WorkerLost(f"one of the {heard.size} processes of the run died before it began ({said})")
    if ended is not None:
        raise WorkerFailed(f"Ray Train could not run the {heard.size} processes:\n{ended}")
    raise WorkerFailed("the processes of the run ended without an answer.")
