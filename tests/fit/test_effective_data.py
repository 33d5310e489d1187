import numpy as np
import pytest

from olmix.fit import EffectiveData, LogLinear
from tests.fit.simulated import effective_data_truth, mixtures
from tests.shared_data import shared_data


def test_recovers_an_exact_law():
    w, fresh = mixtures(150, 5, seed=0, concentration=0.6), mixtures(100, 5, seed=1)
    utility = np.array([1.0, 0.5, 0.2, 0.05, 0.01])

    def truth(points):
        return 2.0 + 1.5 * (0.1 + points**0.55 @ utility) ** -0.5

    law = EffectiveData().fit(w, truth(w))
    np.testing.assert_allclose(law.predict(fresh)[:, 0], truth(fresh), rtol=2e-3)
    leading = np.argmax(law.share_[0])
    assert law.exponent_[0, leading] == 0.55
    found = law.utility_[0, leading] / law.utility_[0, leading, 0]
    np.testing.assert_allclose(found, utility, rtol=0.15, atol=0.02)


def test_constraints_of_the_formula_hold():
    w = mixtures(40, 6, seed=0)
    y = effective_data_truth(6, 4, seed=1)(w) + np.random.default_rng(0).normal(0, 0.05, (40, 4))
    law = EffectiveData().fit(w, y)
    floor = law.floor_ * law.scale_[:, None] + law.shift_[:, None]
    assert (floor > 0).all()
    assert (floor < y.min(axis=0)[:, None]).all()
    assert (law.utility_ >= 0).all()
    assert (law.power_ > 0).all()
    assert law.is_convex
    np.testing.assert_allclose(law.share_.sum(axis=1), 1)


def test_a_metric_that_grows_with_data_is_fitted_upside_down_and_named():
    w, fresh = mixtures(50, 5, seed=0), mixtures(300, 5, seed=1)
    accuracy = lambda points: 0.9 - 0.1 * (0.05 + points**0.6 @ [1, 0.5, 0.1, 0.02, 0]) ** -0.5  # noqa: E731
    loss = lambda points: 2 + (0.05 + points**0.6 @ [0, 0.1, 0.1, 0.5, 1]) ** -0.5  # noqa: E731
    y = np.stack([accuracy(w), loss(w)], axis=1)
    law = EffectiveData().fit(w, y)
    assert law.shapes == ("concave", "convex")
    assert not law.is_convex
    assert any(warning.startswith("rising-metric: metrics [0]") for warning in law.warnings_)
    np.testing.assert_allclose(law.predict(fresh)[:, 0], accuracy(fresh), atol=0.01)


def test_predicts_better_than_log_linear_where_returns_diminish():
    w, fresh = mixtures(60, 8, seed=0, concentration=0.4), mixtures(400, 8, seed=1, concentration=0.4)
    truth = effective_data_truth(8, 4, seed=2)
    y = truth(w) + np.random.default_rng(0).normal(0, 0.01, (60, 4))
    errors = [np.mean((law.fit(w, y).predict(fresh) - truth(fresh)) ** 2) for law in (EffectiveData(), LogLinear())]
    assert errors[0] < 0.5 * errors[1]


@pytest.mark.parametrize("outlier", [5.0, -0.5])
def test_an_outlier_hardly_moves_the_fit(outlier):
    w = mixtures(60, 4, seed=0)
    truth = effective_data_truth(4, 1, seed=1)
    clean = truth(w) + np.random.default_rng(0).normal(0, 0.005, (60, 1))
    dirty = clean.copy()
    dirty[7] += outlier
    keep = np.arange(60) != 7
    moved = EffectiveData().fit(w, dirty).predict(w[keep]) - EffectiveData().fit(w[keep], clean[keep]).predict(w[keep])
    assert np.sqrt(np.mean(moved**2)) < 0.02


def test_regmix_small_swarm():
    """32 published runs: better than the law of the peers reaches with 512."""
    train, test = (shared_data("regmix", f"{part}_mixture_1m.csv") for part in ("train", "test"))
    load = lambda path: np.genfromtxt(path, delimiter=",", skip_header=1)[:, 1:]  # noqa: E731
    w, fresh = load(train), load(test)
    y, truth = (load(path.with_name(path.name.replace("mixture", "pile_loss"))) for path in (train, test))
    some = np.random.default_rng(0).permutation(len(w))[:32]
    predicted = EffectiveData().fit(w[some], y[some]).predict(fresh)
    ranks = lambda array: np.argsort(np.argsort(array, axis=0), axis=0)  # noqa: E731
    spearman = [np.corrcoef(ranks(predicted)[:, k], ranks(truth)[:, k])[0, 1] for k in range(y.shape[1])]
    assert np.mean(spearman) > 0.973
