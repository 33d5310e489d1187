"""AutoScale: y = E + A * sum_j (n_j + w_j)^(-gamma_j). The law of AutoScale (Kang et al. 2024).

Every leaf brings its own power law, on top of a head start n_j that the other leaves give it; leaves do not
share effective data, they add. Convex, but with two exponents per leaf it needs many runs; a ridge on the
differences between leaves, chosen by left-out residuals, keeps it sane with few.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from olmix.fit import levenberg
from olmix.fit.law import Array, Law, Shape
from olmix.fit.regressions import Regressions, choose_ridge, first_corner, ridge_path
from olmix.fit.scaling import HUBER, Scaled

RIDGES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
_PILOT = 1e-2
_HEAD = 2
_HEAD_STARTS = np.log([0.003, 0.03, 0.3])


@dataclasses.dataclass(frozen=True, kw_only=True)
class AutoScale(Law):
    """y_k = shift_k + scale_k * (floor_k + factor_k * sum_j (head_start_kj + w_j)^(-power_kj)), Huber's loss.

    Settings:
      ridge: penalty on differences of log head starts and of log powers between leaves, in units of the
        metric's variance; None
        chooses it per metric.
      huber: where the loss turns linear, in robust standard deviations of left-out residuals.

    Learned: `floor_[k]`, `factor_[k]`, `head_start_[k, m]`, `power_[k, m]`, `scale_[k]`, `shift_[k]`,
    `noise_[k]`, `ridge_[k]`, `covariance_[k, 2+2m, 2+2m]` of the logarithms (floor as a logit).
    """

    ridge: float | None = None
    huber: float = HUBER

    learned: ClassVar[tuple[str, ...]] = (
        "floor_",
        "factor_",
        "head_start_",
        "power_",
        "scale_",
        "shift_",
        "noise_",
        "ridge_",
        "covariance_",
    )
    floor_: ClassVar[Array]
    factor_: ClassVar[Array]
    head_start_: ClassVar[Array]
    power_: ClassVar[Array]
    scale_: ClassVar[Array]
    shift_: ClassVar[Array]
    ridge_: ClassVar[Array]
    covariance_: ClassVar[Array]

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """Convex: a sum of negative powers."""
        shape: Shape = "convex"
        return (shape,) * self.metric_count_

    def gradient(self, w: ArrayLike) -> Array:
        """-scale * A * gamma_j * (n_j + w_j)^(-gamma_j - 1)."""
        point = self._check_points(np.atleast_2d(w))[0]
        steep = -self.power_ * (self.head_start_ + point) ** (-self.power_ - 1)
        return np.asarray((self.scale_ * self.factor_)[:, None] * steep)

    def _theta(self) -> Array:
        head = np.stack([np.log(self.floor_ / (1 - self.floor_)), np.log(self.factor_)], axis=1)
        return np.concatenate([head, np.log(self.head_start_), np.log(self.power_)], axis=1)

    def _mean(self, w: Array) -> Array:
        return self.shift_ + self.scale_ * _Sum(w).value(self._theta()).T

    def _std(self, w: Array) -> Array:
        jacobian = _Sum(w).jacobian(self._theta())
        variance = np.einsum("kni,kij,knj->nk", jacobian, self.covariance_, jacobian, optimize=True)
        return np.sqrt(np.maximum(variance, 0) * self.scale_**2 + self.noise_**2)

    def _fit(self, w: Array, y: Array, omega: Array) -> None:
        data = Scaled.of(y, omega, np.ones(y.shape[1]))
        count, leaves = y.shape[1], w.shape[1]
        surface = _Sum(w)

        def penalty(ridge: Array | float) -> Array:
            matrix = np.zeros((count, _HEAD + 2 * leaves, _HEAD + 2 * leaves))
            differences = np.eye(leaves) - 1.0 / leaves
            for block in (slice(_HEAD, _HEAD + leaves), slice(_HEAD + leaves, None)):
                matrix[:, block, block] = np.reshape(ridge, (-1, 1, 1)) * differences
            # Weak priors on the common levels (precision in units of the variance) and on floor and factor.
            free = np.arange(_HEAD + 2 * leaves)
            matrix[:, free, free] += np.where(free < _HEAD, 1e-2, 1e-3)
            return np.asarray(matrix * (data.deviation**2)[:, None, None])

        centre = np.zeros((count, _HEAD + 2 * leaves))
        centre[:, _HEAD : _HEAD + leaves], centre[:, _HEAD + leaves :] = np.log(0.03), np.log(0.4)
        problems = levenberg.Problems(
            target=data.target,
            omega=data.omega,
            delta=first_corner(data.target, data.omega),
            ridge=penalty(_PILOT),
            centre=centre,
        )
        task = Regressions(surface=surface, problems=problems)
        _, first = next(ridge_path(task, surface.starts, (_PILOT if self.ridge is None else self.ridge,), penalty))
        task = task.replace(delta=first.corner(problems, self.huber, 1e-6 * data.deviation))
        ridges = RIDGES if self.ridge is None else (self.ridge,)
        ridge, theta, _ = choose_ridge(task, first.every, ridges, penalty)
        task = task.replace(ridge=penalty(ridge))
        theta, _ = task.solve(theta[None], tolerance=1e-8, steps=60)
        noise = task.noise(theta)
        # The uncertainty takes no weaker a prior than one deviation per logarithm.
        believed = penalty(np.maximum(ridge, noise**2 / data.deviation**2))
        self._learn(
            floor_=1 / (1 + np.exp(-theta[:, 0])),
            factor_=np.exp(theta[:, 1]),
            head_start_=np.exp(theta[:, _HEAD : _HEAD + leaves]),
            power_=np.exp(theta[:, _HEAD + leaves :]),
            scale_=data.unit,
            shift_=data.shift,
            noise_=noise * data.unit,
            ridge_=ridge,
            covariance_=task.replace(ridge=believed).inverse(theta) * noise[:, None, None] ** 2,
        )


class _Sum:
    """E + A * sum_j (n_j + w_j)^(-gamma_j) over the runs `w[n, m]`; theta = (logit E, log A, log n, log
    gamma).
    """

    def __init__(self, w: Array) -> None:
        self.w = w

    def _parts(self, theta: Array) -> tuple[Array, Array, Array, Array, Array]:
        """E, A `[P]`; n, gamma `[P, 1, m]`; the powers `[P, n, m]`."""
        leaves = self.w.shape[1]
        floor, factor = 1 / (1 + np.exp(-theta[:, 0])), np.exp(theta[:, 1])
        head_start = np.exp(theta[:, None, _HEAD : _HEAD + leaves])
        power = np.exp(theta[:, None, _HEAD + leaves :])
        return floor, factor, head_start, power, np.exp(-power * np.log(head_start + self.w))

    def value(self, theta: Array) -> Array:
        """`[P, n]`."""
        floor, factor, _, _, powers = self._parts(theta)
        return np.asarray(floor[:, None] + factor[:, None] * powers.sum(axis=2))

    def jacobian(self, theta: Array) -> Array:
        """`[P, n, 2+2m]`."""
        floor, factor, head_start, power, powers = self._parts(theta)
        scaled = factor[:, None, None] * powers
        by_floor = np.broadcast_to((floor * (1 - floor))[:, None, None], (*powers.shape[:2], 1))
        by_head = -power * scaled * head_start / (head_start + self.w)
        by_power = -scaled * power * np.log(head_start + self.w)
        return np.concatenate([by_floor, scaled.sum(axis=2, keepdims=True), by_head, by_power], axis=2)

    def normal(self, theta: Array, curvature: Array, slope: Array) -> tuple[Array, Array]:
        """See `levenberg.Model`."""
        jacobian = self.jacobian(theta)
        turned = np.swapaxes(jacobian, 1, 2)
        return turned @ (curvature[:, :, None] * jacobian), (turned @ slope[:, :, None])[:, :, 0]

    def starts(self, target: Array, omega: Array) -> Array:
        """`[s, P, 2+2m]`: equal leaves, several head starts, the factor by the spread of the metric."""
        found = []
        for head_start in _HEAD_STARTS:
            theta = np.zeros((len(target), _HEAD + 2 * self.w.shape[1]))
            theta[:, _HEAD : _HEAD + self.w.shape[1]] = head_start
            theta[:, _HEAD + self.w.shape[1] :] = np.log(0.4)
            sums = self.value(theta) - 0.5
            mean = np.sum(omega * target, axis=1) / omega.sum(axis=1)
            theta[:, 1] = np.log(np.maximum(mean - 0.5, 0.05) / sums.mean(axis=1))
            found.append(theta)
        return np.stack(found)
