"""Telling a person how far the work is: live bars on a terminal, plain lines elsewhere, everything in the run's log."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import time
from collections.abc import Iterator

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from olmix.graph.worker import Outcome

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Devices:
    """What one job holds: so many of a kind."""

    count: float
    kind: str


class Stage:
    """Many jobs side by side: how many are done, running and failed, how far the running ones are, and what they cost.

    `planned_hours` are the device-hours that all of them should take, `devices` those that each holds.
    """

    def __init__(
        self,
        reporter: Reporter,
        label: str,
        total: int,
        planned_hours: float | None = None,
        devices: Devices | None = None,
    ) -> None:
        self.reporter = reporter
        self.label = label
        self.total = total
        self.planned_hours = planned_hours
        self.devices = devices or Devices(1, "core")
        self.seconds = 0.0
        self.since: dict[str, float] = {}
        self.shares: dict[str, float] = {}
        self.done = 0
        self.failed = 0
        self.fractions: dict[str, float] = {}
        self.notes: dict[str, str] = {}
        self.reasons: set[str] = set()
        self.began = self.told = time.monotonic()
        self.bars: Progress | None = None
        self._bar: TaskID | None = None
        self._rows: dict[str, TaskID] = {}

    def running(self, label: str, done: float, total: float, note: str, share: float = 1.0) -> None:
        """A job is at `done` of `total`; `share` is its part of the devices that its task holds."""
        self.since.setdefault(label, time.monotonic())
        self.shares[label] = share
        self.fractions[label] = done / total if total else 0.0
        self.notes[label] = note
        self._show(label)

    def lost(self, label: str) -> None:
        """A job's worker is gone: what it has held so far is paid for, and it runs no more."""
        since = self.since.pop(label, None)
        if since is not None:
            self.seconds += (time.monotonic() - since) * self.shares[label]
        self.fractions.pop(label, None)
        self.notes.pop(label, None)

    def finished(self, label: str, outcome: Outcome) -> None:
        """A job has ended."""
        self.seconds += outcome.seconds
        self.since.pop(label, None)
        self.fractions.pop(label, None)
        self.notes.pop(label, None)
        self.done += outcome.ok
        self.failed += not outcome.ok
        if self.bars is not None and label in self._rows:
            self.bars.remove_task(self._rows.pop(label))
        if not outcome.ok and outcome.message not in self.reasons:
            # A mistake in what all pieces share is said once, not five hundred times; the log has every one.
            self.reasons.add(outcome.message)
            self.reporter.say(f"{label}: FAILED: {outcome.message}")
        self._show(None)

    def cost(self) -> str:
        """`, 0.034 core-hours of 0.11 planned`; nothing where nobody planned."""
        if self.planned_hours is None:
            return ""
        now = time.monotonic()
        seconds = self.seconds + sum((now - since) * self.shares[label] for label, since in self.since.items())
        so_far = seconds * self.devices.count / 3600
        if so_far < self.planned_hours / 100:
            so_far = 0.0  # Not "1.8e-08 core-hours" of a stage that has just begun.
        return f", {so_far:.2g} {self.devices.kind}-hours of {self.planned_hours:.2g} planned"

    def line(self) -> str:
        """`swarm: 7 of 24 done, 2 running, 0 failed, 61 s, about 140 s left, 0.034 core-hours of 0.11 planned`."""
        elapsed = time.monotonic() - self.began
        work = self.done + self.failed + sum(self.fractions.values())
        left = f", about {elapsed * (self.total - work) / work:.0f} s left" if work > 0.05 and work < self.total else ""
        running = ", ".join(
            f"{label.split('/')[-1]} {100 * part:.0f} % {self.notes.get(label, '') or ('' if part else 'starting')}".rstrip()
            for label, part in list(self.fractions.items())[:4]
        )
        return (
            f"{self.label}: {self.done} of {self.total} done, {len(self.fractions)} running, {self.failed} failed, "
            f"{elapsed:.0f} s{left}{self.cost()}" + (f" [{running}]" if running else "")
        )

    def _show(self, label: str | None) -> None:
        if self.bars is not None and self._bar is not None:
            self.bars.update(self._bar, completed=self.done + self.failed + sum(self.fractions.values()))
            if label is not None:
                if label not in self._rows:
                    self._rows[label] = self.bars.add_task(escape(f"  {label.split('/')[-1]}"), total=1.0)
                self.bars.update(self._rows[label], completed=self.fractions[label])
            return
        now = time.monotonic()
        if now - self.told >= 10 or self.done + self.failed == self.total:
            self.told = now
            self.reporter.say(self.line())

    @contextlib.contextmanager
    def live(self, console: Console) -> Iterator[Stage]:
        """Shows live bars while the stage runs, if `console` is a terminal."""
        if not console.is_terminal:
            yield self
            return
        columns = (
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
        )  # fmt: skip
        with Progress(*columns, console=console, transient=True) as self.bars:
            self._bar = self.bars.add_task(escape(self.label), total=self.total)
            yield self
        self.bars = None
        self.reporter.say(self.line())


class Reporter:
    """Prints and logs lines, and opens stages."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._said: set[str] = set()

    def say(self, line: str) -> None:
        """One line, now."""
        log.info("%s", line)
        self.console.print(escape(line), highlight=False, soft_wrap=True)

    def say_once(self, line: str) -> None:
        """One line, unless it was said before."""
        if line not in self._said:
            self._said.add(line)
            self.say(line)

    @contextlib.contextmanager
    def stage(
        self, label: str, total: int, planned_hours: float | None = None, devices: Devices | None = None
    ) -> Iterator[Stage]:
        """Reports on `total` jobs side by side."""
        with Stage(self, label, total, planned_hours, devices).live(self.console) as stage:
            yield stage
