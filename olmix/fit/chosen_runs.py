"""The step `ChosenRuns`: some of the runs of a table, by what they are mixed of, or so many at random.

For asking what a smaller swarm would have taught, and for tables that hold several swarms.
"""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

from olmix.errors import UserError, nearest
from olmix.graph.step import Context, Step
from olmix.mix.runs import RunTable

#: How far from 1 the weights of a run may sum: published tables are rounded.
_ROUNDED = 1e-5


@dataclasses.dataclass(frozen=True, kw_only=True)
class ChosenRuns(Step):
    """The runs of `runs` that consist of the leaves `within` alone, of these `count` at random, or a `share` of them.

    With `each`, every one of those leaves must be in a run. Other leaves are left out of the table; no `within` takes all
    leaves. The choice depends on `seed` and on the number of runs, and keeps their order.
    """

    cheap: ClassVar[bool] = True

    runs: Step
    within: tuple[str, ...] = ()
    each: bool = False
    count: int | None = None
    share: float = 1.0
    seed: int = 0

    def run(self, context: Context) -> RunTable:
        """The smaller table.

        Raises:
          UserError: for a leaf that is not there, or more runs than there are.
        """
        table: RunTable = context.read(self.runs)
        if not table.runs:
            return table
        if self.within:
            table = self._within(table)
        if self.count is not None or self.share < 1:
            table = self._some(table)
        return table

    def _within(self, table: RunTable) -> RunTable:
        for leaf in self.within:
            if leaf not in table.leaves:
                raise UserError(f"The runs have no leaf {leaf!r}{nearest(leaf, table.leaves)}.")
        columns = [table.leaves.index(leaf) for leaf in self.within]
        rows = [[row[k] for k in columns] for row in table.weights]
        kept = [
            i for i, row in enumerate(rows) if abs(math.fsum(row) - 1) <= _ROUNDED and (not self.each or min(row) > 0)
        ]
        if not kept:
            raise UserError(f"No run consists of {', '.join(self.within)} alone.")
        weights = tuple(tuple(w / math.fsum(rows[i]) for w in rows[i]) for i in kept)
        return dataclasses.replace(_rows(table, kept), leaves=tuple(self.within), weights=weights)

    def _some(self, table: RunTable) -> RunTable:
        import numpy as np

        if not 0 < self.share <= 1 or (self.count is not None and self.share < 1):
            raise UserError(
                f"Give a count of runs or a share between 0 and 1, not share={self.share} with count={self.count}."
            )
        available = len(table.runs)
        wanted = math.floor(self.share * available) if self.count is None else self.count
        if not 1 <= wanted <= available:
            raise UserError(f"{wanted} runs are to be chosen at random, and there are {available}.")
        return _rows(table, sorted(np.random.default_rng(self.seed).permutation(available)[:wanted].tolist()))


def _rows(table: RunTable, kept: list[int]) -> RunTable:
    return dataclasses.replace(
        table,
        runs=tuple(table.runs[i] for i in kept),
        weights=tuple(table.weights[i] for i in kept),
        values=tuple(table.values[i] for i in kept),
    )
