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

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from olmix.errors import UserError
from olmix.mix import powers
from olmix.mix.feasible import Array, FeasibleSet
from olmix.mix.tree import Tree

#: Chains that are computed together, and so the unit of reproducibility.
BLOCK = 256
_TINY = 1e-300


@dataclasses.dataclass(frozen=True)
class _Round:
    """Pairs of leaves `i`[P], `j`[P] that no limit and no power couples, moved at once."""

    i: np.ndarray
    j: np.ndarray
    row_change: Array | None  # [P, m]: what t does to each row, None if nothing
    node_change: Array | None  # [P, nodes - n]: what t does to each inner node


@dataclasses.dataclass(frozen=True)
class _Exchange:
    """Pairs of sibling nodes whose weight is exchanged with their inner shares kept; one pair only under group limits.

    `leaves` lists the leaves of the first giver, the first taker, the second giver, ..., and `halves` where each begins.
    """

    givers: tuple[int, ...]
    takers: tuple[int, ...]
    leaves: np.ndarray
    halves: np.ndarray

    @staticmethod
    def of(tree: Tree, pairs: Sequence[tuple[int, int]]) -> _Exchange:
        """The exchange of these pairs of nodes."""
        parts = [tree.members[node] for pair in pairs for node in pair]
        return _Exchange(
            tuple(giver for giver, _ in pairs),
            tuple(taker for _, taker in pairs),
            np.concatenate([np.array(part) for part in parts]),
            np.cumsum([0, *(len(part) for part in parts[:-1])]),
        )


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
    schedule = _schedule(feasible, tree, sweeps, np.random.default_rng([seed, 0]))
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
    a = np.maximum(parameters, 1e-3)
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

    def __init__(
        self, feasible: FeasibleSet, tree: Tree, parameters: Array, generator: np.random.Generator
    ) -> None:
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

    def apply(self, move: _Round | _Exchange) -> None:
        if isinstance(move, _Round):
            self._exchange_leaves(move)
        else:
            self._exchange_nodes(move)

    def _exchange_leaves(self, pairs: _Round) -> None:
        i, j = pairs.i, pairs.j
        x, z = self.w[:, i], self.w[:, j]
        low = np.maximum(self.lower[:, i] - x, z - self.upper[:, j])
        high = np.minimum(self.upper[:, i] - x, z - self.lower[:, j])
        if pairs.row_change is not None:
            sums = self.w @ self.rows.T
            for p, r in zip(*np.nonzero(pairs.row_change), strict=True):
                change = pairs.row_change[p, r]
                ends = (self.row_lower[r] - sums[:, r]) / change, (self.row_upper[r] - sums[:, r]) / change
                low[:, p] = np.maximum(low[:, p], np.minimum(*ends))
                high[:, p] = np.minimum(high[:, p], np.maximum(*ends))
        if pairs.node_change is not None:
            weight = self.w @ self.indicator.T
            for p, v in zip(*np.nonzero(pairs.node_change), strict=True):
                below, above = self._slice(weight[:, v], self.powers[:, self.n + v])
                if pairs.node_change[p, v] < 0:
                    below, above = -above, -below
                low[:, p] = np.maximum(low[:, p], below)
                high[:, p] = np.minimum(high[:, p], above)
        low, high = np.minimum(low, 0.0), np.maximum(high, 0.0)
        drawn = powers.truncated_beta(x, z, self.a[:, i], self.a[:, j], low, high, self.generator)
        self.w[:, i] = x + drawn
        self.w[:, j] = np.maximum(z - drawn, 0.0)

    def _slice(self, value: Array, power: Array) -> tuple[Array, Array]:
        """A slice variable for value^power: the interval [B] of changes of `value` that stays above it."""
        reach = self.generator.standard_exponential(value.shape) / np.where(power == 0, 1.0, power)
        with np.errstate(over="ignore"):
            end = value * np.exp(-np.clip(reach, -700.0, None)) - value
        return (
            np.where(power > 0, end, -np.inf),
            np.where(power < 0, end, np.inf),
        )

    def _exchange_nodes(self, move: _Exchange) -> None:
        index, halves = move.leaves, move.halves
        w = self.w[:, index]
        weight = np.add.reduceat(w, halves, axis=1)
        x, z = weight[:, 0::2], weight[:, 1::2]
        sizes = np.diff(np.append(halves, len(index)))
        sign = np.repeat(np.tile([1.0, -1.0], len(move.givers)), sizes)
        direction = sign * w / np.repeat(np.maximum(weight, _TINY), sizes, axis=1)
        up, down = self.upper[:, index] - w, w - self.lower[:, index]
        high = np.minimum.reduceat(np.minimum(_room(up, direction), _room(down, -direction)), halves[0::2], axis=1)
        low = -np.minimum.reduceat(np.minimum(_room(up, -direction), _room(down, direction)), halves[0::2], axis=1)
        if len(self.rows):
            along, sums = direction @ self.rows[:, index].T, self.w @ self.rows.T
            along[np.abs(along) < 1e-13] = 0.0
            over, under = self.row_upper - sums, sums - self.row_lower
            high = np.minimum(high, np.minimum(_room(over, along), _room(under, -along)).min(1)[:, None])
            low = np.maximum(low, -np.minimum(_room(over, -along), _room(under, along)).min(1)[:, None])
        low, high = np.minimum(np.maximum(low, -x), 0.0), np.maximum(np.minimum(high, z), 0.0)
        a, b = self.a[:, list(move.givers)], self.a[:, list(move.takers)]
        drawn = powers.truncated_beta(x, z, a, b, low, high, self.generator)
        drawn = np.where(np.minimum(x, z) > 1e-200, drawn, 0.0)  # an empty subtree has no shares to keep
        shift = np.repeat(np.repeat(drawn, 2, axis=1), sizes, axis=1)
        self.w[:, index] = np.maximum(w + shift * direction, 0.0)


def _room(slack: Array, speed: Array) -> Array:
    """How far one may go until `slack` is used up at `speed`; infinite where it is not used."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(speed > 0, np.maximum(slack, 0.0) / speed, np.inf)


def _schedule(
    feasible: FeasibleSet, tree: Tree, sweeps: int, generator: np.random.Generator
) -> list[_Round | _Exchange]:
    """The moves in order, the same for all chains: exchanges between siblings, across the tree, and of subtrees."""
    _, _, rows, row_lower, row_upper = feasible.arrays
    n = len(feasible.leaves)
    movable = feasible.standard_form.moving
    equal = row_upper - row_lower <= 0
    inner = tree.indicator[n:]
    parent = np.zeros(n, dtype=int)
    for number, split in enumerate(tree.splits):
        for child in split.children:
            if child < n:
                parent[child] = number
    kinds: dict[tuple[int, bytes], list[int]] = {}
    for leaf in movable:
        kinds.setdefault((int(parent[leaf]), rows[:, leaf].tobytes()), []).append(int(leaf))
    siblings = [[int(leaf) for leaf in movable if parent[leaf] == number] for number in range(len(tree.splits))]
    many = len(kinds) > 1
    moves: list[_Round | _Exchange] = []
    for _ in range(sweeps):
        for _ in range(2):
            pairs = [pair for kind in kinds.values() for pair in _matching(kind, generator)]
            if pairs:
                moves.append(_leaf_round(pairs, rows, inner, coupled=False))
        if not many:
            continue
        mixed = [own for own in siblings if len({rows[:, leaf].tobytes() for leaf in own}) > 1]
        crossing = [_matching(own, generator) for own in [*mixed, *mixed, movable.tolist()]]
        rounds = _rounds([pair for some in crossing for pair in some], rows, equal, inner)
        # Without group limits the rounds with most pairs do; groups may need every pair.
        for pairs in rounds if len(rows) else rounds[:3]:
            moves.append(_leaf_round(pairs, rows, inner, coupled=True))
        for split in tree.splits:
            if any(child >= n for child in split.children):
                pairs = [
                    pair
                    for pair in _matching(split.children, generator)
                    if _may_exchange(tree, rows, equal, feasible, *pair)
                ]
                together = [[pair] for pair in pairs] if len(rows) else [pairs]
                moves += [_Exchange.of(tree, some) for some in together if some]
    if equal.any():
        _check_reach(feasible, tree, moves)
    return moves


def _matching(items: Sequence[int], generator: np.random.Generator) -> list[tuple[int, int]]:
    """A random pairing; one item stays over when their number is odd."""
    order = [int(items[k]) for k in generator.permutation(len(items))]
    return list(zip(order[0::2], order[1::2], strict=False))


def _rounds(
    pairs: list[tuple[int, int]], rows: Array, equal: np.ndarray, inner: Array
) -> list[list[tuple[int, int]]]:
    """Sorts pairs of leaves into rounds within which no leaf, no row and no inner node is touched twice."""
    rounds: list[tuple[list[tuple[int, int]], np.ndarray]] = []
    for i, j in pairs:
        if (equal & (rows[:, i] != rows[:, j])).any():
            continue
        leaves = np.zeros(rows.shape[1], dtype=bool)
        leaves[[i, j]] = True
        touched = np.concatenate([leaves, rows[:, i] != rows[:, j], inner[:, i] != inner[:, j]])
        for together, taken in rounds:
            if not (taken & touched).any():
                together.append((i, j))
                taken |= touched
                break
        else:
            rounds.append(([(i, j)], touched))
    return [together for together, _ in rounds]


def _leaf_round(pairs: list[tuple[int, int]], rows: Array, inner: Array, *, coupled: bool) -> _Round:
    i, j = np.array(pairs).T
    if not coupled:
        return _Round(i, j, None, None)
    row_change, node_change = (rows[:, i] - rows[:, j]).T, (inner[:, i] - inner[:, j]).T
    return _Round(i, j, row_change if row_change.any() else None, node_change if node_change.any() else None)


def _may_exchange(tree: Tree, rows: Array, equal: np.ndarray, feasible: FeasibleSet, giver: int, taker: int) -> bool:
    """Whether every equality stays true when two subtrees exchange weight: constant on them, or homogeneous in one."""
    for row, limit, is_equal in zip(rows, feasible.limits, equal, strict=True):
        if not is_equal:
            continue
        inside = row[list(tree.members[giver] + tree.members[taker])]
        if np.ptp(inside) == 0:
            continue
        support = set(np.flatnonzero(row).tolist())
        homogeneous = limit.lower == 0 and (
            support <= set(tree.members[giver]) or support <= set(tree.members[taker])
        )
        if not homogeneous:
            return False
    return True


def _check_reach(feasible: FeasibleSet, tree: Tree, moves: list[_Round | _Exchange]) -> None:
    """Refuses limits whose equalities no exchange of two leaves or subtrees can move along."""
    form = feasible.standard_form
    n = len(feasible.leaves)
    directions = []
    for move in moves:
        if isinstance(move, _Round):
            for i, j in zip(move.i, move.j, strict=True):
                step = np.zeros(n)
                step[i], step[j] = 1.0, -1.0
                directions.append(step)
        else:
            for giver, taker in zip(move.givers, move.takers, strict=True):
                step = np.zeros(n)
                for node, sign in ((giver, 1.0), (taker, -1.0)):
                    below = list(tree.members[node])
                    share = feasible.center[below]
                    step[below] = sign * share / max(share.sum(), _TINY)
                directions.append(step)
    dimension = max(form.rows.shape[1] - len(form.rows), 0)
    if dimension == 0 or not moves:
        reached = 0
    else:
        reached = int(np.linalg.matrix_rank(np.array(directions), tol=1e-9))
    if reached < dimension:
        names = "; ".join(limit.name for limit in feasible.limits if limit.lower >= limit.upper)
        raise UserError(
            f"The design cannot vary the mixture in {dimension - reached} of {dimension} directions while it keeps these"
            f" fixed shares exact: {names}. Fix shares of leaves or nodes of the data tree instead of groups across it."
        )
