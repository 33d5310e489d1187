"""What every law must do, whatever its form."""

import numpy as np
import pytest

from olmix.fit import (
    AutoScale,
    Best,
    BiMix,
    BoostedTrees,
    EffectiveData,
    GaussianProcess,
    Law,
    Linear,
    LogLinear,
    Quadratic,
)
from tests.fit.simulated import degenerate_swarms, effective_data_truth, log_linear_truth, mixtures

LAWS = {
    type(law).__name__: law
    for law in (
        Linear(),
        Quadratic(),
        LogLinear(),
        EffectiveData(exponents=(0.4, 0.6, 1.0)),
        GaussianProcess(iterations=30),
        BiMix(),
        AutoScale(),
        BoostedTrees(most_trees=50, learning_rate=0.1),
        Best(candidates=(Linear(), LogLinear(), GaussianProcess(iterations=10)), folds=4),
    )
}
SMOOTH = {name: law for name, law in LAWS.items() if name != "BoostedTrees"}
REFITTED = {name: law for name, law in LAWS.items() if name != "Best" and law.refits_in_batch}


def swarm(runs=40, leaves=5, metrics=3, noise=0.02, seed=0, scale=1.0):
    w = mixtures(runs, leaves, seed)
    y = effective_data_truth(leaves, metrics, seed + 1)(w)
    return w, scale * (y + np.random.default_rng(seed + 2).normal(0, noise, y.shape))


@pytest.mark.parametrize("name", degenerate_swarms())
@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_degenerate_data_give_a_finite_fit_and_a_named_warning(law, name):
    w, y = degenerate_swarms()[name]
    fitted = law.clone().fit(w, y)
    if not name.startswith("shifted"):
        assert any(warning.startswith(name.split("/")[0] + ":") for warning in fitted.warnings_)
    corners = np.eye(w.shape[1])
    mean, std = fitted.predict(corners, return_std=True)
    width = np.ptp(y, axis=0) + 1e-6 * np.abs(y).max()
    assert np.isfinite(mean).all()
    assert np.isfinite(std).all()
    assert (std >= 0).all()
    assert (np.abs(mean - y.mean(axis=0)) < 100 * width).all()
    assert np.isfinite(fitted.gradient(w[0])).all()
    assert np.array_equal(Law.from_json(fitted.to_json()).predict(corners), mean)


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_a_constant_metric_is_predicted_as_that_constant(law):
    w = mixtures(20, 4, seed=0)
    fitted = law.clone().fit(w, np.full((20, 1), 3.25))
    np.testing.assert_allclose(fitted.predict(np.eye(4)), 3.25, rtol=1e-3)


@pytest.mark.parametrize("law", SMOOTH.values(), ids=SMOOTH)
def test_gradient_is_the_derivative(law):
    w, y = swarm()
    fitted = law.clone().fit(w, y)
    point, step = w[0], 1e-6
    ahead, behind = fitted.predict(point + step * np.eye(5)), fitted.predict(point - step * np.eye(5))
    numeric = (ahead - behind).T / (2 * step)
    np.testing.assert_allclose(fitted.gradient(point), numeric, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_a_law_that_calls_itself_convex_is(law):
    """Jensen's inequality at midpoints, corners included."""
    w, y = swarm()
    fitted = law.clone().fit(w, y)
    rng = np.random.default_rng(0)
    a, b = rng.dirichlet(np.full(5, 0.3), 200), np.eye(5)[rng.integers(0, 5, 200)]
    bend = (fitted.predict(a) + fitted.predict(b)) / 2 - fitted.predict((a + b) / 2)
    for k, shape in enumerate(fitted.shapes):
        if shape in ("convex", "linear"):
            assert bend[:, k].min() >= -1e-10
        if shape in ("concave", "linear"):
            assert bend[:, k].max() <= 1e-10
    assert fitted.is_convex == all(shape in ("convex", "linear") for shape in fitted.shapes)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_units_do_not_matter(law, scale):
    w, y = swarm()
    base, scaled = law.clone().fit(w, y), law.clone().fit(w, y * scale)
    np.testing.assert_allclose(scaled.predict(w) / scale, base.predict(w), rtol=1e-3)


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_uncertainty_covers_new_runs(law):
    truth, fresh = effective_data_truth(5, 4, seed=2), mixtures(1000, 5, seed=1)
    noise = np.random.default_rng(3)
    inside = []
    for seed in range(4):
        w = mixtures(60, 5, seed=seed + 10)
        fitted = law.clone().fit(w, truth(w) + noise.normal(0, 0.1, (60, 4)))
        mean, std = fitted.predict(fresh, return_std=True)
        inside.append(np.abs(mean - truth(fresh) - noise.normal(0, 0.1, mean.shape)) < 1.645 * std)
    assert 0.82 < np.mean(inside) < 0.97


@pytest.mark.parametrize("law", REFITTED.values(), ids=REFITTED)
def test_refits_in_a_batch_scatter_like_refits_one_by_one(law):
    w, y = swarm(noise=0.1)
    fitted = law.clone().fit(w, y)
    draws = np.random.default_rng(1).dirichlet(np.ones(len(w)), 8) * len(w)
    batch = fitted.refit(w, y, draws)
    alone = np.stack([law.clone().fit(w, y, sample_weight=draw).predict(w) for draw in draws])
    ours = batch.predict(w)
    assert ours.shape == alone.shape
    assert batch.gradient(w[0]).shape == (8, 3, 5)
    spread, expected = ours.std(axis=0).mean(axis=0), alone.std(axis=0).mean(axis=0)
    assert (spread > 0.4 * expected).all()
    assert (spread < 2.0 * expected).all()
    # A refit under equal weights is the fit itself, up to the averaging over exponents.
    same = fitted.refit(w, y, np.ones((30, len(w)))).predict(w).mean(axis=0)
    np.testing.assert_allclose(same, fitted.predict(w), atol=0.05)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("leaves", [5, 40])
@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_small_swarms_never_explode(law, leaves, seed):
    """20 to 60 runs of any number of leaves: the error on new mixtures stays within the spread of the
    metric.
    """
    w, y = swarm(runs=24, leaves=leaves, seed=seed * 7)
    fresh = mixtures(300, leaves, seed=99)
    truth = effective_data_truth(leaves, 3, seed * 7 + 1)(fresh)
    error = np.sqrt(np.mean((law.clone().fit(w, y).predict(fresh) - truth) ** 2, axis=0))
    assert (error < 2 * truth.std(axis=0)).all()
    assert np.median(error / truth.std(axis=0)) < 1.4


@pytest.mark.parametrize("law", [EffectiveData(), LogLinear()], ids=["EffectiveData", "LogLinear"])
def test_corners_of_a_narrow_swarm_stay_within_reason(law):
    """Runs in a narrow cloud say little about a mixture of one leaf; without anchors a power law reaches 1e12 there."""
    for leaves, runs in ((5, 8), (20, 8)):
        for truth in (effective_data_truth(leaves, 3, 1), log_linear_truth(leaves, 3, 1)):
            w = mixtures(runs, leaves, runs, concentration=5.0)
            y = truth(w)
            y = y + 0.05 * y.std(axis=0) * np.random.default_rng(0).normal(size=y.shape)
            away = np.abs(law.clone().fit(w, y).predict(np.eye(leaves)) - y.mean(axis=0)) / np.ptp(y, axis=0)
            assert away.max() < 25


def test_public_names_are_there():
    import olmix.fit

    for name in olmix.fit.__all__:
        assert getattr(olmix.fit, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'LogQuadratic'"):
        olmix.fit.LogQuadratic  # noqa: B018


@pytest.mark.parametrize("law", [Linear(ridge=1e-3), LogLinear(ridge=1e-3)], ids=["Linear", "LogLinear"])
def test_the_noise_of_a_run_does_not_depend_on_the_unit_of_the_sample_weights(law):
    rng = np.random.default_rng(5)
    w = rng.dirichlet([2.0, 2.0, 2.0], size=40)
    y = 2 + w @ [1.0, 2.0, 3.0] + 0.1 * rng.standard_normal(40)
    one, ten = (law.clone().fit(w, y, sample_weight=np.full(40, unit)) for unit in (1.0, 10.0))
    assert ten.noise_ == pytest.approx(one.noise_, rel=1e-2)
    assert one.noise_ == pytest.approx([0.1], rel=0.3)


def test_trees_do_not_take_a_repeated_mixture_for_one_that_they_have_not_seen():
    """Metrics that only differ from mixture to mixture, by chance: repeating every run tells nothing about new mixtures."""
    pytest.importorskip("lightgbm")
    rng = np.random.default_rng(3)
    w = rng.dirichlet([1.0, 1.0, 1.0, 1.0], size=60)
    y = rng.standard_normal(60)
    once = BoostedTrees(learning_rate=0.1).fit(w, y)
    thrice = BoostedTrees(learning_rate=0.1).fit(np.repeat(w, 3, axis=0), np.repeat(y, 3))
    assert thrice.noise_[0] > 0.9 * once.noise_[0]


def test_trees_of_a_single_mixture_are_its_mean():
    pytest.importorskip("lightgbm")
    law = BoostedTrees(most_trees=20).fit(np.full((12, 2), 0.5), np.arange(12.0))
    assert law.predict([[0.5, 0.5]])[0, 0] == pytest.approx(5.5)
