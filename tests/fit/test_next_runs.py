"""The next runs: do they really teach more than runs drawn like the others?"""

from __future__ import annotations

import numpy as np
import pytest

from olmix.errors import UserError
from olmix.fit.bootstrap import exponential_weights, refits
from olmix.fit.log_linear import LogLinear
from olmix.fit.next_runs import next_runs
from olmix.fit.propose import choices, optimum
from olmix.mix.design import design
from tests.fit.test_propose import K, feasible_set, swarm, truth

COEFFICIENTS = np.full(K, 1 / K)


def state(w, y, seed=0):
    law = LogLinear().fit(w, y)
    boot = refits(law, w, y, exponential_weights(200, len(w), seed))
    best = optimum(law, COEFFICIENTS, feasible_set()).weights
    chosen = choices(boot, COEFFICIENTS, feasible_set(), kl=0.0, start=best, seed=seed)
    return boot, chosen, best


def regret(w, y):
    """How much worse than the true optimum the proposal from these runs truly is."""
    best = optimum(LogLinear().fit(w, truth(w)), COEFFICIENTS, feasible_set()).weights
    found = optimum(LogLinear().fit(w, y), COEFFICIENTS, feasible_set()).weights
    return float((truth(found) - truth(best)).mean())


def suggest(seed, count=6, noise=0.05):
    _, w, y = swarm(noise, count=24, seed=seed)
    return w, y, next_runs(*state(w, y, seed), COEFFICIENTS, feasible_set(), noise=noise / 2, count=count, seed=seed)


def test_each_run_leaves_less_doubt():
    _, _, found = suggest(0)
    remaining = np.array([run.remaining for run in found])
    assert (np.diff(remaining) < 0).all()
    assert 0 < remaining[0] < 1
    assert feasible_set().contains(np.array([run.weights for run in found]))


def test_suggested_runs_lead_to_better_proposals_than_more_of_the_same():
    """24 runs and 12 more: the true regret of the new proposal, mean of 8 swarms."""
    suggested, plain = [], []
    for seed in range(8):
        w, y, found = suggest(seed, count=12)
        generator = np.random.default_rng(seed + 100)
        for extra, results in (
            (np.array([run.weights for run in found]), suggested),
            (np.array(design(feasible_set(), 36, seed=seed).weights)[24:], plain),
        ):
            measured = truth(extra) + 0.05 * generator.normal(size=(len(extra), K))
            results.append(regret(np.concatenate([w, extra]), np.concatenate([y, measured])))
    assert np.mean(suggested) < 0.8 * np.mean(plain)


def test_mistakes():
    _, w, y = swarm(0.01, count=24)
    with pytest.raises(UserError, match="at least 1"):
        next_runs(*state(w, y), COEFFICIENTS, feasible_set(), noise=0.01, count=0)
