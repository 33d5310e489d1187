"""The main experiment: from text to a checked mixture. One field per step, in the order of the road."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

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


@dataclasses.dataclass(frozen=True, kw_only=True)
class FitRuns(MixtureSearch):
    """finished runs → laws → proposal → report: a search that starts where somebody else's swarm ended.

    `swarm` reads the runs, `scan` is what is known of the data, `test` reads runs that no law is fitted on.
    """

    shortcuts: ClassVar[Mapping[str, str | tuple[str, ...]]] = {
        "ratios": "swarm.ratios",
        "metrics": "swarm.metrics",
        "project": "swarm.project",
        "group": "swarm.group",
        "mixture": "swarm.mixture",
        "run_column": "swarm.run_column",
        "drop_runs": "swarm.drop_runs",
        "drop_metrics": "swarm.drop_metrics",
        "keep_metrics": "swarm.keep_metrics",
        "test_ratios": "test.ratios",
        "test_metrics": "test.metrics",
        "priors": "scan.priors",
        "token_counts": "scan.token_counts",
        "target_tokens": "limits.target_tokens",
        "repetition_limit": "limits.repetition_limit",
        "law": "laws.law",
        "objective": "proposal.objective",
        "maximise": ("proposal.maximise", "laws.maximise"),
        "kl": "proposal.kl",
    }

    test: Step | None = None
