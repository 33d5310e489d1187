"""The step `FamilyMeans`: runs whose metrics are families of metrics, for laws of the families themselves.

The mean of many noisy metrics is less noisy than each of them, and one law instead of a hundred is fitted. The price: what a
family hides, a mixture that helps one half of it and harms the other, cannot be seen any more. Without this step a
proposal still averages families (`proposal.families`), over laws of their members.
"""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

from olmix.errors import UserError, nearest
from olmix.graph.step import Context, Step
from olmix.mix.runs import RunTable


@dataclasses.dataclass(frozen=True, kw_only=True)
class FamilyMeans(Step):
    """The table of `runs` with one metric for each of `families` (name -> metrics): the mean of its members, run by run.

    Other metrics are left out. A table without runs stays as it is.
    """

    cheap: ClassVar[bool] = True

    runs: Step
    families: dict[str, tuple[str, ...]]

    def run(self, context: Context) -> RunTable:
        """The table.

        Raises:
          UserError: for a family without members, or one that names a metric which no run has.
        """
        table: RunTable = context.read(self.runs)
        if not table.runs:
            return table
        if not self.families:
            raise UserError("FamilyMeans has no families, so there is nothing to fit.")
        columns = {}
        for family, members in self.families.items():
            unknown = [name for name in members if name not in table.metrics]
            if unknown:
                raise UserError(
                    f"The family {family!r} names {unknown[0]!r}, which no run has{nearest(unknown[0], table.metrics)}."
                )
            if not members:
                raise UserError(f"The family {family!r} has no metrics.")
            columns[family] = [table.metrics.index(name) for name in members]
        values = tuple(
            tuple(math.fsum(row[k] for k in inside) / len(inside) for inside in columns.values())
            for row in table.values
        )
        return dataclasses.replace(table, metrics=tuple(columns), values=values)
