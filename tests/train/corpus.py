"""A small corpus on disk, with held-out text, and a context that runs a graph of steps in this process."""

from __future__ import annotations

import json
import pathlib

import msgspec
import numpy as np
import pytest

from olmix.data import Scan, Source, Tree
from olmix.graph import identity, result
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
    """Runs steps and pieces when they are read, results through JSON as in the store; steps of one fingerprint are one artifact.

    `together` holds the sizes of the groups that ran in one go.
    """

    dry = False

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root
        self.done: list[tuple[Step, pathlib.Path]] = []
        self.ran: list[str] = []
        self.notes: list[str] = []
        self.together: list[int] = []
        self.experiment, self.label = "test", ""
        self.out = self.scratch = root

    def _artifact(self, step: Step) -> pathlib.Path:
        for known, folder in self.done:
            if self.same(known, step):
                return folder
        inner = self._inner(step)
        if isinstance(step, FanOut):
            pieces = step.pieces(inner)
            missing = {n: p for n, p in pieces.items() if not any(self.same(known, p) for known, _ in self.done)}
            for names in step.together(missing):
                self._run([missing[name] for name in names])
        return self._run([step], [inner])

    @staticmethod
    def same(one: Step, other: Step) -> bool:
        """By fingerprint, as in the store."""
        fingerprint = lambda step: identity.fingerprint(step, fingerprint, None)  # noqa: E731
        return type(one) is type(other) and fingerprint(one) == fingerprint(other)

    def _inner(self, step: Step) -> Graph:
        number = len(list(self.root.glob("scratch-*"))) if self.root.exists() else 0
        inner = Graph(self.root)
        inner.done, inner.ran, inner.notes, inner.together = self.done, self.ran, self.notes, self.together
        inner.out, inner.scratch = self.root / f"{number}-{type(step).__name__}", self.root / f"scratch-{number}"
        inner.out.mkdir(parents=True)
        inner.scratch.mkdir()
        return inner

    def _run(self, steps: list[Step], contexts: list[Graph] | None = None) -> pathlib.Path:
        contexts = contexts or [self._inner(step) for step in steps]
        if len(steps) == 1:
            values = [steps[0].run(contexts[0])]
        else:
            values = type(steps[0]).run_together(steps, contexts, contexts[0].scratch)
            self.together.append(len(steps))
        for step, context, value in zip(steps, contexts, values, strict=True):
            (context.out / "result.json").write_bytes(result.encode(step, value))
            self.done.append((step, context.out))
            self.ran.append(type(step).__name__)
        return contexts[0].out

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
