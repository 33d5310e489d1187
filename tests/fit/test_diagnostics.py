"""Diagnostics against what is known: enough runs, a broken run, a run alone, leaves that move as one."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from olmix.fit import LogLinear, cross_validate, score
from olmix.fit.diagnostics import Diagnostics, diagnose, identified, learning_curve, leverage, sizes
from tests.fit.simulated import log_linear_truth, mixtures

LEAVES = ("web", "code", "books", "maths")
METRICS = ("a", "b", "c")


def fitted(w, noise=0.01, seed=0, spoil=None, repeats=2):
    y = log_linear_truth(w.shape[1], 3, seed=1)(w) + np.random.default_rng(seed).normal(0, noise, (len(w), 3))
    if spoil is not None:
        y[spoil] += 0.5
    law = LogLinear(ridge=1e-3)
    held_out = cross_validate(law, w, y, repeats=1)
    scores = score(METRICS, y, held_out.mean, held_out.std)
    names = tuple(f"run{i}" for i in range(len(w))), LEAVES[: w.shape[1]], METRICS
    return diagnose(law, names, w, y, held_out, scores=scores, folds=5, repeats=repeats), scores


def test_a_healthy_swarm_raises_nothing_and_survives_the_store() -> None:
    found, scores = fitted(mixtures(40, 4, seed=0))
    assert found.warnings() == ()
    assert all(leaf.identified for leaf in found.leaves)
    assert found.calibration is not None
    assert found.calibration.predictions == 120
    assert found.calibration.observed == tuple(sorted(found.calibration.observed))
    last = [point for point in found.learning if point.runs == 32]
    assert [(p.metric, p.spearman, p.rmse) for p in last] == [(s.metric, s.spearman, s.rmse) for s in scores]
    assert msgspec.json.decode(msgspec.json.encode(found), type=Diagnostics) == found


def test_more_runs_predict_better() -> None:
    found, _ = fitted(mixtures(64, 4, seed=3), noise=0.002)
    by_size = {}
    for point in found.learning:
        by_size.setdefault(point.runs, []).append(point.rmse)
    errors = [np.mean(by_size[size]) for size in sorted(by_size)]
    assert sorted(by_size) == [8, 20, 51]
    assert errors[-1] < 0.6 * errors[0]


def test_a_learning_curve_never_tests_on_what_it_fitted() -> None:
    """On pure noise, a law that had seen the runs would correlate with them; twins of a run must not leak it either."""
    w = np.repeat(mixtures(20, 4, seed=4), 3, axis=0)
    y = np.random.default_rng(0).normal(3, 1, (60, 1))
    y = y.repeat(3, axis=1) + np.repeat(np.random.default_rng(1).normal(0, 3, (20, 1)), 3, axis=0)
    scores = score(METRICS, y, y, y)
    curve = learning_curve(LogLinear(ridge=1e-6), METRICS, w, y, scores=scores, folds=5, repeats=3)
    assert np.mean([point.spearman for point in curve if point.runs < 48]) < 0.35


@pytest.mark.parametrize(
    ("n", "folds", "expected"),
    [(24, 5, (6, 11)), (512, 5, (64, 162)), (10, 5, ()), (6, 3, ()), (4, 5, ())],
)
def test_sizes_of_a_learning_curve(n, folds, expected) -> None:
    assert sizes(n, folds) == expected


def test_a_broken_run_is_named() -> None:
    found, _ = fitted(mixtures(40, 4, seed=0), spoil=7, repeats=0)
    assert found.learning == ()
    assert [run.run for run in found.surprising] == ["run7"]
    assert any(warning.startswith("surprising-run: ") and "run7 (" in warning for warning in found.warnings())


def test_leverage_is_the_hat_matrix_of_a_linear_fit_with_an_intercept() -> None:
    w = mixtures(30, 4, seed=5)
    design = np.concatenate([np.ones((30, 1)), w[:, :3]], axis=1)
    hat = design @ np.linalg.solve(design.T @ design, design.T)
    np.testing.assert_allclose(leverage(w), np.diag(hat), atol=1e-10)
    alone = np.concatenate([np.insert(w, 4, 0.0, axis=1), [[0.1, 0.1, 0.1, 0.1, 0.6]]])
    assert leverage(alone)[-1] == pytest.approx(1.0)


def test_leaves_that_the_runs_cannot_tell_apart() -> None:
    free = mixtures(30, 3, seed=6)
    still = np.insert(free * 0.9, 3, 0.1, axis=1)
    pair = np.stack([free[:, 0], free[:, 1], free[:, 2] / 2, free[:, 2] / 2], axis=1)
    loose = pair + np.random.default_rng(0).normal(0, 0.01, pair.shape)
    names = ("a", "b", "c", "d")
    assert [leaf.identified for leaf in identified(names, mixtures(30, 4, seed=7))] == [True] * 4
    assert {leaf.leaf: leaf.why for leaf in identified(names, still) if not leaf.identified} == {"d": "hardly varies"}
    for w in (pair, loose):
        assert {leaf.leaf: leaf.why for leaf in identified(names, w) if not leaf.identified} == {
            "c": "moves with d",
            "d": "moves with c",
        }


def test_fewer_runs_than_leaves_identify_few_of_them() -> None:
    found = identified(tuple(map(str, range(20))), mixtures(5, 20, seed=8))
    assert np.mean([leaf.identified for leaf in found]) < 0.2
    assert all(leaf.why for leaf in found)


def test_intervals_that_are_too_narrow_are_said_to_be() -> None:
    w = mixtures(40, 4, seed=0)
    y = log_linear_truth(4, 3, seed=1)(w) + np.random.default_rng(0).normal(0, 0.05, (40, 3))
    held_out = cross_validate(LogLinear(ridge=1e-3), w, y, repeats=1)
    sure = type(held_out)(mean=held_out.mean, std=held_out.std / 3)
    scores = score(METRICS, y, held_out.mean, sure.std)
    names = tuple(f"run{i}" for i in range(40)), LEAVES, METRICS
    found = diagnose(LogLinear(), names, w, y, sure, scores=scores, folds=5, repeats=0)
    assert any(
        warning.startswith("overconfident: the 90 % intervals of the laws held only") for warning in found.warnings()
    )
