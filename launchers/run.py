"""Runs an experiment: `python -m launchers.run --experiment=experiments.quickstart`.

What is finished is never done again: kill it anywhere, run the same command, and it goes on. `--dry_run` shows what it
would do; `--set` and `--overlay` change the experiment; `--until` stops after a step; `--store` names another place.
"""

from __future__ import annotations

import os
import pathlib
import sys

from absl import flags
from rich.console import Console
from rich.table import Table

from launchers import _app, _flags
from olmix.config import blame
from olmix.config.experiments import Resolved
from olmix.errors import UserError
from olmix.graph import runner
from olmix.graph.executor import StepsFailed
from olmix.graph.experiment import Experiment
from olmix.graph.plan import make_plan
from olmix.graph.preview import blocks, declared
from olmix.graph.progress import Reporter
from olmix.graph.ray_engine import RayFailed, RaySettings
from olmix.graph.store import Store, StoreError
from olmix.graph.submit import for_the_job, submit

_STORE = flags.DEFINE_string("store", "runs", "Folder of artifacts and runs, shared by all experiments.")
_DRY_RUN = flags.DEFINE_bool("dry_run", False, "Show what would run and why; write nothing.")
_UNTIL = flags.DEFINE_string("until", None, "Stop after this step.")
_RAY_ADDRESS = flags.DEFINE_string(
    "ray_address", None, "An existing cluster, such as auto or 10.0.0.1:6379; none: start one here."
)
_RAY_CPUS = flags.DEFINE_integer("ray_cpus", None, "Processors of the instance started here; none: all.", lower_bound=1)
_SUBMIT = flags.DEFINE_bool(
    "submit", False, "Run as a Ray job on the cluster whose dashboard is at --ray_address=http://..."
)
_DASHBOARD = flags.DEFINE_bool("dashboard", False, "Start Ray's dashboard on loopback and print its address.")


def main() -> int:
    """Resolves, plans, runs, and prints the summary."""
    # Logs of batch jobs have room for whole names; rich would take 80 columns.
    wide = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    console = Console(highlight=False, width=120 if wide else None)
    reporter = Reporter(console)
    resolved = _flags.resolve()
    for warning in resolved.warnings:
        reporter.say(f"warning: {warning}")
    experiment = resolved.build()
    try:
        return _go(experiment, resolved, console, reporter)
    except UserError as error:
        raise UserError(f"{error}{blame.places(str(error), resolved.blame)}") from error


def _go(experiment: Experiment, resolved: Resolved, console: Console, reporter: Reporter) -> int:
    store = Store(pathlib.Path(_STORE.value).expanduser())
    if _UNTIL.value is not None:
        experiment.step(_UNTIL.value)  # A name that is no step's is said before anything else.
    if _DRY_RUN.value:
        try:
            plan = make_plan(experiment, store, _UNTIL.value)
        except UserError:
            for block in declared(experiment):
                console.print(block, markup=False, soft_wrap=True)
            raise
        for block in blocks(plan):
            console.print(block, markup=False, soft_wrap=True)
        return 0
    if _SUBMIT.value:
        arguments = [*for_the_job(sys.argv[1:]), f"--store={store.root.resolve()}"]
        submit(_RAY_ADDRESS.value, experiment.name, arguments, reporter.say)
        return 0
    ray = RaySettings(address=_RAY_ADDRESS.value, cpus=_RAY_CPUS.value, dashboard=_DASHBOARD.value)
    try:
        run = runner.run_experiment(
            experiment,
            store,
            resolved=resolved.to_json(),
            blame=resolved.blame_json(),
            ray=ray,
            reporter=reporter,
            until=_UNTIL.value,
        )
    except KeyboardInterrupt:
        reporter.say("stopped; everything that was finished is kept: run the same command to go on")
        raise
    if not run.ran:
        reporter.say("nothing to do: every step was done already")
    if _UNTIL.value is None:
        for item in experiment.summary(run.read, run.artifact):
            # Sentences and paths stay whole, to be copied; tables fit the terminal.
            console.print(item, soft_wrap=not isinstance(item, Table))
    reporter.say(f"this run: {run.folder}")
    return 0


if __name__ == "__main__":
    _app.launch(main, failures=(StepsFailed, StoreError, RayFailed))
