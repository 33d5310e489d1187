"""Fronts and paths."""

from __future__ import annotations

import numpy as np
import pytest

from olmix.errors import UserError
from olmix.fit.log_linear import LogLinear
from olmix.fit.pareto import front, kl_path
from olmix.fit.propose import optimum
from olmix.mix.design import design
from tests.fit.test_propose import METRICS, PRIOR, N, feasible_set, swarm

FIRST, SECOND = np.array([1.0, 0, 0, 0]), np.array([0, 0, 1.0, 0])


@pytest.fixture(scope="module")
def law():
    _, w, y = swarm(0.002)
    return LogLinear().fit(w, y)


def test_a_front_is_efficient_ordered_and_spread(law):
    found = front(law, FIRST, SECOND, feasible_set(), points=9)
    first = np.array([point.first for point in found])
    second = np.array([point.second for point in found])
    assert len(found) == 9
    assert (np.diff(first) > 0).all()
    assert (np.diff(second) < 0).all()
    # Nothing feasible is better in both.
    pool = law.predict(np.array(design(feasible_set(), 500, seed=1, include_extremes=True).weights))
    for a, b in zip(first, second, strict=True):
        assert not ((pool[:, 0] < a - 1e-7) & (pool[:, 2] < b - 1e-7)).any()
    # Convexity: every point of the front lies below the chord of its neighbours.
    for i in range(1, 8):
        t = (first[i] - first[i - 1]) / (first[i + 1] - first[i - 1])
        assert second[i] <= (1 - t) * second[i - 1] + t * second[i + 1] + 1e-7
    steps = np.hypot(np.diff(first) / np.ptp(first), np.diff(second) / np.ptp(second))
    assert steps.max() < 0.4


def test_the_ends_are_the_single_optima(law):
    found = front(law, FIRST, SECOND, feasible_set(), points=3)
    assert found[0].first == pytest.approx(optimum(law, FIRST, feasible_set()).value, abs=1e-5)
    assert found[-1].second == pytest.approx(optimum(law, SECOND, feasible_set()).value, abs=1e-5)


def test_objectives_that_agree_have_a_front_of_one_point_or_two(law):
    found = front(law, FIRST, FIRST, feasible_set(), points=9)
    assert np.ptp([point.first for point in found]) < 1e-5


def test_the_path_trades_objective_for_nearness(law):
    path = kl_path(law, np.full(len(METRICS), 0.25), feasible_set(), [0.0, 0.01, 0.1, 1.0, 1e4])
    assert (np.diff([point.objective for point in path]) >= -1e-9).all()
    assert (np.diff([point.divergence for point in path]) <= 1e-9).all()
    assert np.array(path[-1].weights) == pytest.approx(PRIOR, abs=1e-3)
    assert len(path[0].weights) == N


def test_mistakes(law):
    with pytest.raises(UserError, match="at least 2"):
        front(law, FIRST, SECOND, feasible_set(), points=1)
    with pytest.raises(UserError, match="kl is -1"):
        kl_path(law, FIRST, feasible_set(), [-1.0])
