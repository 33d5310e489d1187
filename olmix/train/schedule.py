"""Warm-up, stable, decay: the learning rate as a function of the tokens seen, never of steps.

One run can hold several periods (arXiv:2405.18392; WSD-S, arXiv:2410.05192): each ends in a linear decay to zero and so in
a usable model, and the next one goes on from the peak. It trades a little of the last model's quality, against a cosine
over the whole run, for usable models on the way and for runs whose length need not be known when they start.
"""

from __future__ import annotations

import bisect
import dataclasses

from olmix.errors import UserError


@dataclasses.dataclass(frozen=True, kw_only=True)
class WarmupStableDecay:
    """The learning rate over a run, in tokens.

    `period_ends` are the tokens at which each period's decay reaches zero, the last one being the run's length; each
    decays over the last `decay_fraction` of itself. `warmup_tokens` belong to the first period.

    Raises:
      UserError: if the periods are not growing, or warm-up and decay do not fit into the first.
    """

    peak: float
    warmup_tokens: int
    period_ends: tuple[int, ...]
    decay_fraction: float = 0.1

    def __post_init__(self) -> None:
        if not self.period_ends or any(b <= a for a, b in zip((0, *self.period_ends), self.period_ends, strict=False)):
            raise UserError(
                f"Schedule periods must end at growing positive token counts; they end at {self.period_ends}."
            )
        if not 0 <= self.decay_fraction <= 1:
            raise UserError(f"decay_fraction is a share of a period, from 0 to 1; it is {self.decay_fraction}.")
        if not self.peak > 0:
            raise UserError(f"The learning rate must be positive; it is {self.peak}.")
        stable = self.period_ends[0] * (1 - self.decay_fraction)
        if not 0 <= self.warmup_tokens <= stable + 1:
            raise UserError(
                f"A warm-up of {self.warmup_tokens:,} tokens does not fit before the first decay, which begins at "
                f"{int(stable):,} tokens; shorten proxy.warmup_tokens or proxy.decay_fraction, or train longer."
            )

    def at(self, tokens: float) -> float:
        """The learning rate after `tokens` tokens; 0 at the end of every period and beyond the last."""
        if tokens >= self.period_ends[-1]:
            return 0.0
        period = bisect.bisect_right(self.period_ends, tokens)
        end = self.period_ends[period]
        start = self.period_ends[period - 1] if period else 0
        left, decay = end - tokens, self.decay_fraction * (end - start)
        rate = self.peak * min(1.0, left / decay) if decay else self.peak
        if tokens < self.warmup_tokens:
            rate = min(rate, self.peak * tokens / self.warmup_tokens)
        return rate

    def for_batch(self, first: int, tokens: int) -> float:
        """The rate of a step whose batch covers `tokens` tokens from `first` on: that at its middle.

        Never zero, so that neither the first nor the last batch is read for nothing.
        """
        return self.at(first + tokens / 2)
