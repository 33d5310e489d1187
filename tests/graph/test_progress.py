"""What a stage says of itself."""

import time

import pytest
from rich.console import Console

from olmix.graph.progress import Devices, Reporter, Stage
from olmix.graph.worker import Outcome


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Four jobs of two A100s each, five hours by the plan; the clock stands still."""
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0)
    return Stage(Reporter(Console(quiet=True)), "swarm", 4, 5.0, Devices(2, "A100"))


def test_done_running_failed_and_what_it_cost_so_far(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.running("swarm/v0", 10, 100, "loss 3.2")
    stage.running("swarm/v1", 50, 100, "")
    monkeypatch.setattr(time, "monotonic", lambda: 1900.0)
    stage.finished("swarm/v0", Outcome("ran", seconds=900.0))
    # v0: 900 s of two devices; v1 has run for as long.
    assert stage.line() == (
        "swarm: 1 of 4 done, 1 running, 0 failed, 900 s, about 1500 s left, 1 A100-hours of 5 planned [v1 50 %]"
    )
    stage.finished("swarm/v1", Outcome("failed", seconds=1800.0, message="lost"))
    assert "1 of 4 done, 0 running, 1 failed" in stage.line()
    assert "1.5 A100-hours of 5 planned" in stage.line()


def test_nothing_is_said_of_a_cost_that_nobody_planned(stage: Stage) -> None:
    stage.planned_hours = None
    assert stage.line() == "swarm: 0 of 4 done, 0 running, 0 failed, 0 s"


def test_jobs_that_share_a_task_share_its_devices(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        stage.running(f"swarm/v{number}", 50, 100, "", 1 / 4)
    monkeypatch.setattr(time, "monotonic", lambda: 1900.0)
    assert "4 running, 0 failed, 900 s, about 900 s left, 0.5 A100-hours of 5 planned" in stage.line()


def test_what_a_lost_worker_held_was_paid_for(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half an hour of two devices until its machine is gone, and then another half an hour elsewhere."""
    stage.running("swarm/v0", 50, 100, "")
    monkeypatch.setattr(time, "monotonic", lambda: 2800.0)
    stage.lost("swarm/v0")
    stage.lost("swarm/v1")  # It had not begun.
    assert "0 of 4 done, 0 running, 0 failed, 1800 s, 1 A100-hours of 5 planned" in stage.line()
    stage.running("swarm/v0", 50, 100, "")
    monkeypatch.setattr(time, "monotonic", lambda: 4600.0)
    stage.finished("swarm/v0", Outcome("ran", seconds=1800.0))
    assert "2 A100-hours of 5 planned" in stage.line()
