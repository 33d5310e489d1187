"""The page: findings in, one HTML file out. Style, script and data are inside, and a policy forbids to load anything."""

from __future__ import annotations

import base64
import hashlib
import importlib.resources
import re
from typing import Any

from olmix.report import choices, doubts, forecast, mixture, origin, training, trust
from olmix.report.explorer import explorer_data, explorer_section
from olmix.report.findings import Findings
from olmix.report.markup import Markup, embedded_json, tag, trusted
from olmix.report.verdict import Verdict, verdict

SECTIONS = (
    mixture.mixture_section,
    forecast.forecast_section,
    explorer_section,
    mixture.supply_section,
    trust.scatter_section,
    trust.learning_section,
    doubts.doubts_section,
    trust.sensitivity_section,
    choices.tradeoff_section,
    trust.warnings_section,
    choices.next_section,
    training.curves_section,
    training.failures_section,
    training.cost_section,
    origin.origin_section,
)


def render(findings: Findings) -> str:
    """The whole page as text."""
    answer = verdict(findings)
    sections = [made for made in (make(findings) for make in SECTIONS) if made is not None]
    style, script = asset("page.css"), asset("page.js") + asset("laws.js") + asset("explorer.js")
    body = tag(
        "body",
        tag("a", "Skip to the mixture", href="#mixture", class_="skip"),
        tag("div", contents(sections), tag("main", _header(findings, answer), *sections), class_="layout"),
        tag("footer", "Intervals are central 90 % intervals. Nothing on this page was loaded from a network."),
        tag("div", id="tip", role="tooltip", hidden=True),
        tag("script", embedded_json(page_data(findings)), type="application/json", id="data"),
        tag("script", trusted(script)),
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_policy(script)),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="description", content=f"{answer.answer} {answer.change}"),
        tag("link", rel="icon", href="data:,"),
        tag("title", f"{findings.title}: {answer.label}"),
        tag("style", trusted(style)),
    )
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _header(findings: Findings, answer: Verdict) -> Markup:
    made = max((step.started for step in findings.steps), default="")[:10]
    eyebrow = " · ".join(part for part in ("Mixture search", findings.title, made) if part)
    return tag(
        "header",
        tag("p", eyebrow, class_="eyebrow"),
        tag("h1", findings.question or findings.title),
        tag("p", answer.label, class_=f"verdict {answer.kind.replace(' ', '-')}"),
        tag("p", answer.answer, " ", tag("span", answer.change), class_="answer"),
        forecast.key_figures(findings),
    )


def contents(sections: list[Markup]) -> Markup:
    """The names of the sections, as links beside the page."""
    items = []
    for made in sections:
        found = re.search(r'<a href="#([a-z]+)">(.*?)</a>', made)
        if found:
            items.append(tag("li", tag("a", trusted(found[2]), href=f"#{found[1]}")))
    return tag("nav", tag("ol", *items), aria_label="Contents")


def page_data(findings: Findings) -> dict[str, Any]:
    """What the page's script reads: the numbers behind the plots that answer to the pointer, and the explorer's."""
    return {
        "scatters": {s.metric: {"predicted": s.predicted, "observed": s.observed} for s in findings.scatters},
        "runs": findings.run_names,
        "explorer": explorer_data(findings),
    }


def asset(name: str) -> str:
    """One of the files of ours that go into the page."""
    text = (importlib.resources.files("olmix.report") / name).read_text(encoding="utf-8")
    if "</s" in text:
        raise ValueError(f"{name} would end its own element.")
    return text


def _policy(script: str) -> str:
    """Forbid every load; run our script, known by its hash, and no other."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    rules = ("default-src 'none'", "style-src 'unsafe-inline'", f"script-src 'sha256-{digest}'", "img-src data:")
    return "; ".join((*rules, "base-uri 'none'", "form-action 'none'"))
