"""Fit configs: every field carried or listed, and a fit that runs on two CSV files with the limits that the YAML sets."""

from __future__ import annotations

import csv
import dataclasses
import os

import numpy as np
import pytest

from olmix.errors import UserError
from olmix.fit.boosted_trees import BoostedTrees
from olmix.fit.log_linear import LogLinear
from tests.fake_context import FakeContext
from tests.importing.imports import root_of, run, write

FIT = """
swarm: {ratios: ratios.csv, metrics: metrics.csv}
priors:
  relative_sizes: {a: 0.5, b: 0.3, c: 0.2}
  token_counts: {a: 5_000_000, b: 3_000_000, c: 2_000_000}
eval:
  type: offline
  tasks:
    math: [m1, m2]
    code: [c1, unwanted]
regression: {type: log_linear, seed: 4, aggregate_task_families: true, train_split: 1.0, n_test: 0}
proposer: {type: exact, temperature: null, kl_reg: 0.05, fit_only: false, make_worst_mix: false}
constraints: {enabled: true, target_tokens: 8_000_000, repetition_factor: 2.0}
filtering:
  drop_metrics: [unwanted]
  obj_weights: {math: "2/3"}
"""


def imported(tmp_path, text: str):
    done = run(tmp_path, write(tmp_path, text))
    return root_of(done), {item.path: item for item in done.translation.listed}


def test_files_metrics_families_limits_and_objective_are_carried(tmp_path):
    root, listed = imported(tmp_path, FIT)
    assert (root.swarm.ratios, root.swarm.metrics) == ("ratios.csv", "metrics.csv")
    assert tuple(root.swarm.keep_metrics) == ("m1", "m2", "c1")
    assert root.laws.runs.families == {"math": ("m1", "m2"), "code": ("c1",)}
    assert root.laws.runs == root.proposal.runs == root.report.runs
    assert root.proposal.objective == pytest.approx({"math": 2 / 3, "code": 1.0})  # What is not named weighs 1.
    assert root.scan.tokens == {"a": 5_000_000, "b": 3_000_000, "c": 2_000_000}
    assert root.scan.prior == {"a": 0.5, "b": 0.3, "c": 0.2}
    assert (root.limits.target_tokens, root.limits.repetition_limit) == (8_000_000, 2.0)
    assert (root.proposal.kl, root.proposal.worst, root.laws.seed) == (0.05, False, 4)
    assert isinstance(root.laws.law, LogLinear)
    assert not listed


def test_without_aggregation_metrics_have_laws_of_their_own(tmp_path):
    text = FIT.replace("aggregate_task_families: true", "aggregate_task_families: false").replace(
        'math: "2/3"', "m1: 3"
    )
    root, _ = imported(tmp_path, text)
    assert root.laws.runs == root.swarm
    assert root.proposal.objective == {"m1": 3.0, "m2": 1.0, "c1": 1.0}


def test_without_constraints_and_families_nothing_is_limited_and_all_metrics_count(tmp_path):
    text = "swarm: {ratios: r.csv, metrics: m.csv}\npriors: {token_counts: {a: 3, b: 1}}\nconstraints: {target_tokens: 9}\n"
    root, listed = imported(tmp_path, text)
    assert (root.limits.target_tokens, root.limits.repetition_limit) == (None, None)
    assert root.scan.prior == {"a": 0.75, "b": 0.25}
    assert (root.swarm.keep_metrics, root.proposal.objective) == ((), {})
    assert "not enabled" in listed["constraints.target_tokens"].reason


def test_fixed_weights_other_laws_and_the_worst_mixture(tmp_path):
    text = FIT.replace("type: log_linear", "type: lightgbm").replace("make_worst_mix: false", "make_worst_mix: true")
    root, _ = imported(tmp_path, text + '  fixed_weight: {a: "1/4"}\n')
    assert isinstance(root.laws.law, BoostedTrees)
    assert root.proposal.worst is True
    assert root.limits.fixed == {"a": 0.25}


def test_what_has_no_counterpart_is_listed(tmp_path):
    text = (
        FIT.replace("type: log_linear, ", "type: search, alpha: 1.0, ")
        .replace("train_split: 1.0, n_test: 0", "train_split: [0.5, 64], n_test: 5")
        .replace("type: exact", "type: simulation, use_natural_kl: true")
        .replace("fit_only: false", "fit_only: true")
    )
    _, listed = imported(tmp_path, text + "  keep_sources: [a]\n  support_domains: [a, b]\n")
    assert {
        "regression.type", "regression.alpha", "regression.train_split", "regression.n_test", "proposer.type",
        "proposer.use_natural_kl", "proposer.fit_only", "filtering.support_domains",
    } <= listed.keys()  # fmt: skip
    assert "several groups" in listed["regression.train_split"].reason


def test_a_part_of_the_runs_and_of_the_leaves(tmp_path):
    text = FIT.replace("train_split: 1.0", "train_split: 12") + "  support_domains: [a, c]\n"
    root, listed = imported(tmp_path, text)
    chosen = root.laws.runs.runs
    assert (chosen.count, chosen.seed, chosen.within, chosen.each) == (12, 4, ("a", "c"), False)
    assert root.scan.runs == chosen
    assert root.scan.prior == pytest.approx({"a": 5 / 7, "c": 2 / 7})
    assert root.scan.tokens == {"a": 5_000_000, "c": 2_000_000}
    assert listed["regression.train_split"].carried
    alone, _ = imported(tmp_path, FIT.replace("train_split: 1.0", "train_split: [0.5]") + "  keep_sources: [b]\n")
    assert (alone.scan.runs.share, alone.scan.runs.within, alone.scan.runs.each) == (0.5, ("b",), True)


def test_in_loop_metrics_go_by_their_names_in_the_table(tmp_path):
    tasks = "eval: {type: inloop, tasks: {math: {gsm8k: name of gsm8k}, qa: {arc: name of arc}}}\n"
    head, _, rest = FIT.partition("eval:")
    root, _ = imported(
        tmp_path, head + tasks + "regression:" + rest.partition("regression:")[2].replace("true", "false")
    )
    assert tuple(root.swarm.keep_metrics) == ("name of gsm8k", "name of arc")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("target_tokens: 8_000_000", "target_tokens: null", "enabled is true without target_tokens"),
        ("type: log_linear", "type: loglinear", "regression.type is 'loglinear' (nearest: log_linear"),
        ("a: 5_000_000, ", "", "relative_sizes has 'a', and token_counts has not"),
        ("a: 0.5, b: 0.3, c: 0.2", "a: 0, b: 0, c: 0", "relative_sizes are all 0"),
        ("kl_reg: 0.05", "kl_reg: -1", "kl_reg must be 0 or more"),
        ("train_split: 1.0", "train_split: 0", "must be a share of the runs above 0"),
        ("ratios: ratios.csv, ", "", "swarm needs 'ratios'"),
        (
            "obj_weights: {math",
            "fixed_weight: {d: 1}\n  obj_weights: {math",
            "fixed_weight names 'd', which has no prior",
        ),
    ],
)
def test_mistakes(tmp_path, old, new, says):
    assert old in FIT
    with pytest.raises(UserError) as caught:
        imported(tmp_path, FIT.replace(old, new))
    assert says in str(caught.value)


def test_the_fit_runs_and_keeps_to_the_caps(tmp_path, monkeypatch):
    """Leaf c is what every metric wants; it holds 2 million tokens, which may be read twice in 8 million: half at most."""
    generator = np.random.default_rng(0)
    weights = generator.dirichlet([2, 2, 2], 40)
    slopes = np.array([[0.5, 0.2, -2.0], [0.1, 0.4, -1.5], [0.3, 0.1, -1.0], [9.0, 0.0, 0.0]])
    values = 0.5 + np.exp(weights @ slopes.T) + generator.normal(0, 1e-3, (40, 4))
    for name, columns, table in (("ratios", "abc", weights), ("metrics", ("m1", "m2", "c1", "unwanted"), values)):
        with open(tmp_path / f"{name}.csv", "w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["run", *columns])
            writer.writerows([f"run{i}", *row] for i, row in enumerate(table.tolist()))
    root, _ = imported(tmp_path, FIT)
    monkeypatch.chdir(tmp_path)
    context = FakeContext(tmp_path)
    laws = dataclasses.replace(root.laws, repeats=1)
    proposal = dataclasses.replace(root.proposal, laws=laws, bootstrap=20, next_runs=0)
    for step in (root.swarm, root.test, root.laws.runs, root.laws.test, root.scan, root.limits, laws, proposal):
        context.results[id(step)] = step.run(context)
    mixture = context.results[id(proposal)].mixture()
    assert context.results[id(root.swarm)].metrics == ("m1", "m2", "c1")
    assert mixture["c"] == pytest.approx(0.5, abs=1e-6)
    assert sum(mixture.values()) == pytest.approx(1)
    assert os.path.exists("ratios.csv")
    means = context.results[id(root.laws.runs)]
    assert means.metrics == ("math", "code")
    assert np.allclose(means.values, np.stack([values[:, :2].mean(1), values[:, 2]], axis=1))


def test_counts_of_other_leaves_and_of_some_only(tmp_path):
    _, listed = imported(tmp_path, FIT.replace("c: 2_000_000}", "c: 2_000_000, old: 5}"))
    assert "no prior" in listed["priors.token_counts.old"].reason
    loose = FIT.replace("enabled: true", "enabled: false").replace("a: 5_000_000, ", "")
    root, listed = imported(tmp_path, loose)
    assert root.scan.tokens == {}
    assert "not of all leaves" in listed["priors.token_counts"].reason
