"""One run on several processes: what they share, what they agree on, and how they are started.

The processes of a run split every global batch by rows; gradients are summed over all of them, so that the run is the
same for any number (to rounding). Up to about a billion parameters each process holds the whole model (torch's DDP);
beyond, each holds a part of every layer (FSDP2). They live on one node, inside the one Ray task of their step, which
asked for as many GPUs; a model that needs several nodes is no proxy any more.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import multiprocessing
import os
import pathlib
import pickle
import signal
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.distributed as dist

from olmix.errors import UserError

#: Parameters from which on a model is sharded instead of replicated.
SHARD_FROM = 1_000_000_000
#: What the processes of a run need, imported once.
WARM = [
    "torch",
    "transformers.models.olmo3.modeling_olmo3",
    "transformers.models.olmo2.modeling_olmo2",
    "olmix.train.work",
]


@dataclasses.dataclass(frozen=True)
class World:
    """The processes of a run: this one's `rank`, how many there are, and whether the model is sharded over them."""

    rank: int = 0
    size: int = 1
    sharded: bool = False

    @property
    def first(self) -> bool:
        """Whether this process speaks for all: writes files, reports progress."""
        return self.rank == 0

    def rows(self, batch: int) -> slice:
        """Which rows of a global batch of `batch` sequences are this process's."""
        return slice(self.rank * batch // self.size, (self.rank + 1) * batch // self.size)

    def total(self, value: torch.Tensor) -> torch.Tensor:
        """The sum of a tensor over all processes, in place."""
        if self.size > 1:
            dist.all_reduce(value)
        return value

    def any(self, *flags: bool) -> tuple[bool, ...]:
        """For each flag, whether any process raised it; all of them get the same answers."""
        if self.size == 1:
            return flags
        return tuple(self.total(torch.tensor(flags, dtype=torch.float32, device=self._device())).gt(0).tolist())

    def lowest(self, value: int) -> int:
        """The smallest of the processes' values."""
        if self.size == 1:
            return value
        tensor = torch.tensor(value, device=self._device())
        dist.all_reduce(tensor, op=dist.ReduceOp.MIN)
        return int(tensor.item())

    @staticmethod
    def _device() -> str:
        return "cuda" if dist.get_backend() == "nccl" else "cpu"


def shard(model: torch.nn.Module, world: World) -> None:
    """Splits every layer's parameters, and the rest's, over the processes, in place (FSDP2)."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh("cuda" if dist.get_backend() == "nccl" else "cpu", (world.size,))
    for layer in model.base_model.layers:  # type: ignore[union-attr]
        fully_shard(layer, mesh=mesh)
    fully_shard(model, mesh=mesh)


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """A sharded tensor put together (all processes must ask at once); any other as it is."""
    return tensor.full_tensor() if isinstance(tensor, torch.distributed.tensor.DTensor) else tensor


def placed(tensor: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """A whole tensor in the place, the dtype and the sharding of `like`."""
    if isinstance(like, torch.distributed.tensor.DTensor) and tensor.dim():
        return torch.distributed.tensor.distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements)
    return tensor.to(like.device, copy=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _joined(rank: int, size: int, port: int, device: str) -> Iterator[None]:
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "GLOO_SOCKET_IFNAME": "lo"}
    if device == "cuda":
        torch.cuda.set_device(rank)
    dist.init_process_group("nccl" if device == "cuda" else "gloo", rank=rank, world_size=size)
    try:
        yield
    finally:
        dist.destroy_process_group()


def _process(
    rank: int,
    size: int,
    port: int,
    device: str,
    sharded: bool,
    work: Callable[..., Any],
    arguments: tuple[Any, ...],
    answer: str,
    pipe: Any,
) -> None:
    # A killed parent must not leave its children behind.
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    try:
        with _joined(rank, size, port, device):
            result = work(World(rank, size, sharded), lambda *told: pipe.send(told), *arguments)
        outcome: tuple[str, Any] = ("result", result)
    except BaseException as error:
        outcome = (
            ("mistake", str(error))
            if isinstance(error, UserError)
            else ("failure", (type(error).__name__, str(error), traceback.format_exc()))
        )
    if rank == 0 or outcome[0] != "result":
        path = pathlib.Path(f"{answer}.{rank}")
        path.write_bytes(pickle.dumps(outcome))
    os._exit(0 if outcome[0] == "result" else 1)


class WorkerFailed(Exception):
    """A process of a distributed run failed; the message holds its traceback."""


def launch(
    size: int,
    device: str,
    sharded: bool,
    work: Callable[..., Any],
    arguments: tuple[Any, ...],
    scratch: pathlib.Path,
    stop: threading.Event,
    progress: Callable[..., None],
) -> Any:
    """Runs `work(world, progress, *arguments)` in `size` processes and returns what the first one returned.

    All of it must pickle. `progress` is told in this process what the first one tells it. `stop`, once set, is passed
    on to them as SIGTERM. When one fails, the others are ended.

    Raises:
      UserError: if one of them raised it.
      WorkerFailed: with the traceback, for anything else.
    """
    # A server that has imported everything forks them: the second run of a worker starts in an instant.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(WARM)
    port = _free_port()
    answer = scratch / "answer"
    for rank in range(size):
        pathlib.Path(f"{answer}.{rank}").unlink(missing_ok=True)
    receiver, sender = context.Pipe(duplex=False)
    processes = [
        context.Process(target=_process, args=(rank, size, port, device, sharded, work, arguments, str(answer), sender))
        for rank in range(size)
    ]
    told = False
    try:
        for process in processes:
            process.start()
        while any(process.is_alive() for process in processes):
            if stop.is_set() and not told:  # First: steps may be told faster than they are shown.
                told = True
                for process in processes:
                    process.terminate()
            if receiver.poll(0.1):
                progress(*receiver.recv())
                continue
            if any(process.exitcode not in (None, 0) for process in processes):
                # Those that wait for the failed one would wait for ever; those that fail too get a moment to say so.
                for process in processes:
                    process.join(5 if told else 1)
                break
        while receiver.poll():
            progress(*receiver.recv())
    finally:
        for process in processes:
            if process.is_alive():
                process.kill()
                process.join()
    return _answer(answer, processes, told)


def _answer(answer: pathlib.Path, processes: list[Any], stopped: bool) -> Any:
    from olmix.train.run import Interrupted

    outcomes = {}
    for rank in range(len(processes)):
        path = pathlib.Path(f"{answer}.{rank}")
        if path.exists():
            outcomes[rank] = pickle.loads(path.read_bytes())
    for kind, value in outcomes.values():
        if kind == "mistake":
            raise UserError(value)
    failures = {rank: value for rank, (kind, value) in outcomes.items() if kind == "failure"}
    if failures:
        interrupted = [value for value in failures.values() if value[0] == "Interrupted"]
        if interrupted:
            raise Interrupted(interrupted[0][1])
        rank, (_, _, trace) = next(iter(failures.items()))
        raise WorkerFailed(f"process {rank} of {len(processes)} failed:\n{trace}")
    if 0 not in outcomes and stopped:
        raise Interrupted("SIGTERM before or after the training itself; the same run goes on from its last checkpoint.")
    if 0 not in outcomes:
        codes = ", ".join(str(process.exitcode) for process in processes)
        raise WorkerFailed(
            f"the processes of the run ended without an answer (exit codes {codes}); was one of them killed?"
        )
    return outcomes[0][1]
