"""What a proposal minimises, where it is convex: exponentials, powers and a KL term, with exact derivatives.

Laws reduce to three surfaces whose values, gradients and Hessians are a few matrix products, for one law or for a
whole bootstrap at once (leading axis B). Their sum goes to the interior-point method of `olmix.mix.interior`, which
returns the minimiser over the feasible set with a certified duality gap. A metric enters with a coefficient: its
weight in the objective, negative where the metric should grow. A surface whose coefficient makes it concave has no
place here: `surfaces` then returns None, and the caller must search (`propose_search.py`).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from olmix.errors import UserError
from olmix.fit.law import Law
from olmix.mix import interior
from olmix.mix.arrays import Array
from olmix.mix.feasible import FeasibleSet


class Surface(Protocol):
    """A smooth convex function of the mixture, one for each of B problems."""

    @property
    def batch(self) -> int:
        """B, or 1 where the same function serves any number of problems."""
        ...

    def derivatives(self, w: Array) -> tuple[Array, Array, Array]:
        """Values [B], gradients [B, n], Hessians [B, n, n] at `w` [B, n]."""
        ...

    def take(self, which: np.ndarray) -> Surface:
        """The functions of some of the problems."""
        ...


@dataclasses.dataclass(frozen=True)
class Exponential:
    """sum_k coefficients[k] * exp(slopes[k] . w), coefficients >= 0; arrays [B, K] and [B, K, n]."""

    coefficients: Array
    slopes: Array

    @property
    def batch(self) -> int:
        """B."""
        return len(self.slopes)

    def derivatives(self, w: Array) -> tuple[Array, Array, Array]:
        """See `Surface`."""
        exponent = np.matmul(self.slopes, w[:, :, None])[:, :, 0]
        risen = self.coefficients * np.exp(np.minimum(exponent, 500.0))
        scaled = self.slopes * risen[:, :, None]
        return risen.sum(1), scaled.sum(1), np.matmul(np.swapaxes(scaled, 1, 2), self.slopes)

    def take(self, which: np.ndarray) -> Exponential:
        """See `Surface`."""
        return Exponential(self.coefficients[which], self.slopes[which])


@dataclasses.dataclass(frozen=True)
class Power:
    """sum_k coefficients[k] * (base[k] + sum_j scales[k, j] g(w_j; beta[k]))^(-alpha[k]), all >= 0, 0 < beta <= 1.

    g(x; beta) = (x + offset)^beta - offset^beta. Arrays [B, K], scales [B, K, n].
    """

    coefficients: Array
    base: Array
    scales: Array
    beta: Array
    alpha: Array
    offset: float = 0.0

    @property
    def batch(self) -> int:
        """B."""
        return len(self.scales)

    @functools.cached_property
    def _exponents(self) -> tuple[Array, np.ndarray]:
        """The different exponents, and which of them each component has: few, so powers are taken once for each."""
        values, which = np.unique(self.beta, return_inverse=True)
        return values, which.reshape(self.beta.shape)

    def derivatives(self, w: Array) -> tuple[Array, Array, Array]:
        """See `Surface`."""
        values, which = self._exponents
        beta = values[None, :, None]
        safe = np.maximum(w, 1e-300)[:, None, :] + self.offset
        powers = np.exp(beta * np.log(safe))
        slopes = beta * powers / safe
        pick = np.arange(len(w))[:, None], which
        feature = (powers - self.offset**beta)[pick]
        effective = self.base + (self.scales * feature).sum(2)
        value = self.coefficients * np.exp(-self.alpha * np.log(effective))
        first = -self.alpha * value / effective  # derivative by `effective`
        second = -(self.alpha + 1) * first / effective
        slope = self.scales * slopes[pick]
        bend = np.zeros_like(w)
        for q, exponent in enumerate(values):
            if exponent < 1:
                total = np.matmul((first * (which == q))[:, None, :], self.scales)[:, 0]
                bend += total * slopes[:, q] * (exponent - 1) / safe[:, 0]
        hessian = np.matmul(np.swapaxes(slope * second[:, :, None], 1, 2), slope)
        index = np.arange(w.shape[1])
        hessian[:, index, index] += bend
        return value.sum(1), np.matmul(first[:, None, :], slope)[:, 0], hessian

    def take(self, which: np.ndarray) -> Power:
        """See `Surface`."""
        return Power(
            self.coefficients[which],
            self.base[which],
            self.scales[which],
            self.beta[which],
            self.alpha[which],
            self.offset,
        )


@dataclasses.dataclass(frozen=True)
class Affine:
    """constant + slope . w; arrays [B] and [B, n]."""

    constant: Array
    slope: Array

    @property
    def batch(self) -> int:
        """B."""
        return len(self.slope)

    def derivatives(self, w: Array) -> tuple[Array, Array, Array]:
        """See `Surface`."""
        n = w.shape[1]
        slope = np.broadcast_to(self.slope, w.shape)
        return self.constant + (slope * w).sum(1), slope, np.zeros((len(w), n, n))

    def take(self, which: np.ndarray) -> Affine:
        """See `Surface`."""
        return Affine(self.constant[which], self.slope[which])


@dataclasses.dataclass(frozen=True)
class Divergence:
    """strength [B] * KL(w || prior [n]); leaves of prior 0 must be kept out of the set."""

    strength: Array
    prior: Array

    @property
    def batch(self) -> int:
        """B."""
        return len(self.strength)

    def derivatives(self, w: Array) -> tuple[Array, Array, Array]:
        """See `Surface`."""
        safe = np.maximum(w, 1e-300)
        known = self.prior > 0
        ratio = np.where(known & (w > 0), np.log(safe / np.where(known, self.prior, 1.0)), 0.0)
        strength = self.strength[:, None]
        hessian = np.zeros((*w.shape, w.shape[1]))
        index = np.arange(w.shape[1])
        hessian[:, index, index] = np.where(known, strength / safe, 0.0)
        return self.strength * (w * ratio).sum(1), strength * (ratio + 1.0), hessian

    def take(self, which: np.ndarray) -> Divergence:
        """See `Surface`."""
        return Divergence(self.strength[which], self.prior)


def surfaces(law: Law, coefficients: Array) -> list[Surface] | None:
    """The convex surfaces that sum to `coefficients` . metrics; None where that is not convex.

    `law` is fitted or refitted; `coefficients` is [k], or [B, k] for as many objectives.
    """
    rows = np.atleast_2d(coefficients)
    used = np.flatnonzero(rows.any(0))
    for k in used:
        shape = law.shapes[k]
        if (rows[:, k] > 0).any() and shape not in ("convex", "linear"):
            return None
        if (rows[:, k] < 0).any() and shape not in ("concave", "linear"):
            return None
    builder = _BUILDERS.get(type(law).__name__)
    return None if builder is None else builder(law, rows, used)


def _batched(array: Any, dimensions: int) -> Array:
    """`array` with a leading axis for problems: those of a refit, or a single one."""
    array = np.asarray(array, dtype=float)
    return array[None] if array.ndim == dimensions else array


def _log_linear(law: Any, rows: Array, used: np.ndarray) -> list[Surface]:
    slopes = _batched(law.slopes_, 2)[:, used]
    level = _batched(law.shift_, 1) + np.exp(_batched(law.log_floor_, 1))
    weight, slopes = np.broadcast_arrays(rows[:, used, None], slopes)
    constant = np.broadcast_to((level * rows).sum(1), len(slopes))
    return [Affine(constant, np.zeros((len(slopes), slopes.shape[2]))), Exponential(weight[:, :, 0], slopes)]


def _effective_data(law: Any, rows: Array, used: np.ndarray) -> list[Surface]:
    # sign, scale and the share of each exponent go into the coefficients, floors into the constant.
    level = _batched(law.sign_ * law.scale_, 1) * rows  # [B, k]
    share = _batched(law.share_, 2)
    constant = (_batched(law.shift_, 1) * rows).sum(1) + (level[:, :, None] * share * _batched(law.floor_, 2)).sum(
        (1, 2)
    )
    coefficients = (level[:, :, None] * share)[:, used]
    flat = [_batched(getattr(law, name), 2)[:, used] for name in ("base_", "exponent_", "power_")]
    scales = _batched(law.utility_, 3)[:, used]
    counted = np.flatnonzero((coefficients != 0).any(0).ravel())
    leaves = scales.shape[-1]
    batch = max(len(coefficients), len(scales))

    def components(array: Array) -> Array:
        kept = array.reshape(len(array), -1)[:, counted]
        return np.broadcast_to(kept, (batch, kept.shape[1]))

    base, exponent, power = (components(array) for array in flat)
    scales = scales.reshape(len(scales), -1, leaves)[:, counted]
    scales = np.broadcast_to(scales, (batch, *scales.shape[1:]))
    return [
        Affine(np.broadcast_to(constant, batch), np.zeros((batch, leaves))),
        Power(components(coefficients), base, scales, exponent, power, law.offset),
    ]


def _linear(law: Any, rows: Array, used: np.ndarray) -> list[Surface]:
    slopes = _batched(law.coefficients_, 2)
    level = _batched(law.intercept_, 1) - (slopes * _batched(law.centre_, 1)[:, None, :]).sum(2)
    return [Affine((level * rows).sum(1), (slopes * rows[:, :, None]).sum(1))]


def _best(law: Any, rows: Array, used: np.ndarray) -> list[Surface] | None:
    found: list[Surface] = []
    for part, weight in zip(law.laws_, law.weight_.T, strict=True):
        if np.any(weight[used] > 0):
            inner = surfaces(part, rows * weight)
            if inner is None:
                return None
            found.extend(inner)
    return found


_BUILDERS: dict[str, Callable[[Any, Array, np.ndarray], list[Surface] | None]] = {
    "Best": _best,
    "LogLinear": _log_linear,
    "EffectiveData": _effective_data,
    "Linear": _linear,
}


def minimise(
    parts: Sequence[Surface], feasible: FeasibleSet, *, batch: int | None = None, tolerance: float = 1e-10
) -> interior.Solution:
    """Minimises the sum of `parts` over the set, for every problem of the batch; see `interior.minimise`."""
    count = batch or max(part.batch for part in parts)
    spread = [part.take(np.zeros(count, dtype=int)) if part.batch == 1 and count > 1 else part for part in parts]

    def total(w: Array) -> tuple[Array, Array, Array]:
        value, gradient, hessian = spread[0].derivatives(w)
        for part in spread[1:]:
            more = part.derivatives(w)
            value, gradient, hessian = value + more[0], gradient + more[1], hessian + more[2]
        return value, gradient, hessian

    return interior.minimise(total, feasible.standard_form, batch=count, tolerance=tolerance)


def within_prior(feasible: FeasibleSet, prior: Array) -> FeasibleSet:
    """The set without the leaves that a KL term forbids: those of prior 0."""
    upper = np.where(prior > 0, feasible.upper, feasible.lower)
    inside = dataclasses.replace(feasible, upper=tuple(float(x) for x in upper))
    if not inside.is_feasible or np.any((np.array(feasible.lower) > 0) & (prior <= 0)):
        out = [leaf for leaf, p in zip(feasible.leaves, prior, strict=True) if p <= 0]
        raise UserError(
            f"KL to the prior forbids leaves whose prior is 0 ({', '.join(out[:6])}), but the limits need them;"
            " give them a prior above 0 or set kl=0."
        )
    return inside
