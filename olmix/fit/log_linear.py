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
from olmix.fit.scaling import HUBER, MAD, positive_shift, spread, weighted_median

#: Ridges tried, in units of (spread of the metric)^2: a slope difference of d costs ridge * d^2 / 2.
RIDGES = (1e-8, 1e-4, 1e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0, 10.0)
#: Floors tried, as distances below the smallest metric in units of the range.
FLOORS = (0.03, 0.15, 0.5, 1.5, 5.0)
#: A whisper of a prior on the floor: it has no other business than to keep the curvature invertible.
_FLOOR_RIDGE = 1e-7
#: The ridge of the first look.
_PILOT = 1e-3
#: Problems refitted together; bounds the memory of a bootstrap.
_BATCH = 2000


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
    noise_: ClassVar[Array]
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
            self._warn(
                f"shifted-metric: metrics {np.flatnonzero(shift).tolist()} are not positive everywhere"
            )
        scale = spread(y, omega)
        target = ((y - shift) / scale).T
        task = _Task(
            surface=_Surface(w),
            target=target,
            omega=np.broadcast_to(omega, target.shape),
            delta=np.full(len(target), np.inf if self.huber_delta is None else self.huber_delta) / scale,
            ridge=np.full(len(target), _PILOT if self.ridge is None else self.ridge),
        )
        # 1. Where is the floor? One start per floor.
        starts = np.stack([_start(task, floor) for floor in _floors(target)])  # [s, k, 1+m]
        theta = task.solve(starts, tolerance=1e-6)
        # 2. How large are honest residuals? Then Huber's corner is fixed.
        if self.huber_delta is None:
            typical = weighted_median(np.abs(task.leave_one_out(theta)), task.omega)
            task = dataclasses.replace(task, delta=np.maximum(self.huber * MAD * typical, 1e-6))
        # 3. How strong a ridge do the data want?
        if self.ridge is None:
            ridge, theta = _choose_ridge(task, theta)
            task = dataclasses.replace(task, ridge=ridge)
        # 4. With ridge and corner fixed, try all floors again: the best basin may have changed.
        theta = task.solve(np.concatenate([theta[None], starts]), tolerance=1e-6)
        theta = task.solve(theta[None], tolerance=1e-12, steps=300)
        self._describe(task, theta, shift, scale)

    def _describe(self, task: _Task, theta: Array, shift: Array, scale: Array) -> None:
        residual = task.target - task.surface.value(theta)
        inverse = np.linalg.inv(task.curvature(theta))
        spent = 1 - task.leverage(theta, inverse)
        noise2 = np.sum(task.omega * residual**2 / spent, axis=1) / task.omega.sum(axis=1)
        # Scaling a metric by s adds log(s) to c and to every slope, because the weights sum to 1.
        self._learn(
            log_floor_=theta[:, 0] + np.log(scale),
            slopes_=theta[:, 1:] + np.log(scale)[:, None],
            shift_=shift,
            ridge_=task.ridge,
            noise_=np.sqrt(noise2) * scale,
            loss_=levenberg.huber_loss(residual, task.omega, task.delta) * scale**2,
            huber_delta_=task.delta * scale,
            covariance_=inverse * noise2[:, None, None],
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
            task = _Task(
                surface=surface, target=target[k], omega=omega[b], delta=delta[k], ridge=self.ridge_[k]
            )
            found[here] = task.solve(start[k][None], tolerance=1e-7, steps=60)
        theta = found.reshape(len(omega), len(target), -1) + np.log(scale)[:, None]
        kept = {
            name: np.broadcast_to(getattr(self, name), (len(omega), *getattr(self, name).shape))
            for name in self.learned
        }
        return {**kept, "log_floor_": theta[..., 0], "slopes_": theta[..., 1:]}


class _Surface:
    """exp(c) + exp(t . w) over the runs `w[n, m]`, for parameters `(c, t)` in `theta[P, 1+m]`."""

    def __init__(self, w: Array) -> None:
        self.w = w
        rows, columns = np.triu_indices(w.shape[1])
        self.products = w[:, rows] * w[:, columns]  # [n, m(m+1)/2]: turns J'J into one matrix product
        self.triangle = rows, columns

    def outer(self, scale: Array) -> Array:
        """`w' diag(scale) w` as `[P, m, m]` for `scale[P, n]`."""
        rows, columns = self.triangle
        matrix = np.empty((len(scale), self.w.shape[1], self.w.shape[1]))
        matrix[:, rows, columns] = matrix[:, columns, rows] = scale @ self.products
        return matrix

    def value(self, theta: Array) -> Array:
        return np.exp(theta[:, :1]) + np.exp(theta[:, 1:] @ self.w.T)

    def normal(self, theta: Array, curvature: Array, slope: Array) -> tuple[Array, Array]:
        floor, leaves = np.exp(theta[:, 0]), slice(1, None)
        risen = np.exp(theta[:, 1:] @ self.w.T)
        matrix = np.empty((len(theta), theta.shape[1], theta.shape[1]))
        weighted = curvature * risen
        matrix[:, 0, 0] = floor**2 * curvature.sum(axis=1)
        matrix[:, 0, 1:] = matrix[:, 1:, 0] = floor[:, None] * (weighted @ self.w)
        matrix[:, leaves, leaves] = self.outer(weighted * risen)
        vector = np.concatenate([(floor * slope.sum(axis=1))[:, None], (slope * risen) @ self.w], axis=1)
        return matrix, vector

    def jacobian(self, theta: Array) -> Array:
        """`[P, n, 1+m]`."""
        risen = np.exp(theta[:, 1:] @ self.w.T)
        floor = np.broadcast_to(np.exp(theta[:, 0])[:, None, None], (*risen.shape, 1))
        return np.concatenate([floor, risen[..., None] * self.w], axis=2)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Task:
    """`P` regressions on one surface, in the units of the fit."""

    surface: _Surface
    target: Array  # [P, n]
    omega: Array  # [P, n]
    delta: Array  # [P]
    ridge: Array  # [P]

    def problems(self) -> levenberg.Problems:
        leaves = self.surface.w.shape[1]
        penalty = np.zeros((len(self.target), 1 + leaves, 1 + leaves))
        # Differences between slopes cost; their common level is the intercept and is free.
        penalty[:, 1:, 1:] = self.ridge[:, None, None] * (np.eye(leaves) - 1.0 / leaves)
        penalty[:, 0, 0] = _FLOOR_RIDGE
        centre = np.zeros((len(self.target), 1 + leaves))
        return levenberg.Problems(
            target=self.target, omega=self.omega, delta=self.delta, ridge=penalty, centre=centre
        )

    def solve(self, starts: Array, tolerance: float, steps: int = 25) -> Array:
        """The best of `starts[s, P, 1+m]` after solving each, per problem: `[P, 1+m]`."""
        count, problems = starts.shape[:2]
        which = np.tile(np.arange(problems), count)
        flat = starts.reshape(count * problems, -1)
        solution = levenberg.solve(
            self.surface, self.problems().take(which), flat, tolerance=tolerance, steps=steps
        )
        best = np.argmin(solution.loss.reshape(count, problems), axis=0)
        return solution.theta.reshape(starts.shape)[best, np.arange(problems)]

    def psi(self, theta: Array) -> Array:
        """`[P, n]`: what each run weighs under Huber's loss."""
        size = np.abs(self.target - self.surface.value(theta))
        return self.omega * np.minimum(1.0, self.delta[:, None] / np.maximum(size, 1e-300))

    def curvature(self, theta: Array) -> Array:
        """`[P, 1+m, 1+m]`, Gauss-Newton, invertible."""
        psi = self.psi(theta)
        matrix = self.surface.normal(theta, psi, psi)[0] + self.problems().ridge
        size = np.arange(matrix.shape[1])
        matrix[:, size, size] += 1e-10 * matrix[:, size, size].max(axis=1, keepdims=True) + 1e-12
        return matrix

    def leverage(self, theta: Array, inverse: Array) -> Array:
        """`[P, n]`: how much of each run's residual the fit has absorbed."""
        jacobian = self.surface.jacobian(theta)
        return np.clip(np.einsum("pni,pni->pn", jacobian @ inverse, jacobian) * self.psi(theta), 0, 0.999)

    def leave_one_out(self, theta: Array) -> Array:
        """`[P, n]`: residuals as if each run had been left out, to first order: r / (1 - leverage)."""
        inverse = np.linalg.inv(self.curvature(theta))
        return (self.target - self.surface.value(theta)) / (1 - self.leverage(theta, inverse))


def _floors(target: Array) -> Array:
    """`[s, P]`: floors to start from, positive, at various depths under the smallest value."""
    low = target.min(axis=1)
    floors = low - np.multiply.outer(FLOORS, np.ptp(target, axis=1))
    return np.where(floors > 0, floors, np.multiply.outer(np.geomspace(0.9, 0.05, len(FLOORS)), low))


def _start(task: _Task, floor: Array) -> Array:
    """`[P, 1+m]`: with the floor given, a weighted ridge regression of log(y - floor) on w."""
    surface, leaves = task.surface, task.surface.w.shape[1]
    above = np.maximum(task.target - floor[:, None], 1e-3 * np.maximum(np.abs(task.target), 1e-3))
    weight = task.omega * above**2
    matrix = surface.outer(weight) + 1e-9 * np.eye(leaves)
    matrix += (task.ridge[:, None, None] + 1e-9) * (np.eye(leaves) - 1.0 / leaves)
    slopes = np.linalg.solve(matrix, ((weight * np.log(above)) @ surface.w)[..., None])[..., 0]
    return np.concatenate([np.log(np.maximum(floor, 1e-6))[:, None], slopes], axis=1)


def _choose_ridge(task: _Task, theta: Array) -> tuple[Array, Array]:
    """Per problem, the ridge of `RIDGES` with the smallest leave-one-out loss, and its solution."""
    best, chosen, solution = np.full(len(theta), np.inf), task.ridge, theta
    for ridge in RIDGES[::-1]:
        trial = dataclasses.replace(task, ridge=np.full(len(theta), ridge))
        theta = trial.solve(theta[None], tolerance=1e-5)
        loss = levenberg.huber_loss(trial.leave_one_out(theta), task.omega, task.delta)
        wins = loss < best
        best, chosen = np.where(wins, loss, best), np.where(wins, ridge, chosen)
        solution = np.where(wins[:, None], theta, solution)
    return chosen, solution
