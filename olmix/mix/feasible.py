"""The feasible set: every mixture that the data and the user's limits allow, as one object for the whole road.

The set is a polytope: each leaf has a lower and an upper weight, sums over groups of leaves may be limited, parts of
a group may be tied to a fixed share of it, and all weights sum to 1. Designs draw from it, proposals optimise over
it, previews and the trainer check against it. It holds plain numbers only, so it is the result of a step and reads
back from JSON as it was.

Everything here is exact up to rounding: with leaf limits alone by sorting breakpoints, with group limits by a simplex
LP (`maximum`) or a certified interior-point solve (`project`, `project_kl`, see `interior.py`). What it gives up: "a
weight is zero or at least m" is not convex, so it is a setting of designs and proposals and not part of this set.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from olmix.errors import UserError, nearest
from olmix.mix import interior, linear, projection
from olmix.mix.arrays import Array
from olmix.mix.interior import StandardForm

#: Weights closer than this to a limit count as within it.
TOLERANCE = 1e-9


@dataclasses.dataclass(frozen=True, kw_only=True)
class LinearLimit:
    """`lower <= sum_i coefficients[i] * w[leaves[i]] <= upper`, with the words that an error message uses for it."""

    name: str
    leaves: tuple[int, ...]
    coefficients: tuple[float, ...]
    lower: float
    upper: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Frozen:
    """A virtual leaf: the leaves `parts`, mixed with each other in fixed `shares` (summing to 1). See `reuse.py`."""

    leaf: str
    parts: tuple[str, ...]
    shares: tuple[float, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class FeasibleSet:
    """All mixtures within the limits; build one with `olmix.mix.limits.feasible_set`, which refuses an empty one.

    `lower` and `upper` bound the weight of each leaf, caps from token counts included. `prior` is the mixture that
    designs and proposals start from: the leaves' shares of all tokens unless the user gave another; it need not be
    feasible. `tokens` and `repetition_limits` are per leaf. `largest_tokens` is the longest training run (tokens) for
    which the set is not empty, None when nothing limits it; `parameters` are the non-embedding parameters of the
    model that `target_tokens` is for, if known. Leaves named in `frozen` are virtual: `expanded` gives the real mixture.
    """

    leaves: tuple[str, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    prior: tuple[float, ...]
    limits: tuple[LinearLimit, ...] = ()
    tokens: tuple[int, ...] = ()
    repetition_limits: tuple[float, ...] = ()
    target_tokens: int | None = None
    largest_tokens: float | None = None
    parameters: int | None = None
    frozen: tuple[Frozen, ...] = ()

    @functools.cached_property
    def arrays(self) -> tuple[Array, Array, Array, Array, Array]:
        """`(lower[n], upper[n], rows[m, n], row_lower[m], row_upper[m])`; the row for "sums to 1" is left out."""
        rows = np.zeros((len(self.limits), len(self.leaves)))
        for row, limit in zip(rows, self.limits, strict=True):
            row[list(limit.leaves)] = limit.coefficients
        return (
            np.array(self.lower, dtype=float),
            np.array(self.upper, dtype=float),
            rows,
            np.array([limit.lower for limit in self.limits], dtype=float),
            np.array([limit.upper for limit in self.limits], dtype=float),
        )

    @functools.cached_property
    def prior_array(self) -> Array:
        """The prior as an array [n]."""
        return np.array(self.prior, dtype=float)

    @functools.cached_property
    def feasible_prior(self) -> Array:
        """The feasible mixture nearest to the prior in KL(w || prior): the prior itself wherever it is feasible."""
        return self.prior_array if self.contains(self.prior_array) else self.project_kl(self.prior_array)

    def vector(self, mixture: Mapping[str, float]) -> Array:
        """`mixture` (leaf -> weight) in the order of `leaves`; leaves not named weigh 0, unknown ones are an error."""
        for name in mixture:
            if name not in self.leaves:
                raise UserError(f"{name!r} is not a leaf of the feasible set{nearest(name, self.leaves)}.")
        return np.array([float(mixture.get(leaf, 0.0)) for leaf in self.leaves])

    def mixture(self, weights: npt.ArrayLike) -> dict[str, float]:
        """`weights` [n] as leaf -> weight, leaves of weight 0 left out."""
        return {
            leaf: float(weight)
            for leaf, weight in zip(self.leaves, np.asarray(weights, dtype=float), strict=True)
            if weight > 0
        }

    def ordered(self, leaves: Sequence[str]) -> FeasibleSet:
        """The same set with its leaves in another order; a UserError if they are not the same leaves."""
        if tuple(leaves) == self.leaves:
            return self
        different = sorted(set(leaves) ^ set(self.leaves))
        if different or len(leaves) != len(self.leaves):
            ours = [leaf for leaf in different if leaf in self.leaves]
            theirs = [leaf for leaf in different if leaf not in self.leaves]
            raise UserError(
                "The limits and the runs have different leaves: "
                + "; ".join(
                    f"only the {side} have {', '.join(names[:6])}{' and more' if len(names) > 6 else ''}"
                    for side, names in (("limits", ours), ("runs", theirs))
                    if names
                )
                + "."
            )
        order = [self.leaves.index(leaf) for leaf in leaves]
        place = {old: new for new, old in enumerate(order)}

        def moved(values: tuple[Any, ...]) -> tuple[Any, ...]:
            return tuple(values[i] for i in order) if values else ()

        return dataclasses.replace(
            self,
            leaves=tuple(leaves),
            lower=moved(self.lower),
            upper=moved(self.upper),
            prior=moved(self.prior),
            tokens=moved(self.tokens),
            repetition_limits=moved(self.repetition_limits),
            limits=tuple(
                dataclasses.replace(limit, leaves=tuple(place[i] for i in limit.leaves)) for limit in self.limits
            ),
        )

    def expanded(self, weights: npt.ArrayLike) -> tuple[tuple[str, ...], Array]:
        """The real leaves, and mixtures [..., n] of this set as mixtures over those."""
        return expand(self.frozen, self.leaves, weights)

    def excess(self, weights: npt.ArrayLike) -> Array:
        """By how much each mixture ([..., n]) breaks its worst limit; 0 where it is feasible. Shape [...]."""
        w = np.asarray(weights, dtype=float)
        lower, upper, rows, row_lower, row_upper = self.arrays
        worst = np.maximum((lower - w).max(-1), (w - upper).max(-1))
        worst = np.maximum(worst, np.abs(w.sum(-1) - 1))
        if len(rows):
            sums = w @ rows.T
            worst = np.maximum(worst, np.maximum((row_lower - sums).max(-1), (sums - row_upper).max(-1)))
        return np.maximum(worst, 0.0)

    def contains(self, weights: npt.ArrayLike, tolerance: float = TOLERANCE) -> bool:
        """Whether every given mixture ([..., n]) is within all limits, up to `tolerance` in weight."""
        return bool(np.all(self.excess(weights) <= tolerance))

    def breaches(self, weights: npt.ArrayLike, tolerance: float = TOLERANCE) -> list[str]:
        """One phrase for each limit that the mixture `weights` [n] breaks; an empty list when it is feasible."""
        w = np.asarray(weights, dtype=float)
        found = []
        if abs(w.sum() - 1) > tolerance:
            found.append(f"the weights sum to {w.sum():.6g}, not to 1")
        for index, leaf in enumerate(self.leaves):
            if w[index] < self.lower[index] - tolerance:
                found.append(f"{leaf} weighs {w[index]:.6g}, less than its minimum {self.lower[index]:.6g}")
            if w[index] > self.upper[index] + tolerance:
                found.append(f"{leaf} weighs {w[index]:.6g}, more than its cap {self.upper[index]:.6g}")
        for limit in self.limits:
            value = float(np.dot(limit.coefficients, w[list(limit.leaves)]))
            if not limit.lower - tolerance <= value <= limit.upper + tolerance:
                found.append(f"{limit.name} is broken by {max(limit.lower - value, value - limit.upper):.6g}")
        return found

    def repetitions(self, weights: npt.ArrayLike) -> Array:
        """How often each leaf is read in the target run: weight x target tokens / token count. Shape [..., n]."""
        if self.target_tokens is None:
            raise UserError("Repetitions need target_tokens, and the limits were declared without any.")
        w = np.asarray(weights, dtype=float) * self.target_tokens
        tokens = np.array(self.tokens, dtype=float)
        return np.where(w > 0, w / np.maximum(tokens, 1e-300), 0.0)

    def maximum(self, direction: npt.ArrayLike) -> tuple[float, Array]:
        """The largest value of `direction @ w` over the set, and a vertex that attains it."""
        c = np.asarray(direction, dtype=float)
        lower, upper, rows, row_lower, row_upper = self.arrays
        if not len(rows):
            # Fill the best leaves first: optimal for a knapsack with one equality.
            order = np.argsort(-c, kind="stable")
            room = np.minimum(np.cumsum((upper - lower)[order]), 1 - lower.sum())
            w = lower.copy()
            w[order] += np.diff(room, prepend=0.0)
            return float(c @ w), w
        solution = linear.minimiser(
            -c,
            np.concatenate([rows, -rows]),
            np.concatenate([row_upper, -row_lower]),
            equal=(np.ones((1, len(c))), np.ones(1)),
            bounds=np.stack([lower, upper], axis=1),
        )
        if solution is None:
            raise ValueError("The feasible set is empty.")
        w = np.clip(solution, lower, upper)
        return float(c @ w), w

    def minimum(self, direction: npt.ArrayLike) -> tuple[float, Array]:
        """The smallest value of `direction @ w` over the set, and a vertex that attains it."""
        value, w = self.maximum(-np.asarray(direction, dtype=float))
        return -value, w

    @functools.cached_property
    def ranges(self) -> tuple[Array, Array]:
        """The smallest and the largest weight that each leaf can really have, all limits together: two arrays [n]."""
        lower, upper, rows, _, _ = self.arrays
        if not len(rows):
            return (
                np.maximum(lower, 1 - (upper.sum() - upper)),
                np.minimum(upper, 1 - (lower.sum() - lower)),
            )
        unit = np.eye(len(lower))
        return (
            np.array([self.minimum(axis)[0] for axis in unit]),
            np.array([self.maximum(axis)[0] for axis in unit]),
        )

    def project(self, point: npt.ArrayLike) -> Array:
        """The feasible mixture nearest to `point` [n] in Euclidean distance."""
        return projection.euclidean(np.asarray(point, dtype=float), *self.arrays[:2], self._grouped_form)

    def project_kl(self, point: npt.ArrayLike) -> Array:
        """The feasible mixture w that minimises KL(w || point); `point` [n] is non-negative and need not sum to 1.

        A leaf where `point` is 0 keeps its lower limit; if the others cannot make up the rest, that is a UserError.
        """
        return projection.kullback_leibler(np.asarray(point, dtype=float), self.arrays, self._grouped_form)

    @functools.cached_property
    def center(self) -> Array:
        """A point inside the set: every limit that can have slack has some there."""
        form = self.standard_form
        w = form.rest.copy()
        w[form.moving] = form.start[: len(form.moving)]
        return w

    @functools.cached_property
    def is_feasible(self) -> bool:
        """Whether any mixture is left; sets from `olmix.mix.limits.feasible_set` always have one."""
        lower, upper, rows, _, _ = self.arrays
        if np.any(lower > upper) or lower.sum() > 1 + TOLERANCE or upper.sum() < 1 - TOLERANCE:
            return False
        if not len(rows):
            return True
        return self._inner_point is not None

    @functools.cached_property
    def _inner_point(self) -> Array | None:
        """Two linear programs: what is asked of a set with group limits begins with it."""
        return interior.inner_point(*self.arrays)

    @functools.cached_property
    def standard_form(self) -> StandardForm:
        """What the interior-point method works on."""
        return interior.standard_form(*self.arrays, inner=self._inner_point)

    @property
    def _grouped_form(self) -> StandardForm | None:
        """The standard form where group limits make it needed."""
        return self.standard_form if self.limits else None


def expand(frozen: Sequence[Frozen], leaves: Sequence[str], weights: npt.ArrayLike) -> tuple[tuple[str, ...], Array]:
    """Real leaves and mixtures [..., m] for mixtures [..., n] over `leaves`, some of which may be virtual."""
    w = np.asarray(weights, dtype=float)
    inside = {virtual.leaf: virtual for virtual in frozen}
    names: list[str] = []
    columns = []
    for j, leaf in enumerate(leaves):
        parts, shares = (inside[leaf].parts, inside[leaf].shares) if leaf in inside else ((leaf,), (1.0,))
        names += parts
        columns += [w[..., j] * share for share in shares]
    return tuple(names), np.stack(columns, axis=-1)
