import numpy as np
import pytest
from scipy.optimize import least_squares

from olmix.fit import Law, LogLinear
from tests.fit.simulated import degenerate_swarms, log_linear_truth, mixtures


def test_recovers_an_exact_law():
    w = mixtures(80, 6, seed=0)
    truth = log_linear_truth(6, 4, seed=1)
    law = LogLinear(ridge=0.0).fit(w, truth(w))
    fresh = mixtures(50, 6, seed=2)
    np.testing.assert_allclose(law.predict(fresh), truth(fresh), rtol=2e-5)


def test_reaches_the_optimum_that_scipy_finds_from_the_truth():
    """An independent solver, given the true parameters as start, finds no lower Huber loss."""
    rng = np.random.default_rng(5)
    w = mixtures(60, 5, seed=3)
    slopes = rng.normal(0, 1, 5)
    y = 2.0 + np.exp(w @ slopes) + rng.standard_t(2, 60) * 0.02
    law = LogLinear(ridge=0.0, huber_delta=0.02).fit(w, y)

    def residual(theta):
        return np.exp(theta[0]) + np.exp(w @ theta[1:]) - y

    best = least_squares(
        residual, np.r_[np.log(2.0), slopes], loss="huber", f_scale=0.02, xtol=1e-14, ftol=1e-14, gtol=1e-14
    )
    assert law.loss_[0] <= best.cost * (1 + 1e-6)


def test_gradient_is_the_derivative():
    w = mixtures(40, 5, seed=0)
    law = LogLinear().fit(w, log_linear_truth(5, 3, seed=1)(w))
    point, step = w[0], 1e-6
    ahead, behind = law.predict(point + step * np.eye(5)), law.predict(point - step * np.eye(5))
    numeric = (ahead - behind).T / (2 * step)
    np.testing.assert_allclose(law.gradient(point), numeric, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_units_do_not_matter(scale):
    w = mixtures(30, 6, seed=0)
    y = log_linear_truth(6, 2, seed=1)(w) + np.random.default_rng(0).normal(0, 0.02, (30, 2))
    base, scaled = LogLinear().fit(w, y), LogLinear().fit(w, y * scale)
    np.testing.assert_allclose(scaled.predict(w) / scale, base.predict(w), rtol=1e-4)


def test_an_outlier_hardly_moves_the_fit():
    w = mixtures(60, 4, seed=0)
    truth = log_linear_truth(4, 1, seed=1)
    y = truth(w) + np.random.default_rng(0).normal(0, 0.005, (60, 1))
    y[7] += 5.0
    law = LogLinear().fit(w, y)
    keep = np.arange(60) != 7
    assert np.abs(law.predict(w[keep]) - truth(w[keep])).max() < 0.05


def test_uncertainty_covers_new_runs():
    w, fresh = mixtures(60, 5, seed=0), mixtures(2000, 5, seed=1)
    truth, noise = log_linear_truth(5, 4, seed=2), np.random.default_rng(3)
    law = LogLinear().fit(w, truth(w) + noise.normal(0, 0.05, (60, 4)))
    mean, std = law.predict(fresh, return_std=True)
    inside = np.abs(mean - truth(fresh) - noise.normal(0, 0.05, mean.shape)) < 1.645 * std
    assert 0.85 < inside.mean() < 0.95


def test_refits_in_a_batch_equal_fits_one_by_one():
    w = mixtures(40, 4, seed=0)
    y = log_linear_truth(4, 2, seed=1)(w) + np.random.default_rng(0).normal(0, 0.05, (40, 2))
    law = LogLinear(ridge=1e-3, huber_delta=0.05).fit(w, y)
    draws = np.random.default_rng(1).multinomial(40, np.full(40, 1 / 40), 5)
    batch = law.refit(w, y, draws)
    assert batch.predict(w).shape == (5, 40, 2)
    assert batch.gradient(w[0]).shape == (5, 2, 4)
    for b, draw in enumerate(draws):
        # The ridge is in units of the metric's spread, which a reweighted fit measures anew; 1e-3 makes that
        # immaterial.
        alone = LogLinear(ridge=1e-3, huber_delta=0.05).fit(w, y, sample_weight=draw)
        np.testing.assert_allclose(batch.predict(w)[b], alone.predict(w), atol=5e-3)


@pytest.mark.parametrize("name", degenerate_swarms())
def test_degenerate_data_give_a_finite_fit_and_a_named_warning(name):
    w, y = degenerate_swarms()[name]
    law = LogLinear().fit(w, y)
    assert any(warning.startswith(name.split("/")[0] + ":") for warning in law.warnings_), law.warnings_
    corners = np.eye(w.shape[1])
    mean, std = law.predict(corners, return_std=True)
    width = np.ptp(y, axis=0) + 1e-6 * np.abs(y).max()
    assert np.isfinite(mean).all()
    assert np.isfinite(std).all()
    assert (np.abs(mean - y.mean(axis=0)) < 100 * width).all()
    assert np.array_equal(Law.from_json(law.to_json()).predict(corners), mean)


def test_a_constant_metric_is_predicted_as_that_constant():
    w = mixtures(20, 4, seed=0)
    law = LogLinear().fit(w, np.full((20, 1), 3.25))
    np.testing.assert_allclose(law.predict(np.eye(4)), 3.25, rtol=1e-4)
