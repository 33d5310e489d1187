"""Presets of the case study: a swarm over what is new, with an old mixture frozen."""

from __future__ import annotations

from collections.abc import Mapping

import fiddle as fdl

from experiments.presets.swarm_30m import reuse_swarm_30m
from olmix.data import tree_edits
from olmix.data.tree import Tree
from olmix.mixture_search import MixtureSearch


def update(
    tree: fdl.Config[Tree],
    old: Mapping[str, float],
    new: Mapping[str, float],
    *,
    variants: int,
    minimum: float,
    everywhere: bool = True,
) -> fdl.Config[MixtureSearch]:
    """A stage: `old` (leaf -> share) is frozen, and `new` (source -> share of all tokens) is what the prior gives beside it.

    A variant leaves out leaves that would weigh less than `minimum`, but, with `everywhere`, none that is new. A final run of a
    trillion tokens reads no leaf more than four times.
    """
    cfg = reuse_swarm_30m()
    cfg.scan.tree = tree
    whole = sum(old.values())
    rest = 1.0 - sum(new.values())
    cfg.limits.mixture = dict(old)
    everything = cfg.limits.limits
    everything.target_tokens = 1_000_000_000_000
    everything.repetition_limit = 4.0
    everything.prior = {**{leaf: rest * share / whole for leaf, share in old.items()}, **new}
    if everywhere:
        leaves = (leaf for leaf, _ in tree_edits.leaves(tree) if leaf not in old)
        everything.at_least = dict.fromkeys(leaves, minimum)
    cfg.design.variants = variants
    cfg.design.minimum_weight = minimum
    return cfg
