"""What a sweep found: every combination that was tried, and which learning rate is best for how many problems."""

from __future__ import annotations

import dataclasses
import math

from olmix.language_models.tuning import TuningResult


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
