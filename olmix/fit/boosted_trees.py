"""BoostedTrees: LightGBM with RegMix's settings (Liu et al. 2024), without its leak.

RegMix stops boosting early on the test mixtures on which it then reports its correlations. Here the number of
trees comes from cross-validation of the runs given, and all of them are then used. Trees need hundreds of
runs, cannot extrapolate, and their surface is a staircase: an optimiser finds ties.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from olmix.fit.checks import Index
from olmix.fit.law import Array, Law

#: A staircase has no slope; `gradient` is the mean slope over so much weight to each side.
_STEP = 0.02
_FEWEST_RUNS = 8


@dataclasses.dataclass(frozen=True, kw_only=True)
class BoostedTrees(Law):
    """One LightGBM regressor per metric.

    Settings:
      learning_rate, leaves, most_trees: as in RegMix (0.01, LightGBM's 31, 1,000).
      patience: boosting stops in a fold when the held-out error has not fallen for so many trees.
      folds, seed: of the cross-validation that chooses the number of trees.

    Learned: `models_[k]` (LightGBM's text format), `trees_[k]`, `noise_[k]` (error of left-out runs).
    """

    learning_rate: float = 0.01
    leaves: int = 31
    most_trees: int = 1000
    patience: int = 50
    folds: int = 5
    seed: int = 42

    learned: ClassVar[tuple[str, ...]] = ("models_", "trees_", "noise_")
    models_: ClassVar[tuple[str, ...]]
    trees_: ClassVar[Array]

    def gradient(self, w: ArrayLike) -> Array:
        """Mean slopes over +-0.02 around `w`."""
        point = np.asarray(w, dtype=np.float64)
        self._check_points(point[None])
        steps = _STEP * np.eye(self.leaf_count_)
        return (self._mean(point + steps) - self._mean(point - steps)).T / (2 * _STEP)

    def _mean(self, w: Array) -> Array:
        return np.stack([booster.predict(w) for booster in self._boosters()], axis=1)

    def _std(self, w: Array) -> Array:
        return np.broadcast_to(self.noise_, (len(w), self.metric_count_)).copy()

    def _boosters(self) -> list[Any]:
        import lightgbm

        if "_loaded" not in self.__dict__:
            self._learn(_loaded=[lightgbm.Booster(model_str=text) for text in self.models_])
        loaded: list[Any] = self.__dict__["_loaded"]
        return loaded

    def _fit(self, w: Array, y: Array, omega: Array) -> None:
        import lightgbm

        self.__dict__.pop("_loaded", None)
        parameters = {
            "objective": "regression",
            "metric": "l2",
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "seed": self.seed,
            "deterministic": True,
            "num_threads": 1,
            "verbosity": -1,
            # With fewer runs than LightGBM's default leaf of 20 asks for, no tree would ever split.
            "min_data_in_leaf": int(np.clip(len(w) // 10, 1, 20)),
        }
        if len(w) < _FEWEST_RUNS:
            self._warn(f"too-few-runs: {len(w)} runs are too few for trees; they predict little but the mean")
        fold = self._folds(w)
        models, trees, noise = [], [], []
        for k in range(y.shape[1]):
            errors, best = np.zeros(len(w)), []
            for f in np.unique(fold):
                kept = fold != f
                train = lightgbm.Dataset(w[kept], y[kept, k], weight=omega[kept])
                held_out = lightgbm.Dataset(w[~kept], y[~kept, k], weight=omega[~kept], reference=train)
                stop = lightgbm.early_stopping(self.patience, verbose=False)
                booster = lightgbm.train(parameters, train, self.most_trees, valid_sets=[held_out], callbacks=[stop])
                best.append(booster.best_iteration)
                errors[~kept] = y[~kept, k] - booster.predict(w[~kept], num_iteration=booster.best_iteration)
            count = max(1, round(float(np.mean(best))))
            final = lightgbm.train(parameters, lightgbm.Dataset(w, y[:, k], weight=omega), count)
            models.append(final.model_to_string())
            trees.append(count)
            noise.append(float(np.sqrt(omega @ errors**2 / omega.sum())))
        self._learn(models_=tuple(models), trees_=np.array(trees), noise_=np.array(noise))

    def _folds(self, w: Array) -> Index:
        """The fold of each run; runs with the same mixture share one, or a duplicate would tell the trees the answer."""
        fold = np.random.default_rng(self.seed).permutation(len(w)) % min(self.folds, len(w))
        _, first, group = np.unique(w, axis=0, return_index=True, return_inverse=True)
        shared = fold[first][group.reshape(-1)]
        return shared if np.ptp(shared) else fold
