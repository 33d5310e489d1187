"""Batches by mixture: a fixed order of sequences that follows from the data, the mixture and a seed, and nothing else.

A leaf's shards are one long row of tokens that closes to a ring, cut into sequences of equal length. Each time round (an
*epoch*) the sequences are shuffled, except the one that reaches over the end of the row, which comes last: so a leaf
is repeated only after all of it was read, and no token is left over. Sequences do not respect document boundaries, as in
nearly all pre-training; packing by document would need them in the manifest.

Any step can be asked for at any time, by any number of readers, with the same answer.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from olmix.data.interleave import Interleaving
from olmix.data.manifest import LeafFiles, Manifest
from olmix.data.shuffle import round_keys, shuffled
from olmix.data.token_files import Part
from olmix.errors import UserError, nearest

#: Sequences whose places are worked out at a time.
_CHUNK = 8192


@dataclasses.dataclass(frozen=True, kw_only=True)
class Drawn:
    """What a run takes from one leaf; `epochs` is tokens drawn divided by tokens there are."""

    sequences: int
    tokens: int
    epochs: float


def whole_steps(tokens: int, sequence_length: int, global_batch: int) -> int:
    """Optimiser steps that `tokens` pay for, in whole global batches (`global_batch` sequences), rounded down.

    Raises:
      UserError: when they do not pay for a single step.
    """
    if sequence_length < 1 or global_batch < 1:
        raise UserError(
            f"A batch needs sequences of at least 1 token; got {global_batch} sequences of {sequence_length}."
        )
    steps = tokens // (sequence_length * global_batch)
    if steps < 1:
        raise UserError(
            f"{tokens:,} training tokens are less than one global batch of {global_batch:,} sequences of {sequence_length:,} "
            f"tokens ({global_batch * sequence_length:,})."
        )
    return steps


class MixtureOrder:
    """Which part of which leaf stands in which place of a run. Arithmetic only; reads no file.

    Arguments:
      mixture: weight of each leaf, summing to 1; a leaf of weight 0 is left out.
      available: training tokens of each leaf.
      sequence_length: tokens of a sequence.
      global_batch: sequences of an optimiser step, over all GPUs.
      tokens: the run's budget; rounded down to whole steps (`self.tokens` is what is really drawn).
      seed: of the shuffles.
      repetition_limits: how often each leaf may be read; None for no limits.

    Where a limit falls between two sequences, the weight is lowered by less than a sequence's worth, so that the limit
    holds exactly; `weights` are the weights in use.

    Raises:
      UserError: for a mixture that does not sum to 1, an unknown leaf, a leaf shorter than a sequence, or a limit exceeded.
    """

    def __init__(
        self,
        *,
        mixture: Mapping[str, float],
        available: Mapping[str, int],
        sequence_length: int,
        global_batch: int,
        tokens: int,
        seed: int,
        repetition_limits: Mapping[str, float] | None = None,
    ) -> None:
        self.steps = whole_steps(tokens, sequence_length, global_batch)
        self.sequence_length = sequence_length
        self.global_batch = global_batch
        self.sequences = self.steps * global_batch
        self.tokens = self.sequences * sequence_length
        self.seed = seed
        self.leaves = tuple(leaf for leaf, weight in mixture.items() if weight != 0)
        weights = _checked(mixture, available, sequence_length)
        self._available = np.array([available[leaf] for leaf in self.leaves], dtype=np.int64)
        most = None
        if repetition_limits is not None:
            limits = [repetition_limits.get(leaf, math.inf) for leaf in self.leaves]
            weights, most = self._limited(weights, limits)
        self.weights = dict(zip(self.leaves, weights.tolist(), strict=True))
        self._interleaving = Interleaving(weights, self.sequences, most)
        self._kept: tuple[int, npt.NDArray[np.int32], npt.NDArray[np.int64]] | None = None

    def rows(self, start: int, stop: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """For sequences `start` to `stop` of the run: the leaf of each (its index in `leaves`), and its first token there."""
        if not 0 <= start <= stop <= self.sequences:
            raise IndexError(f"sequences {start} to {stop} of a run of {self.sequences}")
        owners, places = [], []
        for number in range(start // _CHUNK, max(start, stop - 1) // _CHUNK + 1):
            begin = number * _CHUNK
            part = slice(max(start - begin, 0), stop - begin)
            leaf, place = self._chunk(number)
            owners.append(leaf[part])
            places.append(place[part])
        return (owners[0], places[0]) if len(owners) == 1 else (np.concatenate(owners), np.concatenate(places))

    def drawn(self, steps: int | None = None) -> dict[str, Drawn]:
        """What the first `steps` steps (all by default) take from each leaf."""
        sequences = self.sequences if steps is None else min(steps, self.steps) * self.global_batch
        counts = self._interleaving.counts(sequences)
        return {
            leaf: Drawn(
                sequences=int(count),
                tokens=int(count) * self.sequence_length,
                epochs=int(count) * self.sequence_length / int(available),
            )
            for leaf, count, available in zip(self.leaves, counts, self._available, strict=True)
        }

    def _chunk(self, number: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """The rows of a whole chunk. The last one is kept: batch by batch, the arithmetic would cost more than the reading."""
        if self._kept is None or self._kept[0] != number:
            begin = number * _CHUNK
            owners, ordinals = self._interleaving.draws(begin, min(begin + _CHUNK, self.sequences))
            places = np.empty(len(owners), dtype=np.int64)
            for owner in np.unique(owners):
                mine = owners == owner
                places[mine] = self._places(int(owner), ordinals[mine])
            self._kept = (number, owners, places)
        return self._kept[1], self._kept[2]

    def _places(self, owner: int, ordinals: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """First tokens of a leaf's draws with these numbers, counted from its first draw in the run."""
        length, available = self.sequence_length, int(self._available[owner])
        epochs = ordinals * length // available
        numbers = ordinals.copy()
        for epoch in np.unique(epochs):
            first, after = -(-int(epoch) * available // length), -((-int(epoch) - 1) * available // length)
            reaches_over = after * length > (int(epoch) + 1) * available
            whole = after - first - int(reaches_over)
            mine = (epochs == epoch) & (ordinals - first < whole)
            keys = round_keys(self.seed, self.leaves[owner], int(epoch))
            numbers[mine] = first + shuffled(ordinals[mine] - first, whole, keys)
        return numbers * length % available

    def _limited(
        self, weights: npt.NDArray[np.float64], limits: list[float]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """Weights lowered to what the limits allow in whole sequences, and that number of sequences."""
        supply = np.array(limits) * self._available / self.sequence_length
        most = np.where(np.isfinite(supply), np.floor(supply + 1e-9), self.sequences).astype(np.int64)
        asked = weights * self.sequences
        for leaf, want, have, limit, available in zip(self.leaves, asked, most, limits, self._available, strict=True):
            if want > have + 1 + 1e-6:
                tokens = want * self.sequence_length
                raise UserError(
                    f"Leaf {leaf!r} would be read {_times(tokens / available)} times ({tokens:,.0f} of {self.tokens:,} training "
                    f"tokens from the {available:,} it has), and its repetition limit is {limit:g}."
                )
        full = np.zeros(len(weights), dtype=bool)
        while (over := (weights * self.sequences > most * (1 + 1e-12)) & ~full).any():
            full |= over
            rest = 1 - most[full].sum() / self.sequences
            if full.all() or rest < 0:
                raise UserError(
                    f"The leaves cannot supply {self.tokens:,} tokens within their repetition limits: all of them together give "
                    f"{int(most.sum()) * self.sequence_length:,} in sequences of {self.sequence_length:,}."
                )
            weights = np.where(full, most / self.sequences, weights * rest / weights[~full].sum())
        return weights, most


class Batches:
    """The batches of a run, read from the files of a manifest."""

    def __init__(self, manifest: Manifest, order: MixtureOrder) -> None:
        self.order = order
        self._leaves = [manifest.leaves[leaf] for leaf in order.leaves]
        self._files = manifest.open_files()

    def batch(self, step: int, rank: int = 0, world: int = 1) -> npt.NDArray[np.unsignedinteger]:
        """The tokens of one step (counted from 0): [global_batch / world, sequence_length], the part of reader `rank`.

        Raises:
          UserError: when the readers do not divide the batch, or a file is gone or shorter than it was.
        """
        order = self.order
        if not 0 <= step < order.steps:
            raise IndexError(f"step {step} of a run of {order.steps}")
        share, rest = divmod(order.global_batch, world)
        if rest or not 0 <= rank < world:
            raise UserError(f"A global batch of {order.global_batch} cannot be divided among {world} readers.")
        first = step * order.global_batch + rank * share
        return self.read(first, first + share)

    def read(self, start: int, stop: int) -> npt.NDArray[np.unsignedinteger]:
        """Sequences `start` to `stop` of the run, one a row."""
        owners, places = self.order.rows(start, stop)
        length = self.order.sequence_length
        out = np.empty((stop - start, length), dtype=self._files.dtype)
        parts: list[Part] = []
        for owner in np.unique(owners):
            leaf = self._leaves[owner]
            rows = np.flatnonzero(owners == owner)
            files = np.searchsorted(leaf.starts, places[rows], side="right") - 1
            inside = places[rows] + length <= leaf.starts[files + 1]
            offsets = leaf.headers[files] + (places[rows] - leaf.starts[files]) * out.itemsize
            for row, file, offset, whole in zip(
                rows.tolist(), files.tolist(), offsets.tolist(), inside.tolist(), strict=True
            ):
                if whole:
                    parts.append((leaf.paths[file], leaf.etags[file], offset, out[row]))
                else:
                    parts.extend(_across(leaf, int(places[row]), out[row]))
        self._files.read_many(parts)
        return out


def _across(leaf: LeafFiles, place: int, out: npt.NDArray[np.unsignedinteger]) -> Iterator[Part]:
    """The parts of a sequence that reaches over the end of a file, or of the leaf."""
    filled = 0
    while filled < len(out):
        file = int(np.searchsorted(leaf.starts, place, side="right")) - 1
        count = min(len(out) - filled, int(leaf.starts[file + 1]) - place)
        offset = int(leaf.headers[file]) + (place - int(leaf.starts[file])) * out.itemsize
        yield leaf.paths[file], leaf.etags[file], offset, out[filled : filled + count]
        filled += count
        place = (place + count) % leaf.tokens


def _checked(
    mixture: Mapping[str, float], available: Mapping[str, int], sequence_length: int
) -> npt.NDArray[np.float64]:
    for leaf, weight in mixture.items():
        if leaf not in available:
            raise UserError(f"The mixture names an unknown leaf {leaf!r}{nearest(leaf, available)}.")
        if not (math.isfinite(weight) and weight >= 0):
            raise UserError(f"The mixture gives leaf {leaf!r} the weight {weight!r}; a weight is 0 or more.")
        if weight and available[leaf] < sequence_length:
            raise UserError(
                f"Leaf {leaf!r} has {available[leaf]:,} tokens, less than one sequence of {sequence_length:,}."
            )
    total = math.fsum(mixture.values())
    if abs(total - 1) > 1e-6:
        raise UserError(f"The weights of the mixture sum to {total:.9g}, not to 1.")
    return np.array([weight / total for weight in mixture.values() if weight != 0], dtype=np.float64)


def _times(number: float) -> str:
    """`1.48`, `14,800`: three digits without an exponent."""
    return f"{number:.3g}" if number < 1000 else f"{float(f'{number:.3g}'):,.0f}"
