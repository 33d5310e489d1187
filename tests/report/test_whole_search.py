"""A whole search in small: real scan, limits, design, training, laws, proposal, validation, and the report on them."""

import dataclasses
import json

import msgspec
import numpy as np
import pytest

from olmix.fit import LogLinear
from olmix.fit.propose_step import Proposal
from olmix.fit.steps import Laws
from olmix.graph import identity, provenance
from olmix.mix.steps import Design, Limits
from olmix.mixture_search import MixtureSearch
from olmix.report import Report
from olmix.report.findings import Findings
from olmix.report.steps import DATA
from olmix.train.steps import Swarm, Validation
from tests.report.browser import look, needs_browser
from tests.train import corpus, toys


def note(step, folder):
    """What the executor writes beside an artifact."""
    about = {
        "step": f"{type(step).__module__}:{type(step).__name__}",
        "version": type(step).version,
        "fingerprint": folder.name,
        "seconds": 2.0,
        "started": "2026-11-21T04:00:00+00:00",
        "code": provenance.code_revision(),
        "environment": provenance.environment(),
    }
    (folder / "about.json").write_text(json.dumps(about))
    settings = identity.settings(step, lambda other: type(other).__name__)
    (folder / "config.txt").write_text("".join(f"{path}: {value}\n" for path, value in settings.items()))


def experiment(scan):
    proxy = toys.proxy(tokens=20 * 128, learning_rate=3e-2)
    limits = Limits(scan=scan, target_tokens=40_000)
    design = Design(limits=limits, variants=10)
    swarm = Swarm(design=design, scan=scan, proxy=proxy, stack=1)
    laws = Laws(runs=swarm, law=LogLinear())
    proposal = Proposal(laws=laws, runs=swarm, limits=limits, objective={"bpb/up": 1.0, "bpb/down": 1.0}, bootstrap=40)
    validation = Validation(proposal=proposal, scan=scan, proxy=proxy, seeds=2)
    report = Report(
        scan=scan, limits=limits, design=design, runs=swarm, laws=laws, proposal=proposal, validation=validation,
        question="Noise teaches nothing about counting",
    )  # fmt: skip
    return MixtureSearch(
        name="small", scan=scan, limits=limits, design=design, swarm=swarm, laws=laws, proposal=proposal,
        validation=validation, report=report,
    )  # fmt: skip


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    root = tmp_path_factory.mktemp("small")
    corpus.write(root / "corpus")
    graph = corpus.Graph(root / "store")
    search = experiment(corpus.scan(root / "corpus"))
    graph.read(search.validation)
    for step, folder in graph.done:
        note(step, folder)
    graph.read(search.report)
    findings = msgspec.json.decode((graph.folder(search.report) / DATA).read_bytes(), type=Findings)
    return graph, search, findings


def test_what_was_measured_is_what_validation_says(searched):
    graph, search, findings = searched
    validation = graph.read(search.validation)
    for comparison, against in zip(validation.comparisons, ("prior", "best"), strict=True):
        gain = findings.gain(against, True)
        assert gain.value == pytest.approx(comparison.gain)
        assert gain.standard_error == pytest.approx(comparison.standard_error)
        assert gain.seeds == 2
    assert findings.objective.measured["proposal"] == pytest.approx(validation.arm("proposal").objectives)
    for metric in findings.metrics:
        assert np.mean(metric.measured["prior"]) == pytest.approx(validation.arm("prior").metrics[metric.name])
    result = graph.read(search.report)
    assert (result.verdict == "better") == validation.comparisons[0].beyond_noise
    assert result.gain == pytest.approx(validation.comparisons[0].gain)


def test_every_run_has_its_curve_and_the_cost_is_all_of_them(searched):
    findings = searched[2]
    roles = [curve.role for curve in findings.curves]
    assert {role: roles.count(role) for role in set(roles)} == {"swarm": 10, "prior": 2, "proposal": 2, "best": 2}
    for curve in findings.curves:
        assert curve.tokens[-1] == 20 * 128
    costs = {cost.part: cost for cost in findings.costs}
    assert list(costs) == ["scan", "limits", "design", "swarm", "laws", "proposal", "validation"]
    assert (costs["swarm"].runs, costs["swarm"].tokens, costs["swarm"].cpu_seconds) == (10, 10 * 20 * 128, 20.0)
    assert (costs["validation"].runs, costs["validation"].tokens) == (6, 6 * 20 * 128)


def test_tokens_and_repetition_follow_from_the_scan(searched):
    graph, search, findings = searched
    scanned = graph.read(search.scan)
    for leaf in findings.leaves:
        assert leaf.tokens == scanned.tokens[leaf.name]
        assert leaf.repetition == pytest.approx(leaf.proposed * 40_000 / leaf.tokens)
        assert leaf.repetition <= leaf.repetition_limit * (1 + 1e-9)
        assert leaf.prior_repetition == pytest.approx(scanned.prior[leaf.name] * 40_000 / leaf.tokens)


def test_a_run_that_diverged_is_shown_with_its_mixture(searched, tmp_path):
    from olmix.report import trained

    graph, search, _ = searched
    runs = list(trained.trained(graph, search.swarm))
    lost = dataclasses.replace(
        runs[3].result, status="diverged", reason="the loss became infinite", metrics={}, loss_curve=()
    )
    runs[3] = dataclasses.replace(runs[3], result=lost)
    (failure,) = trained.failures({runs[3].name: "shorter words"}, runs, [])
    assert (failure.run, failure.reason) == (runs[3].name, "the loss became infinite")
    assert failure.mixture == lost.mixture
    assert len(trained.curves(runs, [])) == 9


def test_smoothing_keeps_the_level_and_takes_the_noise():
    from olmix.report.training import smoothed

    rng = np.random.default_rng(0)
    level = 5 - 0.01 * np.arange(400)
    smooth = np.array(smoothed(tuple(level + 0.3 * rng.standard_normal(400))))
    assert np.abs(smooth - level).max() < 0.35
    assert np.std(smooth - level) < 0.1
    assert smoothed((3.0, 1.0)) == (3.0, 1.0)


def test_thinning_keeps_the_end_and_the_level():
    from olmix.report.trained import thinned

    points = [(float(i), 5 - 0.01 * i) for i in range(1000)]
    short = thinned(points, 50)
    assert len(short) == 50
    assert short[-1] == points[-1]
    assert all(y == pytest.approx(5 - 0.01 * x) for x, y in short)
    assert thinned(points[:50], 50) == points[:50]


@needs_browser
def test_the_page_of_a_whole_search_is_sound_in_a_browser(searched):
    graph, search, _ = searched
    file = graph.folder(search.report) / "report.html"

    async def visit(page):
        await page.size(400)
        width = await page.value("document.documentElement.scrollWidth")
        return (
            width,
            page.problems,
            len(page.requests),
            await page.value("document.getElementById('stage').dataset.state"),
        )

    assert look(file, visit) == (400, [], 1, "ready")
