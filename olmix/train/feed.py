"""What the trainer wants of data: batches by step number, and held-out texts by leaf.

Both are protocols, so that the loop can be tested on a few arrays and run on a hundred terabytes. A feed is random
access by step: a resumed run, or a worker among many, asks for batch 1,000,000 and never has to read what came before.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt

from olmix.errors import UserError


@dataclasses.dataclass(frozen=True)
class Batch:
    """One global batch: `tokens` (sequences, length) of any integer type, `leaves` (sequences,) indices of the feed's leaves."""

    tokens: npt.NDArray[np.integer]
    leaves: npt.NDArray[np.integer]


class Feed(Protocol):
    """Batches of one run, by step from 0."""

    leaves: tuple[str, ...]

    def batch(self, step: int) -> Batch:
        """The global batch of a step: the same on every call, machine and number of workers."""
        ...


@dataclasses.dataclass(frozen=True)
class HeldOut:
    """Held-out text of one leaf: its tokens in a row, and the bytes of text (UTF-8) that they stand for."""

    tokens: npt.NDArray[np.integer]
    bytes: int


HeldOuts = Mapping[str, HeldOut]


def check_tokens(tokens: npt.NDArray[np.integer], vocabulary: int, where: str) -> None:
    """Raises UserError if a token id does not fit the vocabulary: such shards were made with another tokenizer."""
    largest = int(tokens.max(initial=0))
    if largest >= vocabulary or int(tokens.min(initial=0)) < 0:
        raise UserError(
            f"{where} holds the token id {largest if largest >= vocabulary else int(tokens.min()):,}, but the model's vocabulary "
            f"has {vocabulary:,} entries; were these shards made with another tokenizer?"
        )
