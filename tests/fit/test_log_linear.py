import numpy as np
from scipy.optimize import least_squares

from olmix.fit import LogLinear
from tests.fit.simulated import log_linear_truth, mixtures


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


def test_an_outlier_hardly_moves_the_fit():
    w = mixtures(60, 4, seed=0)
    truth = log_linear_truth(4, 1, seed=1)
    y = truth(w) + np.random.default_rng(0).normal(0, 0.005, (60, 1))
    y[7] += 5.0
    law = LogLinear().fit(w, y)
    keep = np.arange(60) != 7
    assert np.abs(law.predict(w[keep]) - truth(w[keep])).max() < 0.05


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
