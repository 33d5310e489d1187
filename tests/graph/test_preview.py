"""The dry run: what the settings alone say is shown too, and what is known before a mistake comes before its error."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import ClassVar

import pytest

from olmix.errors import UserError
from olmix.graph import Context, Experiment, FanOut, Needs, Step
from olmix.graph.plan import make_plan
from olmix.graph.preview import blocks
from olmix.graph.store import Store


@dataclasses.dataclass(frozen=True, kw_only=True)
class Known(Step):
    cheap: ClassVar[bool] = True

    def forecast(self, context: Context) -> tuple[str, ...]:
        return (f"it is {context.read(self)}",)

    def run(self, context: Context) -> int:
        return 7


@dataclasses.dataclass(frozen=True, kw_only=True)
class Slow(Step):
    source: Step

    def run(self, context: Context) -> int:
        raise AssertionError("a dry run must not run this")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Check(Step):
    cheap: ClassVar[bool] = True
    source: Step

    def declared(self) -> tuple[str, ...]:
        return ("at most 5",)

    def run(self, context: Context) -> int:
        if context.read(self.source) > 5:
            raise UserError("It is more than 5.")
        return 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Road(Experiment):
    known: Step
    check: Step


def test_what_is_known_is_shown_before_the_mistake(tmp_path: pathlib.Path) -> None:
    known = Known()
    shown = blocks(make_plan(Road(known=known, check=Check(source=known)), Store(tmp_path / "store")))
    assert "it is 7" in next(shown)
    assert "check: run" in (text := next(shown))
    assert text.endswith("    at most 5")
    with pytest.raises(UserError, match="more than 5"):
        next(shown)


def test_a_step_that_must_wait_says_what_follows_from_its_settings(tmp_path: pathlib.Path) -> None:
    slow = Slow(source=Known())
    *_, text = blocks(make_plan(Road(known=slow, check=Check(source=slow)), Store(tmp_path / "store")))
    assert text.endswith("    at most 5\n    more is known once known is done")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Piece(Step):
    number: int

    def run(self, context: Context) -> int:
        raise AssertionError("a dry run must not run this")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Spread(FanOut):
    source: Step

    def pieces(self, context: Context) -> dict[str, Step]:
        context.read(self.source)
        kinds = (Needs(cpus=8, gpus=1, accelerator="A100"), Needs(gpus=2, accelerator="V100"))
        return {str(number): Piece(number=number, needs=kinds[number % 2]) for number in range(5)}

    def together(self, missing: Mapping[str, Step]) -> list[tuple[str, ...]]:
        return [("0", "2", "4"), ("1",), ("3",)]

    def run(self, context: Context) -> int:
        return 0


def test_a_fan_out_shows_what_its_pieces_need(tmp_path: pathlib.Path) -> None:
    spread = Spread(source=Known())
    *_, text = blocks(make_plan(Road(known=spread.source, check=spread), Store(tmp_path / "store")))
    assert "5 of 5 pieces to run" in text
    assert "[1 task with 8 CPUs, 1 A100, 2 tasks with 1 CPU, 2 V100 each, gathered in the launcher]" in text
    later = Spread(source=Slow(source=Known()))
    *_, text = blocks(make_plan(Road(known=later.source, check=later), Store(tmp_path / "store")))
    assert "[tasks of their own for its pieces, gathered in the launcher]" in text
