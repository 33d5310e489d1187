import itertools

import numpy as np
import pytest

from olmix.errors import UserError
from olmix.fit import Best, BoostedTrees, GaussianProcess, Linear, LogLinear, Quadratic, convex
from olmix.fit.best import simplex_weights
from olmix.fit.cross_validation import cross_validate
from olmix.fit.propose import optimum
from tests.fit.simulated import log_linear_truth, mixtures
from tests.mix.sets import box


@pytest.mark.parametrize("seed", range(5))
def test_stacking_weights_are_the_optimum_on_a_fine_grid(seed):
    rng = np.random.default_rng(seed)
    errors = rng.normal(0, 1, (3, 3)) @ rng.normal(0, 1, (3, 40))
    ticks = np.linspace(0, 1, 101)
    grid = np.array([(a, b, 1 - a - b) for a, b in itertools.product(ticks, ticks) if a + b <= 1 + 1e-12])
    best = np.mean((grid @ errors) ** 2, axis=1).min()
    weight = simplex_weights(errors)
    assert weight.sum() == pytest.approx(1)
    assert (weight >= 0).all()
    assert np.mean((weight @ errors) ** 2) <= best * 1.02 + 1e-12


def swarm(truth, runs=60):
    w = mixtures(runs, 4, seed=0)
    return w, truth(w) + np.random.default_rng(1).normal(0, 0.01, truth(w).shape)


def test_chooses_per_metric_the_law_that_made_it():
    slopes = np.array([3.0, 1.0, -1.0, 0.5])
    curved = log_linear_truth(4, 1, seed=3)
    w, y = swarm(lambda p: np.concatenate([(2 + p @ slopes)[:, None], curved(p) * 3], axis=1))
    best = Best(candidates=(Linear(), LogLinear()), combine="choose").fit(w, y)
    names = [type(best.laws_[int(np.argmax(row))]).__name__ for row in best.weight_]
    assert names[1] == "LogLinear"
    assert best.left_out_rmse_[0, 0] <= best.left_out_rmse_[0, 1] * 1.05
    assert best.left_out_rmse_[1, 1] < best.left_out_rmse_[1, 0]


def test_a_stack_predicts_as_well_as_its_best_law():
    truth = lambda p: (3 + np.sin(4 * p[:, 0]) * p[:, 1] + p[:, 2] ** 0.5)[:, None]  # noqa: E731
    w, y = swarm(truth)
    fresh = mixtures(400, 4, seed=9)
    laws = (Linear(), Quadratic(), GaussianProcess())
    error = lambda law: float(np.sqrt(np.mean((law.clone().fit(w, y).predict(fresh) - truth(fresh)) ** 2)))  # noqa: E731
    assert error(Best(candidates=laws)) < 1.25 * min(error(law) for law in laws)


def test_its_cross_validation_is_out_of_sample():
    """On pure noise nothing may look predictable."""
    w = mixtures(60, 4, seed=0)
    y = np.random.default_rng(0).normal(3, 1, (60, 3))
    predicted = cross_validate(Best(candidates=(Linear(), LogLinear()), folds=5), w, y, folds=5, repeats=2).mean
    correlations = [np.corrcoef(predicted[r, :, k], y[:, k])[0, 1] for r in range(2) for k in range(3)]
    assert np.mean(correlations) < 0.05


def test_convexity_is_claimed_only_where_all_parts_have_it():
    w, y = swarm(log_linear_truth(4, 2, seed=1))
    assert Best(candidates=(Linear(), LogLinear())).fit(w, y).is_convex
    mixed = Best(candidates=(LogLinear(), GaussianProcess(iterations=5))).fit(w, y)
    for k, weight in enumerate(mixed.weight_):
        uses_process = any(
            a > 0 and isinstance(law, GaussianProcess) for a, law in zip(weight, mixed.laws_, strict=True)
        )
        assert (mixed.shapes[k] == "none") == uses_process


def test_bad_settings_are_refused():
    with pytest.raises(UserError, match="1 to 8"):
        Best(candidates=())
    with pytest.raises(UserError, match="combine is 'mean'"):
        Best(combine="mean")  # type: ignore[arg-type]


def test_a_stack_of_convex_laws_is_proposed_from_with_a_certificate_and_refits_in_a_batch():
    w, y = swarm(log_linear_truth(4, 2, seed=1))
    best = Best(candidates=(Linear(), LogLinear())).fit(w, y)
    feasible = box([0.6] * 4)
    found = optimum(best, np.array([0.5, 0.5]), feasible)
    assert found.gap is not None
    assert found.gap <= 1e-9
    pool = mixtures(500, 4, seed=3)
    pool = pool[feasible.excess(pool) <= 0]
    assert found.value <= (best.predict(pool) @ [0.5, 0.5]).min()
    refits = best.refit(w, y, np.random.default_rng(0).exponential(size=(6, len(w))))
    values = refits.predict(w)
    assert values.shape == (6, *y.shape)
    parts = convex.surfaces(refits, np.array([0.5, 0.5]))
    assert parts is not None
    total = np.sum([part.derivatives(np.tile(w[:1], (6, 1)))[0] for part in parts], axis=0)
    np.testing.assert_allclose(total, values[:, 0] @ [0.5, 0.5])
    assert refits.gradient(w[0]).shape == (6, 2, 4)


def test_a_stack_with_trees_does_not_refit_in_a_batch():
    w, y = swarm(log_linear_truth(4, 1, seed=1))
    best = Best(candidates=(BoostedTrees(most_trees=20, learning_rate=0.2),)).fit(w, y)
    assert not best.refits_in_batch
    with pytest.raises(UserError, match="BoostedTrees cannot be refitted in a batch"):
        best.refit(w, y, np.ones((3, len(w))))
