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
from olmix.language_models.requests import Length, Request, Sampling
from olmix.language_models.shards import cut, engines, split_bill
from olmix.language_models.source import observe, short_name
from olmix.proofs.pipeline.checking import CHECKING, Checking, look_at_all
from olmix.proofs.pipeline.fusion import TRAIN
from olmix.proofs.pipeline.intervals import Rate, wilson
from olmix.proofs.pipeline.items import Item, read_items, read_records, write_records
from olmix.proofs.pipeline.machine import Look
from olmix.proofs.pipeline.training import SOLVE, Train, piece_name, trained

ROWS = "rows.jsonl"
TEST = "test.jsonl"

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
    #: Problems of one task, which asks for their proofs and checks them.
    shard: Annotated[int, Resources] = 250

    def __post_init__(self) -> None:
        if (self.problems is not None and self.problems < 1) or self.shard < 1:
            raise UserError(
                f"asking.problems (or None for all) and asking.shard are at least 1; they are {self.problems} and {self.shard}."
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShardResult:
    """What wrote the proofs, and how many tokens."""

    engine: str
    tokens: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluateShard(Step):
    """Asks for proofs of `count` test problems, from number `first` on, and checks them. Writes `rows.jsonl`."""

    split: Step
    training_set: Step
    asking: Asking
    shots: int
    first: int
    count: int
    needs: Annotated[Needs | None, Resources] = ONE_CPU

    def observe(self) -> str | None:
        """The prompt, and a local model's files."""
        return f"{self.asking.prompt.digest()} {observe(self.asking.backend.model)}"

    def run(self, context: Context) -> ShardResult:
        """Asks and checks."""
        asking = self.asking
        items = read_items(context.folder(self.split), TEST)[self.first : self.first + self.count]
        examples = choose_shots(read_items(context.folder(self.training_set), TRAIN), self.shots)
        asker = Asker(
            backend=asking.backend, length=asking.length, sampling=asking.sampling, batch=asking.batch, needs=self.needs
        )
        asked = asker.ask(ask_for_proofs(items, examples, asking.prompt), context)
        proofs = [answer.text.strip() for answer in asked.answers]
        looks = look_at_all(
            [(item.problem, proof, item.statement) for item, proof in zip(items, proofs, strict=True)], asking.checking,
            workers(self.needs), context.progress,
        )  # fmt: skip
        rows = [
            Row(item=item, proof=proof, finished=answer.completions[0].finished, look=look)
            for item, proof, answer, look in zip(items, proofs, asked.answers, looks, strict=True)
        ]
        write_records(context.out / ROWS, rows)
        tokens = sum(completion.tokens for answer in asked.answers for completion in answer.completions)
        return ShardResult(engine=asked.engine, tokens=tokens)


def ask_for_proofs(items: Sequence[Item], examples: Sequence[Item], prompt: Prompt) -> list[Request]:
    """One request a problem, with the examples before it."""
    shown = [{"problem": item.problem, "proof": item.proof} for item in examples]
    return [prompt.render(item.id, {"problem": item.problem}, shown) for item in items]


def evaluate_shards(
    split: Step, training_set: Step, asking: Asking, shots: int, needs: Needs, context: Context
) -> dict[str, Step]:
    """The shards of one model's evaluation, by name; what an endpoint may spend is divided between them."""
    items = read_items(context.folder(split), TEST)[: asking.problems]
    cuts = cut(len(items), asking.shard)
    bills = [0.0] * len(cuts)
    if asking.backend.priced:
        examples = choose_shots(read_items(context.folder(training_set), TRAIN), shots)
        requests = ask_for_proofs(items, examples, asking.prompt)
        bills = [asking.backend.bill(requests[f : f + n], asking.sampling, asking.length) for f, n in cuts]
    return {
        f"shard-{number:03d}": EvaluateShard(
            split=split, training_set=training_set, shots=shots, first=first, count=count, needs=needs,
            asking=dataclasses.replace(asking, backend=asking.backend.part(share)),
        )
        for number, ((first, count), share) in enumerate(zip(cuts, split_bill(bills), strict=True))
    }  # fmt: skip


def gather_scores(shards: Sequence[Step], context: Context, asking: Asking, shots: int) -> tuple[list[Row], Scores]:
    """The rows of shards that are done, in the order of the problems, and their scores."""
    results: list[ShardResult] = [context.read(shard) for shard in shards]
    rows = [row for shard in shards for row in read_records(context.folder(shard) / ROWS, Row)]
    engine, tokens = engines(one.engine for one in results), sum(one.tokens for one in results)
    return rows, score(rows, short_name(asking.backend.model), engine, shots, tokens)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluate(FanOut):
    """Scores `asking.backend.model` in shards, each a task with `each_needs`. Writes `rows.jsonl`.

    `shots` examples from the training set stand before each problem.
    """

    split: Step
    training_set: Step
    asking: Asking
    shots: int = 0
    each_needs: Annotated[Needs, Resources] = ONE_CPU

    def __post_init__(self) -> None:
        if self.shots < 0:
            raise UserError(f"An evaluation cannot show {self.shots} examples.")
        self.declared()

    def observe(self) -> str | None:
        """The prompt, and a local model's files."""
        return f"{self.asking.prompt.digest()} {observe(self.asking.backend.model)}"

    def declared(self) -> tuple[str, ...]:
        """What it will use."""
        how = f"{self.shots}-shot" if self.shots else "zero-shot"
        needs = f"each a task with {self.each_needs.text()}"
        what = f"{how}, in shards of at most {self.asking.shard:,} problems, {needs}"
        return (what, *self.asking.backend.check(self.each_needs, self.asking.length))

    def forecast(self, context: Context) -> tuple[str, ...]:
        """As declared."""
        return self.declared()

    def pieces(self, context: Context) -> dict[str, Step]:
        """The shards."""
        return evaluate_shards(self.split, self.training_set, self.asking, self.shots, self.each_needs, context)

    def run(self, context: Context) -> Scores:
        """Gathers the shards."""
        rows, scores = gather_scores(list(self.pieces(context).values()), context, self.asking, self.shots)
        write_records(context.out / ROWS, rows)
        return scores


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
    """Scores every model that `train` made, zero-shot, in shards with `each_needs`; `asking.backend.model` is filled in.

    Writes `rows.jsonl`: those of the model that was tuned on the whole training set.
    """

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
        models = len(self.train.shares)
        what = f"zero-shot, {models} model{'s' if models > 1 else ''}, each in shards of at most {self.asking.shard:,} problems"
        needs = f"each shard a task with {self.each_needs.text()}"
        return (f"{what}; {needs}", *backend.check(self.each_needs, self.asking.length))

    def forecast(self, context: Context) -> tuple[str, ...]:
        """As declared."""
        return self.declared()

    def pieces(self, context: Context) -> dict[str, Step]:
        """The shards of all models, by name: those of the whole training set first."""
        return {
            f"{piece_name(share)}-{name}": shard
            for share in sorted(self.train.shares, reverse=True)
            for name, shard in self._shards(share, context).items()
        }

    def _asking(self, share: float) -> Asking:
        model = trained(self.train, share)
        return dataclasses.replace(self.asking, backend=dataclasses.replace(self.asking.backend, model=model))

    def _shards(self, share: float, context: Context) -> dict[str, Step]:
        return evaluate_shards(self.split, self.training_set, self._asking(share), 0, self.each_needs, context)

    def run(self, context: Context) -> CurveResult:
        """Gathers the shards of each model."""
        curve = []
        for share in sorted(self.train.shares):
            shards = list(self._shards(share, context).values())
            rows, scores = gather_scores(shards, context, self._asking(share), 0)
            curve.append((share, scores))
        write_records(context.out / ROWS, rows)  # The last is that of the whole set.
        return CurveResult(curve=tuple(curve))
