"""What was trained: loss curves, runs that failed, and what it all cost."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from olmix.report import plot
from olmix.report.findings import Curve, Findings
from olmix.report.markup import Markup
from olmix.report.tables import Column, Row, details, section, table
from olmix.report.words import NONE, count, duration, fixed, percent, plural

#: From so many curves on, single ones are drawn fainter.
MANY = 60

#: Half the window of the running mean, as a share of the curve: a batch's loss says more about the batch than about the run.
SMOOTHING = 0.025

ROLES = {
    "swarm": "variants of the swarm",
    "prior": "prior",
    "best": "best variant, trained again",
    "proposal": "proposal",
}


def curves_section(findings: Findings) -> Markup | None:
    """Training loss of all runs; the validated mixtures stand out."""
    curves = [curve for curve in findings.curves if len(curve.loss) > 1]
    if not curves:
        return None
    curves = [dataclasses.replace(curve, loss=smoothed(curve.loss)) for curve in curves]
    late = [
        value
        for curve in curves
        for tokens, value in zip(curve.tokens, curve.loss, strict=True)
        if tokens > 0.02 * max(curve.tokens)
    ]
    x = plot.axis([t for curve in curves for t in curve.tokens], count=5, zero=True, margin=0.01)
    x = plot.Axis(x.low, x.high, tuple((v, count(v)) for v, _ in x.ticks))
    y = plot.axis(late, count=5)
    ordered = sorted(curves, key=lambda curve: list(ROLES).index(curve.role))
    many = " many" if len(curves) > MANY else ""
    lines = [
        plot.line(
            [(x.at(t), min(y.at(v), 1.05)) for t, v in zip(c.tokens, c.loss, strict=True)],
            class_=f"loss {c.role}{many if c.role == 'swarm' else ''}",
            title=c.run,
        )
        for c in ordered
    ]
    roles = [role for role in ROLES if any(curve.role == role for curve in curves)]
    last = sorted(curve.loss[-1] for curve in curves)
    lead = f"Training loss in nats per token of {plural(len(curves), 'run')}, as a running mean over 5 % of the run; "
    lead += f"at the end it lies between {fixed(last[0], 2)} and {fixed(last[-1], 2)}."
    if len(roles) > 1:
        lead += " Runs on different mixtures read different text: compare shapes here, and held-out metrics above."
    return section(
        "curves",
        "Loss curves",
        plot.legend(*((f"line-{role}", ROLES[role]) for role in roles)),
        plot.panel(
            x,
            y,
            plot.stretched(*lines),
            alt=lead,
            height=340,
            x_label="tokens trained on →",
            y_label="↑ training loss, nats per token",
            key="curves",
        ),
        details("Where each run ends", _last_values(ordered)),
        lead=lead,
    )


def smoothed(values: Sequence[float]) -> tuple[float, ...]:
    """A running mean, over fewer values at the ends; short curves stay as they are."""
    half = round(SMOOTHING * len(values))
    sums = [0.0]
    for value in values:
        sums.append(sums[-1] + value)
    bounds = [(max(i - half, 0), min(i + half + 1, len(values))) for i in range(len(values))]
    return tuple((sums[b] - sums[a]) / (b - a) for a, b in bounds)


def _last_values(curves: list[Curve]) -> Markup:
    rows = [Row([curve.run, ROLES[curve.role], count(curve.tokens[-1]), fixed(curve.loss[-1], 4)]) for curve in curves]
    columns = [
        Column("Run"),
        Column("What it is", secondary=True),
        Column("Tokens", "number"),
        Column("Training loss, smoothed", "number"),
    ]
    return table(columns, rows, caption="Training loss at the end of every run", sortable=True)


def failures_section(findings: Findings) -> Markup | None:
    """Runs that gave no result, with their mixtures."""
    if not findings.failures:
        return None
    rows = []
    for failure in findings.failures:
        largest = sorted(failure.mixture.items(), key=lambda item: -item[1])[:5]
        rows.append(
            Row(
                [
                    failure.run,
                    failure.reason,
                    ", ".join(f"{findings.label(leaf)} {percent(weight)}" for leaf, weight in largest),
                ]
            )
        )
    mixtures = any(failure.mixture for failure in findings.failures)
    columns = [Column("Run"), Column("Why"), Column("Its largest weights")]
    if not mixtures:
        columns, rows = columns[:2], [Row(row.cells[:2]) for row in rows]
    return section(
        "failures",
        "Failed runs",
        table(columns, rows, caption="Runs that gave no result"),
        lead=f"{plural(len(findings.failures), 'run')} gave no result, so the laws know nothing about mixtures like "
        f"{'this one' if len(findings.failures) == 1 else 'these'}.",
    )


def cost_section(findings: Findings) -> Markup | None:
    """Tokens and hours, part by part."""
    if not findings.costs:
        return None
    gpus = any(cost.gpu_seconds for cost in findings.costs)
    columns = [
        Column("Part"),
        Column("Training runs", "number"),
        Column("Tokens trained on", "number"),
        Column("CPU time", "number"),
        *([Column("GPU time", "number")] if gpus else []),
    ]
    rows = [
        Row(
            [
                c.part,
                f"{c.runs:,}" if c.runs else NONE,
                count(c.tokens),
                duration(c.cpu_seconds),
                *([duration(c.gpu_seconds)] if gpus else []),
            ]
        )
        for c in findings.costs
    ]
    tokens = sum(cost.tokens or 0 for cost in findings.costs)
    cpu, gpu = sum(cost.cpu_seconds for cost in findings.costs), sum(cost.gpu_seconds for cost in findings.costs)
    rows.append(
        Row(
            [
                "All",
                f"{sum(c.runs for c in findings.costs):,}",
                count(tokens),
                duration(cpu),
                *([duration(gpu)] if gpus else []),
            ],
            class_="total",
        )
    )
    used = f"{duration(gpu)} of GPUs and {duration(cpu)} of CPUs" if gpus else f"{duration(cpu)} of CPUs"
    trained = f"{count(tokens)} tokens trained on, " if tokens else ""
    return section(
        "cost",
        "What it cost",
        table(columns, rows, caption="Tokens and machine time of every part"),
        lead=f"{trained}{used} held; results that were already in the store are counted as they were first made.",
    )
