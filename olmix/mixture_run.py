"""The experiment on one mixture: a single training run, with every token planned before and counted after it."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

from olmix.graph.experiment import Experiment
from olmix.graph.step import Step


@dataclasses.dataclass(frozen=True, kw_only=True)
class MixtureRun(Experiment):
    """sources → token counts → plan by leaf → one trained proxy → what was read, and the metrics.

    The mixture is in the weights of the scan's tree (or `plan.mixture`), the final run that it is meant for in `plan`.
    `corpus` is for runs that make their token files themselves.
    """

    corpus: Step | None = None
    scan: Step
    plan: Step
    train: Step
    report: Step

    def summary(self, read: Callable[[Step], Any], folder: Callable[[Step], pathlib.Path]) -> Sequence[Any]:
        """Every leaf's share, tokens, repetition and held-out BPB as a table, and where the page lies."""
        from olmix.report.mixture_run import summary

        return summary(read(self.report), folder(self.report))
