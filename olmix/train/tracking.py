"""W&B, the second place for metrics: what the metrics file has, where a team looks at it. Never needed, never in the way.

Offline unless `WANDB_API_KEY` is set; whatever goes wrong with it is one line in the log, and the run goes on.
"""

from __future__ import annotations

import dataclasses
import logging
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from olmix.train.steps import TrainProxy
    from olmix.train.work import Place

log = logging.getLogger(__name__)


class WeightsAndBiases:
    """One W&B run for one proxy; its group is the experiment, its config the step's settings."""

    def __init__(self, step: TrainProxy, place: Place) -> None:
        self._run: Any = None
        try:
            import wandb

            self._run = wandb.init(
                project="olmix",
                group=place.experiment,
                name=place.label,
                config={"proxy": dataclasses.asdict(step.proxy), "mixture": step.mixture, "seed": step.seed},
                mode="online" if os.environ.get("WANDB_API_KEY") else "offline",
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
        """Ends the run."""
        self._safely(lambda: self._run.finish())

    def _safely(self, action: Any) -> None:
        if self._run is None:
            return
        try:
            action()
        except Exception as error:
            log.warning("W&B failed and is left alone from here on; the metrics file goes on: %s", error)
            self._run = None
