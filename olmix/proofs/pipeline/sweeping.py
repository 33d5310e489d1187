"""The step `sweep`: which learning rate for how many problems; every combination is a tuning of its own, one Ray task each.

Judged by the loss on the validation side (GRPO, which has none, by its reward), never by the test side. A learning rate
at which the loss is no longer a number has its place in the table too.
"""

from __future__ import annotations

import dataclasses
import itertools
import math

from olmix.errors import UserError
from olmix.graph.step import Context, Step
from olmix.language_models.source import short_name
from olmix.proofs.pipeline.training import Tunings
from olmix.proofs.pipeline.trials import SweepResult, Trial


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sweep(Tunings):
    """Tunes `model` with each of `learning_rates` on each of the nested `shares` of the training set, with `each_needs` each.

    `tuning` gives all other settings; its own learning rate is not used. Writes `sweep.csv`.
    """

    learning_rates: tuple[float, ...]

    def __post_init__(self) -> None:
        for name, values in (("learning_rates", self.learning_rates), ("shares", self.shares)):
            if not values or len(set(values)) < len(values) or min(values) <= 0:
                raise UserError(f"sweep.{name} are different numbers above 0, at least one; they are {values}.")
        if max(self.shares) > 1:
            raise UserError(f"sweep.shares are parts of the training set, at most 1; they are {self.shares}.")
        super().__post_init__()

    def declared(self) -> tuple[str, ...]:
        """How many tunings of what, and what fits."""
        rates, shares = (", ".join(f"{value:g}" for value in sorted(v)) for v in (self.learning_rates, self.shares))
        tasks = len(self.learning_rates) * len(self.shares)
        return (
            f"{tasks} tunings by {self.tuning.kind} of {short_name(self.model)}, each a task with {self.each_needs.text()}",
            f"learning rates {rates}; parts of the training set: {shares}",
            *self.fits(),
        )

    def forecast(self, context: Context) -> tuple[str, ...]:
        """As declared."""
        return self.declared()

    def pieces(self, context: Context) -> dict[str, Step]:
        """One tuning per combination, the longest first."""
        return {
            _name(share, rate): self.one(share, dataclasses.replace(self.tuning, learning_rate=rate), keep_failure=True)
            for share, rate in itertools.product(sorted(self.shares, reverse=True), sorted(self.learning_rates))
        }

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
