"""The dry run: what the settings alone say is shown too, and what is known before a mistake comes before its error."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import ClassVar

import pytest

from olmix.errors import UserError
from olmix.graph import Context, Experiment, Step
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
