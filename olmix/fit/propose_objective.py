"""The objective of a proposal: which metrics count, how much, and in which direction.

Weights are normalised to sum to 1, so that doubling all of them changes nothing, and above all not the strength of the
KL term beside them. A family is a named list of metrics; its weight goes to their mean. A metric that should grow
enters with a minus sign, so that smaller is always better.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np

from olmix.errors import UserError, candidates
from olmix.fit.checks import Array


@dataclasses.dataclass(frozen=True, kw_only=True)
class Objective:
    """`coefficients[k]` . metrics, to be minimised; `warnings` say which metrics were left out and why."""

    metrics: tuple[str, ...]
    coefficients: Array
    warnings: tuple[str, ...] = ()


def objective(
    metrics: Sequence[str],
    values: Array,
    weights: Mapping[str, float] | None = None,
    *,
    families: Mapping[str, Sequence[str]] | None = None,
    average_families: bool = False,
    maximise: Sequence[str] = (),
    standardise: bool = False,
) -> Objective:
    """The objective over `metrics`, whose observed `values` are [n, k].

    `weights` name metrics or families; without any, all metrics count the same, or with `average_families` all families
    and all metrics in no family. `standardise` divides every metric by its standard deviation over the runs.
    """
    families = dict(families or {})
    known = [*metrics, *families]
    for family, members in families.items():
        if family in metrics:
            raise UserError(f"The family {family!r} has the name of a metric; give it another.")
        if not members:
            raise UserError(f"The family {family!r} has no metrics.")
        for name in members:
            if name not in metrics:
                raise UserError(f"The family {family!r} names {name!r}, which no run has{candidates(name, metrics)}.")
    for name in maximise:
        if name not in known:
            raise UserError(
                f"maximise names {name!r}, which is neither a metric nor a family{candidates(name, known)}."
            )
    if not weights:
        inside = {name for members in families.values() for name in members} if average_families else set()
        weights = {name: 1.0 for name in (*metrics, *(families if average_families else ())) if name not in inside}
    total = 0.0
    share = dict.fromkeys(metrics, 0.0)
    for name, weight in weights.items():
        if name not in known:
            raise UserError(
                f"The objective weighs {name!r}, which is neither a metric of the runs nor a family{candidates(name, known)}."
            )
        if not (math.isfinite(weight) and weight >= 0):
            raise UserError(
                f"The objective's weight of {name!r} is {weight}; weights are finite and not negative"
                " (name metrics that should grow in `maximise`)."
            )
        total += weight
        members = families.get(name, (name,))
        for member in members:
            share[member] += weight / len(members)
    if total <= 0:
        raise UserError("The objective's weights are all 0.")
    grows = {member for name in maximise for member in families.get(name, (name,))}
    coefficients = np.array([share[name] / total * (-1 if name in grows else 1) for name in metrics])
    warnings = []
    if standardise:
        spread = np.std(np.asarray(values, dtype=float), axis=0)
        flat = spread <= 1e-12 * np.maximum(np.abs(values).max(0), 1e-300)
        for k in np.flatnonzero(flat & (coefficients != 0)):
            warnings.append(
                f"constant-metric: {metrics[k]} does not vary over the runs and is left out of the objective"
            )
        coefficients = np.where(flat, 0.0, coefficients / np.where(flat, 1.0, spread))
        if not coefficients.any():
            raise UserError("No metric of the objective varies over the runs, so there is nothing to optimise.")
    return Objective(metrics=tuple(metrics), coefficients=coefficients, warnings=tuple(warnings))
