"""The steps `base` and `train`: a new small model for trying things out, and tuning a model on problems and their proofs.

One piece per size of the training set gives the learning curve; every piece runs the same number of epochs.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Annotated, ClassVar

from olmix.config.tags import Resources
from olmix.errors import UserError
from olmix.graph.hardware import profile
from olmix.graph.resources import ONE_CPU, Needs
from olmix.graph.step import Context, FanOut, Step
from olmix.language_models import fits
from olmix.language_models.new_model import NewModelResult, PhiShape
from olmix.language_models.prompts import Prompt
from olmix.language_models.requests import Length, Request
from olmix.language_models.shapes import shape_of
from olmix.language_models.source import FOLDER, Model, ModelOf, locate, observe, short_name
from olmix.language_models.tuning import Gkd, Grpo, Sft, TuningResult
from olmix.proofs.checking import Checking, look_at_all
from olmix.proofs.fusion import TRAIN
from olmix.proofs.items import Item, read_items

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
    """Tunes `model` on the first `share` of the training set. Writes `model/` and `metrics.jsonl`."""

    training_set: Step
    split: Step
    model: Model
    tuning: Sft | Gkd | Grpo
    length: Length
    share: float = 1.0
    prompt: Prompt = SOLVE
    #: How GRPO's reward checks a proof.
    checking: Checking = QUICK
    needs: Annotated[Needs | None, Resources] = ONE_CPU

    def observe(self) -> str | None:
        """The prompt, and local models' files."""
        teacher = self.tuning.teacher if isinstance(self.tuning, Gkd) else None
        return f"{self.prompt.digest()} {observe(self.model, teacher)}"

    def run(self, context: Context) -> TuningResult:
        """Trains, or goes on from a checkpoint of an earlier attempt."""
        from olmix.language_models.examples import Example
        from olmix.language_models.trainers import tune

        items = subset(read_items(context.folder(self.training_set), TRAIN), self.share)
        validation = read_items(context.folder(self.split), "validation.jsonl")

        def example(item: Item) -> Example:
            request = self.prompt.render(item.id, {"problem": item.problem})
            return Example(id=item.id, prompt=request.prompt, completion=f" {item.proof}")

        by_id = {item.id: item for item in items}
        workers = int(max(1, self.needs.cpus if self.needs else 1))

        def reward(ids: Sequence[str], proofs: Sequence[str]) -> list[float]:
            asked = [
                (by_id[id].problem, proof.strip(), by_id[id].statement) for id, proof in zip(ids, proofs, strict=True)
            ]
            return [look.reward for look in look_at_all(asked, self.checking, workers, lambda *_: None)]

        teacher = locate(self.tuning.teacher, context) if isinstance(self.tuning, Gkd) else None
        return tune(
            self.tuning, model=locate(self.model, context), train=[example(item) for item in items],
            validation=[example(item) for item in validation], length=self.length, needs=self.needs, out=context.out,
            scratch=context.scratch, progress=context.progress, name=f"{context.experiment}/{context.label}",
            teacher=teacher, reward=reward,
        )  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainResult:
    """One tuning per size of the training set, smallest first: its share and how it went."""

    runs: tuple[tuple[float, TuningResult], ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Train(FanOut):
    """Tunes `model` on each of the nested `shares` of the training set (1.0 must be among them), each with `each_needs`.

    With an accelerator, whether weights, gradients, moments and activations fit is known before it is asked for.
    """

    training_set: Step
    split: Step
    model: Model
    tuning: Sft | Gkd | Grpo
    length: Length
    shares: tuple[float, ...] = (1.0,)
    prompt: Prompt = SOLVE
    each_needs: Annotated[Needs, Resources] = ONE_CPU

    def __post_init__(self) -> None:
        if 1.0 not in self.shares or not all(0 < share <= 1 for share in self.shares):
            raise UserError(
                f"train.shares are parts of the training set, above 0, with 1.0 among them; they are {self.shares}."
            )
        if len(set(self.shares)) < len(self.shares):
            raise UserError(f"train.shares names a share twice: {self.shares}.")
        self._fits()

    def most_training_tokens(self) -> int | None:
        """Tokens of the largest tuning, if every example were as long as may be; None where their number is not known."""
        known = getattr(self.training_set, "most_items", None)
        items = known() if known is not None else None
        if items is None:
            return None
        copies = self.tuning.group if isinstance(self.tuning, Grpo) else 1
        return math.ceil(items * self.tuning.epochs) * copies * self.length.max_length

    def _fits(self) -> tuple[str, ...]:
        hardware = profile(self.each_needs.accelerator)
        dtype = hardware.resolve_dtype(self.tuning.dtype, "train.tuning.dtype")  # type: ignore[arg-type]
        if hardware.memory_gib is None:
            return ()
        shape = shape_of(self.model)
        if shape is None:
            return (f"whether {short_name(self.model)} fits is not known before it is loaded",)
        teacher = shape_of(self.tuning.teacher) if isinstance(self.tuning, Gkd) else None
        rollouts = self.tuning.rollouts if isinstance(self.tuning, Grpo) else None
        return fits.require(
            fits.training_sum(
                short_name(self.model), shape, hardware, batch=self.tuning.micro, length=self.length.max_length,
                dtype=dtype, recompute=self.tuning.recompute,
                extra_models=(("teacher", teacher, 4),) if teacher is not None else (),
                reserved=(("vLLM", rollouts.memory_share),) if rollouts and rollouts.engine == "vllm_colocated" else (),
            )
        )  # fmt: skip

    def observe(self) -> str | None:
        """The prompt, and local models' files."""
        teacher = self.tuning.teacher if isinstance(self.tuning, Gkd) else None
        return f"{self.prompt.digest()} {observe(self.model, teacher)}"

    def forecast(self, context: Context) -> tuple[str, ...]:
        """What it trains on, and what fits."""
        count = context.read(self.training_set).items
        sizes = ", ".join(f"{math.ceil(share * count):,}" for share in sorted(self.shares))
        return (f"{self.tuning.kind} of {short_name(self.model)} on {sizes} problems", *self._fits())

    def pieces(self, context: Context) -> dict[str, Step]:
        """One tuning per share, the longest first."""
        return {
            piece_name(share): TrainModel(
                training_set=self.training_set, split=self.split, model=self.model, tuning=self.tuning,
                length=self.length, share=share, prompt=self.prompt, needs=self.each_needs,
            )
            for share in sorted(self.shares, reverse=True)
        }  # fmt: skip

    def run(self, context: Context) -> TrainResult:
        """Gathers the runs."""
        results = {share: context.read(self.pieces(context)[piece_name(share)]) for share in self.shares}
        return TrainResult(runs=tuple(sorted(results.items())))


def piece_name(share: float) -> str:
    """`25%`-like names that are good for folders: `share-0.25`."""
    return f"share-{share:g}"


def trained(train: Train, share: float) -> ModelOf:
    """The model that was tuned on that share."""
    return ModelOf(step=train, piece=piece_name(share))
