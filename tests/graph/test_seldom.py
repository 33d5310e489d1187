"""What is passed on of what a step says, and what is not."""

from __future__ import annotations

from olmix.graph.seldom import Seldom


def test_seldom_but_never_without_the_end_another_hundredth_or_what_begins() -> None:
    now = 0.0
    seldom = Seldom(0.5, clock=lambda: now)
    assert seldom.due(0, 1000, "building")
    assert not seldom.due(0, 1000, "building")
    assert seldom.due(0, 1000, "the first step")  # In the same instant: minutes of silence may follow.
    assert not seldom.due(1, 1000, "loss 9.0")
    assert not seldom.due(9, 1000, "loss 8.5")
    assert seldom.due(10, 1000, "loss 8.4")
    assert not seldom.due(11, 1000, "loss 8.3")
    now = 0.5
    assert seldom.due(11, 1000, "loss 8.3")
    assert seldom.due(1000, 1000, "loss 2.0")
    assert seldom.due(1000, 1000, "loss 2.0")
    unknown = Seldom(0.5, clock=lambda: now)
    assert [unknown.due(0, 0, "?") for _ in range(2)] == [True, True]
