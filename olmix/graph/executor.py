"""Running a plan: upstream first, pieces of a fan-out side by side, nothing twice.

Cheap steps run in this process; a step with `needs` is a Ray task, and pieces may share one (`FanOut.together`). Results
pass through the store only, so the executor may die at any moment: the next one plans again and finds what is finished. A
piece that fails does not stop its siblings; the fan-out then fails with a count. A worker that is lost (killed, out of
memory, its node gone) or hangs is replaced, until `ATTEMPTS` in a row have come no further than one before them.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import functools
import json
import logging
import pathlib
import time
from collections.abc import Iterator, Sequence
from typing import Any

from olmix.errors import UserError
from olmix.graph import plan as planning
from olmix.graph import worker_log
from olmix.graph.plan import Node, Plan
from olmix.graph.progress import Devices, Reporter
from olmix.graph.ray_engine import RayEngine
from olmix.graph.resources import Needs
from olmix.graph.step import FanOut, NotYet, Step
from olmix.graph.store import StoreError
from olmix.graph.worker import PROGRESS, Job, Outcome, StoreContext, perform, together_name

ATTEMPTS = 3
#: Seconds between two looks at a task, of which no more count: in the others we did not look.
LOOK = 60.0
#: The share of its work by which an attempt must have come further, not to be one in vain.
PROGRESS_MADE = 0.01
log = logging.getLogger(__name__)


class StepsFailed(Exception):
    """Steps failed for reasons that are not the user's: one line for each; the tracebacks are in the run's log."""


@dataclasses.dataclass
class _Task:
    """Jobs that are with Ray as one task, and what we know about its health."""

    nodes: tuple[Node, ...]
    needs: Needs
    attempt: int = 1
    #: What its progress file was when it was last seen to move; whether it has begun at all.
    seen: tuple[int, int] | None = None
    begun: bool = False
    #: The seconds since then by our clock, and when we last looked.
    silent: float = 0.0
    looked: float = 0.0
    #: Why we ended it ourselves, if we did.
    ended: str = ""
    #: How many lines of its log have been passed on.
    heard: int = 0
    #: The share of the work that any attempt had done when it ended, and the attempts in a row that came no further.
    furthest: float = 0.0
    in_vain: int = 0

    @property
    def kind(self) -> tuple[Needs, int]:
        """What it asks of machines, and for how many processes."""
        return self.needs, self.nodes[0].step.gang()

    @property
    def label(self) -> str:
        """`swarm/variant-003`, or `swarm/variant-003 and 7 more`."""
        return self.nodes[0].label + (f" and {len(self.nodes) - 1} more" if len(self.nodes) > 1 else "")

    def again(self, reached: float) -> _Task | None:
        """The next attempt, after one that had done `reached` of the work; None after `ATTEMPTS` that came no further.

        A machine that is taken away every day is no reason to give up a run that goes on from its checkpoints.
        """
        further = reached >= self.furthest + PROGRESS_MADE
        in_vain = 0 if further else self.in_vain + 1
        if in_vain >= ATTEMPTS:
            return None
        furthest = max(self.furthest, reached)
        return _Task(self.nodes, self.needs, self.attempt + 1, furthest=furthest, in_vain=in_vain)

    @functools.cached_property
    def patience(self) -> float | None:
        """Minutes without progress after which it hangs for certain; None: it may be silent for ever."""
        asked = self.needs.patience_minutes
        return asked if asked is not None else self.nodes[0].step.patience(len(self.nodes))

    @property
    def scratch(self) -> str:
        """The name of the folder in which its progress is told."""
        return together_name([node.artifact for node in self.nodes])


class _Ahead(StoreContext):
    """The context of a step whose turn has not come: reads what is `finished`, and says `NotYet` about the rest."""

    def __init__(self, job: Job, out: pathlib.Path, finished: frozenset[str]) -> None:
        super().__init__(job, out)
        self._finished = finished

    def folder(self, step: Step) -> pathlib.Path:
        """See `Context.folder`."""
        name = self._names.get(id(step))
        if name not in self._finished:
            raise NotYet(type(step).__name__)
        return super().folder(step)


class Executor:
    """Runs plans. `blame` maps config paths to who set them; it is written beside every artifact."""

    def __init__(self, plan: Plan, engine: RayEngine, reporter: Reporter, blame: dict[str, Any] | None = None) -> None:
        self.plan = plan
        self.store = plan.store
        self.engine = engine
        self.reporter = reporter
        self.blame = blame or {}
        self.artifacts: dict[str, str] = {}
        self.ran: list[str] = []

    def run(self) -> None:
        """Runs what is missing.

        Raises:
          UserError: for a mistake that a step noticed.
          StoreError: when the disk of the store fails.
          StepsFailed: for anything else, after everything that could still be finished was.
        """
        for node in self.plan.nodes:
            if node.state == "done":
                self._finished(node)
                continue
            if isinstance(node.step, FanOut):
                self._fan_out(node, node.step)
            if node.step.needs is None:
                self._settle(node, perform([self._job(node)], told=self.reporter.say)[0])
            else:
                self._look_ahead()
                self._side_by_side(node.label, [(node,)])

    def _fan_out(self, node: Node, step: FanOut) -> None:
        scratch = StoreContext(self._job(node), self.store.scratch(node.artifact))
        try:
            pieces = planning.make_pieces(self.plan, node, step.pieces(scratch))
        except UserError as error:
            raise UserError(f"{node.label}: {error}") from error
        missing = {}
        for name, piece in pieces.items():
            if piece.state == "done":
                self.artifacts[piece.label] = piece.artifact
            else:
                missing[name] = piece
        if len(pieces) > len(missing):
            self.reporter.say(f"{node.label}: {len(pieces) - len(missing)} of {len(pieces)} are there already")
        if missing:
            self._look_ahead()
            planned = step.planned_hours(scratch)
            hours = None if planned is None else planned * len(missing) / len(pieces)
            groups = step.together({name: piece.step for name, piece in missing.items()})
            self._side_by_side(node.label, [tuple(missing[name] for name in group) for group in groups], hours)

    def _look_ahead(self) -> None:
        """Raises UserError for what is known to be wrong with later steps: a mistake there shows before tasks are paid for."""
        for node in self.plan.nodes:
            if node.state != "done" and node.label not in self.artifacts:
                ahead = _Ahead(self._job(node), self.store.scratch(node.artifact), frozenset(self.artifacts.values()))
                try:
                    with contextlib.suppress(NotYet):
                        node.step.check(ahead)
                except UserError as error:
                    raise UserError(f"{node.label}: {error}") from error

    def _side_by_side(self, label: str, groups: list[tuple[Node, ...]], planned_hours: float | None = None) -> None:
        """Runs nodes as Ray tasks, a group in each, and waits for all of them, even if some fail."""
        self.engine.start()
        if self.engine.dashboard_url:
            self.reporter.say_once(f"Ray's dashboard: {self.engine.dashboard_url}")
        waiting = [_Task(nodes, nodes[0].step.needs or Needs()) for nodes in groups]
        for needs, gang in {task.kind for task in waiting}:
            self.engine.check(label, needs, gang)
        count = sum(len(nodes) for nodes in groups)
        tasks: dict[Any, _Task] = {}
        failures: list[tuple[str, Outcome]] = []
        needs = waiting[0].needs
        devices = Devices(needs.gpus, needs.accelerator or "GPU") if needs.gpus else Devices(needs.cpus, "core")
        with self.reporter.stage(label, count, planned_hours, devices) as stage:
            while tasks or waiting:
                waiting = self._submit(waiting, tasks)
                for reference in self.engine.wait(list(tasks), seconds=0.5):
                    task = tasks.pop(reference)
                    outcomes = self.engine.outcomes(reference)
                    self._hear(task, self._log_of(task) if isinstance(outcomes, str) else outcomes[0].said)
                    if isinstance(outcomes, str):
                        for node in task.nodes:
                            stage.lost(node.label)
                        again = task.again(self._reached(task))
                        if again is not None:
                            why = outcomes.rstrip(".")
                            self.reporter.say(f"{task.label}: {why}; started again (attempt {again.attempt})")
                            waiting.insert(0, again)
                            continue
                        lost = f"lost its worker {task.attempt} times; last: {task.ended or outcomes}"
                        outcomes = [Outcome("failed", message=lost)] * len(task.nodes)
                    for node, outcome in zip(task.nodes, outcomes, strict=True):
                        stage.finished(node.label, outcome)
                        if outcome.ok:
                            self._finished(node, ran=outcome.status == "ran")
                        else:
                            failures.append((node.label, outcome))
                            self._log_failure(node.label, outcome)
                for reference, task in tasks.items():
                    self._watch(reference, task, stage)
        if failures:
            raise self._error(failures, count)

    def _submit(self, waiting: list[_Task], tasks: dict[Any, _Task]) -> list[_Task]:
        """Gives Ray what it may have now; returns the rest.

        A gang waits in here while there is no room for it: coordinators that only wait would fill a node's memory.
        """
        there = collections.Counter(task.kind for task in tasks.values())
        most = {kind: self.engine.at_once(*kind) for kind in {task.kind for task in waiting}}
        later = []
        for task in waiting:
            limit = most[task.kind]
            if limit is not None and there[task.kind] >= limit:
                later.append(task)
                continue
            there[task.kind] += 1
            task.seen = self._stamp(task)
            tasks[self.engine.submit([self._job(node) for node in task.nodes], task.needs)] = task
        return later

    def _watch(self, reference: Any, task: _Task, stage: Any) -> None:
        """Passes a running task's progress on, and ends it if it has shown none for longer than it may.

        That its progress file changed is what counts, and not when: the clocks of machines differ, and jump. Time in which
        we were stopped ourselves, and maybe the worker with us, is not held against it.
        """
        stamp, now = self._stamp(task), time.monotonic()
        state = self._progress(task)
        if stamp is None or state is None:
            return
        if stamp != task.seen:
            task.seen, task.silent, task.begun = stamp, 0.0, True
            self._hear(task, self._log_of(task))
        else:
            task.silent += min(now - task.looked, LOOK)
        task.looked = now
        if not task.begun:
            return
        for node in task.nodes:
            stage.running(node.label, state["done"], state["total"], state["note"], 1 / len(task.nodes))
        patience = task.patience
        if patience is not None and task.silent > 60 * patience:
            share = 100 * state["done"] / state["total"] if state["total"] else 0.0
            where = f"at {share:.0f} %{', ' if state['note'] else ''}{state['note']}"
            task.ended = f"no progress for {patience:.3g} minutes ({where})"
            self.reporter.say(f"{task.label}: {task.ended}; ending it")
            task.silent = 0.0  # Should it live on, it is ended again.
            self.engine.kill(reference)

    def _hear(self, task: _Task, lines: Sequence[worker_log.Line]) -> None:
        """Passes on to the run's log, and warnings to the person too, what is new in that of a task's process."""
        for level, name, message in lines[task.heard :]:
            if level >= logging.WARNING:
                self.reporter.say(f"{task.label}: {message}")
            else:
                logging.getLogger(name).log(level, "%s: %s", task.label, message)
        task.heard = max(task.heard, len(lines))

    def _log_of(self, task: _Task) -> list[worker_log.Line]:
        """What a task's process has logged, as far as it is on the disk; nothing of an earlier attempt's."""
        state = self._progress(task) if task.begun or self._stamp(task) != task.seen else None
        return worker_log.read(self.store.scratch(task.scratch), state["pid"]) if state is not None else []

    def _stamp(self, task: _Task) -> tuple[int, int] | None:
        """What tells one state of a task's progress file from another; None while there is no file."""
        try:
            status = self._progress_of(task).stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns

    def _progress(self, task: _Task) -> dict[str, Any] | None:
        """What a task has last told about itself."""
        try:
            state: dict[str, Any] = json.loads(self._progress_of(task).read_text())
        except (OSError, ValueError):
            return None
        return state

    def _progress_of(self, task: _Task) -> pathlib.Path:
        return self.store.scratch(task.scratch) / PROGRESS

    def _reached(self, task: _Task) -> float:
        """The share of its work that a task had done when it was last heard of."""
        state = self._progress(task)
        return float(state["done"] / state["total"]) if state is not None and state["total"] else 0.0

    def _job(self, node: Node) -> Job:
        """All that a process must know to do this node."""
        return Job(
            store=self.store.root,
            experiment=self.plan.experiment.name,
            label=node.label,
            step=node.step,
            artifact=node.artifact,
            about=node.about(self.plan.experiment.name),
            notes={planning.CONFIG: planning.settings_text(node), "blame.json": self._blame_of(node)},
            upstream=tuple((above.step, above.artifact) for above in node.ancestors()),
        )

    def _blame_of(self, node: Node) -> str:
        """The blame of the node's own values; a piece inherits that of its fan-out."""
        prefix = node.label.split("/")[0]
        own = {
            path: who
            for path, who in self.blame.items()
            if path == prefix or path.startswith((f"{prefix}.", f"{prefix}["))
        }
        return json.dumps(own, indent=1, sort_keys=True) + "\n"

    def _settle(self, node: Node, outcome: Outcome) -> None:
        if not outcome.ok:
            self._log_failure(node.label, outcome)
            raise self._error([(node.label, outcome)], 1)
        self._finished(node, ran=outcome.status == "ran")
        if outcome.status == "ran":
            self.reporter.say(f"{node.label}: done in {outcome.seconds:.1f} s")

    def _finished(self, node: Node, ran: bool = False) -> None:
        self.artifacts[node.label] = node.artifact
        if ran:
            self.ran.append(node.label)

    def _log_failure(self, label: str, outcome: Outcome) -> None:
        log.error("%s: %s\n%s", label, outcome.message, outcome.trace)

    def _error(self, failures: list[tuple[str, Outcome]], of: int) -> Exception:
        """The one exception that speaks for these failures, the user's own mistakes first."""
        for label, outcome in failures:
            if outcome.status == "mistake":
                return UserError(f"{label}: {outcome.message}")
        for _, outcome in failures:
            if outcome.status == "disk":
                return StoreError(outcome.message)
        lines = [f"{label}: {outcome.message}" for label, outcome in failures]
        head = f"{len(failures)} of {of} failed; the finished ones are kept, run the same command to try the others again.\n"
        return StepsFailed((head if of > 1 else "") + "\n".join(lines))


def results(plan: Plan) -> Iterator[tuple[Node, Any]]:
    """Every node of a finished plan with its result."""
    for node in plan.nodes:
        yield node, read(plan, node)


def read(plan: Plan, node: Node) -> Any:
    """The result of a node that is done."""
    from olmix.graph import result
    from olmix.graph.store import RESULT

    return result.decode(node.step, (plan.store.artifact(node.artifact) / RESULT).read_bytes())
