"""What to doubt: the stated uncertainty, single runs that the laws cannot explain or that stand alone, leaves not identified."""

from __future__ import annotations

from olmix.report.findings import Findings, RunDoubt
from olmix.report.labels import breakable
from olmix.report.markup import Markup, tag
from olmix.report.tables import Cell, Column, Row, details, section, table
from olmix.report.words import fixed, listing, percent, places_for, plural

#: A run is named in the lead from this many standard deviations on.
SURPRISING = 3.0
#: A run alone decides what the laws say along some direction from about this leverage on.
ALONE = 0.9
#: Runs shown at once.
SHOWN = 8


def doubts_section(findings: Findings) -> Markup | None:
    """Calibration, the runs to look at, the leaves that the runs do not tell apart."""
    if not findings.run_doubts and not findings.calibration:
        return None
    doubtful = [leaf for leaf in findings.leaves if not leaf.identified]
    runs = findings.run_doubts
    shown, rest = runs[:SHOWN], runs[SHOWN:]
    return section(
        "doubts",
        "What to doubt",
        _runs(shown, "Runs that the laws explain least") if shown else None,
        details(f"{plural(len(rest), 'more run')}", _runs(rest, "Further runs")) if rest else None,
        details(f"Why {plural(len(doubtful), 'leaf is', 'leaves are')} not identified", _leaves(findings))
        if doubtful
        else None,
        details("How often the laws' intervals held", _calibration(findings)) if findings.calibration else None,
        lead=_lead(findings),
    )


def _lead(findings: Findings) -> str:
    words = []
    covered = dict(findings.calibration).get(0.9)
    if covered is not None:
        honest = (
            "about as often as they should"
            if 0.83 <= covered <= 0.97
            else "too seldom"
            if covered < 0.83
            else "too often"
        )
        tail = {
            "too seldom": ": the laws are surer than they may be",
            "too often": ": the laws are more careful than they need be",
        }
        words.append(
            f"90 % intervals held the left-out runs {percent(covered, 0)} of the time, {honest}{tail.get(honest, '')}"
        )
    odd = [run.run for run in findings.run_doubts if run.surprise > SURPRISING]
    if odd:
        which, those = ("run", "that run") if len(odd) == 1 else ("runs", "those runs")
        words.append(
            f"{which} {listing(odd, 4)} came out far from what laws fitted without {'it' if len(odd) == 1 else 'them'}"
            f" expected: look at {those} before trusting the fit"
        )
    elif findings.run_doubts:
        words.append("no single run came out far from what laws fitted without it expected")
    alone = sum(run.leverage > ALONE for run in findings.run_doubts)
    if alone:
        stand = plural(alone, "mixture stands", "mixtures stand")
        words.append(f"{stand} so alone that the laws have to believe {'it' if alone == 1 else 'them'}")
    doubtful = [leaf.shown for leaf in findings.leaves if not leaf.identified]
    if doubtful:
        words.append(f"the runs cannot tell what {listing(doubtful, 4)} {'does' if len(doubtful) == 1 else 'do'}")
    text = "; ".join(words)
    return f"{text[:1].upper()}{text[1:]}."


def _calibration(findings: Findings) -> Markup:
    columns = [
        Column("Interval of the laws"),
        *(Column(percent(level, 0), "number") for level, _ in findings.calibration),
    ]
    rows = [Row(["Left-out runs inside", *(percent(share, 0) for _, share in findings.calibration)])]
    return table(columns, rows, caption="Share of the left-out runs inside the laws' intervals, over all metrics")


def _runs(runs: tuple[RunDoubt, ...], caption: str) -> Markup:
    gains = [run.gain_without for run in runs if run.gain_without is not None]
    places = places_for((max(gains) - min(gains)) / 3) if gains else 0
    columns = [
        Column("Run"),
        Column("Surprise", "number", hint="How many standard deviations laws without this run were off; 1 is usual"),
        Column(
            "Leverage", "number", hint="How alone its mixture stands: at 1 nothing checks what happened in this run"
        ),
        *(
            [Column("Gain without it", "number", hint="The proposal's expected gain by laws without this run")]
            if gains
            else []
        ),
    ]
    rows = [
        Row(
            [
                breakable(run.run),
                Cell(fixed(run.surprise, 2), run.surprise),
                Cell(fixed(run.leverage, 2), run.leverage),
                *([Cell(fixed(run.gain_without, places), run.gain_without)] if gains else []),
            ]
        )
        for run in runs
    ]
    return table(columns, rows, caption=caption, sortable=True)


def _leaves(findings: Findings) -> Markup:
    columns = [Column("Leaf"), Column("Range over the runs", "number"), Column("Why")]
    rows = [
        Row(
            [
                breakable(leaf.shown),
                "" if leaf.swarm is None else f"{percent(leaf.swarm[0])} to {percent(leaf.swarm[1])}",
                tag("span", leaf.doubt or "not told"),
            ]
        )
        for leaf in findings.leaves
        if not leaf.identified
    ]
    return table(columns, rows, caption="Leaves whose effect the runs cannot tell")
