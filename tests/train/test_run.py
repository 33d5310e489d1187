"""Runs that die: real processes, killed, terminated, out of disk; and the checkpoints that they leave."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import random
import shutil
import signal
import sys
import time

import pytest
import torch

from olmix.errors import UserError
from olmix.train.checkpoint import Checkpoints
from olmix.train.diary import Diary
from olmix.train.metrics import MetricsFile, read_metrics
from olmix.train.run import Interrupted, run
from tests.data.s3_server import server  # noqa: F401
from tests.patience import patience
from tests.train import corpus, toys
from tests.train.killable import LONG, Killable, outcome, steps_done, wait_for, warm_context


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("corpus")
    corpus.write(folder / "text")
    return folder / "text"


@pytest.fixture(scope="module")
def undisturbed(data, tmp_path_factory) -> tuple[dict, bytes]:
    folder = tmp_path_factory.mktemp("undisturbed")
    Killable(data, folder).finish()
    return outcome(folder)


def left_out() -> None:
    """Ends with 0 if transformers' generation is there, scikit-learn is not, and nobody later is told that it is missing."""
    from transformers.utils import is_sklearn_available

    there = "transformers.generation.candidate_generator" in sys.modules and "sklearn" not in sys.modules
    sys.exit(0 if there and is_sklearn_available() else 1)


def test_a_worker_imports_no_scikit_learn() -> None:
    pytest.importorskip("sklearn")
    process = warm_context().Process(target=left_out)
    process.start()
    process.join(LONG)
    assert process.exitcode == 0


def test_killed_at_random_steps_it_ends_in_the_same_bits(data, undisturbed, tmp_path) -> None:
    targets = sorted(random.Random(time.time_ns()).sample(range(6, 45), 3))
    print("killed after steps", targets)
    for target in targets:
        started = Killable(data, tmp_path, slow=0.01)
        wait_for(lambda target=target: steps_done(tmp_path) >= target)
        started.process.kill()
        started.finish(-signal.SIGKILL)
    assert "Resumed at step" in Killable(data, tmp_path).finish()
    assert outcome(tmp_path) == undisturbed
    train = [r for r in read_metrics(tmp_path / "out" / "metrics.jsonl") if "train/loss" in r]
    assert [r["step"] for r in train] == list(range(1, 61))


def test_killed_while_saving_it_goes_on_from_the_save_before(data, undisturbed, tmp_path) -> None:
    started = Killable(data, tmp_path, slow=0.01, checkpoint_tokens=128)
    folder = tmp_path / "scratch" / "checkpoints"

    def saving() -> bool:
        with contextlib.suppress(FileNotFoundError):
            return steps_done(tmp_path) > 10 and any(path.name.startswith(".") for path in folder.iterdir())
        return False

    wait_for(saving)
    started.process.kill()
    started.finish(-signal.SIGKILL)
    assert "Resumed at step" in Killable(data, tmp_path).finish()
    assert outcome(tmp_path) == undisturbed


def test_terminated_it_saves_and_leaves_within_seconds(data, undisturbed, tmp_path) -> None:
    started = Killable(data, tmp_path, slow=0.02, checkpoint_tokens=None)
    wait_for(lambda: steps_done(tmp_path) >= 20)
    asked = time.monotonic()
    started.process.terminate()
    assert "SIGTERM: saved after step" in started.finish(1)
    assert time.monotonic() - asked < patience(10)
    assert f"Resumed at step {steps_done(tmp_path)}" in Killable(data, tmp_path).finish()
    assert outcome(tmp_path) == undisturbed


def test_a_full_disk_is_loud_and_leaves_nothing_half_written(data, undisturbed, tmp_path) -> None:
    """A run that may write no file beyond 20 kB cannot write its checkpoints: it says so, and can be done later."""
    assert "File too large" in Killable(data, tmp_path, tiny_files=20_000).finish(1)
    assert list((tmp_path / "scratch" / "checkpoints").iterdir()) == []
    Killable(data, tmp_path).finish()
    assert outcome(tmp_path) == undisturbed


def train(folder: pathlib.Path, *, steps: int | None = None, **changes):
    """A run in this process; `steps` raises KeyboardInterrupt before that step, as Ctrl-C does."""
    proxy = toys.proxy(**changes)
    trained = toys.trainer(proxy)
    feed = toys.Languages(trained.plan)
    if steps is not None:
        original = trained.step

        def step(batch):
            if trained.done == steps:
                raise KeyboardInterrupt
            return original(batch)

        trained.step = step
    folder.mkdir(exist_ok=True)
    evaluations = []

    def evaluate(_: int) -> dict[str, float]:
        evaluations.append(trained.tokens)
        return {"bpb/up": 1.0}

    with contextlib.suppress(KeyboardInterrupt):
        return (
            trained,
            toys.run_whole(trained, feed, proxy, folder, evaluate),
            evaluations,
        )
    return None


def test_exact_budget_is_kept_across_attempts(tmp_path) -> None:
    train(tmp_path, steps=17, checkpoint_tokens=4 * 128)
    trained, found, _ = train(tmp_path, checkpoint_tokens=4 * 128)
    assert found.resumed_from == 16
    assert found.tokens == trained.plan.tokens == 30 * 128
    assert sum(found.sequences) * 16 == found.tokens
    assert len(found.curve) == 30


def test_newest_and_no_more_than_asked_are_kept(tmp_path) -> None:
    train(tmp_path, checkpoint_tokens=4 * 128, keep_checkpoints=3)
    assert Checkpoints(tmp_path / "checkpoints").steps() == [20, 24, 28]


def test_periods_leave_usable_checkpoints_and_evaluations(tmp_path) -> None:
    proxy = toys.proxy(checkpoint_tokens=128, keep_checkpoints=1)
    trained = toys.trainer(proxy)
    trained.plan = dataclasses.replace(trained.plan, period_ends=(10 * 128, 20 * 128, 30 * 128))
    trained.schedule = trained.plan.schedule()
    seen: list[int] = []

    def evaluate(_: int) -> dict[str, float]:
        seen.append(trained.done)
        return {}

    toys.run_whole(trained, toys.Languages(trained.plan), proxy, tmp_path, evaluate)
    assert seen == [10, 20, 30]
    assert Checkpoints(tmp_path / "checkpoints").steps() == [10, 20, 29]


def test_what_periods_left_is_made_again_where_only_the_checkpoints_are(tmp_path) -> None:
    """On another machine, that knows the run from an object store; where the checkpoint is gone too it goes back to before."""
    proxy = toys.proxy(checkpoint_tokens=4 * 128)

    def go(name: str, die: int | None = None) -> tuple[dict[str, float], list[int]]:
        trained, done = toys.trainer(proxy), []
        trained.plan = dataclasses.replace(trained.plan, period_ends=(10 * 128, 20 * 128, 30 * 128))
        trained.schedule = trained.plan.schedule()
        folder, step = tmp_path / name, trained.step
        (folder / "periods").mkdir(parents=True, exist_ok=True)

        def one(batch):
            if trained.done == die:
                raise KeyboardInterrupt
            done.append(trained.done)
            return step(batch)

        def keep(tokens: int) -> None:
            (folder / "periods" / str(tokens)).write_text(repr(trained.model.lm_head.weight.sum().item()))

        trained.step = one
        feed = toys.Languages(trained.plan)
        with (
            contextlib.suppress(KeyboardInterrupt),
            contextlib.closing(Diary(trained.plan, feed.leaves, None)) as diary,
        ):
            run(
                trained, [feed], proxy, [diary], scratch=folder, evaluate=lambda _: {}, progress=lambda *_: None,
                period_end=keep, kept=lambda tokens: (folder / "periods" / str(tokens)).exists(),
            )  # fmt: skip
            assert diary.tokens == proxy.tokens
        return {path.name: path.read_text() for path in sorted((folder / "periods").iterdir())}, done

    go("one", die=26)
    shutil.copytree(tmp_path / "one" / "checkpoints", tmp_path / "two" / "checkpoints")
    shutil.copytree(tmp_path / "one" / "checkpoints", tmp_path / "three" / "checkpoints")
    whole, _ = go("whole")
    assert len(whole) == 3
    assert go("one") == (whole, [*range(24, 30)])
    assert go("two") == (whole, [*range(24, 30)])
    (tmp_path / "three" / "checkpoints" / "step-000000000020.pt").unlink()
    assert go("three") == (whole, [*range(16, 30)])


def test_what_takes_long_is_announced_before_it_begins(tmp_path) -> None:
    """Who watches a run counts its silence anew from each of these."""
    proxy = toys.proxy(tokens=6 * 128, checkpoint_tokens=2 * 128)
    trained, said = toys.trainer(proxy), []
    trained.plan = dataclasses.replace(trained.plan, period_ends=(3 * 128, 6 * 128))

    def progress(done: float, total: float, note: str) -> None:
        said.append((done // 128, "step" if note.startswith("loss") else note))

    toys.run_whole(trained, toys.Languages(trained.plan), proxy, tmp_path, progress=progress)
    assert said == [
        (0, "looking for a checkpoint"), (0, "the first step"),
        (1, "step"), (2, "step"), (2, "saving a checkpoint"),
        (3, "step"), (3, "the end of a period"), (3, "saving a checkpoint"),
        (4, "step"), (4, "saving a checkpoint"),
        (5, "step"), (6, "step"), (6, "the end of a period"), (6, "waiting for the last checkpoint"),
    ]  # fmt: skip


def test_evaluations_by_interval_leave_the_result_as_it_is(tmp_path) -> None:
    often, a, when = train(tmp_path / "often", evaluate_tokens=10 * 128, checkpoint_tokens=128)
    never, b, _ = train(tmp_path / "never")
    assert when == [1280, 2560, 3840]
    assert a.curve == b.curve
    assert all(torch.equal(x, toys.weights(never)[name]) for name, x in toys.weights(often).items())


def test_terminated_in_an_evaluation_it_saves_at_once_and_evaluates_when_it_is_back(tmp_path) -> None:
    """SIGTERM while the first of two evaluations goes on for ever: saved after step 10, and nothing is lost or done twice."""
    proxy = toys.proxy(evaluate_tokens=10 * 128)
    trained, seen = toys.trainer(proxy), []

    def for_ever(_: int) -> dict[str, float]:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
        return {}

    with pytest.raises(Interrupted, match="saved after step 10 of 30"):
        toys.run_whole(trained, toys.Languages(trained.plan), proxy, tmp_path, for_ever)
    again = toys.trainer(proxy)
    found = toys.run_whole(
        again, toys.Languages(again.plan), proxy, tmp_path, lambda _: seen.append(again.done) or {"x": 1.0}
    )
    assert seen == [10, 20, 30]
    assert found.resumed_from == 10
    assert [tokens for tokens, _ in found.evaluations] == [1280, 2560, 3840]
    whole, expected, _ = train(tmp_path / "undisturbed", evaluate_tokens=10 * 128)
    assert found.curve == expected.curve
    assert all(torch.equal(x, toys.weights(again)[name]) for name, x in toys.weights(whole).items())


@pytest.mark.parametrize("end", [15, 30])
def test_what_was_trained_is_safe_before_a_period_is_measured_and_written(tmp_path, monkeypatch, end) -> None:
    """It dies while the model at a period's end is written: no step is done twice, and the result is the same.

    And the period's checkpoint stays, with what was measured there.
    """
    from olmix.train import run as running

    monkeypatch.setattr(running, "AT_RISK", 0.0)
    proxy, done, dead = toys.proxy(checkpoint_tokens=4 * 128, keep_checkpoints=1), [], []

    def go(folder: pathlib.Path, end: int | None):
        trained = toys.trainer(proxy)
        trained.plan = dataclasses.replace(trained.plan, period_ends=(15 * 128, 30 * 128))
        trained.schedule, original = trained.plan.schedule(), trained.step
        trained.step = lambda batch: (done.append(trained.done), original(batch))[1]

        def write(tokens: int) -> None:
            if end is not None and tokens == end * 128 and not dead:
                dead.append(end)
                raise KeyboardInterrupt

        feed = toys.Languages(trained.plan)
        folder.mkdir(exist_ok=True)
        with contextlib.closing(Diary(trained.plan, feed.leaves, folder / "metrics.jsonl", log_tokens=1)) as diary:
            found = run(
                trained, [feed], proxy, [diary], scratch=folder, evaluate=lambda _: {"x": 1.0},
                progress=lambda *_: None, period_end=write,
            )[0]  # fmt: skip
        return found, toys.weights(trained)

    with pytest.raises(KeyboardInterrupt):
        go(tmp_path / "one", end)
    found, weights = go(tmp_path / "one", end)
    assert done == [*range(30)]
    assert found.resumed_from == end
    whole, expected = go(tmp_path / "whole", None)
    assert (found.curve, found.evaluations) == (whole.curve, whole.evaluations)
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    kept = Checkpoints(tmp_path / "one" / "checkpoints")
    assert kept.steps()[0] == 15
    (diary,) = kept.at(15)["diaries"]  # type: ignore[index]
    assert [tokens for tokens, _ in diary["evaluations"]] == [15 * 128]


def test_each_step_is_given_the_time_it_took(tmp_path) -> None:
    """On a CPU too, where a step that ends before its numbers are asked for must not look like one that took no time."""
    proxy = toys.proxy(checkpoint_tokens=5 * 128, evaluate_tokens=7 * 128, log_tokens=1)
    trained, notes = toys.trainer(proxy), []
    original = trained.step

    def step(batch):
        time.sleep(0.002 if trained.done < 15 else 0.02)
        return original(batch)

    trained.step = step
    found = toys.run_whole(
        trained, toys.Languages(trained.plan), proxy, tmp_path, lambda _: {"x": 1.0}, lambda *told: notes.append(told)
    )
    steps = [record for record in read_metrics(tmp_path / "metrics.jsonl") if "train/loss" in record]
    seconds = [128 / record["throughput/device tokens per second"] for record in steps]
    assert len(steps) == sum("tokens/s" in note for *_, note in notes) == 30
    assert min(seconds[:15]) > 0.002
    assert min(seconds[15:]) > 0.02
    assert sum(seconds) == pytest.approx(found.seconds)
    assert all(record["throughput/share waiting for data"] <= 1 for record in steps)


def test_not_a_number_ends_the_run_as_a_result(tmp_path) -> None:
    proxy = toys.proxy()
    trained = toys.trainer(proxy)
    original = trained.step

    def step(batch):
        if trained.done == 7:
            with torch.no_grad():
                trained.model.lm_head.weight[0, 0] = float("inf")
        return original(batch)

    trained.step = step
    feed = toys.Languages(trained.plan)
    found = toys.run_whole(trained, feed, proxy, tmp_path)
    assert found.status == "diverged"
    assert "step 8 of 30" in found.reason
    assert found.tokens == 8 * 128
    assert len(found.curve) == 7
    assert read_metrics(tmp_path / "metrics.jsonl")[-1]["train/loss"] is None


def state(value: float) -> dict:
    return {"x": torch.full((1000,), value), "n": 3, "list": [1.5, 2.5]}


@pytest.mark.parametrize("damage", ["truncated", "flipped", "no note", "empty", "another note"])
def test_damaged_checkpoints_are_skipped_and_named(tmp_path, caplog, damage) -> None:
    saves = Checkpoints(tmp_path)
    saves.save(5, state(0.5), wait=True, mark="period-end")
    saves.save(10, state(1.0), wait=True)
    saves.save(20, state(2.0), wait=True)
    (tmp_path / "step-000000000005.pt").unlink()  # The oldest is gone, and only its note is there.
    path = tmp_path / "step-000000000020.pt"
    content = path.read_bytes()
    if damage == "truncated":
        path.write_bytes(content[:-100])
    elif damage == "flipped":
        path.write_bytes(content[:500] + bytes([content[500] ^ 1]) + content[501:])
    elif damage == "another note":
        path.with_suffix(".json").write_text("[]")
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        path.with_suffix(".json").unlink()
    found = Checkpoints(tmp_path).newest()
    assert found is not None
    assert found[0] == 10
    assert torch.equal(found[1]["x"], torch.ones(1000))
    assert "step-000000000020.pt" in caplog.text


def test_a_save_is_of_the_moment_it_was_asked_for(tmp_path) -> None:
    tensor = torch.zeros(2_000_000)
    saves = Checkpoints(tmp_path)
    saves.save(1, {"x": tensor})
    tensor += 1
    saves.wait()
    found = saves.newest()
    assert found is not None
    assert float(found[1]["x"].max()) == 0.0


def test_another_machine_goes_on_from_the_object_store(tmp_path, server, monkeypatch, caplog) -> None:  # noqa: F811
    for name, value in {"ENDPOINT_URL": server.url, "ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    server.bucket("saved")
    one = Checkpoints(tmp_path / "one", keep=2, store="s3://saved/runs/a")
    for step in (10, 20, 30):
        one.save(step, state(step / 10), wait=True, mark="period-end" if step == 10 else None)
    one.save(40, state(4.0), wait=True)
    elsewhere = Checkpoints(tmp_path / "two", store="s3://saved/runs/a")
    found = elsewhere.newest()
    assert found is not None
    assert (found[0], float(found[1]["x"][0])) == (40, 4.0)
    assert float(elsewhere.at(10)["x"][0]) == 1.0
    assert elsewhere.at(20) is None
    kept = [f"runs/a/step-{step:012d}.{kind}" for step in (10, 30, 40) for kind in ("json", "pt")]
    assert sorted(server.backend.buckets["saved"].keys) == kept

    server.put("saved", kept[-1], b"half")
    found = elsewhere.newest()
    assert found is not None
    assert found[0] == 30
    assert "s3://saved/runs/a/step-000000000040.pt: it has 4 of" in caplog.text
    elsewhere.forget_remote()
    assert not list(server.backend.buckets["saved"].keys)
    assert elsewhere.newest() is None
    found = one.newest()
    assert found is not None
    assert found[0] == 40


def test_a_bucket_that_is_not_there_fails_the_save(tmp_path, server, monkeypatch) -> None:  # noqa: F811
    for name, value in {"ENDPOINT_URL": server.url, "ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    with pytest.raises(UserError, match=r"Checkpoints in s3://nowhere/a: .*NoSuchBucket"):
        Checkpoints(tmp_path, store="s3://nowhere/a").save(1, state(1.0), wait=True)


def test_no_checkpoint_is_none(tmp_path) -> None:
    assert Checkpoints(tmp_path / "nowhere").newest() is None


def test_metrics_file_mends_a_torn_line(tmp_path) -> None:
    path = tmp_path / "metrics.jsonl"
    with MetricsFile(path) as metrics:
        metrics.write({"step": 1, "train/loss": 2.0})
    with path.open("a") as file:
        file.write('{"step": 2, "train/lo')
    with MetricsFile(path) as metrics:
        metrics.write({"step": 2, "train/loss": float("nan")})
        metrics.write({"step": 1, "train/loss": 3.0})
    assert read_metrics(path) == [{"step": 1, "train/loss": 3.0}, {"step": 2, "train/loss": None}]
