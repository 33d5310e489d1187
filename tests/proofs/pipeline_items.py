"""Items, looks and contexts for tests of the pipeline's stages."""

from __future__ import annotations

import pathlib
from typing import Any

from olmix.graph import identity
from olmix.graph.step import FanOut, Step
from olmix.proofs.pipeline.checking import CHECKED, Checked
from olmix.proofs.pipeline.items import Item, write_records
from olmix.proofs.pipeline.machine import Look
from tests.fake_context import FakeContext


def item(number: int, *, technique: str = "sos", difficulty: str = "easy", key: str = "", **changes: Any) -> Item:
    given = {
        "problem": f"Let $a, b$ be positive real numbers. Prove that $$ {number} a^{{2}} + b^{{2}} \\ge 0. $$",
        "proof": f"Squares: $$ {number} a^{{2}} + b^{{2}} \\ge 0. $$",
        "source": "symbolic", "statement": {"statement": f"{number}*a^2 + b^2 >= 0", "domain": "pos", "constraints": []},
        **changes,
    }  # fmt: skip
    return Item(id=f"i{number}", technique=technique, difficulty=difficulty, key=key or f"k{number}", **given)


def checked(folder: pathlib.Path, items: list[Item], looks: list[Look]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_records(folder / CHECKED, [Checked(item=i, look=look) for i, look in zip(items, looks, strict=True)])


def context(tmp_path: pathlib.Path, folders: dict[Step, pathlib.Path]) -> FakeContext:
    return FakeContext(tmp_path / "context", folders={id(step): folder for step, folder in folders.items()})


def run_fan_out(step: FanOut, around: FakeContext) -> Any:
    """The step's result, after its pieces; as in the store, a piece that `run` makes anew is found by its fingerprint."""
    done: dict[str, tuple[Any, pathlib.Path]] = {}

    def who(piece: Step) -> str:
        return identity.fingerprint(piece, lambda above: str(id(above)), piece.observe())

    for name, piece in step.pieces(around).items():
        own = FakeContext(around.out.parent / name, folders=around.folders)
        done[who(piece)] = (piece.run(own), own.out)

    class Gathering(FakeContext):
        def read(self, step: Step) -> Any:
            return self.results[id(step)] if id(step) in self.results else done[who(step)][0]

        def folder(self, step: Step) -> pathlib.Path:
            return self.folders[id(step)] if id(step) in self.folders else done[who(step)][1]

    return step.run(Gathering(around.out.parent, around.results, around.folders))


ACCEPTED = Look(verdict="accepted", reason="every step checked", right_claim=True)
REJECTED = Look(verdict="rejected", reason="a step is false", detail="at a = 1", step=2)
OPEN = Look(verdict="undecided", reason="a step is open")
