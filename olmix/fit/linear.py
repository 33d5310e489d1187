"""Linear and Quadratic: ridge regression on the weights, or on the weights and their products.

The plainest laws. Linear cannot have an interior optimum (it always proposes a corner of the feasible set)
and is here as the baseline that any other law must beat; Quadratic can, but needs about m^2 / 2 runs to know
its curvature.
"""

from __future__ import annotations

import abc
import dataclasses
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from olmix.fit.law import Array, Law, Shape
from olmix.fit.ridge import fit_ridge, refit_ridge


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Ridge(Law):
    """y_k = intercept_k + coefficients_k . (features(w) - centre).

    Settings:
      ridge: in units of the largest squared singular value of the features; None chooses it per metric by
        GCV.

    Learned: `coefficients_[k, f]`, `centre_[f]`, `intercept_[k]`, `ridge_[k]`, `noise_[k]`, `covariance_[k,
      f, f]`.
    """

    ridge: float | None = None

    learned: ClassVar[tuple[str, ...]] = (
        "coefficients_",
        "centre_",
        "intercept_",
        "ridge_",
        "noise_",
        "covariance_",
    )
    coefficients_: ClassVar[Array]
    centre_: ClassVar[Array]
    intercept_: ClassVar[Array]
    ridge_: ClassVar[Array]
    covariance_: ClassVar[Array]

    @abc.abstractmethod
    def _features(self, w: Array) -> Array:
        """`[n, f]`."""

    def _fit(self, w: Array, y: Array, omega: Array) -> None:
        found = fit_ridge(self._features(w), y, omega, self.ridge)
        self._learn(**{f"{field.name}_": getattr(found, field.name) for field in dataclasses.fields(found)})

    def _refit(self, w: Array, y: Array, omega: Array) -> dict[str, Any]:
        coefficients, centre, intercept = refit_ridge(self._features(w), y, omega, self.ridge_)
        changed = {"coefficients_": coefficients, "centre_": centre, "intercept_": intercept}
        return {**self._repeated(len(omega)), **changed}

    def _mean(self, w: Array) -> Array:
        inner = np.einsum("...kf,nf->...nk", self.coefficients_, self._features(w))
        level = self.intercept_ - np.einsum("...kf,...f->...k", self.coefficients_, self.centre_)
        return inner + level[..., None, :]

    def _std(self, w: Array) -> Array:
        away = self._features(w) - self.centre_
        variance = np.einsum("nf,kfg,ng->nk", away, self.covariance_, away, optimize=True)
        return np.sqrt(np.maximum(variance, 0) + self.noise_**2)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Linear(_Ridge):
    """One coefficient per leaf. See `_Ridge` for settings and what is learned."""

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """Linear."""
        shape: Shape = "linear"
        return (shape,) * self.metric_count_

    def gradient(self, w: ArrayLike) -> Array:
        """The coefficients."""
        self._check_points(np.atleast_2d(w))
        return self.coefficients_

    def _features(self, w: Array) -> Array:
        return w


@dataclasses.dataclass(frozen=True, kw_only=True)
class Quadratic(_Ridge):
    """Coefficients for the weights and for all products of two (squares included)."""

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """Convex where the Hessian is positive semi-definite on the simplex; concave where negative."""
        self._require_fitted()
        leaves = self.leaf_count_
        along = np.linalg.svd(np.ones((1, leaves)))[2][1:]  # a basis of the directions that keep the sum
        shapes: list[Shape] = []
        for coefficients in self.coefficients_.reshape(-1, self.metric_count_, self.coefficients_.shape[-1])[0]:
            bends = np.linalg.eigvalsh(along @ self._hessian(coefficients) @ along.T) if leaves > 1 else np.zeros(1)
            slack = 1e-12 * max(np.abs(bends).max(), 1e-300)
            shapes.append("convex" if bends[0] >= -slack else "concave" if bends[-1] <= slack else "none")
        return tuple(shapes)

    def gradient(self, w: ArrayLike) -> Array:
        """b_k + H_k w."""
        point = self._check_points(np.atleast_2d(w))[0]
        rows, columns = np.triu_indices(self.leaf_count_)
        slope = np.zeros((self.leaf_count_ + len(rows), self.leaf_count_))
        slope[: self.leaf_count_] = np.eye(self.leaf_count_)
        pairs = self.leaf_count_ + np.arange(len(rows))
        np.add.at(slope, (pairs, rows), point[columns])
        np.add.at(slope, (pairs, columns), point[rows])
        return np.asarray(self.coefficients_ @ slope)

    def _hessian(self, coefficients: Array) -> Array:
        rows, columns = np.triu_indices(self.leaf_count_)
        matrix = np.zeros((self.leaf_count_, self.leaf_count_))
        matrix[rows, columns] += coefficients[self.leaf_count_ :]
        matrix[columns, rows] += coefficients[self.leaf_count_ :]
        return matrix

    def _features(self, w: Array) -> Array:
        rows, columns = np.triu_indices(w.shape[1])
        return np.concatenate([w, w[:, rows] * w[:, columns]], axis=1)
