"""The step `known`: right proofs, and as many made wrong on purpose, all confirmed by the machine.

A language model that gives opinions sees some of them as examples and is measured on the others: how far can it be
trusted where the machine cannot decide?
"""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from collections.abc import Sequence
from typing import Annotated

from olmix.config.tags import Resources
from olmix.errors import UserError
from olmix.graph.resources import ONE_CPU, Needs, workers
from olmix.graph.step import Context, Step
from olmix.proofs.pipeline.checking import CHECKED, CHECKING, Checked, Checking, look_at_all
from olmix.proofs.pipeline.corruption import Corrupted, corruptions
from olmix.proofs.pipeline.fusion import TRAIN
from olmix.proofs.pipeline.items import Item, read_items, read_records, write_items, write_records

RIGHT, WRONG = "right.jsonl", "wrong.jsonl"


@dataclasses.dataclass(frozen=True, kw_only=True)
class KnownResult:
    """How many there are of each; `by_fault` is what was done to the wrong ones."""

    right: int
    wrong: int
    by_fault: dict[str, int]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Known(Step):
    """Up to `count` right proofs and as many wrong ones. Writes `right.jsonl` and `wrong.jsonl`.

    `items` is a step that checked proofs, of which the accepted are right, or a training set, of which all are.
    """

    items: Step
    count: int = 50
    checking: Checking = CHECKING
    seed: int = 0
    needs: Annotated[Needs | None, Resources] = ONE_CPU

    def __post_init__(self) -> None:
        if self.count < 0:
            raise UserError(f"known.count is a number of proofs, at least 0; it is {self.count}.")

    def run(self, context: Context) -> KnownResult:
        """Chooses and corrupts; the machine has the last word on what is wrong."""
        folder = context.folder(self.items)
        if (folder / CHECKED).is_file():
            checked: list[Checked] = read_records(folder / CHECKED, Checked)
            items = [record.item for record in checked if record.look.verdict == "accepted"]
        else:
            # A training set may read an item several times.
            items = list({item.id: item for item in read_items(folder, TRAIN)}.values())
        right, wrong = known_pairs(items, self.count, self.checking, self.seed, workers(self.needs), context)
        write_items(context.out, right, RIGHT)
        write_records(context.out / WRONG, wrong)
        return KnownResult(
            right=len(right), wrong=len(wrong), by_fault=dict(sorted(Counter(one.fault for one in wrong).items()))
        )


def read_known(known: Step, context: Context) -> tuple[list[Item], list[Corrupted]]:
    """What the step `known` wrote: the right ones, the wrong ones."""
    folder = context.folder(known)
    return read_items(folder, RIGHT), read_records(folder / WRONG, Corrupted)


def known_pairs(
    right: Sequence[Item], count: int, checking: Checking, seed: int, workers: int, context: Context
) -> tuple[list[Item], list[Corrupted]]:
    """Up to `count` right proofs, and as many made wrong from others where possible, each confirmed wrong by the machine.

    The faults take turns, so that each is as frequent as the proofs allow.
    """
    order = list(right)
    random.Random(seed).shuffle(order)
    chosen = order[:count]
    candidates = [one for item in order[count : 3 * count] or chosen for one in corruptions(item, seed)]
    random.Random(seed + 1).shuffle(candidates)
    candidates = candidates[: 4 * count]
    looks = look_at_all(
        [(one.item.problem, one.item.proof, one.item.statement) for one in candidates],
        checking,
        workers,
        context.progress,
    )
    by_fault: dict[str, list[Corrupted]] = {}
    for one, look in zip(candidates, looks, strict=True):
        if look.verdict == "rejected":
            by_fault.setdefault(one.fault, []).append(one)
    wrong: list[Corrupted] = []
    while len(wrong) < count and any(by_fault.values()):
        for queue in by_fault.values():
            if queue and len(wrong) < count:
                wrong.append(queue.pop(0))
    return chosen, wrong
