"""What we change of Ray Train, through the classes that it has for that: each change says why.

Imports Ray Train and torch, seconds of work: only where a run of several processes is started.
"""

from __future__ import annotations

import os
import pathlib
import signal
from collections.abc import Callable
from typing import Any

import pyarrow.fs
import ray
from ray import cloudpickle
from ray.train.torch.config import TorchConfig, _TorchBackend
from ray.train.v2._internal.callbacks.datasets import DatasetsCallback
from ray.train.v2._internal.callbacks.placement_group_callback import PlacementGroupCleanerCallback
from ray.train.v2._internal.execution.callback import ControllerCallback
from ray.train.v2.api.config import FailureConfig, LoggingConfig, RunConfig, ScalingConfig
from ray.train.v2.torch.torch_trainer import TorchTrainer

from olmix.graph import gangs
from olmix.graph.resources import Needs
from olmix.train.channel import Line
from olmix.train.distributed import LEAVE

#: What Ray Train reads from the environment of whoever starts a run.
SETTINGS = {
    "RAY_TRAIN_V2_ENABLED": "1",
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",  # How soon it notices that a process failed or is done.
    # Waiting for room is no fault; in its own minute Ray Train would take it for one, and begin again.
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": str(10 * 365 * 24 * 3600),
    "RAY_TRAIN_METRICS_ENABLED": "0",
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",  # SIGTERM is ours, and so is starting again.
    "RAY_TRAIN_ENABLE_CONTROLLER_STRUCTURED_LOGGING": "0",
    "RAY_TRAIN_ENABLE_WORKER_STRUCTURED_LOGGING": "0",
    "RAY_TRAIN_ENABLE_PRINT_PATCH": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # Relative paths of an experiment mean the same in every process.
}


def _prepare() -> None:
    """In the main thread of every process, before they are joined; the work will run in another thread."""
    if ray.util.get_node_ip_address() == "127.0.0.1":
        os.environ["GLOO_SOCKET_IFNAME"] = "lo"  # Or gloo would listen where the host's name points to.
    signal.signal(signal.SIGTERM, lambda number, frame: LEAVE.set())


class Backend(_TorchBackend):
    """torch.distributed over the processes of a run."""

    def on_start(self, worker_group: Any, backend_config: Any) -> None:
        """Prepares every process, then joins them."""
        worker_group.execute(_prepare)
        super().on_start(worker_group, backend_config)

    def on_shutdown(self, worker_group: Any, backend_config: Any) -> None:
        """Nothing: processes that wait for a dead one would not answer for half a minute. They are ended anyway."""


class Config(TorchConfig):
    """Names our backend."""

    @property
    def backend_cls(self) -> type[Backend]:
        """See Ray Train."""
        return Backend


class Announce(ControllerCallback):
    """Tells the coordinator who its controller is, so that it can be ended while it waits for room."""

    def __init__(self, address: Any) -> None:
        self.address = address

    def after_controller_start(self, train_run_context: Any) -> None:
        """See Ray Train."""
        controller = ray.get_runtime_context().current_actor
        line = Line(self.address, "controller", lambda word: None)
        line.send("controller", cloudpickle.dumps(controller))


class Trainer(TorchTrainer):
    """A TorchTrainer without its placement group cleaner and its manager of Ray's datasets.

    The first is a detached actor which asks Ray's dashboard whether the controller lives, and stays for ever where there is
    no dashboard; the engine frees what a dead controller had reserved (`gangs.free_orphans`). The second is one more process
    in every start, and we have none of its datasets.
    """

    def _create_default_callbacks(self) -> list[Any]:
        made = super()._create_default_callbacks()
        unwanted = (PlacementGroupCleanerCallback, DatasetsCallback)
        return [callback for callback in made if not isinstance(callback, unwanted)]


def trainer(
    process: Callable[[dict[str, Any]], None],
    told: dict[str, Any],
    size: int,
    gpu: bool,
    needs: Needs,
    scratch: pathlib.Path,
    wait: float,
) -> Trainer:
    """A trainer that calls `process(told)` in each of `size` processes, which together hold `needs`; `fit` runs it, once.

    `told["address"]` is the coordinator's desk. It never starts again by itself: one way of doing so is enough. `wait` is
    how many seconds a process waits for another in an exchange.
    """
    os.environ.update({name: value for name, value in SETTINGS.items() if name not in os.environ})
    held = gangs.share(needs, size)
    where = gangs.placement(held, size, gangs.nodes()) or "PACK"
    return Trainer(
        process,
        train_loop_config=told,
        torch_config=Config(backend="nccl" if gpu else "gloo", timeout_s=int(wait)),
        scaling_config=ScalingConfig(
            num_workers=size, use_gpu=gpu, resources_per_worker=held, placement_strategy=where
        ),
        run_config=RunConfig(
            name="ray-train",
            storage_path=str(scratch),  # Or it would write into the home folder.
            storage_filesystem=pyarrow.fs.LocalFileSystem(),
            failure_config=FailureConfig(max_failures=0, max_preemption_failures=0, controller_failure_limit=0),
            callbacks=[Announce(told["address"])],  # type: ignore[list-item]
            logging_config=LoggingConfig(log_level="ERROR"),
        ),
    )
