"""The metrics file: JSON lines, append-only, on the disk before the next step begins.

It is the source of truth about a run; dashboards are copies. A resumed run says so in a line and goes on, so a step may
occur twice: the last record of a step is the one that led to the result (`read_metrics` keeps it).
"""

from __future__ import annotations

import json
import math
import os
import pathlib
from types import TracebackType
from typing import Any, Self


class MetricsFile:
    """Appends records to a file; each is durable when `write` returns."""

    def __init__(self, path: pathlib.Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        self._mend()

    def _mend(self) -> None:
        """Ends a line that a killed process left unfinished, so that the next record starts on its own."""
        size = os.fstat(self._descriptor).st_size
        if size and os.pread(self._descriptor, 1, size - 1) != b"\n":
            os.write(self._descriptor, b"\n")

    def write(self, record: dict[str, Any]) -> None:
        """Appends one record. What is not a finite number becomes null: JSON has no NaN."""
        plain = {k: (None if isinstance(v, float) and not math.isfinite(v) else v) for k, v in record.items()}
        line = memoryview((json.dumps(plain, separators=(",", ":")) + "\n").encode())
        while line:
            line = line[os.write(self._descriptor, line) :]
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Closes the file."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_metrics(path: pathlib.Path) -> list[dict[str, Any]]:
    """The records that led to the result, by step: the last of each step; records without a step as they come.

    A line cut short by a crash is left out: it was never promised.
    """
    steps: dict[tuple[int, str], dict[str, Any]] = {}
    others: list[dict[str, Any]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            continue
        if "step" in record:
            key = (record["step"], record.get("event", "train"))
            steps.pop(key, None)
            steps[key] = record
        else:
            others.append(record)
    return others + [steps[key] for key in sorted(steps)]
