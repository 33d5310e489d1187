"""Where the real inputs lie (never copied into the repo); tests that need them skip with a reason where they
are absent.
"""

from __future__ import annotations

import os
import pathlib

import pytest

_ROOT = pathlib.Path(__file__).resolve().parent.parent


def find() -> pathlib.Path | None:
    """The folder `shared/data`: $OLMIX_SHARED_DATA, else beside the repo, else one further up."""
    given = os.environ.get("OLMIX_SHARED_DATA")
    places = [pathlib.Path(given)] if given else [_ROOT / "../shared/data", _ROOT / "../../shared/data"]
    return next((place.resolve() for place in places if place.is_dir()), None)


def shared_data(*parts: str) -> pathlib.Path:
    """The path of a shared input, or a skip."""
    root = find()
    if root is None or not root.joinpath(*parts).exists():
        pytest.skip(f"shared data absent: {'/'.join(parts)}")
    return root.joinpath(*parts)
