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


def test_pairing_matters_equal_scores_have_no_spread():
    scores = [0.0, 1.0] * 50
    gain = paired_bootstrap(scores, scores)
    assert (gain.mean, gain.low, gain.high) == (0.0, 0.0, 0.0)
    with pytest.raises(ValueError, match="same problems"):
        paired_bootstrap([0.0], [0.0, 1.0])
