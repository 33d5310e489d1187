"""Best: several laws, chosen or stacked per metric by cross-validation alone.

Every candidate predicts every run from fits that have not seen it. `stack` gives each metric the weighted
mean of the candidates (weights non-negative, summing to 1) whose left-out predictions have the smallest
squared error; `choose` takes the single best. Nothing but the runs given decides, so a test set stays a test
set. The uncertainty is scaled per metric so that the left-out predictions are covered as they should be.

A mean of convex laws is convex; with a Gaussian process in it, it is not, and a proposal is then found by
search.
Source: Wolpert, Stacked generalization (1992); Breiman, Stacked regressions (1996).
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike

from olmix.errors import UserError
from olmix.fit.checks import Index
from olmix.fit.cross_validation import FEWEST_MIXTURES, partition
from olmix.fit.effective_data import EffectiveData
from olmix.fit.gaussian_process import GaussianProcess
from olmix.fit.law import Array, Law, Shape
from olmix.fit.log_linear import LogLinear

#: Weights below this are dropped.
_SMALLEST = 0.02
#: How far the left-out residuals may scale the uncertainty.
_SCALES = 0.5, 3.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Best(Law):
    """y_k = sum_c weight[k, c] * law_c(w).

    Settings:
      candidates: laws, with their settings; at most 8.
      combine: "stack" or "choose".
      folds, seed: of the cross-validation.

    Learned: `laws_` (fitted, those with any weight), `weight_[k, c]` over them, `std_scale_[k]`, `noise_[k]`,
    `left_out_rmse_[k, c]` of all candidates.
    """

    candidates: tuple[Law, ...] = (LogLinear(), EffectiveData(), GaussianProcess())
    combine: Literal["stack", "choose"] = "stack"
    folds: int = 8
    seed: int = 0

    learned: ClassVar[tuple[str, ...]] = ("laws_", "weight_", "std_scale_", "noise_", "left_out_rmse_")
    laws_: ClassVar[tuple[Law, ...]]
    weight_: ClassVar[Array]
    std_scale_: ClassVar[Array]
    left_out_rmse_: ClassVar[Array]

    def __post_init__(self) -> None:
        if not 1 <= len(self.candidates) <= 8:
            raise UserError(f"Best takes 1 to 8 candidates, not {len(self.candidates)}.")
        if self.combine not in ("stack", "choose"):
            raise UserError(f"Best can stack or choose; combine is {self.combine!r}.")

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """The shape that all laws with weight agree on."""
        self._require_fitted()
        shapes: list[Shape] = []
        for k, weight in enumerate(self.weight_):
            found = {law.shapes[k] for law, a in zip(self.laws_, weight, strict=True) if a > 0} - {"linear"}
            shapes.append("linear" if not found else found.pop() if len(found) == 1 else "none")
        return tuple(shapes)

    def gradient(self, w: ArrayLike) -> Array:
        """The weighted mean of the laws' gradients."""
        gradients = np.stack([law.gradient(w) for law in self.laws_])
        return np.asarray(np.einsum("kc,c...km->...km", self.weight_, gradients))

    @property
    def refits_in_batch(self) -> bool:
        """Whether all laws with weight do."""
        self._require_fitted()
        return all(law.refits_in_batch for law in self.laws_)

    def _refit(self, w: Array, y: Array, omega: Array) -> dict[str, Any]:
        """The weights of the laws stay."""
        kept = {name: getattr(self, name) for name in self.learned}
        return {**kept, "laws_": tuple(law.refit(w, y, omega) for law in self.laws_)}

    def held_out(self, w: Array, y: Array, parts: Sequence[Index]) -> tuple[Array, Array]:
        """As every law, without fitting candidates inside fits: the weights for a part come from the other
        parts.

        The candidates' left-out predictions of those other parts come from fits that did see this part, so
        the choice of weights (a few numbers) is not quite independent of it; the fits themselves are.
        """
        fitted = {law: law for law in self.laws_} if self.is_fitted else {}
        mean, std = self._left_out([fitted.get(law, law) for law in self.candidates], w, y, parts)
        total, spread = np.empty_like(y), np.empty_like(y)
        for out in parts:
            kept = np.setdiff1d(np.arange(len(w)), out)
            weight = self._weights(mean[:, kept], y[kept])
            scale = _std_scale(weight, mean[:, kept], std[:, kept], y[kept])
            total[out], spread[out] = _mix(weight, mean[:, out], std[:, out])
            spread[out] *= scale
        return total, spread

    def _mean(self, w: Array) -> Array:
        mean = np.stack([law.predict(w) for law in self.laws_])
        return np.asarray(np.einsum("kc,c...nk->...nk", self.weight_, mean))

    def _std(self, w: Array) -> Array:
        found = [law.predict(w, return_std=True) for law in self.laws_]
        mean, std = (np.stack(part) for part in zip(*found, strict=True))
        return _mix(self.weight_, mean, std)[1] * self.std_scale_

    def _fit(self, w: Array, y: Array, omega: Array) -> None:
        fitted = tuple(law.clone().fit(w, y, sample_weight=omega) for law in self.candidates)
        distinct = len(np.unique(w, axis=0))
        if distinct < FEWEST_MIXTURES:
            self._warn(f"no-cross-validation: {distinct} distinct mixtures; all candidates weigh the same")
            weight = np.full((y.shape[1], len(fitted)), 1 / len(fitted))
            scale: Array = np.ones(y.shape[1])
            rmse: Array = np.full(weight.shape, np.nan)
        else:
            parts = partition(w, self.folds, np.random.default_rng(self.seed))
            mean, std = self._left_out(fitted, w, y, parts)
            weight = self._weights(mean, y)
            scale = _std_scale(weight, mean, std, y)
            rmse = np.sqrt(np.mean((mean - y) ** 2, axis=1)).T
        used = np.flatnonzero(weight.any(axis=0))
        kept = tuple(fitted[c] for c in used)
        for warning in dict.fromkeys(warning for law in kept for warning in law.warnings_):
            if warning not in self.warnings_:
                self._warn(warning)
        noise = np.stack([law.noise_ for law in kept], axis=1)
        self._learn(
            laws_=kept,
            weight_=weight[:, used],
            std_scale_=scale,
            noise_=np.sum(weight[:, used] * noise, axis=1) * scale,
            left_out_rmse_=rmse,
        )

    def _left_out(self, laws: Sequence[Law], w: Array, y: Array, parts: Sequence[Index]) -> tuple[Array, Array]:
        """Mean and std `[c, n, k]`; a candidate that is not finite somewhere is infinitely bad there."""
        found = [law.held_out(w, y, parts) for law in laws]
        mean, std = (np.stack(part) for part in zip(*found, strict=True))
        return np.nan_to_num(mean, nan=1e100, posinf=1e100, neginf=-1e100), np.nan_to_num(std, nan=1e100)

    def _weights(self, mean: Array, y: Array) -> Array:
        """`[k, c]` from left-out predictions `mean[c, n, k]`."""
        errors = np.clip(mean - y, -1e50, 1e50)  # [c, n, k]
        if self.combine == "choose":
            best = np.argmin(np.mean(errors**2, axis=1), axis=0)
            return np.eye(len(mean))[best]
        return np.stack([simplex_weights(errors[:, :, k]) for k in range(y.shape[1])])


def simplex_weights(errors: Array) -> Array:
    """`[c]`: the non-negative weights summing to 1 that minimise |weights @ errors|^2, for `errors[c, n]`.

    Exact: every support is tried (255 for eight laws), and on each the minimum under the sum alone is in
      closed form.
    """
    count = len(errors)
    typical = np.sqrt(np.mean(errors**2, axis=1))
    if typical.max() == 0:
        return np.full(count, 1 / count)
    scale = max(typical.min(), 1e-6 * typical.max())
    moment = (errors / scale) @ (errors / scale).T / errors.shape[1]
    moment += 1e-9 * np.diag(np.diag(moment)) + 1e-12 * np.eye(count)
    best, found = np.inf, np.full(count, 1 / count)
    for size in range(1, count + 1):
        for support in itertools.combinations(range(count), size):
            inverse = np.linalg.solve(moment[np.ix_(support, support)], np.ones(size))
            weight = inverse / inverse.sum()
            value = 1 / inverse.sum()
            if np.all(weight >= 0) and 0 < value < best:
                best = value
                found = np.zeros(count)
                found[list(support)] = weight
    found = np.where(found < _SMALLEST, 0, found)
    return found / found.sum()


def _mix(weight: Array, mean: Array, std: Array) -> tuple[Array, Array]:
    """Mean and std `[n, k]` of the mixture of `mean[c, n, k]`, `std[c, n, k]` under `weight[k, c]`."""
    total = np.einsum("kc,cnk->nk", weight, mean)
    variance = np.einsum("kc,cnk->nk", weight, std**2 + (mean - total) ** 2)
    return total, np.sqrt(variance)


def _std_scale(weight: Array, mean: Array, std: Array, y: Array) -> Array:
    """`[k]`: what makes the left-out residuals as large as their standard deviations say."""
    total, spread = _mix(weight, mean, std)
    return np.clip(np.sqrt(np.mean(((y - total) / np.maximum(spread, 1e-300)) ** 2, axis=0)), *_SCALES)
