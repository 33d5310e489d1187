"""The step `sweep`: which learning rate for how many problems; every combination is a tuning of its own, one Ray task each.

Judged by the loss on the validation side (GRPO, which has none, by its reward), never by the test side. A learning rate
at which the loss is no longer a number has its place in the table too.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import Annotated

from olmix.config.tags import Resources
from olmix.errors import UserError
from olmix.graph.hardware import hardware_of
from olmix.graph.resources import ONE_CPU, Needs
from olmix.graph.step import Context, FanOut, Step
from olmix.language_models.prompts import Prompt
from olmix.language_models.requests import Length
from olmix.language_models.source import Model, observe, short_name
from olmix.language_models.tuning import Gkd, Grpo, Sft, TuningResult
from olmix.language_models.tuning_fits import check_tuning
from olmix.proofs.pipeline.training import SOLVE, TrainModel


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trial:
    """One combination and how it went."""

    learning_rate: float
    share: float
    result: TuningResult

    @property
    def loss(self) -> float:
        """What is to be small: the validation loss, GRPO's reward with a minus; infinite where training failed."""
        value = self.result.validation_loss
        if value is None and self.result.reward is not None:
            value = -self.result.reward
        return math.inf if value is None or self.result.failure else value


@dataclasses.dataclass(frozen=True, kw_only=True)
class SweepResult:
    """All trials, by share and then learning rate."""

    trials: tuple[Trial, ...]

    def best(self, share: float) -> Trial:
        """The trial with the smallest loss on that share of the training set; on the largest one where it was not swept.

        Of equals the smaller learning rate.
        """
        shares = {trial.share for trial in self.trials}
        own = share if share in shares else max(shares)
        return min((trial for trial in self.trials if trial.share == own), key=lambda t: (t.loss, t.learning_rate))

    def at_the_edge(self, share: float) -> bool:
        """Whether the best learning rate is the smallest or the largest tried, so that a better one may lie outside."""
        rates = [trial.learning_rate for trial in self.trials]
        return self.best(share).learning_rate in (min(rates), max(rates))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sweep(FanOut):
    """Tunes `model` with each of `learning_rates` on each of the nested `shares` of the training set, with `each_needs` each.

    `tuning` gives all other settings; its own learning rate is not used. Writes `sweep.csv`.
    """

    training_set: Step
    split: Step
    model: Model
    tuning: Sft | Gkd | Grpo
    length: Length
    learning_rates: tuple[float, ...]
    shares: tuple[float, ...] = (1.0,)
    leave_out: float = 0.0
    prompt: Prompt = SOLVE
    each_needs: Annotated[Needs, Resources] = ONE_CPU

    def __post_init__(self) -> None:
        for name, values in (("learning_rates", self.learning_rates), ("shares", self.shares)):
            if not values or len(set(values)) < len(values) or min(values) <= 0:
                raise UserError(f"sweep.{name} are different numbers above 0, at least one; they are {values}.")
        if max(self.shares) > 1:
            raise UserError(f"sweep.shares are parts of the training set, at most 1; they are {self.shares}.")
        self._fits()

    def _fits(self) -> tuple[str, ...]:
        return check_tuning(self.model, hardware_of(self.each_needs), self.tuning, self.length)

    def observe(self) -> str | None:
        """The prompt, and local models' files."""
        teacher = self.tuning.teacher if isinstance(self.tuning, Gkd) else None
        return f"{self.prompt.digest()} {observe(self.model, teacher)}"

    def declared(self) -> tuple[str, ...]:
        """How many tunings of what, and what fits."""
        rates, shares = (", ".join(f"{value:g}" for value in sorted(v)) for v in (self.learning_rates, self.shares))
        tasks = len(self.learning_rates) * len(self.shares)
        return (
            f"{tasks} tunings by {self.tuning.kind} of {short_name(self.model)}, each a task with {self.each_needs.text()}",
            f"learning rates {rates}; parts of the training set: {shares}",
            *self._fits(),
        )

    def forecast(self, context: Context) -> tuple[str, ...]:
        """As declared."""
        return self.declared()

    def pieces(self, context: Context) -> dict[str, Step]:
        """One tuning per combination, the longest first."""
        return {
            _name(share, rate): TrainModel(
                training_set=self.training_set, split=self.split, model=self.model,
                tuning=dataclasses.replace(self.tuning, learning_rate=rate), length=self.length, share=share,
                leave_out=self.leave_out, prompt=self.prompt, keep_failure=True, needs=self.each_needs,
            )
            for share, rate in itertools.product(sorted(self.shares, reverse=True), sorted(self.learning_rates))
        }  # fmt: skip

    def run(self, context: Context) -> SweepResult:
        """Gathers the trials.

        Raises:
          UserError: if not one of those on the same share gave a loss.
        """
        pieces = self.pieces(context)
        trials = [
            Trial(learning_rate=rate, share=share, result=context.read(pieces[_name(share, rate)]))
            for share, rate in itertools.product(sorted(self.shares), sorted(self.learning_rates))
        ]
        found = SweepResult(trials=tuple(trials))
        for share in self.shares:
            if math.isinf(found.best(share).loss):
                why = next(
                    (t.result.failure for t in trials if t.share == share and t.result.failure), "nothing was measured"
                )
                raise UserError(f"No learning rate of the sweep gave a loss on {share:g} of the training set: {why}")
        header = "share,learning_rate,validation_loss,reward,steps,best_step,seconds,failure"
        (context.out / "sweep.csv").write_text("\n".join([header, *map(_row, trials)]) + "\n")
        return found


def _name(share: float, rate: float) -> str:
    return f"share-{share:g}-lr-{rate:g}"


def _row(trial: Trial) -> str:
    r = trial.result
    cells = (trial.share, trial.learning_rate, r.validation_loss, r.reward, r.steps, r.best_step, r.seconds)
    quoted = '"' + r.failure.replace('"', "'") + '"' if r.failure else ""
    return ",".join("" if cell is None else f"{cell:g}" for cell in cells) + f",{quoted}"
