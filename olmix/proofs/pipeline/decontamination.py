"""Is a training problem a test problem in other words? By canonical key, and by runs of words for what keys cannot see.

Word runs (n-grams) follow the usual practice for language models (Brown et al. 2020, appendix C, used 13); a problem
statement is short, so the run is too. Runs that most problems share ("Let a, b, c be positive real numbers ...")
prove nothing: those are left out.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from olmix.errors import UserError
from olmix.proofs.pipeline import machine
from olmix.proofs.pipeline.items import Item

_TOKEN = re.compile(r"\\[A-Za-z]+|[A-Za-z]+|\d+|[^\w\s{}$]")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Foreign:
    """A test problem from elsewhere: its words, and its key if it could be read."""

    id: str
    problem: str
    key: str | None


def words(problem: str) -> list[str]:
    """The problem as comparable words: LaTeX commands, words in lower case, numbers, signs; no braces, no dollars."""
    return [word.casefold() for word in _TOKEN.findall(problem) if word not in ("\\left", "\\right")]


def runs(problem: str, size: int) -> set[tuple[str, ...]]:
    """All runs of `size` words."""
    sequence = words(problem)
    return {tuple(sequence[start : start + size]) for start in range(len(sequence) - size + 1)}


def read_test_set(path: pathlib.Path) -> list[Foreign]:
    """Problems from a file of JSON or JSON lines: a list (or an object of lists) of objects with `problem`, or `statement` with
    `domain`.

    Raises:
      UserError: if the file cannot be read, holds no problems, or one of its rows has none.
    """
    found = []
    for rows in _tables(path):
        texts = [_text(row) for row in rows]
        if not any(texts):
            continue  # A list of something else beside the problems.
        for number, (row, text) in enumerate(zip(rows, texts, strict=True)):
            if text is None:
                raise UserError(
                    f"Row {number + 1} of the test set {path} has no 'problem' and no 'statement' in words, as other rows have: "
                    "nothing could be kept apart from it."
                )
            found.append(_foreign(path, number, row, text))
    if not found:
        raise UserError(f"The test set {path} holds no objects with 'problem' or 'statement'.")
    return found


def _tables(path: pathlib.Path) -> list[list[Any]]:
    """The lists in a file."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"The test set {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"The test set {path} is no text in UTF-8: {error.reason} at byte {error.start}.") from error
    try:
        data = json.loads(text)
    except ValueError as error:
        try:
            return [[json.loads(line) for line in text.splitlines() if line.strip()]]
        except ValueError:
            raise UserError(f"The test set {path} is no JSON, nor JSON lines: {error}.") from error
    if isinstance(data, dict):
        return [value for value in data.values() if isinstance(value, list)]
    return [data] if isinstance(data, list) else []


def _text(row: Any) -> str | None:
    text = (row.get("problem") or row.get("statement")) if isinstance(row, dict) else None
    return text if isinstance(text, str) and text.strip() else None


def _foreign(path: pathlib.Path, number: int, row: dict[str, Any], text: str) -> Foreign:
    name = str(row.get("data_id", row.get("id", number)))
    formal = None
    if not row.get("problem"):
        formal = {"statement": text, "domain": row.get("domain", "real"), "constraints": row.get("constraints") or []}
    return Foreign(id=f"{path.name}:{name}", problem=text, key=machine.key_of(text, formal))


def contaminated(items: Sequence[Item], tests: Sequence[Foreign], *, size: int, common: float = 0.02) -> dict[str, str]:
    """Id of every item that meets a test problem, with the reason.

    A run of words counts if at most the share `common` of the items has it.
    """
    keys = {test.key: test.id for test in tests if test.key is not None}
    own = {item.id: runs(item.problem, size) for item in items}
    frequency = Counter(run for found in own.values() for run in found)
    limit = max(1, common * len(items))
    theirs = _first_owner((test.id, runs(test.problem, size)) for test in tests)
    hits = {}
    for item in items:
        if item.key in keys:
            hits[item.id] = f"same key as {keys[item.key]}"
            continue
        shared = next((run for run in sorted(own[item.id]) if run in theirs and frequency[run] <= limit), None)
        if shared is not None:
            hits[item.id] = f"shares the words “{' '.join(shared)}” with {theirs[shared]}"
    return hits


def _first_owner(named: Iterable[tuple[str, set[tuple[str, ...]]]]) -> dict[tuple[str, ...], str]:
    owners: dict[tuple[str, ...], str] = {}
    for name, found in named:
        for run in found:
            owners.setdefault(run, name)
    return owners
