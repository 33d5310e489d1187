"""Exact sampling of hierarchical Dirichlet mixtures, conditioned on the feasible set, by exchange moves.

Each move shifts weight t between two leaves, or between two subtrees that keep their inner shares. All limits turn into
an interval for t, and t is drawn from its conditional density on that interval, so that no mixture ever leaves the
set and nothing is rejected for leaving it, however tight the caps are. Powers above 0 are drawn through slice variables
(Damien and Walker, Sampling truncated normal, beta, and gamma densities, 2001), which leaves a truncated power law with
a closed inverse; only where both leaves of a pair have powers below 0 does an independence Metropolis step with a
density ratio between 1/2 and 1 remain. Every move leaves the conditioned density invariant.

Chains start at an independent draw from the unconditioned density, scaled into the set: where nothing binds, the draws are
independent and exact from the start; where limits bind, the moves forget the start within some sweeps (after the
default 10, no marginal of 60 leaves is farther than 0.05 to 0.15 from the limit in Kolmogorov's distance, the latter for
strengths near 1 that make nearly pure mixtures). Rows of the result depend on the seed
and their own position alone, because random numbers and arithmetic go by blocks of fixed size.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from olmix.mix import moves, powers
from olmix.mix.arrays import Array
from olmix.mix.feasible import FeasibleSet
from olmix.mix.tree import Tree

#: Chains that are computed together, and so the unit of reproducibility.
BLOCK = 512
_PORTION = 4096
_TINY = 1e-300


def sample(
    feasible: FeasibleSet,
    tree: Tree,
    concentrations: Callable[[np.random.Generator, int], Array],
    count: int,
    *,
    seed: int,
    sweeps: int = 10,
    stream: int = 0,
    lower: Array | None = None,
    upper: Array | None = None,
    start: Array | None = None,
) -> Array:
    """`count` feasible mixtures [count, n].

    `concentrations(generator, k)` gives the Dirichlet parameters [k, nodes] of `k` chains (0 pins a leaf to its lower
    limit). `stream` separates draws that share a seed, and so their parameters. `lower`, `upper` [count, n] tighten the
    leaf limits of each chain, which then needs a feasible `start`.
    """
    blocks = []
    schedule = moves.schedule(feasible, tree, sweeps, np.random.default_rng([seed, 0]))
    for block, first in enumerate(range(0, count, BLOCK)):
        parameters = concentrations(np.random.default_rng([seed, 1, block]), BLOCK)
        generator = np.random.default_rng([seed, 2 + stream, block])
        chain = _Chain(feasible, tree, parameters, generator)
        if start is None:
            chain.begin(_dirichlet(tree, parameters, generator))
        else:
            assert lower is not None
            assert upper is not None
            rows = np.arange(first, first + BLOCK).clip(max=count - 1)
            chain.lower, chain.upper, chain.w = lower[rows], upper[rows], start[rows].copy()
        for move in schedule if not chain.exact else ():
            chain.apply(move)
        blocks.append(chain.finished())
    return np.concatenate(blocks)[:count] if blocks else np.zeros((0, len(feasible.leaves)))


def _dirichlet(tree: Tree, parameters: Array, generator: np.random.Generator) -> Array:
    """Unconditioned draws [B, n]; gamma variates in logarithms, so that tiny parameters do not underflow to 0/0."""
    a = np.where(parameters > 0, parameters, 1.0)
    logs = np.log(np.maximum(generator.standard_gamma(a + 1.0), _TINY)) - generator.standard_exponential(a.shape) / a
    share = np.zeros_like(logs)
    for split in tree.splits:
        children = list(split.children)
        own = logs[:, children] - logs[:, children].max(1, keepdims=True)
        own = np.where(parameters[:, children] > 0, np.exp(own), 0.0)
        total = own.sum(1, keepdims=True)
        share[:, children] = own / np.where(total > 0, total, 1.0)
    w = np.ones((len(parameters), len(tree.leaves)))
    for split in tree.splits:
        for child in split.children:
            w[:, list(tree.members[child])] *= share[:, [child]]
    return w


class _Chain:
    """A block of mixtures `w` [B, n] within limits that may differ by row of the block."""

    def __init__(self, feasible: FeasibleSet, tree: Tree, parameters: Array, generator: np.random.Generator) -> None:
        self.feasible, self.tree, self.generator = feasible, tree, generator
        lower, upper, self.rows, self.row_lower, self.row_upper = feasible.arrays
        self.lower = np.repeat(lower[None], len(parameters), axis=0)
        self.upper = np.repeat(upper[None], len(parameters), axis=0)
        self.n = len(lower)
        self.a = parameters
        self.powers = tree.exponents(parameters)
        self.indicator = tree.indicator[self.n :]
        self.w = np.zeros_like(self.lower)
        self.exact = False  # whether the start is already an exact draw

    def begin(self, wish: Array) -> None:
        """Starts near `wish` [B, n]: scaled within the leaf limits, then as far from the centre of the set as is feasible."""
        center = self.feasible.center
        if self.feasible.excess(wish).max() <= 1e-12:
            self.w, self.exact = wish, True
            return
        wish = np.maximum(wish, 1e-15)
        scale = np.ones((len(wish), 1))
        for _ in range(10):
            # Leaves at a limit stay there, the others share what is left in proportion.
            scaled = wish * scale
            free = (scaled > self.lower) & (scaled < self.upper)
            held = np.where(free, 0.0, np.minimum(np.maximum(scaled, self.lower), self.upper)).sum(1, keepdims=True)
            rest = np.where(free, wish, 0.0).sum(1, keepdims=True)
            scale = np.where((rest > 0) & (held < 1), (1 - held) / np.maximum(rest, _TINY), 2 * scale)
        wish = np.minimum(np.maximum(wish * scale, self.lower), self.upper)
        wish /= wish.sum(1, keepdims=True)
        equal = self.row_upper - self.row_lower <= 0
        if equal.any():
            rows = np.concatenate([self.rows[equal], np.ones((1, self.n))])
            off = wish @ rows.T - np.append(self.row_lower[equal], 1.0)
            wish = wish - off @ np.linalg.pinv(rows @ rows.T).T @ rows
        step = wish - center
        limits = [_room(center - self.lower, -step), _room(self.upper - center, step)]
        if len(self.rows):
            loose = ~equal
            along, at = step @ self.rows[loose].T, self.rows[loose] @ center
            limits += [_room(at - self.row_lower[loose], -along), _room(self.row_upper[loose] - at, along)]
        length = np.minimum(1.0, np.min([limit.min(1, initial=1.0) for limit in limits], axis=0))
        self.w = center + length[:, None] * step
        pinned = self.a[:, : self.n] <= 0
        self.w = np.where(pinned & (self.w < self.lower + 1e-9), self.lower, self.w)

    def finished(self) -> Array:
        """The mixtures with rounding removed: within the leaf limits exactly, and summing to 1."""
        w = np.clip(self.w, self.lower, self.upper)
        off = 1 - w.sum(1)
        slack = np.where(off[:, None] > 0, self.upper - w, w - self.lower)
        widest = slack.argmax(1)
        w[np.arange(len(w)), widest] += off
        return w

    def apply(self, move: moves.Round | moves.Exchange) -> None:
        """One move for all chains, in portions that stay in the cache; their size depends on the move alone."""
        wide = len(move.i) if isinstance(move, moves.Round) else len(move.leaves)
        step = max(1, _PORTION // wide)
        for first in range(0, len(self.w), step):
            part = slice(first, first + step)
            if isinstance(move, moves.Round):
                self._exchange_leaves(move, part)
            else:
                self._exchange_nodes(move, part)

    def _exchange_leaves(self, pairs: moves.Round, part: slice) -> None:
        i, j, w = pairs.i, pairs.j, self.w[part]
        lower, upper = self.lower[part], self.upper[part]
        # np.take keeps rows contiguous, which indexing with [:, i] does not.
        x, z = np.take(w, i, axis=1), np.take(w, j, axis=1)
        low = np.maximum(np.take(lower, i, axis=1) - x, z - np.take(upper, j, axis=1))
        high = np.minimum(np.take(upper, i, axis=1) - x, z - np.take(lower, j, axis=1))
        if pairs.row_change is not None:
            sums = w @ self.rows.T
            for p, r in zip(*np.nonzero(pairs.row_change), strict=True):
                change = pairs.row_change[p, r]
                ends = (self.row_lower[r] - sums[:, r]) / change, (self.row_upper[r] - sums[:, r]) / change
                low[:, p] = np.maximum(low[:, p], np.minimum(*ends))
                high[:, p] = np.minimum(high[:, p], np.maximum(*ends))
        for which, nodes, signs in pairs.node_changes:
            weight = w @ self.indicator[nodes].T
            below, above = self._slice(weight, self.powers[part][:, self.n + nodes])
            turned = signs < 0
            below[:, turned], above[:, turned] = -above[:, turned], -below[:, turned]
            low[:, which] = np.maximum(low[:, which], below)
            high[:, which] = np.minimum(high[:, which], above)
        low, high = np.minimum(low, 0.0), np.maximum(high, 0.0)
        a, b = np.take(self.a[part], i, axis=1), np.take(self.a[part], j, axis=1)
        drawn = powers.truncated_beta(x, z, a, b, low, high, self.generator)
        w[:, i] = x + drawn
        w[:, j] = np.maximum(z - drawn, 0.0)

    def _slice(self, value: Array, power: Array) -> tuple[Array, Array]:
        """Slice variables for value^power: the intervals [B, T] of changes of `value` that stays above it."""
        reach = self.generator.standard_exponential(value.shape) / np.where(power == 0, 1.0, power)
        with np.errstate(over="ignore"):
            end = value * np.exp(-np.clip(reach, -700.0, None)) - value
        return (
            np.where(power > 0, end, -np.inf),
            np.where(power < 0, end, np.inf),
        )

    def _exchange_nodes(self, move: moves.Exchange, part: slice) -> None:
        index, halves = move.leaves, move.halves
        w = np.take(self.w[part], index, axis=1)
        weight = np.add.reduceat(w, halves, axis=1)
        x, z = weight[:, 0::2], weight[:, 1::2]
        sizes = np.diff(np.append(halves, len(index)))
        sign = np.repeat(np.tile([1.0, -1.0], len(move.givers)), sizes)
        direction = sign * w / np.repeat(np.maximum(weight, _TINY), sizes, axis=1)
        up, down = np.take(self.upper[part], index, axis=1) - w, w - np.take(self.lower[part], index, axis=1)
        high = np.minimum.reduceat(np.minimum(_room(up, direction), _room(down, -direction)), halves[0::2], axis=1)
        low = -np.minimum.reduceat(np.minimum(_room(up, -direction), _room(down, direction)), halves[0::2], axis=1)
        if len(self.rows):
            along, sums = direction @ self.rows[:, index].T, self.w[part] @ self.rows.T
            along[np.abs(along) < 1e-13] = 0.0
            over, under = self.row_upper - sums, sums - self.row_lower
            high = np.minimum(high, np.minimum(_room(over, along), _room(under, -along)).min(1)[:, None])
            low = np.maximum(low, -np.minimum(_room(over, -along), _room(under, along)).min(1)[:, None])
        low, high = np.minimum(np.maximum(low, -x), 0.0), np.maximum(np.minimum(high, z), 0.0)
        a, b = self.a[part][:, list(move.givers)], self.a[part][:, list(move.takers)]
        drawn = powers.truncated_beta(x, z, a, b, low, high, self.generator)
        drawn = np.where(np.minimum(x, z) > 1e-200, drawn, 0.0)  # an empty subtree has no shares to keep
        shift = np.repeat(np.repeat(drawn, 2, axis=1), sizes, axis=1)
        self.w[part, index] = np.maximum(w + shift * direction, 0.0)


def _room(slack: Array, speed: Array) -> Array:
    """How far one may go until `slack` is used up at `speed`; infinite where it is not used."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(speed > 0, np.maximum(slack, 0.0) / speed, np.inf)
