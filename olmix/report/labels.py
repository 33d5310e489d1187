"""Short labels for long names: what all names share at their beginning or end says nothing in a table of them.

`train_the_pile_arxiv`, `train_the_pile_github` become `arxiv`, `github`. A name is cut only at a separator, a label is
never empty nor ambiguous, and levels of the data tree (`web:code`) stay whole. The page says what it left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_SEPARATORS = "_/-. "


def shared(names: Sequence[str]) -> tuple[str, str]:
    """The beginning and the end that all names have and that may be left out; empty where there are none."""
    if len(set(names)) < 2:
        return "", ""
    start = _common(names).split(":")[0]
    start = start[: max(start.rfind(char) for char in _SEPARATORS) + 1]
    rest = [name[len(start) :] for name in names]
    end = _common([name[::-1] for name in rest])[::-1].rpartition(":")[2]
    places = [place for char in _SEPARATORS if (place := end.find(char)) >= 0]
    end = end[min(places) :] if places else ""
    if any(len(name) <= len(end) for name in rest):
        end = ""
    if any(not name for name in rest):
        start = ""
    return start, end


def _common(names: Sequence[str]) -> str:
    """The longest beginning of all names: that of the first and the last in order."""
    first, last = min(names), max(names)
    length = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return first[:length]


def labels(names: Sequence[str]) -> dict[str, str]:
    """Name → label."""
    start, end = shared(names)
    return {name: name[len(start) : len(name) - len(end)] for name in names}


def left_out(names: Sequence[str]) -> str:
    """In words: what the labels leave out, or nothing."""
    start, end = shared(names)
    return ", ".join(f"“{part}”" for part in (start, end) if part)


def breakable(name: str) -> str:
    """The name with places where a narrow column may break it."""
    return re.sub(r"([:/_.\-])(?=\w)", "\\1\u200b", name)
