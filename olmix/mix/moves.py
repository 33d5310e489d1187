"""Which exchanges a sampler makes, and in which order: the same schedule for all chains of a design.

A sweep pairs siblings twice, then leaves across the tree and across group limits, then sibling subtrees. Pairs that touch
no common leaf, group limit or inner node share a round, because given everything else they are independent.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from olmix.errors import UserError
from olmix.mix.arrays import Array
from olmix.mix.feasible import FeasibleSet
from olmix.mix.tree import Tree


@dataclasses.dataclass(frozen=True)
class Round:
    """Pairs of leaves `i`[P], `j`[P] that no limit and no power couples, moved at once."""

    i: np.ndarray
    j: np.ndarray
    row_change: Array | None  # [P, m]: what t does to each row, None if nothing
    #: (pairs, inner nodes, signs): t changes the weight of the node by sign * t; a pair is once in each of these.
    node_changes: tuple[tuple[np.ndarray, np.ndarray, np.ndarray], ...]


@dataclasses.dataclass(frozen=True)
class Exchange:
    """Pairs of sibling nodes whose weight is exchanged with their inner shares kept; one pair only under group limits.

    `leaves` lists the leaves of the first giver, the first taker, the second giver, ..., and `halves` where each begins.
    """

    givers: tuple[int, ...]
    takers: tuple[int, ...]
    leaves: np.ndarray
    halves: np.ndarray

    @staticmethod
    def of(tree: Tree, pairs: Sequence[tuple[int, int]]) -> Exchange:
        """The exchange of these pairs of nodes."""
        parts = [tree.members[node] for pair in pairs for node in pair]
        return Exchange(
            tuple(giver for giver, _ in pairs),
            tuple(taker for _, taker in pairs),
            np.concatenate([np.array(part) for part in parts]),
            np.cumsum([0, *(len(part) for part in parts[:-1])]),
        )


def schedule(feasible: FeasibleSet, tree: Tree, sweeps: int, generator: np.random.Generator) -> list[Round | Exchange]:
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
    found: list[Round | Exchange] = []
    for _ in range(sweeps):
        for _ in range(2):
            pairs = [pair for kind in kinds.values() for pair in _matching(kind, generator)]
            if pairs:
                found.append(_leaf_round(pairs, rows, inner, coupled=False))
        if not many:
            continue
        mixed = [own for own in siblings if len({rows[:, leaf].tobytes() for leaf in own}) > 1]
        crossing = [_matching(own, generator) for own in [*mixed, *mixed, movable.tolist()]]
        rounds = _rounds([pair for some in crossing for pair in some], rows, equal, inner)
        # Without group limits the rounds with most pairs do; groups may need every pair.
        for pairs in rounds if len(rows) else rounds[:3]:
            found.append(_leaf_round(pairs, rows, inner, coupled=True))
        for split in tree.splits:
            if any(child >= n for child in split.children):
                pairs = [
                    pair
                    for pair in _matching(split.children, generator)
                    if _may_exchange(tree, rows, equal, feasible, *pair)
                ]
                together = [[pair] for pair in pairs] if len(rows) else [pairs]
                found += [Exchange.of(tree, some) for some in together if some]
    if equal.any():
        _check_reach(feasible, tree, found)
    return found


def _matching(items: Sequence[int], generator: np.random.Generator) -> list[tuple[int, int]]:
    """A random pairing; one item stays over when their number is odd."""
    order = [int(items[k]) for k in generator.permutation(len(items))]
    return list(zip(order[0::2], order[1::2], strict=False))


def _rounds(pairs: list[tuple[int, int]], rows: Array, equal: np.ndarray, inner: Array) -> list[list[tuple[int, int]]]:
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


def _leaf_round(pairs: list[tuple[int, int]], rows: Array, inner: Array, *, coupled: bool) -> Round:
    i, j = np.array(pairs).T
    if not coupled:
        return Round(i, j, None, ())
    row_change, node_change = (rows[:, i] - rows[:, j]).T, (inner[:, i] - inner[:, j]).T
    slots: list[list[tuple[int, int, float]]] = []
    for pair, changes in enumerate(node_change):
        for slot, node in enumerate(np.flatnonzero(changes)):
            if slot == len(slots):
                slots.append([])
            slots[slot].append((pair, int(node), float(changes[node])))
    return Round(
        i,
        j,
        row_change if row_change.any() else None,
        tuple((np.array(p), np.array(v), np.array(sign)) for p, v, sign in (zip(*slot, strict=True) for slot in slots)),
    )


def _may_exchange(tree: Tree, rows: Array, equal: np.ndarray, feasible: FeasibleSet, giver: int, taker: int) -> bool:
    """Whether every equality stays true when two subtrees exchange weight: constant on them, or homogeneous in one."""
    for row, limit, is_equal in zip(rows, feasible.limits, equal, strict=True):
        if not is_equal:
            continue
        inside = row[list(tree.members[giver] + tree.members[taker])]
        if np.ptp(inside) == 0:
            continue
        support = set(np.flatnonzero(row).tolist())
        homogeneous = limit.lower == 0 and (support <= set(tree.members[giver]) or support <= set(tree.members[taker]))
        if not homogeneous:
            return False
    return True


def _check_reach(feasible: FeasibleSet, tree: Tree, found: list[Round | Exchange]) -> None:
    """Refuses limits whose equalities no exchange of two leaves or subtrees can move along."""
    form = feasible.standard_form
    n = len(feasible.leaves)
    directions = []
    for move in found:
        if isinstance(move, Round):
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
                    step[below] = sign * share / max(share.sum(), 1e-300)
                directions.append(step)
    dimension = max(form.rows.shape[1] - len(form.rows), 0)
    if dimension == 0 or not found:
        reached = 0
    else:
        reached = int(np.linalg.matrix_rank(np.array(directions), tol=1e-9))
    if reached < dimension:
        names = "; ".join(limit.name for limit in feasible.limits if limit.lower >= limit.upper)
        raise UserError(
            f"The design cannot vary the mixture in {dimension - reached} of {dimension} directions while it keeps these"
            f" fixed shares exact: {names}. Fix shares of leaves or nodes of the data tree instead of groups across it."
        )
