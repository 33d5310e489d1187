"""Anchors: what is believed about mixtures of a single leaf before any of them was trained.

A convex law is largest at a corner of the simplex, so what bounds it at the corners bounds it everywhere. Each corner
therefore enters the fit as a pseudo-run, at the mean of the metric, that weighs next to nothing: to be off by as much as
linear extrapolation would allow costs half of what one run's noise costs. Under Huber's loss this is a Laplace prior, so
true large effects pay little. Without it a law that fits a narrow cloud of runs can reach 1e12 at a corner.
"""

from __future__ import annotations

import numpy as np

from olmix.fit.checks import Array
from olmix.fit.scaling import spread

#: How many times further than linear extrapolation a corner may be.
_SLACK = 3.0


def corners(w: Array) -> Array:
    """The runs `w[n, m]` and below them the corners: `[n + m, m]`."""
    return np.concatenate([w, np.eye(w.shape[1])])


def reach(w: Array, omega: Array) -> Array:
    """`[m]`: how many spreads of a metric lie between its mean and a corner, if it were linear in the weights.

    Corner j lies (1 - mean weight) / (deviation of weight) deviations of the runs away along leaf j; if all leaves
    matter alike, each brings 1 / sqrt(m) of the metric's spread. A leaf that never varies counts like the others.
    """
    mean = omega @ w / omega.sum()
    deviation = spread(w, omega)
    varied = np.ptp(w, axis=0) > 1e-9
    typical = float(np.median(deviation[varied])) if varied.any() else 1.0
    deviation = np.where(varied, np.maximum(deviation, 0.1 * typical), typical)
    return np.asarray(np.maximum((1 - mean) / deviation / np.sqrt(len(mean)), 1.0))


def anchored(target: Array, omega: Array, corner: Array, doubt: Array, reach: Array) -> tuple[Array, Array]:
    """Targets and sample weights `[P, n + m]` with those of the corners appended.

    From `target[P, n]`, `omega[P, n]`, Huber's `corner[P]`, `doubt[P]` (the variance of the noise in units of the
    metric's) and `reach[m]`. Off by `_SLACK` reaches, an anchor costs half the variance of the noise.
    """
    mean = np.sum(omega * target, axis=1) / omega.sum(axis=1)
    deviation = np.sqrt(np.sum(omega * (target - mean[:, None]) ** 2, axis=1) / omega.sum(axis=1))
    noise = doubt * deviation**2
    allowed = np.maximum(_SLACK * deviation[:, None] * reach, corner[:, None])
    weight = 0.5 * noise[:, None] / np.maximum(corner[:, None] * allowed, 1e-300)
    anchors = np.broadcast_to(mean[:, None], weight.shape)
    return np.concatenate([target, anchors], axis=1), np.concatenate([omega, weight], axis=1)
