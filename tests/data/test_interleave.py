import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from olmix.data.interleave import Interleaving
from olmix.data.shuffle import round_keys, shuffled


def mixtures(most_leaves=60):
    def make(seed):
        rng = np.random.default_rng(seed)
        leaves = int(rng.integers(1, most_leaves))
        kind = rng.integers(4)
        if kind == 0:
            weights = rng.dirichlet(np.full(leaves, 10 ** rng.uniform(-1.5, 2)))
        elif kind == 1:
            weights = np.exp(rng.normal(size=leaves) * rng.uniform(0, 4))
        elif kind == 2:
            weights = 2.0 ** -rng.integers(0, 12, size=leaves) * rng.choice([1, 1.999], size=leaves)
        else:
            weights = rng.choice([0.9, 0.1, 0.01], size=leaves)
        weights = weights[weights > 1e-12]
        return weights / weights.sum()

    return st.integers(0, 2**32).map(make)


def counts_over_time(order, leaves):
    taken = np.zeros((len(order), leaves))
    taken[np.arange(len(order)), order] = 1
    return taken.cumsum(0)


@settings(max_examples=60)
@given(mixtures())
def test_every_prefix_is_within_one_sequence_of_the_mixture(weights):
    total = 3000
    order, _ = Interleaving(weights, total).draws(0, total)
    counts = counts_over_time(order, len(weights))
    assert np.abs(counts - weights * np.arange(1, total + 1)[:, None]).max() <= 1 + 1e-9


@settings(max_examples=60)
@given(mixtures())
def test_where_blocks_meet_it_stays_close(weights):
    total = 3000
    interleaving = Interleaving(weights, total, block=487)
    order, _ = interleaving.draws(0, total)
    counts = counts_over_time(order, len(weights))
    assert np.abs(counts - weights * np.arange(1, total + 1)[:, None]).max() <= 1.5
    for place in (1, 486, 487, 488, 1461, 2999, 3000):
        assert (interleaving.counts(place) == counts[place - 1]).all()


@settings(max_examples=60)
@given(mixtures(20), st.integers(44, 2900), st.integers(0, 3000))
def test_a_longer_run_begins_with_the_shorter_one(weights, short, more):
    """So that a run can go on where a shorter one ended, in whatever block that was."""
    one, other = (Interleaving(weights, total, block=700) for total in (short, short + more))
    for mine, longer in zip(one.draws(0, short), other.draws(0, short), strict=True):
        assert (mine == longer).all()
    assert (one.counts(short) == other.counts(short)).all()


@settings(max_examples=60)
@given(mixtures(20), st.integers(1, 3000), st.integers(0, 3000))
def test_short_runs_begin_alike_too(weights, short, more):
    """They are not worked out as whole blocks."""
    total = min(short + more, 3000)
    short = min(short, total)
    one, other = (Interleaving(weights, length, block=16 * 3000) for length in (short, total))
    assert (one.draws(0, short)[0] == other.draws(0, short)[0]).all()


@settings(max_examples=60)
@given(mixtures(20), st.integers(100, 2900))
def test_limits_hold_at_the_end_of_any_run(weights, total):
    most = np.floor(weights * total).astype(np.int64)
    most[np.argmax(weights)] += total - most.sum()
    interleaving = Interleaving(most / total, total, most, block=700)
    assert (interleaving.counts(total) <= most).all()
    assert (np.bincount(interleaving.draws(0, total)[0], minlength=len(weights)) == most).all()


@settings(max_examples=30)
@given(mixtures(), st.integers(0, 2000), st.integers(0, 1000))
def test_any_part_can_be_asked_for_alone(weights, start, length):
    order, ordinals = Interleaving(weights, 3000, block=700).draws(0, 3000)
    part = Interleaving(weights, 3000, block=700).draws(start, start + length)
    assert (part[0] == order[start : start + length]).all()
    assert (part[1] == ordinals[start : start + length]).all()


def test_ordinals_number_the_draws_of_each_leaf():
    order, ordinals = Interleaving([0.5, 0.3, 0.2], 1000, block=300).draws(0, 1000)
    for leaf in range(3):
        assert (ordinals[order == leaf] == np.arange((order == leaf).sum())).all()


def test_a_part_outside_the_run_is_refused():
    with pytest.raises(IndexError):
        Interleaving([1.0], 10).draws(5, 11)


@settings(max_examples=60)
@given(st.integers(1, 3000), st.integers(0, 1000))
def test_the_shuffle_is_a_permutation(size, seed):
    places = shuffled(np.arange(size), size, round_keys(seed))
    assert sorted(places.tolist()) == list(range(size))


def test_the_shuffle_mixes_and_depends_on_its_keys():
    size = 10_000
    one, two = (shuffled(np.arange(size), size, round_keys(seed, "leaf", 0)) for seed in (1, 2))
    # A random permutation has one fixed point on average, and no correlation with the identity.
    for places in (one, two):
        assert (places == np.arange(size)).sum() < 12
        assert abs(np.corrcoef(places, np.arange(size))[0, 1]) < 0.05
        assert abs(np.corrcoef(places[1:], places[:-1])[0, 1]) < 0.05
    assert (one == two).mean() < 0.01
