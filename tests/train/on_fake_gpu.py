"""Scenarios on a GPU that computes nothing: `python -m tests.train.on_fake_gpu [NAME ...]` prints what came of each, as JSON.

In a process of its own, because the fake driver stays for as long as the process; `test_fake_gpu.py` starts it once and reads
what it says. Each scenario returns plain values; an error in one is its result, and the others go on.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from typing import Any

from olmix.lean import import_transformers
from tests.train import fake_gpu

if __name__ == "__main__":
    fake_gpu.load()
    import_transformers()

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from olmix.train import loss as losses
from olmix.train import micro_batch
from olmix.train.arithmetic import Arithmetic, in_force
from olmix.train.checkpoint import _copied
from olmix.train.distributed import World
from olmix.train.evaluate import held_out_nats
from olmix.train.feed import Batch
from olmix.train.ladder import Shape, flops_per_token, shape_of
from olmix.train.memory import held_gib
from olmix.train.planner import work_of_step
from olmix.train.proxy import Trainer, build_model
from olmix.train.recipe import Plan, resolve
from olmix.train.stacked import StackedTrainer
from tests.train import toys

VOCABULARY = 100_352
#: Both families, sequences longer than the window, fewer keys than queries, heads narrower than kernels are.
SHAPES = {
    "olmo3": Shape(family="olmo3", width=32, layers=4, heads=4, kv_heads=2, hidden=48, window=6),
    "olmo2": Shape(family="olmo2", width=32, layers=2, heads=2, head_width=4, hidden=48),
}
#: What A100s and V100s do, and float32.
FORMATS = {
    "A100": Arithmetic(device="cuda", dtype="bfloat16", tf32=True, micro_batch=3),
    "V100": Arithmetic(device="cuda", dtype="float16", loss_scaling=True, micro_batch=3),
    "float32": Arithmetic(device="cuda", micro_batch=3),
}


def batch(plan: Plan) -> Batch:
    """Of zeros: nobody looks."""
    return Batch(np.zeros((plan.batch, plan.length), np.int64), np.zeros(plan.batch, np.int64))


def trainer(
    shape: str | Shape, arithmetic: Arithmetic, *, world: World | None = None, plan: Plan | None = None,
    vocabulary: int = toys.VOCABULARY,
) -> Trainer:  # fmt: skip
    """A single model's."""
    settings = toys.proxy()
    plan = plan or resolve(settings)
    model = build_model(shape, vocabulary=vocabulary, plan=plan, arithmetic=arithmetic, seed=0)
    return Trainer(model, plan, arithmetic, skip=settings.skip, seed=0, world=world)


def stack_of(
    shape: str | Shape,
    arithmetic: Arithmetic,
    count: int = 3,
    plan: Plan | None = None,
    vocabulary: int = toys.VOCABULARY,
) -> StackedTrainer:
    """A stack's."""
    settings = toys.proxy()
    plan = plan or resolve(settings)
    return StackedTrainer(shape, plan, arithmetic, vocabulary=vocabulary, skip=settings.skip, seeds=range(count))


def placed_on(trained: Trainer | StackedTrainer) -> list[str]:
    """Devices and types of all that a trainer holds."""
    held: list[torch.Tensor] = [*trained.model.parameters(), *trained.model.buffers()]
    if isinstance(trained, Trainer):
        held += [value for state in trained.optimizer.state.values() for value in state.values()]
        scale = getattr(trained.scaler, "_scale", None)
        held += [scale] if scale is not None else []
    else:
        held += [m for both in trained.optimizer.moments.values() for m in (both.first, both.second)]
        held += [trained.scaler.scales, trained.scaler.good]
        held += [trained.optimizer.counts, *trained.variant(1).parameters(), *trained.variant(1).buffers()]
    held += [trained.jumps.history, trained.jumps.seen, trained._alive, trained._skips]
    return sorted({f"{value.device.type}" for value in held})


def steps(format_name: str, shape_name: str, stacked: bool) -> dict[str, Any]:
    """Two steps of three pieces each (the first finds no moments); where all is, and what the matrix products were done in."""
    arithmetic, found = FORMATS[format_name], Products()
    fake_gpu.FLASH = format_name != "V100"
    with fake_gpu.pretending(), in_force(arithmetic):
        trained: Any = (stack_of if stacked else trainer)(SHAPES[shape_name], arithmetic)
        data = batch(trained.plan)
        with found:
            for _ in range(2):
                trained.step([data] * 3 if stacked else data)
        return {
            "done": trained.done,
            "devices": placed_on(trained),
            "dtypes": sorted({str(p.dtype) for p in trained.model.parameters()}),
            "products": sorted(found.dtypes),
            "copies": found.copies,
        }


class Products(TorchDispatchMode):
    """The types that matrix products are done in, and the copies between devices."""

    def __init__(self) -> None:
        super().__init__()
        self.dtypes: set[str] = set()
        self.copies: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if name in ("mm", "bmm", "addmm", "baddbmm", "baddbmm_") or "scaled_dot_product" in name:
            first = result[0] if isinstance(result, tuple) else result
            if first.device.type == "cuda":
                self.dtypes.add(str(first.dtype))
        if name in ("_to_copy", "copy_") and isinstance(result, torch.Tensor):
            source = args[0] if name == "_to_copy" else args[1]
            if isinstance(source, torch.Tensor) and {source.device.type, result.device.type} == {"cpu", "cuda"}:
                self.copies.append(f"{source.device.type} to {result.device.type}, {source.dim()} axes")
        return result


def host_reads() -> dict[str, Any]:
    """A number read in the middle of a step, and an operand left on the host, are errors here: the guard works."""
    said: dict[str, Any] = {}
    with fake_gpu.pretending():
        trained = trainer(SHAPES["olmo3"], FORMATS["A100"])
        whole = trained.jumps.history
        trained.jumps.history = torch.zeros(whole.shape, dtype=whole.dtype)
        said["host"] = _raised(lambda: trained.step(batch(trained.plan)))
        trained.jumps.history = whole
        judge = trained.jumps.judge
        trained.jumps.judge = lambda loss, *rest: judge(loss + float(loss.sum()), *rest)  # type: ignore[method-assign]
        said["read"] = _raised(lambda: trained.step(batch(trained.plan)))
        trained.jumps.judge = judge  # type: ignore[method-assign]
        said["record"] = _raised(lambda: trained.step(batch(trained.plan)).loss)
    return said


def _raised(work: Callable[[], Any]) -> str:
    try:
        work()
    except Exception as error:
        return type(error).__name__
    return "nothing"


def evaluation() -> dict[str, Any]:
    """Held-out text: nothing is read until the one number at its end, on single models and on a stack's variant."""
    return {
        f"{name} {kind}": _evaluation(shape, kind) for name, shape in SHAPES.items() for kind in ("single", "stacked")
    }


def _evaluation(shape: Shape, kind: str) -> tuple[int, str]:
    arithmetic, text, passes = FORMATS["A100"], toys.held_outs(20_000)["up"], []
    with fake_gpu.pretending():
        model = trainer(shape, arithmetic).model if kind == "single" else stack_of(shape, arithmetic).variant(1)
        model.base_model.register_forward_hook(lambda *_: passes.append(1))  # type: ignore[operator, union-attr]
        how: dict[str, Any] = {"device": torch.device("cuda"), "dtype": torch.bfloat16}
        return _raised(lambda: held_out_nats(model, [text], 16, **how)), len(passes)


class Readable(TorchDispatchMode):
    """Lets numbers be read, all of them 1: where a run may wait for its device."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten._local_scalar_dense.default:
            return 1.0 if args[0].dtype.is_floating_point else 1
        return func(*args, **(kwargs or {}))


def resumption() -> dict[str, Any]:
    """A state is copied to the host whole; a trainer restored from it, or from those of single runs, goes on on the GPU."""
    return {f"{name} {kind}": _resumption(name, kind)
            for name in ("A100", "V100") for kind in ("single", "stacked")}  # fmt: skip


def _resumption(name: str, kind: str) -> list[Any]:
    def step(trained: Any) -> None:
        trained.step(batch(trained.plan) if kind == "single" else [batch(trained.plan)] * 3)

    def make() -> Any:
        return (trainer if kind == "single" else stack_of)(SHAPES["olmo2"], FORMATS[name])  # Half as deep.

    with fake_gpu.pretending(), Readable():
        trained, other = make(), make()
        step(trained)
        state = _copied(trained.state())
        where = sorted({leaf.device.type for leaf in tree_leaves(state) if torch.is_tensor(leaf)})
        other.restore(state)
        found = [where, placed_on(other)]
        step(other)
        found.append(placed_on(other))
        if kind == "stacked":
            other = make()
            other.restore_each([_copied(trained.state_of(number)) for number in range(3)])
            found.append(placed_on(other))
            step(other)
        return [*found, other.done]


def out_of_memory() -> dict[str, Any]:
    """A device with room for two sequences at once: both trainers halve what they try, and the single one remembers it."""
    found: dict[str, Any] = {}
    original = losses.objective_of_heads
    from olmix.train import stacked

    def tight(hidden: Any, *rest: Any, **how: Any) -> Any:
        if hidden.shape[1] > 2 * 15:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")
        return original(hidden, *rest, **how)

    with tempfile.TemporaryDirectory() as cache:
        os.environ["OLMIX_CACHE"] = cache
        whole = dataclasses.replace(FORMATS["A100"], micro_batch=None)
        losses.objective_of_heads = stacked.objective_of_heads = tight  # type: ignore[attr-defined]
        try:
            with fake_gpu.pretending():
                for name, trained in (("single", trainer(SHAPES["olmo2"], whole)),
                                      ("stacked", stack_of(SHAPES["olmo2"], whole))):  # fmt: skip
                    first = trained.micro_batch
                    trained.step(batch(trained.plan) if name == "single" else [batch(trained.plan)] * 3)  # type: ignore[arg-type]
                    found[name] = [first, trained.micro_batch, trained.done]
                again = trainer(SHAPES["olmo2"], whole)
                found["remembered"] = [again.micro_batch, micro_batch.remembered(again._hint or "")]
        finally:
            losses.objective_of_heads = stacked.objective_of_heads = original  # type: ignore[attr-defined]
            del os.environ["OLMIX_CACHE"]
    return found


def operations() -> dict[str, Any]:
    """Floating-point operations of a step, counted one by one, over those that utilisation is made from."""
    from torch.utils.flop_counter import FlopCounterMode

    found = {}
    for name, rows in (("olmo3_14m", 4), ("olmo3_190m", 2), ("olmo3_1b", 1)):
        plan = _plan(rows, 1)
        with fake_gpu.pretending():
            trained = trainer(name, _format("bfloat16", rows), plan=plan, vocabulary=VOCABULARY)
            with FlopCounterMode(display=False) as counter:
                trained.step(batch(plan))
        tokens = plan.batch * plan.length
        found[name] = counter.get_total_flops() / (tokens * flops_per_token(name, VOCABULARY, plan.length))
    return found


class Traffic(TorchDispatchMode):
    """Counts operations on the GPU and the bytes that they read and write: whole operands, but what a lookup takes of a table."""

    #: What launches nothing, or writes only; and what touches a few entries of its operands.
    NOTHING = (
        "device",
        "detach",
        "alias",
        "empty_like",
        "empty",
        "new_empty",
        "_unsafe_view",
        "split_with_sizes",
        "lift_fresh",
    )
    FILLS = ("zeros_like", "zeros", "fill_", "zero_", "full_like", "ones_like", "full")
    LOOKUPS = ("embedding", "gather")

    def __init__(self) -> None:
        super().__init__()
        self.launches, self.bytes = 0, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        is_view = any(r.alias_info is not None and not r.alias_info.is_write for r in func._schema.returns)
        taken, made = (
            sum(x.numel() * x.element_size() for x in tree_leaves(of) if isinstance(x, torch.Tensor) and x.is_cuda)
            for of in ((args, kwargs), out)
        )
        if not is_view and name not in self.NOTHING and taken + made:
            self.launches += 1
            if name in self.LOOKUPS:
                taken = made
            elif name in ("scatter_", "scatter_add_"):
                taken, made = 3 * args[3].numel() * args[3].element_size(), 0
            self.bytes += made if name in self.FILLS else taken + made
        return out


def traffic() -> dict[str, Any]:
    """Operations and bytes of a step, counted one by one, over those that the planner decides about stacks with."""
    found = {}
    for name, vocabulary, variants in (("olmo3_1m", 4096, 1), ("olmo3_14m", VOCABULARY, 1), ("olmo3_14m", 4096, 8)):
        plan = _plan(2, 1)
        with fake_gpu.pretending():
            trained: Any
            if variants == 1:
                trained = trainer(name, _format("bfloat16", 2), plan=plan, vocabulary=vocabulary)
                data: Any = batch(plan)
            else:
                trained = stack_of(name, _format("bfloat16", 2), variants, plan, vocabulary)
                data = [batch(plan)] * variants
            trained.step(data)
            with Traffic() as counter:
                trained.step(data)
        launches, moved = work_of_step(shape_of(name), vocabulary, plan.batch_tokens, variants)
        found[f"{name} {vocabulary} {variants}"] = [counter.launches / launches, counter.bytes / moved]
    return found


def _format(dtype: str, rows: int) -> Arithmetic:
    return Arithmetic(device="cuda", dtype=dtype, micro_batch=rows, loss_scaling=dtype == "float16")


def _plan(rows: int, pieces: int, length: int = 2048) -> Plan:
    settings = toys.proxy(
        sequence_length=length, batch_tokens=rows * pieces * length, tokens=100 * rows * pieces * length
    )
    return resolve(settings)


def held(model: str, dtype: str, rows: int, variants: int = 1, length: int = 2048) -> tuple[float, float]:
    """GiB that a step of two pieces holds at most, tracked and planned. The second step: the first has no moments yet."""
    memory, plan = fake_gpu.Memory(), _plan(rows, 2, length)
    fake_gpu.FLASH = dtype == "bfloat16"
    with fake_gpu.pretending(memory):
        trained: Any
        if variants == 1:
            trained = trainer(model, _format(dtype, rows), plan=plan, vocabulary=VOCABULARY)
            data: Any = batch(plan)
        else:
            trained = stack_of(model, _format(dtype, rows), variants, plan, VOCABULARY)
            data = [batch(plan)] * variants
        trained.step(data)
        trained.step(data)
    fake_gpu.FLASH = True
    planned = held_gib(model, VOCABULARY, rows * length, half=dtype != "float32", variants=variants, length=length)
    return memory.peak / 2**30, planned


def held_by_many(model: str, processes: int, rows: int, length: int = 2048) -> tuple[float, float]:
    """The same of one of several sharded processes (FSDP), which exchange nothing; on the CPU, for a GPU is asked for streams."""
    import torch.distributed as dist
    from torch._subclasses.fake_tensor import unset_fake_temporarily
    from torch.distributed import device_mesh
    from torch.testing._internal.distributed.fake_pg import FakeStore

    memory, plan, original = fake_gpu.Memory("cpu"), _plan(rows * processes, 2, length), device_mesh.init_device_mesh
    arithmetic = dataclasses.replace(_format("bfloat16", rows), device="cpu")

    def mesh(*arguments: Any) -> Any:
        with unset_fake_temporarily():  # Who belongs to it is known by numbers that are read.
            return original(*arguments)

    dist.init_process_group("fake", rank=0, world_size=processes, store=FakeStore())
    device_mesh.init_device_mesh = mesh  # type: ignore[assignment]
    try:
        with fake_gpu.pretending(memory):
            world = World(rank=0, size=processes, sharded=True)
            trained = trainer(model, arithmetic, world=world, plan=plan, vocabulary=VOCABULARY)
            trained.step(batch(plan))
            memory.peak = memory.now
            trained.step(batch(plan))
    finally:
        device_mesh.init_device_mesh = original
        dist.destroy_process_group()
    planned = held_gib(model, VOCABULARY, rows * length, half=True, processes=processes, sharded=True)
    return memory.peak / 2**30, planned


def benchmark() -> dict[str, str]:
    """Parts of `benchmarks.gpu`, small; `test_gpu_benchmark.py` has the others."""
    from benchmarks import gpu, gpu_parts

    arithmetic = dataclasses.replace(FORMATS["A100"], micro_batch=None, peak_flops=1e12)
    size = gpu_parts.Size(vocabulary=512, length=16, warm=1, steps=2, rows=2, stacked_rows=2, texts=2)
    chosen = gpu_parts.parts(gpu_parts.Bench(size, arithmetic))
    assert list(chosen) == list(gpu.PARTS)
    names = ["14m alone", "14m, K = 8", "190m", "14m in float16", "14m in float16, K = 8", "waiting, 14m"]
    with fake_gpu.pretending(), Readable(), contextlib.redirect_stdout(sys.stderr):
        return {name: gpu.one(chosen[name], arithmetic) for name in names}


SCENARIOS: dict[str, Callable[[], Any]] = {
    **{
        f"steps {name} {shape} {'stacked' if stacked else 'single'}": lambda n=name, s=shape, k=stacked: steps(n, s, k)  # type: ignore[misc]
        for name in FORMATS
        for shape in SHAPES
        for stacked in (False, True)
    },
    "host reads": host_reads,
    "evaluation": evaluation,
    "resumption": resumption,
    "out of memory": out_of_memory,
    "operations": operations,
    "traffic": traffic,
    "benchmark": benchmark,
}


def main(names: list[str]) -> None:
    """Runs some, or all; `memory MODEL DTYPE ROWS VARIANTS [LENGTH]` and `fsdp MODEL PROCESSES ROWS` track memory."""
    for name in names or list(SCENARIOS):
        kind, *words = name.split()
        found: Any
        try:
            if kind == "memory":
                found = held(words[0], words[1], *(int(word) for word in words[2:]))
            elif kind == "fsdp":
                found = held_by_many(words[0], int(words[1]), int(words[2]))
            else:
                found = SCENARIOS[name]()
        except Exception:
            found = traceback.format_exc()
        print(json.dumps({name: found}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
