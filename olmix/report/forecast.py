"""Predicted against measured: what the law promised at the proposal and what training gave."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from olmix.report import plot
from olmix.report.findings import Findings, Metric, Range
from olmix.report.labels import breakable
from olmix.report.markup import Child, Markup, join, tag
from olmix.report.means import error, mean
from olmix.report.tables import Cell, Column, Row, details, section, table
from olmix.report.words import NONE, fixed, number, percent, places_for, plural, signed
from olmix.train.noise import needed

#: Metrics shown at once; the rest is folded away.
SHOWN = 16


@dataclasses.dataclass(frozen=True)
class Improvement:
    """Relative improvements over the prior, positive is better: predicted, its interval, and one per seed measured.

    `noise` is how large chance may make the difference of means between proposal and prior, as a share of the prior.
    """

    predicted: float | None
    interval: Range | None
    seeds: tuple[float, ...]
    mean: float | None
    best: float | None
    noise: float | None


def improvement(metric: Metric) -> Improvement:
    """How much better than the prior, as shares of the prior's value; law against law, training against training."""
    sign = 1.0 if metric.maximise else -1.0
    prior = metric.measured.get("prior", ())
    base = mean(prior)
    reference = metric.prior_predicted if metric.prior_predicted is not None else base

    def share(value: float | None, against: float | None) -> float | None:
        return None if value is None or not against else sign * (value - against) / abs(against)

    ends = [share(value, reference) for value in metric.predicted_interval or ()]
    known = [end for end in ends if end is not None]
    seeds = metric.measured.get("proposal", ())
    noise = None
    if base and len(prior) > 1 and len(seeds) > 1:
        noise = needed(min(len(prior), len(seeds))) * math.hypot(error(prior), error(seeds)) / abs(base)
    return Improvement(
        predicted=share(metric.predicted, reference),
        interval=(min(known), max(known)) if len(known) == 2 else None,
        seeds=tuple(s for s in (share(value, base) for value in seeds) if s is not None),
        mean=share(mean(seeds), base),
        best=share(mean(metric.measured.get("best", ())), base),
        noise=noise,
    )


def forecast_section(findings: Findings) -> Markup:
    """Every metric at the prior and at the proposal, predicted and measured."""
    ordered = [findings.objective, *sorted(findings.metrics, key=lambda m: (-m.weight, m.name))]
    measured = any(metric.measured.get("proposal") for metric in ordered)
    best = any(metric.measured.get("best") for metric in ordered)
    scale = _scale([improvement(metric) for metric in ordered])
    first, rest = ordered[: SHOWN + 1], ordered[SHOWN + 1 :]
    marks = [("proposal", "predicted"), ("band", "its 90 % interval")]
    if measured:
        marks += [
            ("measured", "measured, one dot per seed"),
            ("noise", "noise: what chance makes of the difference in 19 of 20 cases"),
        ]
    if best:
        marks.append(("best", "best variant of the swarm, trained again"))
    shown = _table(first, scale, measured, findings.objective, "Objective and metrics at the prior and at the proposal")
    folded = None
    if rest:
        more = _table(rest, scale, measured, None, "Further metrics at the prior and at the proposal")
        folded = details(f"{plural(len(rest), 'more metric')}, only watched", more)
    return section(
        "forecast",
        "Predicted against measured" if measured else "What the laws predict",
        plot.legend(*marks),
        shown,
        folded,
        lead=_lead(findings, measured),
    )


def _lead(findings: Findings, measured: bool) -> Child:
    parts = f": {findings.objective_parts}" if findings.objective_parts else ""
    moved = "The prior breaks the limits, so what is compared is the feasible mixture nearest to it. "
    words: list[Child] = [
        moved if findings.prior_moved else "",
        f"The objective is {findings.objective_words or findings.objective.name}{parts}. ",
    ]
    if findings.unit == "bits per byte":
        words.append("Bits per byte (BPB) are of held-out text; lower is better. ")
    if not measured:
        words.append("Nothing was trained at the proposal yet: every number on it is a prediction.")
        return words
    inside = [
        (metric.predicted_interval[0] <= value <= metric.predicted_interval[1])
        for metric in findings.metrics
        if metric.predicted_interval and (value := mean(metric.measured.get("proposal", ()))) is not None
    ]
    if inside:
        words.append(
            f"The measured mean lies in the predicted 90 % interval for {sum(inside)} of {plural(len(inside), 'metric')}."
        )
    return words


def _scale(rows: Sequence[Improvement]) -> plot.Axis:
    values = [0.0]
    for row in rows:
        values += [v for v in (row.predicted, row.mean, row.best, *row.seeds, *(row.interval or ())) if v is not None]
    scale = plot.axis(values, count=4, zero=True, margin=0.06)
    return dataclasses.replace(
        scale,
        ticks=tuple(
            (v, f"{signed(fixed(100 * v, places_for(1000 * (scale.high - scale.low) / 4)))} %") for v, _ in scale.ticks
        ),
    )


def _table(
    metrics: Sequence[Metric], scale: plot.Axis, measured: bool, objective: Metric | None, caption: str
) -> Markup:
    columns = [
        Column("Metric"),
        Column("Prior, trained" if measured else "Prior, predicted", "number", secondary=measured),
        Column("Predicted", "number"),
        *([Column("Measured", "number")] if measured else []),
        Column(_scale_head(scale), "graphic"),
        Column("Better by", "number", hint="Improvement over the prior: measured where it was, else predicted"),
    ]
    even = len({round(metric.weight, 9) for metric in metrics if metric is not objective}) == 1
    rows = []
    for metric in metrics:
        shift = improvement(metric)
        prior = mean(metric.measured.get("prior", ()))
        values = metric.measured.get("proposal", ())
        places = _places(metric)
        change = shift.mean if shift.mean is not None else shift.predicted
        tone = ("up" if (change or 0) > 0 else "down") if _beyond_noise(shift) else "muted"
        cells: list[Child | Cell] = [
            _name(metric, objective, even),
            fixed(prior if prior is not None else metric.prior_predicted, places),
            join(fixed(metric.predicted, places), _spread(metric, places)),
        ]
        if measured:
            cells.append(join(fixed(mean(values), places), _plus_minus(values, places)))
        words = _words(metric, shift)
        cells += [
            Cell(_strip(shift, scale, words), tip=words),
            Cell("" if change is None else signed(percent(change)), class_=tone),
        ]
        rows.append(Row(cells, class_="total" if metric is objective else ""))
    return table(columns, rows, caption=caption, class_="rows forecast")


def _beyond_noise(shift: Improvement) -> bool:
    """Measured: more than chance makes; predicted only: the interval has one sign."""
    if shift.mean is not None:
        return shift.noise is not None and abs(shift.mean) > shift.noise
    return shift.interval is not None and shift.interval[0] * shift.interval[1] > 0


def _name(metric: Metric, objective: Metric | None, even: bool) -> Markup:
    notes = []
    if metric is objective:
        notes.append("what the proposal optimises")
    elif metric.weight > 0 and not even:
        notes.append(f"{percent(metric.weight, 0)} of the objective")
    if metric.maximise:
        notes.append("higher is better")
    shown = breakable(metric.shown)
    return join(tag("span", shown, class_="leaf"), tag("small", " · ".join(notes)) if notes else None)


def _places(metric: Metric) -> int:
    spreads = [error(values) for values in metric.measured.values() if len(values) > 1]
    if metric.predicted_interval:
        spreads.append((metric.predicted_interval[1] - metric.predicted_interval[0]) / 3)
    known = [spread for spread in spreads if spread > 0]
    return min(max(places_for(min(known)), 3), 5) if known else 4


def _spread(metric: Metric, places: int) -> Markup | None:
    if metric.predicted_interval is None:
        return None
    low, high = metric.predicted_interval
    return tag("small", f"{fixed(low, places)} to {fixed(high, places)}")


def _plus_minus(values: Sequence[float], places: int) -> Markup | None:
    return tag("small", f"± {fixed(error(values), places)}, {plural(len(values), 'seed')}") if len(values) > 1 else None


def _words(metric: Metric, shift: Improvement) -> str:
    parts = [f"{metric.shown}: improvement over the prior"]
    if shift.predicted is not None:
        parts.append(f"predicted {signed(percent(shift.predicted))}")
    if shift.interval:
        parts.append(f"90 % interval {percent(shift.interval[0])} to {percent(shift.interval[1])}")
    if shift.mean is not None:
        noise = f" (noise ± {percent(shift.noise)})" if shift.noise is not None else ""
        parts.append(f"measured {signed(percent(shift.mean))}{noise}")
    if shift.best is not None:
        parts.append(f"best variant {signed(percent(shift.best))}")
    if len(parts) == 1:
        parts.append(NONE)
    return ", ".join(parts)


def _scale_head(scale: plot.Axis) -> Markup:
    marks = [plot.text(scale.at(value), 0.2, words) for value, words in scale.ticks]
    return plot.strip(*marks, alt="Scale of the improvement over the prior", height=16)


def _strip(shift: Improvement, scale: plot.Axis, words: str) -> Markup:
    marks: list[Child] = [
        plot.rule(scale.at(v), 0, scale.at(v), 1, class_="zero" if v == 0 else "grid") for v, _ in scale.ticks
    ]
    if shift.noise is not None:
        low, high = max(scale.at(-shift.noise), 0.0), min(scale.at(shift.noise), 1.0)
        marks.append(tag("rect", x=plot.pct(low), width=plot.pct(high - low), y="10%", height="80%", class_="noise"))
    if shift.interval is not None:
        marks.append(plot.rule(scale.at(shift.interval[0]), 0.66, scale.at(shift.interval[1]), 0.66, class_="band"))
    if shift.predicted is not None:
        marks.append(plot.dot(scale.at(shift.predicted), 0.66, class_="proposal", radius=4.5))
    marks += [plot.dot(scale.at(value), 0.3, class_="measured", radius=3) for value in shift.seeds]
    if shift.mean is not None:
        marks.append(plot.rule(scale.at(shift.mean), 0.12, scale.at(shift.mean), 0.48, class_="mean"))
    if shift.best is not None:
        marks.append(plot.rule(scale.at(shift.best), 0.1, scale.at(shift.best), 0.5, class_="best"))
    return plot.strip(*marks, alt=words, height=28)


def key_figures(findings: Findings) -> Markup:
    """The strip of large numbers under the answer."""
    items: list[tuple[str, str, str]] = []
    measured, predicted, best = findings.gain("prior", True), findings.gain("prior", False), findings.gain("best", True)
    if measured is not None:
        error_ = measured.standard_error
        note = (
            "one seed"
            if error_ is None
            else f"± {number(error_, 2)} standard error, {plural(measured.seeds or 0, 'seed')}"
        )
        items.append((signed(number(measured.value, 3)), "measured gain over the prior", note))
    if predicted is not None:
        places = places_for(abs(predicted.value) / 10)
        note = (
            "no interval"
            if predicted.interval is None
            else f"90 % interval {fixed(predicted.interval[0], places)} to {fixed(predicted.interval[1], places)}"
        )
        items.append((signed(number(predicted.value, 3)), "expected gain over the prior", note))
        if predicted.probability is not None:
            items.append(
                (
                    percent(predicted.probability, 0),
                    "of bootstrap refits put it above the prior",
                    "probability of a gain",
                )
            )
    if best is not None:
        note = "one seed" if best.standard_error is None else f"± {number(best.standard_error, 2)} standard error"
        items.append((signed(number(best.value, 3)), "measured gain over the best variant", note))
    else:
        expected = findings.gain("best", False)
        if expected is not None:
            chance = "" if expected.probability is None else f"in {percent(expected.probability, 0)} of the refits"
            items.append((signed(number(expected.value, 3)), "expected gain over the best run", chance))
    items.append(
        (
            f"{findings.runs:,}",
            "runs behind the laws",
            f"{plural(len(findings.failures), 'run')} failed" if findings.failures else "none failed",
        )
    )
    return tag(
        "dl",
        (tag("div", tag("dt", label), tag("dd", tag("b", value), tag("small", note))) for value, label, note in items),
        class_="figures",
    )
