"""A Context for testing steps without the executor: results from a dict, folders under tmp_path."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

from olmix.graph.step import Step


class FakeContext:
    """`read` and `folder` look steps up by identity first, then by equality."""

    dry = False

    def __init__(
        self,
        tmp_path: pathlib.Path,
        results: Mapping[int, Any] | None = None,
        folders: Mapping[int, pathlib.Path] | None = None,
    ) -> None:
        self.out = tmp_path / "out"
        self.scratch = tmp_path / "scratch"
        self.out.mkdir(parents=True, exist_ok=True)
        self.scratch.mkdir(parents=True, exist_ok=True)
        self.experiment = "test"
        self.label = "test"
        self.results = dict(results or {})
        self.folders = dict(folders or {})
        self.notes: list[str] = []

    def read(self, step: Step) -> Any:
        return self.results[id(step)]

    def folder(self, step: Step) -> pathlib.Path:
        return self.folders[id(step)]

    def progress(self, done: float, total: float, note: str = "") -> None:
        self.notes.append(note)
