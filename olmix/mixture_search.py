"""The main experiment: from text to a checked mixture. One field per step, in the order of the road."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

from olmix.graph.experiment import Experiment
from olmix.graph.step import Step


@dataclasses.dataclass(frozen=True, kw_only=True)
class MixtureSearch(Experiment):
    """sources → token counts → feasible set → variants → metrics → laws → proposal → validation → report.

    `corpus` is for searches that make their token files themselves; one that starts from finished runs (a CSV) has
    neither scan nor design, `swarm` is then the step that reads the runs, and without `validation` nothing is trained.
    """

    corpus: Step | None = None
    scan: Step | None = None
    limits: Step | None = None
    design: Step | None = None
    swarm: Step
    laws: Step
    proposal: Step
    validation: Step | None = None
    report: Step

    def summary(self, read: Callable[[Step], Any], folder: Callable[[Step], pathlib.Path]) -> Sequence[Any]:
        """The answer, the mixture and the metrics as tables, and where the report lies."""
        from olmix.report.terminal import summary

        return summary(read(self.report), folder(self.report))
