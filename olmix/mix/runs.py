"""A table of finished runs: what every law is fitted on, whoever trained them."""

from __future__ import annotations

import dataclasses


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
