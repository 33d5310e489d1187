"""Where every number came from: steps, fingerprints, settings with who set them, code and environment."""

from __future__ import annotations

from collections.abc import Sequence

from olmix.report.findings import Findings, StepRecord
from olmix.report.markup import Child, Markup, join, tag
from olmix.report.tables import Column, Row, details, section, table
from olmix.report.words import NONE, duration, plural


def origin_section(findings: Findings) -> Markup | None:
    """Provenance: the artifacts, then each step's resolved settings, then code and environment."""
    if not findings.steps:
        return None
    columns = [
        Column("Step"),
        Column("Artifact"),
        Column("Made", secondary=True),
        Column("Took", "number"),
        Column("Code", secondary=True),
    ]
    rows = [
        Row(
            [
                join(step.label, tag("small", plural(step.pieces, "piece")) if step.pieces else None),
                tag("code", step.artifact, title=step.fingerprint),
                step.started.replace("T", " ").replace("+00:00", " UTC") or NONE,
                duration(step.seconds),
                revision(step),
            ]
        )
        for step in findings.steps
    ]
    folded = [
        details(join(tag("code", step.label), f" · {plural(len(step.settings), 'setting')}"), _settings(step))
        for step in findings.steps
        if step.settings
    ]
    return section(
        "origin",
        "Where it comes from",
        table(columns, rows, caption="The steps of this search and their artifacts", class_="steps"),
        tag("h3", "Resolved settings, and who set them"),
        *folded,
        tag("h3", "Environment"),
        _environment(findings),
        lead=_lead(findings.steps),
    )


def _lead(steps: Sequence[StepRecord]) -> str:
    commits = {step.commit for step in steps if step.commit}
    dirty = [step.label for step in steps if step.dirty]
    words = (
        f"Made by {plural(len(commits), 'revision')} of the code"
        if commits
        else "Made outside a git checkout, so the code's revision is not known"
    )
    if dirty:
        words += f"; with uncommitted changes in the tree for {', '.join(dirty)}"
    elif commits:
        words += ", without uncommitted changes"
    return (
        f"{words}. A fingerprint covers everything that a result depends on: the same fingerprint is the same result."
    )


def revision(step: StepRecord) -> Child:
    """The short commit, with a mark when the tree was dirty."""
    if not step.commit:
        return NONE
    dirty = tag("span", " + uncommitted changes", class_="dirty") if step.dirty else None
    return join(tag("code", step.commit[:10], title=step.commit), dirty)


def _settings(step: StepRecord) -> Markup:
    blamed = any(setting.blame for setting in step.settings)
    columns = [Column("Path"), Column("Value"), *([Column("Set by", secondary=True)] if blamed else [])]
    rows = [
        Row([tag("code", setting.path), tag("code", setting.value), *([setting.blame or "default"] if blamed else [])])
        for setting in step.settings
    ]
    whole = f"{step.kind}, fingerprint {step.fingerprint}" if step.fingerprint else step.kind
    return join(
        tag("p", whole, class_="fingerprint"),
        table(columns, rows, caption=f"Settings of {step.label}", class_="settings"),
    )


def _environment(findings: Findings) -> Markup:
    items = (tag("div", tag("dt", name), tag("dd", value)) for name, value in findings.environment.items())
    return tag("dl", items, class_="environment")
