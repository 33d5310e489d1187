"""The objective: weights normalised, families averaged, mistakes named."""

from __future__ import annotations

import numpy as np
import pytest

from olmix.errors import UserError
from olmix.fit.propose_objective import objective

METRICS = ("math-a", "math-b", "code", "qa")
VALUES = np.array([[1.0, 2.0, 3.0, 0.5], [1.2, 2.0, 5.0, 0.7], [1.4, 2.0, 4.0, 0.9]])
FAMILIES = {"math": ("math-a", "math-b")}


def coefficients(*args, **more):
    return objective(METRICS, VALUES, *args, **more).coefficients


def test_weights_are_normalised():
    """The peer's strength of KL changes when all weights double."""
    assert coefficients({"code": 2.0, "qa": 6.0}) == pytest.approx([0, 0, 0.25, 0.75])
    assert np.array_equal(coefficients({"code": 2.0, "qa": 6.0}), coefficients({"code": 20.0, "qa": 60.0}))
    assert coefficients() == pytest.approx([0.25] * 4)


def test_families_share_their_weight_evenly():
    assert coefficients({"math": 1.0, "code": 1.0}, families=FAMILIES) == pytest.approx([0.25, 0.25, 0.5, 0])
    assert coefficients(families=FAMILIES, average_families=True) == pytest.approx([1 / 6, 1 / 6, 1 / 3, 1 / 3])


def test_growing_metrics_enter_with_a_minus_sign():
    assert coefficients({"code": 1.0, "qa": 1.0}, maximise=("qa",)) == pytest.approx([0, 0, 0.5, -0.5])


def test_standardised_metrics_count_in_units_of_their_spread():
    goal = objective(METRICS, VALUES, standardise=True)
    spread = VALUES.std(0)
    assert goal.coefficients == pytest.approx([0.25 / spread[0], 0, 0.25 / spread[2], 0.25 / spread[3]])
    assert goal.warnings == ("constant-metric: math-b does not vary over the runs and is left out of the objective",)


@pytest.mark.parametrize(
    ("weights", "more", "words"),
    [
        ({"cod": 1.0}, {}, "nearest: code"),  # a dropped or misspelt metric with a weight crashes the peer
        ({"code": -1.0}, {}, "maximise"),
        ({"code": 0.0}, {}, "all 0"),
        ({"code": float("nan")}, {}, "finite"),
        (None, {"maximise": ("qaa",)}, "nearest: qa"),
        (None, {"families": {"math": ("math-c",)}}, "names 'math-c'"),
        (None, {"families": {"code": ("qa",)}}, "name of a metric"),
        ({"math-b": 1.0}, {"standardise": True}, "nothing to optimise"),
    ],
)
def test_mistakes(weights, more, words):
    with pytest.raises(UserError, match=words):
        objective(METRICS, VALUES, weights, **more)
