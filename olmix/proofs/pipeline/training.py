"""The steps `base` and `train`: a new small model for trying things out, and tuning a model on problems and their proofs.

One piece per size of the training set gives the learning curve; every piece runs the same number of epochs.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Annotated, ClassVar

from olmix.config.tags import Resources, RunIdentity
from olmix.errors import UserError
from olmix.graph.hardware import hardware_of
from olmix.graph.resources import ONE_CPU, Needs, workers
from olmix.graph.step import Context, FanOut, Step
from olmix.language_models.examples import Example
from olmix.language_models.jobs import Job
from olmix.language_models.new_model import NewModelResult, PhiShape
from olmix.language_models.prompts import Prompt
from olmix.language_models.requests import Length, Request
from olmix.language_models.source import FOLDER, Model, ModelOf, locate, observe, short_name
from olmix.language_models.tuning import Gkd, Grpo, Sft, TuningResult
from olmix.language_models.tuning_fits import check_tuning
from olmix.proofs.pipeline.checking import Checking, look_at_all
from olmix.proofs.pipeline.fusion import TRAIN
from olmix.proofs.pipeline.items import Item, read_items
from olmix.proofs.pipeline.trials import SweepResult

SOLVE = Prompt(name="solve")

QUICK = Checking(seconds_each=20.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class NewModel(Step):
    """A Phi with random weights and a tokenizer made from the training texts, and from nothing else."""

    version: ClassVar[int] = 2

    training_set: Step
    shape: PhiShape
    length: Length
    prompt: Prompt = SOLVE
    seed: int = 0
    needs: Annotated[Needs | None, Resources] = ONE_CPU

    def observe(self) -> str | None:
        """The prompt's digest."""
        return self.prompt.digest()

    def run(self, context: Context) -> NewModelResult:
        """Makes it; writes `model/`."""
        from olmix.language_models.new_model import new_phi

        texts = [
            request.prompt + completion
            for request, completion in (
                pair_of(item, self.prompt) for item in read_items(context.folder(self.training_set), TRAIN)
            )
        ]
        return new_phi(context.out / FOLDER, texts, self.shape, self.length, self.seed)


def pair_of(item: Item, prompt: Prompt) -> tuple[Request, str]:
    """The request for a proof of the item's problem, and the completion that is to be learned."""
    return prompt.render(item.id, {"problem": item.problem}), f" {item.proof}"


def subset(items: Sequence[Item], share: float) -> list[Item]:
    """The first part of a training set in nested order."""
    return list(items[: math.ceil(share * len(items))])


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainModel(Step):
    """Tunes `model` on the first `share` of the training set. Writes `model/` and `metrics.jsonl`.

    At most the share `leave_out` of the examples may be too long for `length`. With `keep_failure`, a loss that is not a
    number is a result without a model (for a sweep, where it is an answer), else an error.
    """

    training_set: Step
    split: Step
    model: Model
    tuning: Sft | Gkd | Grpo
    length: Length
    share: float = 1.0
    leave_out: float = 0.0
    prompt: Prompt = SOLVE
    keep_failure: Annotated[bool, RunIdentity] = False
    #: How GRPO's reward checks a proof.
    checking: Checking = QUICK
    needs: Annotated[Needs | None, Resources] = ONE_CPU

    def observe(self) -> str | None:
        """The prompt, and local models' files."""
        teacher = self.tuning.teacher if isinstance(self.tuning, Gkd) else None
        return f"{self.prompt.digest()} {observe(self.model, teacher)}"

    def run(self, context: Context) -> TuningResult:
        """Trains, or goes on from a checkpoint of an earlier attempt."""
        from olmix.language_models.trainers import tune

        items = subset(read_items(context.folder(self.training_set), TRAIN), self.share)
        validation = read_items(context.folder(self.split), "validation.jsonl")

        def reward(numbers: Sequence[int], proofs: Sequence[str]) -> list[float]:
            chosen = [items[number] for number in numbers]
            asked = [(item.problem, proof.strip(), item.statement) for item, proof in zip(chosen, proofs, strict=True)]
            return [look.reward for look in look_at_all(asked, self.checking, workers(self.needs), lambda *_: None)]

        return tune(
            Job(
                settings=self.tuning, model=locate(self.model, context), train=self._examples(items),
                validation=self._examples(validation), length=self.length, needs=self.needs, out=context.out,
                scratch=context.scratch, progress=context.progress, name=f"{context.experiment}/{context.label}",
                teacher=locate(self.tuning.teacher, context) if isinstance(self.tuning, Gkd) else None, reward=reward,
                leave_out=self.leave_out, keep_failure=self.keep_failure,
            )
        )  # fmt: skip

    def _examples(self, items: Sequence[Item]) -> list[Example]:
        pairs = [pair_of(item, self.prompt) for item in items]
        return [Example(id=one.id, prompt=one.prompt, completion=completion) for one, completion in pairs]


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainResult:
    """One tuning per size of the training set, smallest first: its share and how it went."""

    runs: tuple[tuple[float, TuningResult], ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tunings(FanOut):
    """The base of what tunes `model` several times, on nested `shares` of the training set, each with `each_needs`.

    With an accelerator, whether weights, gradients, moments and activations fit is known before it is asked for. At most
    the share `leave_out` of the examples may be too long for `length`.
    """

    training_set: Step
    split: Step
    model: Model
    tuning: Sft | Gkd | Grpo
    length: Length
    shares: tuple[float, ...] = (1.0,)
    leave_out: float = 0.0
    prompt: Prompt = SOLVE
    each_needs: Annotated[Needs, Resources] = ONE_CPU

    def __post_init__(self) -> None:
        if not 0 <= self.leave_out < 1:
            raise UserError(f"leave_out is a share of the examples, at least 0 and below 1; it is {self.leave_out:g}.")
        self.fits()

    def fits(self) -> tuple[str, ...]:
        """See `check_tuning`.

        Raises:
          UserError: as it does; if rollouts by vLLM are to be made without a GPU.
        """
        if isinstance(self.tuning, Grpo) and self.tuning.rollouts.engine != "transformers" and not self.each_needs.gpus:
            raise UserError(
                f"tuning.rollouts.engine={self.tuning.rollouts.engine!r} needs a GPU, and each task asks for "
                f"{self.each_needs.text()}: take engine='transformers', or set each_needs.gpus."
            )
        return check_tuning(self.model, hardware_of(self.each_needs), self.tuning, self.length)

    def observe(self) -> str | None:
        """The prompt, and local models' files."""
        teacher = self.tuning.teacher if isinstance(self.tuning, Gkd) else None
        return f"{self.prompt.digest()} {observe(self.model, teacher)}"

    def one(self, share: float, tuning: Sft | Gkd | Grpo, *, keep_failure: bool = False) -> TrainModel:
        """One tuning: the same artifact, whoever asks for it."""
        return TrainModel(
            training_set=self.training_set, split=self.split, model=self.model, tuning=tuning, length=self.length,
            share=share, leave_out=self.leave_out, prompt=self.prompt, keep_failure=keep_failure, needs=self.each_needs,
        )  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class Train(Tunings):
    """Tunes `model` on each of the nested `shares` of the training set (1.0 must be among them), each with `each_needs`.

    With a `sweep`, the learning rate of each share is the one that did best there, and what the sweep trained is not trained
    again.
    """

    sweep: Step | None = None

    def __post_init__(self) -> None:
        if 1.0 not in self.shares or not all(0 < share <= 1 for share in self.shares):
            raise UserError(
                f"train.shares are parts of the training set, above 0, with 1.0 among them; they are {self.shares}."
            )
        if len(set(self.shares)) < len(self.shares):
            raise UserError(f"train.shares names a share twice: {self.shares}.")
        super().__post_init__()

    def most_training_tokens(self) -> int | None:
        """Tokens of the largest tuning, if every example were as long as may be; None where their number is not known."""
        known = getattr(self.training_set, "most_items", None)
        items = known() if known is not None else None
        if items is None:
            return None
        copies = self.tuning.group if isinstance(self.tuning, Grpo) else 1
        return math.ceil(items * self.tuning.epochs) * copies * self.length.max_length

    def declared(self) -> tuple[str, ...]:
        """What is tuned how often, and what fits."""
        sizes = ", ".join(f"{share:.3g}" for share in sorted(self.shares))
        how = f"{self.tuning.kind} of {short_name(self.model)}, each task with {self.each_needs.text()}"
        return (f"{how}; parts of the training set: {sizes}", *self.fits())

    def forecast(self, context: Context) -> tuple[str, ...]:
        """What it trains on, and what fits."""
        count = context.read(self.training_set).items
        sizes = ", ".join(f"{math.ceil(share * count):,}" for share in sorted(self.shares))
        return (f"on {sizes} problems", *self.declared())

    def pieces(self, context: Context) -> dict[str, Step]:
        """One tuning per share, the longest first."""
        found: SweepResult | None = context.read(self.sweep) if self.sweep is not None else None
        pieces: dict[str, Step] = {}
        for share in sorted(self.shares, reverse=True):
            tuning = self.tuning
            if found is not None:
                tuning = dataclasses.replace(tuning, learning_rate=found.best(share).learning_rate)
            pieces[piece_name(share)] = self.one(share, tuning)
        return pieces

    def run(self, context: Context) -> TrainResult:
        """Gathers the runs.

        Raises:
          UserError: if one of them failed in the sweep that made it.
        """
        results = {share: context.read(self.pieces(context)[piece_name(share)]) for share in self.shares}
        for share, result in results.items():
            if result.failure:
                raise UserError(f"The tuning on {share:g} of the training set has no model. {result.failure}")
        return TrainResult(runs=tuple(sorted(results.items())))


def piece_name(share: float) -> str:
    """`25%`-like names that are good for folders: `share-0.25`."""
    return f"share-{share:g}"


def trained(train: Train, share: float) -> ModelOf:
    """The model that was tuned on that share."""
    return ModelOf(step=train, piece=piece_name(share))
