"""Minimising any law over the feasible set: many starts, the best polished.

For surfaces without a certificate (Gaussian processes, trees, quadratics, anything maximised that is convex). A pool
of designs, extremes and known mixtures is evaluated, and the best few are improved: along the gradient where there is
one (a Frank-Wolfe step to a vertex, or a mirror step in the geometry of KL, whichever gives more), and by steps towards
random members of the pool, which need predictions alone. All points stay feasible because all are convex combinations
of feasible points or projections. The result is a good local minimum, and is called that.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from olmix.fit.checks import Array
from olmix.mix import design
from olmix.mix.feasible import FeasibleSet

#: Step lengths of line searches, as shares of the way.
_STEPS = np.array([1.0, 0.6, 0.3, 0.1, 0.03, 0.01, 0.003])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Search:
    """What to minimise: `value` maps [p, n] to [p]; `gradient` maps [n] to [n], None if the surface has none."""

    value: Callable[[Array], Array]
    gradient: Callable[[Array], Array] | None


def pool(feasible: FeasibleSet, seed: int, size: int = 1024) -> Array:
    """Feasible mixtures from near to far: draws of many strengths, extremes, the prior."""
    settings = design.DirichletSettings(
        source_strength=(0.5, 50.0), topic_strength=(0.5, 50.0), quality_strength=(0.5, 50.0)
    )
    return np.concatenate(
        [feasible.feasible_prior[None], design.extremes(feasible), design.draws(feasible, settings, size, seed)]
    )


def minimise(
    search: Search, feasible: FeasibleSet, candidates: Array, *, seed: int, starts: int = 8
) -> tuple[Array, float]:
    """The best mixture found from `candidates` [p, n], all feasible, and its value."""
    generator = np.random.default_rng(seed)
    values = search.value(candidates)
    order = np.argsort(values, kind="stable")
    # The best candidate, then good ones that lie apart from those taken.
    taken = [int(order[0])]
    for i in order[1 : 20 * starts]:
        if len(taken) == starts:
            break
        if np.abs(candidates[i] - candidates[taken]).sum(1).min() > 0.1:
            taken.append(int(i))
    found = [_polish(search, feasible, candidates, candidates[i], float(values[i]), generator) for i in taken]
    return min(found, key=lambda pair: pair[1])


def _polish(
    search: Search, feasible: FeasibleSet, candidates: Array, w: Array, value: float, generator: np.random.Generator
) -> tuple[Array, float]:
    idle, rate = 0, 1.0
    for _ in range(200):
        trials = [towards(w, candidates[generator.integers(len(candidates), size=32)])]
        if search.gradient is not None:
            slope = search.gradient(w)
            spread = float(np.ptp(slope[np.array(feasible.upper) > np.array(feasible.lower)])) if len(w) > 1 else 0.0
            if spread > 0:
                trials.append(towards(w, feasible.minimum(slope)[1][None]))
                scaled = (slope - slope.min()) / spread
                base = np.maximum(w, 1e-9)
                mirrored = [base * np.exp(-np.minimum(r * scaled, 60.0)) for r in (4 * rate, rate, rate / 4)]
                trials.append(np.array([feasible.project_kl(point) for point in mirrored]))
        points = np.concatenate(trials)
        results = search.value(points)
        best = int(np.argmin(results))
        if search.gradient is not None and len(trials) == 3:
            steps = results[-3:]
            rate = float(np.clip(rate * (4.0, 1.0, 0.25)[int(np.argmin(steps))], 1e-6, 100.0))
        gained = value - float(results[best])
        if gained > 0:
            w, value = points[best], float(results[best])
        idle = 0 if gained > 1e-10 * max(1.0, abs(value)) else idle + 1
        if idle >= 6:
            break
    return w, value


def polish(search: Search, candidates: Array, w: Array, *, seed: int, rounds: int = 30) -> Array:
    """Improves `w` [n] by steps towards random members of `candidates` [p, n], with predictions alone."""
    generator = np.random.default_rng(seed)
    value = float(search.value(w[None])[0])
    for _ in range(rounds):
        points = towards(w, candidates[generator.integers(len(candidates), size=32)])
        results = search.value(points)
        best = int(np.argmin(results))
        if results[best] < value:
            w, value = points[best], float(results[best])
    return w


def towards(w: Array, targets: Array) -> Array:
    """Points on the way from `w` [n] to each of `targets` [p, n]."""
    return (w + _STEPS[:, None, None] * (targets - w)).reshape(-1, len(w))
