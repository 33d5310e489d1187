import numpy as np

from olmix.fit import anchors, levenberg
from tests.fit.simulated import mixtures


def test_reach_is_the_distance_in_spreads_of_a_linear_metric():
    """For metrics linear in the weights, the typical corner lies about one reach away."""
    rng = np.random.default_rng(0)
    for leaves, concentration in ((5, 1.0), (5, 20.0), (30, 1.0)):
        w = mixtures(500, leaves, seed=1, concentration=concentration)
        y = w @ rng.normal(size=(leaves, 200))
        corners = np.eye(leaves) @ np.linalg.lstsq(w, y, rcond=None)[0]
        away = np.abs(corners - y.mean(axis=0)) / y.std(axis=0)
        reach = anchors.reach(w, np.ones(500))
        typical = np.median(away, axis=1) / reach
        assert (typical > 0.3).all()
        assert (typical < 1.5).all()


def test_a_leaf_that_never_varies_is_reached_like_the_others():
    w = np.insert(mixtures(50, 4, seed=0) * 0.9, 2, 0.1, axis=1)
    reach = anchors.reach(w, np.ones(50))
    assert np.isfinite(reach).all()
    assert reach[2] < 2 * reach.max()


def test_at_its_reach_an_anchor_costs_half_the_noise_of_a_run():
    rng = np.random.default_rng(0)
    target, omega = rng.normal(2.0, 0.5, (3, 40)), np.ones((3, 40))
    doubt, corner = np.array([0.01, 0.1, 0.3]), np.array([0.05, 0.1, 0.2])
    reach = np.array([1.0, 4.0])
    rows, weights = anchors.anchored(target, omega, corner, doubt, reach)
    assert rows.shape == weights.shape == (3, 42)
    np.testing.assert_allclose(rows[:, 40:], target.mean(axis=1, keepdims=True) * np.ones((1, 2)))
    assert (weights[:, 40:] < 0.2).all()
    deviation = target.std(axis=1)
    for j in range(2):
        residual = np.zeros((3, 42))
        residual[:, 40 + j] = 3.0 * deviation * reach[j]
        cost = levenberg.huber_loss(residual, weights, corner)
        # Linear beyond Huber's corner, so a little less than the full product.
        np.testing.assert_allclose(cost, 0.5 * doubt * deviation**2, rtol=0.1)
