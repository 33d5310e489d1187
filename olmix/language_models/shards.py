"""Questions to a language model in shards, each a task and an artifact of its own: a lost worker costs minutes, not all answers.

A step that asks is a fan-out. It says what is asked (`Questions`), `ask_shards` cuts that, and the step gathers the answers.
How it is cut changes no answer, because seeds belong to requests; a cap in dollars is divided by what each shard could
cost, so that all of them together stay below it. The price: each shard loads the model.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterable, Sequence
from typing import Annotated

import msgspec

from olmix.config.tags import Resources, RunIdentity
from olmix.errors import UserError
from olmix.graph.resources import ONE_CPU, Needs
from olmix.graph.step import Context, Step
from olmix.language_models.asking import Asker
from olmix.language_models.backend import Backend
from olmix.language_models.ledger import key_of, unknown
from olmix.language_models.prompts import Prompt
from olmix.language_models.requests import Answer, Length, Request, Sampling
from olmix.language_models.source import identity, locate, observe

ANSWERS = "answers.jsonl"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Questions:
    """What is asked. Subclasses hold the steps that it is made from, and make the same requests in the same order each time."""

    prompt: Prompt

    def count(self, context: Context) -> int:
        """How many there are."""
        raise TypeError(f"{type(self).__name__} does not define count().")

    def requests(self, context: Context, first: int, count: int) -> list[Request]:
        """So many of them, from number `first` on: never all at once, they may be gigabytes."""
        raise TypeError(f"{type(self).__name__} does not define requests().")

    def objection(self, answers: Sequence[Answer]) -> str:
        """Why such answers are none and no result may be made of them; "" where they may be."""
        return ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShardResult:
    """What ran, and what it cost: as `Asked` has it. `too_long` are prompts that leave no room: id to tokens."""

    engine: str
    known: int
    estimate: float
    dollars: float
    too_long: dict[str, int]


@dataclasses.dataclass(frozen=True, kw_only=True)
class AskShard(Step):
    """Asks `count` of the questions, from number `first` on. Writes `answers.jsonl`.

    With `skip_long`, prompts that leave no room are left out and listed, else they are an error. `book` is where answers
    are kept beyond this step; None keeps them in its scratch folder until it is done.
    """

    questions: Questions
    first: int
    count: int
    backend: Backend
    length: Length
    sampling: Sampling
    skip_long: bool = False
    book: Annotated[str | None, RunIdentity] = None
    batch: Annotated[int, Resources] = 64
    needs: Annotated[Needs | None, Resources] = ONE_CPU

    def observe(self) -> str | None:
        """The prompt's text and a local model's files."""
        return f"{self.questions.prompt.digest()} {observe(self.backend.model)}"

    def run(self, context: Context) -> ShardResult:
        """Asks; goes on from the last kept answer of an attempt that was killed."""
        requests = self.questions.requests(context, self.first, self.count)
        asker = Asker(
            backend=self.backend, length=self.length, sampling=self.sampling, batch=self.batch, needs=self.needs
        )
        too_long = asker.too_long(requests, context) if self.skip_long else {}
        fitting = [one for one in requests if one.id not in too_long]
        if not fitting:
            (context.out / ANSWERS).write_bytes(b"")
            return ShardResult(engine="", known=0, estimate=0.0, dollars=0.0, too_long=too_long)
        asked = asker.ask(fitting, context, pathlib.Path(self.book).expanduser() if self.book else None)
        if objection := self.questions.objection(asked.answers):
            kept = (
                f" The answers are kept in {self.book}; delete them there to ask the same again." if self.book else ""
            )
            raise UserError(f"{objection}{kept}")
        lines = [msgspec.json.encode(answer) + b"\n" for answer in asked.answers]
        (context.out / ANSWERS).write_bytes(b"".join(lines))
        return ShardResult(
            engine=asked.engine, known=asked.known, estimate=asked.estimate, dollars=asked.dollars, too_long=too_long
        )


def cut(count: int, shard: int) -> list[tuple[int, int]]:
    """First and count of each shard of so many; the last may be smaller.

    Raises:
      UserError: if a shard is to have nothing.
    """
    if shard < 1:
        raise UserError(f"A shard has at least 1 question; shard is {shard}.")
    return [(first, min(shard, count - first)) for first in range(0, count, shard)]


def ask_shards(
    questions: Questions, context: Context, *, backend: Backend, length: Length, sampling: Sampling, shard: int,
    batch: int, needs: Needs, skip_long: bool = False, book: pathlib.Path | None = None,
) -> dict[str, AskShard]:  # fmt: skip
    """The shards by name. What the backend may spend is divided between them; what `book` knows costs nothing."""
    cuts = cut(questions.count(context), shard)
    bills = [0.0] * len(cuts)
    if backend.priced and len(cuts) > 1:
        name = identity(locate(backend.model, context))
        for number, (first, count) in enumerate(cuts):
            asked = questions.requests(context, first, count)
            if book is not None:
                keys = {key_of(name, one, sampling, length): one for one in asked}
                new = unknown(book, list(keys))
                asked = [one for key, one in keys.items() if key in new]
            bills[number] = backend.bill(asked, sampling, length)
    shares = split_bill(bills)
    return {
        f"shard-{number:03d}": AskShard(
            questions=questions, first=first, count=count, backend=backend.part(share), length=length, sampling=sampling,
            skip_long=skip_long, book=str(book) if book is not None else None, batch=batch, needs=needs,
        )
        for number, ((first, count), share) in enumerate(zip(cuts, shares, strict=True))
    }  # fmt: skip


def split_bill(bills: Sequence[float]) -> list[float]:
    """The share of each in the whole, so that all are refused where the whole would be; one alone has it all."""
    whole = sum(bills)
    return [1.0] if len(bills) == 1 else [bill / whole if whole else 0.0 for bill in bills]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gathered:
    """What all shards were answered, in the order of the questions; the sums of their bills."""

    answers: tuple[Answer, ...]
    engine: str
    known: int
    estimate: float
    dollars: float
    too_long: dict[str, int]


def gather(shards: Iterable[Step], context: Context) -> Gathered:
    """The answers of shards that are done."""
    answers: list[Answer] = []
    results: list[ShardResult] = []
    for shard in shards:
        results.append(context.read(shard))
        lines = (context.folder(shard) / ANSWERS).read_bytes().splitlines()
        answers += [msgspec.json.decode(line, type=Answer) for line in lines]
    return Gathered(
        answers=tuple(answers), engine=engines(result.engine for result in results),
        known=sum(result.known for result in results), estimate=sum(result.estimate for result in results),
        dollars=sum(result.dollars for result in results),
        too_long={id: tokens for result in results for id, tokens in result.too_long.items()},
    )  # fmt: skip


def engines(names: Iterable[str]) -> str:
    """What ran, each once."""
    return ", ".join(sorted({name for name in names if name}))


def too_long_of(found: Gathered, length: Length) -> str:
    """The sentence for when not one prompt left room."""
    id, tokens = min(found.too_long.items(), key=lambda one: (one[1], one[0]))
    return (
        f"None of {len(found.too_long):,} prompts leaves room within the length of {length.max_length} tokens (even that of {id} "
        f"has {tokens}): raise it, or show fewer examples."
    )
