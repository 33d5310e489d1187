"""`experiments/fit_csv.py`: from two CSV files to a report, as a user starts it, and what the peer got wrong on the way."""

from __future__ import annotations

import io
import json
import pathlib

import fiddle as fdl
import numpy as np
import pytest
from rich.console import Console

from olmix.config import experiments
from olmix.config.overrides import Override
from olmix.errors import UserError
from olmix.fit import LogLinear
from olmix.graph.plan import make_plan
from olmix.graph.progress import Reporter
from olmix.graph.ray_engine import RaySettings
from olmix.graph.runner import Run, run_experiment
from olmix.graph.store import Store

LEAVES = ("web", "code:high", "code:low", "books")
SLOPES = np.array([[-1.0, -0.2, 0.0, -0.5], [0.0, -1.5, -0.7, 0.1], [-0.3, -0.3, -0.3, -0.3]])
METRICS = ("bpb/web", "bpb/code", "flat")


@pytest.fixture
def files(tmp_path: pathlib.Path) -> dict[str, str]:
    """32 runs to fit, in a shuffled metrics file, and 16 to test."""
    rng = np.random.default_rng(0)
    found = {}
    for name, count in (("", 32), ("test_", 16)):
        w = rng.dirichlet(np.ones(4), count).round(4)
        w[:, 0] += 1 - w.sum(1)
        w = w.clip(0)
        w /= w.sum(1, keepdims=True)
        y = 1 + np.exp(w @ SLOPES.T) + 0.002 * rng.normal(size=(count, 3))
        found[f"{name}ratios"] = write(tmp_path / f"{name}ratios.csv", LEAVES, name, w, range(count))
        found[f"{name}metrics"] = write(tmp_path / f"{name}metrics.csv", METRICS, name, y, rng.permutation(count))
    (tmp_path / "tokens.csv").write_text("web,400\ncode:high,50\ncode:low,300\nbooks,250\n")
    found["token_counts"] = str(tmp_path / "tokens.csv")
    return found


def write(file: pathlib.Path, columns, prefix: str, values, order) -> str:
    rows = [f"{prefix}run{i}," + ",".join(repr(float(x)) for x in values[i]) for i in order]
    file.write_text("\n".join([f"run,{','.join(columns)}", *rows]))
    return str(file)


def build(**settings: str):
    """The experiment with the cheapest law and few refits; everything else as it ships."""
    settings.update({"proposal.bootstrap": "50", "laws.repeats": "1"})
    changes = [Override("set", f"{name}={value}") for name, value in settings.items()]
    resolved = experiments.resolve("fit_csv", changes)
    resolved.config.laws.law = fdl.Config(LogLinear)
    return resolved.build()


def ran(tmp_path: pathlib.Path, experiment, until: str | None = None) -> Run:
    return run_experiment(
        experiment,
        Store(tmp_path / "runs"),
        resolved="{}",
        blame=json.dumps({"lines": {}}),
        ray=RaySettings(),
        reporter=Reporter(Console(file=io.StringIO())),
        until=until,
    )


def test_from_two_files_to_a_report(files, tmp_path) -> None:
    files.update(target_tokens="800", repetition_limit="2")
    experiment = build(**files)
    run = ran(tmp_path, experiment)
    laws, proposal = run.read(experiment.laws), run.read(experiment.proposal)
    assert laws.test_runs == 16
    assert [score.metric for score in laws.test_scores] == list(METRICS)
    assert min(score.spearman for score in laws.test_scores[:2]) > 0.98
    caps = {row.leaf: row.cap for row in proposal.leaves}
    assert caps == pytest.approx({"web": 1.0, "code:high": 0.125, "code:low": 0.75, "books": 0.625})
    assert proposal.mixture()["code:high"] == pytest.approx(0.125, abs=1e-6)
    assert proposal.prior_mixture() == pytest.approx({"web": 0.4, "code:high": 0.05, "code:low": 0.3, "books": 0.25})
    assert (run.folder / "report.html").is_file()


def test_the_order_of_the_metrics_file_does_not_matter(files, tmp_path) -> None:
    """The peer joined rows by their number: here the metrics are shuffled, and the fit would find nothing."""
    experiment = build(**files)
    laws = ran(tmp_path, experiment, "laws").read(experiment.laws)
    assert min(score.spearman for score in laws.scores[:2]) > 0.98


def test_a_changed_file_makes_what_was_learned_stale(files, tmp_path) -> None:
    experiment = build(**files)
    ran(tmp_path, experiment, "laws")
    file = pathlib.Path(files["metrics"])
    file.write_text(file.read_text().replace("run7,", "run7,1"))
    nodes = {node.label: node for node in make_plan(experiment, Store(tmp_path / "runs")).nodes}
    assert nodes["swarm"].reason == "the data it reads changed under the same name"
    assert nodes["laws"].state == "stale"
    assert nodes["test"].state == "done"


@pytest.mark.parametrize(
    ("without", "words"),
    [
        (("ratios",), r"ratios is missing: the CSV file with the mixture of each run. Say --set ratios=FILE.csv"),
        (("metrics",), r"metrics is missing: the CSV file with the metrics of each run. Say --set metrics=FILE.csv"),
        (("test_metrics",), r"test_metrics is missing: .* Say --set test_metrics=FILE.csv"),
    ],
)
def test_a_missing_file_is_one_sentence(files, tmp_path, without, words) -> None:
    given = {name: path for name, path in files.items() if name not in without}
    with pytest.raises(UserError, match=words):
        make_plan(build(**given), Store(tmp_path / "runs"))


def test_an_objective_with_a_metric_that_was_dropped_is_a_sentence(files, tmp_path) -> None:
    """The peer indexed its weights by the metrics that were left, and crashed or weighed the wrong ones."""
    experiment = build(**files, drop_metrics="['flat']", objective="{'bpb/web': 1, 'flat': 2}")
    with pytest.raises(UserError, match=r"weighs 'flat', which is neither a metric of the runs nor a family"):
        ran(tmp_path, experiment, "proposal")
    kept = build(**files, drop_metrics="['bpb/web']", objective="{'bpb/code': 3, 'flat': 1}")
    rows = ran(tmp_path, kept, "proposal").read(kept.proposal).metrics
    assert {row.metric: row.coefficient for row in rows} == pytest.approx({"bpb/code": 0.75, "flat": 0.25})


def test_test_runs_that_were_fitted_on_are_no_test(files, tmp_path) -> None:
    """In-sample correlations shown as if they were a test: refused when all are, told when some are."""
    same = {**files, "test_ratios": files["ratios"], "test_metrics": files["metrics"]}
    with pytest.raises(UserError, match="All test runs have mixtures that the laws are fitted on"):
        ran(tmp_path, build(**same), "laws")
    for name in ("ratios", "metrics"):
        test = pathlib.Path(files[f"test_{name}"])
        leaked = [line for line in pathlib.Path(files[name]).read_text().splitlines() if line.startswith("run3,")]
        test.write_text("\n".join([test.read_text(), *leaked]))
    experiment = build(**files)
    laws = ran(tmp_path, experiment, "laws").read(experiment.laws)
    assert laws.test_runs == 16
    assert "test-runs: 1 runs with mixtures of the fit were left out of the test" in laws.warnings
