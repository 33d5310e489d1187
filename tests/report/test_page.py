"""The page as text, and as a browser sees it."""

import dataclasses
import html.parser
import re

import pytest

from olmix.report.findings import Findings
from olmix.report.page import render
from tests.report.browser import look, needs_browser
from tests.report.samples import sample

VOID = {"meta", "link", "br", "hr", "input", "col", "wbr"}


class Balance(html.parser.HTMLParser):
    """Collects ids and complains about tags that do not match."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.loads = [], [], []

    def handle_starttag(self, name, attributes):
        found = dict(attributes)
        self.ids += [found["id"]] if "id" in found else []
        self.loads += [
            value for key, value in attributes if key in ("src", "href") and not value.startswith(("#", "data:"))
        ]
        if name not in VOID:
            self.open.append(name)

    def handle_endtag(self, name):
        assert self.open.pop() == name


def bare(findings):
    """Only what a fit of somebody else's runs has."""
    return Findings(
        title="fit",
        question="",
        objective=dataclasses.replace(findings.objective, measured={}),
        leaves=tuple(
            dataclasses.replace(leaf, tokens=None, cap=None, swarm=None, interval=None) for leaf in findings.leaves
        ),
        metrics=tuple(dataclasses.replace(metric, measured={}) for metric in findings.metrics),
        runs=24,
    )


@pytest.mark.parametrize(
    "findings", [sample(), sample(validated=False), bare(sample())], ids=["whole", "no validation", "bare"]
)
def test_the_page_is_one_well_formed_file(findings):
    text = render(findings)
    page = Balance()
    page.feed(text)
    assert page.open == []
    assert page.loads == []
    assert len(set(page.ids)) == len(page.ids)
    assert not re.search(
        r"\b(nan|NaN|None|inf)\b", re.sub(r"<script.*?</script>|<style.*?</style>", "", text, flags=re.S)
    )
    assert text == render(findings)


def test_sections_are_there_when_there_is_something_to_say():
    whole, little = Balance(), Balance()
    whole.feed(render(sample()))
    little.feed(render(bare(sample())))
    everything = {
        "mixture",
        "forecast",
        "explorer",
        "supply",
        "fit",
        "learning",
        "doubts",
        "sensitivity",
        "tradeoffs",
        "next",
    }
    everything |= {"warnings", "curves", "failures", "cost", "origin"}
    assert everything <= set(whole.ids)
    assert everything & set(little.ids) == {"mixture", "forecast"}


def test_noise_is_said_before_any_number():
    text = render(sample(gain=-0.03))
    assert text.index("within the noise") < text.index("<dl") or text.index("is worse") < text.index("<dl")


@needs_browser
def test_in_a_browser_nothing_fails_nothing_is_fetched_and_nothing_overflows(tmp_path):
    file = tmp_path / "report.html"
    file.write_text(render(sample()))
    wide = []

    async def visit(page):
        for width in (1400, 768, 400, 320):
            for dark in (False, True):
                await page.size(width, dark=dark)
                wide.append((width, await page.value("document.documentElement.scrollWidth")))
        await page.size(1400)
        assert await page.value("document.getElementById('stage').dataset.state") == "ready"
        # A leaf moved: the others give way, the sum stays 1, caps hold.
        moved = await page.value("""(() => {
            const sliders = document.querySelectorAll('#stage input');
            sliders[6].focus();
            sliders[6].value = 1000;
            sliders[6].dispatchEvent(new Event('input'));
            return [...document.querySelectorAll('#stage output')].map((o) => parseFloat(o.textContent));
        })()""")
        assert sum(moved) == pytest.approx(100, abs=0.3)
        caps = [100 * (leaf.cap or 1) for leaf in sample().leaves]
        assert all(weight <= cap + 0.06 for weight, cap in zip(moved, caps, strict=True))
        assert moved[6] == pytest.approx(caps[6], abs=0.06)
        # Sorting by a number: largest first.
        values = await page.value("""(() => {
            const button = [...document.querySelectorAll('#fit th button')].find((b) => b.textContent === 'Spearman');
            button.click();
            return [...button.closest('table').tBodies[0].rows].map((row) => Number(row.cells[1].dataset.value));
        })()""")
        assert values == sorted(values, reverse=True)
        # The pointer on a dot of a scatter plot names the run.
        run, told = await page.value("""(() => {
            const svg = document.querySelector('[data-plot^="scatter:"] .frame > svg'), box = svg.getBoundingClientRect();
            const scatter = data.scatters[svg.closest('[data-plot]').dataset.plot.slice(8)];
            const [low, size] = scatterAxis(scatter), far = scatter.predicted.indexOf(Math.max(...scatter.predicted));
            const clientX = box.left + (scatter.predicted[far] - low) / size * box.width;
            const clientY = box.top + (1 - (scatter.observed[far] - low) / size) * box.height;
            svg.dispatchEvent(new PointerEvent('pointermove', { clientX, clientY, bubbles: true }));
            return [data.runs[far], document.getElementById('tip').textContent];
        })()""")
        assert told.startswith(f"{run}: predicted ")
        return page.problems, page.requests

    problems, requests = look(file, visit)
    assert problems == []
    assert requests == [file.resolve().as_uri()]
    assert [(width, needed) for width, needed in wide if needed > width] == []


@needs_browser
def test_the_page_refuses_to_show_predictions_that_do_not_agree_with_python(tmp_path):
    findings = sample()
    assert findings.explorer is not None
    mixture, values = findings.explorer.checks[0]
    wrong = (mixture, (values[0] * 1.0001, *values[1:]))
    file = tmp_path / "report.html"
    file.write_text(
        render(dataclasses.replace(findings, explorer=dataclasses.replace(findings.explorer, checks=(wrong,))))
    )

    async def visit(page):
        return await page.value("document.getElementById('stage').dataset.state"), page.problems

    assert look(file, visit) == ("refused", [])


@needs_browser
def test_text_can_be_read_on_its_background(tmp_path):
    """WCAG AA: 4.5 to 1 for text, in both schemes."""
    file = tmp_path / "report.html"
    file.write_text(render(sample()))
    ask = """(() => {
        const parse = (c) => c.match(/[\\d.]+/g).map(Number);
        const linear = (x) => (x / 255 <= .03928 ? x / 255 / 12.92 : ((x / 255 + .055) / 1.055) ** 2.4);
        const light = ([r, g, b]) => .2126 * linear(r) + .7152 * linear(g) + .0722 * linear(b);
        const paper = light(parse(getComputedStyle(document.body).backgroundColor));
        const poor = new Set();
        for (const e of document.querySelectorAll('main *:not(title)')) {
            if (![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())) continue;
            const style = getComputedStyle(e), color = e.closest('svg') ? style.fill : style.color;
            const ink = light(parse(color)), ratio = (Math.max(ink, paper) + .05) / (Math.min(ink, paper) + .05);
            if (ratio < 4.5) poor.add(e.tagName + '.' + e.getAttribute('class') + ' ' + ratio.toFixed(2));
        }
        return [...poor];
    })()"""

    async def visit(page):
        found = {}
        for dark in (False, True):
            await page.size(1400, dark=dark)
            found[dark] = await page.value(ask)
        return found

    assert look(file, visit) == {False: [], True: []}
