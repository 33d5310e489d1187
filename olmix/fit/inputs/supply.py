"""Numbers by leaf from a file: token counts and priors, for runs that come without a data tree.

A CSV file has two columns (leaf, number) or one row of numbers under the leaves' names; JSON and YAML map leaf to
number, at the top or under `token_counts` or `relative_sizes`, where allenai/olmix has them.
"""

from __future__ import annotations

import csv
import io
import json
import math
import pathlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from olmix.errors import UserError, nearest, nearest_path
from olmix.fit.inputs.sheet import listed
from olmix.mix.runs import RunTable


def token_counts(given: str | Mapping[str, float], leaves: Sequence[str]) -> dict[str, int]:
    """Tokens of every leaf, from a file or as they are.

    Raises:
      UserError: if a leaf has none, or a count is no whole number of 1 or more.
    """
    path, table = _table(given, ("token_counts", "tokens"), "scan.tokens")
    found = _covering(table, leaves, path, "token count")
    for leaf, count in found.items():
        if count < 1 or count != int(count):
            raise UserError(
                f"{path} counts {count:g} tokens in {leaf!r}; a token count is a whole number of 1 or more."
            )
    return {leaf: int(count) for leaf, count in found.items()}


def priors(given: str | Mapping[str, float], leaves: Sequence[str]) -> dict[str, float]:
    """The prior weight of every leaf, normalised, from a file or as they are.

    Raises:
      UserError: if a leaf has none, or a weight is negative.
    """
    path, table = _table(given, ("relative_sizes", "priors", "prior"), "scan.prior")
    found = _covering(table, leaves, path, "prior")
    for leaf, weight in found.items():
        if weight < 0:
            raise UserError(f"{path} gives {leaf!r} the prior weight {weight:g}; it must be 0 or more.")
    total = sum(found.values())
    if total <= 0:
        raise UserError(f"The prior weights of {path} are all 0.")
    return {leaf: weight / total for leaf, weight in found.items()}


def default_prior(table: RunTable, counts: Mapping[str, int]) -> tuple[dict[str, float], tuple[str, ...]]:
    """The prior where none is given, and a note if it had to be taken from the runs."""
    if counts:
        total = sum(counts.values())
        return {leaf: count / total for leaf, count in counts.items()}, ()
    mean = [math.fsum(column) / len(table.weights) for column in zip(*table.weights, strict=True)]
    note = (
        "prior-from-runs: neither priors nor token counts were given, so the prior is the mean mixture of the runs; what"
        " is said about a gain over the prior is about that mixture"
    )
    return dict(zip(table.leaves, (weight / math.fsum(mean) for weight in mean), strict=True)), (note,)


def _table(given: str | Mapping[str, float], keys: Sequence[str], field: str) -> tuple[str, Mapping[str, float]]:
    """What to call a table in messages, and its numbers."""
    return (given, _by_leaf(given, keys)) if isinstance(given, str) else (field, given)


def _covering(found: Mapping[str, float], leaves: Sequence[str], path: str, what: str) -> dict[str, float]:
    """The numbers in the order of `leaves`."""
    missing = [leaf for leaf in leaves if leaf not in found]
    if missing:
        raise UserError(f"{path} has no {what} for {listed(missing, 6)}{nearest(missing[0], found)}.")
    beyond = [leaf for leaf in found if leaf not in leaves]
    if beyond:
        raise UserError(f"{path} has a {what} for {listed(beyond, 6)}, which no run has{nearest(beyond[0], leaves)}.")
    return {leaf: found[leaf] for leaf in leaves}


def _by_leaf(path: str, keys: Sequence[str]) -> dict[str, float]:
    file = pathlib.Path(path)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        near = "" if file.exists() else nearest_path(file)
        raise UserError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}{near}.") from error
    pairs = _from_csv(text) if file.suffix.lower() in (".csv", ".tsv") else _from_document(file, text, keys)
    twice = sorted(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
    if twice:
        raise UserError(f"{path} names {listed(twice, 6)} twice.")
    found = {}
    for leaf, value in pairs:
        try:
            found[leaf] = float(value)
        except (TypeError, ValueError):
            raise UserError(f"{path} gives {leaf!r} the value {value!r}, which is no number.") from None
        if not math.isfinite(found[leaf]):
            raise UserError(f"{path} gives {leaf!r} the value {value!r}, which is not finite.")
    if not found:
        raise UserError(f"{path} holds no numbers by leaf.")
    return found


def _from_csv(text: str) -> list[tuple[str, str]]:
    separator = max(",;\t", key=text.partition("\n")[0].count)
    rows = [
        [cell.strip() for cell in row]
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        if any(row)
    ]
    if len(rows) == 2 and len(rows[0]) > 2:
        return list(zip(rows[0], rows[1], strict=False))
    # The first line may name the columns.
    start = 1 if rows and len(rows[0]) > 1 and not _is_number(rows[0][1]) else 0
    return [(row[0], row[1] if len(row) > 1 else "") for row in rows[start:]]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _from_document(file: pathlib.Path, text: str, keys: Sequence[str]) -> list[tuple[str, Any]]:
    import yaml

    try:
        data = json.loads(text) if file.suffix.lower() == ".json" else yaml.safe_load(text)
    except (json.JSONDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{file} is neither CSV nor readable JSON or YAML: {' '.join(str(error).split())}.") from error
    for key in ("priors", *keys):
        if isinstance(data, Mapping) and isinstance(data.get(key), Mapping):
            data = data[key]
    if not isinstance(data, Mapping):
        raise UserError(f"{file} does not map leaves to numbers.")
    return [(str(leaf), value) for leaf, value in data.items()]
