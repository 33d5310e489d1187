"""The step and the root, on real laws and a real proposal, through the real store."""

import io
import json

import msgspec
import pytest
from rich.console import Console

from olmix.graph.result import decode, encode
from olmix.report.findings import Findings
from olmix.report.steps import ReportResult
from tests.report.browser import look, needs_browser
from tests.report.search import LEAVES, ran, search


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return ran(tmp_path_factory.mktemp("search"), search())


def test_the_result_is_plain_and_the_files_are_there(finished):
    step = finished.plan.experiment.report
    result = finished.read(step)
    assert isinstance(result, ReportResult)
    assert decode(step, encode(step, result)) == result
    assert result.verdict == "predicted"
    assert result.gain > 0
    folder = finished.artifact(step)
    assert (folder / result.page).read_text().startswith("<!doctype html>")
    assert (finished.folder / "report.html").read_bytes() == (folder / result.page).read_bytes()
    findings = msgspec.json.decode((folder / result.data).read_bytes(), type=Findings)
    assert tuple(sorted(leaf.name for leaf in findings.leaves)) == tuple(sorted(LEAVES))
    assert sum(leaf.proposed for leaf in findings.leaves) == pytest.approx(1)
    assert all(leaf.proposed <= leaf.cap + 1e-9 for leaf in findings.leaves)


def test_names_from_users_stay_text(finished):
    page = (finished.artifact(finished.plan.experiment.report) / "report.html").read_text()
    assert "<script>alert(1)</script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "Does &lt;code&gt; help?" in page
    assert "<b>books</b>" not in page


def test_provenance_is_what_the_store_recorded(finished):
    step = finished.plan.experiment.report
    findings = msgspec.json.decode((finished.artifact(step) / "report.json").read_bytes(), type=Findings)
    assert [record.label for record in findings.steps] == ["limits", "runs", "laws", "proposal"]
    laws = next(record for record in findings.steps if record.label == "laws")
    about = json.loads((finished.artifact(finished.plan.experiment.laws) / "about.json").read_text())
    assert laws.fingerprint == about["fingerprint"]
    assert laws.commit == about["code"]["commit"]
    by_path = {setting.path: setting for setting in laws.settings}
    assert by_path["laws.max_missing"].value == "1"
    assert by_path["laws.max_missing"].blame == "experiments/toy.py:7 experiment, was 0"
    assert findings.environment["python"] == about["environment"]["python"]
    assert [failure.run for failure in findings.failures] == ["variant-099"]


def test_scores_and_gains_are_those_of_the_steps(finished):
    experiment = finished.plan.experiment
    findings = msgspec.json.decode((finished.artifact(experiment.report) / "report.json").read_bytes(), type=Findings)
    laws, proposal = finished.read(experiment.laws), finished.read(experiment.proposal)
    assert [s.spearman for s in findings.scatters] == [score.spearman for score in laws.scores]
    gain = findings.gain("prior", False)
    assert (gain.value, gain.interval) == (
        proposal.over_prior.expected,
        (proposal.over_prior.low, proposal.over_prior.high),
    )
    shown = findings.objective
    assert shown.prior_predicted - shown.predicted == pytest.approx(gain.value)


def test_a_point_more_of_a_leaf_is_what_the_laws_predict(finished):
    experiment = finished.plan.experiment
    findings = msgspec.json.decode((finished.artifact(experiment.report) / "report.json").read_bytes(), type=Findings)
    import numpy as np

    law = finished.read(experiment.laws).law()
    w = np.array([leaf.proposed for leaf in findings.leaves])
    slope = law.gradient(w)
    expected = 0.01 * (slope - (slope @ w)[:, None]) / np.maximum(1 - w, 0.01)
    np.testing.assert_allclose(np.array(findings.sensitivity.values), expected, rtol=0.03, atol=1e-5)


def test_choices_are_those_of_the_proposal(finished):
    experiment = finished.plan.experiment
    findings = msgspec.json.decode((finished.artifact(experiment.report) / "report.json").read_bytes(), type=Findings)
    proposal = finished.read(experiment.proposal)
    assert [(p.strength, p.objective) for p in findings.path] == [(p.kl, p.objective) for p in proposal.path]
    assert findings.front.points == tuple((p.first, p.second) for p in proposal.front)
    by_name = {row.metric: row for row in proposal.metrics}
    assert findings.front.proposal == (by_name["bpb/code"].proposal[0], by_name["bpb/web"].proposal[0])
    # Nothing lies beyond the front: the prior is dominated by some point of it, the proposal by none by much.
    assert any(a <= findings.front.prior[0] and b <= findings.front.prior[1] for a, b in findings.front.points)
    assert len(findings.next_runs) == 3
    assert all(sum(run.mixture.values()) == pytest.approx(1) for run in findings.next_runs)


def test_metrics_that_should_grow_are_shown_growing():
    """A front's ends that should grow come with a minus from the proposal; the page shows them as they are."""
    from olmix.fit.propose_result import FrontPoint, MetricPrediction
    from olmix.report.gather import Trade, _front

    class Given:
        front = (FrontPoint(weights=(1.0,), first=1.2, second=-0.7, share=0.0),)
        metrics = (
            MetricPrediction(metric="loss", coefficient=0.5, prior=(1.3, 0.1), proposal=(1.2, 0.1)),
            MetricPrediction(metric="accuracy", coefficient=-0.5, prior=(0.6, 0.1), proposal=(0.7, 0.1)),
        )

    front = _front(Given(), Trade("loss", "hits", {"hits": ["accuracy"]}, ("hits",), False))
    assert front.points == ((1.2, 0.7),)
    assert (front.prior, front.proposal) == ((1.3, 0.6), (1.2, 0.7))


def test_noise_alone_is_reported_as_noise_first(tmp_path):
    finished = ran(tmp_path, search(effect=0.0, noise=0.02, seed=3))
    result = finished.read(finished.plan.experiment.report)
    assert result.verdict == "predicted noise"
    page = (finished.artifact(finished.plan.experiment.report) / "report.html").read_text()
    first = page[page.index('class="answer"') :]
    assert first.index("within the noise") < 60


def test_the_summary_has_the_tables_of_the_readme(finished):
    experiment = finished.plan.experiment
    console = Console(file=io.StringIO(), width=200)
    for item in experiment.summary(finished.read, finished.artifact):
        console.print(item)
    text = console.file.getvalue()
    assert "Better by prediction, not yet trained" in text
    assert all(
        word in text
        for word in ("leaf", "prior", "proposed", "90 % interval", "metric", "prior run", "predicted", "measured")
    )
    assert all(leaf in text for leaf in LEAVES)
    assert text.rstrip().endswith("report.html")


@needs_browser
def test_the_browser_agrees_with_python_about_the_laws(finished):
    async def visit(page):
        await page.size(400)
        state = await page.value("document.getElementById('stage').dataset.state")
        return state, page.problems, len(page.requests), await page.value("document.documentElement.scrollWidth")

    page = finished.artifact(finished.plan.experiment.report) / "report.html"
    assert look(page, visit) == ("ready", [], 1, 400)
