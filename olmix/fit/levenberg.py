"""Levenberg-Marquardt for many small robust regressions at once.

`P` problems share their inputs (`n` runs) and differ in targets, sample weights, ridge and starting point.
One iteration is a handful of matrix products over all of them, so 13 metrics x 5 starts cost little more than
one. Problems that have converged leave the batch. The loss of problem p is

    sum_i omega_i * huber_delta(y_i - f_i(theta)) + 1/2 * (theta - centre)' ridge (theta - centre)

with the Huber function r^2/2 up to delta and delta*(|r| - delta/2) beyond, minimised by Gauss-Newton steps on
the reweighted residuals (weight min(1, delta/|r|)), damped in Marquardt's and Nielsen's way. Every accepted
step lowers the loss, and a step that is not finite is rejected, so the result is finite whenever the start
is.

Source: Madsen, Nielsen, Tingleff, "Methods for non-linear least squares problems" (2004), algorithm 3.16.
"""

from __future__ import annotations

import dataclasses
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from olmix.fit.checks import Array


class Model(Protocol):
    """A parametric surface over the fixed runs: its value, and what Gauss-Newton needs of its Jacobian."""

    def value(self, theta: Array) -> Array:
        """`[P, n]` from `theta[P, p]`."""
        ...

    def normal(self, theta: Array, curvature: Array, slope: Array) -> tuple[Array, Array]:
        """`J' diag(curvature) J` as `[P, p, p]` and `J' slope` as `[P, p]`, from `curvature[P, n]`, `slope[P,
        n]`.
        """
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Problems:
    """`P` regressions on the same runs. `delta` may be infinite (plain least squares)."""

    target: Array  # [P, n]
    omega: Array  # [P, n]
    delta: Array  # [P]
    ridge: Array  # [P, p, p], positive semi-definite
    centre: Array  # [P, p]

    def take(self, which: NDArray[np.intp]) -> Problems:
        """The chosen problems."""
        return Problems(
            target=self.target[which],
            omega=self.omega[which],
            delta=self.delta[which],
            ridge=self.ridge[which],
            centre=self.centre[which],
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Solution:
    """`theta[P, p]`, its penalised `loss[P]`, and how it went."""

    theta: Array
    loss: Array
    converged: NDArray[np.bool_]
    iterations: int


def huber_loss(residual: Array, omega: Array, delta: Array) -> Array:
    """`[P]` from `residual[P, n]`, `omega[P, n]`, `delta[P]`."""
    size = np.abs(residual)
    clipped = np.minimum(size, delta[:, None])
    return np.einsum("pn,pn->p", omega, clipped * (size - 0.5 * clipped))


def penalised_loss(model: Model, problems: Problems, theta: Array) -> tuple[Array, Array]:
    """`[P]`, infinite where the model is not finite, and the residuals `[P, n]`."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        residual = problems.target - model.value(theta)
        away = theta - problems.centre
        loss = huber_loss(residual, problems.omega, problems.delta)
        loss = loss + 0.5 * np.einsum("pi,pi->p", away, np.matmul(problems.ridge, away[..., None])[..., 0])
    return np.where(np.isfinite(loss), loss, np.inf), residual


def solve(model: Model, problems: Problems, theta: Array, *, steps: int = 100, tolerance: float = 1e-10) -> Solution:
    """Minimises all problems from `theta[P, p]`, each until its loss can fall by no more than `tolerance` of
    itself.
    """
    theta = theta.copy()
    count, size = theta.shape
    loss, residual = penalised_loss(model, problems, theta)
    damping = np.full(count, 1e-3)
    growth = np.full(count, 2.0)
    alive = np.flatnonzero(np.isfinite(loss))
    converged = np.zeros(count, dtype=bool)
    diagonal = np.arange(size)
    done = 0
    live, fresh = problems.take(alive), True
    residual = residual[alive]
    curvature: Array
    slope: Array
    while alive.size and done < steps:
        done += 1
        if fresh:  # the set of live problems or their points have changed
            psi = np.minimum(1.0, live.delta[:, None] / np.maximum(np.abs(residual), 1e-300)) * live.omega
            curvature, slope = model.normal(theta[alive], psi, psi * residual)
            curvature = curvature + live.ridge
            slope = slope - np.matmul(live.ridge, (theta[alive] - live.centre)[..., None])[..., 0]
        scale = np.maximum(
            curvature[:, diagonal, diagonal],
            1e-12 * curvature[:, diagonal, diagonal].max(axis=1, keepdims=True),
        )
        scale = np.maximum(scale, 1e-300)
        damped = curvature.copy()
        damped[:, diagonal, diagonal] += damping[alive, None] * scale
        step = _solve_spd(damped, slope)
        trial = theta[alive] + step
        trial_loss, trial_residual = penalised_loss(model, live, trial)
        promised = 0.5 * np.einsum("pi,pi->p", step, damping[alive, None] * scale * step + slope)
        gain = np.clip(loss[alive] - trial_loss, -1e100, 1e100) / np.maximum(promised, 1e-100)
        better = trial_loss < loss[alive]

        small = promised <= tolerance * loss[alive] + 1e-14
        stuck = damping[alive] > 1e12
        moved = alive[better]
        theta[moved], loss[moved] = trial[better], trial_loss[better]
        residual[better] = trial_residual[better]
        damping[moved] *= np.maximum(1 / 3, 1 - (2 * np.minimum(gain[better], 1.0) - 1) ** 3)
        growth[moved] = 2.0
        rejected = alive[~better]
        damping[rejected] *= growth[rejected]
        growth[rejected] *= 2.0

        finished = small | stuck
        converged[alive[finished]] = small[finished]
        # A rejected step leaves its problem where it was, but rebuilding all is cheaper than bookkeeping for
        # some.
        fresh = bool(better.any() or finished.any())
        if finished.any():
            alive, residual = alive[~finished], residual[~finished]
            live = problems.take(alive)
    return Solution(theta=theta, loss=loss, converged=converged, iterations=done)


def _solve_spd(matrices: Array, right: Array) -> Array:
    """Solves `[P, p, p]` systems; one that is numerically singular gives a zero step, which the damping then
    mends.
    """
    try:
        return np.linalg.solve(matrices, right[..., None])[..., 0]
    except np.linalg.LinAlgError:
        answers = np.zeros_like(right)
        for i, (matrix, b) in enumerate(zip(matrices, right, strict=True)):
            try:
                answers[i] = np.linalg.solve(matrix, b)
            except np.linalg.LinAlgError:
                continue
        return answers
