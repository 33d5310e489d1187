import pytest
from hypothesis import given
from hypothesis import strategies as st

from olmix.data import budgets
from olmix.errors import UserError

T = 10**12


def test_budgets_and_how_they_were_computed():
    assert budgets.resolve() is None
    assert budgets.resolve(tokens=5) == budgets.Budget(tokens=5, computed="target_tokens")
    big = budgets.resolve(chinchilla_multiple=20, model="olmo2_7b")
    assert big.tokens == 2.8 * T
    assert big.computed == "20 × 20 × 7,000,000,000 (olmo2_7b)"


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"tokens": 5, "chinchilla_multiple": 1.0}, "either target_tokens or target_chinchilla_multiple"),
        ({"chinchilla_multiple": 1.0}, "needs target_model"),
        ({"chinchilla_multiple": 1.0, "model": "olmo2_8b"}, r"no model 'olmo2_8b' \(nearest:"),
        ({"chinchilla_multiple": -1.0, "model": "olmo2_7b"}, "more than 0"),
        ({"tokens": 0}, "at least 1"),
    ],
)
def test_a_budget_that_makes_no_sense(fields, says):
    with pytest.raises(UserError, match=says):
        budgets.resolve(**fields)


def plan(tokens, mixture, limits, training=100, target=None, **more):
    return budgets.plan(
        tokens=tokens,
        mixture=mixture,
        repetition_limits=limits,
        training=budgets.Budget(tokens=training, computed="tokens"),
        target=None if target is None else budgets.Budget(tokens=target, computed="target_tokens", **more),
    )


def test_what_each_leaf_must_hold_for_the_final_run():
    found = plan({"a": 500 * 10**9}, {"a": 1.0}, {"a": 5.0}, target=int(2.8 * T), model="olmo2_7b")
    assert found.leaves[0].target_needs == 560 * 10**9
    assert [(row.leaf, row.missing) for row in found.short] == [("a", 60 * 10**9)]
    assert found.largest_target == 2.5 * T
    assert found.largest_multiple == pytest.approx(2.5 * T / (20 * 7e9))
    text = "\n".join(budgets.lines(found))
    assert "a must hold 560,000,000,000 tokens and has 500,000,000,000 (60,000,000,000 short)" in text
    assert "largest final run of this mixture: 2,500,000,000,000 tokens (Chinchilla multiple 17.85)" in text


def test_the_numbers_of_a_run():
    found = plan({"a": 300, "b": 100}, {"a": 0.5, "b": 0.5}, {"a": 1.0, "b": 2.0}, training=300)
    a, b = found.leaves
    assert (a.prior, a.drawn, a.repetition, a.limit) == (0.75, 150, 0.5, 1.0)
    assert (b.prior, b.drawn, b.repetition, b.limit) == (0.25, 150, 1.5, 2.0)
    assert found.short == ()
    assert found.largest_target == 400
    assert found.largest_multiple is None
    over = plan({"a": 300, "b": 100}, {"a": 0.5, "b": 0.5}, {}, training=300)
    assert "more often than allowed: b" in "\n".join(budgets.lines(over))


def test_a_leaf_that_is_left_out_limits_nothing():
    found = plan({"a": 300, "b": 1}, {"a": 1.0, "b": 0.0}, {"a": 1.0, "b": 1.0}, target=300)
    assert found.largest_target == 300
    assert found.short == ()


@given(
    st.dictionaries(
        st.text("abcd", min_size=1),
        st.tuples(st.integers(1, 10**12), st.floats(0.01, 1), st.floats(0.5, 9)),
        min_size=1,
    )
)
def test_the_largest_target_is_feasible_and_one_percent_more_is_not(leaves):
    total = sum(weight for _, weight, _ in leaves.values())
    tokens = {name: 1000 * count for name, (count, _, _) in leaves.items()}
    mixture = {name: weight / total for name, (_, weight, _) in leaves.items()}
    limits = {name: limit for name, (_, _, limit) in leaves.items()}
    largest = plan(tokens, mixture, limits).largest_target
    assert plan(tokens, mixture, limits, target=largest).short == ()
    assert plan(tokens, mixture, limits, target=int(largest * 1.01) + 10).short


def test_mistakes():
    with pytest.raises(UserError, match="unknown leaf 'aa'"):
        plan({"a": 1}, {"aa": 1.0}, {})
    with pytest.raises(UserError, match=r"sum to 0.5"):
        plan({"a": 1}, {"a": 0.5}, {})
