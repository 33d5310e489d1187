"""The step `known`: right proofs, and as many made wrong on purpose, all confirmed by the machine.

A language model that gives opinions sees some of them as examples and is measured on the others: how far can it be
trusted where the machine cannot decide?
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import random
from collections import Counter
from typing import Annotated

import msgspec

from olmix.config.tags import Resources, RunIdentity
from olmix.errors import UserError
from olmix.graph.resources import ONE_CPU, Needs, workers
from olmix.graph.step import Context, FanOut, Step
from olmix.language_models.shards import cut
from olmix.proofs.pipeline.checking import CHECKED, CHECKING, Checked, Checking, look_at_all
from olmix.proofs.pipeline.corruption import Corrupted, corruptions
from olmix.proofs.pipeline.fusion import TRAIN
from olmix.proofs.pipeline.items import Item, read_items, read_records, write_items, write_records
from olmix.proofs.pipeline.machine import Look

RIGHT, WRONG, LOOKS = "right.jsonl", "wrong.jsonl", "looks.jsonl"


@dataclasses.dataclass(frozen=True, kw_only=True)
class KnownResult:
    """How many there are of each; `by_fault` is what was done to the wrong ones."""

    right: int
    wrong: int
    by_fault: dict[str, int]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice:
    """Which proofs are taken for right ones, and what is made of others: the same each time, from `items` and `seed` alone."""

    items: Step
    count: int
    seed: int

    def choose(self, context: Context) -> tuple[list[Item], list[Corrupted]]:
        """Right ones, and four times as many candidates for wrong ones, made from other proofs where there are enough."""
        folder = context.folder(self.items)
        if (folder / CHECKED).is_file():
            checked: list[Checked] = read_records(folder / CHECKED, Checked)
            right = [record.item for record in checked if record.look.verdict == "accepted"]
        else:
            # A training set may read an item several times.
            right = list({item.id: item for item in read_items(folder, TRAIN)}.values())
        random.Random(self.seed).shuffle(right)
        chosen = right[: self.count]
        others = right[self.count : 3 * self.count] or chosen
        candidates = [one for item in others for one in corruptions(item, self.seed)]
        random.Random(self.seed + 1).shuffle(candidates)
        return chosen, candidates[: 4 * self.count]


@dataclasses.dataclass(frozen=True, kw_only=True)
class LookSlice(Step):
    """The machine's look at the wrong candidates `first` to `first + count` of a `Known`. `digest` stands for their text.

    Writes `looks.jsonl`.
    """

    known: Annotated[Choice, RunIdentity]
    first: Annotated[int, RunIdentity]
    count: int
    digest: str
    checking: Checking
    needs: Annotated[Needs | None, Resources] = ONE_CPU

    def run(self, context: Context) -> int:
        """Looks; the number of those that are wrong indeed."""
        _, candidates = self.known.choose(context)
        looks = look_at_all(
            [(one.item.problem, one.item.proof, one.item.statement) for one in candidates[self.first : self.first + self.count]],
            self.checking, workers(self.needs), context.progress,
        )  # fmt: skip
        write_records(context.out / LOOKS, looks)
        return sum(look.verdict == "rejected" for look in looks)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Known(FanOut):
    """Up to `count` right proofs and as many wrong ones. Writes `right.jsonl` and `wrong.jsonl`.

    `items` is a step that checked proofs, of which the accepted are right, or a training set, of which all are. The machine
    looks at the wrong ones in slices of `slice`, each a task with `each_needs`.
    """

    items: Step
    count: int = 50
    checking: Checking = CHECKING
    seed: int = 0
    slice: Annotated[int, Resources] = 100
    each_needs: Annotated[Needs, Resources] = ONE_CPU

    def __post_init__(self) -> None:
        if self.count < 0 or self.slice < 1:
            raise UserError(
                f"A step of known proofs needs count >= 0 and slice >= 1; it has {self.count} and {self.slice}."
            )

    def declared(self) -> tuple[str, ...]:
        """How much the machine looks at."""
        return (
            f"up to {self.count:,} right proofs, and of {4 * self.count:,} corrupted ones as many that the machine rejects; "
            f"in slices of {self.slice:,}, each a task with {self.each_needs.text()}",
        )

    def forecast(self, context: Context) -> tuple[str, ...]:
        """As declared."""
        return self.declared()

    @property
    def _choice(self) -> Choice:
        return Choice(items=self.items, count=self.count, seed=self.seed)

    def pieces(self, context: Context) -> dict[str, Step]:
        """The slices."""
        _, candidates = self._choice.choose(context)
        return {
            f"slice-{number:03d}": LookSlice(
                known=self._choice, first=first, count=count, checking=self.checking, needs=self.each_needs,
                digest=hashlib.sha256(
                    b"\n".join(msgspec.json.encode(one) for one in candidates[first : first + count])
                ).hexdigest(),
            )
            for number, (first, count) in enumerate(cut(len(candidates), self.slice))
        }  # fmt: skip

    def run(self, context: Context) -> KnownResult:
        """Gathers the slices: the machine has the last word on what is wrong. The faults take turns, as far as there are any."""
        right, candidates = self._choice.choose(context)
        looks = [
            look
            for piece in self.pieces(context).values()
            for look in read_records(context.folder(piece) / LOOKS, Look)
        ]
        by_fault: dict[str, list[Corrupted]] = {}
        for one, look in zip(candidates, looks, strict=True):
            if look.verdict == "rejected":
                by_fault.setdefault(one.fault, []).append(one)
        turns = itertools.chain.from_iterable(itertools.zip_longest(*by_fault.values()))
        wrong = [one for one in turns if one is not None][: self.count]
        write_items(context.out, right, RIGHT)
        write_records(context.out / WRONG, wrong)
        return KnownResult(
            right=len(right), wrong=len(wrong), by_fault=dict(sorted(Counter(one.fault for one in wrong).items()))
        )


def read_known(known: Step, context: Context) -> tuple[list[Item], list[Corrupted]]:
    """What the step `known` wrote: the right ones, the wrong ones."""
    folder = context.folder(known)
    return read_items(folder, RIGHT), read_records(folder / WRONG, Corrupted)
