"""The step `judge`: a language model grades proofs by a rubric, and is graded itself on proofs known to be right or wrong.

Its cost is estimated before the first call and capped; answers are cached by what was asked, so nothing is paid for
twice. Its numbers stand beside the machine's and never replace them.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Annotated, ClassVar

from olmix.config.tags import Resources, RunIdentity
from olmix.errors import UserError
from olmix.graph.resources import ONE_CPU, Needs
from olmix.graph.step import Context, FanOut, Step
from olmix.language_models.backend import Backend
from olmix.language_models.cost import Price
from olmix.language_models.prompts import Prompt
from olmix.language_models.requests import Answer, Length, Request, Sampling
from olmix.language_models.shards import Questions, ask_shards, gather
from olmix.language_models.source import observe, short_name
from olmix.proofs.pipeline.evaluation import ROWS, Row
from olmix.proofs.pipeline.intervals import Rate, wilson
from olmix.proofs.pipeline.items import read_records, write_records
from olmix.proofs.pipeline.known import read_known
from olmix.proofs.pipeline.opinions import Opinion, Reliability, count_votes, read_rubric, reliability

SAMPLING = Sampling(max_new_tokens=1024)
PROMPT = Prompt(name="judge")


@dataclasses.dataclass(frozen=True, kw_only=True)
class JudgeResult:
    """`judged`: share of proofs called right, by evaluation; `with_machine`: how often judge and machine agree where both decide.

    `dollars` is what this run spent, `estimate` what it could have cost at most.
    """

    judge: str
    judged: dict[str, Rate]
    with_machine: dict[str, Rate]
    no_verdict: int
    reliability: Reliability
    estimate: float
    dollars: float
    known_before: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class JudgedProofs(Questions):
    """How good is this proof? The rows of all `evaluations`, then the `known` right proofs, then the wrong ones."""

    evaluations: dict[str, Step]
    known: Step
    judge: str
    unreadable: float

    def rows(self, context: Context) -> dict[str, list[Row]]:
        """Those of each evaluation."""
        return {name: read_records(context.folder(step) / ROWS, Row) for name, step in self.evaluations.items()}

    def count(self, context: Context) -> int:
        """See `Questions.count`."""
        return len(self._asked(context))

    def requests(self, context: Context, first: int, count: int) -> list[Request]:
        """See `Questions.requests`."""
        return [
            self.prompt.render(f"judge-{number}", {"problem": problem, "proof": proof or "(nothing)"})
            for number, (problem, proof) in enumerate(self._asked(context)[first : first + count], first)
        ]

    def objection(self, answers: Sequence[Answer]) -> str:
        """See `Questions.objection`: what is clearly nonsense; a shard may have bad luck."""
        opinions = [count_votes(answer, read_rubric, 0.5) for answer in answers]
        return nonsense(opinions, self.unreadable, self.judge, clearly=True)

    def _asked(self, context: Context) -> list[tuple[str, str]]:
        right, wrong = read_known(self.known, context)
        rows = [(row.item.problem, row.proof) for of in self.rows(context).values() for row in of]
        return [*rows, *((item.problem, item.proof) for item in [*right, *(one.item for one in wrong)])]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Judge(FanOut):
    """Grades the rows of `evaluations` (name to step). Writes `<name>.jsonl` with one opinion per row.

    It is asked in shards of `shard` proofs, each a task with `each_needs`; the `known` proofs measure the judge itself. A
    verdict needs `share` of the samples. When more than `unreadable` of all answers have no readable verdict, the judge
    is not one and the step fails.
    """

    version: ClassVar[int] = 2

    evaluations: dict[str, Step]
    known: Step
    backend: Backend
    length: Length
    prompt: Prompt = PROMPT
    sampling: Sampling = SAMPLING
    share: float = 0.5
    unreadable: float = 0.2
    cache: Annotated[str, RunIdentity] = "~/.cache/olmix/judge"
    batch: Annotated[int, Resources] = 64
    shard: Annotated[int, Resources] = 500
    each_needs: Annotated[Needs, Resources] = ONE_CPU

    def __post_init__(self) -> None:
        if self.shard < 1 or not 0 < self.share <= 1 or not 0 <= self.unreadable <= 1:
            raise UserError(
                f"A judge needs shard >= 1, 0 < share <= 1 and 0 <= unreadable <= 1; it has {self.shard}, {self.share:g} and "
                f"{self.unreadable:g}."
            )
        self.backend.check(self.each_needs, self.length)

    def observe(self) -> str | None:
        """The prompt's text and a local model's files."""
        return f"{self.prompt.digest()} {observe(self.backend.model)}"

    def declared(self) -> tuple[str, ...]:
        """How many calls, and what they can cost at most."""
        shards = f"in shards of at most {self.shard:,}, each a task with {self.each_needs.text()}"
        lines = (shards, *self.backend.check(self.each_needs, self.length))
        problems = [getattr(getattr(step, "asking", None), "problems", None) for step in self.evaluations.values()]
        known = [count for count in problems if count is not None]
        if len(known) < len(problems):
            return lines
        measured = 2 * getattr(self.known, "count", 0)
        calls = sum(known) + measured
        price: Price | None = getattr(self.backend, "price", None)
        bill = ""
        if price is not None:
            new = self.sampling.max_new_tokens or self.length.max_length
            prompt = self.length.max_length - (self.sampling.max_new_tokens or 0)
            dollars = calls * price.of(prompt, new * self.sampling.samples)
            bill = f": ${dollars:.2f} if all of them were as long as length allows"
        return (f"at most {calls:,} proofs, {measured} of them to measure the judge{bill}", *lines)

    def forecast(self, context: Context) -> tuple[str, ...]:
        """As declared; the exact estimate is made from the proofs, before the first call."""
        return self.declared()

    def pieces(self, context: Context) -> dict[str, Step]:
        """The shards; each has its part of what all may spend."""
        return dict(
            ask_shards(
                self._questions(), context, backend=self.backend, length=self.length, sampling=self.sampling,
                shard=self.shard, batch=self.batch, needs=self.each_needs, book=self._book(),
            )
        )  # fmt: skip

    def _questions(self) -> JudgedProofs:
        return JudgedProofs(
            prompt=self.prompt, evaluations=self.evaluations, known=self.known, judge=short_name(self.backend.model),
            unreadable=self.unreadable,
        )  # fmt: skip

    def _book(self) -> pathlib.Path:
        """Where answers are kept for ever, whatever asks for them."""
        return pathlib.Path(self.cache).expanduser() / f"{short_name(self.backend.model).replace('/', '-')}.jsonl"

    def run(self, context: Context) -> JudgeResult:
        """Counts what the shards were answered.

        Raises:
          UserError: if too many of the answers are nonsense.
        """
        found = gather(self.pieces(context).values(), context)
        opinions = [count_votes(answer, read_rubric, self.share) for answer in found.answers]
        if objection := nonsense(opinions, self.unreadable, short_name(self.backend.model)):
            raise UserError(f"{objection} What it said is in {self._book()}.")
        start = 0
        judged, agreement = {}, {}
        for evaluation, of in self._questions().rows(context).items():
            own = opinions[start : start + len(of)]
            start += len(of)
            write_records(context.out / f"{evaluation}.jsonl", own)
            judged[evaluation] = wilson(sum(opinion.verdict == "right" for opinion in own), len(own))
            both = [
                (opinion.verdict == "right") == (row.look.verdict == "accepted")
                for opinion, row in zip(own, of, strict=True)
                if opinion.verdict != "none" and row.look.verdict != "undecided"
            ]
            agreement[evaluation] = wilson(sum(both), len(both))
        right, wrong = read_known(self.known, context)
        truths = [(True, "")] * len(right) + [(False, one.fault) for one in wrong]
        return JudgeResult(
            judge=found.engine, judged=judged, with_machine=agreement,
            no_verdict=sum(opinion.verdict == "none" for opinion in opinions),
            reliability=reliability(opinions[start:], truths), estimate=round(found.estimate, 4),
            dollars=round(found.dollars, 4), known_before=found.known,
        )  # fmt: skip


def nonsense(opinions: Sequence[Opinion], allowed: float, judge: str, *, clearly: bool = False) -> str:
    """The sentence about a judge with more than the share `allowed` of unreadable answers; "" for one that can be read.

    `clearly`: more than chance would give one that keeps to it.
    """
    votes = sum(opinion.right + opinion.wrong + opinion.unreadable for opinion in opinions)
    unreadable = sum(opinion.unreadable for opinion in opinions)
    least = wilson(unreadable, votes).low if clearly else unreadable / max(1, votes)
    if least <= allowed:
        return ""
    return (
        f"{unreadable} of {votes} answers of the judge {judge} have no readable verdict (judge.unreadable allows {allowed:.0%}): "
        "it does not follow the rubric; use a better model or another prompt, or allow more."
    )
