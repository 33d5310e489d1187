"""Convex minimisation over a feasible set by a primal-dual interior-point method, many problems at once.

Minimises a smooth convex f over {lower <= w <= upper, rows, sum w = 1}. Inequality rows get a slack variable each, so
that all that is left is `B x = b` and bounds on x; leaves that cannot move are taken out. Each iteration solves one
Newton system of the perturbed optimality conditions (Boyd and Vandenberghe, Convex Optimization, 11.7) for all B
problems of a batch with stacked LAPACK calls, so that a bootstrap costs little more than its flops.

How it went is never guessed: the returned `gap` bounds f(w) - min f from weak duality. For any y, convexity gives

    min f >= f(w) - g.w + y.b + min over bounds of (g - B'y).x        with g the gradient of f at w,

which needs no optimality of y. It trades away sparsity: every system is dense, which is right up to a few hundred leaves.
"""

from __future__ import annotations

import dataclasses
from typing import Protocol

import numpy as np

from olmix.mix import linear
from olmix.mix.arrays import Array

#: Slack below which a limit counts as an equality.
FIXED = 1e-10
#: A step may raise the residual by this factor: near a bound the model of log w is poor, and undoing it costs more.
GROW = 10.0
#: What rounding leaves of a slack that goes to zero.
_NO_SLACK = 1e-18


class Objective(Protocol):
    """A batch of smooth convex functions of a mixture."""

    def __call__(self, w: Array) -> tuple[Array, Array, Array]:
        """Values [B], gradients [B, n] and Hessians [B, n, n] at the mixtures `w` [B, n], all weights above 0."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class StandardForm:
    """A feasible set as `rows @ x = right`, `lower <= x <= upper`, x = (moving leaves, one slack per inequality row)."""

    least: Array  # [n]: the limits of all leaves' weights
    most: Array  # [n]
    rest: Array  # [n]: the weights of the leaves that cannot move, 0 elsewhere
    moving: np.ndarray  # indices of the leaves that can
    rows: Array  # [m, N]
    right: Array  # [m]
    lower: Array  # [N], may be -inf
    upper: Array  # [N], may be inf
    start: Array  # [N]: strictly inside the bounds, on the rows


@dataclasses.dataclass(frozen=True, kw_only=True)
class Solution:
    """Minimisers `w` [B, n], their `value` [B], the certified `gap` [B] and the number of `iterations`."""

    w: Array
    value: Array
    gap: Array
    iterations: int


def standard_form(
    lower: Array, upper: Array, rows: Array, row_lower: Array, row_upper: Array, *, inner: Array | None
) -> StandardForm:
    """Brings a set (see `FeasibleSet.arrays`) with this `inner_point` into standard form: what cannot move, redundant rows."""
    if inner is None:
        raise ValueError("The feasible set is empty.")
    sums = rows @ inner
    moves = np.minimum(inner - lower, upper - inner) > FIXED
    rest = np.where(moves, 0.0, inner)
    moving = np.flatnonzero(moves)
    n = len(moving)
    tight = np.minimum(sums - row_lower, row_upper - sums) <= FIXED
    loose = np.flatnonzero(~tight & (np.abs(rows[:, moving]).sum(1) > 0))
    equal = np.flatnonzero(tight)
    matrix = np.zeros((1 + len(equal) + len(loose), n + len(loose)))
    matrix[0, :n] = 1.0
    matrix[1 : 1 + len(equal), :n] = rows[np.ix_(equal, moving)]
    matrix[1 + len(equal) :, :n] = rows[np.ix_(loose, moving)]
    matrix[1 + len(equal) :, n:] = -np.eye(len(loose))
    start = np.concatenate([inner[moving], sums[loose] - rows[loose] @ rest])
    keep = _independent(matrix)
    return StandardForm(
        least=lower,
        most=upper,
        rest=rest,
        moving=moving,
        rows=matrix[keep],
        right=matrix[keep] @ start,
        lower=np.concatenate([lower[moving], row_lower[loose] - rows[loose] @ rest]),
        upper=np.concatenate([upper[moving], row_upper[loose] - rows[loose] @ rest]),
        start=start,
    )


def _independent(matrix: Array) -> np.ndarray:
    """Indices of rows that span all rows."""
    if len(matrix) == 1:
        return np.arange(1 if matrix.shape[1] else 0)
    from scipy.linalg import qr

    _, triangle, order = qr(matrix.T, mode="economic", pivoting=True)
    size = np.abs(np.diag(triangle))
    return np.sort(order[: len(size)][size > 1e-10 * max(size.max(initial=0.0), 1.0)])


def inner_point(lower: Array, upper: Array, rows: Array, row_lower: Array, row_upper: Array) -> Array | None:
    """A feasible mixture at which every limit that can have slack has some; None if there is no feasible mixture."""
    width = upper - lower
    room, need = width.sum(), 1 - lower.sum()
    if not len(rows):
        return lower + width * (min(max(need / room, 0.0), 1.0) if room > FIXED else 0.0)
    n = len(lower)
    constraints = np.concatenate([np.eye(n), -np.eye(n), rows, -rows])
    bounds = np.concatenate([lower, -upper, row_lower, -row_upper])
    finite = np.isfinite(bounds)
    constraints, bounds = constraints[finite], bounds[finite]
    k = len(bounds)
    # Over the cone of (w, scale) every slack above 1e-7 can be made 1, so one LP finds all that can have any.
    cone = linear.minimiser(
        np.concatenate([np.zeros(n + 1), -np.ones(k)]),
        np.concatenate([-constraints, bounds[:, None], np.eye(k)], axis=1),
        np.zeros(k),
        equal=(np.concatenate([np.ones(n), [-1.0], np.zeros(k)])[None], np.zeros(1)),
        bounds=[(None, None)] * n + [(1.0, 1e7)] + [(0.0, 1.0)] * k,
    )
    if cone is None:
        return None
    loose = cone[n + 1 :] > 0.5
    # Then go as deep as possible: the largest share of its width that all those limits can keep as slack at once.
    span = np.concatenate([upper - lower, upper - lower, row_upper - row_lower, row_upper - row_lower])[finite]
    depth = np.where(loose, np.where(np.isfinite(span), span, 1.0), 0.0)
    deepest = linear.minimiser(
        -np.eye(n + 1)[n],
        np.concatenate([-constraints, depth[:, None]], axis=1),
        -bounds,
        equal=(np.ones((1, n + 1)) - np.eye(n + 1)[n], np.ones(1)),
        bounds=[(None, None)] * n + [(0.0, 1.0)],
    )
    inner = cone[:n] / cone[n] if deepest is None else deepest[:n]
    return np.clip(inner, lower, upper)


def minimise(
    objective: Objective,
    form: StandardForm,
    *,
    batch: int = 1,
    tolerance: float = 1e-10,
    iterations: int = 120,
) -> Solution:
    """Minimises `batch` convex functions over the set of `form`, each to a certified gap of `tolerance` x its own scale.

    The scale of a function is the larger of 1 and its absolute value, but no more than how much it varies over the set: a
    mean loss of 3 that mixtures change by 1e-4 is solved to 1e-4 of the tolerance. A gap that rounding does not allow is not
    awaited: look at `Solution.gap` for what was reached.
    """
    n = len(form.moving)

    def full(x: Array) -> Array:
        w = np.repeat(form.rest[None], len(x), axis=0)
        w[:, form.moving] = x[:, :n]
        return w

    x = np.repeat(form.start[None], batch, axis=0)
    if n == 0 or len(form.rows) >= x.shape[1]:
        w = full(x)
        return Solution(w=w, value=objective(w)[0], gap=np.zeros(batch), iterations=0)
    state = _Newton(objective, form, full, x)
    best_gap = np.full(batch, np.inf)
    best_w, best_value = full(x), np.full(batch, np.inf)
    stalled = 0
    steps = 0
    while True:
        gap = state.gap()
        better = gap < best_gap
        stalled = 0 if np.any(gap < 0.9 * best_gap) else stalled + 1
        best_gap = np.where(better, gap, best_gap)
        best_w[better], best_value[better] = full(state.x)[better], state.value[better]
        wanted = tolerance * np.minimum(np.maximum(1.0, np.abs(best_value)), state.scale[:, 0])
        if np.all(best_gap <= wanted) or stalled >= 8 or steps >= iterations:
            break
        state.step()
        steps += 1
    # Rounding may leave a weight of -1e-18, which is no mixture to whoever trains it.
    best_w = np.clip(best_w, form.least, form.most)
    return Solution(w=best_w, value=best_value, gap=best_gap, iterations=steps)


class _Newton:
    """The iterate: x [B, N], multipliers y [B, m] of the rows, and zl, zu [B, N] of the bounds."""

    def __init__(self, objective: Objective, form: StandardForm, full, x: Array) -> None:  # type: ignore[no-untyped-def]
        self.objective, self.form, self.full = objective, form, full
        self.has_lower, self.has_upper = np.isfinite(form.lower), np.isfinite(form.upper)
        self.count = int(self.has_lower.sum() + self.has_upper.sum())
        self.x = x
        self.value, self.gradient, self.hessian = self.evaluate(x)
        width = np.where(self.has_lower & self.has_upper, form.upper - form.lower, 1.0)
        spread = np.abs(self.gradient - self.gradient.mean(1, keepdims=True)) * width
        bend = np.einsum("bjj->bj", self.hessian) * width**2
        scale = np.maximum(spread.max(1), bend.max(1))
        self.scale = np.where(scale > 0, scale, 1.0)[:, None]
        level = 0.1 * self.scale
        self.zl = np.where(self.has_lower, level / np.maximum(x - form.lower, 1e-300), 0.0)
        self.zu = np.where(self.has_upper, level / np.maximum(form.upper - x, 1e-300), 0.0)
        self.y = np.zeros((len(x), len(form.rows)))
        self.length = np.ones(len(x))

    def evaluate(self, x: Array) -> tuple[Array, Array, Array]:
        n = len(self.form.moving)
        value, gradient, hessian = self.objective(self.full(x))
        if n == gradient.shape[1] == x.shape[1]:
            return value, gradient, hessian
        g = np.zeros(x.shape)
        g[:, :n] = gradient[:, self.form.moving]
        h = np.zeros((*x.shape, x.shape[1]))
        h[:, :n, :n] = hessian[:, self.form.moving[:, None], self.form.moving]
        return value, g, h

    def gap(self) -> Array:
        """The certified distance to the minimum, [B]."""
        form = self.form
        reduced = self.gradient + self.y @ form.rows
        # Per coordinate: (g + B'y)_j x_j minus its smallest value within the bounds; B x = b removes y from the sum.
        with np.errstate(invalid="ignore"):
            at_best = np.where(
                reduced > 0,
                np.where(self.has_lower, self.x - form.lower, np.inf) * reduced,
                np.where(reduced < 0, np.where(self.has_upper, self.x - form.upper, -np.inf) * reduced, 0.0),
            )
        return at_best.sum(1) + ((form.right - self.x @ form.rows.T) * self.y).sum(1)

    def slacks(self, x: Array) -> tuple[Array, Array]:
        dl = np.where(self.has_lower, np.maximum(x - self.form.lower, _NO_SLACK), 1.0)
        du = np.where(self.has_upper, np.maximum(self.form.upper - x, _NO_SLACK), 1.0)
        return dl, du

    def residual(self, x: Array, y: Array, zl: Array, zu: Array, gradient: Array, target: Array) -> Array:
        """The norm of the perturbed optimality conditions, [B]."""
        dl, du = self.slacks(x)
        dual = gradient + y @ self.form.rows - zl + zu
        low = np.where(self.has_lower, zl * dl - target, 0.0)
        high = np.where(self.has_upper, zu * du - target, 0.0)
        return np.sqrt((dual**2 + low**2 + high**2).sum(1))

    def step(self) -> None:
        """One damped Newton step towards the conditions with a tenth of the present complementarity."""
        form, x = self.form, self.x
        dl, du = self.slacks(x)
        mu = ((dl * self.zl + du * self.zu).sum(1) / self.count)[:, None]
        dual = self.gradient + self.y @ form.rows - self.zl + self.zu
        # Aim low after long steps, higher after short ones; more so while the gradient's error, in units of value,
        # is far behind the complementarity.
        lag = (np.abs(dual) * np.minimum(dl, du)).max(1) > 100 * mu[:, 0]
        target = mu * np.where(lag, 0.5, np.where(self.length > 0.9, 0.02, 0.1))[:, None]
        diagonal = self.zl / dl + self.zu / du
        right = -dual + np.where(self.has_lower, target / dl, 0.0) - self.zl
        right += self.zu - np.where(self.has_upper, target / du, 0.0)
        matrix = self.hessian.copy()
        index = np.arange(x.shape[1])
        matrix[:, index, index] += diagonal
        columns = np.concatenate([np.repeat(form.rows.T[None], len(x), axis=0), right[:, :, None]], axis=2)
        solved = np.linalg.solve(matrix, columns)
        schur = form.rows @ solved[:, :, :-1]
        offset = x @ form.rows.T - form.right
        dy = np.linalg.solve(schur, (solved[:, :, -1] @ form.rows.T + offset)[:, :, None])[:, :, 0]
        dx = solved[:, :, -1] - np.einsum("bnm,bm->bn", solved[:, :, :-1], dy)
        dzl = np.where(self.has_lower, target / dl - self.zl - self.zl / dl * dx, 0.0)
        dzu = np.where(self.has_upper, target / du - self.zu + self.zu / du * dx, 0.0)
        self._advance(dx, dy, dzl, dzu, target)

    def _advance(self, dx: Array, dy: Array, dzl: Array, dzu: Array, target: Array) -> None:
        dl, du = self.slacks(self.x)

        def furthest(value: Array, change: Array) -> Array:
            shrink = np.max(-change / np.maximum(value, 1e-300), axis=1)
            return np.minimum(1.0, 0.995 / np.maximum(shrink, 1e-300))

        zl, zu = np.where(self.has_lower, self.zl, 1.0), np.where(self.has_upper, self.zu, 1.0)
        dx_low, dx_high = np.where(self.has_lower, dx, 0.0), np.where(self.has_upper, -dx, 0.0)
        length = np.minimum(furthest(dl, dx_low), furthest(du, dx_high))
        length = np.minimum(length, np.minimum(furthest(zl, dzl), furthest(zu, dzu)))
        before = self.residual(self.x, self.y, self.zl, self.zu, self.gradient, target)
        for attempt in range(20):
            step = length[:, None]
            x, y, zl, zu = self.x + step * dx, self.y + step * dy, self.zl + step * dzl, self.zu + step * dzu
            value, gradient, hessian = self.evaluate(x)
            after = self.residual(x, y, zl, zu, gradient, target)
            bad = ~(after <= GROW * before + 1e-14 * self.scale[:, 0])
            if not bad.any() or attempt == 19:
                break
            length = np.where(bad, 0.5 * length, length)
        self.x, self.y, self.zl, self.zu, self.length = x, y, zl, zu, length
        self.value, self.gradient, self.hessian = value, gradient, hessian
