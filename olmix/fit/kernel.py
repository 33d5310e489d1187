"""The kernel of `GaussianProcess` on mixtures, and its marginal likelihood with the analytic gradient.

    k(w, w') = amplitude * matern52(r) + linear * <x, x'> + constant,   r^2 = sum_j ((x_j - x'_j) /
    length_j)^2 x_j = ((w_j + offset)^power - offset^power) / power

The warp is a Box-Cox transform of the weight: power 1 leaves it, power to 0 makes it log(1 + w/offset). Both
ends occur: what a tenth more of a source does depends on how much there was. `<x, x'>` is taken over the
scaled inputs. The constant is the marginalised mean. Parameters theta[m + 5] = (log lengths, log amplitude,
log noise, log linear, power, log offset).

All derivatives by lengths come from two matrix products instead of m distance matrices:
sum_ab G_ab (x_aj - x_bj)^2 = 2 * (x_j^2)' G 1 - 2 * x_j' G x_j for symmetric G.
Source: Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), eq. 4.17 and 5.9.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from olmix.fit.checks import Array

#: Variance of the prior on the mean, in units of the target's variance: as good as unknown.
_CONSTANT = 100.0
_JITTER = 1e-8
_ROOT5 = float(np.sqrt(5.0))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Prior:
    """Independent Gaussian priors on theta, and its bounds; the same for every metric and every data set."""

    centre: Array
    precision: Array
    bounds: tuple[tuple[float, float], ...]

    @staticmethod
    def for_leaves(leaves: int) -> Prior:
        """Weak priors: lengths about the spread of the inputs, noise a hundredth of the variance, power about
        0.3.
        """
        rows = [(0.5, 0.05, -4.0, 7.0)] * leaves
        rows += [(0.0, 0.01, -6.0, 6.0), (float(np.log(1e-2)), 0.05, -14.0, 2.0), (0.0, 0.05, -8.0, 6.0)]
        rows += [(0.3, 2.0, 0.02, 1.0), (float(np.log(3e-3)), 0.3, float(np.log(1e-5)), float(np.log(0.3)))]
        centre, precision = np.array([row[:2] for row in rows]).T
        return Prior(centre=centre, precision=precision, bounds=tuple(row[2:] for row in rows))


def warp(w: Array, theta: Array) -> Array:
    """The scaled inputs x / length, `[n, m]`."""
    leaves = w.shape[1]
    power, offset = theta[leaves + 3], np.exp(theta[leaves + 4])
    x = (np.exp(power * np.log(np.maximum(w, 0) + offset)) - offset**power) / power
    return np.asarray(x * np.exp(-theta[:leaves]))


def warp_slope(w: Array, theta: Array) -> Array:
    """d (x / length) / d w, elementwise."""
    leaves = w.shape[-1]
    power, offset = theta[leaves + 3], np.exp(theta[leaves + 4])
    return np.asarray((np.maximum(w, 0) + offset) ** (power - 1) * np.exp(-theta[:leaves]))


def covariance(a: Array, b: Array, theta: Array, leaves: int) -> Array:
    """`[na, nb]` between scaled inputs `a[na, m]` and `b[nb, m]`, without noise."""
    squared = np.maximum((a * a).sum(1)[:, None] + (b * b).sum(1) - 2 * a @ b.T, 0)
    distance = np.sqrt(squared)
    matern = (1 + _ROOT5 * distance + 5 / 3 * squared) * np.exp(-_ROOT5 * distance)
    return np.asarray(np.exp(theta[leaves]) * matern + np.exp(theta[leaves + 2]) * (a @ b.T) + _CONSTANT)


def covariance_slope(a: Array, b: Array, theta: Array, leaves: int) -> Array:
    """d covariance(a, b) / d a at one scaled input `a[m]`: `[nb, m]`."""
    distance = np.sqrt(((a - b) ** 2).sum(1))
    by_squared = -(5 / 6) * (1 + _ROOT5 * distance) * np.exp(-_ROOT5 * distance)
    matern = 2 * by_squared[:, None] * (a - b)
    return np.asarray(np.exp(theta[leaves]) * matern + np.exp(theta[leaves + 2]) * b)


def noisy(w: Array, theta: Array, omega: Array) -> Array:
    """`[n, n]`: the covariance of the runs, each with its noise / omega."""
    x = warp(w, theta)
    matrix = covariance(x, x, theta, w.shape[1])
    matrix[np.diag_indices(len(w))] += np.exp(theta[w.shape[1] + 1]) / omega + _JITTER
    return matrix


def negative_evidence(theta: Array, w: Array, z: Array, omega: Array, prior: Prior) -> tuple[float, Array]:
    """-log p(z | theta) - log p(theta) up to a constant, and its gradient `[m + 5]`; z standardised,
    `[n]`.
    """
    from scipy.linalg import lapack

    leaves = w.shape[1]
    amplitude, noise, linear = np.exp(theta[leaves : leaves + 3])
    x = warp(w, theta)
    squares = (x * x).sum(1)
    inner = x @ x.T
    squared = np.maximum(squares[:, None] + squares - 2 * inner, 0)
    distance = np.sqrt(squared)
    decay = np.exp(-_ROOT5 * distance)
    matern = (1 + _ROOT5 * distance + 5 / 3 * squared) * decay
    matrix = amplitude * matern + linear * inner + _CONSTANT
    matrix[np.diag_indices(len(w))] += noise / omega + _JITTER
    factor, failed = lapack.dpotrf(matrix, lower=1, clean=1, overwrite_a=1)
    if failed:
        return 1e12, np.zeros_like(theta)
    dual, _ = lapack.dpotrs(factor, z, lower=1)
    away = theta - prior.centre
    value = 0.5 * z @ dual + np.log(np.diag(factor)).sum() + 0.5 * (prior.precision * away**2).sum()

    inverse, _ = lapack.dpotri(factor, lower=1, overwrite_c=1)
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    by_matrix = 0.5 * (inverse - np.outer(dual, dual))
    by_squared = by_matrix * (-(5 / 6) * amplitude) * (1 + _ROOT5 * distance) * decay
    sums, towards = by_squared.sum(1), by_squared @ x
    linear_towards = by_matrix @ x
    gradient = np.empty_like(theta)
    products = (x * linear_towards).sum(0)
    gradient[:leaves] = -4 * (sums @ (x * x) - (x * towards).sum(0)) - 2 * linear * products
    gradient[leaves] = amplitude * (by_matrix * matern).sum()
    gradient[leaves + 1] = noise * (np.diag(by_matrix) / omega).sum()
    gradient[leaves + 2] = linear * products.sum()
    for position, slope in zip((leaves + 3, leaves + 4), _warp_derivatives(w, theta), strict=True):
        pull = 4 * ((sums[:, None] * x * slope).sum() - (slope * towards).sum())
        gradient[position] = pull + 2 * linear * (slope * linear_towards).sum()
    return float(value), gradient + prior.precision * away


def _warp_derivatives(w: Array, theta: Array) -> tuple[Array, Array]:
    """Derivatives of `warp` by the power and by the log offset."""
    leaves = w.shape[1]
    power, log_offset = theta[leaves + 3], theta[leaves + 4]
    offset, inverse_length = np.exp(log_offset), np.exp(-theta[:leaves])
    log = np.log(np.maximum(w, 0) + offset)
    here, at_zero = np.exp(power * log), np.exp(power * log_offset)
    by_power = (here * log - at_zero * log_offset) / power - (here - at_zero) / power**2
    by_offset = offset * (here / (np.maximum(w, 0) + offset) - at_zero / offset)
    return by_power * inverse_length, by_offset * inverse_length
