"""The feasible set: construction, membership, linear programs, projections, and what an empty set says."""

from __future__ import annotations

import dataclasses

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from olmix.errors import UserError
from olmix.mix.feasible import FeasibleSet
from olmix.mix.limits import chinchilla_multiple, feasible_set, leaves_below, prior_from
from tests.mix.sets import box, group

TOKENS = {"web:code": 500, "web:sci": 300, "arxiv": 100, "wiki": 50}


def random_set(seed: int, rows: bool) -> FeasibleSet:
    generator = np.random.default_rng(seed)
    n = int(generator.integers(3, 12))
    inside = generator.dirichlet(np.ones(n))
    lower = inside * generator.uniform(0, 1, n) * (generator.random(n) < 0.5)
    upper = np.minimum(inside * generator.uniform(1.01, 4, n), 1)
    limits = []
    if rows:
        for k in range(int(generator.integers(1, 4))):
            members = np.flatnonzero(generator.random(n) < 0.5)
            if len(members) > 1:
                total = inside[members].sum()
                tight = generator.random() < 0.3
                limits.append(
                    group(
                        f"g{k}", members.tolist(), total * (1 if tight else 0.9), min(1, total * (1 if tight else 1.1))
                    )
                )
    return box(upper, lower, inside, limits=limits)


def test_caps_are_repetition_times_tokens_over_target():
    feasible = feasible_set(
        TOKENS, target_tokens=1000, repetition_limit=2, repetition_limits={"web": 1.5, "web:sci": 1}
    )
    assert feasible.upper == pytest.approx((0.75, 0.3, 0.2, 0.1))
    assert feasible.prior == pytest.approx((500 / 950, 300 / 950, 100 / 950, 50 / 950))
    assert feasible.largest_tokens == 750 + 300 + 200 + 100
    assert feasible.repetitions([0.75, 0.05, 0.1, 0.1]) == pytest.approx([1.5, 1 / 6, 1.0, 2.0])
    assert feasible.contains([0.7, 0.1, 0.1, 0.1])
    assert feasible.breaches([0.76, 0.04, 0.1, 0.1]) == ["web:code weighs 0.76, more than its cap 0.75"]


def test_a_set_survives_json():
    feasible = feasible_set(TOKENS, target_tokens=400, repetition_limit=4, at_least={"web": 0.2}, parameters=10)
    again = msgspec.json.decode(msgspec.json.encode(feasible), type=FeasibleSet)
    assert again == feasible
    assert chinchilla_multiple(again, 400) == 2.0


def test_no_target_means_no_caps():
    feasible = feasible_set({"a": 5, "b": 7})
    assert feasible.upper == (1.0, 1.0)
    with pytest.raises(UserError, match="target_tokens"):
        feasible.repetitions([0.5, 0.5])


def test_target_equal_to_all_tokens_leaves_the_prior_alone():
    feasible = feasible_set(TOKENS, target_tokens=950)
    assert feasible.contains(feasible.prior)
    assert feasible.project([1, 0, 0, 0]) == pytest.approx(feasible.prior)


def test_shortage_names_leaves_shortfall_and_largest_run():
    with pytest.raises(UserError) as caught:
        feasible_set(TOKENS, target_tokens=1400, repetition_limit=4, at_least={"wiki": 0.3}, parameters=10)
    message = str(caught.value)
    assert "wiki (50 tokens x 4" in message
    assert "web" not in message.split("bind")[0]  # only wiki stands in the way
    assert "220 tokens" in message  # 0.3 * 1400 - 200
    assert "666 tokens" in message  # 200 / 0.3
    assert "Chinchilla multiple 3.33" in message


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.floats(0.2, 5.0))
def test_largest_run_is_the_boundary(seed, stretch):
    generator = np.random.default_rng(seed)
    tokens = {f"{'ab'[i % 2]}:{i}": int(generator.integers(10_000, 1_000_000)) for i in range(6)}
    shares = {"at_least": {"a": 0.6}} if seed % 2 else {}
    largest = feasible_set(tokens, repetition_limit=stretch, **shares).largest_tokens
    assert feasible_set(tokens, target_tokens=largest, repetition_limit=stretch, **shares).is_feasible
    with pytest.raises(UserError, match="largest feasible training run"):
        feasible_set(tokens, target_tokens=largest + 2, repetition_limit=stretch, **shares)


def test_contradicting_shares_are_named_and_no_others():
    with pytest.raises(UserError) as caught:
        feasible_set(TOKENS, at_least={"wiki": 0.5, "web": 0.7}, at_most={"arxiv": 0.05})
    assert "wiki at least 0.5; web at least 0.7" in str(caught.value)
    assert "arxiv" not in str(caught.value)


def test_fixed_shares_of_a_source_and_within_it():
    feasible = feasible_set(TOKENS, fixed={"wiki": 0.2}, fixed_within={"web": {"code": 0.25, "sci": 0.75}})
    w = feasible.project([0.9, 0.0, 0.1, 0.0])
    assert w[3] == pytest.approx(0.2)
    assert w[0] == pytest.approx(w[1] / 3)
    with pytest.raises(UserError, match=r"sum to 0\.9"):
        feasible_set(TOKENS, fixed_within={"web": {"code": 0.25, "sci": 0.65}})


@pytest.mark.parametrize(
    ("settings_", "words"),
    [
        ({"at_most": {"wikki": 0.5}}, "nearest: wiki"),
        ({"repetition_limits": {"webb": 2.0}}, "nearest: web"),
        ({"fixed": {"wiki": 1.5}}, "between 0 and 1"),
        ({"repetition_limit": 0.0}, "above 0"),
        ({"target_tokens": 0}, "at least one token"),
        ({"prior": {"web": 1.0}}, "no weight for arxiv, wiki"),
        ({"prior": {"web": 1.0, "web:code": 1.0, "arxiv": 1.0, "wiki": 1.0}}, "twice"),
    ],
)
def test_mistakes(settings_, words):
    with pytest.raises(UserError, match=words):
        feasible_set(TOKENS, **settings_)


def test_names_of_nodes_do_not_match_prefixes_of_words():
    assert leaves_below("web", ["web:a", "website", "web"]) == [0, 2]


def test_prior_given_by_node_is_shared_by_tokens():
    assert prior_from(TOKENS, {"web": 0.8, "arxiv": 0.1, "wiki": 0.1})["web:code"] == pytest.approx(0.5)


@settings(max_examples=60)
@given(st.integers(0, 100_000), st.booleans())
def test_maximum_agrees_with_a_linear_program(seed, rows):
    from scipy.optimize import linprog

    feasible = random_set(seed, rows)
    c = np.random.default_rng(seed).normal(size=len(feasible.leaves))
    value, w = feasible.maximum(c)
    lower, upper, matrix, low, high = feasible.arrays
    more = {"A_ub": np.concatenate([matrix, -matrix]), "b_ub": np.concatenate([high, -low])} if len(matrix) else {}
    reference = linprog(
        -c, A_eq=np.ones((1, len(c))), b_eq=[1], bounds=np.stack([lower, upper], 1), method="highs-ipm", **more
    )
    assert feasible.contains(w)
    assert value == pytest.approx(-reference.fun, abs=1e-8)


@settings(max_examples=60)
@given(st.integers(0, 100_000), st.booleans())
def test_projections_satisfy_their_variational_inequality(seed, rows):
    """w is the projection exactly when no feasible direction improves: gradient . (v - w) >= 0 for all feasible v."""
    feasible = random_set(seed, rows)
    generator = np.random.default_rng(seed + 1)
    point = generator.dirichlet(np.full(len(feasible.leaves), 0.7)) + 1e-6
    near = feasible.project(point)
    assert feasible.contains(near, 1e-11)
    gradient = near - point
    assert feasible.minimum(gradient)[0] >= gradient @ near - 1e-10
    tilt = feasible.project_kl(point)
    assert feasible.contains(tilt, 1e-11)
    gradient = np.log(np.maximum(tilt, 1e-300) / point) + 1
    gradient = np.where(tilt > 0, gradient, -700)
    assert feasible.minimum(gradient)[0] >= gradient @ tilt - 1e-9


def test_projection_of_a_feasible_point_is_itself():
    feasible = box([0.5] * 4, limits=(group("g", [0, 1], 0.3, 0.6),))
    w = np.array([0.2, 0.3, 0.4, 0.1])
    assert feasible.project(w) == pytest.approx(w, abs=1e-12)
    assert feasible.project_kl(w) == pytest.approx(w, abs=1e-9)


def test_kl_projection_keeps_leaves_of_prior_zero_out():
    feasible = box([0.6] * 3)
    assert feasible.project_kl([0.5, 0.5, 0.0])[2] == 0.0
    with pytest.raises(UserError, match="prior of 0"):
        box([0.4] * 3).project_kl([0.5, 0.5, 0.0])


def test_ranges_with_a_group():
    feasible = box([0.9] * 3, limits=(group("g", [0, 1], 0.5, 0.6),))
    low, high = feasible.ranges
    assert low == pytest.approx([0, 0, 0.4], abs=1e-12)
    assert high == pytest.approx([0.6, 0.6, 0.5])


def test_limits_that_only_equality_satisfies():
    feasible = box([0.5] * 4, [0.1, 0.2, 0, 0], limits=(group("g", [0, 1], 0.0, 0.3),))
    assert feasible.project([1, 1, 1, 0]) == pytest.approx([0.1, 0.2, 0.5, 0.2], abs=1e-9)
    assert not dataclasses.replace(feasible, lower=(0.2, 0.2, 0.0, 0.0)).is_feasible
