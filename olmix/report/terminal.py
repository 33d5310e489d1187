"""The end of a run in the terminal: the answer, two tables, and the path of the page."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from olmix.report.findings import Findings, Metric
from olmix.report.means import error, mean
from olmix.report.mixture import by_source
from olmix.report.words import fixed, interval, number, percent, places_for

if TYPE_CHECKING:
    from rich.table import Table

    from olmix.report.steps import ReportResult

#: Metrics shown in the terminal; the report has all.
_MOST = 16


def summary(result: ReportResult, folder: pathlib.Path) -> Sequence[Any]:
    """What the launcher prints: rich's renderables."""
    from rich.text import Text

    findings = msgspec.json.decode((folder / result.data).read_bytes(), type=Findings)
    head = Text(f"\n{result.headline}\n", style="bold")
    return (
        head,
        Text(f"{result.answer}\n{result.change}\n"),
        mixture_table(findings),
        metrics_table(findings),
        *laws_table(findings),
        *(Text(f"note: {warning}") for warning in findings.warnings),
        Text(f"\nReport: {folder / result.page}", no_wrap=True, overflow="ignore"),
    )


def mixture_table(findings: Findings) -> Table:
    """Leaf, prior, proposed weight with its interval, cap and repetition."""
    table = _table("Mixture", "leaf", "prior", "proposed", "90 % interval", "cap", "reads")
    for _, leaves in by_source(findings.leaves):
        for leaf in leaves:
            low_high = interval(100 * leaf.interval[0], 100 * leaf.interval[1], 1) if leaf.interval else "–"
            reads = "–" if leaf.repetition is None else f"{leaf.repetition:.2f}"
            cap = "–" if leaf.cap is None or leaf.cap >= 1 else percent(leaf.cap)
            name = leaf.name if leaf.identified else f"{leaf.name} ?"
            table.add_row(
                name,
                percent(leaf.prior),
                percent(leaf.proposed),
                low_high,
                cap,
                reads,
                style="bold" if leaf.at_cap else None,
            )
    return table


def metrics_table(findings: Findings) -> Table:
    """Metric, prior run, predicted and measured at the proposal; the objective first."""
    table = _table("Metrics", "metric", "prior run", "predicted", "measured")
    for metric in (findings.objective, *sorted(findings.metrics, key=lambda m: (-m.weight, m.name))):
        prior = mean(metric.measured.get("prior", ()))
        places = _places(metric)
        shown = fixed(prior, places) if prior is not None else f"{fixed(metric.prior_predicted, places)} (predicted)"
        low_high = interval(*metric.predicted_interval, places) if metric.predicted_interval else "–"
        table.add_row(
            metric.name if metric.weight > 0 else f"{metric.name} (watched)",
            shown,
            f"{fixed(metric.predicted, places)} ({low_high})",
            _measured(metric, places),
            style="bold" if metric is findings.objective else None,
        )
    return table


def laws_table(findings: Findings) -> Sequence[Any]:
    """How well the laws predict runs that they have not seen: the metrics of the objective, then the worst others."""
    from rich.text import Text

    if not findings.scatters:
        return ()
    weights = {metric.name: metric.weight for metric in findings.metrics}
    ordered = sorted(findings.scatters, key=lambda s: (-weights.get(s.metric, 0), s.spearman or -1))
    test = ["test Spearman"] if findings.test_runs else []
    table = _table("Laws, out of sample", "metric", "Spearman", "RMSE", "regret", "in 90 %", *test)
    for scatter in ordered[:_MOST]:
        cells = [fixed(scatter.spearman, 3), number(scatter.rmse, 3), number(scatter.regret, 3)]
        cells += [percent(scatter.coverage_90, 0), *([fixed(scatter.test_spearman, 3)] if test else [])]
        table.add_row(scatter.metric, *cells)
    more = len(ordered) - _MOST
    return (table, *([Text(f"and {more} more metrics, in the report")] if more > 0 else []), *_learning(findings))


def _learning(findings: Findings) -> Sequence[Any]:
    from rich.text import Text

    sizes = sorted({point.runs for point in findings.learning})
    if len(sizes) < 2:
        return ()
    means = []
    for size in sizes:
        known = [p.spearman for p in findings.learning if p.runs == size and p.spearman is not None]
        means.append(f"{sum(known) / len(known):.3f} with {size}" if known else f"unknown with {size}")
    return (Text(f"mean Spearman of laws fitted on fewer runs: {', '.join(means)}"),)


def _places(metric: Metric) -> int:
    width = metric.predicted_interval[1] - metric.predicted_interval[0] if metric.predicted_interval else 0.0
    return min(max(places_for(width / 3), 3), 5)


def _measured(metric: Metric, places: int) -> str:
    values = metric.measured.get("proposal", ())
    if not values:
        return "not trained"
    return fixed(mean(values), places) + (f" ± {fixed(error(values), places)}" if len(values) > 1 else "")


def _table(title: str, first: str, *others: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(first, overflow="fold")
    for other in others:
        table.add_column(other, justify="right")
    return table
