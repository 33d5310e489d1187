"""The step `check`: the machine's verdict on every generated item, in slices that are artifacts of their own.

A slice is known by the text of its items, not by who wrote them: adding shards checks what is new.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from typing import Annotated

import msgspec

from olmix.config.tags import Resources, RunIdentity
from olmix.errors import UserError
from olmix.graph.resources import ONE_CPU, Needs, workers
from olmix.graph.step import Context, FanOut, Step
from olmix.proofs.pipeline import machine
from olmix.proofs.pipeline.items import Item, read_items, read_records, write_records
from olmix.proofs.pipeline.machine import Look
from olmix.proofs.pipeline.pool import call_all

CHECKED = "checked.jsonl"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Checked:
    """An item with what the machine says about it. `item.key` and `item.statement` are the machine's now, where it read them."""

    item: Item
    look: Look


@dataclasses.dataclass(frozen=True, kw_only=True)
class CheckResult:
    """How many items got which verdict."""

    items: int
    accepted: int
    rejected: int
    undecided: int
    seconds: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Checking:
    """How the machine checks. Beyond `seconds_each` a check is ended and the item is undecided: the last resort, not a budget."""

    seconds_each: float = 60.0
    version: int = machine.VERSION

    def __post_init__(self) -> None:
        if not self.seconds_each > 0:
            raise UserError(f"checking.seconds_each is a time, above 0; it is {self.seconds_each:g}.")


CHECKING = Checking()


def look_at_all(
    items: Sequence[tuple[str, str, dict[str, object] | None]],
    checking: Checking,
    workers: int,
    progress: Callable[[float, float, str], None],
) -> list[Look]:
    """The machine's look at (problem, proof, statement or None) triples, in order."""
    payloads = [{"problem": problem, "proof": proof, "statement": statement} for problem, proof, statement in items]
    outcomes = call_all(machine.WORK, payloads, workers=workers, seconds_each=checking.seconds_each, progress=progress)
    return [
        msgspec.convert(outcome.value, Look) if outcome.ok
        else Look(verdict="undecided", reason="check ended", detail=outcome.trouble)
        for outcome in outcomes
    ]  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class CheckSlice(Step):
    """Items `first` to `first + count` of the generated ones. `digest` stands for their text."""

    generated: Annotated[Step, RunIdentity]
    first: Annotated[int, RunIdentity]
    count: int
    digest: str
    checking: Checking
    needs: Annotated[Needs | None, Resources] = ONE_CPU

    def run(self, context: Context) -> CheckResult:
        """Checks the slice; writes `checked.jsonl`."""
        items = read_items(context.folder(self.generated))[self.first : self.first + self.count]
        looks = look_at_all(
            [(item.problem, item.proof, item.statement) for item in items], self.checking,
            workers(self.needs), context.progress,
        )  # fmt: skip
        write_records(context.out / CHECKED, [merge(item, look) for item, look in zip(items, looks, strict=True)])
        return _count(looks)


def merge(item: Item, look: Look) -> Checked:
    """The item with the key and the statement that the machine read, if it did."""
    known = dataclasses.replace(item, key=look.key or item.key, statement=look.statement or item.statement)
    return Checked(item=known, look=look)


def _count(looks: Sequence[Look]) -> CheckResult:
    verdicts = [look.verdict for look in looks]
    return CheckResult(
        items=len(looks), accepted=verdicts.count("accepted"), rejected=verdicts.count("rejected"),
        undecided=verdicts.count("undecided"), seconds=round(sum(look.seconds for look in looks), 1),
    )  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class Check(FanOut):
    """Checks all items that the steps `generated` wrote, in slices of `slice` items, each a task with `each_needs`.

    Writes `checked.jsonl`.
    """

    generated: tuple[Step, ...]
    slice: int = 500
    checking: Checking = CHECKING
    each_needs: Annotated[Needs, Resources] = ONE_CPU

    def __post_init__(self) -> None:
        if self.slice < 1:
            raise UserError(f"check.slice is how many items a task checks, at least 1; it is {self.slice}.")

    def pieces(self, context: Context) -> dict[str, Step]:
        """The slices."""
        pieces: dict[str, Step] = {}
        for step in self.generated:
            items = read_items(context.folder(step))
            for first in range(0, len(items), self.slice):
                own = items[first : first + self.slice]
                pieces[f"slice-{len(pieces):03d}"] = CheckSlice(
                    generated=step, first=first, count=len(own), checking=self.checking, needs=self.each_needs,
                    digest=hashlib.sha256(b"\n".join(msgspec.json.encode(item) for item in own)).hexdigest(),
                )  # fmt: skip
        return pieces

    def run(self, context: Context) -> CheckResult:
        """Gathers the slices."""
        pieces = self.pieces(context).values()
        checked = [record for piece in pieces for record in read_records(context.folder(piece) / CHECKED, Checked)]
        write_records(context.out / CHECKED, checked)
        return _count([record.look for record in checked])
