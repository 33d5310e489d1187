"""A small corpus on disk, with held-out text, and a context that runs a graph of steps in this process."""

from __future__ import annotations

import json
import pathlib

import msgspec
import numpy as np
import pytest

from olmix.data import Scan, Source, Tree
from olmix.graph import result
from olmix.graph.step import FanOut, Step
from tests.train import toys


def write(root: pathlib.Path, tokens: int = 8000, held_out: int = 200, noise: float = 0.1) -> None:
    """Leaves "up", "down" (counting, with a share of random tokens) and "noise" (random); a token stands for two bytes."""
    for number, (leaf, sign) in enumerate((("up", 1), ("down", -1), ("noise", 0))):
        rng = np.random.default_rng(number)
        stream = np.cumsum(np.full(tokens + held_out, sign)) % toys.VOCABULARY
        random = rng.random(len(stream)) < (noise if sign else 1.0)
        stream = np.where(random, rng.integers(0, toys.VOCABULARY, len(stream)), stream).astype("<u2")
        folder = root / leaf
        folder.mkdir(parents=True)
        stream[:tokens].tofile(folder / "part-00000.npy")
        stream[tokens:].tofile(folder / "held_out.bin")
        notes = {"held_out": {"tokens": held_out, "bytes": 2 * held_out, "documents": 1}}
        (folder / "leaf.json").write_text(json.dumps(notes))


def scan(root: pathlib.Path) -> Scan:
    """A scan of it in which every leaf may be read four times."""
    leaves = ("up", "down", "noise")
    return Scan(
        tree=Tree(sources=tuple(Source(name=n, paths=(f"{root}/{n}/*.npy",), repetition_limit=4.0) for n in leaves))
    )


class Graph:
    """Runs steps and pieces when they are read, results through JSON as in the store; equal steps are one artifact."""

    dry = False

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root
        self.done: list[tuple[Step, pathlib.Path]] = []
        self.ran: list[str] = []
        self.notes: list[str] = []
        self.experiment, self.label = "test", ""
        self.out = self.scratch = root

    def _artifact(self, step: Step) -> pathlib.Path:
        for known, folder in self.done:
            if known == step:
                return folder
        number = len(list(self.root.glob("scratch-*"))) if self.root.exists() else 0
        folder = self.root / f"{number}-{type(step).__name__}"
        inner = Graph(self.root)
        inner.done, inner.ran, inner.notes = self.done, self.ran, self.notes
        inner.out, inner.scratch = folder, self.root / f"scratch-{number}"
        inner.out.mkdir(parents=True)
        inner.scratch.mkdir()
        if isinstance(step, FanOut):
            for piece in step.pieces(inner).values():
                inner._artifact(piece)
        value = step.run(inner)
        (folder / "result.json").write_bytes(result.encode(step, value))
        self.done.append((step, folder))
        self.ran.append(type(step).__name__)
        return folder

    def read(self, step: Step):
        return result.decode(step, (self._artifact(step) / "result.json").read_bytes())

    def folder(self, step: Step) -> pathlib.Path:
        return self._artifact(step)

    def progress(self, done: float, total: float, note: str = "") -> None:
        self.notes.append(note)


def plain(value):
    """As JSON would have it."""
    return msgspec.to_builtins(value)


@pytest.fixture
def graph(tmp_path):
    return Graph(tmp_path / "store")
