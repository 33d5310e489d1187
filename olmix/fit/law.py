"""The law: a regression from mixture to metrics, in scikit-learn's manner.

One abstract base, one law per file. A law is a frozen dataclass whose fields are its settings (plain, so that
a config can declare it); `fit` adds what was learned, under names with a trailing underscore. All metrics are
fitted at once. A law knows nothing of names: `weights` is `[n, m]` (runs x leaves), `metrics` is `[n, k]`,
both float64.

Laws are written as JSON, never pickled: `law.to_json()` and `Law.from_json(text)`.
"""

from __future__ import annotations

import abc
import dataclasses
import json
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Self, overload

import numpy as np
from numpy.typing import ArrayLike

from olmix.errors import UserError, nearest
from olmix.fit.checks import Array, Index, check_data, check_sample_weight, data_warnings

Shape = Literal["linear", "convex", "concave", "none"]

_FORMAT = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Law(abc.ABC):
    """Base of all laws: checks, the learned state, and JSON.

    A subclass declares `learned` (the names of its learned attributes: arrays, or plain JSON values) and
    implements `_fit`, `_mean`, `_std` and `gradient`. `warnings_` (strings of the form `name: explanation`)
    says what the data could not support; it is never empty by silence: a law that had to regularise away a
    direction says so.
    """

    learned: ClassVar[tuple[str, ...]] = ()

    # Learned attributes are set on the instance by `_learn`. They are declared as ClassVar because a
    # dataclass would otherwise take them for settings.
    leaf_count_: ClassVar[int]
    metric_count_: ClassVar[int]
    warnings_: ClassVar[tuple[str, ...]]
    noise_: ClassVar[Array]  # [k], standard deviation of a run around the law

    # --- what a user calls ----------------------------------------------------------------------------------

    def fit(self, weights: ArrayLike, metrics: ArrayLike, *, sample_weight: ArrayLike | None = None) -> Self:
        """Fits every metric and returns self.

        Args:
          weights: `[n, m]`, non-negative, rows summing to 1 within 1e-2.
          metrics: `[n, k]` (or `[n]` for a single metric), finite.
          sample_weight: `[n]`, how much each run counts; 0 leaves it out. None: all 1.

        Raises:
          UserError: on other shapes, fewer than two runs, negative or non-finite numbers, rows that are no
            mixtures.
        """
        w, y = check_data(weights, metrics)
        omega = check_sample_weight(sample_weight, w.shape[0])
        counted = omega > 0
        w, y, omega = w[counted], y[counted], omega[counted]
        self._learn(leaf_count_=w.shape[1], metric_count_=y.shape[1], warnings_=data_warnings(w, y))
        self._fit(w, y, omega)
        return self

    def refit(self, weights: ArrayLike, metrics: ArrayLike, sample_weight: ArrayLike) -> Self:
        """Fits `B` times at once with `sample_weight[B, n]` and returns a new law whose arrays have a leading
        axis `B`.

        Call it on a law fitted on the same data: its solution is the start of every refit and its tuned
        settings (ridge, exponents, kernel parameters) are kept, which is what makes 1,000 bootstrap refits a
        matter of seconds.
        """
        self._require_fitted()
        w, y = check_data(weights, metrics)
        omega = np.atleast_2d(np.asarray(sample_weight, dtype=np.float64))
        if omega.shape[1:] != (w.shape[0],) or not np.all(np.isfinite(omega)) or np.any(omega < 0):
            raise UserError(f"sample_weight must be [B, {w.shape[0]}], finite and non-negative; it is {omega.shape}.")
        other = self.clone()
        other._learn(leaf_count_=w.shape[1], metric_count_=y.shape[1], warnings_=self.warnings_)
        other._learn(**self._refit(w, y, omega))
        return other

    @overload
    def predict(self, weights: ArrayLike, return_std: Literal[False] = False) -> Array: ...
    @overload
    def predict(self, weights: ArrayLike, return_std: Literal[True]) -> tuple[Array, Array]: ...
    def predict(self, weights: ArrayLike, return_std: bool = False) -> Array | tuple[Array, Array]:
        """The metrics expected at `weights[n, m]`: `[n, k]` (`[B, n, k]` after `refit`).

        With `return_std`, also the standard deviation of the metric of a *new run* there: what the fit does
        not know plus the noise of a run (`noise_`). The part without the noise is `sqrt(std**2 - noise_**2)`.
        """
        w = self._check_points(weights)
        mean = self._mean(w)
        return (mean, self._std(w)) if return_std else mean

    @abc.abstractmethod
    def gradient(self, w: ArrayLike) -> Array:
        """d metric / d weight at one mixture `w[m]`: `[k, m]` (`[B, k, m]` after `refit`).

        Not projected on the simplex: only differences between leaves have a meaning.
        """

    def held_out(self, w: Array, y: Array, parts: Sequence[Index]) -> tuple[Array, Array]:
        """Mean and std `[n, k]` of every run, by clones fitted without the part of `parts` that the run is
        in.
        """
        mean, std = np.empty_like(y), np.empty_like(y)
        for out in parts:
            kept = np.setdiff1d(np.arange(len(w)), out)
            mean[out], std[out] = self.clone().fit(w[kept], y[kept]).predict(w[out], return_std=True)
        return mean, std

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """For every metric, how the fitted surface bends: the optimiser's licence to call an optimum
        global.
        """
        self._require_fitted()
        shape: Shape = "none"
        return (shape,) * self.metric_count_

    @property
    def is_convex(self) -> bool:
        """Whether every metric is a convex function of the mixture."""
        return all(shape in ("convex", "linear") for shape in self.shapes)

    @property
    def refits_in_batch(self) -> bool:
        """Whether `refit` works."""
        return type(self)._refit is not Law._refit

    @property
    def is_fitted(self) -> bool:
        """Whether `fit` has been called."""
        return "warnings_" in self.__dict__

    def clone(self) -> Self:
        """The same settings, nothing learned."""
        return dataclasses.replace(self)

    def to_json(self) -> str:
        """The settings and everything learned as JSON text; reading it back gives the same predictions bit
        for bit.
        """
        return json.dumps(self.to_dict(), allow_nan=False)

    def to_dict(self) -> dict[str, Any]:
        """What `to_json` writes."""
        self._require_fitted()
        learned = {name: _plain(getattr(self, name)) for name in (*_COMMON, *self.learned)}
        return {"format": _FORMAT, "law": type(self).__name__, **_settings(self), "learned": learned}

    @staticmethod
    def from_json(text: str) -> Law:
        """The fitted law that `to_json` wrote.

        Raises:
          UserError: if the text is no law, or one of an unknown kind.
        """
        try:
            return Law.from_dict(json.loads(text))
        except json.JSONDecodeError as error:
            raise UserError(f"This is no law: it is not JSON ({error}).") from error

    @staticmethod
    def from_dict(data: dict[str, Any]) -> Law:
        """The fitted law that `to_dict` wrote."""
        if not isinstance(data, dict) or data.get("format") != _FORMAT or "law" not in data:
            raise UserError(f"This is no law written by this version (format {_FORMAT}).")
        cls = _law_class(data["law"])
        law = cls(**{name: _unplain(value) for name, value in data["settings"].items()})
        law._learn(**{name: _unplain(value) for name, value in data["learned"].items()})
        return law

    # --- what a law implements ------------------------------------------------------------------------------

    @abc.abstractmethod
    def _fit(self, w: Array, y: Array, omega: Array) -> None:
        """Learns from checked data: `w[n, m]`, `y[n, k]`, `omega[n]` above 0."""

    @abc.abstractmethod
    def _mean(self, w: Array) -> Array:
        """`[n, k]` at `w[n, m]`."""

    @abc.abstractmethod
    def _std(self, w: Array) -> Array:
        """`[n, k]`, noise included."""

    def _refit(self, w: Array, y: Array, omega: Array) -> dict[str, Any]:
        """The learned attributes of `refit`, each array with a leading axis."""
        raise UserError(f"{type(self).__name__} cannot be refitted in a batch; use LogLinear, EffectiveData or Linear.")

    # --- helpers of laws ------------------------------------------------------------------------------------

    def _learn(self, **values: Any) -> None:
        # The settings are frozen; what was learned is set here and nowhere else.
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _warn(self, warning: str) -> None:
        self._learn(warnings_=(*self.warnings_, warning))

    def _repeated(self, times: int) -> dict[str, Any]:
        """Everything learned, each array with a leading axis: what `_refit` does not change."""
        learned = {name: np.asarray(getattr(self, name)) for name in self.learned}
        return {name: np.broadcast_to(array, (times, *array.shape)) for name, array in learned.items()}

    def _require_fitted(self) -> None:
        if not self.is_fitted:
            raise UserError(f"This {type(self).__name__} has not been fitted; call fit(weights, metrics) first.")

    def _check_points(self, weights: ArrayLike) -> Array:
        self._require_fitted()
        w = np.asarray(weights, dtype=np.float64)
        if w.ndim != 2 or w.shape[1] != self.leaf_count_:
            raise UserError(f"weights must be [n, {self.leaf_count_}], as in the fit; it is {list(w.shape)}.")
        return w


_COMMON = ("leaf_count_", "metric_count_", "warnings_")


def _subclasses(cls: type[Law]) -> list[type[Law]]:
    direct: list[type[Law]] = cls.__subclasses__()
    return [law for sub in direct for law in (sub, *_subclasses(sub))]


def _plain(value: Any) -> Any:
    if isinstance(value, Law):
        return {"law": value.to_dict()} if value.is_fitted else {"unfitted": type(value).__name__, **_settings(value)}
    if isinstance(value, np.ndarray):
        return {"array": _without_nan(value.tolist()), "shape": list(value.shape)}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _unplain(value: Any) -> Any:
    if isinstance(value, dict) and "law" in value:
        return Law.from_dict(value["law"])
    if isinstance(value, dict) and "unfitted" in value:
        return _law_class(value["unfitted"])(**{k: _unplain(v) for k, v in value["settings"].items()})
    if isinstance(value, dict) and "array" in value:
        array = np.array(value["array"])
        array = array.astype(np.float64) if array.dtype == object or array.size == 0 else array  # None becomes NaN
        return array.reshape(value["shape"])
    if isinstance(value, list):
        return tuple(_unplain(item) for item in value)
    return value


def _settings(law: Law) -> dict[str, Any]:
    return {"settings": {field.name: _plain(getattr(law, field.name)) for field in dataclasses.fields(law)}}


def _without_nan(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and value != value else value


def _law_class(name: str) -> type[Law]:
    import olmix.fit

    for public in olmix.fit.__all__:  # loads every law that ships
        getattr(olmix.fit, public)
    known = {cls.__name__: cls for cls in _subclasses(Law)}  # type: ignore[type-abstract]
    if name not in known:
        raise UserError(f"Unknown law {name!r}{nearest(name, known)}; a law of your own must be imported first.")
    return known[name]
