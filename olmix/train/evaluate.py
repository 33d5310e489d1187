"""Held-out bits per byte: how many bits the model needs for each byte of a text it never saw.

Bytes are counted on the text, not on tokens, so that two tokenizers can be compared. A text is read in windows of the
training length that overlap by one token, so that every token but the very first is predicted exactly once; on average
with half a window of context. (Overlapping by more would lower all figures alike, at several times the cost.)

The processes of a `world` divide the passes among them. `alive` is called after every pass, by all as often: who watches a run
for progress must not take a long evaluation for a hang, and who is told to leave need not wait for its end.

No gradients, but no `inference_mode` either: weights of a sharded model that are put together in it can never be trained again,
and a run that goes on from the end of a period measures before it trains.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch

from olmix.errors import UserError
from olmix.train.distributed import World
from olmix.train.feed import HeldOut, HeldOuts
from olmix.train.loss import chosen_nats, nats_of
from olmix.train.proxy import to_device
from olmix.train.tasks import Encoded, Prepared

#: Tokens per forward pass: logits of a large vocabulary are what fills memory.
EVALUATION_TOKENS = 8192


def windows(tokens: npt.NDArray[np.integer], length: int) -> list[npt.NDArray[np.integer]]:
    """The tokens as arrays (rows, length) of windows that overlap by one, and at most one shorter (1, rest)."""
    stride = length - 1
    whole = max(0, (len(tokens) - 1) // stride)
    parts = []
    if whole:
        parts.append(np.lib.stride_tricks.sliding_window_view(tokens[: whole * stride + 1], length)[::stride])
    if len(tokens) - whole * stride > 1:
        parts.append(tokens[None, whole * stride :])
    return parts


@torch.no_grad()
def held_out_nats(
    model: torch.nn.Module,
    held_outs: Sequence[HeldOut],
    length: int,
    *,
    device: torch.device,
    dtype: torch.dtype | None = None,
    world: World | None = None,
    alive: Callable[[], None] = lambda: None,
) -> npt.NDArray[np.float64]:
    """The sum of −log p in nats over all tokens but the first of each, [held_outs]; `length` is that of a window."""
    world = world or World()
    at_once = max(1, EVALUATION_TOKENS // length)
    pieces = [
        (number, part[start : start + at_once])
        for number, held_out in enumerate(held_outs)
        for part in windows(held_out.tokens, length)
        for start in range(0, len(part), at_once)
    ]
    total = torch.zeros(len(held_outs), dtype=torch.float64, device=device)
    for turn, counts in world.turns(len(pieces)):
        if turn is not None:
            number, piece = pieces[turn]
            nats = nats_of(model, to_device(piece.astype(np.int64), device), dtype, whole_logits=world.sharded)
            if counts:
                total[number] += nats
        alive()
    return world.total(total).cpu().numpy()


def bits_per_byte(
    model: torch.nn.Module,
    held_outs: HeldOuts,
    length: int,
    *,
    device: torch.device,
    dtype: torch.dtype | None = None,
    world: World | None = None,
    alive: Callable[[], None] = lambda: None,
) -> dict[str, float]:
    """Bits per byte of every leaf: nats / ln 2 / bytes. Puts the model back into the mode that it was in.

    Raises:
      UserError: for a leaf with fewer than two tokens or no bytes.
    """
    for leaf, held_out in held_outs.items():
        if len(held_out.tokens) < 2 or held_out.bytes < 1:
            raise UserError(f"The held-out set of {leaf} has no text to predict; hold out more of it.")
    training = model.training
    model.eval()
    try:
        nats = held_out_nats(
            model, list(held_outs.values()), length, device=device, dtype=dtype, world=world, alive=alive
        )
    finally:
        model.train(training)
    texts = zip(nats, held_outs.items(), strict=True)
    return {leaf: float(of_leaf) / math.log(2) / held_out.bytes for of_leaf, (leaf, held_out) in texts}


@torch.no_grad()
def row_nats(
    model: torch.nn.Module,
    rows: Sequence[Encoded],
    *,
    device: torch.device,
    dtype: torch.dtype | None = None,
    world: World | None = None,
    alive: Callable[[], None] = lambda: None,
) -> npt.NDArray[np.float64]:
    """−log p in nats of the scored tokens of each row, [rows]. Rows of like length share a forward pass."""
    world = world or World()
    nats = torch.zeros(len(rows), dtype=torch.float64, device=device)
    order = sorted(range(len(rows)), key=lambda row: -len(rows[row].tokens))
    batches = list(_batches(rows, order))
    for turn, counts in world.turns(len(batches)):
        if turn is not None:
            batch = batches[turn]
            tokens, scored = _padded([rows[row] for row in batch])
            owner = to_device(np.repeat(batch, scored.sum(axis=1)), device)
            asked = to_device(tokens, device), to_device(scored.astype(np.int64), device).bool()
            each = chosen_nats(model, *asked, dtype, whole_logits=world.sharded)
            if counts:
                nats.index_add_(0, owner, each.double())
        alive()
    return world.total(nats).cpu().numpy()


def _padded(rows: Sequence[Encoded]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Tokens [rows, longest] and which of those after the first of each are scored [rows, longest - 1]."""
    # Padding stands after the text, and attention looks back only: it can spoil nothing that is scored.
    tokens = np.zeros((len(rows), max(len(row.tokens) for row in rows)), np.int64)
    scored = np.zeros((len(rows), tokens.shape[1] - 1), np.bool_)
    for place, row in enumerate(rows):
        tokens[place, : len(row.tokens)] = row.tokens
        scored[place, row.first - 1 : len(row.tokens) - 1] = True
    return tokens, scored


def _batches(rows: Sequence[Encoded], order: list[int]) -> Iterator[list[int]]:
    """`order` (longest first) in runs that hold at most EVALUATION_TOKENS with their padding."""
    start = 0
    while start < len(order):
        count = max(1, EVALUATION_TOKENS // len(rows[order[start]].tokens))
        yield order[start : start + count]
        start += count


def task_bits_per_byte(
    model: torch.nn.Module,
    tasks: Sequence[Prepared],
    *,
    device: torch.device,
    dtype: torch.dtype | None = None,
    world: World | None = None,
    alive: Callable[[], None] = lambda: None,
) -> dict[str, float]:
    """Bits per byte of the gold answers, by task: the mean over its items. Leaves the model in the mode that it was in."""
    rows = [row for task in tasks for row in task.rows]
    training = model.training
    model.eval()
    try:
        nats = row_nats(model, rows, device=device, dtype=dtype, world=world, alive=alive)
    finally:
        model.train(training)
    result, place = {}, 0
    for task in tasks:
        items = np.zeros(len(task.bytes))
        np.add.at(items, [row.item for row in task.rows], nats[place : place + len(task.rows)])
        place += len(task.rows)
        result[task.name] = float(np.mean(items / task.bytes) / math.log(2))
    return result
