"""The toy experiment as a process of its own: `python -m tests.graph.run_toy FOLDER STORE [seconds=2] [factors=1,2,3]`."""

from __future__ import annotations

import pathlib
import sys

from rich.console import Console

from launchers import _app
from olmix.graph import runner
from olmix.graph.executor import StepsFailed
from olmix.graph.progress import Reporter
from olmix.graph.ray_engine import RaySettings
from olmix.graph.store import Store, StoreError
from tests.graph.toy import toy


def main() -> int:
    folder, store, *settings = arguments
    given = dict(setting.split("=") for setting in settings)
    experiment = toy(
        pathlib.Path(folder),
        factors=tuple(float(f) for f in given.get("factors", "1,2,3,4").split(",")),
        seconds=float(given.get("seconds", 0)),
    )
    run = runner.run_experiment(
        experiment,
        Store(pathlib.Path(store)),
        resolved="{}\n",
        blame='{"lines": {}}',
        ray=RaySettings(cpus=2),
        reporter=Reporter(Console(width=200)),
    )
    print(f"result {run.read(experiment.half).value:g}", flush=True)
    return 0


if __name__ == "__main__":
    arguments = sys.argv[1:]
    del sys.argv[1:]
    _app.launch(main, failures=(StepsFailed, StoreError))
