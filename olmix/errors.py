"""Errors that are the user's to mend.

The launchers print a `UserError` as one sentence and exit with 2; anything else is a failure of the system, keeps its
traceback in the run's log, and exits with 1.
"""

from __future__ import annotations

import difflib
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
