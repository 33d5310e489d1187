from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from olmix.proofs.pipeline.intervals import paired_bootstrap, wilson


@pytest.mark.parametrize(("hits", "of"), [(0, 24), (24, 24), (1, 10), (137, 200), (5000, 9999)])
def test_wilson_is_scipys(hits, of):
    rate = wilson(hits, of)
    expected = scipy.stats.binomtest(hits, of).proportion_ci(method="wilson")
    assert (rate.low, rate.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_nothing_is_known_of_nothing():
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0.0, 1.0)


def test_the_bootstrap_agrees_with_the_normal_interval_of_a_paired_mean():
    rng = np.random.default_rng(0)
    before, after = rng.random(400) < 0.3, rng.random(400) < 0.5
    gain = paired_bootstrap(before.astype(float), after.astype(float))
    differences = after.astype(float) - before
    error = differences.std(ddof=1) / 20
    assert gain.mean == pytest.approx(differences.mean())
    assert gain.low == pytest.approx(differences.mean() - 1.96 * error, abs=0.2 * error)
    assert gain.high == pytest.approx(differences.mean() + 1.96 * error, abs=0.2 * error)


def test_equal_gains_are_not_known_exactly():
    """None of n problems was otherwise: up to z²/(n + z²) of all may be (Wilson's bound, in closed form)."""
    square = scipy.stats.norm.ppf(0.975) ** 2
    for count in (1, 12, 100):
        bound = square / (count + square)
        scores = [0.0, 1.0] * count
        same = paired_bootstrap(scores[:count], scores[:count])
        assert (same.mean, same.low, same.high) == pytest.approx((0.0, -bound, bound))
        all_new = paired_bootstrap([0.0] * count, [1.0] * count)
        assert (all_new.mean, all_new.low, all_new.high) == pytest.approx((1.0, 1 - 2 * bound, 1.0))
    assert paired_bootstrap([0.0], [1.0]).low < 0  # One problem shows nothing.


def test_pairing_matters():
    scores = [0.0, 1.0] * 50
    gain = paired_bootstrap(scores, [*scores[:-2], 1.0, 1.0])
    assert gain.mean == pytest.approx(0.01)
    assert (gain.low, gain.high) == pytest.approx((0.0, 0.03))  # Unpaired it would be more than 0.1 wide.
    with pytest.raises(ValueError, match="same problems"):
        paired_bootstrap([0.0], [0.0, 1.0])
