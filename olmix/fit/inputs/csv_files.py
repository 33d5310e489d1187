"""CSV files of runs: one with the mixture of each run, one with its metrics.

Read as they come: RegMix's files (`index`), those of allenai/olmix (`run`, with `name` and `index` beside it, or `run_id`),
and whatever a spreadsheet exports. The two are joined on the first of `run` (or `run_id`), `index` and `name` that both
have; those columns are never taken for leaves or metrics. Numbers are read by Python's own rules, so that the table is the
same on every machine; a cell that is no number is an error that names it.
"""

from __future__ import annotations

import csv
import hashlib
import io
import pathlib
import re
import warnings
from collections.abc import Sequence

import numpy as np

from olmix.errors import UserError, nearest, nearest_path
from olmix.fit.inputs.sheet import Sheet, join, listed
from olmix.mix.runs import RunTable

#: Columns that name the run, in the order in which they are tried, in any case; those in one group mean the same.
KEYS = (("run", "run_id"), ("index",), ("name",))
#: Columns that are never numbers to learn from: the keys, and what pandas calls an index without a name.
LABELS = frozenset({"run", "run_id", "index", "name", "", "unnamed: 0"})

_WHOLE = re.compile(r"[+-]?\d+\.0+")


def runs_from_csv(
    ratios: str | pathlib.Path,
    metrics: str | pathlib.Path,
    *,
    run_column: str = "",
    drop_runs: Sequence[str] = (),
    drop_metrics: Sequence[str] = (),
    keep_metrics: Sequence[str] = (),
) -> RunTable:
    """The table of the runs in two CSV files; what was mended is in its `notes` and raised as a Python warning.

    `run_column` is the column that names the runs, where it is none of the usual ones. `drop_runs`, `drop_metrics` and
    `keep_metrics` are names or patterns.

    Raises:
      UserError: see `olmix.fit.inputs.sheet.join`.
    """
    table = read_runs(
        ratios,
        metrics,
        run_column=run_column,
        drop_runs=drop_runs,
        drop_metrics=drop_metrics,
        keep_metrics=keep_metrics,
    )
    for note in table.notes:
        warnings.warn(note, stacklevel=2)
    return table


def read_runs(
    ratios: str | pathlib.Path,
    metrics: str | pathlib.Path,
    *,
    run_column: str = "",
    drop_runs: Sequence[str] = (),
    drop_metrics: Sequence[str] = (),
    keep_metrics: Sequence[str] = (),
) -> RunTable:
    """As `runs_from_csv`, for steps: without Python warnings."""
    mixtures, results = _read(pathlib.Path(ratios)), _read(pathlib.Path(metrics))
    if mixtures.path.resolve() == results.path.resolve():
        raise UserError(f"ratios and metrics are the same file, {ratios}; mixtures and metrics come in two.")
    keys = _keys(mixtures, results, run_column)
    return join(
        _sheet(mixtures, keys[0]),
        _sheet(results, keys[1]),
        drop_runs=drop_runs,
        drop_metrics=drop_metrics,
        keep_metrics=keep_metrics,
    )


def digest(*paths: str | pathlib.Path) -> str:
    """A hash of what the files hold.

    Raises:
      UserError: if one cannot be read.
    """
    made = hashlib.sha256()
    for path in paths:
        made.update(hashlib.sha256(_bytes(pathlib.Path(path))).digest())
    return made.hexdigest()


class _Text:
    """The cells of a file as they stand in it."""

    def __init__(self, path: pathlib.Path, header: list[str], rows: list[list[str]]) -> None:
        self.path, self.header, self.rows = path, header, rows


def _bytes(path: pathlib.Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        near = "" if path.exists() else nearest_path(path)
        raise UserError(
            f"{path} cannot be read: {error.strerror or error}{near}; paths are relative to {pathlib.Path.cwd()}."
        ) from error


def _read(path: pathlib.Path) -> _Text:
    try:
        text = _bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not a CSV file in UTF-8: {error}.") from error
    first = text.partition("\n")[0]
    separator = max(",;\t", key=first.count)
    # Not text.splitlines(): a quoted cell may hold a line end, and Unicode has many that CSV does not know.
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    lines = [line for line in rows if any(cell.strip() for cell in line)]
    if len(lines) < 2:
        raise UserError(f"{path} has no rows: the first line names the columns, each further line is a run.")
    header = [cell.strip() for cell in lines[0]]
    ragged = [str(number) for number, line in enumerate(lines[1:], 2) if len(line) != len(header)]
    if ragged:
        raise UserError(f"{path} has {len(header)} columns, but rows {listed(ragged)} have another number of cells.")
    return _Text(path, header, lines[1:])


def _keys(ratios: _Text, metrics: _Text, wanted: str) -> tuple[str, str]:
    """The column of each file that names the runs."""
    if wanted:
        for file in (ratios, metrics):
            if wanted not in file.header:
                raise UserError(
                    f"{file.path.name} has no column {wanted!r} (run_column){nearest(wanted, file.header)}."
                )
        return wanted, wanted
    for group in KEYS:
        found = [next((name for name in file.header if name.lower() in group), None) for file in (ratios, metrics)]
        if found[0] is not None and found[1] is not None:
            return found[0], found[1]
    have = "; ".join(f"{file.path.name} begins with {listed(file.header, 4)}" for file in (ratios, metrics))
    raise UserError(
        f"The two files need a column that names the runs, run or run_id (or index), in both: {have}. If yours has"
        " another name, say run_column=NAME."
    )


def _sheet(file: _Text, key: str) -> Sheet:
    at = file.header.index(key)
    used = [j for j, name in enumerate(file.header) if j != at and name.lower() not in LABELS]
    runs = tuple(_name(line[at]) for line in file.rows)
    unnamed = [str(number) for number, run in enumerate(runs, 2) if not run]
    if unnamed:
        raise UserError(f"{file.path.name} has rows without a name in the column {key!r}: {listed(unnamed)}.")
    cells = [[_number(line[j]) for j in used] for line in file.rows]
    words = [
        f"{file.rows[i][j].strip()!r} of {runs[i]} in {file.header[j]!r}"
        for i, line in enumerate(cells)
        for j, cell in zip(used, line, strict=True)
        if cell is None
    ]
    if words:
        raise UserError(f"{file.path.name} has cells that are no numbers: {listed(words, 5)}; remove such columns.")
    values = np.array(cells, dtype=np.float64).reshape(len(runs), len(used))
    return Sheet(file.path.name, runs, tuple(file.header[j] for j in used), values)


def _name(cell: str) -> str:
    """The name of a run; 7.0 is 7, because pandas writes whole numbers so when a row has none."""
    name = cell.strip()
    return name.partition(".")[0] if _WHOLE.fullmatch(name) else name


def _number(cell: str) -> float | None:
    """The number of a cell, NaN for an empty one, None for words."""
    text = cell.strip()
    if not text or text.lower() in ("nan", "na", "n/a", "none", "null"):
        return float("nan")
    try:
        return float(text)
    except ValueError:
        return None
