"""Swarm designs: which mixtures to train.

Mixtures are drawn from a hierarchical Dirichlet around the prior, conditioned on the feasible set (`gibbs.py`), or
picked from a large pool of such draws so that they lie far apart (maximin). A design is a prefix of an endless list
that its settings and seed fix: asking for 40 variants instead of 24 leaves the first 24 as they are, so that only 16
have to be trained. The price is that a design is never rebalanced as a whole when it grows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from olmix.errors import UserError, nearest
from olmix.mix import gibbs, sparsity
from olmix.mix.arrays import Array
from olmix.mix.feasible import FeasibleSet
from olmix.mix.tree import Tree, tree
from olmix.mix.variants import Variants, hellinger

#: Hellinger distance below which two mixtures are the same.
_SAME = 1e-6

Strength = float | tuple[float, float]


@dataclasses.dataclass(frozen=True, kw_only=True)
class DirichletSettings:
    """How far from the prior the draws lie.

    A strength is the total concentration of a Dirichlet: 1 gives nearly pure mixtures, 100 stays near the prior; a pair
    is a range from which each variant draws its own, evenly in the logarithm. Sources, topics and quality buckets
    are the first, second and deeper levels of the leaves' names; `node_strengths` overrides single nodes. The prior is
    raised to `temperature` before use: 0 makes siblings equal. Leaves that would weigh less than `minimum_weight` are
    left out of a variant, and the others are conditioned on weighing at least that much.
    """

    source_strength: Strength = (1.0, 20.0)
    topic_strength: Strength = (1.0, 20.0)
    quality_strength: Strength = (1.0, 20.0)
    node_strengths: Mapping[str, Strength] = dataclasses.field(default_factory=dict)
    temperature: float = 1.0
    minimum_weight: float = 0.0


def draws(feasible: FeasibleSet, settings: DirichletSettings, count: int, seed: int) -> Array:
    """The first `count` of the endless list of draws, [count, n], all feasible."""
    structure = tree(feasible.leaves)
    parameters = concentrations(feasible, structure, settings)
    w = gibbs.sample(feasible, structure, parameters, count, seed=seed)
    if settings.minimum_weight <= 0:
        return w
    lower, upper, start = sparsity.supports(feasible, w, settings.minimum_weight)
    return gibbs.sample(
        feasible, structure, parameters, count, seed=seed, stream=1, sweeps=3, lower=lower, upper=upper, start=start
    )


def concentrations(
    feasible: FeasibleSet, structure: Tree, settings: DirichletSettings
) -> Callable[[np.random.Generator, int], Array]:
    """A function that draws the Dirichlet parameters [k, nodes] of k variants."""
    names = [split.name for split in structure.splits]
    for name in settings.node_strengths:
        if name not in names:
            raise UserError(f"node_strengths names {name!r}, which is no node that splits{nearest(name, names)}.")
    ranges = []
    levels = (settings.source_strength, settings.topic_strength, settings.quality_strength)
    for split in structure.splits:
        strength = settings.node_strengths.get(split.name, levels[min(split.depth, 2)])
        low, high = strength if isinstance(strength, tuple | list) else (strength, strength)
        if not 0 < low <= high < np.inf:
            raise UserError(f"A strength is a number above 0 or a pair of them in order; got {strength!r}.")
        ranges.append((low, high))
    if not 0 <= settings.temperature < np.inf:
        raise UserError(f"The design's temperature is {settings.temperature}; it must be 0 or more.")
    prior = feasible.prior_array
    share = structure.shares(prior)
    warm = np.where(share > 0, share, 0.0) ** settings.temperature * (share > 0)

    def parameters(generator: np.random.Generator, k: int) -> Array:
        # One number per level and variant: all topics of one variant are near the prior, or all are far.
        position = generator.random((k, 3))
        values = np.zeros((k, len(share)))
        for split, (low, high) in zip(structure.splits, ranges, strict=True):
            column = min(split.depth, 2)
            children = list(split.children)
            total = warm[children].sum()
            mean = warm[children] / total if total > 0 else warm[children]
            values[:, children] = (low * (high / low) ** position[:, [column]]) * mean
        return values

    return parameters


def extremes(feasible: FeasibleSet) -> Array:
    """For each leaf that can vary, the mixture that uses most of it and is otherwise nearest to the prior."""
    low, high = feasible.ranges
    found = []
    for j in np.flatnonzero(high - low > 1e-9):
        lower = np.array(feasible.lower)
        # A hair below the end, so that rounding does not empty the face.
        lower[j] = max(lower[j], high[j] - 1e-9)
        face = dataclasses.replace(feasible, lower=tuple(lower.tolist()))
        reference = np.maximum(feasible.prior_array, 1e-9)
        found.append(face.project_kl(reference / reference.sum()))
    return np.array(found).reshape(len(found), len(feasible.leaves))


def design(
    feasible: FeasibleSet,
    count: int,
    *,
    seed: int,
    settings: DirichletSettings | None = None,
    space_filling: bool = False,
    include_prior: bool = True,
    include_extremes: bool = False,
    existing: Array | None = None,
    minimum_distance: float = 0.1,
    pool: int = 4096,
) -> Variants:
    """The first `count` variants of the design with this `seed`.

    The prior (moved into the set if it lies outside) and the extremes come first if asked for. Draws that lie nearer
    to an `existing` [k, n] or earlier mixture than `minimum_distance` x the median distance between draws are passed
    over. With `space_filling`, each next variant is the draw of `pool` farthest (in sqrt(w)) from all before it.
    """
    if count < 1:
        raise UserError(f"The design asks for {count} variants; a swarm needs at least 1.")
    settings = settings or DirichletSettings()
    fixed: list[tuple[str, Array]] = []
    if include_prior:
        fixed.append(("prior", feasible.feasible_prior))
    if include_extremes:
        fixed += [("extreme", w) for w in extremes(feasible)]
    if include_extremes and count < len(fixed):
        raise UserError(
            f"The design asks for {count} variants, but the prior and one extreme per leaf are already {len(fixed)};"
            " ask for more variants or set include_extremes=False."
        )
    fixed = fixed[:count]
    before = [np.array([w for _, w in fixed]).reshape(-1, len(feasible.leaves))]
    if existing is not None and len(existing):
        before.append(np.asarray(existing, dtype=float))
    missing = count - len(fixed)
    chosen: Array
    if missing == 0:
        chosen = np.zeros((0, len(feasible.leaves)))
    elif space_filling:
        chosen = _farthest(draws(feasible, settings, pool, seed), np.concatenate(before), missing)
    else:
        chosen = _apart(feasible, settings, seed, np.concatenate(before), missing, minimum_distance)
    rows = [w for _, w in fixed] + list(chosen)
    return Variants(
        names=tuple(f"variant-{i:03d}" for i in range(count)),
        leaves=feasible.leaves,
        weights=tuple(tuple(float(x) for x in row) for row in rows),
        kinds=(*(kind for kind, _ in fixed), *("draw" for _ in chosen)),
    )


def _apart(
    feasible: FeasibleSet, settings: DirichletSettings, seed: int, before: Array, count: int, fraction: float
) -> Array:
    """The first `count` draws, without those too near to an earlier one or to `before`."""
    drawn = draws(feasible, settings, gibbs.BLOCK * -(-count // gibbs.BLOCK), seed)
    first = hellinger(drawn[: gibbs.BLOCK], drawn[: gibbs.BLOCK])
    threshold = max(fraction * float(np.median(first[np.triu_indices(len(first), 1)])), _SAME)
    taken = np.concatenate([before, np.zeros((count, before.shape[1]))])
    held, used, limit = len(before), 0, 4 * len(drawn) + 64 * gibbs.BLOCK
    while held < len(taken):
        if used == len(drawn):
            if len(drawn) >= limit:
                raise UserError(
                    f"Only {held - len(before)} of {count} variants differ enough among {limit} draws: the feasible set is too"
                    " small for so many; ask for fewer, loosen the limits, or lower minimum_distance."
                )
            drawn = draws(feasible, settings, min(2 * len(drawn), limit), seed)
        candidate = drawn[used]
        used += 1
        if not held or hellinger(candidate[None], taken[:held]).min() > threshold:
            taken[held] = candidate
            held += 1
    return taken[len(before) :]


def _farthest(candidates: Array, before: Array, count: int) -> Array:
    """`count` of `candidates`, each the farthest in sqrt(w) from `before` and all chosen so far."""
    if count > len(candidates):
        raise UserError(
            f"A space-filling design picks from {len(candidates)} draws and cannot give {count}; raise `pool`."
        )
    roots = np.sqrt(candidates)
    distance: Array = np.full(len(candidates), np.inf)
    for root in np.sqrt(before):
        distance = np.minimum(distance, ((roots - root) ** 2).sum(1))
    if not len(before):
        # Nothing to be far from: begin in the middle of the pool.
        distance = -((roots - roots.mean(0)) ** 2).sum(1)
    chosen = []
    for k in range(count):
        best = int(distance.argmax())
        if (k or len(before)) and distance[best] <= _SAME**2:
            raise UserError(
                f"The feasible set holds only {k} different mixtures beside those that are there; {count} were asked for."
            )
        chosen.append(best)
        away = ((roots - roots[best]) ** 2).sum(1)
        distance = away if k == 0 and not len(before) else np.minimum(distance, away)
    return candidates[chosen]
