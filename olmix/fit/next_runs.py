"""Which runs to train next: those that most reduce the doubt about the proposal.

The doubt is the variance, over the bootstrap refits, of (objective of the proposal - objective of a contender), averaged
over contenders: the mixtures that the refits themselves would propose, and the prior. A run at x measures the objective
there with the noise of a run; under a joint normal approximation of the refits it removes cov(difference, F(x))^2 /
(var F(x) + noise^2) of that variance. Runs are chosen greedily, each conditioned on those before (the same formula that
updates an ensemble Kalman filter). It asks nothing of the law but refits; with few refits, covariances are rough.
"""

from __future__ import annotations

import numpy as np

from olmix.errors import UserError
from olmix.fit.bootstrap import Ensemble
from olmix.fit.checks import Array
from olmix.fit.propose_result import NextRun
from olmix.mix import design
from olmix.mix.feasible import FeasibleSet

_CONTENDERS = 64


def next_runs(
    refits: Ensemble,
    chosen: Array,
    proposal: Array,
    coefficients: Array,
    feasible: FeasibleSet,
    *,
    noise: float,
    count: int,
    seed: int = 0,
    pool: int = 256,
) -> tuple[NextRun, ...]:
    """The `count` feasible mixtures most worth training.

    `chosen` [B, n] is what each refit proposes, `proposal` [n] the proposal, `coefficients` [k] the objective, `noise` the
    standard deviation of the objective of a run.
    """
    if count < 1:
        raise UserError(f"next_runs asks for {count} runs; ask for at least 1.")
    generator = np.random.default_rng([seed, 19])
    pick = generator.permutation(len(chosen))
    contenders = np.concatenate([feasible.feasible_prior[None], chosen[pick[:_CONTENDERS]]])
    candidates = np.concatenate(
        [
            proposal[None],
            chosen[pick[-_CONTENDERS:]],
            design.extremes(feasible),
            design.draws(feasible, design.DirichletSettings(), pool, seed + 1),
        ]
    )
    points = np.concatenate([proposal[None], contenders, candidates])
    values = refits.objective(points, coefficients)
    # Robust to single wild refits: nothing counts beyond 5 median deviations.
    middle = np.median(values, axis=0)
    reach = 5 * 1.4826 * np.median(np.abs(values - middle), axis=0) + 1e-300
    values = np.clip(values, middle - reach, middle + reach) - middle
    split = 1 + len(contenders)
    difference = values[:, 1:split] - values[:, :1]
    measured = values[:, split:] - values[:, split:].mean(0)
    difference = difference - difference.mean(0)
    doubt = float((difference**2).mean())
    if doubt <= 0:
        raise UserError("All refits agree on the proposal, so no run would tell more; nothing to train next.")
    found = []
    for _ in range(count):
        spread = (measured**2).mean(0) + noise**2
        removed = ((difference.T @ measured / len(measured)) ** 2).mean(0) / spread
        best = int(removed.argmax())
        # Condition on a noisy measurement at the best candidate: what it explains is taken out, but for the noise.
        signal = measured[:, best].copy()
        kept = 1 - np.sqrt(noise**2 / spread[best]) if spread[best] > 0 else 1.0
        power = float(signal @ signal) or 1.0
        difference = difference - kept * np.outer(signal, signal @ difference) / power
        measured = measured - kept * np.outer(signal, signal @ measured) / power
        found.append(
            NextRun(
                weights=tuple(float(x) for x in candidates[best]),
                remaining=float((difference**2).mean()) / doubt,
            )
        )
    return tuple(found)
