"""How sure a proposal is: refits of its law on reweighted runs, and a gain without the optimism of choosing.

Spread comes from the Bayesian bootstrap (Rubin, 1981): refit b weighs the runs by independent exponential variates, so
that no run and no leaf vanishes, which matters when runs are few. Laws that refit in a batch do all at once.

The fitted gain of a proposal is optimistic, because the proposal was chosen where the fit looks best; where metrics
hardly depend on the mixture it is nothing but that choice, and the bootstrap, which takes the fit for the truth, cannot
see it. So the gain is cross-fitted: the runs are split into halves many times over, one half proposes, the law of the
other half says what that gains, and the median is the expected gain. It is that of proposals from half as many runs,
hence a little low. Its spread is that of the gain of the fixed proposal over the bootstrap, widened for the parameters
that the law spends. In simulations with 24 to 64 runs (`benchmarks/propose.py`) the interval lies wholly above the
truth in 3 to 10 % of cases when metrics do not depend on the mixture; the bootstrap alone, in 25 to 40 %. A law of a
wrong form it does not cover: that is what validation runs are for.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from olmix.errors import UserError
from olmix.fit.checks import Array
from olmix.fit.law import Law


@dataclasses.dataclass(frozen=True)
class Ensemble:
    """Refits of one law: a single law with a leading axis B, or a list of laws."""

    laws: tuple[Law, ...]
    size: int

    @property
    def batched(self) -> Law | None:
        """The law with leading axis B; None when the refits are separate laws."""
        return self.laws[0] if len(self.laws) == 1 and self.size > 1 else None

    def objective(self, points: Array, coefficients: Array) -> Array:
        """`coefficients` . metrics of each refit at `points` [p, n]: [B, p]."""
        if self.batched is not None:
            # A batch predicts every metric of every refit at once: in portions, to bound the memory.
            portion = max(1, 4_000_000 // (self.size * len(coefficients)))
            parts = [
                self.batched.predict(points[first : first + portion]) @ coefficients
                for first in range(0, len(points), portion)
            ]
            return np.concatenate(parts, axis=1)
        return np.array([law.predict(points) @ coefficients for law in self.laws])


def refits(law: Law, weights: Array, metrics: Array, chance: Array) -> Ensemble:
    """The refits of a fitted law on its own data with `chance` [B, n] as sample weights."""
    if len(chance) < 2:
        raise UserError("A bootstrap needs at least 2 refits.")
    if law.refits_in_batch:
        return Ensemble((law.refit(weights, metrics, chance),), len(chance))
    # Settings tuned on the data are tuned again here: slower, and honest about that choice too.
    return Ensemble(tuple(law.clone().fit(weights, metrics, sample_weight=row) for row in chance), len(chance))


def exponential_weights(count: int, runs: int, seed: int) -> Array:
    """Sample weights of the Bayesian bootstrap, [count, runs], each row summing to `runs`."""
    chance = np.random.default_rng([seed, 17]).standard_exponential((count, runs))
    return np.asarray(chance * (runs / chance.sum(1, keepdims=True)))


def half_weights(count: int, runs: int, seed: int) -> Array:
    """Sample weights of `count` random halves, then of their complements, [2 * count, runs]; each run counts 0 or 2."""
    order = np.random.default_rng([seed, 18]).random((count, runs)).argsort(1)
    first = np.where(order < runs // 2, 2.0, 0.0)
    return np.concatenate([first, 2.0 - first])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gain:
    """How much better than the mixture `against` the proposal is, in units of the objective; positive is better.

    `fitted` is what the law says, `expected` the cross-fitted gain; `low` and `high` hold 90 % of its distribution,
    `probability` is the share of it above 0.
    """

    against: str
    fitted: float
    expected: float
    low: float
    high: float
    probability: float


def gain(against: str, *, fitted: float, crossed: Array, spread: Array, runs: int, leaves: int) -> Gain:
    """The gain from its cross-fitted values `crossed` [H] and its values over the bootstrap `spread` [B]."""
    expected = float(np.median(crossed))
    widened = np.sqrt(runs / max(runs - leaves, runs / 4))
    gains = expected + widened * (spread - np.median(spread))
    low, high = np.quantile(gains, [0.05, 0.95])
    return Gain(
        against=against,
        fitted=fitted,
        expected=expected,
        low=float(low),
        high=float(high),
        probability=float((gains > 0).mean()),
    )


def influence(chance: Array, values: Array) -> Array | None:
    """How much more of each run changes what was refitted, [n]: leaving run i out changes it by about minus this.

    `values` [B] is something computed from each refit, `chance` [B, n] their sample weights. The infinitesimal jackknife
    (Efron, Estimation and accuracy after model selection, 2014): cov(weight of the run, value) over the refits. None where
    there are too few refits for it to be more than noise.
    """
    if len(chance) < 10 * chance.shape[1]:
        return None
    centred = chance - chance.mean(0)
    return np.asarray(centred.T @ (values - values.mean()) / (centred**2).sum(0))
