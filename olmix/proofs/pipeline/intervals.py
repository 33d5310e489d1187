"""How sure a rate is: Wilson's interval for one rate; for the difference of two on the same problems McNemar's exact test, with
an exact interval where few problems differ and the paired bootstrap where many do.
"""

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


#: With fewer problems on which the two differ, the bootstrap claims too much: four that all went one way are a gain to it,
#: and chance alone sends four one way in one case of eight.
MANY = 50


@dataclasses.dataclass(frozen=True, kw_only=True)
class Difference:
    """The mean of `after - before` over problems, with a 95 % interval by `method`: "exact" or "paired bootstrap"."""

    mean: float
    low: float
    high: float
    problems: int
    method: str = "paired bootstrap"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Change(Difference):
    """Of two rates on the same problems: so many were `gained` (not before, but after) and `lost`.

    `p_value` is that of McNemar's exact test, two-sided: how often chance alone would part `gained` from `lost` at least as far.
    """

    gained: int
    lost: int
    p_value: float

    @property
    def shown(self) -> bool:
        """Whether it is more than chance at 5 %, by the test and by the interval."""
        return self.p_value < 0.05 and (self.low > 0 or self.high < 0)

    def test(self) -> str:
        """`McNemar's exact test, p = 0.0031 (14 gained, 2 lost)`."""
        p = "p < 0.0001" if self.p_value < 1e-4 else f"p = {self.p_value:.2g}"
        return f"McNemar's exact test, {p} ({self.gained} gained, {self.lost} lost)"


def mcnemar(gained: int, lost: int) -> float:
    """The exact two-sided p-value: of the problems that changed, each was as likely gained as lost (McNemar 1947; the binomial
    instead of his chi-squared).
    """
    from scipy.stats import binomtest

    return float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0


def clopper_pearson(hits: int, of: int, level: float = 0.95) -> tuple[float, float]:
    """The exact interval of a rate (Clopper & Pearson 1934); (0, 1) for 0 of 0."""
    from scipy.stats import binomtest

    if of == 0:
        return 0.0, 1.0
    found = binomtest(hits, of).proportion_ci(level, method="exact")
    return float(found.low), float(found.high)


def paired_change(before: Sequence[bool], after: Sequence[bool], *, draws: int = 10_000, seed: int = 0) -> Change:
    """The change of a rate on the same problems.

    Where fewer than `MANY` problems differ, the interval is that of s(2g - 1): s, the share of problems that differ, and g, the
    share of those that were gained, range over their Clopper-Pearson intervals. So it leaves out 0 exactly where McNemar's
    exact test has p < 0.05, and covers the truth in at least 95 % of cases at any number of problems (in
    `tests/proofs/pipeline/test_intervals.py` by enumeration). Else it is the paired bootstrap's.

    Raises:
      ValueError: as `paired_bootstrap`.
    """
    _same_problems(before, after)
    gained = sum(not one and other for one, other in zip(before, after, strict=True))
    lost = sum(one and not other for one, other in zip(before, after, strict=True))
    if gained + lost >= MANY:
        found = paired_bootstrap([float(x) for x in before], [float(x) for x in after], draws=draws, seed=seed)
    else:
        low, high = _exact(gained, lost, len(before))
        found = Difference(mean=(gained - lost) / len(before), low=low, high=high, problems=len(before), method="exact")
    return Change(**dataclasses.asdict(found), gained=gained, lost=lost, p_value=mcnemar(gained, lost))


def _exact(gained: int, lost: int, problems: int) -> tuple[float, float]:
    fewest, most = clopper_pearson(gained + lost, problems)
    low, high = (2 * share - 1 for share in clopper_pearson(gained, gained + lost))
    return low * (most if low < 0 else fewest), high * (most if high > 0 else fewest)


def paired_bootstrap(
    before: Sequence[float], after: Sequence[float], *, draws: int = 10_000, seed: int = 0
) -> Difference:
    """Resamples problems, keeping each one's two scores (of 0 to 1) together: Efron & Tibshirani 1993, chapter 13.

    Where all problems gain the same, resampling would claim to know that exactly, from ever so few. Then a share of other
    problems as large as Wilson's bound for none seen may gain anything from -1 to 1.

    Raises:
      ValueError: if the two are not of one length, or empty.
    """
    _same_problems(before, after)
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


def _same_problems(before: Sequence[float], after: Sequence[float]) -> None:
    if len(before) != len(after) or len(before) == 0:
        raise ValueError(
            f"A paired comparison needs the same problems on both sides, got {len(before)} and {len(after)}."
        )
