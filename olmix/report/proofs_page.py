"""The page of a proof experiment, from `Findings` to one HTML file that loads nothing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from olmix.proofs.pipeline.evaluation import Row as Proof
from olmix.proofs.pipeline.evaluation import Scores
from olmix.proofs.pipeline.intervals import MANY, Rate
from olmix.report import plot
from olmix.report.markup import Child, Markup, tag, trusted
from olmix.report.page import asset, contents
from olmix.report.proofs_findings import Findings, sweep_rows
from olmix.report.tables import Column, Row, section, table
from olmix.report.words import percent

#: What this page has and the others have not.
_STYLE = """
article { border-top: 1px solid var(--line); padding: .2rem 0 1rem; }
article h3 { margin: .9rem 0 .5rem; }
article h3 small { font-weight: 400; display: inline; margin-left: .5em; }
article p { font: 14px/1.45 var(--sans); margin: .4rem 0; overflow-wrap: anywhere; }
article p.tex { white-space: pre-wrap; }
article p.tex { font: 13px/1.55 var(--mono); background: var(--raised); padding: .5rem .7rem; border-radius: 4px; }
article p.tex b { font: 600 12px/1 var(--sans); color: var(--soft); margin-right: .5em; }
.right { color: #1a7f37; } .wrong { color: #b42318; } .open { color: var(--best); }
mark { background: #ffd9d4; color: #7a130b; padding: .1em .15em; }
.stretch .curve { stroke: var(--proposal); stroke-width: 2; }
.stretch .interval { fill: var(--band); fill-opacity: .45; stroke: none; }
.swatch.dot { background: var(--proposal); }
"""

_VERDICTS = {"helped": ("it helped", "better"), "hurt": ("it hurt", "worse"), "not shown": ("not shown", "noise")}


def render(findings: Findings, examples: int) -> str:
    """The whole page as text."""
    sections = [
        _scores(findings), _curve(findings), _examples(findings, examples), _fates(findings), _data(findings), _sweep(findings),
        _judge(findings),
    ]  # fmt: skip
    there = [made for made in sections if made is not None]
    overlap = f"The intervals of the two rates {'do not overlap' if findings.result.apart else 'overlap'}."
    label, kind = _VERDICTS[findings.result.verdict]
    header = tag(
        "header",
        tag("p", "Olympiad inequalities", class_="eyebrow"),
        tag("h1", findings.title),
        tag("p", label, class_=f"verdict {kind}"),
        tag("p", f"{findings.result.answer} {overlap}", class_="answer"),
    )
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("link", rel="icon", href="data:,"),
        tag("title", f"{findings.title}: {findings.result.verdict}"),
        tag("style", trusted(asset("page.css"))),
        tag("style", trusted(_STYLE)),
    )
    foot = tag(
        "footer",
        "Intervals are 95 % intervals: Wilson for rates; for the gain an exact one where fewer than "
        f"{MANY} problems differ, else the paired bootstrap. It is called a gain where McNemar's exact test says so too.",
    )
    body = tag("body", tag("div", contents(there), tag("main", header, *there), class_="layout"), foot)
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _columns(*names: str, numbers: int = 0) -> tuple[Column, ...]:
    """Columns of text, the last `numbers` of them of numbers."""
    text = len(names) - numbers
    return tuple(Column(name, "text" if index < text else "number") for index, name in enumerate(names))


def _titled(columns: Sequence[Column], rows: Sequence[Row], title: str) -> Markup:
    """A table under a heading of its own."""
    return tag("div", tag("h3", title), table(columns, rows, caption=title))


def _rate(rate: Rate) -> Markup:
    """The rate, and below it its interval and the counts."""
    if not rate.of:
        return tag("span", "none to count")
    interval = f"{100 * rate.low:.1f} to {100 * rate.high:.1f}; {rate.hits} of {rate.of}"
    return tag("span", percent(rate.value, 1), tag("small", interval))


def _rate_text(rate: Rate) -> str:
    return f"{percent(rate.value, 1)} ({100 * rate.low:.1f} to {100 * rate.high:.1f}; {rate.hits} of {rate.of})"


def _scores(findings: Findings) -> Markup:
    def line(name: str, scores: Scores) -> Row:
        cells = (
            name,
            _rate(scores.checked),
            _rate(scores.understood),
            str(scores.undecided),
            str(scores.cut_off),
            scores.engine,
        )
        return Row(cells)

    result = findings.result
    shots = f"{result.baseline.shots}-shot" if result.baseline.shots else "zero-shot"
    rows = [line(f"before, {shots}", result.baseline), line("after, zero-shot", result.final)]
    by_technique = [
        Row((name, _rate(result.baseline.by_technique[name]), _rate(result.final.by_technique[name])))
        for name in sorted(result.final.by_technique)
    ]
    reasons = sorted(set(result.baseline.reasons) | set(result.final.reasons))
    why = [
        Row((reason, str(result.baseline.reasons.get(reason, 0)), str(result.final.reasons.get(reason, 0))))
        for reason in reasons
    ]
    gain = result.gain
    points = f"{100 * gain.mean:+.1f} points ({100 * gain.low:+.1f} to {100 * gain.high:+.1f}, {gain.method})"
    lead = (
        "A proof counts if the machine accepts every link of it and they lead to the claim. "
        f"The gain over the same {gain.problems} problems is {points}; {gain.test()}."
    )
    columns = (
        Column(""),
        *(Column(name, "number") for name in ("checked proofs", "about the claim", "undecided")),
        # What a phone has no room for.
        Column("cut off", "number", secondary=True),
        Column("written by", secondary=True),
    )
    return section(
        "scores",
        "Did it help?",
        _titled(columns, rows, "Unseen problems"),
        _titled(_columns("technique", "before", "after", numbers=2), by_technique, "Checked proofs by technique"),
        _titled(_columns("why not", "before", "after", numbers=2), why, "Proofs that were not accepted"),
        lead=lead,
    )


def _curve(findings: Findings) -> Markup | None:
    curve = findings.curve.curve
    if len(curve) < 2:
        return None
    count = findings.training_set.items
    sizes = [share * count for share, _ in curve]
    log = plot.log_axis(sizes)
    xs = plot.Axis(log.low, log.high, tuple((size, f"{size:,.0f}") for size in sizes), log.log)
    ys = plot.axis([0.0, *(scores.checked.high for _, scores in curve)], zero=True)
    ys = plot.Axis(ys.low, ys.high, tuple((value, percent(value)) for value, _ in ys.ticks))
    rows = [Row((f"{share * count:,.0f}", _rate(scores.checked), _loss(findings, share))) for share, scores in curve]
    points = [(xs.at(share * count), ys.at(scores.checked.value)) for share, scores in curve]
    upper = [(xs.at(share * count), ys.at(scores.checked.high)) for share, scores in curve]
    lower = [(xs.at(share * count), ys.at(scores.checked.low)) for share, scores in curve]
    marks: list[Child] = [
        plot.stretched(plot.band(upper, lower, class_="interval"), plot.line(points, class_="curve")),
        *[plot.dot(x, y, class_="proposal") for x, y in points],
    ]
    drawing = plot.panel(
        xs,
        ys,
        *marks,
        alt="Checked proofs over training problems",
        x_label="training problems →",
        y_label="↑ checked proofs",
    )
    return section(
        "curve",
        "More data?",
        plot.legend(("dot", "checked proofs of unseen problems"), ("band", "95 % interval")),
        drawing,
        _titled(_columns("training problems", "checked proofs", "validation loss", numbers=2), rows, "Learning curve"),
        lead="Nested subsets of the training set, each trained for the same number of epochs.",
    )


def _loss(findings: Findings, share: float) -> str:
    loss = next((run.validation_loss for own, run in findings.train.runs if own == share), None)
    return "" if loss is None else f"{loss:.3f}"


_KINDS = ("accepted", "rejected", "undecided")


def _examples(findings: Findings, count: int) -> Markup:
    kinds = {kind: [row for row in findings.after if row.look.verdict == kind] for kind in _KINDS}
    there = [f"{min(count, len(rows))} of {len(rows):,} {kind}" for kind, rows in kinds.items() if rows]
    none = [kind for kind, rows in kinds.items() if not rows]
    lead = f"Of the tuned model, as written, from the beginning of the test set: {', '.join(there)}."
    return section(
        "proofs",
        "What the proofs look like",
        *[_proof(row) for rows in kinds.values() for row in rows[:count]],
        lead=lead + (f" None was {' or '.join(none)}." if none else ""),
    )


def _proof(row: Proof) -> Markup:
    colour = {"accepted": "right", "rejected": "wrong"}.get(row.look.verdict, "open")
    title = (tag("span", row.look.verdict, class_=colour), tag("small", f"{row.item.id} · {row.item.technique}"))
    return tag(
        "article",
        tag("h3", *title),
        tag("p", tag("b", "Problem"), row.item.problem, class_="tex"),
        tag(
            "p",
            tag("b", "Proof"),
            *(_marked(row.proof, row.look.failing) if row.proof else ["(nothing)"]),
            class_="tex",
        ),
        tag("p", f"{row.look.reason}{f': {row.look.detail}' if row.look.detail else ''}"),
    )


def _marked(proof: str, failing: str) -> list[Child]:
    """The proof with the failing relation marked, where its text is found again."""
    place = find_relation(proof, failing)
    if place is None:
        return [proof]
    start, end = place
    return [proof[:start], tag("mark", proof[start:end]), proof[end:]]


def find_relation(proof: str, failing: str) -> tuple[int, int] | None:
    """Where in a proof a relation stands that the checker wrote as tokens (`a ^ { 2 } >= 0`): spacing, sizes of brackets
    and the way of writing the relation do not matter. None where it is not found, as in lines that go on from the one before.
    """
    sides = re.split(r" (?:<=|>=|!=|<|>|=) ", failing)
    if len(sides) != 2:
        return None
    gap = r"(?:\s|&|\\(?:left|right|,|;|!|quad|displaystyle)(?![A-Za-z])|\\\\)*"
    both = []
    for side in sides:
        characters = re.findall(r"\\[A-Za-z]+|\S", re.sub(r"\\(?:left|right)(?![A-Za-z])", "", side))
        both.append(gap.join(re.escape(character) for character in characters))
    relation = r"(?:\\(?:geq?|leq?|neq?|geqslant|leqslant|equiv)(?![A-Za-z])|[<>=])"
    found = re.search(both[0] + gap + relation + gap + both[1], proof)
    return found.span() if found else None


def _fates(findings: Findings) -> Markup:
    rows = [Row((fate.technique, fate.fate, fate.reason, str(fate.count))) for fate in findings.verified.fates]
    verified = findings.verified
    parts: list[Child] = [
        _titled(_columns("technique", "fate", "reason", "items", numbers=1), rows, "Every generated item")
    ]
    if verified.agreement is not None:
        agreement = verified.agreement
        parts.append(
            tag(
                "p",
                f"The verifier ({verified.engine}) accepts {_rate_text(agreement.accepts_right)} of the right proofs and rejects "
                f"{_rate_text(agreement.rejects_wrong)} of the wrong ones, where the machine knows; "
                f"{verified.shots} right and as many wrong proofs stood in its prompt.",
            )
        )
    asked = sum(one.asked for one in findings.generated)
    failed = Counter[str]()
    for one in findings.generated:
        failed.update(one.failed)
    if failed:
        parts.append(
            _titled(
                _columns("why not", "times", numbers=1),
                [Row((reason, f"{count:,}")) for reason, count in failed.most_common()],
                "What was tried and not written",
            )
        )
    lead = (
        f"{asked:,} asked for, {verified.items:,} generated: {verified.kept:,} kept, {verified.dropped:,} dropped, "
        f"{verified.undecided:,} undecided."
    )
    return section("fates", "Where the items went", *parts, lead=lead)


def _data(findings: Findings) -> Markup:
    split = findings.split
    strata = [Row((name, *(str(count) for count in counts))) for name, counts in split.strata.items()]
    components = [
        Row((c.name, percent(c.share, 1), f"{c.available:,}", f"{c.used:,}", f"{c.read:.2f}"))
        for c in findings.training_set.components
    ]
    removed = [Row((name, why)) for name, why in list(split.removed.items())[:50]]
    parts: Sequence[Child] = [
        _titled(
            _columns("technique/difficulty", "train", "validation", "test", numbers=3),
            strata,
            "The split, by canonical key",
        ),
        _titled(_columns("component", "share", "has", "used", "times read", numbers=4), components, "The training set"),
        _titled(
            _columns("item", "meets"), removed, f"Removed, {len(split.removed):,} in all: they meet a given test set"
        )
        if removed
        else None,
    ]
    lead = f"The test side has one problem of each key; {split.set_aside:,} others of those keys were set aside."
    if split.foreign:
        lead += (
            f" No training problem is one of {split.foreign:,} given test problems, by key and by words"
            f"{f' ({split.foreign_by_words:,} of them could not be read: by words alone)' if split.foreign_by_words else ''}."
        )
    left_out = findings.train.runs[-1][1].left_out
    if left_out:
        lead += f" {left_out:,} training and validation examples were longer than the length and left out."
    return section("data", "The data", *parts, lead=lead)


def _sweep(findings: Findings) -> Markup | None:
    if findings.sweep is None:
        return None
    rows = [Row(row) for row in sweep_rows(findings.sweep)]
    lead = "Chosen by the loss on the validation side (GRPO: by reward); the test side had no say."
    columns = _columns("part of the training set", "learning rate", "loss", "")
    return section("sweep", "Learning rates", _titled(columns, rows, "Every trial"), lead=lead)


def _silent(count: int) -> str:
    return f"{count:,} of all these proofs got no verdict, which counts as not right." if count else ""


def _judge(findings: Findings) -> Markup | None:
    judge = findings.judge
    if judge is None:
        return None
    # A config has its evaluations in the order of the alphabet.
    names = sorted(judge.judged, key=lambda name: (name != "before", name))
    rows = [Row((name, _rate(judge.judged[name]), _rate(judge.with_machine[name]))) for name in names]
    faults = [Row((name, _rate(rate))) for name, rate in judge.reliability.by_fault.items()]
    return section(
        "judge",
        "What a judge says",
        _titled(_columns("proofs", "judged right", "agrees with the machine", numbers=2), rows, f"By {judge.judge}"),
        _titled(_columns("what was done to a right proof", "noticed", numbers=1), faults, "The judge, judged"),
        tag(
            "p",
            f"On proofs that are known: it accepts {_rate_text(judge.reliability.accepts_right)} of the right ones and rejects "
            f"{_rate_text(judge.reliability.rejects_wrong)} of the corrupted ones. "
            f"Spent ${judge.dollars:.2f}, estimated at most ${judge.estimate:.2f}. {_silent(judge.no_verdict)}",
        ),
    )
