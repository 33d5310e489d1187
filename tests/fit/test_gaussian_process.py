import numpy as np
import pytest

from olmix.fit import GaussianProcess, Law, kernel
from olmix.fit.cross_validation import partition
from tests.fit.simulated import effective_data_truth, mixtures


@pytest.mark.parametrize("seed", range(3))
def test_the_evidence_has_the_gradient_that_it_says(seed):
    rng = np.random.default_rng(seed)
    w, z, omega = mixtures(30, 4, seed), rng.normal(0, 1, 30), rng.uniform(0.2, 2, 30)
    prior = kernel.Prior.for_leaves(4)
    theta = prior.centre + rng.normal(0, 0.2, 9)
    theta[7] = 0.4
    _, gradient = kernel.negative_evidence(theta, w, z, omega, prior)
    step = 1e-4
    for i in range(9):
        up, down = theta.copy(), theta.copy()
        up[i], down[i] = theta[i] + step, theta[i] - step
        values = [kernel.negative_evidence(t, w, z, omega, prior)[0] for t in (up, down)]
        assert gradient[i] == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-4, abs=1e-4)


def test_the_evidence_is_that_of_a_gaussian():
    from scipy.stats import multivariate_normal

    w, z = mixtures(12, 3, 0), np.random.default_rng(0).normal(0, 1, 12)
    prior = kernel.Prior.for_leaves(3)
    value, _ = kernel.negative_evidence(prior.centre, w, z, np.ones(12), prior)
    matrix = kernel.noisy(w, prior.centre, np.ones(12))
    expected = -multivariate_normal(np.zeros(12), matrix).logpdf(z) - 6 * np.log(2 * np.pi)
    assert value == pytest.approx(expected, rel=1e-9)


def test_learns_a_surface_that_no_formula_here_describes():
    w, fresh = mixtures(150, 4, seed=0), mixtures(200, 4, seed=1)
    truth = lambda p: (3 + np.sin(4 * p[:, 0]) * p[:, 1] + np.cos(3 * p[:, 2]))[:, None]  # noqa: E731
    y = truth(w) + np.random.default_rng(0).normal(0, 0.01, (150, 1))
    error = GaussianProcess().fit(w, y).predict(fresh) - truth(fresh)
    assert np.sqrt(np.mean(error**2)) < 0.03


def test_uncertainty_grows_away_from_the_runs():
    w = mixtures(60, 4, seed=0, concentration=20.0)
    y = effective_data_truth(4, 2, seed=1)(w) + np.random.default_rng(0).normal(0, 0.005, (60, 2))
    law = GaussianProcess().fit(w, y)
    _, near = law.predict(np.full((1, 4), 0.25), return_std=True)
    _, far = law.predict(np.eye(4), return_std=True)
    assert (far > 2 * near).all()


def test_left_out_predictions_of_many_runs_start_from_all_runs_and_are_still_left_out():
    w = mixtures(170, 3, seed=0)
    y = effective_data_truth(3, 1, seed=1)(w) + np.random.default_rng(2).normal(0, 0.05, (170, 1))
    parts = partition(w, 4, np.random.default_rng(0))
    law = GaussianProcess(iterations=30)
    warm, plain = law.fit(w, y).held_out(w, y, parts)[0], Law.held_out(law, w, y, parts)[0]
    assert np.sqrt(np.mean((warm - plain) ** 2)) < 0.02
    assert np.sqrt(np.mean((warm - y) ** 2)) > 0.045  # the noise of a run cannot be predicted
