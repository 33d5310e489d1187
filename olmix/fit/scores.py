"""How good predictions are, per metric: Spearman, Pearson, RMSE, regret and calibration.

The functions do not know whether their predictions are out of sample; who calls them says so.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from olmix.fit.law import Array


@dataclasses.dataclass(frozen=True, kw_only=True)
class Score:
    """Scores of one metric over runs; None where undefined (a correlation with a constant).

    `regret` is how much worse (in the metric's units, 0 or more) the run with the best prediction is than the
    best run: what choosing by the law instead of by looking would cost. `coverage_90` is the share of runs
    within the predicted 90 % interval and `z_spread` the root mean square of (observed - predicted) / std:
    0.9 and 1 when the uncertainty is honest.
    """

    metric: str
    spearman: float | None
    pearson: float | None
    rmse: float
    regret: float
    coverage_90: float | None
    z_spread: float | None


def score(
    metrics: Sequence[str],
    observed: ArrayLike,
    predicted: ArrayLike,
    std: ArrayLike | None = None,
    maximise: Sequence[str] = (),
) -> tuple[Score, ...]:
    """One `Score` per metric from `observed[n, k]`, `predicted[n, k]` or `[r, n, k]` (averaged over r), `std`
    likewise.

    `maximise` names the metrics that should grow; for the others, lower is better.
    """
    observed, predicted = np.asarray(observed, dtype=float), np.asarray(predicted, dtype=float)
    repeats = predicted[None] if predicted.ndim == 2 else predicted
    spreads = None if std is None else np.broadcast_to(np.asarray(std, dtype=float), repeats.shape)
    scores = []
    for k, metric in enumerate(metrics):
        truth, guesses = observed[:, k], repeats[:, :, k]
        sign = -1.0 if metric in maximise else 1.0
        regrets = [sign * truth[np.argmin(sign * guess)] - (sign * truth).min() for guess in guesses]
        z = None if spreads is None else (truth - guesses) / np.maximum(spreads[:, :, k], 1e-300)
        scores.append(
            Score(
                metric=metric,
                spearman=_average([correlation(ranks(truth), ranks(guess)) for guess in guesses]),
                pearson=_average([correlation(truth, guess) for guess in guesses]),
                rmse=float(np.sqrt(np.mean((truth - guesses) ** 2))),
                regret=float(np.mean(regrets)),
                coverage_90=None if z is None else float(np.mean(np.abs(z) <= 1.6448536269514722)),
                z_spread=None if z is None else float(min(np.sqrt(np.mean(z**2)), 1e12)),
            )
        )
    return tuple(scores)


def ranks(values: Array) -> Array:
    """Ranks of `values[n]` from 0; ties share their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts + 1) / 2)[inverse]


def correlation(a: Array, b: Array) -> float | None:
    """Pearson's correlation of two vectors; None if either is constant (to rounding)."""
    a, b = a - a.mean(), b - b.mean()
    size = np.sqrt((a @ a) * (b @ b))
    flat = min(np.abs(a).max(), np.abs(b).max()) < 1e-300 or size == 0
    return None if flat else float(np.clip(a @ b / size, -1, 1))


def _average(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
