"""The step `training_set`: named components with shares, put together like a mixture.

A preset has a base set of components; a variant changes, adds or (with share 0) removes some of them by name:
`merged`. What came out stands in the config itself, so `inspect` and `diff` show it, and the counts are in the dry
run.
"""

from __future__ import annotations

import codecs
import dataclasses
import math
import pathlib
from collections.abc import Sequence
from typing import Any, ClassVar

from olmix.errors import UserError, nearest
from olmix.graph.step import Context, Step
from olmix.proofs.pipeline.items import Item, read_items, words_key
from olmix.proofs.pipeline.items import write_items as write

TRAIN = "train.jsonl"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Component:
    """One source of training items: a step that wrote `file`, or a JSON-lines file of items outside the store.

    `techniques` and `writers` keep only those (empty: all). `share` is relative to the other components'; 0 leaves it
    out.
    """

    name: str
    items: Step | str
    share: float = 1.0
    techniques: tuple[str, ...] = ()
    writers: tuple[str, ...] = ()
    file: str = TRAIN


@dataclasses.dataclass(frozen=True, kw_only=True)
class ComponentCount:
    """What a component has and what of it is used. `read` is how often each of its items is read."""

    name: str
    share: float
    available: int
    used: int
    read: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingSetResult:
    """The mixture as resolved."""

    items: int
    components: tuple[ComponentCount, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingSet(Step):
    """Writes `train.jsonl`: `size` items (None: as many as the shares allow without reading any item twice).

    Every beginning of the file has the shares, so the subsets of a learning curve are nested here too. A component
    that is too small for its share is read up to `repetition` times. No item may have the key of a test problem of
    `split`.
    """

    cheap: ClassVar[bool] = True

    components: tuple[Component, ...]
    split: Step
    size: int | None = None
    repetition: float = 1.0

    def __post_init__(self) -> None:
        names = [component.name for component in self.components]
        if len(set(names)) < len(names):
            raise UserError(f"Two components of the training set share a name: {', '.join(sorted(names))}.")
        for component in self.components:
            if component.share < 0 or not math.isfinite(component.share):
                raise UserError(
                    f"The component {component.name!r} of the training set has share={component.share:g}; shares are relative to "
                    "each other, and 0 (left out) or above."
                )
        if not any(component.share > 0 for component in self.components):
            raise UserError("The training set has no component with a share above 0.")
        if self.size is not None and self.size < 1:
            raise UserError(f"training_set.size is a number of items, at least 1, or None; it is {self.size}.")
        if not 0 < self.repetition < math.inf:
            raise UserError(
                f"training_set.repetition is how often an item may be read, above 0; it is {self.repetition:g}."
            )

    def observe(self) -> str | None:
        """A digest of components outside the store."""
        import hashlib

        digest = hashlib.sha256()
        outside = [component for component in self.components if isinstance(component.items, str) and component.share]
        for component in outside:
            path = pathlib.Path(str(component.items)).expanduser()
            if not path.is_file():
                raise UserError(
                    f"The component {component.name!r} of the training set reads {path}, which is "
                    f"{'no file' if path.exists() else 'not there'} (training_set.components, items)."
                )
            digest.update(path.read_bytes())
        return digest.hexdigest() if outside else None

    def most_items(self) -> int | None:
        """How many items it can have at most; None where that is known only from its components' files."""
        if self.size is not None:
            return self.size
        chosen = [component for component in self.components if component.share > 0]
        whole = sum(component.share for component in chosen)
        found = []
        for component in chosen:
            known = getattr(component.items, "most_items", None)
            most = known() if known is not None else None
            if most is not None:
                found.append(int(most * self.repetition * whole / component.share))
        return min(found, default=None)

    def declared(self) -> tuple[str, ...]:
        """The shares as resolved."""
        whole = sum(component.share for component in self.components)
        return tuple(f"{c.name}: share {c.share / whole:.3f}" for c in self.components if c.share)

    def forecast(self, context: Context) -> tuple[str, ...]:
        """The counts by component."""
        result: TrainingSetResult = context.read(self)
        return tuple(
            f"{c.name}: {c.used:,} of {c.available:,} items, share {c.share:.3f}, read {c.read:.2f} times"
            for c in result.components
        )

    def run(self, context: Context) -> TrainingSetResult:
        """Puts the set together.

        Raises:
          UserError: if a component is too small for its share, or an item is a test problem.
        """
        chosen = [component for component in self.components if component.share > 0]
        pools = [_pool(component, context) for component in chosen]
        shares = [component.share / sum(c.share for c in chosen) for component in chosen]
        size = resolve_size(chosen, [len(pool) for pool in pools], shares, self.size, self.repetition)
        items = interleave(pools, shares, size)
        refuse_test_problems(items, read_items(context.folder(self.split), "test.jsonl"))
        write(context.out, [item for _, item in items], TRAIN)
        used = [sum(number == own for own, _ in items) for number in range(len(chosen))]
        return TrainingSetResult(
            items=len(items),
            components=tuple(
                ComponentCount(name=c.name, share=share, available=len(pool), used=count, read=count / len(pool))
                for c, share, pool, count in zip(chosen, shares, pools, used, strict=True)
            ),
        )


def merged(base: Sequence[Any], *variants: Sequence[Any]) -> tuple[Any, ...]:
    """Components (or configs of them): those of each variant take the place of their namesakes in `base`, new ones come after."""
    found = {component.name: component for component in base}
    for variant in variants:
        found.update({component.name: component for component in variant})
    return tuple(found.values())


def _pool(component: Component, context: Context) -> list[Item]:
    if isinstance(component.items, str):
        items = _read_outside(component.name, pathlib.Path(component.items).expanduser())
    else:
        folder = context.folder(component.items)
        if not (folder / component.file).is_file():
            there = sorted(path.name for path in folder.glob("*.jsonl"))
            raise UserError(
                f"The component {component.name!r} of the training set asks for the file {component.file!r} of a step that wrote "
                f"{', '.join(there) or 'none'}{nearest(component.file, there)} (training_set.components, file)."
            )
        items = read_items(folder, component.file)
    for what, asked, own in (
        ("technique", component.techniques, {item.technique for item in items}),
        ("writer", component.writers, {item.source for item in items}),
    ):
        for name in asked:
            if name not in own:
                raise UserError(
                    f"The component {component.name!r} asks for the {what} {name!r}, which it does not have{nearest(name, own)}."
                )
    pool = [
        item for item in items
        if (not component.techniques or item.technique in component.techniques)
        and (not component.writers or item.source in component.writers)
    ]  # fmt: skip
    if not pool:
        raise UserError(f"The component {component.name!r} of the training set has no items.")
    return pool


def _read_outside(name: str, path: pathlib.Path) -> list[Item]:
    """Items from a file that no step of ours wrote."""
    import msgspec

    items = []
    for number, line in enumerate(path.read_bytes().removeprefix(codecs.BOM_UTF8).splitlines(), 1):
        try:
            items.append(msgspec.json.decode(line, type=Item))
        except msgspec.MsgspecError as why:
            raise UserError(
                f"The component {name!r} of the training set: line {number} of {path} is no item ({why}); an item is a JSON "
                "object with id, problem, proof, technique, difficulty, source, key, as a split's train.jsonl has them."
            ) from why
    return items


def resolve_size(
    components: Sequence[Component],
    available: Sequence[int],
    shares: Sequence[float],
    size: int | None,
    repetition: float,
) -> int:
    """How many items in all.

    Raises:
      UserError: if `size` needs more of a component than `repetition` allows.
    """
    most = min(int(count * repetition / share) for count, share in zip(available, shares, strict=True))
    if size is None:
        return max(1, most)
    for component, count, share in zip(components, available, shares, strict=True):
        if share * size > count * repetition + 1:
            raise UserError(
                f"training_set.size={size:,} needs {share * size:,.0f} items of {component.name!r} and it has {count:,} "
                f"(repetition {repetition:g}): at most size={most:,}, or a smaller share, or a higher repetition."
            )
    return size


def interleave(pools: Sequence[Sequence[Item]], shares: Sequence[float], size: int) -> list[tuple[int, Item]]:
    """`size` items with the number of their pool, every beginning within an item of the shares."""
    taken = [0] * len(pools)
    chosen = []
    for total in range(1, size + 1):
        pool = max(range(len(pools)), key=lambda number: (shares[number] * total - taken[number], -number))
        chosen.append((pool, pools[pool][taken[pool] % len(pools[pool])]))
        taken[pool] += 1
    return chosen


def refuse_test_problems(items: Sequence[tuple[int, Item]], test: Sequence[Item]) -> None:
    """Raises a UserError that names them, if training items have the keys or the words of test problems.

    The words too, because the keys of a file from outside are what its writer says.
    """
    keys = {item.key: item.id for item in test}
    words = {words_key(item.problem): item.id for item in test}
    caught: dict[str, str] = {}
    for _, item in items:
        met = keys.get(item.key) or words.get(words_key(item.problem))
        if met is not None:
            caught[item.id] = met
    if caught:
        first = min(caught)
        raise UserError(
            f"{len(caught)} training items are problems of the test set, such as {first} (= {caught[first]}): "
            "leave them out of their component; a test on what was trained on says nothing."
        )
