"""The sampler against plain rejection, which is exact wherever it is affordable."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ks_2samp

from olmix.mix import gibbs
from olmix.mix.tree import tree
from tests.mix.sets import box, group


def unconditioned(structure, parameters, count, seed):
    """Hierarchical Dirichlet draws by numpy's own Dirichlet, split by split."""
    generator = np.random.default_rng(seed)
    w = np.ones((count, len(structure.leaves)))
    for split in structure.splits:
        share = generator.dirichlet(parameters[list(split.children)], count)
        for child, column in zip(split.children, share.T, strict=True):
            w[:, list(structure.members[child])] *= column[:, None]
    return w


CASES = {
    "flat, powers above 0": (["a", "b", "c", "d"], [0.5, 0.4, 0.6, 0.45], (), 8.0),
    "flat, powers below 0": (["a", "b", "c", "d"], [0.5, 0.4, 0.6, 0.45], (), 1.5),
    "flat, powers of both signs": (["a", "b", "c", "d"], [0.5, 0.4, 0.6, 0.45], (), 4.0),
    "nothing binds": (["a", "b", "c"], [1.0, 1.0, 1.0], (), 2.0),
    "tree": (["x:a", "x:b", "x:c", "y:a", "y:b"], [0.35, 0.3, 0.3, 0.5, 0.3], (), 5.0),
    "tree, small strengths": (["x:a", "x:b", "x:c", "y:a", "y:b"], [0.5, 0.5, 0.5, 0.5, 0.5], (), 1.2),
    "three levels": (["x:a:h", "x:a:l", "x:b", "y:a", "z"], [0.4, 0.3, 0.4, 0.5, 0.3], (), 6.0),
    "group limits": (
        ["x:a", "x:b", "x:c", "y:a", "y:b"],
        [0.5] * 5,
        (group("x", [0, 1, 2], 0.3, 0.5), group("mixed", [1, 3], 0.1, 0.6)),
        5.0,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_draws_have_the_conditioned_distribution(case):
    names, upper, limits, strength = CASES[case]
    prior = np.random.default_rng(5).dirichlet(np.full(len(names), 4.0))
    feasible = box(upper, prior=prior, names=names, limits=limits)
    structure = tree(names)
    parameters = strength * structure.shares(prior)
    ours = gibbs.sample(feasible, structure, lambda g, k: np.tile(parameters, (k, 1)), 6000, seed=3, sweeps=12)
    assert feasible.excess(ours).max() < 1e-12
    free = unconditioned(structure, parameters, 400_000, 11)
    exact = free[feasible.excess(free) <= 1e-9][:20_000]
    assert len(exact) > 3000
    columns = [*ours.T, *(ours @ ours.T[:, :1]).T[:0]]
    for j, column in enumerate(columns):
        assert ks_2samp(column, exact[:, j]).pvalue > 1e-4, names[j]
    # Joint behaviour too: a random projection and a product.
    direction = np.random.default_rng(8).normal(size=len(names))
    assert ks_2samp(ours @ direction, exact @ direction).pvalue > 1e-4
    assert ks_2samp(ours[:, 0] * ours[:, -1], exact[:, 0] * exact[:, -1]).pvalue > 1e-4


def test_first_rows_do_not_depend_on_the_count():
    feasible = box([0.3] * 6)
    structure = tree(feasible.leaves)
    parameters = lambda g, k: g.uniform(0.5, 3.0, (k, 6))  # noqa: E731
    many = gibbs.sample(feasible, structure, parameters, 300, seed=4)
    few = gibbs.sample(feasible, structure, parameters, 17, seed=4)
    assert np.array_equal(many[:17], few)
    assert not np.array_equal(few, gibbs.sample(feasible, structure, parameters, 17, seed=5))


@pytest.mark.parametrize("total", [1.000001, 1.05])
def test_caps_that_hardly_leave_room(total):
    generator = np.random.default_rng(2)
    prior = generator.dirichlet(np.ones(60))
    feasible = box(prior * total, prior=prior)
    structure = tree(feasible.leaves)
    shares = structure.shares(prior)
    w = gibbs.sample(feasible, structure, lambda g, k: np.tile(20 * shares, (k, 1)), 256, seed=0)
    assert feasible.excess(w).max() < 1e-14
    # The slack left by a uniform draw on this tiny simplex is spread over all leaves.
    used = (np.array(feasible.upper) - w) / (total - 1)
    assert abs(used.sum(1) - 1).max() < 1e-6
    assert used.mean(0).max() < 0.06


def test_tiny_parameters_keep_the_prior_as_the_mean():
    """Where nothing binds the draws are exact, also for a leaf with a ten-thousandth of the text and a strength of 1."""
    share = np.array([1e-4, 0.3, 0.7 - 1e-4])
    feasible = box([1.0, 1.0, 1.0], prior=share)
    w = gibbs.sample(feasible, tree(feasible.leaves), lambda _, k: np.tile(share, (k, 1)), 200_000, seed=0)
    # Its standard error is sqrt(1e-4 / 2 / 200,000) = 1.6e-5.
    assert abs(w[:, 0].mean() - 1e-4) < 6e-5
    assert w.mean(0)[1:] == pytest.approx(share[1:], abs=0.005)
