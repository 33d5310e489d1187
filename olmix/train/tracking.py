"""W&B, the second place for metrics: what the metrics file has, where a team looks at it. Never needed, never in the way.

Offline unless `WANDB_API_KEY` is set; then its files are kept with the result, in `wandb/`, for `wandb sync`. A run that is
killed and goes on is one run there too. Whatever goes wrong with it is one line in the log, and the run goes on.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import pathlib
import secrets
import shutil
from typing import Any

from olmix.train.training import Place, Training

log = logging.getLogger(__name__)


class WeightsAndBiases:
    """One W&B run for one proxy; its group is the experiment, its config the step's settings."""

    def __init__(self, step: Training, place: Place) -> None:
        self._run: Any = None
        self._place = place
        self._online = bool(os.environ.get("WANDB_API_KEY"))
        try:
            import wandb

            self._run = wandb.init(
                project="olmix",
                group=place.experiment,
                name=place.label,
                config={"proxy": dataclasses.asdict(step.proxy), "mixture": step.mixture, "seed": step.seed},
                id=_run_id(place.scratch),
                resume="allow",
                mode="online" if self._online else "offline",
                dir=str(place.scratch),
                reinit="create_new",  # Variants of a stack are runs side by side in one process.
                settings=wandb.Settings(silent=True, console="off"),
            )
        except Exception as error:
            log.warning("W&B could not be started, so this run is in its metrics file only: %s", error)

    def log(self, record: dict[str, Any]) -> None:
        """Takes one record of the metrics file."""
        self._safely(lambda: self._run.log(record, step=record.get("step")))

    def finish(self) -> None:
        """Ends the run, and keeps what no server has."""
        self._safely(lambda: self._run.finish())
        if not self._online:
            self._safely(lambda: _keep(self._place.scratch, self._place.out))

    def _safely(self, action: Any) -> None:
        if self._run is None:
            return
        try:
            action()
        except Exception as error:
            log.warning("W&B failed and is left alone from here on; the metrics file goes on: %s", error)
            self._run = None


def _run_id(scratch: pathlib.Path) -> str:
    """The id of the run in W&B, the same for all attempts at it: they share a scratch folder."""
    path = scratch / "wandb-id"
    if not path.exists():
        path.write_text(secrets.token_hex(6))
    return path.read_text()


def _keep(scratch: pathlib.Path, out: pathlib.Path) -> None:
    """Copies the files of all attempts."""
    for folder in sorted((scratch / "wandb").glob("offline-run-*")):
        shutil.copytree(folder, out / "wandb" / folder.name, symlinks=True, dirs_exist_ok=True)
