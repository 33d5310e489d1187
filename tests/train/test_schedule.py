from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from olmix.errors import UserError
from olmix.train.schedule import WarmupStableDecay


def wsd(**changes) -> WarmupStableDecay:
    return WarmupStableDecay(
        **{"peak": 1.0, "warmup_tokens": 100, "period_ends": (1000,), "decay_fraction": 0.1, **changes}
    )


@pytest.mark.parametrize(
    ("tokens", "rate"),
    [
        (0, 0.0),
        (50, 0.5),
        (100, 1.0),
        (500, 1.0),
        (900, 1.0),
        (950, 0.5),
        (990, 0.1),
        (1000, 0.0),
        (2000, 0.0),
    ],
)
def test_known_values(tokens: int, rate: float) -> None:
    assert wsd().at(tokens) == pytest.approx(rate)


def test_each_period_ends_at_zero_and_goes_on_from_the_peak() -> None:
    schedule = wsd(period_ends=(1000, 2000, 4000))
    assert schedule.at(999.999) < 1e-4
    assert schedule.at(1000) == 1.0
    assert schedule.at(1900) == 1.0
    assert schedule.at(1950) == pytest.approx(0.5)
    assert schedule.at(3800) == 1.0
    assert schedule.at(3900) == pytest.approx(0.5)


@given(batch=st.integers(1, 400), micro=st.integers(1, 20))
def test_no_batch_is_read_for_nothing(batch: int, micro: int) -> None:
    steps = max(1, 1000 // batch)
    schedule = wsd(period_ends=(steps * batch,), warmup_tokens=min(100, steps * batch // 2))
    assert all(0 < schedule.for_batch(step * batch, batch) <= 1 for step in range(steps))


@given(batch=st.integers(1, 50))
def test_the_rate_depends_on_tokens_and_not_on_the_batch(batch: int) -> None:
    """Twice the batch: the rate at the middle of a batch is the mean of its halves', away from the schedule's corners."""
    schedule = wsd()
    first = 2 * batch
    if first + 2 * batch < 100:
        halves = [schedule.for_batch(first, batch), schedule.for_batch(first + batch, batch)]
        assert schedule.for_batch(first, 2 * batch) == pytest.approx(sum(halves) / 2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"period_ends": ()},
        {"period_ends": (1000, 1000)},
        {"period_ends": (1000, 500)},
        {"decay_fraction": 1.5},
        {"peak": 0.0},
        {"warmup_tokens": 950},
        {"peak": float("nan")},
    ],
)
def test_impossible_schedules_are_refused(wrong: dict) -> None:
    with pytest.raises(UserError):
        wsd(**wrong)
