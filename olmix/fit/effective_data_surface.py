"""The surface of `EffectiveData` for one exponent: E + (eps + sum_j s_j g(w_j))^(-alpha), its Jacobian and
its starts.

Parameters theta = (logit E, log alpha, log eps, log s_1 .. log s_m), in units where the smallest observed
value is 1: so 0 < E < min y, alpha > 0 and s > 0 hold by themselves and Levenberg-Marquardt needs no bounds.
"""

from __future__ import annotations

import numpy as np

from olmix.fit.checks import Array
from olmix.fit.regressions import outer, products

#: Parameters before the utilities.
HEAD = 3
# Gaussian priors (centre, deviation) on logit E and log alpha, and the widest one on log-utilities. In a
# least-squares loss a prior's precision is noise^2 / deviation^2; the noise is what left-out runs show, so
# that priors hold where the law knows little and vanish where it predicts well.
_FLOOR_PRIOR, _POWER_PRIOR, _WIDEST_UTILITIES = (0.0, 0.5), (-0.7, 1.0), 6.0
#: Enough to keep a matrix invertible, in units of the metric's variance.
_WHISPER = 1e-3
#: Start values of E and alpha; with both given, eps and s are a linear regression.
_START_FLOORS = (0.3, 0.85)
_START_POWERS = (0.2, 0.7)


def features(w: Array, exponent: float, offset: float) -> Array:
    """g(w) = (w + offset)^exponent - offset^exponent, elementwise."""
    return (np.maximum(w, 0.0) + offset) ** exponent - offset**exponent


def features_slope(w: Array, exponent: float, offset: float) -> Array:
    """g'(w), elementwise; finite at 0 for offset > 0."""
    return exponent * (np.maximum(w, 0.0) + offset) ** (exponent - 1.0)


class PowerSurface:
    """The surface over the runs `w[n, m]` at one exponent."""

    def __init__(self, w: Array, exponent: float, offset: float) -> None:
        self.features = np.concatenate([np.ones((len(w), 1)), features(w, exponent, offset)], axis=1)  # eps, s
        self.pairs = products(self.features)

    def _parts(self, theta: Array) -> tuple[Array, Array, Array, Array, Array]:
        """E and alpha `[P]`, (eps, s) `[P, 1+m]`, the effective data z and z^-alpha `[P, n]`."""
        floor, power, worth = 1 / (1 + np.exp(-theta[:, 0])), np.exp(theta[:, 1]), np.exp(theta[:, 2:])
        data = worth @ self.features.T
        return floor, power, worth, data, np.exp(-power[:, None] * np.log(data))

    def value(self, theta: Array) -> Array:
        """`[P, n]`."""
        floor, _, _, _, fallen = self._parts(theta)
        return floor[:, None] + fallen

    def normal(self, theta: Array, curvature: Array, slope: Array) -> tuple[Array, Array]:
        """See `levenberg.Model`."""
        floor, power, worth, data, fallen = self._parts(theta)
        by_floor = floor * (1 - floor)
        by_power = -power[:, None] * np.log(data) * fallen
        by_data = -power[:, None] * fallen / data
        tail = slice(2, None)
        matrix = np.empty((len(theta), theta.shape[1], theta.shape[1]))
        matrix[:, 0, 0] = by_floor**2 * curvature.sum(axis=1)
        matrix[:, 0, 1] = matrix[:, 1, 0] = by_floor * (curvature * by_power).sum(axis=1)
        matrix[:, 1, 1] = (curvature * by_power**2).sum(axis=1)
        matrix[:, 0, tail] = matrix[:, tail, 0] = by_floor[:, None] * ((curvature * by_data) @ self.features) * worth
        matrix[:, 1, tail] = matrix[:, tail, 1] = ((curvature * by_data * by_power) @ self.features) * worth
        block = outer(curvature * by_data**2, self.pairs, worth.shape[1])
        block *= worth[:, :, None]
        block *= worth[:, None, :]
        matrix[:, tail, tail] = block
        vector = np.empty_like(theta)
        vector[:, 0] = by_floor * slope.sum(axis=1)
        vector[:, 1] = (slope * by_power).sum(axis=1)
        vector[:, tail] = ((slope * by_data) @ self.features) * worth
        return matrix, vector

    def jacobian(self, theta: Array) -> Array:
        """`[P, n, 3+m]`."""
        floor, power, worth, data, fallen = self._parts(theta)
        jacobian = np.empty((*fallen.shape, theta.shape[1]))
        jacobian[:, :, 0] = (floor * (1 - floor))[:, None]
        jacobian[:, :, 1] = -power[:, None] * np.log(data) * fallen
        by_data = -power[:, None] * fallen / data
        jacobian[:, :, 2:] = by_data[:, :, None] * self.features * worth[:, None, :]
        return jacobian

    def starts(self, target: Array, omega: Array) -> Array:
        """`[s, P, 3+m]`: for given E and alpha the rest is a linear regression of (y - E)^(-1/alpha), made
        positive.
        """
        found = []
        for floor in _START_FLOORS:
            for power in _START_POWERS:
                data = (np.maximum(target, 0.999) - floor) ** (-1 / power)
                scale = omega / data**2
                matrix = outer(scale, self.pairs, self.features.shape[1])
                size = np.arange(matrix.shape[1])
                matrix[:, size, size] += 1e-3 * matrix[:, size, size].mean(axis=1, keepdims=True)
                worth = np.linalg.solve(matrix, ((scale * data) @ self.features)[..., None])[..., 0]
                worth = np.maximum(worth, 0.03 * np.abs(worth).max(axis=1, keepdims=True))
                head = np.broadcast_to([np.log(floor / (1 - floor)), np.log(power)], (len(target), 2))
                found.append(np.concatenate([head, np.log(worth)], axis=1))
        return np.stack(found)


def penalty(ridge: Array, variance: Array, doubt: Array, leaves: int) -> Array:
    """`[P, 3+m, 3+m]` from the `ridge[P]`, the metrics' `variance[P]`, and `doubt[P]`, the noise in units of
    the variance.

    The base eps counts as one more leaf: a base far below every utility would let a metric explode where no
    run was.
    """
    size = HEAD + leaves
    differences = np.zeros((size, size))
    differences[HEAD - 1 :, HEAD - 1 :] = np.eye(leaves + 1) - 1.0 / (leaves + 1)
    matrix = np.maximum(ridge, doubt / _WIDEST_UTILITIES**2)[:, None, None] * differences
    matrix[:, 0, 0] = np.maximum(doubt / _FLOOR_PRIOR[1] ** 2, _WHISPER)
    matrix[:, 1, 1] = np.maximum(doubt / _POWER_PRIOR[1] ** 2, _WHISPER)
    return np.asarray(variance[:, None, None] * matrix)


def centre(count: int, leaves: int) -> Array:
    """`[P, 3+m]`: where the priors pull."""
    point = np.zeros((count, HEAD + leaves))
    point[:, 0], point[:, 1] = _FLOOR_PRIOR[0], _POWER_PRIOR[0]
    return point
