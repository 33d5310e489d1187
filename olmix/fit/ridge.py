"""Linear regression with a ridge chosen by generalised cross-validation, for all metrics at once.

With X = U S V' (one decomposition for all), the prediction under ridge r is U diag(s^2 / (s^2 + r)) U' y, so
every ridge on a grid costs one product. GCV picks the smallest n * |y - y_r|^2 / (n - trace)^2. Source:
Golub, Heath, Wahba (1979).
"""

from __future__ import annotations

import dataclasses

import numpy as np

from olmix.fit.checks import Array
from olmix.fit.scaling import spread

#: Ridges tried, in units of the largest squared singular value.
RIDGES = tuple(10.0 ** np.arange(-9, 1.5, 0.5))


@dataclasses.dataclass(frozen=True, kw_only=True)
class RidgeFit:
    """`coefficients[k, f]` on centred features, `centre[f]`, `intercept[k]`, `ridge[k]`, `noise[k]`,
    `covariance[k, f, f]`.
    """

    coefficients: Array
    centre: Array
    intercept: Array
    ridge: Array
    noise: Array
    covariance: Array


def fit_ridge(features: Array, y: Array, omega: Array, ridge: float | None) -> RidgeFit:
    """Fits `y[n, k]` on `features[n, f]` with an unpenalised intercept; `ridge` None chooses it per
    metric.
    """
    total = omega.sum()
    centre, mean = omega @ features / total, omega @ y / total
    root = np.sqrt(omega)[:, None]
    u, s, vt = np.linalg.svd(root * (features - centre), full_matrices=False)
    kept = s > 1e-10 * max(s[0], 1e-300)
    u, s, vt = u[:, kept], s[kept], vt[kept]
    target = root * (y - mean)
    along = u.T @ target
    rest = np.sum(target**2, axis=0) - np.sum(along**2, axis=0)
    runs = int(np.count_nonzero(omega))
    top = s[0] ** 2 if s.size else 1.0
    tried = np.array(RIDGES if ridge is None else (ridge,)) * top
    score, misfit = np.empty((len(tried), y.shape[1])), np.empty((len(tried), y.shape[1]))
    for i, strength in enumerate(tried):
        shrink = strength / (s**2 + strength)
        misfit[i] = np.maximum(rest, 0) + np.sum((shrink[:, None] * along) ** 2, axis=0)
        freedom = max(runs - 1 - np.sum(1 - shrink), 1e-3 * runs)
        score[i] = misfit[i] / freedom**2
    best = np.argmin(score, axis=0)
    coefficients = np.empty((y.shape[1], features.shape[1]))
    covariance = np.empty((y.shape[1], features.shape[1], features.shape[1]))
    noise = np.empty(y.shape[1])
    believed = spread(y, omega)
    for k, i in enumerate(best):
        coefficients[k] = (s / (s**2 + tried[i]) * along[:, k]) @ vt
        freedom = max(runs - 1 - np.sum(s**2 / (s**2 + tried[i])), 0.05 * runs)
        noise[k] = np.sqrt(misfit[i, k] / freedom * runs / total)  # of a run, whatever the unit of the weights
        # Directions that the runs do not show are as uncertain as the metric is wide, per unit of feature.
        hidden = np.eye(len(centre)) - vt.T @ vt
        known = (vt.T * (noise[k] ** 2 / (s**2 + tried[i]))) @ vt
        covariance[k] = known + hidden * believed[k] ** 2
    return RidgeFit(
        coefficients=coefficients,
        centre=centre,
        intercept=mean,
        ridge=tried[best],
        noise=noise,
        covariance=covariance,
    )


def refit_ridge(features: Array, y: Array, omega: Array, ridge: Array) -> tuple[Array, Array, Array]:
    """`coefficients[B, k, f]`, `centre[B, f]` and `intercept[B, k]` under sample weights `omega[B, n]`,
    ridges kept.
    """
    total = omega.sum(axis=1, keepdims=True)
    centre, mean = omega @ features / total, omega @ y / total
    moment = np.einsum("bn,nf,ng->bfg", omega, features, features, optimize=True)
    moment -= total[:, :, None] * centre[:, :, None] * centre[:, None, :]
    cross = np.einsum("bn,nf,nk->bfk", omega, features, y, optimize=True)
    cross -= total[:, :, None] * centre[:, :, None] * mean[:, None, :]
    size = np.eye(features.shape[1])
    columns = [
        np.linalg.solve(moment + max(r, 1e-12) * size, cross[:, :, k, None])[..., 0] for k, r in enumerate(ridge)
    ]
    return np.stack(columns, axis=1), centre, mean
