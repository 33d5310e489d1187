"""The end of a single training run: what every leaf was to give, what it gave, and the metrics; as a table and a page.

The counts come from two places that know nothing of each other: the plan works them out from the mixture alone, the trainer
counts the sequences that it was handed. A run that finished with other counts than planned is a failure of this
software, and ends as one.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from olmix.config.tags import RunIdentity
from olmix.graph.step import Context, Step
from olmix.report.mixture_result import PAGE, LeafRow, MixtureReportResult

if TYPE_CHECKING:
    from olmix.data.budgets import RunPlan
    from olmix.train.results import ProxyResult


@dataclasses.dataclass(frozen=True, kw_only=True)
class MixtureReport(Step):
    """Compares what `train` counted with `plan`, to the token, and writes `report.html`."""

    #: Raised whenever the page says something else for the same results.
    version: ClassVar[int] = 2

    plan: Step
    train: Step
    title: Annotated[str, RunIdentity] = ""

    def run(self, context: Context) -> MixtureReportResult:
        """The comparison.

        Raises:
          RuntimeError: if a finished run did not read exactly what was planned.
        """
        from olmix.report.mixture_page import render

        plan, trained = context.read(self.plan), context.read(self.train)
        found = compare(plan, trained)
        page = render(self.title or context.experiment, plan, trained, found)
        (context.out / PAGE).write_text(page, encoding="utf-8")
        return found


def compare(plan: RunPlan, trained: ProxyResult) -> MixtureReportResult:
    """The numbers of a run beside those of its plan. Raises RuntimeError as `MixtureReport.run` does."""
    rows = tuple(
        LeafRow(
            leaf=row.leaf,
            share=row.weight,
            planned=row.drawn,
            counted=trained.tokens_per_leaf.get(row.leaf, 0),
            repetition=trained.repetition.get(row.leaf, 0.0),
            limit=row.limit,
            bpb=trained.metrics.get(f"bpb/{row.leaf}"),
        )
        for row in plan.leaves
    )
    wrong = [f"{row.leaf}: {row.counted:,} for {row.planned:,}" for row in rows if row.counted != row.planned]
    if trained.finished and (wrong or trained.tokens != plan.training.tokens):
        raise RuntimeError(
            f"The run trained on {trained.tokens:,} tokens and {plan.training.tokens:,} were planned; {'; '.join(wrong)}"
        )
    rounded = trained.declared_tokens - plan.training.tokens
    if trained.finished:
        sentence = f"Trained on exactly {trained.tokens:,} tokens, of every leaf what was declared"
        sentence += (
            f"; {trained.declared_tokens:,} were asked for, and {rounded:,} of them do not fill a global batch."
            if rounded
            else "."
        )
    else:
        sentence = (
            f"The run {trained.status} after {trained.tokens:,} of {plan.training.tokens:,} tokens: {trained.reason}"
        )
    return MixtureReportResult(
        status=trained.status,
        verified=trained.finished,
        sentence=sentence,
        rows=rows,
        metrics=trained.metrics,
    )


def summary(result: MixtureReportResult, folder: pathlib.Path) -> Sequence[Any]:
    """What the launcher prints: rich's renderables. BPB is of held-out text; `folder` is the artifact of the report."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from olmix.data.budgets import percent

    table = Table(title="Tokens", title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("leaf", overflow="fold")
    for name in ("share", "tokens", "times read", "BPB"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in result.rows:
        table.add_row(
            row.leaf,
            percent(row.share),
            f"{row.counted:,}",
            f"{row.repetition:.3g} of {row.limit:g}",
            "–" if row.bpb is None else f"{row.bpb:.4f}",
        )
    table.add_section()
    table.add_row(
        "together", f"{sum(row.share for row in result.rows):.4%}", f"{sum(r.counted for r in result.rows):,}"
    )
    leaves = {f"bpb/{row.leaf}" for row in result.rows}
    others = "\n".join(f"{name}: {value:.4f}" for name, value in sorted(result.metrics.items()) if name not in leaves)
    shown: list[Any] = [Text(f"\n{result.sentence}\n", style="bold"), table]
    return (
        *shown,
        *([Text(others)] if others else []),
        Text(f"\nReport: {folder / result.page}", no_wrap=True, overflow="ignore"),
    )
