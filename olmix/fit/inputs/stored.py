"""Our own finished runs: the table of a search that was run before, for a notebook or for another fit."""

from __future__ import annotations

import hashlib
import pathlib

from olmix.errors import UserError
from olmix.mix.runs import RunTable

#: What a step's result is called in its artifact, and the step that gathers the runs in a search.
_RESULT, _STEP = "result.json", "swarm"


def runs_from_store(folder: str | pathlib.Path) -> RunTable:
    """The runs of a search.

    `folder` is that of a run (`runs/experiments/quickstart/latest`) or of the artifact of a swarm (`runs/artifacts/swarm-...`).

    Raises:
      UserError: if there is no table of runs.
    """
    import msgspec

    file = find(folder)
    try:
        return msgspec.json.decode(file.read_bytes(), type=RunTable)
    except msgspec.DecodeError as error:
        raise UserError(f"{file} is not a table of runs, such as a swarm leaves: {error}.") from error


def find(folder: str | pathlib.Path) -> pathlib.Path:
    """The file of the result."""
    root = pathlib.Path(folder)
    for place in (root / _RESULT, root / "artifacts" / _STEP / _RESULT):
        if place.is_file():
            return place
    raise UserError(
        f"{folder} has no finished runs: give the folder of a run, such as runs/experiments/quickstart/latest, or of a"
        " swarm's artifact."
    )


def digest(folder: str | pathlib.Path) -> str:
    """A hash of the table."""
    return hashlib.sha256(find(folder).read_bytes()).hexdigest()
