"""The mixture against the prior, and what it asks of the data: weights, caps, tokens, repetition."""

from __future__ import annotations

from collections.abc import Iterator

from olmix.report import plot
from olmix.report.findings import Findings, Leaf, Reused
from olmix.report.labels import breakable
from olmix.report.markup import Child, Markup, join, tag
from olmix.report.tables import Cell, Column, Row, details, section, table
from olmix.report.words import NONE, count, fixed, interval, percent, plural, signed, times


def mixture_section(findings: Findings) -> Markup:
    """Weight of every leaf: prior, proposal with its interval, and the cap."""
    scale = weight_axis(findings.leaves)
    intervals = any(leaf.interval for leaf in findings.leaves)
    columns = [
        Column("Leaf"),
        Column("Prior", "number", secondary=True),
        Column(_scale_head(scale), "graphic"),
        Column("Proposed", "number"),
        *([Column("90 % interval", "number", secondary=True)] if intervals else []),
        Column("Change, points", "number", secondary=True),
    ]
    rows = []
    for source, leaves in by_source(findings.leaves):
        if source is not None:
            rows.append(_source_row(source, leaves, columns))
        rows += [_leaf_row(leaf, scale, intervals, indent=source) for leaf in leaves]
    marks = [("prior", "prior"), ("proposal", "proposal"), *([("band", "90 % interval")] if intervals else [])]
    if any(leaf.cap is not None and leaf.cap < 1 for leaf in findings.leaves):
        marks.append(("cap", "cap: the data allow no more"))
    if any(leaf.swarm for leaf in findings.leaves):
        marks.append(("swarm", "range covered by the runs"))
    return section(
        "mixture",
        "The mixture",
        plot.legend(*marks),
        table(columns, rows, caption="Weight of every leaf in the prior and in the proposal", class_="rows mixture"),
        *(_reused(findings, item) for item in findings.reused),
        lead=_mixture_lead(findings),
    )


def _reused(findings: Findings, item: Reused) -> Markup:
    """The leaves inside a virtual one, whose shares an earlier mixture fixes."""
    leaf = next(leaf for leaf in findings.leaves if leaf.name == item.leaf)
    rows = [
        Row([breakable(part), percent(share), percent(leaf.prior * share), percent(leaf.proposed * share)])
        for part, share in sorted(zip(item.parts, item.shares, strict=True), key=lambda pair: -pair[1])
    ]
    columns = [Column("Leaf"), *(Column(name, "number") for name in ("Fixed share", "Prior", "Proposed"))]
    words = f"{leaf.shown} stands for {plural(len(item.parts), 'leaf', 'leaves')} in the shares of an earlier mixture"
    return details(words, table(columns, rows, caption=words))


def _mixture_lead(findings: Findings) -> str:
    held = sum(leaf.at_cap for leaf in findings.leaves)
    distance = sum(abs(leaf.proposed - leaf.prior) for leaf in findings.leaves) / 2
    words = f"{percent(distance)} of the mixture moves between {plural(len(findings.leaves), 'leaf', 'leaves')}"
    if held:
        words += f"; {held} of them {'is' if held == 1 else 'are'} held at the cap"
    unknown = [leaf for leaf in findings.leaves if not leaf.identified]
    if unknown:
        words += f"; the runs cannot tell what {plural(len(unknown), 'leaf does', 'leaves do')} (marked ?)"
    cut = f" Names are shown without {findings.names_left_out}." if findings.names_left_out else ""
    return f"{words}.{cut}"


def weight_axis(leaves: tuple[Leaf, ...]) -> plot.Axis:
    """From 0 to the largest weight shown, in percent ticks; caps beyond it are not drawn."""
    top = max(max(leaf.prior, leaf.proposed, leaf.interval[1] if leaf.interval else 0) for leaf in leaves)
    high = min(1.04 * top, 1.0) or 1.0
    step = plot.nice_step(high / 4)
    ticks = tuple((i * step, f"{100 * i * step:g} %") for i in range(int(high / step * (1 + 1e-9)) + 1))
    return plot.Axis(0.0, high, ticks)


def _scale_head(scale: plot.Axis) -> Markup:
    marks = [
        plot.text(scale.at(v), 0.2, words, anchor="start" if i == 0 else "middle")
        for i, (v, words) in enumerate(scale.ticks)
    ]
    return plot.strip(*marks, alt="Scale of the weights", height=16)


def by_source(leaves: tuple[Leaf, ...]) -> Iterator[tuple[str | None, list[Leaf]]]:
    """Leaves by proposed weight, under their source where it has several; single leaves stand alone."""
    groups: dict[str, list[Leaf]] = {}
    for leaf in leaves:
        groups.setdefault(leaf.shown.split(":")[0], []).append(leaf)
    for source, members in sorted(groups.items(), key=lambda item: (-sum(leaf.proposed for leaf in item[1]), item[0])):
        members.sort(key=lambda leaf: (-leaf.proposed, -leaf.prior, leaf.shown))
        yield (source if len(members) > 1 else None), members


def leaf_label(leaf: Leaf, indent: str | None) -> Markup:
    """The leaf's name, without the source when it stands under it; a mark when the runs do not identify it."""
    shown = leaf.shown if indent is None else leaf.shown[len(indent) + 1 :] or leaf.shown
    doubt = tag("abbr", " ?", title="The runs cannot tell what this leaf does", class_="doubt")
    return join(
        tag("span", breakable(shown), class_="leaf" if indent is None else "leaf inner"),
        None if leaf.identified else doubt,
    )


def _source_row(source: str, leaves: list[Leaf], columns: list[Column]) -> Row:
    prior, proposed = sum(leaf.prior for leaf in leaves), sum(leaf.proposed for leaf in leaves)
    cells: list[Child] = [source, percent(prior), "", percent(proposed)]
    cells += [""] * (len(columns) - 5) + [signed(fixed(100 * (proposed - prior), 1))]
    return Row(cells, class_="group")


def _leaf_row(leaf: Leaf, scale: plot.Axis, intervals: bool, indent: str | None) -> Row:
    shown = interval(100 * leaf.interval[0], 100 * leaf.interval[1], 1) if leaf.interval else NONE
    change = leaf.proposed - leaf.prior
    proposed: Child = join(
        percent(leaf.proposed), tag("abbr", " cap", title="Held at its cap", class_="at-cap") if leaf.at_cap else None
    )
    words = f"{leaf.shown}: prior {percent(leaf.prior)}, proposed {percent(leaf.proposed)}"
    if leaf.interval:
        words += f", 90 % interval {shown} %"
    if leaf.cap is not None and leaf.cap < 1:
        words += f", cap {percent(leaf.cap)}"
    cells: list[Child | Cell] = [
        leaf_label(leaf, indent),
        percent(leaf.prior),
        Cell(_leaf_strip(leaf, scale, words), tip=words),
        proposed,
        *([shown] if intervals else []),
        Cell(signed(fixed(100 * change, 1)), class_="up" if change > 0.0005 else "down" if change < -0.0005 else ""),
    ]
    return Row(cells)


def _leaf_strip(leaf: Leaf, scale: plot.Axis, words: str) -> Markup:
    prior, proposed, middle = scale.at(leaf.prior), scale.at(leaf.proposed), 0.5
    marks: list[Child] = [plot.rule(scale.at(v), 0, scale.at(v), 1, class_="grid") for v, _ in scale.ticks]
    if leaf.swarm:
        low, high = (min(scale.at(v), 1.0) for v in leaf.swarm)
        marks.append(plot.rule(low, 0.12, high, 0.12, class_="swarm"))
    if leaf.interval:
        marks.append(plot.rule(scale.at(leaf.interval[0]), middle, scale.at(leaf.interval[1]), middle, class_="band"))
    marks.append(plot.rule(prior, middle, proposed, middle, class_="move up" if proposed >= prior else "move down"))
    if leaf.cap is not None and leaf.cap < 1 and scale.at(leaf.cap) <= 1:
        marks.append(plot.rule(scale.at(leaf.cap), 0.14, scale.at(leaf.cap), 0.86, class_="cap"))
    marks.append(plot.dot(prior, middle, class_="prior", radius=4))
    marks.append(plot.dot(proposed, middle, class_="proposal", radius=5))
    return plot.strip(*marks, alt=words)


def supply_section(findings: Findings) -> Markup | None:
    """Tokens and repetition of every leaf against its limit in the target run."""
    known = [leaf for leaf in findings.leaves if leaf.tokens is not None]
    if not known:
        return None
    target = findings.target_tokens
    columns = [
        Column("Leaf"),
        Column("Tokens there are", "number", secondary=target is not None),
        *([Column("Tokens read", "number"), Column("Share of what the limit allows", "graphic")] if target else []),
        *(
            [
                Column("Reads", "number"),
                Column("Limit", "number", secondary=True),
                Column("Reads in the prior", "number", secondary=True),
            ]
            if target
            else []
        ),
    ]
    rows = []
    for source, leaves in by_source(tuple(known)):
        if source is not None:
            total: list[Child] = [source, count(sum(leaf.tokens or 0 for leaf in leaves))]
            if target:
                total += [count(target * sum(leaf.proposed for leaf in leaves)), "", "", "", ""]
            rows.append(Row(total, class_="group"))
        for leaf in leaves:
            cells: list[Child | Cell] = [leaf_label(leaf, source), count(leaf.tokens)]
            if target:
                cells += [
                    count(target * leaf.proposed),
                    _reads_strip(leaf),
                    times(leaf.repetition),
                    times(leaf.repetition_limit),
                    times(leaf.prior_repetition),
                ]
            rows.append(Row(cells))
    worst = max(
        (leaf for leaf in known if leaf.repetition is not None), key=lambda leaf: leaf.repetition or 0, default=None
    )
    lead = (
        f"For a final run of {count(target)} tokens"
        if target
        else "No final run was declared, so nothing limits the weights"
    )
    if target and worst is not None:
        lead += f" the proposal reads {worst.shown} most often, {times(worst.repetition)}"
        over = [
            leaf
            for leaf in known
            if leaf.prior_repetition
            and leaf.repetition_limit
            and leaf.prior_repetition > leaf.repetition_limit * (1 + 1e-9)
        ]
        if over:
            lead += f"; the prior itself would break the limits of {plural(len(over), 'leaf', 'leaves')}"
    return section(
        "supply",
        "Tokens and repetition",
        table(
            columns, rows, caption="Tokens of every leaf and how often the final run reads them", class_="rows supply"
        ),
        lead=lead + ".",
    )


def _reads_strip(leaf: Leaf) -> Cell:
    if leaf.repetition is None or not leaf.repetition_limit:
        return Cell("")
    share = leaf.repetition / leaf.repetition_limit
    words = f"{leaf.shown}: read {times(leaf.repetition)} of {times(leaf.repetition_limit)} allowed"
    full = " full" if share >= 1 - 1e-6 else ""
    marks = [
        plot.rule(0, 0.5, 1, 0.5, class_="track"),
        plot.rule(0, 0.5, min(share, 1.0), 0.5, class_=f"bar{full}") if share > 0 else None,
    ]
    return Cell(plot.strip(*marks, alt=words), tip=words)
