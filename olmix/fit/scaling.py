"""The units in which a metric is fitted: laws work on (y - shift) / scale, and answer in the metric's own
units.

The scale is the spread over the runs, so that ridges and tolerances mean the same for a loss around 3, a
perplexity around 400 or an accuracy around 0.02. The shift is 0 for positive metrics; laws with a positive
floor need it for the others.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from olmix.fit.checks import Array, Index

#: Huber's constant: 95 % efficiency on Gaussian noise.
HUBER = 1.345
#: The median absolute deviation of a Gaussian, inverted.
MAD = 1.4826


def spread(y: Array, omega: Array) -> Array:
    """`[k]`: the weighted standard deviation of `y[n, k]`; for a constant metric its size, and 1 for zero."""
    total = omega.sum()
    mean = omega @ y / total
    deviation = np.sqrt(omega @ (y - mean) ** 2 / total)
    size = np.abs(y).max(axis=0)
    flat = deviation <= 1e-10 * size
    return np.where(flat, np.where(size > 0, size, 1.0), deviation)


def positive_shift(y: Array) -> Array:
    """`[k]`: 0 for metrics that are positive everywhere; for others as far below the minimum as the range is
    wide.
    """
    low, high = y.min(axis=0), y.max(axis=0)
    width = np.maximum(high - low, np.maximum(np.abs(high), 1e-12) * 1e-3)
    return np.where(low > 1e-3 * width, 0.0, low - width)


def weighted_median(values: Array, omega: Array) -> Array:
    """`[P]`: the median of each row of `values[P, n]` under `omega[P, n]`, among rows that count."""
    order = np.argsort(values, axis=1)
    ranked = np.take_along_axis(values, order, axis=1)
    cumulative = np.cumsum(np.take_along_axis(omega, order, axis=1), axis=1)
    middle = np.argmax(cumulative >= 0.5 * cumulative[:, -1:], axis=1)
    return ranked[np.arange(len(values)), middle]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scaled:
    """Metrics in units where the smallest value is 1: `sign * y = shift + unit * target`, the smallest target
    being 1.
    """

    target: Array  # [k, n]
    omega: Array  # [k, n]
    sign: Array  # [k]
    shift: Array  # [k]
    unit: Array  # [k]
    deviation: Array  # [k], of the target

    @staticmethod
    def of(y: Array, omega: Array, sign: Array) -> Scaled:
        """From `y[n, k]`, `omega[n]` and `sign[k]` (-1 turns a metric upside down)."""
        turned = y * sign
        counted = turned[omega > 0]
        shift = positive_shift(counted)
        unit = counted.min(axis=0) - shift
        target = ((turned - shift) / unit).T
        deviation = spread(target.T, omega)
        flat = np.ptp(target, axis=1) <= 1e-12
        return Scaled(
            target=target,
            omega=np.broadcast_to(omega, target.shape),
            sign=sign,
            shift=shift,
            unit=unit,
            # A constant metric's penalties must not be in units of its size: they would pull the fit off the constant.
            deviation=np.where(flat, 1e-4, deviation),
        )

    def take(self, which: Index) -> Scaled:
        """The chosen metrics."""
        return Scaled(**{field.name: getattr(self, field.name)[which] for field in dataclasses.fields(self)})
