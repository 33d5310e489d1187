"""Changing a data tree in a config, by the names of its nodes: what overlays are written with.

    tree_edits.set_weights(cfg.scan.tree, {"software_development": 0.5, "politics": 0.05, ...}, under="all_dressed")
    tree_edits.set_repetition_limit(cfg.scan.tree, "arxiv", 1.5)

Works on `fdl.Config`s of the classes of `olmix.data.tree`. A name that is not there is an error, with the nearest one that is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from olmix.errors import UserError, nearest

_KINDS = ("sources", "topics", "quality")


def children(node: Any) -> list[Any]:
    """The configs of the nodes directly below a node, or below the tree itself."""
    return [child for kind in _KINDS for child in getattr(node, kind, None) or ()]


def find(tree: Any, name: str) -> Any:
    """The config of the node `source`, `source:topic`, ...; the tree itself for an empty name.

    Raises:
      UserError: when there is none, saying what is there at the level where the name went wrong.
    """
    node, rest = tree, name
    while rest:
        inside = children(node)
        # The longest name first: a name may hold a colon itself.
        fitting = [child for child in inside if rest == child.name or rest.startswith(f"{child.name}:")]
        if not fitting:
            known = [child.name for child in inside]
            above = name[: len(name) - len(rest)].rstrip(":") or "the data tree"
            wrong = rest.partition(":")[0]
            raise UserError(
                f"There is no {wrong!r} under {above}{nearest(wrong, known)}; it has {', '.join(known) or 'no nodes below'}."
            )
        node = max(fitting, key=lambda child: len(child.name))
        rest = rest[len(node.name) + 1 :]
    return node


def set_weights(tree: Any, weights: Mapping[str, float], *, under: str = "", others: float | None = None) -> None:
    """Sets the weights of all nodes under `under` (the sources, if empty), relative to each other.

    `weights` names each of them, unless `others` says what the rest gets.

    Raises:
      UserError: for a name that is not there, or a node that is not named.
    """
    inside = {child.name: child for child in children(find(tree, under))}
    above = under or "the data tree"
    for name in weights:
        if name not in inside:
            raise UserError(f"There is no {name!r} under {above}{nearest(name, inside)}; it has {', '.join(inside)}.")
    missing = [name for name in inside if name not in weights]
    if missing and others is None:
        raise UserError(
            f"No weight is given for {', '.join(missing)} under {above}; name them (0 leaves them out), or set others."
        )
    for name, child in inside.items():
        child.weight = weights.get(name, others)


def set_repetition_limit(tree: Any, name: str, limit: float) -> None:
    """Sets how often a node, and what inherits from it, may be read.

    Raises:
      UserError: when there is no such node.
    """
    find(tree, name).repetition_limit = limit


def leaves(tree: Any) -> Iterator[tuple[str, Any]]:
    """Name and config of every leaf."""

    def below(node: Any, above: str) -> Iterator[tuple[str, Any]]:
        for child in children(node):
            name = f"{above}:{child.name}" if above else child.name
            if children(child):
                yield from below(child, name)
            else:
                yield name, child

    yield from below(tree, "")
