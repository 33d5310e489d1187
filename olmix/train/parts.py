"""A state that several processes hold in parts: each writes its own, and any number of them can read it again.

Of a tensor that is sharded over N processes each has a stretch of rows, by the rule of `torch.chunk`, which FSDP2 shards by.
What lies where follows from the number of rows and of processes alone, so whoever reads with another number of processes
knows which parts to open. Nobody ever holds the whole, which may be more than a machine has memory for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import torch

#: What stands for a stretch of rows where a state was split: how many rows there are in all, and none of them.
_OF, _NONE = "__rows__", "__none__"


@dataclasses.dataclass(frozen=True)
class Rows:
    """A stretch of a tensor [of, ...]: `values` [n, ...] are its rows from `start` on."""

    values: torch.Tensor
    start: int
    of: int


def span(rows: int, rank: int, size: int) -> slice:
    """Which of a tensor's rows the process `rank` of `size` holds; none for the last ones of more processes than rows."""
    each = -(-rows // size)
    return slice(min(rows, rank * each), min(rows, (rank + 1) * each))


def split(state: Any) -> tuple[Any, dict[str, torch.Tensor]]:
    """A state without its `Rows`, which all processes have alike, and the values of those by their place in it."""
    found: dict[str, torch.Tensor] = {}

    def without(tree: Any, path: str) -> Any:
        if isinstance(tree, Rows):
            found[path] = tree.values
            return {_OF: tree.of, _NONE: tree.values[:0].clone()}
        if isinstance(tree, dict):
            return {key: without(value, f"{path}/{key}") for key, value in tree.items()}
        if isinstance(tree, list | tuple):
            return type(tree)(without(value, f"{path}/{number}") for number, value in enumerate(tree))
        return tree

    return without(state, ""), found


def needed(rows: int, parts: int, rank: int, size: int) -> list[tuple[int, slice]]:
    """Where `rank` of `size` finds its rows among `parts` that were written: (part, which rows of that part)."""
    mine, found = span(rows, rank, size), []
    for number in range(parts):
        theirs = span(rows, number, parts)
        start, stop = max(mine.start, theirs.start), min(mine.stop, theirs.stop)
        if start < stop:
            found.append((number, slice(start - theirs.start, stop - theirs.start)))
    return found


def joined(state: Any, parts: int, open_part: Callable[[int], Mapping[str, torch.Tensor]], rank: int, size: int) -> Any:
    """A `split` state with the `Rows` of `rank` of `size` back in place (of a single process: whole tensors).

    `open_part` gives what one of the `parts` processes that wrote it had; each is asked for at most once, and the rows are
    copies, so that nothing of it has to stay.
    """
    pieces: dict[str, list[torch.Tensor]] = {}
    wanted: dict[int, dict[str, slice]] = {}

    def look(tree: Any, path: str) -> None:
        if isinstance(tree, dict) and _OF in tree:
            pieces[path] = []
            for number, rows in needed(tree[_OF], parts, rank, size):
                wanted.setdefault(number, {})[path] = rows
        elif isinstance(tree, dict | list | tuple):
            for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
                look(value, f"{path}/{key}")

    def filled(tree: Any, path: str) -> Any:
        if isinstance(tree, dict) and _OF in tree:
            values = torch.cat([tree[_NONE], *pieces.pop(path)])
            return values if size == 1 else Rows(values, span(tree[_OF], rank, size).start, tree[_OF])
        if isinstance(tree, dict):
            return {key: filled(value, f"{path}/{key}") for key, value in tree.items()}
        if isinstance(tree, list | tuple):
            return type(tree)(filled(value, f"{path}/{number}") for number, value in enumerate(tree))
        return tree

    look(state, "")
    for number in sorted(wanted):
        part = open_part(number)
        for path, rows in wanted[number].items():
            pieces[path].append(part[path][rows])
    return filled(state, "")
