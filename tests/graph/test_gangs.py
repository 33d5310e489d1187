"""Work of several processes: what each holds, where they fit, and that nothing stays reserved for the dead."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import itertools
import os
import pathlib
import time
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import pytest
from rich.console import Console

from olmix.config.tags import Resources, Telemetry
from olmix.errors import UserError
from olmix.graph import Context, Experiment, FanOut, Needs, Step, gangs, runner
from olmix.graph.progress import Reporter
from olmix.graph.ray_engine import RayEngine, RaySettings
from olmix.graph.step import WorkerLost
from olmix.graph.store import Store

EIGHT = {"CPU": 64.0, "GPU": 8.0, "accelerator_type:A100": 1.0, "memory": 2.0**40}
HEAD = {"CPU": 4.0}


def test_every_process_holds_its_share() -> None:
    assert gangs.share(Needs(cpus=1), 2) == {"CPU": 0.5}
    assert gangs.share(Needs(cpus=16, gpus=8, accelerator="A100", memory_gib=8), 8) == {
        "CPU": 2.0, "GPU": 1.0, "memory": 2.0**30, "accelerator_type:A100": 0.001,
    }  # fmt: skip
    assert gangs.share(Needs(cpus=0), 2) == {"CPU": 0.001}
    assert gangs.share(Needs(cpus=7), 2) == {"CPU": 3.0}  # Whole ones above one.


@pytest.mark.parametrize(
    ("gpus", "nodes", "where", "at_once"),
    [
        (4, [HEAD, EIGHT], "STRICT_PACK", 2),
        (8, [HEAD, EIGHT, EIGHT], "STRICT_PACK", 2),
        (16, [HEAD, EIGHT, EIGHT], "PACK", 1),
        (16, [EIGHT] * 5, "PACK", 2),
        (16, [HEAD, EIGHT], None, 1),
    ],
)
def test_one_node_if_it_has_room_else_several(gpus: int, nodes: list[Any], where: str | None, at_once: int) -> None:
    held = gangs.share(Needs(cpus=gpus, gpus=gpus, accelerator="A100"), gpus)
    assert gangs.placement(held, gpus, nodes) == where
    assert gangs.at_once(held, gpus, nodes) == at_once
    elsewhere = gangs.share(Needs(cpus=gpus, gpus=gpus, accelerator="V100"), gpus)
    assert gangs.placement(elsewhere, gpus, nodes) is None


@pytest.fixture(scope="module")
def engine() -> Iterator[RayEngine]:
    engine = RayEngine(RaySettings(cpus=2))
    engine.start()
    yield engine
    engine.stop()


def test_what_has_no_room_is_refused(engine: RayEngine) -> None:
    engine.check("train", Needs(cpus=2), 2)
    assert engine.at_once(Needs(cpus=1), 2) == 2
    assert engine.at_once(Needs(cpus=1), 1) is None
    with pytest.raises(UserError, match=r"train asks for 16 CPU and 16 A100 for 16 processes, and there is no room"):
        engine.check("train", Needs(cpus=16, gpus=16, accelerator="A100"), 16)


class Maker:
    """Reserves something, as Ray Train's controller does."""

    def reserve(self) -> None:
        from ray.util.placement_group import placement_group

        placement_group([{"CPU": 1}]).wait(60)

    def die(self) -> None:
        os._exit(1)


def test_what_the_dead_had_reserved_is_freed_and_nothing_else(engine: RayEngine) -> None:
    import ray

    one, other = (ray.remote(Maker).options(num_cpus=0).remote() for _ in range(2))
    ray.get([one.reserve.remote(), other.reserve.remote()])
    assert gangs.free_orphans() == 0
    with contextlib.suppress(ray.exceptions.RayError):
        ray.get(one.die.remote())
    end = time.monotonic() + 300
    freed = 0
    while not freed and time.monotonic() < end:
        freed = gangs.free_orphans()
        time.sleep(0.1)
    assert freed == 1
    while ray.available_resources().get("CPU") != 1.0 and time.monotonic() < end:
        time.sleep(0.1)
    assert ray.available_resources()["CPU"] == 1.0
    assert gangs.free_orphans() == 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pair(Step):
    """Two processes' worth of work, which its task would start; writes down when it ran. Loses one of them at first."""

    number: int
    diary: Annotated[str, Telemetry]
    needs: Annotated[Needs | None, Resources] = dataclasses.field(default_factory=lambda: Needs(cpus=2))

    def gang(self) -> int:
        return 2

    def run(self, context: Context) -> int:
        began = time.time()
        time.sleep(0.3)
        with open(self.diary, "a") as file:
            file.write(f"{began} {time.time()}\n")
        mark = context.scratch / "lost"
        if self.number == 0 and not mark.exists():
            mark.touch()
            raise WorkerLost("process 1 on host of the 2 of the run died")
        return self.number


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pairs(FanOut):
    diary: Annotated[str, Telemetry]

    def pieces(self, context: Context) -> Mapping[str, Step]:
        return {f"pair-{number}": Pair(number=number, diary=self.diary) for number in range(3)}

    def run(self, context: Context) -> int:
        return sum(context.read(piece) for piece in self.pieces(context).values())


@dataclasses.dataclass(frozen=True, kw_only=True)
class PairsOnly(Experiment):
    pairs: Step


def test_no_more_coordinators_than_there_is_room_for_and_a_lost_process_is_no_failure(
    engine: RayEngine, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two CPUs have room for one pair at a time; what is lost runs again, and its siblings go on."""
    monkeypatch.setattr(runner, "RayEngine", lambda settings: engine)
    monkeypatch.setattr(engine, "stop", lambda: None)
    said = io.StringIO()
    experiment = PairsOnly(name="pairs", pairs=Pairs(diary=str(tmp_path / "diary")))
    run = runner.run_experiment(
        experiment, Store(tmp_path / "store"), resolved="{}\n", blame='{"lines": {}}', ray=RaySettings(),
        reporter=Reporter(Console(file=said, width=200)),
    )  # fmt: skip
    assert run.read(experiment.pairs) == 3
    assert "pairs/pair-0: process 1 on host of the 2 of the run died; started again (attempt 2)" in said.getvalue()
    times = sorted(tuple(map(float, line.split()[:2])) for line in (tmp_path / "diary").read_text().splitlines())
    assert len(times) == 4
    assert all(end <= began for (_, end), (began, _) in itertools.pairwise(times))
