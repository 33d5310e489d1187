"""Robust regressions on one surface: solve from several starts, leave one out, say what is known and how
noisily.

The statistics that `LogLinear` and `EffectiveData` share, for `P` problems (`levenberg.Problems`) at once.
All are Gauss-Newton approximations at the solution, reweighted as Huber's loss weighs the runs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from olmix.fit import levenberg
from olmix.fit.checks import Array
from olmix.fit.scaling import MAD, weighted_median


class Surface(levenberg.Model, Protocol):
    """A model that also gives its Jacobian."""

    def jacobian(self, theta: Array) -> Array:
        """`[P, n, p]` from `theta[P, p]`."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Regressions:
    """`P` regressions on the runs of `surface`."""

    surface: Surface
    problems: levenberg.Problems

    def replace(self, *, delta: Array | None = None, ridge: Array | None = None) -> Regressions:
        """The same with another Huber corner `[P]` or another ridge `[P, p, p]`."""
        changed = {name: value for name, value in (("delta", delta), ("ridge", ridge)) if value is not None}
        return dataclasses.replace(self, problems=dataclasses.replace(self.problems, **changed))

    def solve(self, starts: Array, *, tolerance: float, steps: int = 25) -> tuple[Array, Array]:
        """The best of `starts[s, P, p]` after solving each, per problem: `[P, p]`, and its penalised loss
        `[P]`.
        """
        count, problems = starts.shape[:2]
        which = np.tile(np.arange(problems), count)
        flat = starts.reshape(count * problems, -1)
        solution = levenberg.solve(
            self.surface, self.problems.take(which), flat, tolerance=tolerance, steps=steps
        )
        loss = solution.loss.reshape(count, problems)
        best = np.argmin(loss, axis=0), np.arange(problems)
        return solution.theta.reshape(starts.shape)[best], loss[best]

    def residual(self, theta: Array) -> Array:
        """`[P, n]`."""
        return self.problems.target - self.surface.value(theta)

    def psi(self, theta: Array) -> Array:
        """`[P, n]`: what each run weighs under Huber's loss."""
        size = np.maximum(np.abs(self.residual(theta)), 1e-300)
        return self.problems.omega * np.minimum(1.0, self.problems.delta[:, None] / size)

    def inverse(self, theta: Array) -> Array:
        """`[P, p, p]`: the inverse of the penalised Gauss-Newton matrix."""
        psi = self.psi(theta)
        matrix = self.surface.normal(theta, psi, psi)[0] + self.problems.ridge
        size = np.arange(matrix.shape[1])
        matrix[:, size, size] += 1e-10 * matrix[:, size, size].max(axis=1, keepdims=True) + 1e-14
        return np.linalg.inv(matrix)

    def leverage(self, theta: Array) -> Array:
        """`[P, n]`, below 1: how much of each run's residual the fit has absorbed."""
        jacobian = self.surface.jacobian(theta)
        absorbed = np.einsum("pni,pni->pn", jacobian @ self.inverse(theta), jacobian)
        return np.clip(absorbed * self.psi(theta), 0, 0.999)

    def leave_one_out(self, theta: Array) -> Array:
        """`[P, n]`: residuals as if each run had been left out, to first order: r / (1 - leverage)."""
        return self.residual(theta) / (1 - self.leverage(theta))

    def left_out_loss(self, theta: Array) -> Array:
        """`[P]`: Huber's loss of the leave-one-out residuals."""
        return levenberg.huber_loss(self.leave_one_out(theta), self.problems.omega, self.problems.delta)

    def corner(self, theta: Array, huber: float, floor: Array) -> Array:
        """`[P]`: where the loss should turn linear: `huber` robust deviations of the leave-one-out
        residuals.
        """
        typical = weighted_median(np.abs(self.leave_one_out(theta)), self.problems.omega)
        return np.maximum(huber * MAD * typical, floor)

    def noise(self, theta: Array) -> Array:
        """`[P]`: standard deviation of a run around the surface, corrected for what the fit absorbed."""
        omega = self.problems.omega
        squares = self.residual(theta) ** 2 / (1 - self.leverage(theta))
        return np.sqrt(np.sum(omega * squares, axis=1) / omega.sum(axis=1))


def choose_ridge(
    task: Regressions, theta: Array, ridges: Sequence[float], penalty: Callable[[float], Array]
) -> tuple[Array, Array, Array]:
    """Per problem, which of `ridges` has the smallest leave-one-out loss.

    `penalty(ridge)` is the `[P, p, p]` matrix. Returns the ridge `[P]`, its solution `[P, p]` and that loss
    `[P]`. Goes from strong to weak, each solution the start of the next.
    """
    best, chosen, solution = np.full(len(theta), np.inf), np.zeros(len(theta)), theta
    for ridge in sorted(ridges, reverse=True):
        trial = task.replace(ridge=penalty(ridge))
        theta, _ = trial.solve(theta[None], tolerance=1e-5)
        loss = trial.left_out_loss(theta)
        wins = loss < best
        best, chosen = np.where(wins, loss, best), np.where(wins, ridge, chosen)
        solution = np.where(wins[:, None], theta, solution)
    return chosen, solution, best


def products(features: Array) -> Array:
    """`[n, p(p+1)/2]`: what turns `features' diag(scale) features` into one matrix product for all
    problems.
    """
    rows, columns = np.triu_indices(features.shape[1])
    return features[:, rows] * features[:, columns]


def outer(scale: Array, pairs: Array, size: int) -> Array:
    """`features' diag(scale) features` as `[P, p, p]` from `scale[P, n]` and the features' `products`."""
    rows, columns = np.triu_indices(size)
    matrix = np.empty((len(scale), size, size))
    matrix[:, rows, columns] = matrix[:, columns, rows] = scale @ pairs
    return matrix
