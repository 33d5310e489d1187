"""Swarms that end in the middle and go on, on a real store with the real executor; only Ray is left out (`Inline`).

What is started again need not be asked for as before: another stack, one after the other, on a machine that was pre-empted.
"""

from __future__ import annotations

import dataclasses
import io
import json
import os
import pathlib
import signal
from collections.abc import Callable
from typing import Any

import pytest
import torch
from rich.console import Console

from olmix.graph import Experiment, Step, runner
from olmix.graph.executor import StepsFailed
from olmix.graph.progress import Reporter
from olmix.graph.ray_engine import RaySettings
from olmix.graph.store import Store
from olmix.graph.worker import perform
from olmix.train.proxy import Trainer
from olmix.train.results import ProxyResult
from olmix.train.stacked import StackedTrainer
from olmix.train.steps import Swarm
from tests.train import corpus, toys
from tests.train.test_steps import scan, swarm  # noqa: F401 (scan is a fixture)

STEPS = 12


class Died(BaseException):
    """The process of a task is gone, as after kill -9."""


class Inline:
    """The face of `RayEngine`, tasks done in this process one after the other; one that `Died` is a lost worker."""

    dashboard_url = None

    def __init__(self, dies_too: bool) -> None:
        self.groups: list[int] = []
        #: Whether the launcher dies with the first worker, so that nothing is started again.
        self.dies_too = dies_too

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def check(self, *_: Any) -> None: ...

    def at_once(self, *_: Any) -> None: ...

    def submit(self, jobs: Any, needs: Any) -> Any:
        self.groups.append(len(jobs))
        try:
            return tuple(perform(jobs))
        except Died:
            if self.dies_too:
                raise
            return ("lost",)

    def wait(self, references: Any, seconds: float) -> list[Any]:
        return list(references)

    def outcomes(self, reference: Any) -> Any:
        if reference == ("lost",):
            return "the worker died"
        return next((outcome.message for outcome in reference if outcome.status == "lost"), list(reference))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Search(Experiment):
    design: Step
    scan: Step
    swarm: Step


@dataclasses.dataclass
class Runs:
    """Runs swarms on one store, in which trainers may be made to die."""

    folder: pathlib.Path
    monkeypatch: pytest.MonkeyPatch
    #: The steps done before each step of a single trainer and of a stack, in order.
    single: list[int] = dataclasses.field(default_factory=list)
    stacked: list[int] = dataclasses.field(default_factory=list)
    #: What happens, once each, before the step of a number: to any trainer.
    events: dict[int, Callable[[Any], None]] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for trainer, seen in ((Trainer, self.single), (StackedTrainer, self.stacked)):
            original: Any = trainer.step

            def step(trained: Any, batches: Any, original: Any = original, seen: list[int] = seen) -> Any:
                seen.append(trained.done)
                self.events.pop(trained.done, lambda _: None)(trained)
                return original(trained, batches)

            self.monkeypatch.setattr(trainer, "step", step)

    def go(self, asked: Swarm, *, dies_too: bool = True) -> tuple[dict[str, Any], str, list[int]]:
        """The results by variant, what was printed, and the sizes of the tasks."""
        engine, said = Inline(dies_too), io.StringIO()
        self.monkeypatch.setattr(runner, "RayEngine", lambda settings: engine)
        done = runner.run_experiment(
            Search(name="search", design=asked.design, scan=asked.scan, swarm=asked), Store(self.folder / "store"),
            resolved="{}\n", blame='{"lines": {}}', ray=RaySettings(), reporter=Reporter(Console(file=said, width=200)),
        )  # fmt: skip
        found = {}
        for path in (self.folder / "store" / "artifacts").glob("train_proxy-*"):
            label = json.loads((path / "about.json").read_text())["label"]
            found[label.rpartition("/")[2]] = json.loads((path / "result.json").read_text())
        assert not list((self.folder / "store" / "scratch").iterdir()), "what no run needs any more stayed"
        table = done.read(asked)
        assert set(found) == {*table.runs, *table.failed}
        return found, said.getvalue(), engine.groups

    def dies(self, asked: Swarm) -> None:
        with pytest.raises(Died):
            self.go(asked)
        self.single.clear()
        self.stacked.clear()


def die(_: Any) -> None:
    raise Died


@pytest.fixture
def runs(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    return Runs(tmp_path, monkeypatch)


@pytest.fixture
def asked(scan) -> Swarm:  # noqa: F811
    """Three variants of 12 steps, a checkpoint after every second one."""
    return swarm(scan, 3, proxy=toys.proxy(tokens=STEPS * 128, learning_rate=2e-3, checkpoint_tokens=256))


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> dict[str, ProxyResult]:
    """What each variant gives where nothing happens."""
    folder = tmp_path_factory.mktemp("alone")
    corpus.write(folder / "corpus")
    proxy = toys.proxy(tokens=STEPS * 128, learning_rate=2e-3)
    graph = corpus.Graph(folder / "store")
    asked = swarm(corpus.scan(folder / "corpus"), 3, proxy=proxy)
    assert graph.read(asked)
    return asked.results(graph)


def agree(found: dict[str, Any], alone: dict[str, ProxyResult]) -> None:
    for name, one in found.items():
        assert one["metrics"] == pytest.approx(alone[name].metrics, rel=1e-4)
        assert one["tokens_per_leaf"] == alone[name].tokens_per_leaf
        assert [x for _, x in one["loss_curve"]] == pytest.approx([x for _, x in alone[name].loss_curve], rel=1e-4)


@pytest.mark.parametrize(
    ("before", "after", "tasks", "single", "stacked"),
    [
        # Killed in the stack of all: the others begin anew, whatever they are.
        (3, 2, [2, 1], [*range(STEPS)], [*range(STEPS)]),
        (3, 1, [1, 1, 1], [*range(STEPS)] * 3, []),
        (3, None, [1, 1, 1], [*range(STEPS)] * 3, []),
        # Killed in the first of the single ones.
        (1, 3, [3], [], [*range(STEPS)]),
        # The same stack goes on.
        (3, 3, [3], [], [*range(6, STEPS)]),
    ],
)
def test_another_stack_midway_gives_the_same_results(runs, asked, alone, before, after, tasks, single, stacked) -> None:
    runs.events[7] = die
    runs.dies(dataclasses.replace(asked, stack=before))
    found, _, groups = runs.go(dataclasses.replace(asked, stack=after))
    assert (groups, runs.single, runs.stacked) == (tasks, single, stacked)
    agree(found, alone)


def test_finished_variants_are_kept_and_a_stack_that_comes_back_goes_on(runs, asked, alone) -> None:
    """In pairs, killed in the odd one; then in a stack of three, of which one is left, that goes on where it was."""
    runs.events[STEPS - 1] = lambda _: runs.events.update({7: die})
    runs.dies(dataclasses.replace(asked, stack=2))
    found, said, groups = runs.go(dataclasses.replace(asked, stack=3))
    assert "2 of 3 are there already" in said
    assert (groups, runs.single, runs.stacked) == ([1], [*range(6, STEPS)], [])
    agree(found, alone)


def test_stacks_that_take_turns_each_go_on(runs, asked, alone) -> None:
    """In threes until step 7, in pairs until step 9, in threes again: from step 6, though its files lay beside others."""
    for stack, step in ((3, 7), (2, 9)):
        runs.events[step] = die
        runs.dies(dataclasses.replace(asked, stack=stack))
    found, _, groups = runs.go(dataclasses.replace(asked, stack=3))
    assert (groups, runs.stacked) == ([3], [*range(6, STEPS)])
    agree(found, alone)


@pytest.mark.parametrize("stack", [1, 3])
def test_a_worker_that_is_told_to_leave_saves_and_is_started_again(runs, asked, alone, stack) -> None:
    """SIGTERM, as of a machine that is taken away: nobody has to run the command again, and no step is done twice."""
    runs.events[5] = lambda _: os.kill(os.getpid(), signal.SIGTERM)
    found, said, groups = runs.go(dataclasses.replace(asked, stack=stack), dies_too=False)
    assert "saved after step 6 of 12; the same run goes on from there; started again" in said
    assert sum(groups) == 3 + stack
    assert sorted(runs.single + runs.stacked) == sorted([*range(STEPS)] * len(alone if stack == 1 else "1"))
    agree(found, alone)


def test_a_machine_that_is_taken_away_again_and_again_is_no_reason_to_give_up(runs, asked, alone) -> None:
    """Five times in one run, more often than an attempt may be in vain: each came further than the one before."""
    runs.events |= dict.fromkeys((1, 3, 5, 7, 9), lambda _: os.kill(os.getpid(), signal.SIGTERM))
    found, said, groups = runs.go(dataclasses.replace(asked, stack=3), dies_too=False)
    assert (groups, runs.stacked) == ([3] * 6, [*range(STEPS)])
    assert "started again (attempt 6)" in said
    agree(found, alone)


def test_a_worker_that_comes_no_further_is_given_up(runs, asked) -> None:
    """It dies at the same step each time: three times in vain, after those that were seen to come further (it may tell late)."""
    before = StackedTrainer.step

    def step(trained: StackedTrainer, batches: Any) -> Any:
        return die(trained) if trained.done == 7 else before(trained, batches)

    runs.monkeypatch.setattr(StackedTrainer, "step", step)
    with pytest.raises(StepsFailed, match=r"lost its worker [345] times; last: the worker died") as failed:
        runs.go(dataclasses.replace(asked, stack=3), dies_too=False)
    attempts = next(number for number in (3, 4, 5) if f"lost its worker {number} times" in str(failed.value))
    assert runs.stacked == [*range(7), *[6] * (attempts - 1)]


def test_a_variant_that_broke_stays_broken_when_its_worker_dies(runs, asked, alone) -> None:
    """Both faults at once: its neighbours are what they are alone, before and after."""

    def break_one(trained: StackedTrainer) -> None:
        with torch.no_grad():
            trained.model.parameter("head")[1, 0, 0] = float("inf")

    runs.events |= {5: break_one, 9: die}
    found, _, groups = runs.go(dataclasses.replace(asked, stack=3), dies_too=False)
    assert groups == [3, 3]
    assert runs.stacked == [*range(10), *range(8, STEPS)]
    broken = found.pop("v1")
    assert (broken["status"], broken["tokens"]) == ("diverged", 6 * 128)
    assert "at step 6 of 12" in broken["reason"]
    agree(found, alone)
