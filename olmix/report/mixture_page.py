"""The page of a single run: tokens leaf by leaf, metrics, the loss. One HTML file that loads nothing and runs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from olmix.data.budgets import RunPlan, percent, shortage, training_line
from olmix.report import plot
from olmix.report.markup import Markup, tag, trusted
from olmix.report.mixture_result import MixtureReportResult
from olmix.report.page import asset, contents
from olmix.report.tables import Cell, Column, Row, section, table
from olmix.report.trained import thinned
from olmix.report.training import smoothed
from olmix.report.words import count, duration, fixed

if TYPE_CHECKING:
    from olmix.train.results import ProxyResult

_POINTS = 500


def render(title: str, plan: RunPlan, trained: ProxyResult, found: MixtureReportResult) -> str:
    """The whole page as text."""
    label, kind = ("counted: every token as planned", "better") if found.verified else (found.status, "worse")
    header = tag(
        "header",
        tag("p", "One run on one mixture", class_="eyebrow"),
        tag("h1", title),
        tag("p", label, class_=f"verdict {kind}"),
        tag("p", found.sentence, class_="answer"),
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content="default-src 'none'; style-src 'unsafe-inline'"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{title}: {label}"),
        tag("style", trusted(asset("page.css"))),
    )
    sections = [_tokens(plan, found), _metrics(found), _curve(trained), _final(plan)]
    there = [made for made in sections if made is not None]
    main = tag("div", contents(there), tag("main", header, *there), class_="layout")
    foot = tag("footer", "BPB is bits per byte of text that was held out of training; lower is better.")
    return f"<!doctype html>\n{tag('html', head, tag('body', main, foot), lang='en')}\n"


def _tokens(plan: RunPlan, found: MixtureReportResult) -> Markup:
    prior = {row.leaf: row for row in plan.leaves}
    columns = (
        Column("leaf"),
        *(Column(name, kind="number") for name in ("tokens there", "prior", "share", "planned", "counted")),
        *(Column(name, kind="number") for name in ("times read", "at most", "BPB")),
    )
    rows = [
        Row(
            (
                row.leaf,
                f"{prior[row.leaf].tokens:,}",
                percent(prior[row.leaf].prior),
                percent(row.share),
                f"{row.planned:,}",
                Cell(f"{row.counted:,}", class_="" if row.counted == row.planned else "worse"),
                f"{row.repetition:.3g}",
                f"{row.limit:g}",
                fixed(row.bpb, 4),
            )
        )
        for row in found.rows
    ]
    lead = f"{training_line(plan.training)[0].upper()}{training_line(plan.training)[1:]}."
    return section("tokens", "What was read", table(columns, rows, caption="Tokens by leaf"), lead=lead)


def _metrics(found: MixtureReportResult) -> Markup | None:
    leaves = {f"bpb/{row.leaf}" for row in found.rows}
    rows = [Row((name, fixed(value, 4))) for name, value in sorted(found.metrics.items()) if name not in leaves]
    if not rows:
        return None
    columns = (Column("metric"), Column("value", kind="number"))
    return section("metrics", "What it can do", table(columns, rows, caption="Metrics at the end of the run"))


def _curve(trained: ProxyResult) -> Markup | None:
    points = thinned([(float(tokens), loss) for tokens, loss in trained.loss_curve if loss is not None], _POINTS)
    if len(points) < 2:
        return None
    losses = smoothed(tuple(loss for _, loss in points))
    x = plot.axis([tokens for tokens, _ in points], zero=True, margin=0.01)
    x = plot.Axis(x.low, x.high, tuple((value, count(value)) for value, _ in x.ticks))
    y = plot.axis(losses[len(losses) // 50 :])
    line = [(x.at(tokens), min(y.at(loss), 1.05)) for (tokens, _), loss in zip(points, losses, strict=True)]
    drawing = plot.panel(
        x,
        y,
        plot.stretched(plot.line(line, class_="loss proposal")),
        alt="Training loss over tokens",
        x_label="tokens",
        y_label="loss in nats per token",
    )
    lead = (
        f"A running mean; {duration(trained.seconds)} of training, {count(trained.tokens_per_second)} tokens a second."
    )
    return section("curve", "How it learned", drawing, lead=lead)


def _final(plan: RunPlan) -> Markup | None:
    if plan.target is None:
        return None
    said = f"{plan.target.tokens:,} tokens = {plan.target.computed}."
    columns = (Column("leaf"), Column("has", kind="number"), Column("must hold", kind="number"))
    rows = [Row((row.leaf, f"{row.tokens:,}", f"{row.target_needs or 0:,}")) for row in plan.leaves]
    more = shortage(plan) if plan.short else "Every leaf can supply it within its repetition limit."
    return section(
        "final", "The final run", tag("p", more), table(columns, rows, caption="Tokens to supply"), lead=said
    )
