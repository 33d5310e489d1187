"""Small steps for tests of the graph: they count how often they run, fail on request, and take as long as told."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import os
import pathlib
import signal
import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

from olmix.config.tags import Telemetry
from olmix.errors import UserError
from olmix.graph import Context, Experiment, FanOut, Needs, Step


@dataclasses.dataclass(frozen=True, kw_only=True)
class Total:
    value: float
    parts: dict[str, float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source(Step):
    """Reads a number from a file outside the store."""

    cheap: ClassVar[bool] = True
    path: str

    def observe(self) -> str | None:
        file = pathlib.Path(self.path)
        if not file.is_file():
            raise UserError(f"source.path={self.path} does not exist.")
        return hashlib.sha256(file.read_bytes()).hexdigest()

    def forecast(self, context: Context) -> tuple[str, ...]:
        return (f"the number is {context.read(self).value:g}",)

    def run(self, context: Context) -> Total:
        (context.out / "note.txt").write_text("read")
        return Total(value=float(pathlib.Path(self.path).read_text()))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part(Step):
    """Multiplies the source's number; a mark in `diary` for every time that it really runs."""

    source: Step
    factor: float
    diary: Annotated[str, Telemetry]
    seconds: Annotated[float, Telemetry] = 0.0
    trouble: Annotated[str, Telemetry] = ""
    needs: Annotated[Needs | None, Telemetry] = dataclasses.field(default_factory=Needs)

    def patience(self, together: int = 1) -> float | None:
        return together * 2 / 60 if self.trouble == "hang once" else None

    def run(self, context: Context) -> Total:
        with open(self.diary, "a") as file:
            file.write(f"{self.factor:g} {os.getpid()}\n")
        if self.trouble == "die once":
            mark = context.scratch / "died"
            if not mark.exists():
                mark.touch()
                logging.getLogger("olmix.toy").warning("a wheel squeaks")
                os.kill(os.getpid(), signal.SIGKILL)
            logging.getLogger("olmix.toy").info("the wheel is oiled")
        if self.trouble == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.trouble == "raise":
            raise ValueError("a wheel came off")
        if self.trouble == "mistake":
            raise UserError("factor is silly.")
        if self.trouble == "nan":
            return Total(value=float("nan"))
        if self.trouble == "hang once":
            mark = context.scratch / "hung"
            if not mark.exists():
                mark.touch()
                time.sleep(1000)
        end = time.monotonic() + self.seconds
        while time.monotonic() < end:
            context.progress(1 - (end - time.monotonic()) / self.seconds, 1)
            time.sleep(0.05)
        return Total(value=context.read(self.source).value * self.factor)

    @classmethod
    def run_together(cls, steps: Sequence[Part], contexts: Sequence[Context], scratch: pathlib.Path) -> list[Total]:
        """As alone, one after the other, but noted in the diary as a group; `scratch` counts the attempts."""
        with open(scratch / "attempts", "a") as file:
            file.write("+")
        with open(f"{steps[0].diary}.groups", "a") as file:
            file.write(f"{len(steps)} {(scratch / 'attempts').read_text()}\n")
        return [step.run(context) for step, context in zip(steps, contexts, strict=True)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parts(FanOut):
    source: Step
    factors: tuple[float, ...]
    diary: Annotated[str, Telemetry]
    seconds: Annotated[float, Telemetry] = 0.0
    trouble: Annotated[dict[str, str], Telemetry] = dataclasses.field(default_factory=dict)
    patience: Annotated[float | None, Telemetry] = None
    group: Annotated[int, Telemetry] = 1

    def together(self, missing: Mapping[str, Step]) -> list[tuple[str, ...]]:
        names = list(missing)
        return [tuple(names[start : start + self.group]) for start in range(0, len(names), self.group)]

    def pieces(self, context: Context) -> Mapping[str, Step]:
        context.read(self.source)
        return {
            f"x{factor:g}": Part(
                source=self.source, factor=factor, diary=self.diary, seconds=self.seconds,
                trouble=self.trouble.get(f"{factor:g}", ""), needs=Needs(cpus=1, patience_minutes=self.patience),
            )
            for factor in self.factors
        }  # fmt: skip

    def run(self, context: Context) -> Total:
        parts = {name: context.read(piece).value for name, piece in self.pieces(context).items()}
        return Total(value=sum(parts.values()), parts=parts)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Half(Step):
    total: Step
    version: ClassVar[int] = 1
    #: More than the source holds is a mistake, which shows as soon as the source is read.
    at_least: Annotated[float, Telemetry] = 0.0

    def check(self, context: Context) -> None:
        source: Source = self.total.source  # type: ignore[attr-defined]
        if context.read(source).value < self.at_least:
            raise UserError("at_least is more than there is.")

    def run(self, context: Context) -> Total:
        return Total(value=context.read(self.total).value / 2)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Toy(Experiment):
    source: Step
    parts: Step
    half: Step

    def summary(self, read: Any, folder: Any) -> tuple[str, ...]:
        return (f"half of it all is {read(self.half).value:g}",)


def toy(tmp_path: pathlib.Path, factors: tuple[float, ...] = (1.0, 2.0, 3.0), **settings: Any) -> Toy:
    number = tmp_path / "number.txt"
    if not number.exists():
        number.write_text("10")
    source = Source(path=str(number))
    parts = Parts(source=source, factors=factors, diary=str(tmp_path / "diary.txt"), **settings)
    return Toy(name="toy", source=source, parts=parts, half=Half(total=parts))


def groups(tmp_path: pathlib.Path) -> list[str]:
    """Size and attempts so far of every group that began, in order."""
    file = tmp_path / "diary.txt.groups"
    return file.read_text().splitlines() if file.exists() else []


def diary(tmp_path: pathlib.Path) -> list[float]:
    """The factors whose parts really ran, in order."""
    file = tmp_path / "diary.txt"
    return [float(line.split()[0]) for line in file.read_text().splitlines()] if file.exists() else []
