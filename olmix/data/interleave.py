"""In which order a run draws from its leaves: never more than one sequence away from the mixture.

The problem is the chairman assignment problem (R. Tijdeman, 1980), known in scheduling as proportionate fairness (S. Baruah et
al., 1996): after n draws, leaf i must have been drawn floor(w_i n) or ceil(w_i n) times, for every n and all leaves at
once. The j-th draw of leaf i then has a window, from floor((j-1) / w_i) + 1 to ceil(j / w_i), and taking the draw whose
window closes first, among those whose window is open, meets all of them.

That is a loop over all draws. To start anywhere without going through it from the beginning, the order is cut into
blocks: the number of draws of each leaf before a block follows from the mixture alone, and the order within a block is
worked out when it is first needed. The first block is exact; where two later blocks meet, a leaf may be a
little more than one sequence off (1.25 at most in the tests) for a few draws.

The draws of a run are the first of those of any longer one, unless a limit binds in it: the last block is worked out whole, as
if the run went on. For runs shorter than a `SHORT`th of a block that would take longer than it is worth; they agree with
one another, and with longer ones as a rule (not where leaves are so light that a block has less than one draw of them).
"""

from __future__ import annotations

import heapq

import numpy as np
import numpy.typing as npt

#: Draws in a block. Working one out takes about half a second, all that starting in the middle costs.
BLOCK = 1 << 19
SHORT = 16


class Interleaving:
    """The order of the draws for `weights` (positive, summing to 1), as pure arithmetic: no state, no randomness.

    `total` is the length of the run in draws; `most[i]`, if given, is the largest number of draws of leaf i.
    """

    def __init__(
        self, weights: npt.ArrayLike, total: int, most: npt.ArrayLike | None = None, block: int = BLOCK
    ) -> None:
        self.weights = np.asarray(weights, dtype=np.float64)
        self.total = int(total)
        self.most = None if most is None else np.asarray(most, dtype=np.int64)
        self.block = block
        self._cached: tuple[int, npt.NDArray[np.int32], npt.NDArray[np.int64]] | None = None
        self._boundaries = [np.zeros(len(self.weights), np.int64)]

    def counts(self, draws: int) -> npt.NDArray[np.int64]:
        """How often each leaf is among the first `draws` draws."""
        number, into = divmod(min(draws, self.total), self.block)
        before = self._before(number)
        if into == 0:
            return before
        order, _ = self._worked_out(number)
        return before + np.bincount(order[:into], minlength=len(self.weights))

    def draws(self, start: int, stop: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """For draws `start` to `stop`: the leaf of each, and how many draws of that leaf came before it."""
        if not 0 <= start <= stop <= self.total:
            raise IndexError(f"draws {start} to {stop} of a run of {self.total}")
        leaves, ordinals = [], []
        while start < stop:
            number, into = divmod(start, self.block)
            end = min(stop - start + into, self.block)
            order, ordinal = self._worked_out(number)
            leaves.append(order[into:end])
            ordinals.append(ordinal[into:end])
            start += end - into
        if len(leaves) == 1:
            return leaves[0], ordinals[0]
        empty: tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]] = (np.empty(0, np.int32), np.empty(0, np.int64))
        return (np.concatenate(leaves), np.concatenate(ordinals)) if leaves else empty

    def _before(self, number: int) -> npt.NDArray[np.int64]:
        """The counts before block `number`, from the mixture alone."""
        while len(self._boundaries) <= number:
            draws = len(self._boundaries) * self.block
            self._boundaries.append(_rounded(self.weights, draws, self._boundaries[-1]))
        return self._boundaries[number].copy()

    def _worked_out(self, number: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        if self._cached is None or self._cached[0] != number:
            first = number * self.block
            last = min(first + self.block, self.total)
            before = self._before(number)
            order = None
            if last < self.total or last > self.block // SHORT:
                order = self._whole_block(number)[: last - first]
            if order is None or (last == self.total and self._exceeds(before, order)):
                after = np.ceil(self.weights * last).astype(np.int64) + 1
                if self.most is not None:
                    after = np.minimum(after, self.most)
                order = _earliest_window_first(self.weights, before, after, first, last, None)
            self._cached = (number, order, _ordinals(order, before))
        return self._cached[1], self._cached[2]

    def _whole_block(self, number: int) -> npt.NDArray[np.int32]:
        first, last = number * self.block, (number + 1) * self.block
        return _earliest_window_first(self.weights, self._before(number), self._before(number + 1), first, last, last)

    def _exceeds(self, before: npt.NDArray[np.int64], order: npt.NDArray[np.int32]) -> bool:
        """Whether some leaf would be drawn more often than it may."""
        counts = before + np.bincount(order, minlength=len(self.weights))
        return self.most is not None and bool((counts > self.most).any())


def _rounded(weights: npt.NDArray[np.float64], draws: int, least: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Each leaf's share of `draws`, rounded down or up so that they sum to it, and none below `least`.

    Who is rounded up matters for what comes after: the leaves are taken in the order in which their next draw falls due, and
    the rounding is systematic along that order, so that no tail of it is owed more draws than there will be places.
    """
    exact = weights * draws
    low = np.floor(exact).astype(np.int64)
    with np.errstate(divide="ignore"):  # A leaf that got no whole draw has weight 0, and is never due.
        order = np.argsort((low + 1) / weights, kind="stable")
    up = int(draws - low.sum())
    steps = np.minimum(np.floor(np.cumsum((exact - low)[order]) + 1e-9), up).astype(np.int64)
    steps[-1] = up
    chosen = np.diff(steps, prepend=0) > 0
    # A light leaf may have had its draw in an earlier block; it keeps it, and the next in order waits instead.
    kept = (least > low)[order]
    for place in np.flatnonzero(kept & ~chosen):
        others = np.flatnonzero(chosen & ~kept)
        if len(others) == 0:
            break
        waits = others[min(np.searchsorted(others, place), len(others) - 1)]
        chosen[place], chosen[waits] = True, False
    counts = low.copy()
    counts[order] += chosen
    return counts


def _earliest_window_first(
    weights: npt.NDArray[np.float64],
    before: npt.NDArray[np.int64],
    after: npt.NDArray[np.int64],
    first: int,
    last: int,
    closing: int | None,
) -> npt.NDArray[np.int32]:
    """The leaf of each of the draws `first` to `last`, taking of the open windows the one that closes first.

    All windows close by `closing`; None: each when it does, for the end of a run must be as if the run went on.
    """
    releases, deadlines, owners = [], [], []
    for leaf, weight in enumerate(weights):
        numbers = np.arange(before[leaf] + 1, after[leaf] + 1, dtype=np.float64)
        releases.append(np.maximum(np.floor((numbers - 1) / weight), first).astype(np.int64))
        latest = np.inf if closing is None else closing + 1
        deadlines.append(np.minimum(np.ceil(numbers / weight), latest).astype(np.int64) - first)
        owners.append(np.full(len(numbers), leaf, dtype=np.int64))
    release, owner = np.concatenate(releases), np.concatenate(owners)
    # One integer per draw, so that the heap compares machine integers: deadline first, then the leaf.
    key = np.concatenate(deadlines) * len(weights) + owner
    by_release = np.lexsort((key, release))
    opens, keys = release[by_release].tolist(), key[by_release].tolist()
    places = last - first
    taken = np.empty(places, dtype=np.int64)
    heap: list[int] = []
    push, pop = heapq.heappush, heapq.heappop
    following, count = 0, len(opens)
    for place in range(places):
        now = first + place
        # Rounding in floating point can leave a place without an open window: the next one then opens early.
        while following < count and (opens[following] <= now or not heap):
            push(heap, keys[following])
            following += 1
        taken[place] = pop(heap)
    return (taken % len(weights)).astype(np.int32)


def _ordinals(order: npt.NDArray[np.int32], before: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """For each draw, how many draws of the same leaf came before it in the whole run."""
    by_leaf = np.argsort(order, kind="stable")
    sizes = np.bincount(order, minlength=len(before))
    starts = np.cumsum(sizes) - sizes
    ordinals = np.empty(len(order), dtype=np.int64)
    ordinals[by_leaf] = np.arange(len(order)) - np.repeat(starts - before, sizes)
    return ordinals
