"""GaussianProcess: no formula, only smoothness; the most accurate law once runs are many (some hundreds).

Every metric is a Gaussian process on warped weights (see `kernel.py`: Matern 5/2 with a length per leaf, plus
a linear term), on the logarithm of the metric. Lengths, noise and warp maximise the marginal likelihood with
its analytic gradient. What it trades away: with a few dozen runs it knows less than `EffectiveData`, which
assumes more; its surface is not convex, so an optimum cannot be certified; and its cost grows with the cube
of the number of runs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from olmix.fit import kernel
from olmix.fit.checks import Index
from olmix.fit.law import Array, Law
from olmix.fit.scaling import positive_shift, spread

#: A run's share of the noise cannot exceed this many times the usual: keeps bootstrap weights near 0
#: invertible.
_SMALLEST_OMEGA = 1e-6
_BATCH_BYTES = 2**27
#: Above so many runs, cross-validation starts from the kernel parameters of all runs.
_MANY_RUNS, _WARM_ITERATIONS = 150, 8


@dataclasses.dataclass(frozen=True, kw_only=True)
class GaussianProcess(Law):
    """log(y - shift) = mean + deviation * f(w), f a Gaussian process.

    Settings:
      iterations: of L-BFGS per metric on the marginal likelihood.
      most_runs: kernel parameters are learned from at most so many runs (evenly spaced); predictions use all.

    Learned: `theta_[k, m + 5]` (see `kernel.py`), `dual_[k, n]`, `inputs_[n, m]`, `omega_[n]`, `shift_[k]`,
    `mean_[k]`, `deviation_[k]`, `noise_[k]` (of a run at the typical metric), `evidence_[k]` (log, up to a
    constant).
    """

    iterations: int = 60
    most_runs: int = 600

    learned: ClassVar[tuple[str, ...]] = (
        "theta_",
        "dual_",
        "inputs_",
        "omega_",
        "shift_",
        "mean_",
        "deviation_",
        "noise_",
        "evidence_",
    )
    theta_: ClassVar[Array]
    dual_: ClassVar[Array]
    inputs_: ClassVar[Array]
    omega_: ClassVar[Array]
    shift_: ClassVar[Array]
    mean_: ClassVar[Array]
    deviation_: ClassVar[Array]
    evidence_: ClassVar[Array]

    def gradient(self, w: ArrayLike) -> Array:
        """By the chain rule through kernel, warp and logarithm."""
        point = self._check_points(np.atleast_2d(w))
        inputs = self._inputs()
        slopes = []
        for k, theta in enumerate(self._thetas()):
            here, runs = kernel.warp(point, theta)[0], kernel.warp(inputs, theta)
            slope = kernel.covariance_slope(here, runs, theta, self.leaf_count_)
            slopes.append((self.dual_[..., k, :] @ slope) * kernel.warp_slope(point[0], theta))
        risen = (self._mean(point)[..., 0, :] - self.shift_) * self.deviation_
        return np.asarray(np.stack(slopes, axis=-2) * risen[..., None])

    def held_out(self, w: Array, y: Array, parts: Sequence[Index]) -> tuple[Array, Array]:
        """As every law; with many runs the parts start from the kernel parameters of all, and take a few
        iterations.

        Those parameters (a few per leaf) are then learned from hundreds of runs and hardly know any single
        one.
        """
        if len(w) <= _MANY_RUNS:
            return super().held_out(w, y, parts)
        fitted_here = self.is_fitted and np.array_equal(self.inputs_, w)
        whole = self if fitted_here else self.clone().fit(w, y)
        return _Warm(iterations=_WARM_ITERATIONS, most_runs=self.most_runs, start=whole.theta_).held_out(w, y, parts)

    def _thetas(self) -> Array:
        return self.theta_.reshape(-1, self.metric_count_, self.leaf_count_ + 5)[0]

    def _inputs(self) -> Array:
        return self.inputs_.reshape(-1, *self.inputs_.shape[-2:])[0]

    def _log_mean(self, w: Array) -> Array:
        """`[..., k, n]`, standardised."""
        inputs = self._inputs()
        rows = []
        for k, theta in enumerate(self._thetas()):
            cross = kernel.covariance(kernel.warp(w, theta), kernel.warp(inputs, theta), theta, self.leaf_count_)
            rows.append(self.dual_[..., k, :] @ cross.T)
        return np.stack(rows, axis=-2)

    def _mean(self, w: Array) -> Array:
        log = self._log_mean(w) * self.deviation_[..., None] + self.mean_[..., None]
        return np.swapaxes(np.exp(np.minimum(log, 500.0)), -1, -2) + self.shift_[..., None, :]

    def _std(self, w: Array) -> Array:
        from scipy.linalg import solve_triangular

        if "_factors" not in self.__dict__:
            matrices = (kernel.noisy(self.inputs_, theta, self.omega_) for theta in self.theta_)
            self._learn(_factors=[np.linalg.cholesky(matrix) for matrix in matrices])
        columns = []
        for theta, factor in zip(self.theta_, self.__dict__["_factors"], strict=True):
            points = kernel.warp(w, theta)
            cross = kernel.covariance(points, kernel.warp(self.inputs_, theta), theta, self.leaf_count_)
            own = np.array([kernel.covariance(p[None], p[None], theta, self.leaf_count_)[0, 0] for p in points])
            known = (solve_triangular(factor, cross.T, lower=True) ** 2).sum(axis=0)
            columns.append(np.sqrt(np.maximum(own - known, 0) + np.exp(theta[self.leaf_count_ + 1])))
        return np.stack(columns, axis=1) * self.deviation_ * (self._mean(w) - self.shift_)

    def _fit(self, w: Array, y: Array, omega: Array) -> None:
        from scipy.optimize import minimize

        omega = np.maximum(omega, _SMALLEST_OMEGA)
        shift = positive_shift(y)
        if np.any(shift != 0):
            self._warn(f"shifted-metric: metrics {np.flatnonzero(shift).tolist()} are not positive everywhere")
        log = np.log(y - shift)
        mean, deviation = omega @ log / omega.sum(), _deviation(log, omega)
        z = (log - mean) / deviation
        some = np.unique(np.linspace(0, len(w) - 1, min(len(w), self.most_runs)).astype(int))
        prior = kernel.Prior.for_leaves(w.shape[1])
        theta, evidence = np.empty((y.shape[1], w.shape[1] + 5)), np.empty(y.shape[1])
        for k in range(y.shape[1]):
            found = minimize(  # type: ignore[call-overload]  # the stubs lack a function that gives both
                lambda t, k=k: kernel.negative_evidence(t, w[some], z[some, k], omega[some], prior),
                self._start(prior)[k],
                jac=True,
                method="L-BFGS-B",
                bounds=prior.bounds,
                options={"maxiter": self.iterations},
            )
            theta[k], evidence[k] = found.x, -found.fun
        dual = np.stack([np.linalg.solve(kernel.noisy(w, t, omega), z[:, k]) for k, t in enumerate(theta)])
        noise = np.exp(0.5 * theta[:, w.shape[1] + 1]) * deviation * np.exp(mean)
        self.__dict__.pop("_factors", None)
        self._learn(
            theta_=theta,
            dual_=dual,
            inputs_=w,
            omega_=omega,
            shift_=shift,
            mean_=mean,
            deviation_=deviation,
            noise_=noise,
            evidence_=evidence,
        )

    def _start(self, prior: kernel.Prior) -> Array:
        return np.tile(prior.centre, (self.metric_count_, 1))

    def _refit(self, w: Array, y: Array, omega: Array) -> dict[str, Any]:
        """Kernel parameters stay; only the runs' noise is reweighted."""
        z = (np.log(np.maximum(y - self.shift_, 1e-300)) - self.mean_) / self.deviation_
        dual = np.empty((len(omega), y.shape[1], len(w)))
        step = max(1, _BATCH_BYTES // (8 * len(w) ** 2))
        for k, theta in enumerate(self.theta_):
            clean = kernel.noisy(w, theta, np.full(len(w), np.inf))
            variance = np.exp(theta[w.shape[1] + 1])
            for begin in range(0, len(omega), step):
                weight = np.maximum(omega[begin : begin + step], _SMALLEST_OMEGA)
                matrices = clean + (variance / weight)[:, None, :] * np.eye(len(w))
                right = np.broadcast_to(z[:, k], weight.shape)[..., None]
                dual[begin : begin + step, k] = np.linalg.solve(matrices, right)[..., 0]
        return {
            **self._repeated(len(omega)),
            "dual_": dual,
            "inputs_": np.broadcast_to(w, (len(omega), *w.shape)),
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Warm(GaussianProcess):
    """Starts from given kernel parameters `start[k, m + 5]`."""

    start: Array = dataclasses.field(default_factory=lambda: np.empty(0), compare=False)

    def held_out(self, w: Array, y: Array, parts: Sequence[Index]) -> tuple[Array, Array]:
        return Law.held_out(self, w, y, parts)

    def _start(self, prior: kernel.Prior) -> Array:
        return self.start


def _deviation(log: Array, omega: Array) -> Array:
    """The spread of the logarithms; 1 for a constant metric."""
    flat = np.ptp(log, axis=0) <= 1e-12
    return np.where(flat, 1.0, spread(log, omega))
