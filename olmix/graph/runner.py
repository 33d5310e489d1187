"""One run of an experiment, from plan to report: its folder, its log, its links.

experiments/<name>/<time>/   resolved.json, blame.json, plan.txt, log.txt, artifacts/ (links), report.html (a copy)
experiments/<name>/latest    a link to the newest of these
experiments/<name>/last.json which artifact each step had, so that a later plan can say what changed
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import logging
import os
import pathlib
import shutil
import sys
from collections.abc import Iterator
from typing import Any

from olmix.graph import executor, provenance
from olmix.graph.experiment import Experiment
from olmix.graph.plan import Node, Plan, make_plan
from olmix.graph.progress import Reporter
from olmix.graph.ray_engine import RayEngine, RaySettings
from olmix.graph.store import Store, disk_errors, write_atomically

REPORT = "report.html"
log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Run:
    """A finished run: its folder, its plan (with every step done), which steps really ran, and how to read results."""

    folder: pathlib.Path
    plan: Plan
    ran: tuple[str, ...]

    def read(self, step: Any) -> Any:
        """The result of one of the experiment's steps."""
        return executor.read(self.plan, self.plan.node(step))

    def artifact(self, step: Any) -> pathlib.Path:
        """The folder of one step's artifact."""
        return self.plan.store.artifact(self.plan.node(step).artifact)


def run_experiment(
    experiment: Experiment,
    store: Store,
    *,
    resolved: str,
    blame: str,
    ray: RaySettings,
    reporter: Reporter,
    until: str | None = None,
) -> Run:
    """Runs what is missing of an experiment.

    `resolved` (the canonical JSON of the config) and `blame` (its sidecar) are kept in the run's folder.

    Raises:
      UserError, StoreError, StepsFailed: see `Executor.run`; the log is complete then too.
    """
    store.prepare()
    plan = make_plan(experiment, store, until)
    with disk_errors(store.root):
        folder = _new_folder(store.root / "experiments" / experiment.name)
        (folder / "resolved.json").write_text(resolved)
        (folder / "blame.json").write_text(blame)
        (folder / "plan.txt").write_text("".join(f"{n.label}: {n.state} {n.artifact} {n.reason}\n" for n in plan.nodes))
    engine = RayEngine(ray)
    work = executor.Executor(plan, engine, reporter, json.loads(blame)["lines"])
    with _log_to(folder / "log.txt"):
        log.info("%s: code %s, environment %s", experiment.name, provenance.code_revision(), provenance.environment())
        try:
            work.run()
        except BaseException as error:
            log.exception("%s ended: %s", experiment.name, type(error).__name__)
            raise
        finally:
            engine.stop()
            _link(folder, store, work.artifacts, plan)
    return Run(folder, plan, tuple(work.ran))


def _new_folder(parent: pathlib.Path) -> pathlib.Path:
    parent.mkdir(parents=True, exist_ok=True)
    stamp = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    for suffix in ("", *(f"-{number}" for number in range(2, 100))):
        with contextlib.suppress(FileExistsError):
            folder = parent / (stamp + suffix)
            folder.mkdir()
            return folder
    raise RuntimeError(f"{parent} got a hundred runs within one second.")


def _link(folder: pathlib.Path, store: Store, artifacts: dict[str, str], plan: Plan) -> None:
    """Links what this run used, so that a person finds it by its label. Best effort: the run itself is over."""
    with contextlib.suppress(OSError):
        links = folder / "artifacts"
        for label, artifact in artifacts.items():
            link = links / label.replace("/", ".")
            link.parent.mkdir(exist_ok=True)
            link.symlink_to(os.path.relpath(store.artifact(artifact), link.parent))
        for node in _with_report(plan, artifacts):
            shutil.copyfile(store.artifact(node.artifact) / REPORT, folder / REPORT)
        last = folder.parent / "last.json"
        known = json.loads(last.read_text()) if last.is_file() else {}
        write_atomically(last, json.dumps({**known, **artifacts}, indent=1, sort_keys=True) + "\n")
        beside = folder.parent / f".latest-{os.getpid()}"
        beside.symlink_to(folder.name)
        os.replace(beside, folder.parent / "latest")


def _with_report(plan: Plan, artifacts: dict[str, str]) -> Iterator[Node]:
    for node in plan.nodes:
        if node.label in artifacts and (plan.store.artifact(node.artifact) / REPORT).is_file():
            yield node


class _RunLog(logging.FileHandler):
    """A log on a disk that may fill: the terminal hears what is wrong, so a lost line is not worth a traceback there."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Drops what the disk refuses."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)

    def close(self) -> None:
        """Closes even if the last flush fails."""
        with contextlib.suppress(OSError):
            super().close()


@contextlib.contextmanager
def _log_to(path: pathlib.Path) -> Iterator[None]:
    """Everything that this process logs goes to the run's log, tracebacks included."""
    handler = _RunLog(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger("olmix")
    level, spread = root.level, root.propagate
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    root.propagate = False
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        root.propagate = spread
        handler.close()
