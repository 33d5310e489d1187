"""The data tree, read from the names of leaves, and hierarchical Dirichlet densities on it.

`web:code:high` lies below `web:code`, which lies below `web`. At every node that splits, the shares of its children
are Dirichlet around the prior's shares, with a strength for the level of the split: its total concentration, so that
larger is closer to the prior, and the mean is the prior whatever the strength. With x_v the weight of everything below
node v, the density over leaf weights is a product of powers,

    prod_v x_v ^ e_v,     e_leaf = a_leaf - 1,     e_node = a_node - (sum of its children's a),

because the Jacobian of each split cancels all but one power of the parent's weight. Samplers need only these.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

from olmix.errors import UserError
from olmix.mix.arrays import Array


@dataclasses.dataclass(frozen=True)
class Split:
    """A node whose weight is divided among its children (indices of nodes); `node` is -1 where it holds all leaves."""

    name: str
    depth: int
    node: int
    children: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Tree:
    """Nodes 0 to n-1 are the leaves; inner nodes below the root follow. Nodes with a single child are left out."""

    leaves: tuple[str, ...]
    members: tuple[tuple[int, ...], ...]  # per node: the leaves below it
    splits: tuple[Split, ...]

    @functools.cached_property
    def indicator(self) -> Array:
        """[nodes, n]: 1 where the leaf is below the node."""
        matrix = np.zeros((len(self.members), len(self.leaves)))
        for node, below in enumerate(self.members):
            matrix[node, list(below)] = 1.0
        return matrix

    def shares(self, prior: Array) -> Array:
        """The prior's share of each node [nodes] within the node that splits into it."""
        weight = self.indicator @ prior
        share = np.ones(len(self.members))
        for split in self.splits:
            children = list(split.children)
            total = weight[children].sum()
            share[children] = weight[children] / total if total > 0 else 1 / len(children)
        return share

    def exponents(self, concentrations: Array) -> Array:
        """The powers e_v of the density, [..., nodes], from the children's Dirichlet parameters [..., nodes]."""
        powers = concentrations.copy()
        powers[..., : len(self.leaves)] -= 1.0
        for split in self.splits:
            if split.node >= 0:
                powers[..., split.node] -= concentrations[..., list(split.children)].sum(-1)
        return powers


def tree(leaves: Sequence[str]) -> Tree:
    """The tree that the names of `leaves` spell."""
    if len(set(leaves)) < len(leaves):
        twice = sorted({leaf for leaf in leaves if list(leaves).count(leaf) > 1})
        raise UserError(f"Two leaves have the same name: {', '.join(twice[:6])}.")
    members: list[tuple[int, ...]] = [(i,) for i in range(len(leaves))]
    splits: list[Split] = []
    parts = [leaf.split(":") for leaf in leaves]

    def grow(prefix: list[str], below: list[int]) -> int:
        """The node of all leaves `below` that start with `prefix`."""
        if len(below) == 1:
            return below[0]
        depth = len(prefix)
        groups: dict[str, list[int]] = {}
        for i in below:
            # A leaf that is itself a prefix of others stands beside them.
            groups.setdefault(parts[i][depth] if len(parts[i]) > depth else "", []).append(i)
        if len(groups) == 1 and "" not in groups:
            return grow([*prefix, *groups], below)
        children = tuple(grow([*prefix, name], inside) for name, inside in groups.items())
        node = -1
        if len(below) < len(leaves):
            members.append(tuple(below))
            node = len(members) - 1
        splits.append(Split(":".join(prefix), depth, node, children))
        return node

    if leaves:
        grow([], list(range(len(leaves))))
    return Tree(tuple(leaves), tuple(members), tuple(splits))
