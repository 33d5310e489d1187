"""The steps `baseline` and `final`: a model writes proofs of unseen problems, and the machine checks every one of them.

One harness for both: few-shot with examples from the training side for a model that has not been tuned, zero-shot for
one that has. A proof counts only if the machine accepts it; what it cannot decide does not count.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import Annotated

from olmix.config.tags import Resources
from olmix.errors import UserError
from olmix.graph.resources import ONE_CPU, Needs, workers
from olmix.graph.step import Context, FanOut, Step
from olmix.language_models.asking import Asker
from olmix.language_models.backend import Backend
from olmix.language_models.prompts import Prompt
from olmix.language_models.requests import Length, Sampling
from olmix.language_models.source import Model, observe, short_name
from olmix.proofs.pipeline.checking import CHECKING, Checking, look_at_all
from olmix.proofs.pipeline.fusion import TRAIN
from olmix.proofs.pipeline.intervals import Rate, wilson
from olmix.proofs.pipeline.items import Item, read_items, write_records
from olmix.proofs.pipeline.machine import Look
from olmix.proofs.pipeline.training import SOLVE, Train, piece_name, trained

ROWS = "rows.jsonl"

#: A model that goes on with another problem, as one that continues examples does, has ended its proof.
GREEDY = Sampling(stop=("\nProblem:",))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One problem, the proof that the model wrote for it, and what the machine says."""

    item: Item
    proof: str
    finished: bool
    look: Look


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scores:
    """Over all problems: proofs that the machine accepted, proofs that are about the problem's own claim (understanding).

    `undecided` are proofs that the machine could neither accept nor reject; they do not count as checked.
    `reasons` says why proofs were not accepted.
    """

    model: str
    engine: str
    shots: int
    checked: Rate
    understood: Rate
    undecided: int
    cut_off: int
    by_technique: dict[str, Rate]
    reasons: dict[str, int]
    tokens: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Asking:
    """How proofs are asked for and checked; the same for all models of an experiment."""

    backend: Backend
    length: Length
    prompt: Prompt = SOLVE
    sampling: Sampling = GREEDY
    checking: Checking = CHECKING
    #: At most so many problems of the test side, from its beginning, which is a fair sample.
    problems: int | None = None
    batch: Annotated[int, Resources] = 512


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluate(Step):
    """Scores `asking.backend.model`. Writes `rows.jsonl`. `shots` examples from the training set stand before each problem."""

    split: Step
    training_set: Step
    asking: Asking
    shots: int = 0
    needs: Annotated[Needs | None, Resources] = ONE_CPU

    def __post_init__(self) -> None:
        if self.shots < 0:
            raise UserError(f"An evaluation cannot show {self.shots} examples.")
        self.asking.backend.check(self.needs, self.asking.length)

    def observe(self) -> str | None:
        """The prompt, and a local model's files."""
        return f"{self.asking.prompt.digest()} {observe(self.asking.backend.model)}"

    def forecast(self, context: Context) -> tuple[str, ...]:
        """What it will use."""
        return self.asking.backend.check(self.needs, self.asking.length)

    def run(self, context: Context) -> Scores:
        """Asks and checks."""
        asking = self.asking
        items = read_items(context.folder(self.split), "test.jsonl")[: asking.problems]
        examples = choose_shots(read_items(context.folder(self.training_set), TRAIN), self.shots)
        shown = [{"problem": item.problem, "proof": item.proof} for item in examples]
        requests = [asking.prompt.render(item.id, {"problem": item.problem}, shown) for item in items]
        asker = Asker(
            backend=asking.backend, length=asking.length, sampling=asking.sampling, batch=asking.batch, needs=self.needs
        )
        asked = asker.ask(requests, context)
        answers = asked.answers
        proofs = [answer.text.strip() for answer in answers]
        looks = look_at_all(
            [(item.problem, proof, item.statement) for item, proof in zip(items, proofs, strict=True)], asking.checking,
            workers(self.needs), context.progress,
        )  # fmt: skip
        rows = [
            Row(item=item, proof=proof, finished=answer.completions[0].finished, look=look)
            for item, proof, answer, look in zip(items, proofs, answers, looks, strict=True)
        ]
        write_records(context.out / ROWS, rows)
        tokens = sum(completion.tokens for answer in answers for completion in answer.completions)
        return score(rows, short_name(asking.backend.model), asked.engine, self.shots, tokens)


def score(rows: Sequence[Row], model: str, engine: str, shots: int, tokens: int) -> Scores:
    """The scores of an evaluation."""
    accepted = [row.look.verdict == "accepted" for row in rows]
    techniques = sorted({row.item.technique for row in rows})
    by_technique = {}
    for technique in techniques:
        own = [hit for hit, row in zip(accepted, rows, strict=True) if row.item.technique == technique]
        by_technique[technique] = wilson(sum(own), len(own))
    reasons = Counter(row.look.reason for row in rows if row.look.verdict != "accepted")
    return Scores(
        model=model, engine=engine, shots=shots, checked=wilson(sum(accepted), len(rows)),
        understood=wilson(sum(row.look.right_claim for row in rows), len(rows)),
        undecided=sum(row.look.verdict == "undecided" for row in rows), cut_off=sum(not row.finished for row in rows),
        by_technique=by_technique, reasons=dict(reasons.most_common()), tokens=tokens,
    )  # fmt: skip


def choose_shots(items: Sequence[Item], count: int) -> list[Item]:
    """Short examples, techniques by turns: the same for every problem and every run."""
    by_technique: dict[str, list[Item]] = {}
    for item in sorted(items, key=lambda item: (len(item.problem) + len(item.proof), item.id)):
        by_technique.setdefault(item.technique, []).append(item)
    chosen: list[Item] = []
    for turn in range(count):
        for technique in sorted(by_technique):
            if len(chosen) < count and turn < len(by_technique[technique]):
                chosen.append(by_technique[technique][turn])
    return chosen


@dataclasses.dataclass(frozen=True, kw_only=True)
class CurveResult:
    """Scores by share of the training set, smallest first."""

    curve: tuple[tuple[float, Scores], ...]

    @property
    def final(self) -> Scores:
        """Those of the whole training set."""
        return self.curve[-1][1]


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluateTrained(FanOut):
    """Scores every model that `train` made, zero-shot, each with `each_needs`; `asking.backend.model` is filled in."""

    split: Step
    training_set: Step
    train: Train
    asking: Asking
    each_needs: Annotated[Needs, Resources] = ONE_CPU

    def observe(self) -> str | None:
        """The prompt's digest."""
        return self.asking.prompt.digest()

    def __post_init__(self) -> None:
        self.declared()

    def declared(self) -> tuple[str, ...]:
        """What is scored with what, and what fits: a tuned model has the shape of the one that it was made from."""
        backend = dataclasses.replace(self.asking.backend, model=self.train.model)
        what = f"zero-shot, each of {len(self.train.shares)} models a task with {self.each_needs.text()}"
        return (what, *backend.check(self.each_needs, self.asking.length))

    def forecast(self, context: Context) -> tuple[str, ...]:
        """As declared."""
        return self.declared()

    def pieces(self, context: Context) -> dict[str, Step]:
        """One evaluation per share."""
        return {
            piece_name(share): self._piece(trained(self.train, share))
            for share in sorted(self.train.shares, reverse=True)
        }

    def _piece(self, model: Model) -> Evaluate:
        asking = dataclasses.replace(self.asking, backend=dataclasses.replace(self.asking.backend, model=model))
        return Evaluate(split=self.split, training_set=self.training_set, asking=asking, shots=0, needs=self.each_needs)

    def run(self, context: Context) -> CurveResult:
        """Gathers the scores; the rows of the whole set's model are copied to `rows.jsonl`."""
        pieces = self.pieces(context)
        whole = context.folder(pieces[piece_name(1.0)]) / ROWS
        (context.out / ROWS).write_bytes(whole.read_bytes())
        return CurveResult(
            curve=tuple((share, context.read(pieces[piece_name(share)])) for share in sorted(self.train.shares))
        )
