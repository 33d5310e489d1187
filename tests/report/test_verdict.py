"""The verdict, word for word where it matters: noise is called noise first."""

import dataclasses
import math

import numpy as np
import pytest

from olmix.report.findings import Gain
from olmix.report.means import error, mean
from olmix.report.verdict import verdict
from olmix.train.noise import needed
from tests.report.samples import sample


def with_gains(*gains, **changes):
    return dataclasses.replace(sample(), gains=gains, **changes)


def measured(value, error, against="prior"):
    return Gain(against=against, measured=True, value=value, standard_error=error, seeds=3, reference=1.5)


def predicted(value, low, high):
    return Gain(against="prior", measured=False, value=value, interval=(low, high), probability=0.9, reference=1.5)


@pytest.mark.parametrize(
    ("gains", "kind", "begins"),
    [
        ((measured(0.03, 0.01),), "better", "The proposed mixture lowers "),
        ((measured(0.019, 0.01),), "noise", "The difference is within the noise"),
        ((measured(-0.019, 0.01),), "noise", "The difference is within the noise"),
        ((measured(-0.03, 0.01),), "worse", "The proposed mixture is worse"),
        ((predicted(0.03, 0.01, 0.05),), "predicted", "By a law fitted on 24 runs"),
        ((predicted(0.03, -0.001, 0.05),), "predicted noise", "The expected gain is within the noise"),
        ((predicted(0.03, 0.01, 0.05), measured(0.001, 0.01)), "noise", "The difference is within the noise"),
        (
            (dataclasses.replace(measured(0.5, None), seeds=1),),
            "unknown",
            "Nothing can be said about noise with one seed",
        ),
        ((), "unknown", "The laws gave no estimate"),
    ],
)
def test_what_was_trained_outranks_what_was_predicted_and_noise_comes_first(gains, kind, begins):
    answer = verdict(with_gains(*gains))
    assert answer.kind == kind
    assert answer.answer.startswith(begins)


@pytest.mark.parametrize(("seeds", "kind"), [(2, "noise"), (3, "better"), (5, "better")])
def test_fewer_seeds_must_show_more(seeds, kind):
    """3 standard errors are nothing where the error itself comes from two seeds each."""
    answer = verdict(with_gains(dataclasses.replace(measured(0.03, 0.01), seeds=seeds)))
    assert answer.kind == kind
    if seeds == 2:
        assert "3.0 standard errors where 4.3 would tell it from chance" in answer.answer


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_mixtures_that_are_alike_are_told_apart_once_in_twenty(seeds):
    draws = np.random.default_rng(seeds).standard_normal((2, 2000, seeds))
    wrong = 0
    for ours, theirs in zip(*draws.tolist(), strict=True):
        wrong += abs(mean(ours) - mean(theirs)) > needed(seeds) * math.hypot(error(ours), error(theirs))
    assert 0.035 < wrong / 2000 < 0.065  # 0.05, and its standard error is 0.005


def test_the_numbers_are_in_the_sentence():
    answer = verdict(with_gains(measured(0.03, 0.01), measured(0.001, 0.01, against="best")))
    assert "0.030 ± 0.010" in answer.answer
    assert "2.0\u202f%" in answer.answer
    assert "3.0 standard errors" in answer.answer
    assert answer.answer.endswith(
        "against the best variant of the swarm, trained again, the difference is within the noise."
    )


def test_a_better_variant_is_not_kept_quiet():
    answer = verdict(with_gains(measured(0.03, 0.01), measured(-0.03, 0.01, against="best")))
    assert "the best variant of the swarm, trained again, is better still" in answer.answer


def test_a_counterfactual_is_called_one():
    answer = verdict(with_gains(predicted(-0.2, -0.3, -0.1), worst=True))
    assert answer.kind == "counterfactual"
    assert "worse than the prior by 0.200" in answer.answer


def test_the_change_names_what_moves_and_what_is_held():
    findings = sample()
    leaves = tuple(
        dataclasses.replace(leaf, prior=prior, proposed=proposed, cap=cap)
        for leaf, prior, proposed, cap in zip(
            findings.leaves, (0.5, 0.3, 0.2), (0.1, 0.3, 0.6), (1.0, 1.0, 0.6), strict=False
        )
    )
    change = verdict(dataclasses.replace(findings, leaves=leaves)).change
    assert "raises docs:numpy:high from 20.0\u202f% to 60.0\u202f%" in change
    assert "lowers stdlib:code from 50.0\u202f% to 10.0\u202f%" in change
    assert "1 leaf at its cap for a run of 20M tokens (docs:numpy:high)" in change
    same = tuple(dataclasses.replace(leaf, proposed=leaf.prior) for leaf in leaves)
    assert verdict(dataclasses.replace(findings, leaves=same)).change.startswith("It is the prior")


def test_a_prior_that_breaks_the_limits_is_not_called_the_prior():
    answer = verdict(with_gains(measured(0.03, 0.01), prior_moved=True)).answer
    assert "against the feasible mixture nearest to the prior when" in answer
