"""Runs of a toy experiment on a real store and a real embedded Ray: resume, failures, lost and hanging workers."""

from __future__ import annotations

import dataclasses
import io
import json
import math
import os
import pathlib
import time
import types
from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console

from olmix.errors import UserError
from olmix.graph import executor, preview, runner
from olmix.graph.executor import Executor, StepsFailed, _Task
from olmix.graph.plan import make_pieces, make_plan
from olmix.graph.preview import render
from olmix.graph.progress import Reporter
from olmix.graph.ray_engine import RayEngine, RayFailed, RaySettings, _lost
from olmix.graph.resources import Needs
from olmix.graph.store import Store, write_atomically
from olmix.graph.worker import MEMBERS, PROGRESS, Job, StoreContext, perform
from tests.graph.toy import Part, Source, Toy, diary, groups, toy


@pytest.fixture(scope="module")
def engine() -> Iterator[RayEngine]:
    """One Ray for the module; starting one takes seconds."""
    engine = RayEngine(RaySettings(cpus=2))
    engine.start()
    yield engine
    engine.stop()


@pytest.fixture
def go(engine: RayEngine, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs an experiment on a store in `tmp_path` and returns (run, what was printed)."""
    monkeypatch.setattr(runner, "RayEngine", lambda settings: engine)
    monkeypatch.setattr(engine, "stop", lambda: None)

    def run(experiment: Toy, **settings: Any) -> tuple[runner.Run, str]:
        said = io.StringIO()
        done = runner.run_experiment(
            experiment, Store(tmp_path / "store"), resolved="{}\n", blame='{"lines": {"parts.factors": "me"}}', ray=RaySettings(),
            reporter=Reporter(Console(file=said, width=200)), **settings,
        )  # fmt: skip
        return done, said.getvalue()

    return run


def test_runs_once_and_only_what_is_missing(go: Any, tmp_path: pathlib.Path) -> None:
    experiment = toy(tmp_path)
    first, said = go(experiment)
    assert first.read(experiment.half).value == 30
    assert first.read(experiment.parts).parts == {"x1": 10, "x2": 20, "x3": 30}
    assert sorted(diary(tmp_path)) == [1, 2, 3]
    assert "parts: 3 of 3 done, 0 running, 0 failed" in said

    again, _ = go(toy(tmp_path))
    assert again.ran == ()
    assert len(diary(tmp_path)) == 3

    larger = toy(tmp_path, factors=(1.0, 2.0, 3.0, 4.0))
    more, said = go(larger)
    assert diary(tmp_path)[3:] == [4]
    assert more.read(larger.half).value == 50
    assert "3 of 4 are there already" in said


def test_an_artifact_says_what_it_is(go: Any, tmp_path: pathlib.Path) -> None:
    experiment = toy(tmp_path)
    run, _ = go(experiment)
    folder = run.artifact(experiment.source)
    assert {path.name for path in folder.iterdir()} == {
        "result.json",
        "about.json",
        "config.txt",
        "blame.json",
        "note.txt",
    }
    about = json.loads((run.artifact(experiment.parts) / "about.json").read_text())
    assert about["upstream"] == {"source": folder.name}
    assert set(about["code"]) == {"commit", "dirty"}
    assert about["environment"]["python"].startswith("3.")
    assert json.loads((run.artifact(experiment.parts) / "blame.json").read_text()) == {"parts.factors": "me"}
    assert (run.folder / "artifacts" / "parts.x2" / "result.json").is_file()
    assert (run.folder.parent / "latest").resolve() == run.folder.resolve()
    assert not list((tmp_path / "store" / "staging").iterdir())
    assert not list((tmp_path / "store" / "scratch").iterdir())


def test_changed_data_is_stale_and_named(go: Any, tmp_path: pathlib.Path) -> None:
    go(toy(tmp_path))
    (tmp_path / "number.txt").write_text("11")
    store = Store(tmp_path / "store")
    nodes = {node.label: node for node in make_plan(toy(tmp_path), store).nodes}
    assert nodes["source"].state == "stale"
    assert nodes["source"].reason == "the data it reads changed under the same name"
    assert nodes["half"].reason == "new parts"
    experiment = toy(tmp_path)
    run, _ = go(experiment)
    assert run.read(experiment.half).value == 33


def test_changed_setting_is_stale_and_named(go: Any, tmp_path: pathlib.Path) -> None:
    go(toy(tmp_path))
    plan = make_plan(toy(tmp_path, factors=(1.0, 5.0)), Store(tmp_path / "store"))
    assert plan.nodes[1].reason == "factors[1] 2.0 → 5.0; factors[2] 3.0 → (unset)"


def test_operational_settings_change_nothing(tmp_path: pathlib.Path) -> None:
    store = Store(tmp_path / "store")
    one = make_plan(toy(tmp_path), store)
    other = make_plan(toy(tmp_path, seconds=3.0, patience=1.0), store)
    assert [node.fingerprint for node in one.nodes] == [node.fingerprint for node in other.nodes]


def test_a_lost_worker_is_replaced(go: Any, tmp_path: pathlib.Path) -> None:
    experiment = toy(tmp_path, trouble={"2": "die once"})
    run, said = go(experiment)
    assert run.read(experiment.half).value == 30
    assert sorted(diary(tmp_path)) == [1, 2, 2, 3]
    assert "parts/x2: its worker died" in said
    assert "attempt 2" in said
    # What a worker logs is in the run's log, even if it died of it; a warning is said as well.
    assert said.count("parts/x2: a wheel squeaks") == 1
    assert "oiled" not in said
    lines = (run.folder / "log.txt").read_text()
    assert lines.count("parts/x2: a wheel squeaks") == lines.count("olmix.toy: parts/x2: the wheel is oiled") == 1


def test_a_piece_that_always_dies_does_not_take_the_others_along(go: Any, tmp_path: pathlib.Path) -> None:
    with pytest.raises(StepsFailed, match=r"1 of 3 failed.*\n.*x2: lost its worker 3 times"):
        go(toy(tmp_path, trouble={"2": "die"}))
    before = len(diary(tmp_path))
    experiment = toy(tmp_path)
    run, _ = go(experiment)
    assert diary(tmp_path)[before:] == [2]
    assert run.read(experiment.half).value == 30


def test_pieces_that_share_a_task_are_artifacts_of_their_own(go: Any, tmp_path: pathlib.Path) -> None:
    """Two alone; then five in groups of three: the missing three in one. Then other groups and none: nothing is left to do."""
    go(toy(tmp_path, factors=(1.0, 2.0)))
    larger = toy(tmp_path, factors=(1.0, 2.0, 3.0, 4.0, 5.0), group=3)
    run, said = go(larger)
    assert run.read(larger.parts).parts == {f"x{n}": 10 * n for n in range(1, 6)}
    assert diary(tmp_path) == [1, 2, 3, 4, 5]
    assert groups(tmp_path) == ["3 +"]
    assert "parts: 3 of 3 done, 0 running, 0 failed" in said
    assert set(run.ran) == {"parts/x3", "parts/x4", "parts/x5", "parts", "half"}
    about = json.loads((run.folder / "artifacts" / "parts.x4" / "about.json").read_text())
    assert (about["label"], about["together"]) == ("parts/x4", 3)
    assert go(toy(tmp_path, factors=(1.0, 2.0, 3.0, 4.0, 5.0), group=2))[0].ran == ()
    for place in ("staging", "scratch"):
        assert not list((tmp_path / "store" / place).iterdir())


def test_a_lost_group_goes_on_in_its_own_scratch_and_one_failure_is_all_of_theirs(
    go: Any, tmp_path: pathlib.Path
) -> None:
    experiment = toy(tmp_path, factors=(1.0, 2.0, 3.0, 4.0), group=2, trouble={"2": "die once", "4": "raise"})
    with pytest.raises(StepsFailed, match=r"2 of 4 failed(.|\n)*parts/x3(.|\n)*parts/x4: ValueError: a wheel"):
        go(experiment)
    assert sorted(groups(tmp_path)) == ["2 +", "2 +", "2 ++"]
    mended = toy(tmp_path, factors=(1.0, 2.0, 3.0, 4.0), group=2)
    run, said = go(mended)
    assert run.read(mended.parts).value == 100
    assert "2 of 4 are there already" in said
    assert groups(tmp_path)[3:] == ["2 ++"]


def test_what_a_group_left_that_never_comes_back_is_removed(go: Any, tmp_path: pathlib.Path) -> None:
    """Four together fail, and three others; once one of the four is finished alone, nobody can go on with the four."""
    scratch = tmp_path / "store" / "scratch"

    def left() -> list[list[str]]:
        return sorted(json.loads((path / MEMBERS).read_text()) for path in scratch.iterdir() if "together" in path.name)

    with pytest.raises(StepsFailed, match="4 of 4 failed"):
        go(toy(tmp_path, factors=(1.0, 2.0, 3.0, 4.0), group=4, trouble={"4": "raise"}))
    with pytest.raises(StepsFailed, match="3 of 3 failed"):
        go(toy(tmp_path, factors=(5.0, 6.0, 7.0), group=3, trouble={"7": "raise"}))
    assert sorted(len(members) for members in left()) == [3, 4]
    go(toy(tmp_path, factors=(1.0,)))
    assert [len(members) for members in left()] == [3]
    go(toy(tmp_path, factors=(1.0, 2.0, 6.0, 7.0), group=2))
    assert not list(scratch.iterdir())


def test_what_another_runner_has_finished_is_left_out_of_a_group(tmp_path: pathlib.Path) -> None:
    """The same piece twice in a group is done once; one that is there already is found, the others run."""
    store = Store(tmp_path / "store")
    store.prepare()
    parts = toy(tmp_path)
    plan = make_plan(parts, store)
    source = plan.nodes[0]

    def job(node: Any, upstream: Any = ()) -> Job:
        return Job(store.root, "toy", node.label, node.step, node.artifact, node.about("toy"), {}, upstream)

    assert perform([job(source)])[0].status == "ran"
    context = StoreContext(job(source, [(source.step, source.artifact)]), tmp_path)
    pieces = make_pieces(plan, plan.nodes[1], parts.parts.pieces(context))
    one, two, three = (job(piece, [(source.step, source.artifact)]) for piece in pieces.values())
    assert perform([two])[0].status == "ran"
    assert [outcome.status for outcome in perform([one, two, one, three])] == ["ran", "found", "ran", "ran"]
    assert diary(tmp_path) == [2, 1, 3]
    assert all(store.has(piece.artifact) for piece in pieces.values())


@pytest.mark.parametrize(("asked", "patience"), [(2.4 / 60, "0.04"), (None, "0.0333")])
def test_a_hanging_worker_is_ended_and_replaced(go: Any, tmp_path: pathlib.Path, asked, patience: str) -> None:
    """After the minutes that its needs say, or else those that the step itself thinks right."""
    experiment = toy(tmp_path, trouble={"3": "hang once"}, patience=asked)
    run, said = go(experiment)
    assert f"parts/x3: no progress for {patience} minutes (at 0 %); ending it" in said
    assert "parts/x3: its worker was ended; started again (attempt 2)" in said
    assert run.read(experiment.half).value == 30


def test_a_lost_worker_is_told_of_in_a_few_words() -> None:
    """And not in those of Ray, which names commands and files for finding out more."""
    from ray import exceptions

    long = "Task failed because the node it was running on is dead or unavailable. Node IP: 10.0.0.7, node ID: 39e. Use `ray`"
    assert _lost(exceptions.NodeDiedError(long)) == "its node 10.0.0.7 is gone"
    assert _lost(exceptions.NodeDiedError("nobody knows")) == "its node is gone"
    assert "its worker died" in _lost(exceptions.WorkerCrashedError())
    assert _lost(exceptions.OutOfMemoryError("Task was killed.\nMemory")) == "OutOfMemoryError: Task was killed."


def test_a_ray_that_does_not_start_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    def refuse(**options: Any) -> None:
        raise Exception("The current node timed out during startup. This could happen because\nmore lines")

    monkeypatch.setattr(ray, "init", refuse)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    # The other tests' own instance is running, and its folder would be taken for that of the one that did not start.
    monkeypatch.setattr("olmix.graph.ray_engine._session_folder", lambda: None)
    engine = RayEngine(RaySettings(cpus=1))
    with pytest.raises(RayFailed, match=r"came up on this machine: The current node timed out during startup"):
        engine.start()
    engine.stop()


class Killed(list):
    """The part of an engine that a hang is told to: which tasks were ended."""

    def kill(self, reference: Any) -> None:
        self.append(reference)


@pytest.mark.parametrize("ahead", [-3600.0, 0.0, 3600.0])
def test_clocks_that_differ_neither_hide_a_hang_nor_make_one(tmp_path: pathlib.Path, ahead: float) -> None:
    """A machine whose clock is an hour off reports its progress, then none: what counts is how long we have seen none."""
    store = Store(tmp_path / "store")
    store.prepare()
    said, ended = io.StringIO(), Killed()
    watching = Executor(make_plan(toy(tmp_path), store), ended, Reporter(Console(file=said, width=200)))  # type: ignore[arg-type]
    node = make_plan(toy(tmp_path), store).nodes[0]
    task = _Task((node,), Needs(patience_minutes=0.2 / 60))
    file = store.scratch(task.scratch) / PROGRESS
    file.parent.mkdir(parents=True)

    def tells(done: int, at: float) -> None:
        write_atomically(file, json.dumps({"done": done, "total": 10, "note": "evaluating", "pid": 1}))
        os.utime(file, (at, at))

    with watching.reporter.stage("toy", 1) as stage:
        tells(9, time.time() + ahead)  # Of an earlier attempt.
        task.seen = watching._stamp(task)
        time.sleep(0.3)
        watching._watch("it", task, stage)
        assert not ended
        for done in range(1, 5):
            tells(done, time.time() + ahead)
            watching._watch("it", task, stage)
            time.sleep(0.1)
        assert not ended
        time.sleep(0.3)
        watching._watch("it", task, stage)
        watching._watch("it", task, stage)
    assert ended == ["it"]
    assert "no progress for 0.00333 minutes (at 40 %, evaluating); ending it" in said.getvalue()


@pytest.mark.parametrize("minutes", [0.0, -1.0, float("nan")])
def test_patience_is_more_than_none(minutes: float) -> None:
    with pytest.raises(UserError, match="must be more than 0; a very large number waits for ever"):
        Needs(patience_minutes=minutes)


def test_a_launcher_that_was_stopped_itself_does_not_take_its_workers_for_hanging(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-Z for five hours, with a patience of ten minutes; then the worker is silent while somebody looks."""
    store, now, ended = Store(tmp_path / "store"), [1000.0], Killed()
    store.prepare()
    monkeypatch.setattr(executor, "time", types.SimpleNamespace(monotonic=lambda: now[0]))
    plan = make_plan(toy(tmp_path), store)
    watching = Executor(plan, ended, Reporter(Console(file=io.StringIO())))  # type: ignore[arg-type]
    task = _Task((plan.nodes[0],), Needs(patience_minutes=10.0))
    file = store.scratch(task.scratch) / PROGRESS
    file.parent.mkdir(parents=True)
    stage = types.SimpleNamespace(running=lambda *_: None)

    def look(minutes: int) -> None:
        for _ in range(6 * minutes):
            now[0] += 10
            watching._watch("it", task, stage)

    look(60)  # It waits for a machine.
    write_atomically(file, json.dumps({"done": 1, "total": 10, "note": "", "pid": 1}))
    look(8)
    now[0] += 5 * 3600
    look(1)
    write_atomically(file, json.dumps({"done": 2, "total": 10, "note": "", "pid": 1}))
    look(9)
    assert not ended
    look(2)
    assert ended == ["it"]


@pytest.mark.parametrize(
    ("trouble", "error", "words"),
    [
        ("raise", StepsFailed, "ValueError: a wheel came off"),
        ("mistake", UserError, "parts/x2: factor is silly."),
        ("nan", StepsFailed, "JSON has no NaN"),
    ],
)
def test_failures_speak(go: Any, tmp_path: pathlib.Path, trouble: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        go(toy(tmp_path, trouble={"2": trouble}))
    assert sorted(diary(tmp_path)) == [1, 2, 3]
    log = next((tmp_path / "store" / "experiments" / "toy").glob("2*/log.txt")).read_text()
    assert words in log


def test_needs_that_nobody_has_are_refused(go: Any, tmp_path: pathlib.Path) -> None:
    experiment = toy(tmp_path)
    lone = Part(source=experiment.source, factor=1.0, diary=str(tmp_path / "diary.txt"))
    greedy = dataclasses.replace(lone, needs=dataclasses.replace(lone.needs, gpus=1, accelerator="A100"))
    with pytest.raises(UserError, match=r"parts asks for 1 CPU and 1 A100 on one node.*there: 2 CPU, no GPU"):
        go(dataclasses.replace(experiment, parts=greedy))


def test_memory_that_no_node_has_is_refused_and_not_waited_for(go: Any, tmp_path: pathlib.Path) -> None:
    experiment = toy(tmp_path)
    lone = Part(source=experiment.source, factor=1.0, diary=str(tmp_path / "diary.txt"))
    vast = dataclasses.replace(lone, needs=Needs(cpus=1, memory_gib=1e6))
    with pytest.raises(UserError, match=r"parts asks for 1 CPU and 1e\+06 GiB on one node, and no node has that"):
        go(dataclasses.replace(experiment, parts=vast))


@pytest.mark.parametrize(
    "amounts",
    [{"cpus": 1.5}, {"gpus": 2.5}, {"memory_gib": 0}, {"cpus": -1}, {"memory_gib": math.inf}, {"cpus": math.nan}],
)
def test_amounts_that_no_machine_could_give(amounts: dict[str, float]) -> None:
    with pytest.raises(UserError, match=r"A step can|needs more than none"):
        Needs(**amounts)


def test_until_stops_there(go: Any, tmp_path: pathlib.Path) -> None:
    experiment = toy(tmp_path)
    run, _ = go(experiment, until="source")
    assert [node.label for node in run.plan.nodes] == ["source"]
    with pytest.raises(UserError, match=r"No step 'sorce' in this experiment \(nearest: source\)"):
        go(experiment, until="sorce")
    with pytest.raises(UserError, match=r"No step 'parts.label' in this experiment"):
        go(experiment, until="parts.label")


def test_missing_data_is_a_mistake(go: Any, tmp_path: pathlib.Path) -> None:
    experiment = toy(tmp_path)
    gone = dataclasses.replace(experiment, source=Source(path=str(tmp_path / "nowhere")))
    with pytest.raises(UserError, match="does not exist"):
        go(gone)


def test_a_mistake_that_shows_early_is_told_before_anything_is_paid_for(go: Any, tmp_path: pathlib.Path) -> None:
    good = toy(tmp_path)
    bad = dataclasses.replace(good, half=dataclasses.replace(good.half, at_least=11.0))
    with pytest.raises(UserError, match=r"^half: at_least is more than there is\.$"):
        go(bad)
    assert diary(tmp_path) == []
    shown = list_until_error(make_plan(bad, Store(tmp_path / "elsewhere")))
    assert shown[0].startswith("source: run")
    assert "at_least" in shown[-1]
    go(good)
    assert sorted(diary(tmp_path)) == [1, 2, 3]


def list_until_error(plan: Any) -> list[str]:
    """The blocks of a dry run, and last the mistake that ends it."""
    shown: list[str] = []
    with pytest.raises(UserError) as mistake:
        shown.extend(preview.blocks(plan))
    return [*shown, str(mistake.value)]


def test_dry_run_computes_what_is_cheap_and_writes_nothing(tmp_path: pathlib.Path) -> None:
    store = Store(tmp_path / "store")
    text = render(make_plan(toy(tmp_path, group=2), store))
    assert "the number is 10" in text
    assert "parts: run (never run); 3 of 3 pieces to run" in text
    assert "[2 tasks with 1 CPU each, gathered in the launcher]" in text
    assert not store.root.exists()
