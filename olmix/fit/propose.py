"""Proposals: the mixture that a law recommends, what it expects, and how sure it is.

`optimum` minimises objective + kl * KL(w || prior) over the feasible set: exactly and with a certificate where that is
convex, by search otherwise. `propose` adds the bootstrap: an interval for every weight, the gain over the prior and
over the best observed run without the optimism of choosing (`bootstrap.py`), and a verdict that says first if the gain
is noise.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from olmix.errors import UserError
from olmix.fit import convex, propose_search
from olmix.fit.bootstrap import Ensemble, Gain, exponential_weights, gain, half_weights, influence, refits
from olmix.fit.checks import Array, by_name
from olmix.fit.law import Law
from olmix.fit.propose_objective import Objective
from olmix.fit.propose_result import Influence, LeafProposal, MetricPrediction, ProposalResult
from olmix.mix import sparsity
from olmix.mix.feasible import FeasibleSet
from olmix.mix.limits import restricted

#: The duality gap below which a proposal counts as exact.
EXACT = 1e-9


@dataclasses.dataclass(frozen=True, kw_only=True)
class Optimum:
    """A mixture `weights` [n]; `value` is objective + KL term there; `gap` certifies it, None where nothing does."""

    weights: Array
    value: float
    gap: float | None
    method: str


def divergence(w: Array, prior: Array) -> Array:
    """KL(w || prior) for `w` [..., n]; infinite where a leaf of prior 0 is used."""
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(w > 0, w * (np.log(w) - np.log(prior)), 0.0)
    return np.asarray(terms.sum(-1))


def optimum(
    law: Law,
    coefficients: ArrayLike,
    feasible: FeasibleSet,
    *,
    kl: float = 0.0,
    known: Array | None = None,
    seed: int = 0,
) -> Optimum:
    """Minimises `coefficients` [k] . metrics + kl * KL(w || prior). `known` [p, n] are further starts for a search."""
    coefficients = np.asarray(coefficients, dtype=float)
    if not (np.isfinite(kl) and kl >= 0):
        raise UserError(f"kl is {kl}; it must be 0 or more.")
    prior = feasible.prior_array
    inside = convex.within_prior(feasible, prior) if kl > 0 else feasible
    parts = convex.surfaces(law, coefficients)
    if parts is not None:
        solution = convex.minimise([*parts, *_penalty(kl, prior, 1)], inside)
        gap = float(solution.gap[0])
        exact = gap <= EXACT * max(1.0, abs(float(solution.value[0])))
        method = "exact (convex)" if exact else f"convex, but certified only to a duality gap of {gap:.1e}"
        w, change = _snapped(
            # Without the KL term leaves of prior 0 may be used, where it is infinite.
            solution.w[0],
            inside,
            lambda w: _total(parts, w) + (kl * float(divergence(w, prior)) if kl > 0 else 0.0),
        )
        return Optimum(weights=w, value=float(solution.value[0]) + change, gap=gap + change, method=method)

    def value(w: Array) -> Array:
        return np.asarray(law.predict(w) @ coefficients) + (kl * divergence(w, prior) if kl > 0 else 0.0)

    candidates = propose_search.pool(inside, seed)
    if known is not None:
        candidates = np.concatenate([candidates, known[inside.excess(known) <= 1e-9]])
    search = propose_search.Search(value=value, gradient=_gradient(law, coefficients, kl, prior))
    w, found = propose_search.minimise(search, inside, candidates, seed=seed)
    return Optimum(weights=w, value=found, gap=None, method="search (best of many starts, no certificate)")


def _total(parts: Sequence[convex.Surface], w: Array) -> float:
    return float(np.sum([part.derivatives(w[None])[0][0] for part in parts]))


def _snapped(w: Array, feasible: FeasibleSet, value: Callable[[Array], float]) -> tuple[Array, float]:
    """Puts weights that an interior point leaves a hair away from a limit onto it; also by how much that costs.

    The difference goes to the leaf with the most room; `w` is kept where that breaks a limit or costs anything to speak of.
    """
    lower, upper, _, _, _ = feasible.arrays
    neat = np.where(w < lower + 1e-8, lower, np.where(w > upper - 1e-8, upper, w))
    roomiest = int(np.argmax(np.minimum(neat - lower, upper - neat)))
    neat[roomiest] += 1 - neat.sum()
    change = value(neat) - value(w)
    if feasible.excess(neat) > 1e-12 or not change <= 0.1 * EXACT:
        return w, 0.0
    return neat, max(change, 0.0)


def _penalty(kl: float, prior: Array, batch: int) -> list[convex.Surface]:
    return [convex.Divergence(np.full(batch, kl), prior)] if kl > 0 else []


def _gradient(law: Law, coefficients: Array, kl: float, prior: Array):  # type: ignore[no-untyped-def]
    """The gradient of the objective, None for a law that has none (trees)."""
    try:
        law.gradient(np.full(len(prior), 1 / len(prior)))
    except (UserError, NotImplementedError):
        return None

    def gradient(w: Array) -> Array:
        slope = coefficients @ law.gradient(w)
        if kl > 0:
            known = prior > 0
            slope = slope + kl * np.where(known, np.log(np.maximum(w, 1e-12) / np.where(known, prior, 1.0)), 0.0)
        return np.asarray(slope)

    return gradient


def choices(
    ensemble: Ensemble, coefficients: Array, feasible: FeasibleSet, *, kl: float, start: Array, seed: int
) -> Array:
    """The mixture that each refit proposes, [B, n]."""
    prior = feasible.prior_array
    inside = convex.within_prior(feasible, prior) if kl > 0 else feasible
    parts = convex.surfaces(ensemble.batched, coefficients) if ensemble.batched is not None else None
    if parts is not None:
        chunk = max(1, 10_000_000 // (len(prior) * (len(prior) + len(coefficients))))
        found = []
        for first in range(0, ensemble.size, chunk):
            which = np.arange(first, min(first + chunk, ensemble.size))
            here = [part.take(which) for part in parts]
            found.append(convex.minimise([*here, *_penalty(kl, prior, len(which))], inside, tolerance=1e-8).w)
        return np.concatenate(found)
    # One pool for all refits: mixtures from everywhere, and on the way from the proposal to some of them.
    wide = propose_search.pool(inside, seed, 512)
    near = propose_search.towards(start, wide[np.random.default_rng([seed, 20]).permutation(len(wide))[:100]])
    candidates = np.concatenate([wide, near, start[None]])
    values = ensemble.objective(candidates, coefficients)
    if kl > 0:
        values = values + kl * divergence(candidates, prior)
    chosen = candidates[values.argmin(1)]
    if ensemble.batched is not None:
        return chosen
    improved = []
    for law, w in zip(ensemble.laws, chosen, strict=True):

        def value(points: Array, law: Law = law) -> Array:
            return np.asarray(law.predict(points) @ coefficients) + (kl * divergence(points, prior) if kl > 0 else 0.0)

        search = propose_search.Search(value=value, gradient=None)
        improved.append(propose_search.polish(search, candidates, w, seed=seed))
    return np.array(improved)


def propose(
    law: Law,
    objective: Objective,
    feasible: FeasibleSet,
    weights: Array,
    values: Array,
    runs: tuple[str, ...],
    *,
    kl: float = 0.0,
    worst: bool = False,
    minimum_weight: float = 0.0,
    bootstrap: int = 1000,
    few: int = 30,
    seed: int = 0,
) -> tuple[ProposalResult, Ensemble, Array]:
    """The proposal of a law fitted on `weights` [n, m] and `values` [n, k], whose leaves are in the order of `feasible`.

    Also returns the refits and the mixture that each of them proposes, for what is built on these. `worst` looks for the
    feasible mixture with the largest objective instead: a counterfactual, and gains then say how much worse. Leaves below
    `minimum_weight` are dropped from the proposal, the rest is optimised again; the intervals are those without it.
    """
    if bootstrap < 20:
        raise UserError(f"The bootstrap has {bootstrap} refits; intervals need at least 20.")
    coefficients = -objective.coefficients if worst else objective.coefficients
    best = optimum(law, coefficients, feasible, kl=kl, known=weights, seed=seed)
    if minimum_weight > 0:
        lower, upper, start = sparsity.supports(feasible, best.weights[None], minimum_weight)
        kept = restricted(feasible, lower[0], upper[0])
        best = optimum(law, coefficients, kept, kl=kl, known=np.concatenate([weights, start]), seed=seed)
    count = bootstrap if law.refits_in_batch else few
    chance = exponential_weights(count, len(weights), seed)
    boot = refits(law, weights, values, chance)
    chosen = choices(boot, coefficients, feasible, kl=kl, start=best.weights, seed=seed)
    pairs = max(3, count // 8)
    halves = refits(law, weights, values, half_weights(pairs, len(weights), seed))
    swapped = np.roll(choices(halves, coefficients, feasible, kl=kl, start=best.weights, seed=seed), pairs, axis=0)
    low, high = np.quantile(chosen, [0.05, 0.95], axis=0)
    prior = feasible.feasible_prior
    run = _best_run(feasible, weights, values @ coefficients)
    points = np.stack([prior, best.weights, *([] if run is None else [weights[run]])])
    mean, std = law.predict(points, return_std=True)
    fitted, spread = mean @ coefficients, boot.objective(points, coefficients)
    judged, crossed = halves.objective(points, coefficients), _own(halves, swapped, coefficients)

    def over(name: str, row: int) -> Gain:
        return gain(
            name,
            fitted=float(fitted[row] - fitted[1]),
            crossed=judged[:, row] - crossed,
            spread=spread[:, row] - spread[:, 1],
            runs=len(weights),
            leaves=len(feasible.leaves),
        )

    over_prior = over("prior", 0)
    moved = influence(chance, spread[:, 0] - spread[:, 1])
    without = () if moved is None else tuple(float(over_prior.expected - change) for change in moved)
    over_best = None if run is None else over(runs[run], 2)
    repetitions = feasible.repetitions(best.weights) if feasible.target_tokens is not None else None
    result = ProposalResult(
        verdict=verdict(over_prior, over_best, worst),
        leaves=tuple(
            LeafProposal(
                leaf=leaf,
                prior=float(feasible.prior[j]),
                weight=float(best.weights[j]),
                low=float(min(low[j], best.weights[j])),
                high=float(max(high[j], best.weights[j])),
                cap=float(feasible.upper[j]),
                repetitions=None if repetitions is None else float(repetitions[j]),
            )
            for j, leaf in enumerate(feasible.leaves)
        ),
        metrics=tuple(
            MetricPrediction(
                metric=name,
                coefficient=float(objective.coefficients[k]),
                prior=(float(mean[0, k]), float(std[0, k])),
                proposal=(float(mean[1, k]), float(std[1, k])),
                best=None if run is None else (float(mean[2, k]), float(std[2, k])),
                observed=None if run is None else float(values[run, k]),
            )
            for k, name in enumerate(objective.metrics)
        ),
        over_prior=over_prior,
        over_best=over_best,
        best_run=None if run is None else runs[run],
        best_weights=None if run is None else tuple(float(x) for x in weights[run]),
        prior_weights=tuple(float(x) for x in prior),
        kl=kl,
        worst=worst,
        method=best.method,
        gap=best.gap,
        refits=boot.size,
        frozen=feasible.frozen,
        influences=tuple(
            Influence(run=r, gain_without=g) for r, g in zip(runs if without else (), without, strict=True)
        ),
        warnings=(
            *(by_name(warning, feasible.leaves, objective.metrics) for warning in law.warnings_),
            *objective.warnings,
            *cautions(feasible, best.weights, weights, run is None),
            *_hinges_on(runs, without, over_prior),
        ),
    )
    return result, boot, chosen


def _best_run(feasible: FeasibleSet, weights: Array, observed: Array) -> int | None:
    """The run with the smallest observed objective among those whose mixture is feasible."""
    allowed = np.flatnonzero(feasible.excess(weights) <= 1e-3)  # published weights are often rounded to 0.001
    return int(allowed[observed[allowed].argmin()]) if len(allowed) else None


def _own(ensemble: Ensemble, chosen: Array, coefficients: Array) -> Array:
    """Each refit's objective at its own choice, [B]."""
    if ensemble.batched is None:
        return np.array(
            [float(law.predict(w[None])[0] @ coefficients) for law, w in zip(ensemble.laws, chosen, strict=True)]
        )
    parts = convex.surfaces(ensemble.batched, coefficients)
    if parts is not None:
        return np.sum([part.derivatives(chosen)[0] for part in parts], axis=0)
    return np.array([row[b] for b, row in enumerate(ensemble.objective(chosen, coefficients))])


def verdict(over_prior: Gain, over_best: Gain | None, worst: bool) -> str:
    """One or two sentences: first whether the gain is more than noise."""

    def described(gain_: Gain) -> str:
        return f"{gain_.expected:.4g} (90 % interval {gain_.low:.4g} to {gain_.high:.4g})"

    if worst:
        return f"Counterfactual: the worst feasible mixture is expected to be worse than the prior by {described(over_prior)}."
    if over_prior.low <= 0:
        first = (
            f"Within noise: the expected gain over the prior, {described(over_prior)}, may be nothing; train more proxies"
            " before spending on this mixture."
        )
    else:
        first = f"The proposal is expected to beat the prior by {described(over_prior)}."
    if over_best is None:
        return first + " No observed run is feasible, so it is compared with none."
    second = f" It beats the best observed run, {over_best.against}, with probability {over_best.probability:.0%}"
    return first + second + f", by {described(over_best)}."


def _hinges_on(runs: tuple[str, ...], without: tuple[float, ...], over_prior: Gain) -> list[str]:
    """A warning about the run without which the gain would be less than half, if there is one."""
    if not without or over_prior.low <= 0:
        return []
    least = int(np.argmin(without))
    if without[least] >= over_prior.expected / 2:
        return []
    return [
        f"single-run: without {runs[least]} the expected gain would be {without[least]:.4g} instead of"
        f" {over_prior.expected:.4g}; train that mixture again before believing it"
    ]


def cautions(feasible: FeasibleSet, w: Array, weights: Array, no_run: bool) -> list[str]:
    """What a reader of the proposal must know: limits that bind, prior outside the set, extrapolation."""
    found = []
    if not feasible.contains(feasible.prior_array):
        found.append("prior-infeasible: the prior breaks the limits; it is compared as the nearest feasible mixture")
    capped = [
        leaf for leaf, x, cap in zip(feasible.leaves, w, feasible.upper, strict=True) if 0 < cap < 1 and x >= cap - 1e-6
    ]
    if capped:
        found.append(f"at-cap: {', '.join(capped)} would be used more if there were more data")
    beyond = np.flatnonzero((w > weights.max(0) + 1e-6) | (w < weights.min(0) - 1e-6))
    if len(beyond):
        names = ", ".join(feasible.leaves[j] for j in beyond)
        found.append(f"extrapolation: the weights of {names} lie outside those of all runs, so the law guesses there")
    if no_run:
        found.append("no-feasible-run: no observed run satisfies the limits of the target")
    return found
