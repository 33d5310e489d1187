"""What the report of a proof experiment shows, as plain data."""

from __future__ import annotations

import dataclasses
from typing import Literal

from olmix.proofs.pipeline.evaluation import CurveResult, Row, Scores
from olmix.proofs.pipeline.fusion import TrainingSetResult
from olmix.proofs.pipeline.generation import Generated
from olmix.proofs.pipeline.intervals import Change
from olmix.proofs.pipeline.judging import JudgeResult
from olmix.proofs.pipeline.splitting import SplitResult
from olmix.proofs.pipeline.training import TrainResult
from olmix.proofs.pipeline.trials import SweepResult
from olmix.proofs.pipeline.verification import Verified

PAGE = "report.html"
DATA = "report.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProofReportResult:
    """Did it help? `apart`: the two intervals do not overlap. `gain` is the paired difference in checked-proof rate."""

    verdict: Literal["helped", "hurt", "not shown"]
    answer: str
    baseline: Scores
    final: Scores
    gain: Change
    apart: bool
    page: str = PAGE
    data: str = DATA


@dataclasses.dataclass(frozen=True, kw_only=True)
class Findings:
    """Everything that the page shows."""

    title: str
    result: ProofReportResult
    generated: tuple[Generated, ...]
    verified: Verified
    split: SplitResult
    training_set: TrainingSetResult
    train: TrainResult
    curve: CurveResult
    judge: JudgeResult | None
    sweep: SweepResult | None
    before: tuple[Row, ...]
    after: tuple[Row, ...]


def sweep_rows(sweep: SweepResult) -> list[tuple[str, str, str, str]]:
    """Share, learning rate, loss (GRPO: reward) and remark of every trial."""
    rows = []
    for trial in sweep.trials:
        result = trial.result
        value = result.validation_loss if result.validation_loss is not None else result.reward
        best = sweep.best(trial.share)
        edge = ", at the edge of what was tried" if sweep.at_the_edge(trial.share) else ""
        remark = "no number: diverged" if result.failure else f"best{edge}" if trial == best else ""
        rows.append((f"{trial.share:g}", f"{trial.learning_rate:g}", "" if value is None else f"{value:.4f}", remark))
    return rows
