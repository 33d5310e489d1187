"""The step `split`: train, validation and test by canonical key, in proportion within each technique and difficulty.

A key is on one side only, so a test problem is never a training problem in other letters. Where an item goes depends
on its key and the seed alone, up to rounding within its stratum. The training file is in an order in which every
beginning is a fair sample: its first quarter, half and so on are the nested subsets of the learning curve.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
import pathlib
from collections.abc import Sequence
from typing import ClassVar

from olmix.errors import UserError
from olmix.graph.step import Context, Step
from olmix.proofs.pipeline.decontamination import contaminated, read_test_set
from olmix.proofs.pipeline.items import Item, read_items, write_items

SIDES = ("train", "validation", "test")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SplitResult:
    """Items on each side, by stratum too; `removed` are training items that meet a given test set: id to reason.

    The test side has one item of each key, so that its problems are independent; `set_aside` counts the others.
    Of the `foreign` problems of given test sets, `foreign_by_words` could not be read: their words alone are compared.
    """

    train: int
    validation: int
    test: int
    set_aside: int
    strata: dict[str, tuple[int, int, int]]
    removed: dict[str, str]
    foreign: int = 0
    foreign_by_words: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Split(Step):
    """Writes `train.jsonl`, `validation.jsonl` and `test.jsonl`.

    `test_sets` are JSON files of problems that nobody may train on; `run_words` is how many words in a row must agree.
    """

    cheap: ClassVar[bool] = True

    items: Step
    validation: float = 0.05
    test: float = 0.1
    test_sets: tuple[str, ...] = ()
    run_words: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        if not (self.validation > 0 and self.test > 0 and self.validation + self.test < 1):
            raise UserError(
                f"split.validation and split.test are shares above 0 that leave something to train on; they are "
                f"{self.validation:g} and {self.test:g}."
            )
        if self.run_words < 1:
            raise UserError(
                f"split.run_words is how many words in a row must agree, at least 1; it is {self.run_words}."
            )

    def observe(self) -> str | None:
        """A digest of the given test sets."""
        if not self.test_sets:
            return None
        digest = hashlib.sha256()
        for name in self.test_sets:
            path = pathlib.Path(name).expanduser()
            if not path.is_file():
                raise UserError(
                    f"split.test_sets names {name}, which is {'no file' if path.exists() else 'not there'}."
                )
            digest.update(path.read_bytes())
        return digest.hexdigest()

    def most_items(self) -> int | None:
        """How many items the training side can have at most, but for rounding; None where its source cannot say."""
        known = getattr(self.items, "most_items", None)
        return None if known is None else math.ceil(known() * (1 - self.validation - self.test))

    def run(self, context: Context) -> SplitResult:
        """Splits."""
        items: list[Item] = read_items(context.folder(self.items))
        sides = split_by_key(items, (1 - self.validation - self.test, self.validation, self.test), self.seed)
        tests = [test for name in self.test_sets for test in read_test_set(pathlib.Path(name).expanduser())]
        removed = contaminated([*sides[0], *sides[1]], tests, size=self.run_words) if tests else {}
        test = one_per_key(sides[2])
        set_aside = len(sides[2]) - len(test)
        sides = ([i for i in sides[0] if i.id not in removed], [i for i in sides[1] if i.id not in removed], test)
        for side, name in zip(sides, SIDES, strict=True):
            if not side:
                share = {
                    "validation": f"split.validation={self.validation:g}",
                    "test": f"split.test={self.test:g}",
                }.get(name, f"what split.validation={self.validation:g} and split.test={self.test:g} leave")
                met = f", and {len(removed):,} met a given test set" if removed else ""
                raise UserError(
                    f"The {name} side of the split is empty: {len(items):,} items are too few for {share}{met}."
                )
            write_items(context.out, side, f"{name}.jsonl")
        strata = sorted({item.stratum for item in items})
        return SplitResult(
            train=len(sides[0]), validation=len(sides[1]), test=len(sides[2]), set_aside=set_aside, removed=removed,
            strata={s: tuple(sum(item.stratum == s for item in side) for side in sides) for s in strata},  # type: ignore[misc]
            foreign=len(tests), foreign_by_words=sum(test.key is None for test in tests),
        )  # fmt: skip


def split_by_key(
    items: Sequence[Item], shares: tuple[float, float, float], seed: int
) -> tuple[list[Item], list[Item], list[Item]]:
    """The items by side; every key, and so every problem, on one side. Each side is in nested order (see `nested_order`).

    Within a stratum the counts of keys are the shares, rounded by largest remainder; a key is of its first item's
    stratum.
    """
    groups: dict[str, list[Item]] = {}
    for item in items:
        groups.setdefault(item.key, []).append(item)
    strata: dict[str, list[str]] = {}
    for key, members in groups.items():
        strata.setdefault(members[0].stratum, []).append(key)
    sides: tuple[list[Item], list[Item], list[Item]] = ([], [], [])
    for _, keys in sorted(strata.items()):
        ordered = sorted(keys, key=lambda key: _hash(seed, key))
        start = 0
        for side, count in zip(sides, _rounded(len(ordered), shares), strict=True):
            side += [item for key in ordered[start : start + count] for item in groups[key]]
            start += count
    return nested_order(sides[0], seed), nested_order(sides[1], seed), nested_order(sides[2], seed)


def one_per_key(items: Sequence[Item]) -> list[Item]:
    """The first item of each key."""
    first: dict[str, Item] = {}
    for item in items:
        first.setdefault(item.key, item)
    return list(first.values())


def nested_order(items: Sequence[Item], seed: int) -> list[Item]:
    """An order in which every beginning has the strata in proportion: the n-th of m in a stratum stands at (n - ½)/m."""
    strata: dict[str, list[Item]] = {}
    for item in sorted(items, key=lambda item: _hash(seed, f"{item.key}/{item.id}")):
        strata.setdefault(item.stratum, []).append(item)
    placed = [
        ((number + 0.5) / len(members), stratum, number, item)
        for stratum, members in strata.items()
        for number, item in enumerate(members)
    ]
    return [item for *_, item in sorted(placed, key=lambda entry: entry[:3])]


def _rounded(total: int, shares: Sequence[float]) -> list[int]:
    exact = [total * share for share in shares]
    counts = [int(value) for value in exact]
    by_remainder = sorted(range(len(shares)), key=lambda side: (counts[side] - exact[side], side))
    for side in by_remainder[: total - sum(counts)]:
        counts[side] += 1
    return counts


def _hash(seed: int, text: str) -> str:
    return hashlib.sha256(f"{seed}\0{text}".encode()).hexdigest()
