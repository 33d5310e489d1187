from __future__ import annotations

import fractions
import math

import numpy as np
import pytest
import scipy.stats

from olmix.proofs.pipeline.intervals import MANY, clopper_pearson, mcnemar, paired_bootstrap, paired_change, wilson


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


def test_mcnemars_exact_test():
    """Bentur et al. 2009, as in Fagerland, Lydersen & Laake 2013 (BMC Med. Res. Methodol. 13:91): p = 0.070."""
    assert mcnemar(7, 1) == mcnemar(1, 7) == pytest.approx(0.0703125)
    assert mcnemar(0, 0) == mcnemar(3, 3) == 1.0
    for gained, lost in ((6, 0), (15, 4), (700, 640), (4000, 3000)):
        tail = sum(
            fractions.Fraction(math.comb(gained + lost, k), 2 ** (gained + lost)) for k in range(min(gained, lost) + 1)
        )
        assert mcnemar(gained, lost) == pytest.approx(float(min(1, 2 * tail)))


@pytest.mark.parametrize(("hits", "of"), [(0, 7), (7, 7), (3, 10), (40, 49)])
def test_clopper_pearson_leaves_a_fortieth_on_each_side(hits, of):
    """By its definition: at the lower end so many hits or more have a chance of 2.5 %, at the upper end so many or fewer."""
    low, high = clopper_pearson(hits, of)
    assert low == 0.0 if hits == 0 else scipy.stats.binom.sf(hits - 1, of, low) == pytest.approx(0.025)
    assert high == 1.0 if hits == of else scipy.stats.binom.cdf(hits, of, high) == pytest.approx(0.025)
    assert clopper_pearson(0, 0) == (0.0, 1.0)


def change(gained: int, lost: int, problems: int):
    same = problems - gained - lost
    return paired_change(
        [False] * gained + [True] * lost + [True] * same, [True] * gained + [False] * lost + [True] * same
    )


def test_four_that_went_one_way_are_no_gain_yet():
    few = change(4, 0, 50)
    assert (few.method, few.p_value, few.shown) == ("exact", 0.125, False)
    assert few.low < 0 < few.mean
    bootstrap = paired_bootstrap([0.0] * 4 + [1.0] * 46, [1.0] * 50)
    assert bootstrap.low > 0  # Which is why it is not asked.
    assert change(6, 0, 50).shown
    assert "p = 0.031 (6 gained, 0 lost)" in change(6, 0, 50).test()


def test_many_changes_are_bootstrapped():
    many = change(MANY - 10, 10, 200)
    assert (many.method, many.shown) == ("paired bootstrap", True)
    exact = change(MANY - 11, 10, 200)
    assert exact.method == "exact"
    assert (exact.low, exact.high) == pytest.approx((many.low, many.high), abs=0.05)
    assert not change(30, 25, 200).shown
    assert "p < 0.0001" in change(60, 0, 200).test()


@pytest.mark.parametrize("problems", [5, 13, 30])
def test_the_exact_interval_covers_and_agrees_with_the_test(problems):
    """By enumeration of all outcomes: at no true rates of gains and losses is the truth outside in more than 5 % of cases."""
    outcomes = [(g, lost) for g in range(problems + 1) for lost in range(problems + 1 - g)]
    found = [change(g, lost, problems) for g, lost in outcomes]
    for (g, lost), one in zip(outcomes, found, strict=True):
        assert (one.low > 0 or one.high < 0) == (one.p_value < 0.05), (g, lost)
        assert -1 <= one.low <= one.mean <= one.high <= 1
    low, high = (np.array([getattr(one, side) for one in found]) for side in ("low", "high"))
    rates = np.linspace(0.01, 0.97, 25)
    for gain in rates:
        for loss in rates[rates + gain < 1]:
            chances = scipy.stats.multinomial(problems, [gain, loss, 1 - gain - loss]).pmf(
                [(g, lost, problems - g - lost) for g, lost in outcomes]
            )
            truth = gain - loss
            assert chances[(low <= truth + 1e-12) & (truth - 1e-12 <= high)].sum() >= 0.95
