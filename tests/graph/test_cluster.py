"""A faked cluster of A100 and V100 nodes: tasks land on the right kind, and a node that disappears costs only its own work."""

from __future__ import annotations

import dataclasses
import io
import os
import pathlib
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from rich.console import Console

from olmix.graph import Context, FanOut, Needs, Step, runner
from olmix.graph.progress import Reporter
from olmix.graph.ray_engine import _ALWAYS, _LOOPBACK_ONLY, RaySettings, _only_what_is_used
from olmix.graph.store import Store
from tests.graph.toy import Part, Total, diary, toy


@dataclasses.dataclass(frozen=True, kw_only=True)
class Located(Part):
    """A part that also says on which node it ran."""

    def run(self, context: Context) -> Total:
        import ray

        node = ray.get_runtime_context().get_node_id()
        with open(f"{self.diary}.nodes", "a") as file:
            file.write(f"{self.factor:g} {node}\n")
        return super().run(context)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mixed(FanOut):
    """Even factors on A100s, odd ones on V100s."""

    source: Step
    diary: str
    seconds: float
    count: int

    def pieces(self, context: Context) -> Mapping[str, Step]:
        return {
            f"x{factor}": Located(
                source=self.source,
                factor=float(factor),
                diary=self.diary,
                seconds=self.seconds,
                needs=Needs(cpus=1, gpus=1, accelerator="V100" if factor % 2 else "A100"),
            )
            for factor in range(self.count)
        }

    def run(self, context: Context) -> Total:
        return Total(value=sum(context.read(piece).value for piece in self.pieces(context).values()))


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A head without processors for tasks, two A100 nodes and one V100 node, two GPUs each; all of them here, on loopback."""
    os.environ.update(_ALWAYS | _LOOPBACK_ONLY)
    # A dead node is noticed after a second and not after fifteen.
    os.environ.update({"RAY_health_check_period_ms": "500", "RAY_health_check_failure_threshold": "2"})
    from ray.cluster_utils import Cluster

    with _only_what_is_used(dashboard=False):
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": 80 * 2**20})
        kinds = ("A100", "A100", "V100")
        cluster.olmix_nodes = [
            cluster.add_node(
                num_cpus=2, num_gpus=2, resources={f"accelerator_type:{kind}": 1}, object_store_memory=80 * 2**20
            )
            for kind in kinds
        ]
    yield cluster
    cluster.shutdown()


@pytest.mark.slow
def test_the_right_kind_and_a_node_that_disappears(cluster: Any, tmp_path: pathlib.Path) -> None:
    experiment = toy(tmp_path)
    parts = Mixed(source=experiment.source, diary=str(tmp_path / "diary.txt"), seconds=2.0, count=6)
    experiment = dataclasses.replace(experiment, parts=parts, half=dataclasses.replace(experiment.half, total=parts))  # type: ignore[type-var]
    a100s = [node.node_id for node in cluster.olmix_nodes[:2]]
    v100 = cluster.olmix_nodes[2].node_id
    removed: list[str] = []

    def take_away() -> None:
        end = time.monotonic() + 300
        while time.monotonic() < end:
            file = pathlib.Path(f"{parts.diary}.nodes")
            ran = [line.split()[1] for line in file.read_text().splitlines()] if file.exists() else []
            if a100s[0] in ran:
                time.sleep(0.5)
                removed.append(a100s[0])
                cluster.remove_node(cluster.olmix_nodes[0], allow_graceful=False)
                return
            time.sleep(0.1)

    thread = threading.Thread(target=take_away)
    thread.start()
    said = io.StringIO()
    run = runner.run_experiment(
        experiment,
        Store(tmp_path / "store"),
        resolved="{}\n",
        blame='{"lines": {}}',
        ray=RaySettings(address=cluster.address),
        reporter=Reporter(Console(file=said, width=200)),
    )
    thread.join()
    assert removed, "the node was never taken away"
    assert run.read(experiment.half).value == sum(range(6)) * 10 / 2
    lines = [line.split() for line in pathlib.Path(f"{parts.diary}.nodes").read_text().splitlines()]
    for factor, node in lines:
        assert node == v100 if int(factor) % 2 else node in a100s
    assert "started again" in said.getvalue()
    twice = {factor for factor in diary(tmp_path) if diary(tmp_path).count(factor) > 1}
    on_removed = {float(factor) for factor, node in lines if node == removed[0]}
    assert twice <= on_removed
