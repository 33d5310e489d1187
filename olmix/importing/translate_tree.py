"""Sources and their mixture as our data tree.

In the peer's `mix` the weight of a leaf is the product of the weights above it; here siblings share by their weights. Where
each group of siblings sums to the same, the numbers mean the same and are kept as they are; otherwise a node gets the sum of
the leaves below it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any

from olmix.data.tree import QualityBucket, Source, Topic, Tree
from olmix.errors import UserError, nearest
from olmix.importing.schema import Config, Node, Share
from olmix.importing.translation import Notes

#: The share of a leaf may differ by so much of itself when the numbers of a mix are kept; published mixes are rounded.
TOLERANCE = 1e-5
#: Where the published configs have their data.
_REFERENCE = "s3://ai2-llm/"


@dataclasses.dataclass(frozen=True, kw_only=True)
class LeafShare:
    """What a mix says of one leaf: its weight, all levels multiplied, and how often it may be read."""

    weight: float
    repetition: float
    share: Share


def leaves(nodes: tuple[Node, ...], above: str = "") -> Iterator[tuple[str, Node]]:
    """Full name and node of every leaf."""
    for node in nodes:
        name = f"{above}:{node.name}" if above else node.name
        yield from leaves(node.below, name) if node.below else iter([(name, node)])


def flatten(
    shares: tuple[Share, ...], above: str = "", weight: float = 1.0, repetition: float = 1.0
) -> Iterator[tuple[str, LeafShare]]:
    """The leaves of a mix."""
    for share in shares:
        name = f"{above}:{share.name}" if above else share.name
        here = weight * (1.0 if share.weight is None else share.weight)
        limit = repetition if share.repetition is None else share.repetition
        if share.below:
            yield from flatten(share.below, name, here, limit)
        else:
            yield name, LeafShare(weight=here, repetition=limit, share=share)


def mixed(config: Config, nodes: tuple[Node, ...], mix: tuple[Share, ...], notes: Notes) -> tuple[Source, ...]:
    """The sources with the weights and repetition limits of `mix`.

    Raises:
      UserError: for a weight of something that is no leaf, and when all weights are 0.
    """
    there = dict(leaves(nodes))
    said: dict[str, LeafShare] = {}
    for name, leaf in flatten(mix):
        if name in said:
            raise UserError(
                f"{config.file}:{leaf.share.line}: {leaf.share.path} gives {name} a second weight (line {said[name].share.line})."
            )
        said[name] = leaf
    for name, leaf in said.items():
        if name in there:
            continue
        if leaf.weight == 0:
            notes.drop(leaf.share.path, f"a weight of 0 for {name}, which the data do not have")
            continue
        below = [other for other in there if other.startswith(f"{name}:")]
        why = (
            f"which is divided into {len(below)} leaves; give those their weights"
            if below
            else "which the data do not have"
        )
        hint = "" if below else nearest(name, there)
        raise UserError(f"{config.file}:{leaf.share.line}: {leaf.share.path} gives a weight to {name}, {why}{hint}.")
    shares = {name: said[name].weight if name in said else 0.0 for name in there}
    total = math.fsum(shares.values())
    if total <= 0:
        raise UserError(f"{config.file}: every weight of mix is 0, so there is nothing to train on.")
    if abs(total - 1) > 1e-3:
        notes.differs("mix", f"its weights sum to {total:.6g}; here they are normalised")
    limits = {name: said[name].repetition if name in said else 1.0 for name in there}
    for path in _unread(nodes):
        notes.drop(path, "with a mix, the peer reads weights and repetition factors there and not in the data")
    written = _build(nodes, _as_written(nodes, mix), limits)
    found = Tree(sources=written).mixture({}) if _kept(written) else {}
    exact = {name: share / total for name, share in shares.items() if share > 0}
    if found.keys() == exact.keys() and all(abs(found[name] / exact[name] - 1) <= TOLERANCE for name in exact):
        return written
    return _build(nodes, _sums(nodes, shares), limits)


def unmixed(config: Config, nodes: tuple[Node, ...], *, weights: bool, limit: float = 1.0) -> tuple[Source, ...]:
    """The sources as the data say: their own weights (if wanted) and repetition factors, `limit` where there is none.

    Raises:
      UserError: when siblings have weights in part.
    """
    if weights:
        check_weights(config, nodes)
    own: dict[str, float | None] = dict.fromkeys(_names(nodes))
    if weights:
        own |= {name: node.weight for name, node in _all(nodes)}
    limits: dict[str, float] = {}
    for name, _ in leaves(nodes):
        parts = [(full, node) for full, node in _all(nodes) if name == full or name.startswith(f"{full}:")]
        given = [
            node.repetition for _, node in sorted(parts, key=lambda part: len(part[0])) if node.repetition is not None
        ]
        limits[name] = given[-1] if given else limit
    return _build(nodes, own, limits)


def access(sources: tuple[Source, ...]) -> dict[str, Any]:
    """The presets advise who has no access to the reference's buckets; other data need other advice, or none."""
    paths = [path for leaf in Tree(sources=sources).leaves() for path in leaf.paths]
    return {} if any(path.startswith(_REFERENCE) for path in paths) else {"scan.if_unreadable": ""}


def list_ratios(nodes: tuple[Node, ...], notes: Notes) -> None:
    """Lists the largest shares that nodes of older files may have."""
    for _, node in _all(nodes):
        for key in ("max_source_ratio", "max_topic_ratio"):
            notes.drop(
                f"{node.path}.{key}", "a largest share, of older versions only; limits.at_most sets one in a search"
            )


def check_weights(config: Config, nodes: tuple[Node, ...]) -> None:
    """Raises UserError for siblings of which some have a weight and some have not."""
    without = [node for node in nodes if node.weight is None]
    if without and len(without) < len(nodes):
        raise UserError(
            f"{config.file}:{without[0].line}: {without[0].path} ({without[0].name}) has no weight and a sibling has; give "
            "all one, or none."
        )
    for node in nodes:
        check_weights(config, node.below)


def _all(nodes: tuple[Node, ...], above: str = "") -> Iterator[tuple[str, Node]]:
    for node in nodes:
        name = f"{above}:{node.name}" if above else node.name
        yield name, node
        yield from _all(node.below, name)


def _names(nodes: tuple[Node, ...]) -> list[str]:
    return [name for name, _ in _all(nodes)]


def _unread(nodes: tuple[Node, ...]) -> Iterator[str]:
    for _, node in _all(nodes):
        if node.weight is not None:
            yield f"{node.path}.weight"
        if node.repetition is not None:
            yield f"{node.path}.max_repetition_factor"


def _as_written(nodes: tuple[Node, ...], mix: tuple[Share, ...]) -> dict[str, float | None]:
    """The weight that a nested mix gives each node; 0 for what it does not name."""
    found: dict[str, float | None] = dict.fromkeys(_names(nodes), 0.0)

    def walk(shares: tuple[Share, ...], above: str) -> None:
        for share in shares:
            name = f"{above}:{share.name}" if above else share.name
            found[name] = 1.0 if share.weight is None else share.weight
            walk(share.below, name)

    walk(mix, "")
    return found


def _kept(sources: tuple[Source, ...]) -> bool:
    """Whether a tree has something to share at every node of weight above 0."""

    def fine(node: Any) -> bool:
        below = (*getattr(node, "topics", ()), *getattr(node, "quality", ()))
        return node.weight == 0 or not below or (any(b.weight for b in below) and all(map(fine, below)))

    return any(source.weight for source in sources) and all(map(fine, sources))


def _sums(nodes: tuple[Node, ...], shares: Mapping[str, float]) -> dict[str, float | None]:
    """Each node's weight as the sum of its leaves."""
    return {
        name: float(f"{math.fsum(shares[leaf] for leaf in shares if leaf == name or leaf.startswith(f'{name}:')):.12g}")
        if node.below
        else shares[name]
        for name, node in _all(nodes)
    }


def _build(
    nodes: tuple[Node, ...], weights: Mapping[str, float | None], limits: Mapping[str, float]
) -> tuple[Source, ...]:
    """Our nodes; a limit stands at the highest node below which it is the same everywhere."""

    def make(node: Node, above: str, inherited: float) -> Any:
        name = f"{above}:{node.name}" if above else node.name
        inside = {limits[leaf] for leaf, _ in leaves(node.below, name)} if node.below else {limits[name]}
        here = next(iter(inside)) if len(inside) == 1 else inherited
        kind: Any = {"source": Source, "topic": Topic, "quality": QualityBucket}[node.kind]
        held = {"paths": node.paths}
        if node.below:
            held = {
                "topics" if node.below[0].kind == "topic" else "quality": tuple(make(b, name, here) for b in node.below)
            }
        limit = None if here == inherited else float(here)
        return kind(name=node.name, weight=weights[name], repetition_limit=limit, **held)

    return tuple(make(node, "", 1.0) for node in nodes)
