"""A table of finished runs: what every law is fitted on, whoever trained them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from olmix.graph.step import Context, Step


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunTable:
    """Mixtures and metrics of many runs, in the same order.

    `weights[i][j]` is the weight of `leaves[j]` in run `runs[i]` (each row sums to 1); `values[i][k]` is `metrics[k]` of
    that run. `failed` maps the names of runs that gave no result (in none of the lists above) to the reason. `notes`
    (`name: explanation`) say what was mended when the table was read.
    """

    runs: tuple[str, ...]
    leaves: tuple[str, ...]
    weights: tuple[tuple[float, ...], ...]
    metrics: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]
    failed: dict[str, str] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()


@runtime_checkable
class Measures(Protocol):
    """A step whose table of runs will have metrics that are known before any run is finished."""

    def metrics_to_come(self, context: Context) -> tuple[str, ...]:
        """Their names. `context.read` raises `NotYet` where nothing is known."""
        ...


def metrics_of(runs: Step, context: Context) -> tuple[str, ...]:
    """The metrics of the table that `runs` returns, or will return.

    Raises:
      NotYet: where nobody can know.
    """
    if isinstance(runs, Measures):
        return runs.metrics_to_come(context)
    table: RunTable = context.read(runs)
    return table.metrics
