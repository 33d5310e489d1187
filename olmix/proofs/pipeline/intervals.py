"""How sure a rate is: Wilson's interval for one rate, the paired bootstrap for the difference of two on the same problems."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rate:
    """`hits` of `of`, with a 95 % interval by Wilson 1927 (score interval); the interval of nothing is (0, 1)."""

    hits: int
    of: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The rate itself; 0 of 0 is 0."""
        return self.hits / self.of if self.of else 0.0

    def text(self) -> str:
        """`41.0 % (35.2 to 47.1, 82 of 200)`."""
        return f"{100 * self.value:.1f} % ({100 * self.low:.1f} to {100 * self.high:.1f}; {self.hits} of {self.of})"


def wilson(hits: int, of: int, z: float = 1.959963984540054) -> Rate:
    """The rate with its interval; `z` is the normal quantile (95 % by default)."""
    if not of:
        return Rate(hits=0, of=0, low=0.0, high=1.0)
    p = hits / of
    centre = (p + z * z / (2 * of)) / (1 + z * z / of)
    half = z * math.sqrt(p * (1 - p) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    low = 0.0 if hits == 0 else max(0.0, centre - half)
    high = 1.0 if hits == of else min(1.0, centre + half)
    return Rate(hits=hits, of=of, low=low, high=high)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Difference:
    """The mean of `after - before` over problems, with a 95 % percentile interval over resampled problems."""

    mean: float
    low: float
    high: float
    problems: int


def paired_bootstrap(
    before: Sequence[float], after: Sequence[float], *, draws: int = 10_000, seed: int = 0
) -> Difference:
    """Resamples problems, keeping each one's two scores (of 0 to 1) together: Efron & Tibshirani 1993, chapter 13.

    Where all problems gain the same, resampling would claim to know that exactly, from ever so few. Then a share of other
    problems as large as Wilson's bound for none seen may gain anything from -1 to 1.

    Raises:
      ValueError: if the two are not of one length, or empty.
    """
    if len(before) != len(after) or len(before) == 0:
        raise ValueError(
            f"A paired comparison needs the same problems on both sides, got {len(before)} and {len(after)}."
        )
    gains = np.asarray(after, dtype=np.float64) - np.asarray(before, dtype=np.float64)
    if np.ptp(gains) == 0:
        mean, unseen = float(gains[0]), wilson(0, len(gains)).high
        return Difference(
            mean=mean, low=mean - unseen * (mean + 1), high=mean + unseen * (1 - mean), problems=len(gains)
        )
    rng = np.random.default_rng(seed)
    means = np.array([gains[rng.integers(len(gains), size=len(gains))].mean() for _ in range(draws)])
    low, high = np.quantile(means, [0.025, 0.975])
    return Difference(mean=float(gains.mean()), low=float(low), high=float(high), problems=len(gains))
