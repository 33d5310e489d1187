"""Robust regressions on one surface: solve from several starts, leave one out, say what is known and how
noisily.

The statistics that `LogLinear` and `EffectiveData` share, for `P` problems (`levenberg.Problems`) at once.
All are Gauss-Newton approximations at the solution, reweighted as Huber's loss weighs the runs.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from olmix.fit import levenberg
from olmix.fit.checks import Array
from olmix.fit.scaling import MAD, weighted_median

#: Up to so many runs, left-out residuals come from real refits in so many folds.
_FEW_RUNS, _FOLDS = 150, 6
#: Steps towards each solution of a ridge path: neighbours are near, and more steps predict no better.
_STEPS = 8


Starts = Callable[[Array, Array], Array]


class Surface(levenberg.Model, Protocol):
    """A model that also gives its Jacobian."""

    def jacobian(self, theta: Array) -> Array:
        """`[P, n, p]` from `theta[P, p]`."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Regressions:
    """`P` regressions on the runs of `surface`.

    The last `anchors` rows of the problems are no runs but priors (see `anchors.py`): they are fitted, and count for
    nothing that is said about residuals.
    """

    surface: Surface
    problems: levenberg.Problems
    anchors: int = 0

    @property
    def runs(self) -> int:
        """How many rows are runs."""
        return self.problems.target.shape[1] - self.anchors

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
        solution = levenberg.solve(self.surface, self.problems.take(which), flat, tolerance=tolerance, steps=steps)
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

    def noise(self, theta: Array) -> Array:
        """`[P]`: standard deviation of a run around the surface, corrected for what the fit absorbed."""
        omega = self.problems.omega[:, : self.runs]
        squares = (self.residual(theta) ** 2 / (1 - self.leverage(theta)))[:, : self.runs]
        return np.sqrt(np.sum(omega * squares, axis=1) / omega.sum(axis=1))


def first_corner(target: Array, omega: Array) -> Array:
    """`[P]`: Huber's corner before anything is fitted: half the robust spread of the metric, which outliers
    cannot widen.
    """
    middle = weighted_median(target, omega)
    robust = MAD * weighted_median(np.abs(target - middle[:, None]), omega)
    return np.maximum(0.5 * robust, 0.05 * np.std(target, axis=1)) + 1e-3 * np.abs(middle)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fitted:
    """Solutions `theta[P, p]` and the residuals of runs under fits without them, `left_out[P, n]`.

    `every[P', p]` holds the solutions of the folds too: the start of another path over the same folds.
    """

    theta: Array
    left_out: Array
    every: Array

    def loss(self, problems: levenberg.Problems) -> Array:
        """`[P]`: Huber's loss of the left-out residuals."""
        return levenberg.huber_loss(self.left_out, self._omega(problems), problems.delta)

    def corner(self, problems: levenberg.Problems, huber: float, floor: Array) -> Array:
        """`[P]`: where the loss should turn linear: `huber` robust deviations of the left-out residuals."""
        return np.maximum(huber * MAD * weighted_median(np.abs(self.left_out), self._omega(problems)), floor)

    def _omega(self, problems: levenberg.Problems) -> Array:
        return problems.omega[:, : self.left_out.shape[1]]


def ridge_path(
    task: Regressions,
    starts: Starts | Array,
    ridges: Sequence[float],
    penalty: Callable[[float], Array],
    pilot: float = np.inf,
) -> Iterator[tuple[float, Fitted]]:
    """Fits under each of `ridges`, from `pilot` (where `starts` come from) to the weaker ones and from there to the
    stronger ones, each solution the start of the next.

    `penalty(ridge)` is `[P, p, p]`; `starts(target, omega)` gives `[s, P', p]` for any `[P', n]`, from those
    alone. Left-out residuals are leave-one-out to first order, r / (1 - leverage), when runs are many. When
    they are few, single runs have too much leverage for that: folds are really refitted, in the same batch,
    along a path of their own (a fold that started from the solution for all runs would find nothing to change
    there, and learn nothing about the ridge).
    """
    runs, count = task.runs, len(task.problems.target)
    folds = min(_FOLDS, runs) if runs <= _FEW_RUNS else 0
    fold = np.empty(runs, dtype=int)
    fold[np.random.default_rng(0).permutation(runs)] = np.arange(runs) % max(folds, 1)
    kept = np.ones((folds + 1, runs + task.anchors))  # first all runs, then folds
    kept[1:, :runs] = fold != np.arange(folds)[:, None]
    every = task.problems.take(np.tile(np.arange(count), folds + 1))
    every = dataclasses.replace(every, omega=every.omega * np.repeat(kept, count, axis=0))
    whole = dataclasses.replace(task, problems=every)
    begin = starts[None] if isinstance(starts, np.ndarray) else starts(every.target, every.omega)
    weaker = sorted((ridge for ridge in ridges if ridge <= pilot), reverse=True)
    stronger = sorted(ridge for ridge in ridges if ridge > pilot)
    theta = begin
    for ridge in (*weaker, *stronger):
        first = ridge in (weaker[:1] + stronger[:1])
        theta = begin if first else theta
        whole = whole.replace(ridge=np.tile(penalty(ridge), (folds + 1, 1, 1)))
        best, _ = whole.solve(theta, tolerance=1e-5, steps=2 * _STEPS if first else _STEPS)
        theta = best[None]
        if folds:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                residual = (every.target[count:] - task.surface.value(best[count:]))[:, :runs]
            left_out = residual.reshape(folds, count, runs)[fold, :, np.arange(runs)].T
            left_out = np.nan_to_num(left_out, nan=1e9, posinf=1e9, neginf=-1e9)
        else:
            full = task.replace(ridge=penalty(ridge))
            left_out = (full.residual(best) / (1 - full.leverage(best)))[:, :runs]
        yield ridge, Fitted(theta=best[:count], left_out=left_out, every=best)


def choose_ridge(
    task: Regressions,
    starts: Starts | Array,
    ridges: Sequence[float],
    penalty: Callable[[float], Array],
    pilot: float = np.inf,
) -> tuple[Array, Array, Array]:
    """Per problem, the ridge with the smallest left-out loss `[P]`, its solution `[P, p]` and that loss
    `[P]`.
    """
    count = len(task.problems.target)
    loss, chosen = np.full(count, np.inf), np.zeros(count)
    theta = np.empty((count, task.problems.centre.shape[1]))
    for ridge, fitted in ridge_path(task, starts, ridges, penalty, pilot):
        trial = fitted.loss(task.problems)
        wins = trial < loss
        loss, chosen = np.where(wins, trial, loss), np.where(wins, ridge, chosen)
        theta = np.where(wins[:, None], fitted.theta, theta)
    return chosen, theta, loss


def products(features: Array) -> Array:
    """`[n, p(p+1)/2]`: what turns `features' diag(scale) features` into one matrix product for all
    problems.
    """
    rows, columns = _triangle(features.shape[1])
    return features[:, rows] * features[:, columns]


def outer(scale: Array, pairs: Array, size: int) -> Array:
    """`features' diag(scale) features` as `[P, p, p]` from `scale[P, n]` and the features' `products`."""
    rows, columns = _triangle(size)
    matrix = np.empty((len(scale), size, size))
    matrix[:, rows, columns] = matrix[:, columns, rows] = scale @ pairs
    return matrix


@functools.cache
def _triangle(size: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    return np.triu_indices(size)
