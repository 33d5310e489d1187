"""One run on several processes: what each of them holds, and what they agree on.

The processes of a run split every global batch by rows; gradients are summed over all of them, so that the run is the
same for any number (to rounding). Up to about a billion parameters each process holds the whole model (torch's DDP);
beyond, each holds a part of every layer (FSDP2). Who starts them, on which nodes, is `processes.py`'s business.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterable, Iterator

import torch
import torch.distributed as dist
from torch.distributed.tensor import DTensor

from olmix.train.parts import Rows, span
from olmix.train.records import fetch

#: Set in a process of several when it is to save and leave: by their coordinator, or by a SIGTERM of its own.
LEAVE = threading.Event()


@dataclasses.dataclass(frozen=True)
class World:
    """The processes of a run: this one's `rank`, how many there are, and whether the model is sharded over them.

    `attempt` is a word of their own, the same for all that were started together.
    """

    rank: int = 0
    size: int = 1
    sharded: bool = False
    attempt: str = ""

    @property
    def first(self) -> bool:
        """Whether this process speaks for all: writes files, reports progress."""
        return self.rank == 0

    def rows(self, batch: int) -> slice:
        """Which rows of a global batch of `batch` sequences are this process's."""
        return slice(self.rank * batch // self.size, (self.rank + 1) * batch // self.size)

    def turns(self, count: int) -> Iterator[tuple[int | None, bool]]:
        """This process's share of `count` passes through the model: (number of the pass, whether it counts).

        All take as many turns, so that they can ask each other something in each. Who has no pass left has None; of a sharded
        model, whose parts are exchanged in every pass, the last one again, for nothing.
        """
        for first in range(0, count, self.size):
            number = first + self.rank
            if number < count:
                yield number, True
            else:
                yield count - 1 if self.sharded else None, False

    def total(self, value: torch.Tensor) -> torch.Tensor:
        """The sum of a tensor over all processes, in place."""
        if self.size > 1:
            dist.all_reduce(value)
        return value

    def any(self, *flags: bool) -> tuple[bool, ...]:
        """For each flag, whether any process raised it; all of them get the same answers."""
        return self.ask(*flags)()

    def ask(self, *flags: bool) -> Callable[[], tuple[bool, ...]]:
        """As `any`, for an answer that is wanted later: until then nobody waits, neither for the others nor for the device."""
        if self.size == 1:
            return lambda: flags
        # From pinned memory: a copy from any other waits for all that the device was given before.
        raised = torch.tensor(flags, dtype=torch.float32)
        if self._device() == "cuda":
            raised = raised.pin_memory().to("cuda", non_blocking=True)
        read = fetch(self.total(raised)[None])
        return lambda: tuple(bool(count) for count in read()[0])

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


class Poll:
    """The same question to all processes after every step, for which no device has to be waited for.

    Of several, the answer is to the question of the step before, which has come by now; of one, it is to this one.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._last: Callable[[], tuple[bool, ...]] | None = None

    def forget(self, flag: int) -> None:
        """Lets nobody hear what was said of one flag in the last question, for it has been seen to; all processes must."""
        if (last := self._last) is not None:
            self._last = lambda: tuple(said and number != flag for number, said in enumerate(last()))

    def any(self, *flags: bool) -> tuple[bool, ...]:
        """As `World.any`."""
        now = self._world.ask(*flags)
        if self._world.size == 1:
            return now()
        before, self._last = self._last, now
        return before() if before is not None else (False,) * len(flags)


def shard(model: torch.nn.Module, world: World, dtype: torch.dtype | None = None) -> None:
    """Splits every layer's parameters, and the rest's, over the processes, in place (FSDP2).

    Weights of matrix products are exchanged in `dtype`, in which autocast would multiply them anyway (None: float32, as they are
    kept), and gradients summed in float32. What autocast leaves in float32 is exchanged as it is: norms, for they are
    many small vectors, and both ends of the model, where the sum that runs through its layers begins and is read.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    mesh = init_device_mesh("cuda" if dist.get_backend() == "nccl" else "cpu", (world.size,))
    policy = MixedPrecisionPolicy(param_dtype=dtype, reduce_dtype=torch.float32, cast_forward_inputs=False)
    for layer in _layers(model):
        norms = [module for module in layer.modules() if _is_vectors(module)]
        if dtype is not None and norms:
            fully_shard(norms, mesh=mesh)
        fully_shard(layer, mesh=mesh, mp_policy=policy)
    fully_shard(model, mesh=mesh)


def _layers(model: torch.nn.Module) -> Iterable[torch.nn.Module]:
    """The layers of any model of transformers, whatever they are called: the list that holds most of it."""
    lists = [module for module in model.modules() if isinstance(module, torch.nn.ModuleList)]
    return max(lists, key=lambda layers: sum(p.numel() for p in layers.parameters()), default=())


def _is_vectors(module: torch.nn.Module) -> bool:
    """Whether all that a module itself holds are vectors, as a norm does."""
    own = list(module.parameters(recurse=False))
    return bool(own) and all(parameter.dim() <= 1 for parameter in own)


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """A sharded tensor put together (all processes must ask at once); any other as it is."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def gathered(tensor: torch.Tensor, keep: bool) -> torch.Tensor:
    """A sharded tensor put together on the host (all processes must ask at once); any other as it is.

    One after the other, all parts of a model go through a GPU that has no room for the whole. Who does not `keep` gets nothing.
    """
    if not isinstance(tensor, DTensor):
        return tensor
    together = tensor.full_tensor()
    return together.cpu() if keep else together.new_empty(0, device="cpu")


def own(tensor: torch.Tensor) -> torch.Tensor | Rows:
    """This process's rows of a sharded tensor; any other as it is."""
    if not isinstance(tensor, DTensor):
        return tensor
    rows, values = span(len(tensor), dist.get_rank(), tensor.device_mesh.size()), tensor.to_local()
    assert len(values) == rows.stop - rows.start, "FSDP2 shards by another rule than torch.chunk's."
    return Rows(values, rows.start, len(tensor))


def placed(tensor: torch.Tensor | Rows, like: torch.Tensor) -> torch.Tensor:
    """A whole tensor, or this process's rows of it, in the place and the sharding of `like`."""
    if isinstance(like, DTensor) and (isinstance(tensor, Rows) or tensor.dim()):
        rows = span(len(like), dist.get_rank(), like.device_mesh.size())
        mine = tensor.values if isinstance(tensor, Rows) else tensor[rows]
        return DTensor.from_local(
            mine.to(like.device, copy=True), like.device_mesh, like.placements, shape=like.shape, stride=like.stride()
        )
    assert isinstance(tensor, torch.Tensor)
    return tensor.to(like.device, copy=True)
