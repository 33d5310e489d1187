"""Where things lie that can be had again: what object stores hold, lists of experiments. May be deleted at any time."""

from __future__ import annotations

import os
import pathlib


def folder(name: str) -> pathlib.Path:
    """`$OLMIX_CACHE/<name>`, or `~/.cache/olmix/<name>`; not created."""
    root = os.environ.get("OLMIX_CACHE") or os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "olmix")
    return pathlib.Path(root).expanduser() / name
