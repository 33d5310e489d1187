import numpy as np
import pytest

from olmix.errors import UserError
from olmix.fit import Law, LogLinear
from olmix.fit.checks import data_warnings
from tests.fit.simulated import degenerate_swarms, mixtures

W = mixtures(20, 4, seed=0)
Y = np.random.default_rng(0).normal(3, 0.1, (20, 2))


@pytest.mark.parametrize(
    ("weights", "metrics", "complaint"),
    [
        (W[:, :0], Y, "must be"),
        (W, Y[:5], r"\[20, 4\] and \[5, 2\]"),
        (W[:1], Y[:1], "at least two"),
        (np.where(np.arange(20)[:, None] == 3, np.nan, W), Y, "rows 3"),
        (W, np.where(np.arange(20)[:, None] == 7, np.inf, Y), "rows 7"),
        (np.where(np.arange(20)[:, None] == 2, [1.2, -0.2, 0, 0], W), Y, "rows 2"),
        (W * np.where(np.arange(20) == 9, 1.2, 1)[:, None], Y, "rows 9"),
    ],
)
def test_bad_data_are_refused_by_row(weights, metrics, complaint):
    with pytest.raises(UserError, match=complaint):
        LogLinear().fit(weights, metrics)


def test_an_unfitted_law_says_so():
    with pytest.raises(UserError, match="not been fitted"):
        LogLinear().predict(W)


def test_points_must_have_the_leaves_of_the_fit():
    with pytest.raises(UserError, match=r"\[n, 4\]"):
        LogLinear().fit(W, Y).predict(W[:, :3])


def test_fitting_one_clone_leaves_the_settings_alone():
    law = LogLinear(ridge=0.5)
    fitted = law.clone().fit(W, Y)
    assert fitted == law
    assert not law.is_fitted
    with pytest.raises(AttributeError):
        law.ridge = 1.0  # type: ignore[misc]


def test_json_keeps_settings_and_predictions_exactly():
    law = LogLinear(ridge=0.1).fit(W, Y)
    back = Law.from_json(law.to_json())
    assert isinstance(back, LogLinear)
    assert back.ridge == 0.1
    assert back.warnings_ == law.warnings_
    for ours, theirs in zip(law.predict(W, return_std=True), back.predict(W, return_std=True), strict=True):
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"format": 1, "law": "LogLinaer", "settings": {}, "learned": {}}'])
def test_what_is_no_law_is_refused(text):
    with pytest.raises(UserError):
        Law.from_json(text)


def test_an_unknown_law_names_the_nearest():
    with pytest.raises(UserError, match="LogLinear"):
        Law.from_json('{"format": 1, "law": "LogLinaer", "settings": {}, "learned": {}}')


def test_healthy_data_raise_no_warning():
    assert data_warnings(W, Y) == ()


@pytest.mark.parametrize("name", [name for name in degenerate_swarms() if not name.startswith("shifted")])
def test_degenerate_data_are_named(name):
    assert name.split("/")[0] in [warning.split(":")[0] for warning in data_warnings(*degenerate_swarms()[name])]


def test_runs_of_weight_zero_do_not_count():
    w = np.concatenate([W, W[:1]])
    y = np.concatenate([Y, [[100.0, -50.0]]])
    omega = np.r_[np.ones(20), 0.0]
    with_outlier, without = LogLinear().fit(w, y, sample_weight=omega), LogLinear().fit(W, Y)
    np.testing.assert_allclose(with_outlier.predict(W), without.predict(W), atol=0.05)
