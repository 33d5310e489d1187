"""One run on two real processes (gloo, started by Ray Train) is the run on one: same losses, weights, checkpoints, same end.

Starting the processes takes about ten seconds of two cores each time, so a few starts serve many checks.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import logging
import os
import pathlib
import shutil
import signal
import threading
import time
import types
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
import torch
import torch.distributed as dist
from torch.distributed.fsdp import FSDPModule

from olmix.errors import UserError
from olmix.graph import Needs, gangs
from olmix.graph.ray_engine import RayEngine, RaySettings
from olmix.graph.step import WorkerLost
from olmix.train import TrainProxy, distributed, loss, micro_batch, parts, processes, ray_backend, run
from olmix.train.channel import GONE
from olmix.train.checkpoint import Checkpoints
from olmix.train.checks import check_settings
from olmix.train.distributed import World, gathered
from olmix.train.ladder import Foreign, Shape
from olmix.train.processes import WorkerFailed, _answer, _check_shared, _cut_off, _Heard, _Start, launch
from olmix.train.recipe import check_split, resolve
from olmix.train.run import Interrupted, _newest
from olmix.train.settings import Device
from olmix.train.work import train_proxy
from tests.train import corpus, toys
from tests.train.killable import LONG, Killable, below, outcome, steps_done, wait_for


def train(world: World, progress, proxy, folder, until: int | None = None):
    """A whole run (or, with `until`, the state after that many steps): losses, weights, evaluation of the toys."""
    from olmix.train.evaluate import bits_per_byte

    torch.set_num_threads(1)
    trained = toys.trainer(proxy, world=world)
    feed = toys.Languages(trained.plan)
    if until is not None:
        # As a run that goes on from the end of a period: it measures before it trains.
        bits_per_byte(trained.model, toys.held_outs(100), 16, device=trained.device, world=world)
        losses = [trained.step(feed.batch(step)).loss for step in range(until)]
        # And it saves what it has measured, with nothing in between.
        bits_per_byte(trained.model, toys.held_outs(100), 16, device=trained.device, world=world)
        return losses, trained.state()

    def evaluate(_: int) -> dict[str, float]:
        return bits_per_byte(trained.model, toys.held_outs(100), 16, device=trained.device, world=world)

    outcome = toys.run_whole(trained, feed, proxy, folder, evaluate, progress)
    return outcome, {name: gathered(value, True) for name, value in trained.model.state_dict().items()}


def alone(proxy, folder, until=None):
    folder.mkdir(exist_ok=True)
    return train(World(), lambda *_: None, proxy, folder, until)


#: What holds numbers: the rest of what is in the memory may look like a tensor.
KINDS = (torch.Tensor, torch.nn.Parameter)
PROXY = toys.proxy(device=Device(dtype="float32", micro_batch=3), learning_rate=2e-3)
SAVING = toys.proxy(checkpoint_tokens=10 * 128)
ENDLESS = toys.proxy(tokens=10**6 * 128)


def in_half(world: World, exchanged: torch.dtype | None) -> tuple[list[float], dict[str, torch.Tensor]]:
    """Losses and weights of a few steps in bfloat16 of a sharded model whose layers are `exchanged` in a format."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("olmix.train.proxy.shard", lambda model, world, _: distributed.shard(model, world, exchanged))
        trained = toys.trainer(toys.proxy(learning_rate=1e-3), world=world, dtype="bfloat16")
    feed = toys.Languages(trained.plan)
    losses = [trained.step(feed.batch(step)).loss for step in range(8)]
    return losses, {name: gathered(value, True) for name, value in trained.model.state_dict().items()}


def whole(*parts: parts.Rows) -> torch.Tensor:
    """A tensor from what each process has of it."""
    assert [part.start for part in parts] == [parts[0].of * rank // len(parts) for rank in range(len(parts))]
    return torch.cat([part.values for part in parts])


def many_runs_and_a_failure(world: World, progress, folder: pathlib.Path) -> None:
    """Everything that is compared with one process; a run that is told to stop; then the second process fails."""
    found = {}
    for sharded in (False, True):
        here = dataclasses.replace(world, sharded=sharded)
        place = folder / f"two-{sharded}"
        if world.first:
            place.mkdir()
        found[f"whole {sharded}"] = train(here, progress, PROXY, place)
        found[f"step {sharded}"] = train(here, progress, toys.proxy(), place, 1)
    here = dataclasses.replace(world, sharded=True)
    found["resumed"] = train(here, progress, SAVING, folder / "saved")
    if world.first:
        (folder / "parts").mkdir()
    found["parts"] = [train(here, progress, SAVING, folder / "parts") for _ in range(2)]
    found["half"] = [in_half(here, exchanged) for exchanged in (torch.bfloat16, None)]
    try:
        train(world, progress, ENDLESS, folder / "two-False")
    except Interrupted as error:
        found["stopped"] = (world.rank, str(error))
    torch.save(found, folder / f"found-{world.rank}.pt")
    world.any(False)
    if world.rank == 1:
        raise ValueError("the second one fails")
    time.sleep(LONG)


@pytest.fixture(scope="module")
def engine() -> Iterator[RayEngine]:
    engine = RayEngine(RaySettings(cpus=2))
    engine.start()
    yield engine
    engine.stop()


@dataclasses.dataclass(frozen=True)
class Two:
    """What the two processes came to: results by name, the failure, what was told, and how long the end took."""

    found: dict[str, Any]
    found_by_second: dict[str, Any]
    failure: BaseException
    told: list[tuple[float, float, str]]
    ending: float
    one: Any
    folder: pathlib.Path


@pytest.fixture(scope="module")
def two(engine: RayEngine, tmp_path_factory) -> Two:
    folder = tmp_path_factory.mktemp("two")
    saved, _ = alone(SAVING, folder / "saved")
    (folder / "saved" / "metrics.jsonl").unlink()
    told: list[tuple[float, float, str]] = []
    stop = threading.Event()

    def progress(done: float, total: float, note: str) -> None:
        told.append((done, total, note))
        if total == ENDLESS.tokens and done > 20 * 128:
            stop.set()

    with pytest.raises(WorkerFailed) as failure:
        launch(
            2, "cpu", False, many_runs_and_a_failure, (folder,), folder, stop, progress
        )  # fmt: skip
    ending = time.time() - (folder / "found-1.pt").stat().st_mtime
    assert not list(folder.glob(".shared-*"))
    first, second = (torch.load(folder / f"found-{rank}.pt", weights_only=False) for rank in (0, 1))
    return Two(first, second, failure.value, told, ending, saved, folder)


@pytest.mark.parametrize("sharded", [False, True])
def test_two_processes_are_one_run(two: Two, tmp_path, sharded: bool) -> None:
    one, weights = alone(PROXY, tmp_path)
    found, theirs = two.found[f"whole {sharded}"]
    assert found.tokens == one.tokens
    assert found.sequences == one.sequences
    assert [loss for _, loss in found.curve] == pytest.approx([loss for _, loss in one.curve], rel=1e-4)
    assert found.evaluations[0][1] == pytest.approx(one.evaluations[0][1], rel=1e-4)
    assert (one.tokens, one.tokens) in [told[:2] for told in two.told]
    for name, value in weights.items():
        torch.testing.assert_close(theirs[name], value, rtol=0.01, atol=1e-3)


@pytest.mark.parametrize("sharded", [False, True])
def test_gradients_of_one_step_agree_closely(two: Two, tmp_path, sharded: bool) -> None:
    """After one step, Adam's first moments are a tenth of the clipped gradients: equal to the last digits."""
    losses, state = alone(toys.proxy(), tmp_path, 1)
    found, theirs = two.found[f"step {sharded}"]
    assert found == pytest.approx(losses, rel=1e-6)
    for name, moments in state["optimizer"].items():
        found = theirs["optimizer"][name]["exp_avg"]
        if sharded:
            _, of_second = two.found_by_second["step True"]
            found = whole(found, of_second["optimizer"][name]["exp_avg"])
        torch.testing.assert_close(found, moments["exp_avg"], rtol=1e-4, atol=1e-7)


def test_a_checkpoint_of_one_process_goes_on_with_two_sharded_ones(two: Two) -> None:
    found, _ = two.found["resumed"]
    assert found.resumed_from == 20
    assert found.tokens == two.one.tokens
    assert [loss for _, loss in found.curve] == pytest.approx([loss for _, loss in two.one.curve], rel=1e-4)


def test_a_checkpoint_in_parts_goes_on_in_the_same_bits(two: Two) -> None:
    """On as many processes as wrote it; metrics are written on as if nothing had been."""
    (found, weights), (again, same) = two.found["parts"]
    assert (found.resumed_from, again.resumed_from) == (0, 20)
    assert again.curve == found.curve
    assert {name: torch.equal(value, weights[name]) for name, value in same.items()} == dict.fromkeys(weights, True)


def test_a_checkpoint_in_parts_goes_on_with_one_process(two: Two, tmp_path) -> None:
    (found, weights), _ = two.found["parts"]
    shutil.copytree(two.folder / "parts" / "checkpoints", tmp_path / "checkpoints")
    assert len(list((tmp_path / "checkpoints").glob("*20.part-*.pt"))) == 2
    one, theirs = alone(SAVING, tmp_path)
    assert one.resumed_from == 20
    assert [loss for _, loss in one.curve] == pytest.approx([loss for _, loss in found.curve], rel=1e-4)
    for name, value in weights.items():
        torch.testing.assert_close(theirs[name], value, rtol=0.01, atol=1e-3)


def test_layers_exchanged_in_half_compute_the_same(two: Two) -> None:
    """What autocast would round anyway may travel rounded: the same numbers at half the bytes, to the last bit."""
    (losses, weights), (without, same) = two.found["half"]
    assert losses == without
    assert {name: torch.equal(value, weights[name]) for name, value in same.items()} == dict.fromkeys(weights, True)


def test_told_to_stop_all_save_after_the_same_step(two: Two) -> None:
    rank, said = two.found["stopped"]
    assert rank == 0
    assert said.startswith("SIGTERM: saved after step")
    assert two.found_by_second["stopped"] == (1, said)


def test_a_failure_ends_all_and_says_where(two: Two, engine: RayEngine) -> None:
    import ray

    assert "process 1 of 2 failed" in str(two.failure)
    assert "ValueError: the second one fails" in str(two.failure)
    assert two.ending < LONG / 2  # The other one was asleep for longer.
    wait_for(lambda: ray.available_resources().get("CPU") == 2.0, pause=0.05)
    assert below("ray::RayTrainWorker") == []


def test_stopped_before_there_was_room_for_them_nothing_stays_behind(engine: RayEngine, tmp_path, monkeypatch) -> None:
    """Until then it says again and again that it waits, so that nobody takes that for a hang."""
    import ray

    stop, said = threading.Event(), 0
    monkeypatch.setattr(processes, "LOOK", 0.3)
    blocker = ray.remote(lambda: time.sleep(LONG)).options(num_cpus=1).remote()
    wait_for(lambda: ray.available_resources().get("CPU") == 1.0)

    def progress(done: float, total: float, note: str) -> None:
        nonlocal said
        said += note == "waiting for 2 processes"
        if said == 3:
            stop.set()

    with pytest.raises(Interrupted):
        launch(2, "cpu", False, train, (PROXY, tmp_path), tmp_path, stop, progress, Needs(cpus=2))
    assert said == 3
    ray.cancel(blocker, force=True)
    wait_for(lambda: ray.available_resources().get("CPU") == 2.0, pause=0.05)


class Dying(ray_backend.Backend):
    """The second process dies before the work begins, of too little memory for its imports perhaps."""

    def on_start(self, worker_group: Any, backend_config: Any) -> None:
        worker_group.execute_single(1, die)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_that_dies_at_the_start_is_a_lost_one(engine: RayEngine, tmp_path, monkeypatch) -> None:
    """Left to itself, Ray Train starts such processes again for ever."""
    monkeypatch.setattr(ray_backend.Config, "backend_cls", property(lambda _: Dying))
    stop = threading.Event()
    late = threading.Timer(LONG / 2, stop.set)
    late.start()
    with pytest.raises(WorkerLost, match="one of the 2 processes of the run died before it began"):
        launch(2, "cpu", False, train, (PROXY, tmp_path), tmp_path, stop, lambda *_: None)
    late.cancel()


def test_those_that_have_room_must_begin_and_those_that_wait_for_it_need_not(monkeypatch) -> None:
    controller = types.SimpleNamespace(_actor_id=types.SimpleNamespace(binary=lambda: b"controller"))
    heard, said, waits = _Heard(3), [], []
    monkeypatch.setattr(gangs, "waits", lambda maker: waits[-1])
    start = _Start(heard, lambda done, total, note: said.append(note))
    now = time.monotonic()
    start.look(now)
    heard.controller = controller
    waits.append(True)
    for _ in range(1000):
        now += 60
        start.look(now)
    assert said == ["waiting for 3 processes"] * 1001
    waits.append(False)
    for _ in range(29):
        now += 60
        start.look(now)
    heard.there[1] = "node-7"
    assert said[1001:] == ["starting 3 processes"]
    with pytest.raises(
        WorkerLost, match=r"processes 0, 2 of 3 did not begin within 30 minutes .* others are on node-7"
    ):
        start.look(now + 61)


def test_who_is_cut_off_and_who_only_needs_other_settings() -> None:
    """As torch and NCCL word it."""
    nccl = "NCCL error in: ProcessGroupNCCL.cpp:77, {}, NCCL version 2.27\n{}: This ...\nLast error:\n{}"
    gone = dist.DistBackendError(nccl.format("remote process exited", "ncclRemoteError", "Connection refused"))
    assert _cut_off(gone)
    assert _cut_off(dist.DistNetworkError("Failed to recv, got 0 bytes. Connection was likely closed."))
    assert _cut_off(RuntimeError("[gloo/transport/tcp/pair.cc:534] Connection closed by peer [127.0.0.1]:37171"))
    twice = dist.DistBackendError(nccl.format("invalid usage", "ncclInvalidUsage", "Duplicate GPU detected"))
    nowhere = dist.DistBackendError(
        nccl.format("internal", "ncclInternalError", "Bootstrap : no socket interface found")
    )
    for error in (twice, nowhere, ValueError("about NCCL"), OSError(28, "No space left on device")):
        assert not _cut_off(error)
    with pytest.raises(OSError, match="gone too") as consequence:  # noqa: PT012
        try:
            raise gone
        finally:
            raise OSError("what was to be closed is gone too")
    assert _cut_off(consequence.value)


def test_they_wait_for_each_other_for_longer_than_a_run_may_be_silent(engine: RayEngine, tmp_path, monkeypatch) -> None:
    """While the first one writes, torch must not end those who wait: who hangs is found by its silence."""
    told = {"address": ("nowhere", b"")}
    made = ray_backend.trainer(train, told, 2, False, Needs(), tmp_path, 7200.0)
    assert made.backend_config.timeout_s == 7200
    asked: list[Any] = []
    monkeypatch.setattr(processes, "launch", lambda *arguments: asked.append(arguments[-1]))
    corpus.write(tmp_path / "text")
    proxy = toys.proxy(device=Device(dtype="float32", processes=2))
    scan = corpus.scan(tmp_path / "text")
    for needs in (Needs(), Needs(patience_minutes=3.0)):
        step = TrainProxy(scan=scan, mixture={"up": 0.5, "down": 0.5}, proxy=proxy, needs=needs)
        with pytest.raises(AssertionError):  # No result comes of it.
            train_proxy(step, corpus.Graph(tmp_path / f"store-{needs.patience_minutes}"))
    assert asked == [pytest.approx(step.patience()), 3.0]


@pytest.mark.parametrize(("patience", "seconds"), [(None, 6 * 3600), (31.5, 3780), (1e12, 30 * 24 * 3600)])
def test_how_long_one_waits_for_another(engine: RayEngine, tmp_path, monkeypatch, patience, seconds) -> None:
    """For ever would be a month: a very large number is how a user says so, and the clocks of gloo cannot count it."""

    def made(*arguments: Any) -> None:
        assert arguments[-1] == seconds
        raise KeyboardInterrupt

    monkeypatch.setattr(ray_backend, "trainer", made)
    nothing = lambda *_: None  # noqa: E731
    with pytest.raises(KeyboardInterrupt):
        launch(2, "cpu", False, train, (), tmp_path, threading.Event(), nothing, Needs(), patience)


def test_one_that_is_done_does_not_wait_for_the_first_to_write(monkeypatch) -> None:
    """There is no group of processes here to wait in."""
    import ray

    sent: list[tuple[str, Any]] = []
    line = types.SimpleNamespace(send=lambda *message: sent.append(message), logging=lambda _: contextlib.nullcontext())
    monkeypatch.setattr(processes, "Line", lambda *_: line)
    monkeypatch.setattr(processes, "_check_shared", lambda *_: None)
    place = types.SimpleNamespace(get_world_rank=lambda: 1, get_world_size=lambda: 2)
    monkeypatch.setattr(ray.train, "get_context", lambda: place)
    monkeypatch.setattr(ray.util, "get_node_ip_address", lambda: "1.2.3.4")
    told = {"address": None, "sharded": False, "attempt": "a", "seen": "", "work": lambda *_: 7, "arguments": ()}
    processes._process(told)
    assert [kind for kind, _ in sent] == ["hello", "result"]


def test_told_to_leave_before_the_first_step_it_goes_at_once(nobody_else, monkeypatch, tmp_path) -> None:
    leave = threading.Event()
    leave.set()
    monkeypatch.setattr(run, "LEAVE", leave)
    trained = toys.trainer(SAVING, world=nobody_else)
    with pytest.raises(Interrupted, match="SIGTERM before the first step"):
        toys.run_whole(trained, toys.Languages(trained.plan), SAVING, tmp_path)
    assert trained.done == 0
    assert not list(tmp_path.glob("checkpoints/*"))


def test_what_is_tried_alone_leaves_the_dropout_as_it_is(nobody_else) -> None:
    """One that goes on tries in its first step, which in a run that nothing disturbs was not the first."""
    model = Foreign(model_type="gpt2", settings={"n_embd": 16, "n_layer": 2, "n_head": 2})
    trained, again = (toys.trainer(toys.proxy(model=model), world=nobody_else) for _ in range(2))
    feed = toys.Languages(trained.plan)
    trained.step(feed.batch(0))
    again.restore(trained.state())
    assert again.step(feed.batch(1)).loss == trained.step(feed.batch(1)).loss


def test_processes_draw_from_seeds_of_their_own(nobody_else, monkeypatch) -> None:
    """Dropout of the same entries in each would be one mask for all rows."""
    seeds: list[int] = []
    original = torch.manual_seed
    for rank in (0, 1):
        trained = toys.trainer(toys.proxy(), seed=3, world=nobody_else)
        trained.world = World(rank, 2)
        monkeypatch.setattr(torch, "manual_seed", lambda seed: seeds.append(seed) or original(seed))
        trained.step(toys.Languages(trained.plan).batch(0))
        monkeypatch.setattr(torch, "manual_seed", original)
    assert set(seeds) == {3 * 1_000_003, 3 * 1_000_003 + 2**40}


def _said(size: int = 2, first: str = "", gone: list[int] | None = None, **outcomes: tuple[str, Any]) -> _Heard:
    by_rank = {int(rank[1:]): outcome for rank, outcome in outcomes.items()}
    return _Heard(size, None, {0: "a (1.2.3.4)", 1: "b (1.2.3.5)"}, gone or [], first, by_rank)


def test_what_several_say_is_said_once(caplog) -> None:
    """A checkpoint that is broken for all is named once; what only the second one saw is named too."""
    heard, line = _Heard(2), ("olmix.train.checkpoint", logging.WARNING)
    for who, message in ((0, "broken a"), (1, "broken a"), (1, "broken b"), (0, "broken a")):
        heard.note(who, "log", (*line, message), lambda *_: None)
    assert [record.getMessage() for record in caplog.records] == ["broken a", "process 1: broken b", "broken a"]


def test_what_a_run_comes_to() -> None:
    """The user's mistakes first; what other processes say once one is gone is its consequence and not a failure."""
    from ray.train import WorkerGroupError
    from ray.train.v2._internal.exceptions import WorkerHealthCheckTimeoutError

    assert _answer(_said(r0=("result", 7), r1=("result", None)), False, None) == 7
    with pytest.raises(UserError, match="a mistake"):
        _answer(_said(first="failure", r0=("failure", "trace"), r1=("mistake", "a mistake")), False, None)
    with pytest.raises(WorkerFailed, match="process 0 of 2 failed:\ntrace"):
        _answer(_said(first="failure", gone=[1], r0=("failure", "trace")), False, None)
    with pytest.raises(WorkerLost, match=r"process 1 on b \(1.2.3.5\) of the 2 of the run died"):
        _answer(_said(first=GONE, gone=[1], r0=("failure", "Broken pipe")), False, None)
    with pytest.raises(WorkerLost, match=r"^process 1 on b \(1.2.3.5\) of the 2 of the run died$"):
        _answer(_said(first=GONE, gone=[1, 0]), False, None)  # The first was ended because of it.
    silent = WorkerGroupError("", {1: WorkerHealthCheckTimeoutError("hanging for 600 seconds")})
    with pytest.raises(WorkerLost, match=r"^process 1 on b \(1.2.3.5\) of the 2 of the run does not answer any more$"):
        _answer(_said(first=GONE, gone=[0, 1]), False, silent)  # The stopped one dies last.
    with pytest.raises(WorkerLost, match="lost touch"):
        _answer(_said(first="cut off", r0=("cut off", "trace")), False, None)
    with pytest.raises(Interrupted, match="saved after"):
        _answer(_said(r0=("interrupted", "saved after"), r1=("interrupted", "saved after")), True, None)
    with pytest.raises(WorkerFailed, match="no room"):
        _answer(_said(), False, RuntimeError("no room"))


def test_a_node_that_does_not_see_the_store_says_so(tmp_path) -> None:
    mark = tmp_path / "shared"
    with pytest.raises(UserError, match=r"on a file system that all of them share, and node-7 does not see"):
        _check_shared(mark, "node-7")
    mark.touch()
    _check_shared(mark, "node-7")


def test_more_processes_than_sequences_is_a_mistake() -> None:
    with pytest.raises(UserError, match="cannot be split over 9 processes"):
        toys.trainer(toys.proxy(), world=World(0, 9))


def test_sharded_processes_have_equal_parts_of_a_batch() -> None:
    """Or one would wait for the piece that the others do not have. Whole models exchange once, whatever their parts."""
    plan = resolve(toys.proxy(batch_tokens=7 * 16, tokens=70 * 16))
    check_split(plan, 2)
    check_split(plan, 7, sharded=True)
    with pytest.raises(
        UserError, match=r"not the same number for each of 2 processes .* proxy.batch_tokens=128 would be"
    ):
        check_split(plan, 2, sharded=True)
    model = Shape(width=2048, layers=16, heads=16, hidden=8192)
    proxy = toys.proxy(
        model=model, batch_tokens=7 * 16, device=Device(dtype="float32", processes=2), vocabulary=100_278
    )
    with pytest.raises(UserError, match=r"\(FSDP\)"):
        check_settings(proxy)


@pytest.fixture
def nobody_else(monkeypatch) -> Iterator[World]:
    """The first of two processes, as it thinks; it exchanges all with itself."""
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    dist.init_process_group("gloo", rank=0, world_size=1, store=dist.HashStore())
    yield World(0, 2)
    dist.destroy_process_group()


def test_each_tries_alone_what_fits_beside_all_that_will_be_there(nobody_else, monkeypatch) -> None:
    """Beside the weights: gradients and both moments of Adam, which a first step does not have yet."""
    original, held, told = loss.objective_of_heads, [], []

    def tight(hidden, head, *rest, **how):
        shape = torch.Size([toys.VOCABULARY, 16])
        storages = {t.untyped_storage().data_ptr() for t in gc.get_objects() if type(t) in KINDS and t.shape == shape}
        held.append((hidden.shape[1] // 15, len(storages)))
        if hidden.shape[1] > 2 * 15:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")
        return original(hidden, head, *rest, **how)

    monkeypatch.setattr(loss, "objective_of_heads", tight)
    monkeypatch.setattr(logging.getLogger("olmix.train.proxy"), "warning", lambda *words: told.append(words[1:3]))
    trained = toys.trainer(toys.proxy(), world=nobody_else)
    monkeypatch.setattr(dist, "_broadcast_coalesced", lambda *_: told.append("an exchange"))
    feed = toys.Languages(trained.plan)
    assert trained.micro_batch == 4
    trained.step(feed.batch(0))
    state, first = trained.state(), list(held)
    held.clear()
    trained.step(feed.batch(1))
    assert [rows for rows, _ in first] == [4, 2, 2, 2]
    assert told == [(4, 2)]
    # Two such matrices, embedding and head: alone as many arrays as any later piece finds.
    assert first[1][1] >= max(count for _, count in held) >= 2 * 4 - 1
    again = toys.trainer(toys.proxy(), world=nobody_else)
    again.restore(state)
    again.step(feed.batch(1))
    assert again.micro_batch == 2  # One that goes on tries too: it may be on another GPU.


def test_foreign_models_are_sharded_by_their_own_layers(nobody_else) -> None:
    """GPT-2 calls them otherwise, and has vectors that are no norms."""
    gpt2 = Foreign(model_type="gpt2", settings={"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 32})
    settings = toys.proxy(model=gpt2)
    one, split = toys.trainer(settings), toys.trainer(settings, world=World(0, 1, sharded=True))
    feed = toys.Languages(one.plan)
    for trained in (one, split):
        trained.model.eval()  # Without dropout.
    sharded = [name for name, module in split.model.named_modules() if isinstance(module, FSDPModule)]
    assert sharded == ["", "transformer.h.0", "transformer.h.1"]
    for number in range(3):
        assert split.step(feed.batch(number)).loss == pytest.approx(one.step(feed.batch(number)).loss, rel=1e-5)
    again = toys.trainer(settings, world=World(0, 1, sharded=True))
    again.restore(one.state())
    again.model.eval()
    assert again.step(feed.batch(3)).loss == pytest.approx(one.step(feed.batch(3)).loss, rel=1e-5)


def test_out_of_memory_among_several_is_half_at_the_next_attempt(nobody_else, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("OLMIX_CACHE", str(tmp_path))
    trained = toys.trainer(toys.proxy(), world=nobody_else)
    feed = toys.Languages(trained.plan)
    trained.step(feed.batch(0))

    def tight(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")

    monkeypatch.setattr(loss, "objective_of_heads", tight)
    with pytest.raises(UserError, match=r"4 sequences at once in process 0 of 2; set device\.micro_batch to 2"):
        trained.step(feed.batch(1))
    trained._hint = "a GPU"
    with pytest.raises(WorkerLost, match="4 sequences at once in process 0 of 2; the next attempt begins with 2"):
        trained.step(feed.batch(1))
    assert micro_batch.remembered("a GPU") == 2
    trained.micro_batch = 1
    with pytest.raises(UserError, match="with one sequence of 16 tokens at once"):
        trained.step(feed.batch(1))
    assert _answer_raises(r1=("lost", "Out of memory"), r0=("cut off", "trace"), first="lost") == "Out of memory"


def _answer_raises(first: str, **outcomes: tuple[str, Any]) -> str:
    with pytest.raises(WorkerLost) as lost:
        _answer(_said(first=first, **outcomes), False, None)
    return str(lost.value)


def test_rows_cover_the_batch() -> None:
    for size in (1, 2, 3, 5):
        rows = [row for rank in range(size) for row in range(8)[World(rank, size).rows(8)]]
        assert rows == list(range(8))


def test_passes_are_shared_and_all_take_as_many_turns() -> None:
    for sharded in (False, True):
        for size, count in ((1, 3), (2, 5), (3, 1), (4, 8), (2, 0)):
            turns = [list(World(rank, size, sharded).turns(count)) for rank in range(size)]
            assert {len(each) for each in turns} == {-(-count // size)}
            assert sorted(turn for each in turns for turn, counts in each if counts) == list(range(count))
            idle = {turn for each in turns for turn, counts in each if not counts}
            assert idle <= ({count - 1} if sharded else {None})


def test_told_to_leave_all_break_an_evaluation_off_after_the_same_pass(monkeypatch) -> None:
    """Which may take longer than a machine that is taken away has left; the answer to a question comes a pass later."""
    from olmix.train import work

    leave, told = threading.Event(), []
    monkeypatch.setattr(work, "LEAVE", leave)
    monkeypatch.setattr(World, "ask", lambda _, *flags: lambda: flags)
    alive = work.evaluating(lambda *said: told.append(said), 1, 2, World(1, 2))
    alive()
    leave.set()
    alive()
    with pytest.raises(Interrupted):
        alive()
    alone = work.evaluating(lambda *said: told.append(said), 1, 2)
    for _ in range(3):
        alone()
    assert set(told) == {(1, 2, "evaluating")}


def test_several_hear_the_answer_to_the_question_of_the_step_before_and_nobody_waits(monkeypatch) -> None:
    """Read when the next step is under way. After a save nobody hears that it is time for one; that all are to leave they do."""
    read: list[tuple[bool, ...]] = []
    monkeypatch.setattr(World, "ask", lambda _, *flags: lambda: read.append(flags) or flags)
    of_two, alone = distributed.Poll(World(rank=1, size=2)), distributed.Poll(World())
    assert of_two.any(True, False) == (False, False)
    assert read == []
    assert of_two.any(False, True) == (True, False)
    assert of_two.any(False, False) == (False, True)
    of_two.any(True, True)
    of_two.forget(1)
    assert of_two.any(False, False) == (True, False)
    assert of_two.any(False, False) == (False, False)
    assert alone.any(True, False) == (True, False)


def test_time_to_save_is_heard_once(nobody_else, monkeypatch, tmp_path) -> None:
    """Asked after every step, heard a step late, and asked again in between."""
    saved: list[int] = []
    monkeypatch.setattr(Checkpoints, "save", lambda _, step, *rest, **how: saved.append(step))
    proxy = toys.proxy(tokens=8 * 128, warmup_tokens=128, checkpoint_seconds=0.0)
    trained = toys.trainer(proxy, world=nobody_else)
    toys.run_whole(trained, toys.Languages(trained.plan), proxy, tmp_path)
    assert saved == [2, 4, 6]


def test_all_go_on_from_a_checkpoint_that_all_find(monkeypatch, tmp_path) -> None:
    checkpoints = Checkpoints(tmp_path)
    for step in (10, 20, 30):
        checkpoints.save(step, {"done": step}, wait=True)
    assert checkpoints.steps() == [20, 30]
    assert _newest(checkpoints, World(), 25) == (20, {"done": 20})
    for found, agreed in ((30, 30), (20, 20), (10, None)):
        monkeypatch.setattr(World, "lowest", lambda _, step, found=found: min(step, found if step >= 20 else -1))
        monkeypatch.setattr(World, "any", lambda _, *flags: flags)
        newest = _newest(checkpoints, World(0, 2), None)
        assert (newest and newest[0]) == agreed


def test_worlds_are_plain() -> None:
    assert dataclasses.asdict(World()) == {"rank": 0, "size": 1, "sharded": False, "attempt": ""}
    assert World().any(True, False) == (True, False)
    assert distributed.World().lowest(3) == 3


@pytest.mark.slow
def test_killed_with_two_processes_ended_with_one(tmp_path) -> None:
    """Outside of any Ray: nothing is left behind by a kill; and wherever the pieces ran, it was one run."""
    corpus.write(tmp_path / "text")
    length = {"learning_rate": 2e-3, "tokens": 160 * 128}
    whole = Killable(tmp_path / "text", tmp_path / "whole", **length)
    first = Killable(tmp_path / "text", tmp_path / "run", device=Device(dtype="float32", processes=2), **length)
    wait_for(lambda: steps_done(tmp_path / "run") >= 12, LONG, pause=0.05)
    family = psutil.Process(first.process.pid).children(recursive=True)
    assert len(below("ray::RayTrainWorker", first.process.pid)) == 2
    first.process.kill()
    _, alive = psutil.wait_procs(family, timeout=60)
    assert alive == []

    Killable(tmp_path / "text", tmp_path / "run", **length).finish()
    whole.finish()
    (one, _), (pieces, _) = outcome(tmp_path / "whole"), outcome(tmp_path / "run")
    assert pieces["tokens_per_leaf"] == one["tokens_per_leaf"]
    assert pieces["metrics"] == pytest.approx(one["metrics"], rel=1e-2)
    assert [loss for _, loss in pieces["loss_curve"]] == pytest.approx(
        [loss for _, loss in one["loss_curve"]], rel=1e-2
    )
