"""The report of a proof experiment: did tuning help, how sure is that, what the proofs look like, and where items went.

The answer comes from checked proofs alone: the change over the test problems that both models were asked, with McNemar's
exact test and an interval (see `intervals.paired_change`).
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from olmix.errors import UserError
from olmix.graph.step import Context, Step
from olmix.proofs.pipeline.evaluation import ROWS, CurveResult, Row, Scores
from olmix.proofs.pipeline.intervals import paired_change
from olmix.proofs.pipeline.items import read_records
from olmix.proofs.pipeline.trials import SweepResult
from olmix.report.proofs_findings import DATA, PAGE, Findings, ProofReportResult, sweep_rows


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProofReport(Step):
    """Writes `report.html` and `report.json`. `examples` proofs of each kind are shown."""

    generated: tuple[Step, ...]
    verify: Step
    split: Step
    training_set: Step
    train: Step
    baseline: Step
    final: Step
    judge: Step | None = None
    sweep: Step | None = None
    question: str = ""
    examples: int = 4

    version: ClassVar[int] = 3

    def run(self, context: Context) -> ProofReportResult:
        """Compares and writes."""
        import json

        import msgspec

        from olmix.report.proofs_page import render

        before: list[Row] = read_records(context.folder(self.baseline) / ROWS, Row)
        after: list[Row] = read_records(context.folder(self.final) / ROWS, Row)
        curve: CurveResult = context.read(self.final)
        result = compare(context.read(self.baseline), curve.final, before, after)
        findings = Findings(
            title=self.question or context.experiment, result=result, verified=context.read(self.verify),
            generated=tuple(context.read(step) for step in self.generated),
            split=context.read(self.split), training_set=context.read(self.training_set), train=context.read(self.train),
            curve=curve, judge=context.read(self.judge) if self.judge is not None else None,
            sweep=context.read(self.sweep) if self.sweep is not None else None, before=tuple(before), after=tuple(after),
        )  # fmt: skip
        (context.out / PAGE).write_text(render(findings, self.examples), encoding="utf-8")
        plain = msgspec.to_builtins({f.name: getattr(findings, f.name) for f in dataclasses.fields(findings)[:-2]})
        (context.out / DATA).write_text(json.dumps(plain, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        return result


def compare(baseline: Scores, final: Scores, before: Sequence[Row], after: Sequence[Row]) -> ProofReportResult:
    """The verdict from the rows of both.

    Raises:
      UserError: if they are not about the same problems.
    """
    if [row.item.id for row in before] != [row.item.id for row in after]:
        raise UserError(
            "Baseline and final evaluation are not about the same problems: give both the same `asking.problems`."
        )
    gain = paired_change(
        [row.look.verdict == "accepted" for row in before], [row.look.verdict == "accepted" for row in after]
    )
    apart = final.checked.low > baseline.checked.high or final.checked.high < baseline.checked.low
    verdict: Literal["helped", "hurt", "not shown"] = (
        "not shown" if not gain.shown else "helped" if gain.mean > 0 else "hurt"
    )
    points = f"{100 * gain.mean:+.1f} points (95 % interval {100 * gain.low:+.1f} to {100 * gain.high:+.1f})"
    opening = {"helped": "Yes, it helped", "hurt": "No, it hurt", "not shown": "It is not shown that it helped"}[
        verdict
    ]
    answer = (
        f"{opening}: checked proofs went from {baseline.checked.text()} to {final.checked.text()} on {gain.problems} "
        f"unseen problems, {points}; {gain.test()}."
    )
    return ProofReportResult(verdict=verdict, answer=answer, baseline=baseline, final=final, gain=gain, apart=apart)


def sweep_table(sweep: SweepResult) -> Any:
    """The sweep as the launcher prints it."""
    from rich.table import Table

    table = Table(title="Learning rates, by the loss on the validation side (GRPO: by reward)")
    for name in ("share", "learning rate", "loss", ""):
        table.add_column(name, justify="right" if name else "left")
    for row in sweep_rows(sweep):
        table.add_row(*row)
    return table


def summary(result: ProofReportResult, curve: CurveResult, folder: pathlib.Path) -> Sequence[Any]:
    """What the launcher prints at the end."""
    from rich.table import Table

    table = Table(title="Checked proofs of unseen problems")
    for name in ("model", "checked", "about the claim", "undecided"):
        table.add_column(name, justify="left" if name == "model" else "right")
    shots = f"{result.baseline.shots}-shot" if result.baseline.shots else "zero-shot"
    table.add_row(
        f"before, {shots}",
        result.baseline.checked.text(),
        result.baseline.understood.text(),
        str(result.baseline.undecided),
    )
    for share, scores in curve.curve:
        name = "after, zero-shot" if share == 1 else f"  after {share:.0%} of the training set"
        table.add_row(name, scores.checked.text(), scores.understood.text(), str(scores.undecided))
    overlap = "do not overlap" if result.apart else "overlap"
    return (
        table,
        f"{result.answer} The intervals of the two rates {overlap}. Texts by {result.final.engine}.",
        f"Report: {folder / PAGE}",
    )
