"""How far to trust the laws: out-of-sample scatter, learning curve, sensitivities. Single runs and leaves: `doubts.py`."""

from __future__ import annotations

import math
from collections.abc import Sequence

from olmix.report import plot
from olmix.report.findings import Findings, LearningPoint, Scatter, Sensitivity
from olmix.report.labels import breakable
from olmix.report.markup import Child, Markup, join, tag
from olmix.report.tables import Cell, Column, Row, details, section, table
from olmix.report.words import NONE, fixed, listing, number, percent, plural, signed

#: Scatter plots shown at once; the rest is folded away.
SHOWN = 8

#: Rows of a table shown at once, and columns of the matrix with their numbers; beyond, folded away or colours alone.
ROWS, COLUMNS = 16, 24
HONEST = "out of sample"


def scatter_section(findings: Findings) -> Markup | None:
    """Predicted against observed for runs that the law had not seen, one panel per metric, and the scores."""
    if not findings.scatters:
        return None
    weights = {metric.name: metric.weight for metric in findings.metrics}
    ordered = sorted(findings.scatters, key=lambda s: (-weights.get(s.metric, 0), s.metric))
    scores = score_table(findings, ordered)
    panels = [scatter_panel(scatter, findings.label(scatter.metric)) for scatter in ordered]
    rest = panels[SHOWN:]
    return section(
        "fit",
        "Do the laws predict?",
        tag("div", *panels[:SHOWN], class_="multiples"),
        details(f"{plural(len(rest), 'more metric')}", tag("div", *rest, class_="multiples")) if rest else None,
        scores if len(ordered) <= ROWS else details(f"Scores of all {len(ordered)} metrics", scores),
        lead=_scatter_lead(findings, ordered),
    )


def _scatter_lead(findings: Findings, scatters: Sequence[Scatter]) -> str:
    known = [s.spearman for s in scatters if s.spearman is not None]
    how = findings.scatter_words or HONEST
    words = (
        f"Every dot is a run, predicted by a law that had not seen it ({how}); on the line, the prediction is exact."
    )
    if known:
        worst = min((s for s in scatters if s.spearman is not None), key=lambda s: s.spearman or 0)
        words += f" Rank correlations average {fixed(sum(known) / len(known), 3)}; "
        words += f"the weakest is {findings.label(worst.metric)} with {fixed(worst.spearman, 3)}."
    tested = [s.test_spearman for s in scatters if s.test_spearman is not None]
    if tested:
        words += f" On {plural(findings.test_runs, 'test run')}, which no law was fitted on, they average "
        words += f"{fixed(sum(tested) / len(tested), 3)}."
    return words


def scatter_panel(scatter: Scatter, label: str) -> Markup:
    """One metric: predicted to the right, observed upwards, with the diagonal."""
    both = plot.axis([*scatter.predicted, *scatter.observed], count=3)
    points = [(both.at(p), both.at(o)) for p, o in zip(scatter.predicted, scatter.observed, strict=True)]
    words = f"{label}: predicted against observed for {len(points)} runs, {HONEST}"
    return tag(
        "figure",
        tag(
            "figcaption",
            tag("b", breakable(label)),
            tag("small", f"Spearman {fixed(scatter.spearman, 3)} · RMSE {number(scatter.rmse, 2)}"),
        ),
        plot.panel(
            both,
            both,
            plot.stretched(plot.line([(0, 0), (1, 1)], class_="diagonal"), plot.cloud(points, class_="cloud")),
            alt=words,
            height=190,
            x_label="predicted, out of sample →",
            y_label="↑ observed",
            key=f"scatter:{scatter.metric}",
        ),
    )


def score_table(findings: Findings, scatters: Sequence[Scatter]) -> Markup:
    """The scores of all metrics."""
    columns = [
        Column("Metric"),
        Column("Spearman", "number", hint="Rank correlation of predicted and observed"),
        Column("Pearson", "number", secondary=True),
        Column("RMSE", "number", hint="Root mean squared error, in the metric's units"),
        Column(
            "Regret",
            "number",
            secondary=bool(findings.test_runs),
            hint="How much worse the run with the best prediction is than the best run",
        ),
        Column("In 90 % interval", "number", secondary=True, hint="Share of runs inside their predicted 90 % interval"),
        Column(
            "Error ÷ its estimate",
            "number",
            secondary=True,
            hint="1 when the stated uncertainty is honest; above 1 it is too small",
        ),
        *(
            [
                Column("Spearman, test", "number", hint="On the test runs, which no law was fitted on"),
                Column("RMSE, test", "number", secondary=True, hint="On the test runs, in the metric's units"),
            ]
            if findings.test_runs
            else []
        ),
    ]
    rows = [
        Row(
            [
                breakable(findings.label(s.metric)),
                Cell(fixed(s.spearman, 3), s.spearman),
                Cell(fixed(s.pearson, 3), s.pearson),
                Cell(number(s.rmse, 3), s.rmse),
                Cell(number(s.regret, 3), s.regret),
                Cell(percent(s.coverage_90, 0), s.coverage_90),
                Cell(fixed(s.z_spread, 2), s.z_spread),
                *(
                    [Cell(fixed(s.test_spearman, 3), s.test_spearman), Cell(number(s.test_rmse, 3), s.test_rmse)]
                    if findings.test_runs
                    else []
                ),
            ]
        )
        for s in scatters
    ]
    return table(columns, rows, caption=f"How well each metric is predicted, {HONEST}", sortable=True)


def learning_section(findings: Findings) -> Markup | None:
    """Is the swarm large enough? Out-of-sample rank correlation against the number of runs."""
    points = [p for p in findings.learning if p.spearman is not None]
    sizes = sorted({p.runs for p in points})
    if len(sizes) < 2:
        return None
    metrics = list(dict.fromkeys(p.metric for p in points))
    by_metric = {m: sorted((p for p in points if p.metric == m), key=lambda p: p.runs) for m in metrics}
    means = [(size, _mean([p.spearman or 0 for p in points if p.runs == size])) for size in sizes]
    x = plot.log_axis(sizes, label=lambda value: f"{value:.0f}")
    x = plot.Axis(x.low, x.high, tuple((float(size), str(size)) for size in sizes), log=True)
    y = plot.axis([p.spearman or 0 for p in points] + [1.0], count=4)
    mean_line = [(x.at(size), y.at(value)) for size, value in means]
    lines = [
        plot.line([(x.at(p.runs), y.at(p.spearman or 0)) for p in row], class_="faint", title=m)
        for m, row in by_metric.items()
    ]
    last, before = means[-1][1], means[-2][1]
    words = f"Rank correlation {HONEST} goes from {fixed(means[0][1], 3)} with {sizes[0]} runs "
    words += f"to {fixed(last, 3)} with {sizes[-1]}"
    verdict = (
        "more runs would still help"
        if (1 - before) - (1 - last) > 0.15 * (1 - before) and last < 0.995
        else "more runs would add little"
    )
    return section(
        "learning",
        "Is the swarm large enough?",
        plot.legend(("line-proposal", "mean over metrics"), ("line-faint", "one metric")),
        plot.panel(
            x,
            y,
            plot.stretched(*lines, plot.line(mean_line, class_="main")),
            [
                plot.dot(px, py, class_="proposal", radius=3.5, title=f"{size} runs: {fixed(value, 3)}")
                for (px, py), (size, value) in zip(mean_line, means, strict=True)
            ],
            alt=f"{words}.",
            height=260,
            x_label="runs used for the fit →",
            y_label="↑ Spearman, out of sample",
        ),
        details("The numbers", _learning_table(by_metric, sizes)),
        lead=f"{words}: {verdict}.",
    )


def _learning_table(by_metric: dict[str, list[LearningPoint]], sizes: Sequence[int]) -> Markup:
    columns = [Column("Metric"), *(Column(f"{size} runs", "number") for size in sizes)]
    rows = []
    for metric, points in by_metric.items():
        at = {p.runs: p for p in points}
        rows.append(Row([metric, *(fixed(at[size].spearman, 3) if size in at else NONE for size in sizes)]))
    return table(columns, rows, caption=f"Spearman {HONEST} by number of runs", sortable=True)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def sensitivity_section(findings: Findings) -> Markup | None:
    """Which leaf moves which metric: a matrix of cells, coloured and with their numbers."""
    matrix = findings.sensitivity
    if matrix is None:
        return None
    maximise = {metric.name for metric in findings.metrics if metric.maximise}
    doubtful = {leaf.name for leaf in findings.leaves if not leaf.identified}
    columns = [
        Column("Metric"),
        *(_leaf_column(findings.label(leaf), leaf in doubtful) for leaf in matrix.leaves),
    ]
    shape = "matrix compact" if len(matrix.leaves) > COLUMNS else "matrix"
    largest = max((abs(value) for row in matrix.values for value in row), default=0.0)
    unit = 10.0 ** (math.floor(math.log10(largest)) - 1) if largest > 0 else 1.0
    rows = [
        _sensitivity_row(findings, matrix, k, unit, metric in maximise, doubtful)
        for k, metric in enumerate(matrix.metrics)
    ]
    lead = (
        f"The change of each metric, in units of {number(unit, 1)}, when one point (1 %) of the mixture moves to a leaf from "
        f"all others in proportion, at {matrix.at}. Blue improves, amber harms; colours are scaled per metric."
    )
    if doubtful:
        names = listing([findings.label(leaf) for leaf in sorted(doubtful)], 6)
        lead += f" The runs cannot tell what {names} does: hatched cells are guesses of the regularised fit."
    return section(
        "sensitivity",
        "What each leaf does",
        table(
            columns,
            rows,
            caption="Sensitivity of every metric to every leaf",
            class_=shape,
        ),
        lead=lead,
    )


def _leaf_column(label: str, doubtful: bool) -> Column:
    return Column(tag("span", breakable(label), " ?" if doubtful else None), "cell")


def _sensitivity_row(
    findings: Findings, matrix: Sensitivity, k: int, unit: float, maximise: bool, doubtful: set[str]
) -> Row:
    values = matrix.values[k]
    largest = max((abs(value) for value in values), default=0) or 1.0
    cells: list[Child | Cell] = [breakable(findings.label(matrix.metrics[k]))]
    for leaf, value in zip(matrix.leaves, values, strict=True):
        better = value > 0 if maximise else value < 0
        strength = math.sqrt(abs(value) / largest)
        tip = f"{findings.label(matrix.metrics[k])}: {signed(number(value, 3))} for one point more of {findings.label(leaf)}"
        shown = tag(
            "span",
            signed(fixed(value / unit, 1)),
            style=f"--v:{strength:.2f}",
            class_="good" if better else "bad",
        )
        cells.append(Cell(shown, value, tip, "guess" if leaf in doubtful else ""))
    return Row(cells)


def warnings_section(findings: Findings) -> Markup | None:
    """The laws' own warnings, by name."""
    if not findings.warnings:
        return None
    items = []
    for warning in findings.warnings:
        name, _, rest = warning.partition(": ")
        items.append(tag("li", join(tag("b", name), " ", rest) if rest else warning))
    lead = "What the data could not support, as the fit itself reports it."
    return section("warnings", "Warnings", tag("ul", *items, class_="warnings"), lead=lead, wide=False)
