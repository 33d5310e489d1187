"""What one training run is asked for, and where it may write: all that its work (`work.py`, `stack_work.py`) knows of the step.

`TrainProxy` is this and the work itself; the fields stand here so that the work need not know who calls it.
"""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Annotated

from olmix.config.tags import Resources, RunIdentity, Telemetry
from olmix.graph.resources import ONE_CPU, Needs
from olmix.graph.step import Context, Step
from olmix.train import planner
from olmix.train.settings import Proxy


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training(Step):
    """The settings of one run; `TrainProxy` says what each means."""

    scan: Step
    mixture: dict[str, float]
    proxy: Proxy
    seed: int = 0
    groups: Annotated[dict[str, tuple[str, ...]], Telemetry] = dataclasses.field(default_factory=dict)
    repetition_limits: dict[str, float] = dataclasses.field(default_factory=dict)
    needs: Annotated[Needs | None, Resources] = ONE_CPU
    continues: Annotated[Training | None, Resources] = None
    name: Annotated[str, RunIdentity] = ""

    def patience(self, together: int = 1) -> float | None:
        """As its plan says: see `planner.patience`."""
        return planner.patience(self.proxy, self.needs, together)


@dataclasses.dataclass(frozen=True)
class Place:
    """What a process of a run needs of the step's context."""

    out: pathlib.Path
    scratch: pathlib.Path
    experiment: str
    label: str

    @staticmethod
    def of(context: Context) -> Place:
        """That of a context."""
        return Place(context.out, context.scratch, context.experiment, context.label)
