import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from olmix.fit.scores import correlation, ranks, score


@given(st.lists(st.integers(-5, 5), min_size=3, max_size=30), st.integers(0, 2**31))
def test_ranks_and_correlations_equal_scipy(values, seed):
    a = np.array(values, dtype=float)
    b = np.random.default_rng(seed).integers(0, 4, len(a)).astype(float)
    np.testing.assert_array_equal(ranks(a), stats.rankdata(a) - 1)
    if np.ptp(a) > 0 and np.ptp(b) > 0:
        assert correlation(a, b) == pytest.approx(stats.pearsonr(a, b)[0])
        assert correlation(ranks(a), ranks(b)) == pytest.approx(stats.spearmanr(a, b)[0])
    else:
        assert correlation(a, b) is None


def test_regret_is_what_choosing_by_the_law_costs():
    observed = np.array([[3.0], [2.0], [2.5]])
    predicted = np.array([[3.0], [2.6], [2.5]])
    assert score(("loss",), observed, predicted)[0].regret == pytest.approx(0.5)
    assert score(("loss",), observed, predicted, maximise=("loss",))[0].regret == 0.0
    assert score(("loss",), -observed, -predicted, maximise=("loss",))[0].regret == pytest.approx(0.5)


def test_calibration_of_an_honest_and_of_a_boastful_law():
    rng = np.random.default_rng(0)
    observed, predicted = rng.normal(0, 1, (4000, 1)), np.zeros((4000, 1))
    honest = score(("m",), observed, predicted, np.ones((4000, 1)))[0]
    boastful = score(("m",), observed, predicted, np.full((4000, 1), 0.1))[0]
    assert honest.coverage_90 == pytest.approx(0.9, abs=0.02)
    assert honest.z_spread == pytest.approx(1.0, abs=0.05)
    assert boastful.coverage_90 < 0.2
    assert boastful.z_spread == pytest.approx(10, abs=0.5)


def test_a_constant_has_no_correlation_and_says_none():
    flat = score(("m",), np.ones((5, 1)), np.arange(5.0)[:, None])[0]
    assert flat.spearman is None
    assert flat.pearson is None
    assert flat.rmse == pytest.approx(np.sqrt(np.mean((np.arange(5) - 1) ** 2)))
