"""The step `judge`: a language model grades proofs by a rubric, and is graded itself on proofs known to be right or wrong.

Its cost is estimated before the first call and capped; answers are cached by what was asked, so nothing is paid for
twice. Its numbers stand beside the machine's and never replace them.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Annotated

from olmix.config.tags import Resources, RunIdentity
from olmix.errors import UserError
from olmix.graph.resources import ONE_CPU, Needs, workers
from olmix.graph.step import Context, Step
from olmix.language_models.asking import Asker
from olmix.language_models.backend import Backend
from olmix.language_models.cost import Price
from olmix.language_models.prompts import Prompt
from olmix.language_models.requests import Length, Sampling
from olmix.language_models.source import observe, short_name
from olmix.proofs.pipeline.checking import CHECKING, Checking
from olmix.proofs.pipeline.evaluation import ROWS, Row
from olmix.proofs.pipeline.fusion import TRAIN
from olmix.proofs.pipeline.intervals import Rate, wilson
from olmix.proofs.pipeline.items import read_items, read_records, write_records
from olmix.proofs.pipeline.opinions import Opinion, Reliability, count_votes, read_rubric, reliability
from olmix.proofs.pipeline.verification import known_pairs

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
class Judge(Step):
    """Grades the rows of `evaluations` (name to step). Writes `<name>.jsonl` with one opinion per row.

    `measured` right proofs and as many corrupted ones measure the judge itself. A verdict needs `share` of the
    samples. When more than `unreadable` of all answers have no readable verdict, the judge is not one and the step
    fails.
    """

    evaluations: dict[str, Step]
    training_set: Step
    backend: Backend
    length: Length
    prompt: Prompt = PROMPT
    sampling: Sampling = SAMPLING
    share: float = 0.5
    measured: int = 100
    unreadable: float = 0.2
    checking: Checking = CHECKING
    seed: int = 0
    cache: Annotated[str, RunIdentity] = "~/.cache/olmix/judge"
    batch: Annotated[int, Resources] = 64
    needs: Annotated[Needs | None, Resources] = ONE_CPU

    def __post_init__(self) -> None:
        self.backend.check(self.needs, self.length)

    def observe(self) -> str | None:
        """The prompt's text and a local model's files."""
        return f"{self.prompt.digest()} {observe(self.backend.model)}"

    def declared(self) -> tuple[str, ...]:
        """How many calls, and what they can cost at most."""
        lines = self.backend.check(self.needs, self.length)
        problems = [getattr(getattr(step, "asking", None), "problems", None) for step in self.evaluations.values()]
        known = [count for count in problems if count is not None]
        if len(known) < len(problems):
            return lines
        calls = sum(known) + 2 * self.measured
        price: Price | None = getattr(self.backend, "price", None)
        bill = ""
        if price is not None:
            new = self.sampling.max_new_tokens or self.length.max_length
            prompt = self.length.max_length - (self.sampling.max_new_tokens or 0)
            dollars = calls * price.of(prompt, new * self.sampling.samples)
            bill = f": ${dollars:.2f} if all of them were as long as length allows"
        return (f"at most {calls:,} proofs, {2 * self.measured} of them to measure the judge{bill}", *lines)

    def forecast(self, context: Context) -> tuple[str, ...]:
        """As declared; the exact estimate is made from the proofs, before the first call."""
        return self.declared()

    def run(self, context: Context) -> JudgeResult:
        """Asks about everything, then counts.

        Raises:
          UserError: if it would cost more than its cap, if it cannot be reached, or if it answers nonsense.
        """
        rows: dict[str, list[Row]] = {
            name: read_records(context.folder(step) / ROWS, Row) for name, step in self.evaluations.items()
        }
        right, wrong = known_pairs(
            read_items(context.folder(self.training_set), TRAIN), self.measured, self.checking, self.seed,
            workers(self.needs), context,
        )  # fmt: skip
        known = [*right, *(one.item for one in wrong)]
        asked = [(row.item.problem, row.proof) for of in rows.values() for row in of]
        asked += [(item.problem, item.proof) for item in known]
        requests = [
            self.prompt.render(f"judge-{number}", {"problem": problem, "proof": proof or "(nothing)"})
            for number, (problem, proof) in enumerate(asked)
        ]
        asker = Asker(
            backend=self.backend, length=self.length, sampling=self.sampling, batch=self.batch, needs=self.needs
        )
        book = pathlib.Path(self.cache).expanduser() / f"{short_name(self.backend.model).replace('/', '-')}.jsonl"
        replies = asker.ask(requests, context, book)
        opinions = [count_votes(answer, read_rubric, self.share) for answer in replies.answers]
        self._refuse_nonsense(opinions, book)
        start = 0
        judged, agreement = {}, {}
        for evaluation, of in rows.items():
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
        truths = [(True, "")] * len(right) + [(False, one.fault) for one in wrong]
        return JudgeResult(
            judge=replies.engine, judged=judged, with_machine=agreement,
            no_verdict=sum(opinion.verdict == "none" for opinion in opinions),
            reliability=reliability(opinions[start:], truths), estimate=round(replies.estimate, 4),
            dollars=round(replies.dollars, 4), known_before=replies.known,
        )  # fmt: skip

    def _refuse_nonsense(self, opinions: Sequence[Opinion], book: pathlib.Path) -> None:
        votes = sum(opinion.right + opinion.wrong + opinion.unreadable for opinion in opinions)
        unreadable = sum(opinion.unreadable for opinion in opinions)
        if unreadable > self.unreadable * votes:
            raise UserError(
                f"{unreadable} of {votes} answers of the judge {short_name(self.backend.model)} have no readable verdict "
                f"(judge.unreadable allows {self.unreadable:.0%}): it does not follow the rubric; use a better model or "
                f"another prompt. The answers are kept in {book}; delete them there to ask the same again."
            )
