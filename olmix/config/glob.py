"""Patterns for paths: `*` stands for anything, and a pattern also takes what lies below what it names.

Brackets mean themselves, unlike in shell patterns, because paths are full of them.
"""

from __future__ import annotations

import re


def matches(pattern: str, path: str) -> bool:
    """Whether a path is named by a pattern, or lies below a path that is."""
    body = ".*".join(map(re.escape, pattern.split("*")))
    return re.fullmatch(rf"{body}(?:[.\[].*)?", path, re.DOTALL) is not None
