"""One run on two real processes (gloo) is the run on one: same losses, same weights, same checkpoints, same end."""

from __future__ import annotations

import dataclasses
import os
import threading
import time

import psutil
import pytest
import torch

from olmix.errors import UserError
from olmix.train import distributed
from olmix.train.distributed import WorkerFailed, World, launch
from olmix.train.settings import Device
from tests.train import corpus, toys
from tests.train.killable import Killable, outcome, steps_done, steps_since_resumed, wait_for


def train(world: World, progress, proxy, folder, until: int | None = None):
    """A whole run (or, with `until`, the state after that many steps): losses, weights, evaluation of the toys."""
    from olmix.train.evaluate import bits_per_byte

    torch.set_num_threads(1)
    trained = toys.trainer(proxy, world=world)
    feed = toys.Languages(trained.plan)
    if until is not None:
        losses = [trained.step(feed.batch(step)).loss for step in range(until)]
        return losses, trained.state()

    def evaluate(_: int) -> dict[str, float]:
        return bits_per_byte(trained.model, toys.held_outs(100), 16, device=trained.device, world=world)

    outcome = toys.run_whole(trained, feed, proxy, folder, evaluate, progress)
    return outcome, trained.state()["model"]


def alone(proxy, folder, until=None):
    return train(World(), lambda *_: None, proxy, folder, until)


def together(proxy, folder, until=None, *, size=2, sharded=False, told=None):
    progress = told.append if told is not None else (lambda *_: None)
    return launch(
        size, "cpu", sharded, train, (proxy, folder, until), folder, threading.Event(), lambda *a: progress(a)
    )


@pytest.mark.parametrize("sharded", [False, True])
def test_two_processes_are_one_run(tmp_path, sharded: bool) -> None:
    proxy = toys.proxy(device=Device(dtype="float32", micro_batch=3), learning_rate=2e-3)
    told: list = []
    one, weights = alone(proxy, tmp_path / "one")
    (tmp_path / "two").mkdir()
    two, theirs = together(proxy, tmp_path / "two", sharded=sharded, told=told)
    assert two.tokens == one.tokens
    assert two.sequences == one.sequences
    assert [loss for _, loss in two.curve] == pytest.approx([loss for _, loss in one.curve], rel=1e-4)
    assert two.evaluations[0][1] == pytest.approx(one.evaluations[0][1], rel=1e-4)
    assert told[-1][:2] == (one.tokens, one.tokens)
    for name, value in weights.items():
        torch.testing.assert_close(theirs[name], value, rtol=0.01, atol=1e-3)


def test_gradients_of_one_step_agree_closely(tmp_path) -> None:
    """After one step, Adam's first moments are a tenth of the clipped gradients: equal to the last digits."""
    proxy = toys.proxy()
    losses, state = alone(proxy, tmp_path, 1)
    for sharded in (False, True):
        found, theirs = together(proxy, tmp_path, 1, sharded=sharded)
        assert found == pytest.approx(losses, rel=1e-6)
        for name, moments in state["optimizer"].items():
            torch.testing.assert_close(theirs["optimizer"][name]["exp_avg"], moments["exp_avg"], rtol=1e-4, atol=1e-7)


def test_a_checkpoint_of_one_process_goes_on_with_two_sharded_ones(tmp_path) -> None:
    proxy = toys.proxy(checkpoint_tokens=10 * 128)
    one, _ = alone(proxy, tmp_path)
    (tmp_path / "metrics.jsonl").unlink()
    two, _ = together(proxy, tmp_path, sharded=True)
    assert two.resumed_from == 20
    assert two.tokens == one.tokens
    assert [loss for _, loss in two.curve] == pytest.approx([loss for _, loss in one.curve], rel=1e-4)


def fail_in_the_second(world, progress):
    if world.rank == 1:
        raise ValueError("the second one fails")
    time.sleep(60)


def mistake(world, progress):
    raise UserError("a mistake of the user's")


def die(world, progress):
    if world.rank == 1:
        os._exit(9)
    world.total(torch.zeros(1))


def test_a_failure_ends_all_and_says_where(tmp_path) -> None:
    began = time.monotonic()
    with pytest.raises(WorkerFailed, match="the second one fails"):
        launch(2, "cpu", False, fail_in_the_second, (), tmp_path, threading.Event(), print)
    assert time.monotonic() - began < 45
    with pytest.raises(UserError, match="a mistake"):
        launch(2, "cpu", False, mistake, (), tmp_path, threading.Event(), print)
    with pytest.raises(WorkerFailed, match=r"exit codes|process 0"):
        launch(2, "cpu", False, die, (), tmp_path, threading.Event(), print)


def test_more_processes_than_sequences_is_a_mistake() -> None:
    with pytest.raises(UserError, match="cannot be split over 9 processes"):
        toys.trainer(toys.proxy(), world=World(0, 9))


def test_rows_cover_the_batch() -> None:
    for size in (1, 2, 3, 5):
        rows = [row for rank in range(size) for row in range(8)[World(rank, size).rows(8)]]
        assert rows == list(range(8))


def test_worlds_are_plain() -> None:
    assert dataclasses.asdict(World()) == {"rank": 0, "size": 1, "sharded": False}
    assert World().any(True, False) == (True, False)
    assert distributed.World().lowest(3) == 3


def test_killed_with_two_processes_terminated_with_two_ended_with_one(tmp_path) -> None:
    """Nothing is left behind by a kill; and wherever the pieces ran, it was one run."""
    corpus.write(tmp_path / "text")
    length = {"learning_rate": 2e-3, "tokens": 400 * 128}
    settings = {"device": Device(dtype="float32", processes=2), **length}
    whole = Killable(tmp_path / "text", tmp_path / "whole", **length)

    first = Killable(tmp_path / "text", tmp_path / "run", **settings)
    wait_for(lambda: steps_done(tmp_path / "run") >= 12)
    family = psutil.Process(first.process.pid).children(recursive=True)
    assert len(family) >= 2
    first.process.kill()
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []

    second = Killable(tmp_path / "text", tmp_path / "run", **settings)
    wait_for(lambda: steps_since_resumed(tmp_path / "run") >= 5)
    second.process.terminate()
    # Saved after a step, or, where the machine was quicker than the signal, after the last one.
    assert "Interrupted: SIGTERM" in second.finish(1)

    Killable(tmp_path / "text", tmp_path / "run", **length).finish()
    whole.finish()
    (one, _), (pieces, _) = outcome(tmp_path / "whole"), outcome(tmp_path / "run")
    assert pieces["tokens_per_leaf"] == one["tokens_per_leaf"]
    assert pieces["metrics"] == pytest.approx(one["metrics"], rel=1e-2)
    assert [loss for _, loss in pieces["loss_curve"]] == pytest.approx(
        [loss for _, loss in one["loss_curve"]], rel=1e-2
    )
