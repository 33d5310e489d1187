"""LogLinear: y = exp(c) + exp(t . w). The law of Data Mixing Laws (Ye et al. 2024) and of allenai/olmix.

One slope per leaf under an exponential, above a positive floor. It is convex, has few parameters, and is the
common reference; but it cannot say that a first percent of a source is worth more than a tenth:
`EffectiveData` can, and predicts better nearly everywhere.

Fitted for all metrics at once by Levenberg-Marquardt (`levenberg.py`) with the analytic Jacobian and Huber's
loss. The starts are floors: with the floor given the rest is nearly linear, so five of them replace the
random restarts of the peers. A ridge on the differences between slopes, chosen per metric by leave-one-out
residuals, keeps the fit finite and sane when runs are fewer than leaves.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from olmix.fit import levenberg
from olmix.fit.law import Array, Law, Shape
from olmix.fit.regressions import Regressions, choose_ridge, first_corner, outer, products, ridge_path
from olmix.fit.scaling import HUBER, positive_shift, spread

#: Ridges tried, in units of (spread of the metric)^2: a slope difference of d costs ridge * d^2 / 2.
RIDGES = (1e-8, 1e-4, 1e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0, 10.0)
#: Floors tried, as distances below the smallest metric in units of the range.
FLOORS = (0.03, 0.15, 0.5, 1.5, 5.0)
#: A whisper of a prior on the floor: it has no other business than to keep the curvature invertible.
_FLOOR_RIDGE = 1e-7
#: The ridge of the first look.
_PILOT = 1e-3
#: Problems refitted together: their matrices should stay in the cache.
_BATCH = 400


@dataclasses.dataclass(frozen=True, kw_only=True)
class LogLinear(Law):
    """y_k = shift_k + exp(c_k) + exp(t_k . w), Huber's loss, ridge on t.

    Settings:
      ridge: penalty on differences between slopes, in units of the metric's variance; None chooses it per
        metric.
      huber: where the loss turns linear, in robust standard deviations of the leave-one-out residuals.
      huber_delta: the same in the metric's own units (the peers' way: 0.02); overrides `huber`.

    Learned: `log_floor_[k]` (c), `slopes_[k, m]` (t), `shift_[k]` (0 for positive metrics), `ridge_[k]`,
    `noise_[k]`, `loss_[k]` (Huber loss, summed over runs, in the metric's units squared), `huber_delta_[k]`,
    `covariance_[k, 1+m, 1+m]` of (c, t).
    """

    ridge: float | None = None
    huber: float = HUBER
    huber_delta: float | None = None

    learned: ClassVar[tuple[str, ...]] = (
        "log_floor_",
        "slopes_",
        "shift_",
        "ridge_",
        "noise_",
        "loss_",
        "huber_delta_",
        "covariance_",
    )
    log_floor_: ClassVar[Array]
    slopes_: ClassVar[Array]
    shift_: ClassVar[Array]
    ridge_: ClassVar[Array]
    loss_: ClassVar[Array]
    huber_delta_: ClassVar[Array]
    covariance_: ClassVar[Array]

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """Convex, always: the exponential of a linear function."""
        shape: Shape = "convex"
        return (shape,) * self.metric_count_

    def gradient(self, w: ArrayLike) -> Array:
        """t_k * exp(t_k . w)."""
        point = self._check_points(np.atleast_2d(w))[0]
        return self.slopes_ * np.exp(self.slopes_ @ point)[..., None]

    def _mean(self, w: Array) -> Array:
        risen = np.exp(np.minimum(np.einsum("...km,nm->...nk", self.slopes_, w), 500.0))
        return risen + (self.shift_ + np.exp(self.log_floor_))[..., None, :]

    def _std(self, w: Array) -> Array:
        surface = _Surface(w)
        jacobian = surface.jacobian(np.concatenate([self.log_floor_[:, None], self.slopes_], axis=1))
        variance = np.einsum("kni,kij,knj->nk", jacobian, self.covariance_, jacobian)
        return np.sqrt(np.maximum(variance, 0) + self.noise_**2)

    def _fit(self, w: Array, y: Array, omega: Array) -> None:
        shift = positive_shift(y)
        if np.any(shift != 0):
            self._warn(f"shifted-metric: metrics {np.flatnonzero(shift).tolist()} are not positive everywhere")
        scale = spread(y, omega)
        target = ((y - shift) / scale).T
        weight = np.broadcast_to(omega, target.shape)
        corner = first_corner(target, weight) if self.huber_delta is None else self.huber_delta / scale
        task = _task(_Surface(w), target, weight, corner, np.zeros(len(target)))

        def penalty(strength: float) -> Array:
            return _penalty(np.full(len(target), strength), w.shape[1])

        def starts(target: Array, omega: Array) -> Array:  # one per floor: with it given, the rest is nearly linear
            return np.stack([_start(w, target, omega, floor, _PILOT) for floor in _floors(target)])

        # 1. How large are honest residuals? Then Huber's corner is fixed.
        _, first = next(ridge_path(task, starts, (_PILOT if self.ridge is None else self.ridge,), penalty))
        if self.huber_delta is None:
            task = task.replace(delta=first.corner(task.problems, self.huber, np.full(len(target), 1e-6)))
        # 2. How strong a ridge do the data want?
        ridges = RIDGES if self.ridge is None else (self.ridge,)
        ridge, theta, _ = choose_ridge(task, first.every, ridges, penalty, _PILOT)
        task = task.replace(ridge=_penalty(ridge, w.shape[1]))
        # 3. With ridge and corner fixed, try all floors again: the best basin may have changed.
        again = starts(target, task.problems.omega)
        theta, _ = task.solve(np.concatenate([theta[None], again]), tolerance=1e-6)
        theta, _ = task.solve(theta[None], tolerance=1e-12, steps=300)
        noise = task.noise(theta)
        loss = levenberg.huber_loss(task.residual(theta), task.problems.omega, task.problems.delta)
        # Scaling a metric by s adds log(s) to c and to every slope, because the weights sum to 1.
        self._learn(
            log_floor_=theta[:, 0] + np.log(scale),
            slopes_=theta[:, 1:] + np.log(scale)[:, None],
            shift_=shift,
            ridge_=ridge,
            noise_=noise * scale,
            loss_=loss * scale**2,
            huber_delta_=task.problems.delta * scale,
            covariance_=task.inverse(theta) * noise[:, None, None] ** 2,
        )

    def _refit(self, w: Array, y: Array, omega: Array) -> dict[str, Any]:
        scale = spread(y, np.ones(len(y)))
        target = ((y - self.shift_) / scale).T
        delta = self.huber_delta_ / scale
        start = np.concatenate([self.log_floor_[:, None], self.slopes_], axis=1) - np.log(scale)[:, None]
        surface = _Surface(w)
        draw, metric = (index.ravel() for index in np.indices((len(omega), len(target))))
        found = np.empty((len(draw), start.shape[1]))
        for begin in range(0, len(draw), _BATCH):
            here = slice(begin, begin + _BATCH)
            b, k = draw[here], metric[here]
            task = _task(surface, target[k], omega[b], delta[k], self.ridge_[k])
            found[here], _ = task.solve(start[k][None], tolerance=1e-7, steps=60)
        theta = found.reshape(len(omega), len(target), -1) + np.log(scale)[:, None]
        return {**self._repeated(len(omega)), "log_floor_": theta[..., 0], "slopes_": theta[..., 1:]}


class _Surface:
    """exp(c) + exp(t . w) over the runs `w[n, m]`, for parameters `(c, t)` in `theta[P, 1+m]`."""

    def __init__(self, w: Array) -> None:
        self.w = w
        self.pairs = products(w)

    def value(self, theta: Array) -> Array:
        return np.exp(theta[:, :1]) + np.exp(theta[:, 1:] @ self.w.T)

    def normal(self, theta: Array, curvature: Array, slope: Array) -> tuple[Array, Array]:
        floor, leaves = np.exp(theta[:, 0]), slice(1, None)
        risen = np.exp(theta[:, 1:] @ self.w.T)
        matrix = np.empty((len(theta), theta.shape[1], theta.shape[1]))
        weighted = curvature * risen
        matrix[:, 0, 0] = floor**2 * curvature.sum(axis=1)
        matrix[:, 0, 1:] = matrix[:, 1:, 0] = floor[:, None] * (weighted @ self.w)
        matrix[:, leaves, leaves] = outer(weighted * risen, self.pairs, self.w.shape[1])
        vector = np.concatenate([(floor * slope.sum(axis=1))[:, None], (slope * risen) @ self.w], axis=1)
        return matrix, vector

    def jacobian(self, theta: Array) -> Array:
        """`[P, n, 1+m]`."""
        risen = np.exp(theta[:, 1:] @ self.w.T)
        floor = np.broadcast_to(np.exp(theta[:, 0])[:, None, None], (*risen.shape, 1))
        return np.concatenate([floor, risen[..., None] * self.w], axis=2)


def _penalty(ridge: Array, leaves: int) -> Array:
    """`[P, 1+m, 1+m]`: differences between slopes cost; their common level is the intercept and is free."""
    penalty = np.zeros((len(ridge), 1 + leaves, 1 + leaves))
    penalty[:, 1:, 1:] = ridge[:, None, None] * (np.eye(leaves) - 1.0 / leaves)
    penalty[:, 0, 0] = _FLOOR_RIDGE
    return penalty


def _task(surface: _Surface, target: Array, omega: Array, delta: Array, ridge: Array) -> Regressions:
    leaves = surface.w.shape[1]
    problems = levenberg.Problems(
        target=target,
        omega=omega,
        delta=delta,
        ridge=_penalty(ridge, leaves),
        centre=np.zeros((len(target), 1 + leaves)),
    )
    return Regressions(surface=surface, problems=problems)


def _floors(target: Array) -> Array:
    """`[s, P]`: floors to start from, positive, at various depths under the smallest value."""
    low = target.min(axis=1)
    floors = low - np.multiply.outer(FLOORS, np.ptp(target, axis=1))
    return np.where(floors > 0, floors, np.multiply.outer(np.geomspace(0.9, 0.05, len(FLOORS)), low))


def _start(w: Array, target: Array, omega: Array, floor: Array, ridge: float) -> Array:
    """`[P, 1+m]`: with the floor given, a weighted ridge regression of log(y - floor) on w."""
    leaves = w.shape[1]
    above = np.maximum(target - floor[:, None], 1e-3 * np.maximum(np.abs(target), 1e-3))
    weight = omega * above**2
    matrix = outer(weight, products(w), leaves) + 1e-9 * np.eye(leaves)
    matrix += (ridge + 1e-9) * (np.eye(leaves) - 1.0 / leaves)
    slopes = np.linalg.solve(matrix, ((weight * np.log(above)) @ w)[..., None])[..., 0]
    return np.concatenate([np.log(np.maximum(floor, 1e-6))[:, None], slopes], axis=1)
