"""The page of a proof experiment, from `Findings` to one HTML file that loads nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence

from olmix.proofs.evaluation import Row as Proof
from olmix.proofs.evaluation import Scores
from olmix.proofs.intervals import Rate
from olmix.report import plot
from olmix.report.markup import Child, Markup, tag, trusted
from olmix.report.page import asset
from olmix.report.proofs import Findings, sweep_rows
from olmix.report.tables import Column, Row, section, table
from olmix.report.words import percent

_STYLE = "pre{white-space:pre-wrap}.right{color:#1a7f37}.wrong{color:#b42318}mark{background:#ffd9d4;color:#7a130b}"


def render(findings: Findings, examples: int) -> str:
    """The whole page as text."""
    sections = [
        _scores(findings), _curve(findings), _examples(findings, examples), _fates(findings), _data(findings), _sweep(findings),
        _judge(findings),
    ]  # fmt: skip
    overlap = f"The intervals of the two rates {'do not overlap' if findings.result.apart else 'overlap'}."
    header = tag(
        "header",
        tag("p", "Olympiad inequalities", class_="eyebrow"),
        tag("h1", findings.title),
        tag("p", f"{findings.result.answer} {overlap}", class_="answer"),
    )
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{findings.title}: {findings.result.verdict}"),
        tag("style", trusted(asset("page.css"))),
        tag("style", trusted(_STYLE)),
    )
    foot = tag("footer", "Intervals are 95 % intervals: Wilson for rates, paired bootstrap for differences.")
    body = tag("body", tag("main", header, *[made for made in sections if made is not None]), foot)
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _columns(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name) for name in names)


def _rate(rate: Rate) -> str:
    return f"{percent(rate.value, 1)} ({percent(rate.low, 1)} to {percent(rate.high, 1)}), {rate.hits} of {rate.of}"


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
    shots = f"before ({result.baseline.shots} examples in the prompt)"
    rows = [line(shots, result.baseline), line("after (none)", result.final)]
    techniques = sorted(result.final.by_technique)
    by_technique = [
        Row((name, _rate(result.baseline.by_technique[name]), _rate(result.final.by_technique[name])))
        for name in techniques
    ]
    reasons = sorted(set(result.baseline.reasons) | set(result.final.reasons))
    why = [
        Row((reason, str(result.baseline.reasons.get(reason, 0)), str(result.final.reasons.get(reason, 0))))
        for reason in reasons
    ]
    return section(
        "scores",
        "Did it help?",
        table(
            _columns("", "checked proofs", "about the claim", "undecided", "cut off", "written by"),
            rows,
            caption="Unseen problems",
        ),
        table(_columns("technique", "before", "after"), by_technique, caption="Checked proofs by technique"),
        table(_columns("why not accepted", "before", "after"), why, caption="Proofs that were not accepted"),
        lead="A proof counts if the machine accepts every link of it and they lead to the claim.",
    )


def _curve(findings: Findings) -> Markup | None:
    curve = findings.curve.curve
    if len(curve) < 2:
        return None
    count = findings.training_set.items
    xs = plot.log_axis([share * count for share, _ in curve])
    ys = plot.axis([0.0, *(scores.checked.high for _, scores in curve)], zero=True)
    rows = [Row((f"{share * count:,.0f}", _rate(scores.checked), _loss(findings, share))) for share, scores in curve]
    points = [(xs.at(share * count), ys.at(scores.checked.value)) for share, scores in curve]
    upper = [(xs.at(share * count), ys.at(scores.checked.high)) for share, scores in curve]
    lower = [(xs.at(share * count), ys.at(scores.checked.low)) for share, scores in curve]
    marks: list[Child] = [
        plot.stretched(plot.band(upper, lower, class_="band"), plot.line(points, class_="line")),
        *[plot.dot(x, y, class_="dot") for x, y in points],
    ]
    drawing = plot.panel(
        xs,
        ys,
        *marks,
        alt="Checked proofs over training problems",
        x_label="training problems",
        y_label="checked proofs",
    )
    return section(
        "curve",
        "More data?",
        drawing,
        table(_columns("training problems", "checked proofs", "validation loss"), rows, caption="Learning curve"),
        lead="Nested subsets of the training set, each trained for the same number of epochs.",
    )


def _loss(findings: Findings, share: float) -> str:
    loss = next((run.validation_loss for own, run in findings.train.runs if own == share), None)
    return "" if loss is None else f"{loss:.3f}"


def _examples(findings: Findings, count: int) -> Markup:
    accepted = [row for row in findings.after if row.look.verdict == "accepted"][:count]
    rejected = [row for row in findings.after if row.look.verdict == "rejected"][:count]
    undecided = [row for row in findings.after if row.look.verdict == "undecided"][:count]
    return section(
        "proofs",
        "What the proofs look like",
        *[_proof(row) for row in (*accepted, *rejected, *undecided)],
        lead="Of the tuned model: the first accepted, rejected and undecided proofs of the test set, as written.",
    )


def _proof(row: Proof) -> Markup:
    colour = {"accepted": "right", "rejected": "wrong"}.get(row.look.verdict, "")
    return tag(
        "article",
        tag("h3", f"{row.item.id} · {row.item.technique} · ", tag("span", row.look.verdict, class_=colour or None)),
        tag("pre", f"Problem: {row.item.problem}\nProof: ", *_marked(row.proof, row.look.failing)),
        tag("p", row.look.reason + (f": {row.look.detail}" if row.look.detail else "")),
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
    parts: list[Child] = [table(_columns("technique", "fate", "reason", "items"), rows, caption="Every generated item")]
    if verified.agreement is not None:
        agreement = verified.agreement
        parts.append(
            tag(
                "p",
                f"The verifier ({verified.engine}) accepts {_rate(agreement.accepts_right)} of the right proofs and rejects "
                f"{_rate(agreement.rejects_wrong)} of the wrong ones, where the machine knows; "
                f"{verified.shots} right and as many wrong proofs stood in its prompt.",
            )
        )
    lead = (
        f"{verified.items:,} generated: {verified.kept:,} kept, {verified.dropped:,} dropped, "
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
        table(
            _columns("technique/difficulty", "train", "validation", "test"),
            strata,
            caption="The split, by canonical key",
        ),
        table(_columns("component", "share", "has", "used", "times read"), components, caption="The training set"),
        table(_columns("item", "meets"), removed, caption="Removed: they meet a given test set") if removed else None,
    ]
    lead = f"The test side has one problem of each key; {split.set_aside:,} others of those keys were set aside."
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
    return section("sweep", "Learning rates", table(columns, rows, caption="Every trial"), lead=lead)


def _judge(findings: Findings) -> Markup | None:
    judge = findings.judge
    if judge is None:
        return None
    rows = [Row((name, _rate(rate), _rate(judge.with_machine[name]))) for name, rate in judge.judged.items()]
    faults = [Row((name, _rate(rate))) for name, rate in judge.reliability.by_fault.items()]
    return section(
        "judge",
        "What a judge says",
        table(_columns("proofs", "judged right", "agrees with the machine"), rows, caption=f"By {judge.judge}"),
        table(_columns("what was done to a right proof", "noticed"), faults, caption="The judge, judged"),
        tag(
            "p",
            f"On proofs that are known: it accepts {_rate(judge.reliability.accepts_right)} of the right ones and rejects "
            f"{_rate(judge.reliability.rejects_wrong)} of the corrupted ones. "
            f"Spent ${judge.dollars:.2f}, estimated at most ${judge.estimate:.2f}.",
        ),
    )
