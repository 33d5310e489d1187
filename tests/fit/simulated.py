"""Simulated swarms: known truths of other sizes, shapes and scales than any published set."""

from __future__ import annotations

import numpy as np

from olmix.fit.law import Array


def mixtures(runs: int, leaves: int, seed: int, concentration: float = 1.0) -> Array:
    return np.random.default_rng(seed).dirichlet(np.full(leaves, concentration), runs)


def effective_data_truth(leaves: int, metrics: int, seed: int, scale: float = 1.0):
    """y = scale * (E + (eps + sum_j s_j w_j^beta)^-alpha), each metric served by few leaves."""
    rng = np.random.default_rng(seed)
    share = rng.gamma(0.5, 1.0, (metrics, leaves))
    beta, alpha = rng.uniform(0.4, 1.0, metrics), rng.uniform(0.2, 0.8, metrics)
    floor = rng.uniform(1.0, 3.0, metrics)

    def truth(w: Array) -> Array:
        inner = 0.05 + np.einsum("kj,nkj->nk", share, w[:, None, :] ** beta[:, None])
        return scale * (floor + inner ** (-alpha))

    return truth


def log_linear_truth(leaves: int, metrics: int, seed: int, scale: float = 1.0):
    rng = np.random.default_rng(seed)
    slopes, floor = rng.normal(0, 1.0, (metrics, leaves)), rng.uniform(1.0, 3.0, metrics)
    return lambda w: scale * (floor + np.exp(w @ slopes.T))


def degenerate_swarms() -> dict[str, tuple[Array, Array]]:
    """Data that break naive fits; each must give a finite fit and a named warning (the key, before any
    `/`).
    """
    w = mixtures(24, 5, seed=1)
    y = log_linear_truth(5, 3, seed=2)(w) + np.random.default_rng(3).normal(0, 0.01, (24, 3))
    still = np.insert(w * 0.9, 2, 0.1, axis=1)
    few = mixtures(8, 20, seed=4)
    constant = y.copy()
    constant[:, 1] = 2.5
    zero = y.copy()
    zero[:, 0] = 0.0
    line = np.stack([np.linspace(0, 1, 12), 1 - np.linspace(0, 1, 12)], axis=1) @ mixtures(2, 4, seed=5)
    return {
        "never-varied-leaf": (still, y),
        "never-varied-leaf/absent": (np.insert(w, 1, 0.0, axis=1), y),
        "fewer-runs-than-leaves": (few, log_linear_truth(20, 2, seed=6)(few)),
        "fewer-runs-than-leaves/two": (w[:2], y[:2]),
        "constant-metric": (w, constant),
        "constant-metric/zero": (w, zero),
        "duplicate-rows": (np.concatenate([w, w[:6]]), np.concatenate([y, y[:6] + 0.01])),
        "duplicate-rows/all": (np.repeat(w[:1], 10, axis=0), y[:10]),
        "rank-deficient-design": (line, y[:12]),
        "shifted-metric": (w, y - 3.0),
        "fewer-runs-than-leaves/huge": (few, 1e6 * log_linear_truth(20, 2, seed=6)(few)),
        "fewer-runs-than-leaves/tiny": (few, 1e-6 * log_linear_truth(20, 2, seed=6)(few)),
    }
