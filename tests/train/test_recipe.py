from __future__ import annotations

import math

import pytest

from olmix.errors import UserError
from olmix.train import recipe
from olmix.train.ladder import LADDER, Shape
from olmix.train.settings import Proxy, SkipRule


@pytest.mark.parametrize(
    ("model", "count"),
    [
        ("olmo3_14m", 14_000_000),
        ("olmo2_1b", 1_000_000_000),
        ("olmo3_32b", 32_000_000_000),
        ("olmo3_micro", 500_000),
    ],
)
def test_nominal_parameters(model: str, count: int) -> None:
    assert recipe.nominal_parameters(model) == count


def test_every_ladder_name_has_nominal_parameters() -> None:
    assert all(recipe.nominal_parameters(name) for name in LADDER)


def test_rules_at_the_paper_s_reference_size() -> None:
    """At 108M the rules are at their constants."""
    assert recipe.batch_tokens_rule(108e6) == 2**19  # 327,680 rounded up to a power of two.
    assert recipe.learning_rate_rule(108e6) == pytest.approx(0.00235)
    assert recipe.learning_rate_rule(8 * 108e6) == pytest.approx(0.00235 / 2)
    assert recipe.warmup_rule(108e6, 20 * 108_000_000) == 108_000_000
    assert recipe.warmup_rule(108e6, 1_000_000) == 50_000
    assert (recipe.beta2_rule(524_288), recipe.beta2_rule(524_287)) == (0.95, 0.99)


def test_batch_rule_is_a_power_of_two_not_below_the_formula() -> None:
    for n in (1e6, 14e6, 30e6, 190e6, 1e9, 32e9):
        exact = 2048 * 160 * (n / 108e6) ** (2 / 3)
        rule = recipe.batch_tokens_rule(n)
        assert exact <= rule < 2 * exact
        assert math.log2(rule).is_integer()


def test_resolve_14m_at_half_a_chinchilla() -> None:
    plan = recipe.resolve(Proxy(model="olmo3_14m", vocabulary=100_278, sequence_length=2048, chinchilla_multiple=0.5))
    assert plan.declared_tokens == 140_000_000
    assert plan.batch_tokens == 131_072
    assert plan.tokens == 1068 * 131_072 <= 140_000_000 < plan.tokens + plan.batch_tokens
    assert plan.warmup_tokens == int(plan.tokens / 20)
    assert plan.beta2 == 0.99
    assert plan.period_ends == (plan.tokens,)


def test_every_rule_can_be_overridden() -> None:
    proxy = Proxy(
        model="olmo3_14m", vocabulary=100_278, sequence_length=2048, tokens=1_000_000, batch_tokens=16 * 2048, learning_rate=1e-3,
        warmup_tokens=5, beta2=0.9, weight_decay=0.0,
    )  # fmt: skip
    plan = recipe.resolve(proxy)
    assert (plan.batch, plan.learning_rate, plan.warmup_tokens, plan.beta2, plan.weight_decay) == (
        16,
        1e-3,
        5,
        0.9,
        0.0,
    )
    assert plan.tokens == 30 * 16 * 2048


def test_periods_end_at_doubling_multiples() -> None:
    plan = recipe.resolve(
        Proxy(model="olmo3_14m", vocabulary=100_278, sequence_length=2048, chinchilla_multiple=4, periods=True)
    )
    ends = [multiple * 20 * 14e6 // plan.batch_tokens * plan.batch_tokens for multiple in (0.5, 1, 2, 4)]
    assert list(plan.period_ends) == ends
    assert plan.tokens == ends[-1]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"tokens": 1000}, "smaller than one global batch"),
        ({"batch_tokens": 3000}, "not a whole number of sequences"),
        ({"batch_tokens": 1024}, "not a whole number of sequences"),
        ({"periods": True}, "needs proxy.chinchilla_multiple"),
        ({"model": Shape(width=8, layers=1, heads=1, hidden=8)}, "learning_rate"),
        (
            {"model": Shape(width=8, layers=1, heads=1, hidden=8), "tokens": None, "chinchilla_multiple": 1.0},
            "a Shape has none; set proxy.tokens in its place, and batch_tokens, learning_rate, warmup_tokens too",
        ),
    ],
)
def test_what_cannot_be_is_one_sentence(changes: dict, says: str) -> None:
    settings = {"model": "olmo3_14m", "vocabulary": 100_278, "sequence_length": 2048, "tokens": 10_000_000}
    with pytest.raises(UserError, match=says):
        recipe.resolve(Proxy(**{**settings, **changes}))


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("evaluate_tokens", 0, "at least 1; it is 0"),
        ("checkpoint_tokens", -5, "at least 1; it is -5"),
        ("log_tokens", 0, "at least 1"),
        ("held_out_tokens", 1, "at least 2"),
        ("sequence_length", 1, "at least 2 tokens; it is 1"),
        ("beta1", 1.0, "at least 0 and less than 1; it is 1"),
        ("clip", -1.0, "0 or more; it is -1"),
        ("learning_rate", float("nan"), "more than 0; it is nan"),
        ("weight_decay", float("inf"), "0 or more; it is inf"),
        ("tokens", 0, "at least 1"),
    ],
)
def test_numbers_that_mean_nothing_are_refused_when_they_are_set(name: str, value: float, says: str) -> None:
    settings = {"model": "olmo3_14m", "vocabulary": 100_278, "sequence_length": 2048, "tokens": 10_000_000}
    with pytest.raises(UserError, match=f"proxy.{name} must be {says}"):
        Proxy(**{**settings, name: value})
    with pytest.raises(UserError, match=r"skip.window must be from 2 to 1,000,000; it is 0\."):
        SkipRule(window=0)
    with pytest.raises(UserError, match=r"'s4://x/y': addresses begin with s3://"):
        Proxy(**settings, checkpoint_store="s4://x/y")


@pytest.mark.parametrize("place", ["checkpoints", "~/checkpoints", "./a"])
def test_checkpoints_go_where_every_machine_finds_them(place: str) -> None:
    settings = {"model": "olmo3_14m", "vocabulary": 100_278, "sequence_length": 2048, "tokens": 10_000_000}
    with pytest.raises(UserError, match=r"is neither an address .* nor an absolute path"):
        Proxy(**settings, checkpoint_store=place)
    for fine in ("s3://bucket/folder", "/shared/checkpoints", None):
        assert Proxy(**settings, checkpoint_store=fine).checkpoint_store == fine


def test_exactly_one_length() -> None:
    with pytest.raises(UserError, match="exactly one"):
        Proxy(model="olmo3_14m", vocabulary=100_278, sequence_length=2048)
    with pytest.raises(UserError, match="exactly one"):
        Proxy(model="olmo3_14m", vocabulary=100_278, sequence_length=2048, tokens=1, chinchilla_multiple=1.0)
