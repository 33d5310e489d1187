"""Path patterns: `*`, `?`, `[ab]`, `**`, `{a,b}` and `{0001..0020}`, for folders and object stores alike.

Braces are alternatives and are written out first, so that each alternative is looked for under its own, narrowest prefix; the
rest becomes one regular expression over whole paths. `**` stands for any number of folders, none included.
"""

from __future__ import annotations

import functools
import re

from olmix.errors import UserError

_WILD = re.compile(r"[*?\[]")
_BRACE = re.compile(r"\{([^{}]*)\}")


def expand_braces(pattern: str) -> list[str]:
    """All patterns that the braces of `pattern` stand for, in order, each once.

    Raises:
      UserError: on braces that hold neither a comma nor a range, or that are not closed.
    """
    match = _BRACE.search(pattern)
    if match is None:
        if "{" in pattern or "}" in pattern:
            raise UserError(f"A brace in the pattern {pattern!r} is not closed.")
        return [pattern]
    before, after = pattern[: match.start()], pattern[match.end() :]
    found = [text for choice in _choices(match.group(1), pattern) for text in expand_braces(before + choice + after)]
    return list(dict.fromkeys(found))


def _choices(inside: str, pattern: str) -> list[str]:
    if "," in inside:
        return inside.split(",")
    ends = re.fullmatch(r"(\d+)\.\.(\d+)", inside)
    if ends is None:
        raise UserError(
            f"{{{inside}}} in the pattern {pattern!r} is neither a list such as {{a,b}} nor a range such as {{0001..0020}}."
        )
    first, last = int(ends.group(1)), int(ends.group(2))
    width = len(ends.group(1)) if ends.group(1).startswith("0") or len(ends.group(1)) == len(ends.group(2)) else 0
    step = 1 if first <= last else -1
    return [str(number).zfill(width) for number in range(first, last + step, step)]


def is_glob(pattern: str) -> bool:
    """Whether the pattern (without braces) has wildcards."""
    return _WILD.search(pattern) is not None


def literal_prefix(pattern: str) -> str:
    """The part of the pattern that every match begins with."""
    match = _WILD.search(pattern)
    return pattern if match is None else pattern[: match.start()]


def literal_folder(pattern: str) -> str:
    """The deepest folder that every match lies in, without the slash at its end (`/` for the root)."""
    folder = literal_prefix(pattern).rpartition("/")[0]
    return folder or ("/" if pattern.startswith("/") else "")


def depth_below(pattern: str) -> int | None:
    """How many levels below `literal_folder` a match lies, or None if `**` makes that unbounded."""
    if "**" in pattern:
        return None
    return pattern.count("/") - literal_prefix(pattern).count("/") + 1


@functools.lru_cache(maxsize=4096)
def matcher(pattern: str) -> re.Pattern[str]:
    """A regular expression that full-matches the paths that the pattern (without braces) means."""
    parts, place = [], 0
    while place < len(pattern):
        if pattern.startswith("**/", place):
            parts.append("(?:[^/]+/)*")
            place += 3
        elif pattern.startswith("**", place):
            parts.append(".*")
            place += 2
        elif pattern[place] == "*":
            parts.append("[^/]*")
            place += 1
        elif pattern[place] == "?":
            parts.append("[^/]")
            place += 1
        elif pattern[place] == "[" and (end := pattern.find("]", place + 2)) > 0:
            inside = pattern[place + 1 : end].replace("\\", "\\\\").replace("[", "\\[")
            parts.append(f"[^{inside[1:]}]" if inside[0] in "!^" else f"[{inside}]")
            place = end + 1
        else:
            parts.append(re.escape(pattern[place]))
            place += 1
    return re.compile("".join(parts))
