"""Figures as files, for slides and papers: mixture, predictions, sensitivities, learning curve, as PNG beside the report.

The page draws its own plots, which answer to the pointer and to the dark; these are the same findings for other places.
Drawn by matplotlib without a screen and without its global state.
"""

from __future__ import annotations

import math
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from olmix.report.findings import Findings, Leaf, Scatter, Sensitivity

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Panels of predictions in one figure; leaves and metrics in one matrix. What is beyond is in the page and in report.json.
_PANELS, _ROWS, _COLUMNS = 16, 60, 60
_BLUE, _GREY, _RED = "#1f5fbf", "#767e88", "#b3452c"


def write(findings: Findings, folder: pathlib.Path) -> tuple[str, ...]:
    """Writes what there is to draw into `folder`; returns the names of the files."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn: dict[str, Figure] = {"mixture": mixture(findings)}
    if findings.scatters:
        drawn["predictions"] = predictions(findings)
    if findings.sensitivity is not None:
        drawn["sensitivity"] = sensitivity(findings, findings.sensitivity)
    if len({point.runs for point in findings.learning}) > 1:
        drawn["learning"] = learning(findings)
    for name, figure in drawn.items():
        figure.savefig(folder / f"{name}.png", dpi=110)
    return tuple(f"{name}.png" for name in drawn)


def mixture(findings: Findings) -> Figure:
    """Bars of the proposed weights with their 90 % intervals, and marks for the prior and the caps."""
    leaves = sorted(findings.leaves, key=lambda leaf: leaf.proposed)
    figure, axes = _figure(7.0, 1.2 + 0.24 * len(leaves))
    rows = range(len(leaves))
    axes.barh(rows, [100 * leaf.proposed for leaf in leaves], color="#a9c5ee", height=0.66, label="proposed")
    spans = [_span(leaf) for leaf in leaves]
    axes.errorbar(
        [100 * leaf.proposed for leaf in leaves],
        list(rows),
        xerr=[[low for low, _ in spans], [high for _, high in spans]],
        fmt="none",
        ecolor=_BLUE,
        elinewidth=1.4,
        capsize=2.5,
        label="90 % interval",
    )
    axes.plot([100 * leaf.prior for leaf in leaves], list(rows), "o", color=_GREY, markersize=5, label="prior")
    capped = [(i, leaf.cap) for i, leaf in enumerate(leaves) if leaf.cap is not None and leaf.cap < 1]
    if capped:
        axes.plot([100 * cap for _, cap in capped], [i for i, _ in capped], "|", color=_RED, markersize=11, label="cap")
    top = max(100 * max(leaf.prior, leaf.proposed, leaf.interval[1] if leaf.interval else 0.0) for leaf in leaves)
    axes.set_xlim(0, 1.05 * top or 1.0)
    axes.set_ylim(-0.6, len(leaves) - 0.4)
    axes.set_yticks(list(rows), [leaf.shown if leaf.identified else f"{leaf.shown} ?" for leaf in leaves], fontsize=8)
    axes.set_xlabel("weight, %")
    axes.legend(loc="lower right", fontsize=8, frameon=False)
    _plain(axes)
    return figure


def _span(leaf: Leaf) -> tuple[float, float]:
    low, high = leaf.interval or (leaf.proposed, leaf.proposed)
    return 100 * max(leaf.proposed - low, 0.0), 100 * max(high - leaf.proposed, 0.0)


def predictions(findings: Findings) -> Figure:
    """Observed against predicted by laws that had not seen the run, a panel per metric; the objective's metrics first."""
    weights = {metric.name: metric.weight for metric in findings.metrics}
    shown = sorted(findings.scatters, key=lambda s: (-weights.get(s.metric, 0), s.metric))[:_PANELS]
    columns = min(4, len(shown))
    lines = math.ceil(len(shown) / columns)
    figure, panels = _figure(2.6 * columns + 0.4, 2.7 * lines + 0.4, lines, columns)
    flat = panels if len(shown) > 1 else [panels]
    for axes, scatter in zip(flat, shown, strict=False):
        _panel(axes, scatter, findings.label(scatter.metric))
    for axes in flat[len(shown) :]:
        axes.set_visible(False)
    figure.supxlabel("predicted, out of sample", fontsize=9)
    figure.supylabel("observed", fontsize=9)
    return figure


def _panel(axes: Axes, scatter: Scatter, label: str) -> None:
    axes.plot(scatter.predicted, scatter.observed, ".", color=_BLUE, markersize=3.5, alpha=0.6)
    both = (*scatter.predicted, *scatter.observed)
    axes.plot([min(both), max(both)], [min(both), max(both)], color=_GREY, linewidth=0.8)
    rank = "" if scatter.spearman is None else f"Spearman {scatter.spearman:.3f}"
    axes.set_title(f"{label}\n{rank}", fontsize=7.5)
    axes.tick_params(labelsize=7)
    _plain(axes)


def sensitivity(findings: Findings, matrix: Sensitivity) -> Figure:
    """The change of each metric (rows, scaled to its largest) when 1 % of the mixture moves to each leaf; blue improves."""
    maximise = {metric.name for metric in findings.metrics if metric.maximise}
    rows = []
    for metric, values in list(zip(matrix.metrics, matrix.values, strict=True))[:_ROWS]:
        largest = max((abs(value) for value in values), default=0.0) or 1.0
        sign = 1.0 if metric in maximise else -1.0
        rows.append([sign * value / largest for value in values[:_COLUMNS]])
    figure, axes = _figure(2.6 + 0.26 * len(rows[0]), 1.9 + 0.22 * len(rows))
    image = axes.imshow(rows, cmap="PuOr", vmin=-1, vmax=1, aspect="auto")
    axes.set_xticks(
        range(len(rows[0])),
        [findings.label(leaf) for leaf in matrix.leaves[:_COLUMNS]],
        rotation=60,
        ha="right",
        fontsize=7,
    )
    axes.set_yticks(range(len(rows)), [findings.label(metric) for metric in matrix.metrics[:_ROWS]], fontsize=7)
    bar = figure.colorbar(image, ax=axes, fraction=0.03, pad=0.02)
    bar.set_label("harms … improves", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    return figure


def learning(findings: Findings) -> Figure:
    """Rank correlation out of sample by the number of runs that the laws were fitted on."""
    figure, axes = _figure(5.0, 3.4)
    sizes = sorted({point.runs for point in findings.learning})
    by_metric: dict[str, list[tuple[int, float]]] = {}
    for point in findings.learning:
        if point.spearman is not None:
            by_metric.setdefault(point.metric, []).append((point.runs, point.spearman))
    for line in by_metric.values():
        axes.plot(*_columns(sorted(line)), color=_GREY, linewidth=0.7, alpha=0.5)
    means = [
        (size, sum(known) / len(known))
        for size in sizes
        if (known := [value for line in by_metric.values() for runs, value in line if runs == size])
    ]
    axes.plot(*_columns(means), "o-", color=_BLUE, linewidth=1.8, markersize=4, label="mean over metrics")
    axes.set_xscale("log")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    axes.set_xlabel("runs used for the fit")
    axes.set_ylabel("Spearman, out of sample")
    axes.legend(loc="lower right", fontsize=8, frameon=False)
    _plain(axes)
    return figure


def _columns(points: Sequence[tuple[int, float]]) -> tuple[list[int], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def _figure(width: float, height: float, rows: int = 1, columns: int = 1) -> tuple[Figure, Any]:
    """A figure with its axes: one, or a flat list of them."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, min(height, 40.0)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns)
    return figure, axes if rows * columns == 1 else list(axes.ravel())


def _plain(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
