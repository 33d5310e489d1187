"""Proposals: exactness, honesty about noise, counterfactuals, the step and what it writes."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import subprocess
import sys
import types
import typing

import msgspec
import numpy as np
import pytest

from olmix.errors import UserError
from olmix.fit.bootstrap import Gain
from olmix.fit.log_linear import LogLinear
from olmix.fit.propose import ProposalResult, _hinges_on, divergence, optimum, propose
from olmix.fit.propose_objective import objective
from olmix.fit.propose_step import Proposal
from olmix.fit.propose_text import to_overlay
from olmix.graph.step import Step
from olmix.mix.design import design
from olmix.mix.runs import RunTable
from tests.fake_context import FakeContext
from tests.mix.sets import box, group

ROOT = pathlib.Path(__file__).resolve().parents[2]
N, K = 8, 4
PRIOR = np.random.default_rng(0).dirichlet(np.full(N, 4.0))
SLOPES = np.random.default_rng(1).normal(size=(K, N))
NAMES = [f"s{i // 3}:t{i}" for i in range(N)]
METRICS = tuple(f"metric{k}" for k in range(K))


def truth(w):
    return 1 + np.exp(np.atleast_2d(w) @ SLOPES.T)


def feasible_set(limits=()):
    return box(np.minimum(2.5 * PRIOR, 1), prior=PRIOR, names=NAMES, limits=limits)


def swarm(noise, count=64, seed=0, slopes=True):
    variants = design(feasible_set(), count, seed=seed)
    w = np.array(variants.weights)
    y = truth(w) if slopes else np.full((count, K), 2.0)
    return variants.names, w, y + noise * np.random.default_rng(seed + 1).normal(size=y.shape)


def proposal(noise=0.003, slopes=True, swarm_seed=0, **settings):
    names, w, y = swarm(noise, slopes=slopes, seed=swarm_seed)
    law = LogLinear().fit(w, y)
    settings = {"bootstrap": 200, **settings}
    return law, propose(law, objective(METRICS, y), settings.pop("feasible", feasible_set()), w, y, names, **settings)[
        0
    ]


def test_a_clear_gain_is_found_and_covered():
    _, result = proposal()
    w = np.array(list(result.mixture().values()))
    assert feasible_set().contains(w)
    assert result.gap is not None
    assert result.gap <= 1e-9
    true_gain = float((truth(PRIOR) - truth(w)).mean())
    assert result.over_prior.expected == pytest.approx(true_gain, rel=0.03)
    assert result.over_prior.probability == 1.0
    assert result.verdict.startswith("The proposal is expected to beat the prior by")
    assert result.over_best is not None
    for row in result.leaves:
        assert 0 <= row.low <= row.weight <= row.high <= row.cap + 1e-9


def test_noise_is_called_noise_first():
    """With metrics that do not depend on the mixture, every gain is an illusion of choosing the best-looking point."""
    _, result = proposal(noise=0.05, slopes=False, swarm_seed=5)
    assert result.verdict.startswith("Within noise")
    assert result.over_prior.fitted > result.over_prior.expected  # the optimism is taken off
    assert result.over_prior.low <= 0
    widths = [row.high - row.low for row in result.leaves]
    assert max(widths) > 0.05


def test_claims_above_the_truth_are_rare():
    """Over many swarms whose metrics do not depend on the mixture, the 90 % interval rarely excludes 0 from below."""
    false = 0
    for seed in range(20):
        names, w, y = swarm(0.05, count=40, seed=seed, slopes=False)
        law = LogLinear().fit(w, y)
        result, _, _ = propose(law, objective(METRICS, y), feasible_set(), w, y, names, bootstrap=100, seed=seed)
        false += result.over_prior.low > 0
    assert false <= 4


def test_influences_are_what_leaving_runs_out_does():
    """Against refits that really leave one run out, of the same proposal."""
    names, w, y = swarm(0.05, count=40)
    y[11] -= 1.0  # one run that came out far too well
    law = LogLinear(ridge=1e-3, huber=1e6).fit(w, y)
    result, _, _ = propose(law, objective(METRICS, y), feasible_set(), w, y, names, bootstrap=1000)
    points = np.stack([result.prior_weights, [row.weight for row in result.leaves]])
    alone = law.refit(w, y, 1 - np.eye(40)).predict(points).mean(-1)
    truth_ = (alone[:, 0] - alone[:, 1]) - float(np.diff(law.predict(points).mean(-1)[::-1])[0])
    ours = np.array([item.gain_without for item in result.influences]) - result.over_prior.expected
    assert [item.run for item in result.influences] == list(names)
    assert np.corrcoef(ours, truth_)[0, 1] > 0.9
    assert ours[np.abs(truth_).argmax()] == pytest.approx(truth_[np.abs(truth_).argmax()], rel=0.5)
    few, _, _ = propose(law, objective(METRICS, y), feasible_set(), w, y, names, bootstrap=100)
    assert few.influences == ()


def test_a_gain_that_hinges_on_one_run_is_said_to():
    over = Gain(against="prior", fitted=1.0, expected=1.0, low=0.5, high=1.5, probability=0.99)
    (warning,) = _hinges_on(("a", "b", "c"), (0.9, 0.4, 1.1), over)
    assert warning.startswith("single-run: without b the expected gain would be 0.4 instead of 1")
    assert _hinges_on(("a", "b"), (0.9, 0.6), over) == []
    assert _hinges_on(("a", "b"), (0.9, 0.1), dataclasses.replace(over, low=-0.1)) == []


def test_intervals_narrow_with_less_noise():
    wide = proposal(noise=0.1)[1].over_prior
    narrow = proposal(noise=0.001)[1].over_prior
    assert narrow.high - narrow.low < 0.1 * (wide.high - wide.low)


def test_kl_holds_the_proposal_near_the_prior():
    law, free = proposal()
    last = np.inf
    for kl in (0.0, 0.1, 1.0, 100.0):
        w = optimum(law, np.full(K, 1 / K), feasible_set(), kl=kl).weights
        away = float(divergence(w, PRIOR))
        assert away <= last + 1e-9
        last = away
    assert last < 1e-4
    assert free.kl == 0.0


def test_a_leaf_of_prior_0_may_be_used_where_nothing_pulls_to_the_prior():
    law, _ = proposal()
    prior = np.array([0.0, *PRIOR[1:]]) / PRIOR[1:].sum()
    free = box(np.ones(N), prior=prior, names=NAMES)
    found = optimum(law, np.full(K, 1 / K), free)
    plain = optimum(law, np.full(K, 1 / K), box(np.ones(N), prior=PRIOR, names=NAMES))
    assert np.isfinite(found.value)
    assert found.gap is not None
    assert found.gap <= 1e-9
    np.testing.assert_allclose(found.weights, plain.weights, atol=1e-6)
    assert optimum(law, np.full(K, 1 / K), free, kl=0.1).weights[0] == 0.0


def test_worst_is_worse_than_everything():
    """The peer's exact solver ignores the switch."""
    law, best = proposal()
    _, worst = proposal(worst=True)
    w = np.array(list(worst.mixture().values()))
    value = lambda points: law.predict(points).mean(1)  # noqa: E731
    pool = np.array(design(feasible_set(), 400, seed=3, include_extremes=True).weights)
    assert value(w[None])[0] >= value(pool).max()
    assert worst.gap is None
    assert worst.verdict.startswith("Counterfactual")
    assert best.mixture() != worst.mixture()
    assert worst.over_prior.fitted == pytest.approx(value(w[None])[0] - value(PRIOR[None])[0])


def test_group_limits_hold():
    limited = feasible_set((group("s0", [0, 1, 2], 0.1, 0.2),))
    _, result = proposal(feasible=limited)
    assert limited.contains(list(result.mixture().values()))


def test_maximised_metrics_grow():
    names, w, y = swarm(0.003)
    law = LogLinear().fit(w, y)
    goal = objective(METRICS, y, {"metric0": 1.0}, maximise=("metric0",))
    result, _, _ = propose(law, goal, feasible_set(), w, y, names, bootstrap=50)
    best = np.array(list(result.mixture().values()))
    assert truth(best)[0, 0] > truth(PRIOR)[0, 0]
    assert truth(best)[0, 0] > 0.98 * truth(w)[:, 0].max()


def test_minimum_weight_leaves_out_crumbs():
    _, result = proposal(minimum_weight=0.05, kl=0.02)
    w = np.array(list(result.mixture().values()))
    assert ((w == 0) | (w >= 0.05 - 1e-9)).all()
    assert w.sum() == pytest.approx(1.0)


def test_warnings_name_caps_extrapolation_and_an_infeasible_prior():
    upper = np.minimum(2.5 * PRIOR, 1)
    upper[int(PRIOR.argmax())] = 0.5 * PRIOR.max()
    _, result = proposal(feasible=box(upper, prior=PRIOR, names=NAMES))
    kinds = {warning.split(":")[0] for warning in result.warnings}
    assert {"prior-infeasible", "at-cap"} <= kinds
    assert sum(result.prior_weights) == pytest.approx(1.0)
    assert result.prior_weights != tuple(PRIOR)


class Bowl(LogLinear):
    """A law that tells nobody that it is convex, to compare the search with the exact solver."""

    @property
    def shapes(self):
        return ("none",) * self.metric_count_


def test_warnings_of_the_law_have_names():
    names, w, y = swarm(0.003)
    y[:, 2] = 3.0
    law = LogLinear().fit(w, y)
    result = propose(law, objective(METRICS, y), feasible_set(), w, y, names, bootstrap=20)[0]
    assert "constant-metric: metrics metric2 do not vary; their prediction is that constant" in result.warnings


def test_search_comes_near_the_exact_optimum():
    _, w, y = swarm(0.003)
    exact = optimum(LogLinear().fit(w, y), np.full(K, 1 / K), feasible_set(), kl=0.01)
    found = optimum(Bowl().fit(w, y), np.full(K, 1 / K), feasible_set(), kl=0.01, known=w)
    assert found.gap is None
    assert found.value == pytest.approx(exact.value, abs=1e-5)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source(Step):
    name: str


class Fitted(typing.NamedTuple):
    leaves: tuple[str, ...]
    metrics: tuple[str, ...]
    fitted: LogLinear

    def law(self):
        return self.fitted


def run(tmp_path, *, shuffle=False, metrics=METRICS, **settings) -> tuple[ProposalResult, FakeContext]:
    names, w, y = swarm(0.003)
    order = np.random.default_rng(3).permutation(N) if shuffle else np.arange(N)
    columns = np.arange(K)[::-1] if shuffle else np.arange(K)
    table = RunTable(
        runs=names,
        leaves=tuple(NAMES[i] for i in order),
        weights=tuple(map(tuple, w[:, order].tolist())),
        metrics=tuple(METRICS[k] for k in columns),
        values=tuple(map(tuple, y[:, columns].tolist())),
    )
    laws, runs, limits = Source(name="laws"), Source(name="runs"), Source(name="limits")
    context = FakeContext(
        tmp_path,
        {
            id(laws): Fitted(tuple(NAMES), metrics, LogLinear().fit(w, y)),
            id(runs): table,
            id(limits): feasible_set().ordered([NAMES[i] for i in order[::-1]]),
        },
    )
    step = Proposal(laws=laws, runs=runs, limits=limits, **{"bootstrap": 50, **settings})
    return step.run(context), context


def test_step_matches_columns_by_name_and_survives_json(tmp_path):
    """The peer aligns tables by position."""
    plain, context = run(tmp_path)
    mixed, _ = run(tmp_path / "other", shuffle=True)
    assert mixed.mixture() == pytest.approx(plain.mixture(), abs=1e-7)
    assert msgspec.json.decode(msgspec.json.encode(plain), type=ProposalResult) == plain
    written = json.loads((context.out / "proposal.json").read_text())
    assert written["mixture"] == plain.mixture()
    assert (context.out / "proposal.txt").read_text().startswith(plain.verdict)


def test_the_overlay_is_code_to_commit_that_applies_to_an_experiment(tmp_path, monkeypatch):
    """Written for the leaves of an experiment that ships, applied to it by `--overlay`, and read by the step that trains."""
    from olmix.config import experiments
    from olmix.config.overrides import Override

    result, context = run(tmp_path)
    names = [leaf.name for leaf in experiments.resolve("data_proportions.baseline").build().scan.tree.leaves()]
    weights = [0.0, *np.random.default_rng(0).dirichlet(np.ones(len(names) - 1)).tolist()]
    rows = [dataclasses.replace(result.leaves[0], leaf=name, weight=w) for name, w in zip(names, weights, strict=True)]
    long = dataclasses.replace(result, leaves=tuple(rows))
    file = tmp_path / "proposed_mixture.py"
    for shown in (result, long):
        file.write_text(to_overlay(shown, experiment='my "first" search'))
        for command in (["check", "--no-cache"], ["format", "--check", "--no-cache"]):
            config = ["--config", str(ROOT / "pyproject.toml")]
            done = subprocess.run(
                [sys.executable, "-m", "ruff", *command, *config, str(file)], capture_output=True, text=True
            )
            assert done.returncode == 0, done.stdout + file.read_text()
    assert (context.out / "proposed_mixture.py").read_text() == to_overlay(result, experiment="test")
    monkeypatch.syspath_prepend(str(tmp_path))
    changed = experiments.resolve("data_proportions.baseline", [Override("overlay", "proposed_mixture")])
    assert changed.config.plan.mixture == long.mixture()
    assert str(changed.blame[f"plan.mixture[{names[0]!r}]"]).startswith("proposed_mixture.py:")
    plan = changed.build().plan
    scan = types.SimpleNamespace(
        tokens=dict.fromkeys(names, 10**11), mixture={}, repetition_limits=dict.fromkeys(names, 4.0)
    )
    planned = {row.leaf: row.weight for row in plan.run(FakeContext(tmp_path, {id(plan.scan): scan})).leaves}
    assert planned == pytest.approx(dict(zip(names, weights, strict=True)))


def test_step_mistakes(tmp_path):
    with pytest.raises(UserError, match="nearest: metric0"):
        run(tmp_path, objective={"metrik0": 1.0})
    with pytest.raises(UserError, match="metrics that the runs do not have: lost"):
        run(tmp_path, metrics=("lost", *METRICS[1:]))
    with pytest.raises(UserError, match="kl is -1"):
        run(tmp_path, kl=-1.0)
    with pytest.raises(UserError, match="at least 20"):
        run(tmp_path, bootstrap=3)


def test_other_leaves_than_the_limits(tmp_path):
    with pytest.raises(UserError, match="only the limits have s0:t0; only the runs have new"):
        feasible_set().ordered(["new", *NAMES[1:]])


def test_step_adds_path_front_and_next_runs_on_request(tmp_path):
    families = {"rest": ["metric1", "metric2"]}
    result, context = run(tmp_path, path=(0.0, 0.1), front=("metric0", "rest"), next_runs=2, families=families)
    assert [point.kl for point in result.path] == [0.0, 0.1]
    assert result.front[0].first < result.front[-1].first
    assert len(result.next_runs) == 2
    text = (context.out / "proposal.txt").read_text()
    assert "strength of KL" in text
    assert "Next run 2" in text
    assert msgspec.json.decode(msgspec.json.encode(result), type=ProposalResult) == result
    with pytest.raises(UserError, match="names 1"):
        run(tmp_path, front=("metric0",))
