"""What a worker says while it works, on its way to the run's log: Ray's workers have none that anybody reads.

Each line goes to a file in the scratch folder, where the launcher finds it at once, and still does when the worker was
killed; and into memory, for the folder is gone once the work is done.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import pathlib
from collections.abc import Iterator

#: Level, logger, message.
Line = tuple[int, str, str]


def file_of(scratch: pathlib.Path, pid: int) -> pathlib.Path:
    """Where the lines of a process lie."""
    return scratch / f"log-{pid}.jsonl"


class _Keeper(logging.Handler):
    def __init__(self, path: pathlib.Path) -> None:
        super().__init__(logging.INFO)
        self._path, self.lines = path, list[Line]()

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps a record; a disk that refuses it says so elsewhere."""
        line = (record.levelno, record.name, record.getMessage())
        self.lines.append(line)
        with contextlib.suppress(OSError), open(self._path, "a") as file:
            file.write(json.dumps(line) + "\n")


@contextlib.contextmanager
def kept(scratch: pathlib.Path) -> Iterator[list[Line]]:
    """The lines that this package logs in the block, in this process."""
    path = file_of(scratch, os.getpid())
    path.unlink(missing_ok=True)  # A worker that failed may be the one that tries again.
    keeper, root = _Keeper(path), logging.getLogger("olmix")
    level = root.level
    root.addHandler(keeper)
    root.setLevel(logging.INFO)
    try:
        yield keeper.lines
    finally:
        root.removeHandler(keeper)
        root.setLevel(level)


def read(scratch: pathlib.Path, pid: int) -> list[Line]:
    """The whole lines that a process has left so far."""
    try:
        text = file_of(scratch, pid).read_text()
    except OSError:
        return []
    lines = []
    for part in text.splitlines():
        with contextlib.suppress(ValueError):
            level, name, message = json.loads(part)
            lines.append((level, name, message))
    return lines
