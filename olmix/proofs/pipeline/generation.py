"""The step `generate`: many problems with proofs, written in shards that are artifacts of their own.

A shard's seed comes from its number, so asking for more problems writes new shards and keeps the old ones. A shard
that is killed starts again by itself; one that a model writes goes on from its last finished batch.
"""

from __future__ import annotations

import dataclasses
from typing import Annotated, ClassVar

from olmix.config.tags import Resources
from olmix.errors import UserError
from olmix.graph.resources import ONE_CPU, Needs
from olmix.graph.step import Context, FanOut, Step
from olmix.proofs.pipeline.items import Item, read_items, write_items
from olmix.proofs.pipeline.sources import Source

#: Why something that was written is not among the items.
REPEATS = "repeats another item"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Generated:
    """How many items were written, and what came to nothing: reason to count. `engines` says what wrote them."""

    items: int
    asked: int
    failed: dict[str, int]
    by_technique: dict[str, int]
    engines: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class GenerateShard(Step):
    """One shard. Writes `items.jsonl`."""

    version: ClassVar[int] = 2

    source: Source
    number: int
    count: int
    seed: int
    needs: Annotated[Needs | None, Resources] = ONE_CPU

    def observe(self) -> str | None:
        """See `Source.observe`."""
        return self.source.observe()

    def run(self, context: Context) -> Generated:
        """Writes the shard's items."""
        seed = self.seed * 1_000_003 + self.number
        prefix = f"{self.source.writer}-{self.seed}-{self.number:03d}"
        written = self.source.write(self.count, seed, prefix, context, self.needs)
        write_items(context.out, written.items)
        techniques = [item.technique for item in written.items]
        return Generated(
            items=len(written.items),
            asked=self.count,
            failed=written.failed,
            by_technique={name: techniques.count(name) for name in self.source.techniques},
            engines=(written.engine,),
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Generate(FanOut):
    """`count` items by `source` in shards of `shard` items, each a task with `each_needs`. Writes all into `items.jsonl`."""

    version: ClassVar[int] = 2

    source: Source
    count: int
    shard: int
    seed: int = 0
    each_needs: Annotated[Needs, Resources] = ONE_CPU

    def __post_init__(self) -> None:
        if self.count < 1 or self.shard < 1:
            raise UserError(
                f"generate.count and generate.shard must be at least 1; they are {self.count} and {self.shard}."
            )
        # What cannot fit or cannot run is said before any hardware is asked for.
        self.source.check(self.each_needs)

    def observe(self) -> str | None:
        """See `Source.observe`."""
        return self.source.observe()

    def forecast(self, context: Context) -> tuple[str, ...]:
        """How much, in how many shards, and what fits."""
        shards = -(-self.count // self.shard)
        needs = f"each shard needs {self.each_needs.text()}"
        return (
            f"{self.count:,} problems in {shards} shards of {self.shard}; {needs}",
            *self.source.check(self.each_needs),
        )

    def pieces(self, context: Context) -> dict[str, Step]:
        """The shards; the last may be smaller."""
        sizes = [min(self.shard, self.count - start) for start in range(0, self.count, self.shard)]
        return {
            f"shard-{number:03d}": GenerateShard(
                source=self.source.part(size / self.count),
                number=number,
                count=size,
                seed=self.seed,
                needs=self.each_needs,
            )
            for number, size in enumerate(sizes)
        }

    def run(self, context: Context) -> Generated:
        """Gathers the shards; of problems that two of them wrote, the first stays.

        Raises:
          UserError: if nothing at all was written.
        """
        pieces = self.pieces(context)
        shards: list[Generated] = [context.read(piece) for piece in pieces.values()]
        written = [item for piece in pieces.values() for item in read_items(context.folder(piece))]
        first: dict[str, Item] = {}
        for item in written:
            first.setdefault(item.key, item)
        items = list(first.values())
        failed: dict[str, int] = {}
        for shard in shards:
            for reason, count in shard.failed.items():
                failed[reason] = failed.get(reason, 0) + count
        if len(items) < len(written):
            failed[REPEATS] = failed.get(REPEATS, 0) + len(written) - len(items)
        if not items:
            raise UserError(f"Nothing readable was generated; {failed or 'no reason is known'}.")
        write_items(context.out, items)
        return Generated(
            items=len(items),
            asked=self.count,
            failed=failed,
            by_technique={name: sum(item.technique == name for item in items) for name in self.source.techniques},
            engines=tuple(sorted({engine for shard in shards for engine in shard.engines})),
        )
