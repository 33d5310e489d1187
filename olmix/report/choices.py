"""What else could be chosen: trade-offs, the pull to the prior, and the runs most worth training next."""

from __future__ import annotations

from olmix.report import plot
from olmix.report.findings import Findings, Front, NextRun, PathPoint
from olmix.report.labels import breakable
from olmix.report.markup import Markup, join, tag
from olmix.report.tables import Column, Row, details, section, table
from olmix.report.words import fixed, number, percent, places_for


def tradeoff_section(findings: Findings) -> Markup | None:
    """The trade-off between two families of metrics, and the proposal as the pull to the prior varies."""
    figures = []
    if findings.front is not None and len(findings.front.points) > 1:
        figures.append(_front(findings, findings.front))
    if len(findings.path) > 1:
        figures.append(_path(sorted(findings.path, key=lambda point: point.divergence)))
    if not figures:
        return None
    marks = [("proposal", "efficient mixtures")]
    if findings.front is not None and findings.front.proposal is not None:
        marks += [("chosen", "the proposal"), ("prior", "the prior")]
    return section(
        "tradeoffs",
        "Trade-offs",
        plot.legend(*marks) if findings.front is not None else None,
        tag("div", *figures, class_="multiples two"),
        lead="How much of one thing costs how much of another, by the laws.",
    )


def _front(findings: Findings, front: Front) -> Markup:
    first, second = findings.label(front.first), findings.label(front.second)
    ends = [point for point in (front.prior, front.proposal) if point is not None]
    x = plot.axis([a for a, _ in (*front.points, *ends)], count=4)
    y = plot.axis([b for _, b in (*front.points, *ends)], count=4)
    path = [(x.at(a), y.at(b)) for a, b in sorted(front.points)]
    places = [places_for((axis.high - axis.low) / 20) for axis in (x, y)]

    def mark(point: tuple[float, float] | None, class_: str, words: str, radius: float = 5) -> Markup | None:
        if point is None:
            return None
        title = f"{words}: {first} {fixed(point[0], places[0])}, {second} {fixed(point[1], places[1])}"
        return plot.dot(x.at(point[0]), y.at(point[1]), class_=class_, radius=radius, title=title)

    dots = [mark(point, "proposal", "an efficient mixture", 3.5) for point in front.points]
    drawn = plot.panel(
        x,
        y,
        plot.stretched(plot.line(path, class_="main")),
        dots,
        mark(front.prior, "prior", "the prior"),
        mark(front.proposal, "chosen", "the proposal"),
        alt=f"The best trade-offs between {first} and {second}: {len(path)} efficient mixtures",
        height=260,
        x_label=f"{first} →",
        y_label=f"↑ {second}",
    )
    note = "no mixture within the limits improves one without harming the other"
    caption = tag("figcaption", tag("b", f"{first} against {second}"), tag("small", note))
    rows = [Row([fixed(a, places[0]), fixed(b, places[1])]) for a, b in sorted(front.points)]
    columns = [Column(first, "number"), Column(second, "number")]
    return tag("figure", caption, drawn, details("The numbers", table(columns, rows, caption="Efficient mixtures")))


def _path(points: list[PathPoint]) -> Markup:
    x = plot.axis([point.divergence for point in points], count=4, zero=True)
    y = plot.axis([point.objective for point in points], count=4)
    path = [(x.at(point.divergence), y.at(point.objective)) for point in points]
    places = places_for((y.high - y.low) / 20)
    dots = [
        plot.dot(
            a,
            b,
            class_="proposal",
            radius=4,
            title=f"λ = {number(point.strength, 2)}: {fixed(point.objective, places)}",
        )
        for (a, b), point in zip(path, points, strict=True)
    ]
    drawn = plot.panel(
        x,
        y,
        plot.stretched(plot.line(path, class_="main")),
        dots,
        alt=f"The predicted objective against the distance from the prior, for {len(points)} strengths of the pull",
        height=260,
        x_label="KL divergence from the prior →",
        y_label="↑ predicted objective",
    )
    note = "each dot is the proposal at one strength λ of the pull"
    caption = tag("figcaption", tag("b", "The pull to the prior"), tag("small", note))
    rows = [Row([number(p.strength, 2), fixed(p.objective, places), number(p.divergence, 3)]) for p in points]
    columns = [Column("λ"), Column("Objective", "number"), Column("Divergence", "number")]
    numbers = details("The numbers", table(columns, rows, caption="Proposals by strength of the pull to the prior"))
    return tag("figure", caption, drawn, numbers)


def next_section(findings: Findings) -> Markup | None:
    """The mixtures whose training would teach most."""
    if not findings.next_runs:
        return None
    rows = [
        Row([str(i), _mixture(findings, run), percent(run.remaining, 0)]) for i, run in enumerate(findings.next_runs, 1)
    ]
    left = findings.next_runs[-1].remaining
    return section(
        "next",
        "What to train next",
        table(
            [Column("#"), Column("Mixture"), Column("Doubt left", "number")],
            rows,
            caption="Runs that would teach most about the proposal",
        ),
        lead=f"These runs, in this order, are expected to leave {percent(left, 0)} of today's doubt about the proposal.",
    )


def _mixture(findings: Findings, run: NextRun, most: int = 6) -> Markup:
    largest = sorted(run.mixture.items(), key=lambda item: -item[1])
    shown = ", ".join(f"{breakable(findings.label(leaf))} {percent(weight)}" for leaf, weight in largest[:most])
    return join(shown + (f" and {len(largest) - most} more" if len(largest) > most else ""))
