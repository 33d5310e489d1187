"""Two sheets of numbers, mixtures and metrics, joined by the names of the runs into one table.

Rows are matched by name and by nothing else: a metrics file in another order must not move a metric to another mixture.
What cannot be right is an error that lists the rows; what can be mended without guessing (rows that sum to nearly 1) is
mended, and the table's `notes` say so.
"""

from __future__ import annotations

import dataclasses
import fnmatch
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from olmix.errors import UserError, nearest
from olmix.fit.checks import SUM_TOLERANCE, Array
from olmix.mix.runs import RunTable

#: Sums within this of 1 are rounding of the file, not worth a word.
_ROUNDING = 1e-6


@dataclasses.dataclass(frozen=True)
class Sheet:
    """`values[i, j]` is `columns[j]` of `runs[i]`, NaN where there is no number. `source` is its name in messages."""

    source: str
    runs: tuple[str, ...]
    columns: tuple[str, ...]
    values: Array


def join(
    ratios: Sheet,
    metrics: Sheet,
    *,
    drop_runs: Sequence[str] = (),
    drop_metrics: Sequence[str] = (),
    keep_metrics: Sequence[str] = (),
    failed: Mapping[str, str] | None = None,
) -> RunTable:
    """One table of the runs that both sheets have, in the order of `ratios`.

    `drop_runs`, `drop_metrics` and `keep_metrics` are names or patterns (`eval/*`). `failed` names runs that gave no result.

    Raises:
      UserError: listing duplicated names, rows of one sheet that the other lacks, cells that are no finite numbers,
        negative weights, and mixtures that do not sum to 1 within 1e-2.
    """
    for sheet in (ratios, metrics):
        _refuse_duplicates(sheet)
    unwanted = _matching(drop_runs, (*ratios.runs, *metrics.runs), "drop_runs", "run")
    ratios, metrics = _without_runs(ratios, unwanted), _without_runs(metrics, unwanted)
    metrics = _choose_metrics(metrics, keep_metrics, drop_metrics)
    _refuse_unmatched(ratios, metrics)
    for sheet, what in ((ratios, "weights"), (metrics, "metrics")):
        if not sheet.runs or not sheet.columns:
            raise UserError(f"{sheet.source} has {len(sheet.runs)} runs and {len(sheet.columns)} columns of {what}.")
        _refuse_gaps(sheet)
    weights, note = _mixtures(ratios)
    row = {run: i for i, run in enumerate(metrics.runs)}
    values = metrics.values[[row[run] for run in ratios.runs]]
    return RunTable(
        runs=ratios.runs,
        leaves=ratios.columns,
        weights=tuple(tuple(line) for line in weights.tolist()),
        metrics=metrics.columns,
        values=tuple(tuple(line) for line in values.tolist()),
        failed=dict(failed or {}),
        notes=note,
    )


def listed(items: Iterable[str], most: int = 10) -> str:
    """The first items and how many more there are."""
    found = list(items)
    return ", ".join(found[:most]) + (f" and {len(found) - most} more" if len(found) > most else "")


def _refuse_duplicates(sheet: Sheet) -> None:
    for kind, names in (("run", sheet.runs), ("column", sheet.columns)):
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            raise UserError(f"{sheet.source} has more than one {kind} of the same name: {listed(twice)}.")


def _refuse_unmatched(ratios: Sheet, metrics: Sheet) -> None:
    alone = []
    for here, there in ((ratios, metrics), (metrics, ratios)):
        known = set(there.runs)
        missing = [run for run in here.runs if run not in known]
        if missing:
            alone.append(f"{here.source} has {listed(missing)}, which {there.source} has not")
    if alone:
        raise UserError(
            f"The runs of the two do not match: {'; '.join(alone)}. Complete them, or leave runs out by name with drop_runs."
        )


def _refuse_gaps(sheet: Sheet) -> None:
    bad = ~np.isfinite(sheet.values)
    if not bad.any():
        return
    rows = np.flatnonzero(bad.any(axis=1))
    cells = [f"{sheet.runs[i]} ({listed([sheet.columns[j] for j in np.flatnonzero(bad[i])], 3)})" for i in rows]
    raise UserError(
        f"{sheet.source} has no finite number for {len(rows)} of {len(sheet.runs)} runs: {listed(cells)}. Complete them, or"
        " leave them out by name with drop_runs or drop_metrics."
    )


def _mixtures(ratios: Sheet) -> tuple[Array, tuple[str, ...]]:
    negative = (ratios.values < 0).any(axis=1)
    if negative.any():
        names = [ratios.runs[i] for i in np.flatnonzero(negative)]
        raise UserError(f"{ratios.source} has negative weights in {listed(names)}.")
    sums = ratios.values.sum(axis=1)
    off = np.abs(sums - 1)
    # A hair more than the limit, or a file rounded to 0.01 would break it by 1e-16.
    wrong = np.flatnonzero(off > SUM_TOLERANCE + 1e-9)
    if wrong.size:
        names = [f"{ratios.runs[i]} (sum {sums[i]:.4g})" for i in wrong]
        percent = " They look like percentages: divide them by 100." if np.abs(sums[wrong] - 100).max() <= 1 else ""
        raise UserError(
            f"{ratios.source} has {len(wrong)} of {len(sums)} rows whose weights do not sum to 1 within {SUM_TOLERANCE:g}:"
            f" {listed(names)}.{percent} Columns that are no leaves must be removed."
        )
    note: tuple[str, ...] = ()
    moved = int((off > _ROUNDING).sum())
    if moved:
        note = (
            f"renormalised-mixtures: {moved} of {len(sums)} rows of {ratios.source} summed to {sums.min():.6g} to"
            f" {sums.max():.6g} and were divided by their sum",
        )
    return ratios.values / sums[:, None], note


def _choose_metrics(metrics: Sheet, keep: Sequence[str], drop: Sequence[str]) -> Sheet:
    kept = _matching(keep, metrics.columns, "keep_metrics", "metric") if keep else set(metrics.columns)
    kept = kept - _matching(drop, metrics.columns, "drop_metrics", "metric")
    chosen = [j for j, name in enumerate(metrics.columns) if name in kept]
    return dataclasses.replace(
        metrics, columns=tuple(metrics.columns[j] for j in chosen), values=metrics.values[:, chosen]
    )


def _without_runs(sheet: Sheet, unwanted: set[str]) -> Sheet:
    kept = [i for i, run in enumerate(sheet.runs) if run not in unwanted]
    return dataclasses.replace(sheet, runs=tuple(sheet.runs[i] for i in kept), values=sheet.values[kept])


def _matching(patterns: Sequence[str], names: Sequence[str], setting: str, kind: str) -> set[str]:
    """The names that the patterns mean; one that means none is a mistake."""
    found: set[str] = set()
    for pattern in patterns:
        # As it stands first: names of tasks may hold brackets and asterisks.
        hits = {pattern} & set(names) or set(fnmatch.filter(names, pattern))
        if not hits:
            raise UserError(f"{setting} names {pattern!r}, but there is no such {kind}{nearest(pattern, names)}.")
        found |= hits
    return found
