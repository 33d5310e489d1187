"""The data tree: sources, their topics, and the quality buckets of either.

A node holds exactly one of paths, topics or quality buckets, so there is one place to look for its files. A weight is
relative to its siblings, which is how people speak of mixtures ("70 to 30"); the price is that a weight alone says
little, and `Tree.mixture` has to be asked for the share of all training tokens. Nothing here touches a file.
"""

# No `from __future__ import annotations`: Fiddle evaluates the annotations of a class for every config of it, which takes
# twice as long if they are strings, and trees have hundreds of nodes.
import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any

from olmix.errors import UserError

DEFAULT_REPETITION_LIMIT = 1.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class QualityBucket:
    """The documents of a source or topic whose quality score falls into one range.

    `paths` are files, folders or globs (`*`, `**`, `{a,b}`, `{0001..0020}`). `weight` is relative to the sibling
    buckets; `repetition_limit` is the number of times that its tokens may be read, inherited from above if None.
    """

    name: str
    paths: tuple[str, ...] = ()
    weight: float | None = None
    repetition_limit: float | None = None

    def __post_init__(self) -> None:
        _check(self, ("paths",))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Topic:
    """A subject within a source. Holds either `paths` or `quality`; the rest as in `QualityBucket`."""

    name: str
    paths: tuple[str, ...] = ()
    quality: tuple[QualityBucket, ...] = ()
    weight: float | None = None
    repetition_limit: float | None = None

    def __post_init__(self) -> None:
        _check(self, ("paths", "quality"))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """Where text came from. Holds one of `paths`, `topics` or `quality`; the rest as in `QualityBucket`."""

    name: str
    paths: tuple[str, ...] = ()
    topics: tuple[Topic, ...] = ()
    quality: tuple[QualityBucket, ...] = ()
    weight: float | None = None
    repetition_limit: float | None = None

    def __post_init__(self) -> None:
        _check(self, ("paths", "topics", "quality"))


Node = Source | Topic | QualityBucket


@dataclasses.dataclass(frozen=True, kw_only=True)
class Leaf:
    """A bottom node: its full name, the files it is made of, and how often they may be read."""

    name: str
    paths: tuple[str, ...]
    repetition_limit: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tree:
    """All sources of an experiment.

    Raises:
      UserError: on no source at all, on two nodes of one name, and on siblings of which some have weights and some not.
    """

    sources: tuple[Source, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "sources", tuple(self.sources))
        if not self.sources:
            raise UserError("The data tree has no sources.")
        _siblings("the data tree", self.sources)
        names = [leaf.name for leaf in self.leaves(with_zero=True)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise UserError(f"Two leaves of the data tree have the same name: {', '.join(twice)}.")

    def leaves(self, *, with_zero: bool = False) -> tuple[Leaf, ...]:
        """The leaves that take part in the run, in the order of the config; `with_zero` adds those of weight 0.

        Raises:
          UserError: when every leaf has weight 0.
        """
        found = tuple(_leaves(self.sources, (), DEFAULT_REPETITION_LIMIT, with_zero))
        if not found:
            raise UserError("Every leaf of the data tree has weight 0, so there is nothing to train on.")
        return found

    def mixture(self, tokens: Mapping[str, int]) -> dict[str, float]:
        """The share of all training tokens that each leaf gets, by leaf; sums to 1.

        Siblings with weights share by them, siblings without share by their token counts in `tokens` (by leaf).

        Raises:
          UserError: when siblings without weights have no tokens to share by.
        """
        shares: dict[str, float] = {}
        _share(self.sources, (), 1.0, tokens, shares)
        return shares

    def repetition_limits(self) -> dict[str, float]:
        """How often each leaf of the run may be read, by leaf."""
        return {leaf.name: leaf.repetition_limit for leaf in self.leaves()}

    def canonical_meaning(self) -> dict[str, dict[str, Any]]:
        """What the tree means, whatever its spelling: two trees that train on the same tokens give equal answers.

        By leaf: its files (sorted), its repetition limit, `share`, the product of the normalised weights above it (12
        significant digits), and `by_tokens_within`: the nodes inside which that share is further divided by token
        counts. Leaves of weight 0 are not part of the meaning. Needs no scan.
        """
        meaning: dict[str, dict[str, Any]] = {}
        _meaning(self.sources, (), 1.0, (), False, meaning)
        for leaf in self.leaves():
            meaning[leaf.name] |= {
                "paths": tuple(sorted(set(leaf.paths))),
                "repetition_limit": float(leaf.repetition_limit),
            }
        return dict(sorted(meaning.items()))


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly below, empty for a leaf."""
    return (*getattr(node, "topics", ()), *getattr(node, "quality", ()))


def _check(node: Node, kinds: tuple[str, ...]) -> None:
    what = f"{type(node).__name__} {node.name!r}"
    if not isinstance(node.name, str) or not node.name or node.name != node.name.strip():
        raise UserError(f"{what} needs a name without spaces around it.")
    if node.name.startswith(":") or node.name.endswith(":"):
        raise UserError(f"{what}: a name must not begin or end with the colon that joins the levels of a leaf's name.")
    for kind in kinds:
        value = getattr(node, kind)
        if isinstance(value, str):
            raise UserError(f"{what}: {kind} must be a list, and is the text {value!r}; write [{value!r}].")
        object.__setattr__(node, kind, tuple(value))
    held = [kind for kind in kinds if getattr(node, kind)]
    if len(held) != 1:
        has = "none of them" if not held else " and ".join(held)
        raise UserError(f"{what} must have exactly one of {', '.join(kinds)}; it has {has}.")
    if held == ["paths"] and not all(isinstance(path, str) and path for path in node.paths):
        raise UserError(f"{what}: every path must be a text that is not empty; found {list(node.paths)!r}.")
    if node.weight is not None and not (math.isfinite(node.weight) and node.weight >= 0):
        raise UserError(f"{what}: a weight must be 0 or more; it is {node.weight!r}.")
    limit = node.repetition_limit
    if limit is not None and not (math.isfinite(limit) and limit > 0):
        raise UserError(f"{what}: a repetition limit must be more than 0; it is {limit!r}.")
    if held != ["paths"]:
        _siblings(what, children(node))


def _siblings(above: str, nodes: tuple[Node, ...]) -> None:
    names = [node.name for node in nodes]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"Two nodes of one name under {above}: {', '.join(twice)}.")
    without = [node.name for node in nodes if node.weight is None]
    if without and len(without) < len(nodes):
        raise UserError(
            f"Under {above} some nodes have a weight and some have not ({', '.join(without)}): give all of them one "
            "(0 leaves a node out), or none (they then share by token count)."
        )
    if not without and nodes and sum(node.weight or 0.0 for node in nodes) <= 0 and above == "the data tree":
        raise UserError("Every source of the data tree has weight 0, so there is nothing to train on.")


def _normalised(nodes: tuple[Node, ...], above: tuple[str, ...]) -> list[float] | None:
    """The weights of siblings summing to 1, or None when they have none."""
    if nodes[0].weight is None:
        return None
    total = math.fsum(node.weight or 0.0 for node in nodes)
    if total <= 0:
        raise UserError(f"Everything under {':'.join(above)!r} has weight 0; give {above[-1]!r} itself weight 0.")
    return [(node.weight or 0.0) / total for node in nodes]


def _leaves(nodes: tuple[Node, ...], above: tuple[str, ...], limit: float, with_zero: bool) -> Iterator[Leaf]:
    for node in nodes:
        if node.weight == 0 and not with_zero:
            continue
        path = (*above, node.name)
        here = limit if node.repetition_limit is None else node.repetition_limit
        if node.paths:
            yield Leaf(name=":".join(path), paths=node.paths, repetition_limit=float(here))
        else:
            yield from _leaves(children(node), path, here, with_zero)


def _tokens_below(node: Node, above: tuple[str, ...], tokens: Mapping[str, int]) -> int:
    path = (*above, node.name)
    if node.paths:
        return tokens[":".join(path)]
    return sum(_tokens_below(child, path, tokens) for child in children(node) if child.weight != 0)


def _share(
    nodes: tuple[Node, ...], above: tuple[str, ...], share: float, tokens: Mapping[str, int], shares: dict[str, float]
) -> None:
    weights = _normalised(nodes, above)
    if weights is None:
        counts = [_tokens_below(node, above, tokens) for node in nodes]
        total = sum(counts)
        if total <= 0:
            raise UserError(f"{':'.join(above) or 'The data tree'} has no tokens by which its nodes could share.")
        weights = [count / total for count in counts]
    for node, weight in zip(nodes, weights, strict=True):
        if node.weight == 0:
            continue
        path = (*above, node.name)
        if node.paths:
            shares[":".join(path)] = share * weight
        else:
            _share(children(node), path, share * weight, tokens, shares)


def _meaning(
    nodes: tuple[Node, ...],
    above: tuple[str, ...],
    share: float,
    by_tokens: tuple[str, ...],
    inherited: bool,
    meaning: dict[str, dict[str, Any]],
) -> None:
    """Walks down; `inherited` says that the level above shares by tokens, so that sharing by tokens here adds nothing."""
    weights = _normalised(nodes, above) or [1.0] * len(nodes)
    counted = nodes[0].weight is None and len(nodes) > 1
    if counted and not inherited:
        by_tokens = (*by_tokens, ":".join(above))
    for node, weight in zip(nodes, weights, strict=True):
        if node.weight == 0:
            continue
        path = (*above, node.name)
        if node.paths:
            meaning[":".join(path)] = {"share": float(f"{share * weight:.12g}"), "by_tokens_within": by_tokens}
        else:
            goes_on = counted or (inherited and len(nodes) == 1)
            _meaning(children(node), path, share * weight, by_tokens, goes_on, meaning)
