"""BiMix: y = E + (eps + s w_j)^(-alpha), one leaf per metric: the data that a metric was made from.

The law of BiMix (Ge et al. 2024) at a fixed number of steps: the validation loss of a domain is a power of
that domain's own weight. The original knows which domain a metric belongs to; here the leaf is the one that
predicts left-out runs best. It is a good law where metrics are losses of the training domains and says
nothing about transfer between them.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from olmix.fit import levenberg
from olmix.fit.checks import Index
from olmix.fit.effective_data_surface import HEAD, PowerSurface, centre, penalty
from olmix.fit.law import Array, Law, Shape
from olmix.fit.regressions import Regressions, first_corner, ridge_path
from olmix.fit.scaling import HUBER, Scaled

_RIDGE, _DOUBT = 1e-3, 0.05


@dataclasses.dataclass(frozen=True, kw_only=True)
class BiMix(Law):
    """y_k = shift_k + scale_k * (floor_k + (base_k + utility_k * w[leaf_k])^(-power_k)), Huber's loss.

    Settings:
      huber: where the loss turns linear, in robust standard deviations of left-out residuals.

    Learned: `leaf_[k]`, and `floor_`, `base_`, `utility_`, `power_`, `scale_`, `shift_`, `noise_` `[k]`.
    """

    huber: float = HUBER

    learned: ClassVar[tuple[str, ...]] = (
        "leaf_",
        "floor_",
        "base_",
        "utility_",
        "power_",
        "scale_",
        "shift_",
        "noise_",
    )
    leaf_: ClassVar[Index]
    floor_: ClassVar[Array]
    base_: ClassVar[Array]
    utility_: ClassVar[Array]
    power_: ClassVar[Array]
    scale_: ClassVar[Array]
    shift_: ClassVar[Array]

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """Convex: a negative power of a linear function."""
        shape: Shape = "convex"
        return (shape,) * self.metric_count_

    def gradient(self, w: ArrayLike) -> Array:
        """Zero but for the metric's own leaf."""
        point = self._check_points(np.atleast_2d(w))[0]
        data = self.base_ + self.utility_ * point[self.leaf_]
        slope = np.zeros((self.metric_count_, self.leaf_count_))
        steep = -self.power_ * self.utility_ * data ** (-self.power_ - 1)
        slope[np.arange(self.metric_count_), self.leaf_] = self.scale_ * steep
        return slope

    def _mean(self, w: Array) -> Array:
        data = self.base_ + self.utility_ * w[:, self.leaf_]
        return self.shift_ + self.scale_ * (self.floor_ + data ** (-self.power_))

    def _std(self, w: Array) -> Array:
        return np.broadcast_to(self.noise_, (len(w), self.metric_count_)).copy()

    def _fit(self, w: Array, y: Array, omega: Array) -> None:
        data = Scaled.of(y, omega, np.ones(y.shape[1]))
        count = y.shape[1]
        corner = first_corner(data.target, data.omega)
        loss, leaf, noise = np.full(count, np.inf), np.zeros(count, dtype=int), np.zeros(count)
        theta = np.zeros((count, HEAD + 1))
        ridge = penalty(np.full(count, _RIDGE), data.deviation**2, np.full(count, _DOUBT), 1)
        for j in range(w.shape[1]):
            surface = PowerSurface(w[:, j : j + 1], 1.0, 0.0)
            problems = levenberg.Problems(
                target=data.target, omega=data.omega, delta=corner, ridge=ridge, centre=centre(count, 1)
            )
            task = Regressions(surface=surface, problems=problems)
            _, fitted = next(ridge_path(task, surface.starts, (_RIDGE,), lambda _: ridge))
            trial = fitted.loss(problems)
            wins = trial < loss
            typical = np.sqrt(np.sum(data.omega * fitted.left_out**2, axis=1) / data.omega.sum(axis=1))
            loss, leaf = np.where(wins, trial, loss), np.where(wins, j, leaf)
            noise, theta = np.where(wins, typical, noise), np.where(wins[:, None], fitted.theta, theta)
        self._learn(
            leaf_=leaf,
            floor_=1 / (1 + np.exp(-theta[:, 0])),
            power_=np.exp(theta[:, 1]),
            base_=np.exp(theta[:, 2]),
            utility_=np.exp(theta[:, 3]),
            scale_=data.unit,
            shift_=data.shift,
            noise_=noise * data.unit,
        )
