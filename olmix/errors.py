"""Errors that are the user's to mend.

The launchers print a `UserError` as one sentence and exit with 2; anything else is a failure of the system, keeps its
traceback in the run's log, and exits with 1.
"""

from __future__ import annotations

import contextlib
import difflib
import pathlib
from collections.abc import Collection, Iterable


class UserError(Exception):
    """A mistake in what was asked for: one clear sentence, with the place that set the value and what would be right."""


def nearest(name: str, known: Iterable[str], count: int = 3) -> str:
    """` (nearest: a, b)` for an error about an unknown `name`, or an empty string when nothing comes near."""
    matches = difflib.get_close_matches(name, list(known), n=count, cutoff=0.5)
    return f" (nearest: {', '.join(matches)})" if matches else ""


def candidates(name: str, known: Collection[str], most: int = 6) -> str:
    """`nearest`, or where nothing comes near ` (there are a, b and 7 more)`: for names that follow a rule one cannot guess."""
    if not known:
        return ""
    more = f" and {len(known) - most} more" if len(known) > most else ""
    return nearest(name, known) or f" (there are {', '.join(list(known)[:most])}{more})"


def nearest_path(path: pathlib.Path, count: int = 3) -> str:
    """As `nearest`, for a file or folder that is not there: ` (nearest in /data: a.json)`, ` (there is no folder /data)`."""
    path = path.absolute()
    there = next((parent for parent in path.parents if parent.is_dir()), None)
    if there is None:
        return ""
    missing = path.relative_to(there).parts[0]
    known: list[str] = []
    with contextlib.suppress(OSError):  # A folder that may not be listed has nothing to offer.
        known = sorted(entry.name for entry in there.iterdir() if not entry.name.startswith("."))
    near = difflib.get_close_matches(missing, known, n=count, cutoff=0.5)
    if near:
        return f" (nearest in {there}: {', '.join(near)})"
    if there / missing != path:
        return f" (there is no folder {there / missing})"
    if not known:
        return f" ({there} is empty)"
    more = f" and {len(known) - count} more" if len(known) > count else ""
    return f" ({there} has {', '.join(known[:count])}{more})"
