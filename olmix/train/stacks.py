"""Which runs are trained side by side in one task: those of one kind of hardware that begin at the same token."""

from __future__ import annotations

from collections.abc import Mapping

from olmix.errors import UserError
from olmix.graph.resources import ONE_CPU, Needs
from olmix.graph.step import Step
from olmix.train import planner
from olmix.train.recipe import resolve
from olmix.train.settings import Proxy
from olmix.train.training import Training


def side_by_side(pieces: Mapping[str, Step], stack: int | None) -> list[tuple[str, ...]]:
    """The names of pieces that train in groups of `stack` of like needs; None: as many as the planner thinks."""
    kinds: dict[tuple[Needs, int], list[str]] = {}
    for name, piece in pieces.items():
        assert isinstance(piece, Training)
        begins = resolve(piece.continues.proxy).tokens if piece.continues is not None else 0
        kinds.setdefault((piece.needs or ONE_CPU, begins), []).append(name)
    groups = []
    for (needs, _), names in kinds.items():
        first = pieces[names[0]]
        assert isinstance(first, Training)
        size = planner.stack_size(first.proxy, needs, len(names)) if stack is None else stack
        groups += [tuple(names[start : start + size]) for start in range(0, len(names), size)]
    return groups


def check_stack(stack: int | None, proxy: Proxy, where: str) -> None:
    """Raises UserError for a stack that nobody can train."""
    if stack is None:
        return
    if stack < 1:
        raise UserError(f"A stack needs at least 1 variant; {where}.stack is {stack}.")
    why = planner.why_not_stacked(proxy)
    if stack > 1 and why is not None:
        raise UserError(f"{where}.stack={stack} cannot be: {why}; set it to 1, or to None for what the planner thinks.")
