import dataclasses

import msgspec
import numpy as np
import pytest

from olmix.errors import UserError
from olmix.fit import LogLinear
from olmix.fit.checks import by_name
from olmix.fit.steps import Laws, LawsResult
from olmix.graph.step import Step
from olmix.mix.runs import RunTable
from tests.fake_context import FakeContext
from tests.fit.simulated import log_linear_truth, mixtures


def table(runs=30, failed=()):
    w = mixtures(runs, 4, seed=0)
    y = log_linear_truth(4, 2, seed=1)(w) + np.random.default_rng(2).normal(0, 0.02, (runs, 2))
    return RunTable(
        runs=tuple(f"variant-{i:03d}" for i in range(runs)),
        leaves=("web", "code", "books", "maths"),
        weights=tuple(map(tuple, w.tolist())),
        metrics=("web/bpb", "code/bpb"),
        values=tuple(map(tuple, y.tolist())),
        failed=dict.fromkeys(failed, "loss is NaN"),
    )


def run(step, runs, tmp_path):
    return step.run(FakeContext(tmp_path, {id(step.runs): runs}))


def test_the_result_survives_the_store_and_gives_the_law_back(tmp_path):
    step = Laws(runs=Step(), law=LogLinear())
    result = run(step, table(), tmp_path)
    back = msgspec.json.decode(msgspec.json.encode(result), type=LawsResult)
    assert back == result
    law = back.law()
    fresh = mixtures(200, 4, seed=9)
    np.testing.assert_allclose(law.predict(fresh), log_linear_truth(4, 2, seed=1)(fresh), atol=0.1)
    assert (tmp_path / "out" / "law.json").read_text().strip() == result.law_json
    assert not step.law.is_fitted


def test_scores_are_out_of_sample(tmp_path):
    """On pure noise a fit looks good on its own runs; the quoted correlation must not."""
    values = np.random.default_rng(0).normal(3, 1, (30, 2))
    noise = dataclasses.replace(table(), values=tuple(map(tuple, values.tolist())))
    result = run(Laws(runs=Step(), law=LogLinear(ridge=1e-6)), noise, tmp_path)
    in_sample = np.corrcoef(result.law().predict(np.array(noise.weights))[:, 0], np.array(noise.values)[:, 0])[0, 1]
    assert in_sample > 0.1
    assert all(score.spearman < 0.1 for score in result.scores)


def test_missing_runs_are_refused_by_name_with_the_way_out(tmp_path):
    runs = table(failed=("variant-030", "variant-031"))
    complaint = r"2 of 32 runs are missing: variant-030 \(loss is NaN\); variant-031.*--set laws.max_missing=2"
    with pytest.raises(UserError, match=complaint):
        run(Laws(runs=Step(), law=LogLinear()), runs, tmp_path)
    assert run(Laws(runs=Step(), law=LogLinear(), max_missing=2), runs, tmp_path).failed == runs.failed


def test_warnings_of_laws_have_names_and_no_numbers(tmp_path):
    runs = table()
    flat = dataclasses.replace(runs, values=tuple((a, 1.0) for a, _ in runs.values))
    warnings = run(Laws(runs=Step(), law=LogLinear()), flat, tmp_path).warnings
    assert "constant-metric: metrics code/bpb do not vary; their prediction is that constant" in warnings
    leaves, metrics = ("web", "code"), ("a", "b", "c")
    assert by_name("rising-metric: metrics [0, 2] grow", leaves, metrics) == "rising-metric: metrics a, c grow"
    assert by_name("columns 1 of weights; 4 runs", leaves, metrics) == "columns code of weights; 4 runs"


def test_a_metric_that_the_laws_cannot_rank_is_named(tmp_path):
    runs = table()
    assert not any(
        "weak-law" in warning for warning in run(Laws(runs=Step(), law=LogLinear()), runs, tmp_path).warnings
    )
    noise = np.random.default_rng(5).normal(1.0, 0.1, 30)
    blind = dataclasses.replace(
        runs, values=tuple((a, b) for (a, _), b in zip(runs.values, noise.tolist(), strict=True))
    )
    found = [
        warning
        for warning in run(Laws(runs=Step(), law=LogLinear()), blind, tmp_path).warnings
        if "weak-law" in warning
    ]
    assert len(found) == 1
    assert "Spearman below 0.31" in found[0]
    assert "code/bpb (" in found[0]
    assert "web/bpb" not in found[0]


def test_a_metric_to_maximise_must_exist(tmp_path):
    with pytest.raises(UserError, match="cod/acc"):
        run(Laws(runs=Step(), law=LogLinear(), maximise=("cod/acc",)), table(), tmp_path)


def test_results_of_older_stores_can_still_be_read():
    """Fields that came later have defaults: tables without notes, laws without diagnostics or tests."""
    old = {"runs": ["a"], "leaves": ["x"], "weights": [[1.0]], "metrics": ["m"], "values": [[2.0]], "failed": {}}
    assert msgspec.json.decode(msgspec.json.encode(old), type=RunTable).notes == ()
    score = dict.fromkeys(("spearman", "pearson", "coverage_90", "z_spread")) | {
        "metric": "m",
        "rmse": 0.1,
        "regret": 0.0,
    }
    rows = {"observed": [[1.0]], "predicted": [[1.0]], "std": [[1.0]]}
    names = {"leaves": ["x"], "metrics": ["m"], "runs": ["a"]}
    laws = {**names, **rows, "law_json": "{}", "scores": [score], "warnings": []}
    found = msgspec.json.decode(msgspec.json.encode(laws), type=LawsResult)
    assert found.diagnostics.learning == found.test_scores == ()
    assert found.diagnostics.warnings() == ()
