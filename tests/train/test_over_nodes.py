"""A run over two nodes of a faked cluster: a process is killed, then a node is lost; it is still one run."""

from __future__ import annotations

import dataclasses
import io
import threading
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from rich.console import Console

from olmix.graph import Experiment, Needs, Step, runner
from olmix.graph.progress import Reporter
from olmix.graph.ray_engine import _ALWAYS, _LOOPBACK_ONLY, RaySettings, _only_what_is_used
from olmix.graph.store import Store
from olmix.train import TrainProxy
from olmix.train.settings import Device
from tests.train import corpus, toys
from tests.train.killable import LONG, below, steps_done, wait_for


@dataclasses.dataclass(frozen=True, kw_only=True)
class Single(Experiment):
    scan: Step
    train: Step


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A head without processors and three nodes with one each, all of them here, on loopback."""
    for name, value in (_ALWAYS | _LOOPBACK_ONLY).items():
        monkeypatch.setenv(name, value)
    # A dead node is noticed after a second and not after fifteen.
    monkeypatch.setenv("RAY_health_check_period_ms", "500")
    monkeypatch.setenv("RAY_health_check_failure_threshold", "4")
    from ray.cluster_utils import Cluster

    with _only_what_is_used(dashboard=False):
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": 80 * 2**20})
        for _ in range(3):
            cluster.add_node(num_cpus=1, object_store_memory=80 * 2**20)
    yield cluster
    cluster.shutdown()


@pytest.mark.slow
def test_a_run_over_two_nodes_survives_a_killed_process_and_a_lost_node(cluster: Any, tmp_path) -> None:
    """Each time it is started again where there is room, from its newest checkpoint."""
    corpus.write(tmp_path / "text", tokens=20_000)
    scan = corpus.scan(tmp_path / "text")
    proxy = toys.proxy(
        learning_rate=1e-3, tokens=160 * 128, checkpoint_tokens=10 * 128, device=Device(dtype="float32", processes=2)
    )
    mixture = {"up": 0.25, "down": 0.25, "noise": 0.5}
    step = TrainProxy(scan=scan, mixture=mixture, proxy=proxy, needs=Needs(cpus=2))
    said = io.StringIO()

    def done() -> int:
        folders = list((tmp_path / "store" / "scratch").glob("train_proxy-*"))
        return steps_done(folders[0], "metrics.jsonl") if folders else 0

    def when(steps: int, work: Any) -> threading.Thread:
        def watch() -> None:
            # From the beginning of all, two starts of Ray Train included.
            wait_for(lambda: done() >= steps, 4 * LONG, pause=0.1)
            work()

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        return thread

    def workers() -> list[psutil.Process]:
        return below("ray::RayTrainWorker")

    def lose_a_node() -> None:
        raylet = workers()[0].ppid()
        node = next(node for node in cluster.worker_nodes if node.all_processes["raylet"][0].process.pid == raylet)
        cluster.remove_node(node, allow_graceful=False)

    killed = when(22, lambda: workers()[1].kill())
    lost = when(60, lose_a_node)
    run = runner.run_experiment(
        Single(name="single", scan=scan, train=step), Store(tmp_path / "store"), resolved="{}\n", blame='{"lines": {}}',
        ray=RaySettings(address=cluster.address), reporter=Reporter(Console(file=said, width=200)),
    )  # fmt: skip
    result = run.read(step)
    killed.join()
    lost.join()
    assert said.getvalue().count("started again") == 2
    assert "of the 2 of the run died" in said.getvalue()
    assert (run.artifact(step) / "metrics.jsonl").read_text().count('"resumed"') == 2
    assert workers() == []
    one = corpus.Graph(tmp_path / "one")
    alone = one.read(dataclasses.replace(step, proxy=dataclasses.replace(proxy, device=Device(dtype="float32"))))
    assert result.tokens == alone.tokens
    assert result.tokens_per_leaf == alone.tokens_per_leaf
    assert result.metrics == pytest.approx(alone.metrics, rel=1e-2)
