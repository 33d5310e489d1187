"""What is measured on a GPU, part by part; `gpu.py` says in which order, and for how long.

Each part answers with a line. Its loss is there to be looked at: tokens are drawn at random from 100,278, so a model that
computes what it should begins at 11.5 nats and stays near it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import socket
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmarks.training import Arrays, proxy
from olmix.train.arithmetic import Arithmetic
from olmix.train.attention import of_many_lengths
from olmix.train.diary import Diary
from olmix.train.distributed import World
from olmix.train.evaluate import held_out_nats, row_nats
from olmix.train.feed import HeldOut
from olmix.train.ladder import flops_per_token, padded, shape_of
from olmix.train.memory import held_gib
from olmix.train.planner import work_of_step
from olmix.train.proxy import Trainer, build_model
from olmix.train.recipe import Plan, resolve
from olmix.train.records import StepRecord
from olmix.train.run import run
from olmix.train.settings import SkipRule
from olmix.train.stacked import StackedTrainer
from olmix.train.tasks import Encoded


@dataclasses.dataclass(frozen=True)
class Size:
    """How much is done: steps to warm up and to time, and the rows of global batches."""

    vocabulary: int = padded(100_278)
    length: int = 2048
    warm: int = 3
    steps: int = 15
    rows: int = 32
    stacked_rows: int = 16
    texts: int = 64


@dataclasses.dataclass
class Bench:
    """What all parts share; `plain` has the speed of 14m alone by rows of its batch, where it is known."""

    size: Size
    arithmetic: Arithmetic
    plain: dict[int, float] = dataclasses.field(default_factory=dict)

    def plan(self, model: str, rows: int, steps: int = 1000) -> Plan:
        """A run long enough for all that is timed."""
        tokens = rows * self.size.length
        return resolve(
            proxy(
                model=model,
                vocabulary=self.size.vocabulary,
                sequence_length=self.size.length,
                batch_tokens=tokens,
                tokens=steps * tokens,
                warmup_tokens=0,
            )
        )

    def trainer(self, model: str, plan: Plan, arithmetic: Arithmetic, world: World | None = None) -> Trainer:
        """A fresh one."""
        built = build_model(model, vocabulary=self.size.vocabulary, plan=plan, arithmetic=arithmetic, seed=0)
        return Trainer(built, plan, arithmetic, skip=SkipRule(), seed=0, world=world)

    def timed(self, step: Callable[[int], StepRecord]) -> tuple[float, float, StepRecord]:
        """Seconds of the first step, and of each of the timed ones; what the last one did."""
        began = time.perf_counter()
        record = step(0)
        torch.cuda.synchronize()
        first = time.perf_counter() - began
        for number in range(1, self.size.warm):
            step(number)
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        began = time.perf_counter()
        for number in range(self.size.steps):
            record = step(number)
        torch.cuda.synchronize()
        return first, (time.perf_counter() - began) / self.size.steps, record

    def alone(self, model: str, *, compiled: bool = False, rows: int | None = None, dtype: str | None = None) -> str:
        """One model."""
        rows = rows or self.size.rows
        plan = self.plan(model, rows)
        arithmetic = dataclasses.replace(self.arithmetic, compile=compiled)
        if dtype is not None:
            arithmetic = dataclasses.replace(arithmetic, dtype=dtype, loss_scaling=dtype == "float16")
        trainer, feed = self.trainer(model, plan, arithmetic), Arrays(plan, self.size.vocabulary)
        began_with = trainer.micro_batch
        first, seconds, record = self.timed(lambda number: trainer.step(feed.batch(number)))
        speed = plan.batch_tokens / seconds
        if model == "olmo3_14m" and not compiled and dtype is None:
            self.plain[rows] = speed
        operations = flops_per_token(model, self.size.vocabulary, plan.length)
        use = speed * operations / (arithmetic.peak_flops or float("nan"))
        at_once = f"{trainer.micro_batch} at once"
        if trainer.micro_batch != began_with:
            at_once = f"{began_with} at once did not fit, {at_once}"
        held = self._held(model, trainer.micro_batch * plan.length, 1, arithmetic)
        launches, _ = work_of_step(shape_of(model), self.size.vocabulary, plan.batch_tokens)
        return (
            f"{speed:,.0f} tokens/s, MFU {use:.1%}, {1000 * seconds:.1f} ms a step ({1e6 * seconds / launches:.1f} µs for "
            f"each of {launches} launches), first step {first:.1f} s, {at_once}, {held}, loss {record.loss:.3f}, "
            f"{trainer.skipped} skipped"
        )

    def stacked(self, count: int, *, rows: int | None = None, dtype: str | None = None) -> str:
        """Many of 14m side by side."""
        model, rows = "olmo3_14m", rows or self.size.stacked_rows
        plan, arithmetic = self.plan(model, rows), self.arithmetic
        if dtype is not None:
            arithmetic = dataclasses.replace(arithmetic, dtype=dtype, loss_scaling=dtype == "float16")
        stack = StackedTrainer(
            model, plan, arithmetic, vocabulary=self.size.vocabulary, skip=SkipRule(), seeds=[0] * count
        )
        feed = Arrays(plan, self.size.vocabulary)
        _, seconds, record = self.timed(lambda number: stack.step([feed.batch(number)] * count)[-1])
        speed = count * plan.batch_tokens / seconds
        plain = self.plain.get(rows) or self.plain.get(self.size.rows)
        times = f"{speed / plain:.2f} × alone, " if plain else ""
        held = self._held(model, stack.micro_batch * plan.length, count, arithmetic)
        return (
            f"{speed:,.0f} tokens/s, {times}{1000 * seconds:.1f} ms a step, {stack.micro_batch} at once of each, {held}, "
            f"loss {record.loss:.3f}, {max(stack.skipped)} skipped"
        )

    def _held(self, model: str, tokens: int, variants: int, arithmetic: Arithmetic) -> str:
        half = arithmetic.dtype != "float32"
        planned = held_gib(model, self.size.vocabulary, tokens, half=half, variants=variants, length=self.size.length)
        held = torch.cuda.max_memory_allocated() / 2**30
        return f"{held:.1f} GiB held, {planned:.1f} planned"

    def waiting(self) -> str:
        """A whole run of 14m, feed and metrics file included."""
        plan = self.plan("olmo3_14m", self.size.rows, 2 * self.size.steps)
        settings = dataclasses.replace(proxy(), tokens=plan.tokens, checkpoint_seconds=None)
        trainer, feed = self.trainer("olmo3_14m", plan, self.arithmetic), Arrays(plan, self.size.vocabulary)
        with tempfile.TemporaryDirectory() as name, contextlib.closing(
            Diary(plan, feed.leaves, pathlib.Path(name) / "metrics.jsonl")
        ) as diary:  # fmt: skip
            (found,) = run(trainer, [feed], settings, [diary], scratch=pathlib.Path(name),
                           evaluate=lambda _: {}, progress=lambda *_: None)  # fmt: skip
        speed = plan.tokens / found.seconds
        return f"{found.waited / found.seconds:.2%} of the time waiting for data (2 % asked), {speed:,.0f} tokens/s"

    def evaluation(self) -> str:
        """Texts of as many lengths, as in-loop tasks have; with the attention that torch prefers, and as we do it."""
        plan = self.plan("olmo3_14m", self.size.rows)
        model = self.trainer("olmo3_14m", plan, self.arithmetic).model.eval()
        rng, device = np.random.default_rng(0), torch.device(self.arithmetic.device)
        lengths = rng.permutation(np.linspace(8, self.size.length, 2 * self.size.texts).astype(int))
        rows = [Encoded(rng.integers(0, self.size.vocabulary, count), 4, 0) for count in lengths]

        def seconds(some: list[Encoded], within: contextlib.AbstractContextManager[None]) -> float:
            began = time.perf_counter()
            with within:
                row_nats(model, some, device=device, dtype=self.arithmetic.autocast)
            return time.perf_counter() - began

        seconds(rows[:2], of_many_lengths(device))
        half = len(rows) // 2
        ours, torchs = seconds(rows[:half], of_many_lengths(device)), seconds(rows[half:], contextlib.nullcontext())
        return f"{half} texts of as many lengths: {ours:.2f} s; with the attention that torch prefers {torchs:.2f} s"

    def sharded(self, model: str = "olmo3_190m") -> str:
        """NCCL and FSDP2 in a group of one process: a step, an evaluation, steps; its losses beside those of one alone."""
        import torch.distributed as dist

        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(free.getsockname()[1]))
        plan = self.plan(model, min(8, self.size.rows))
        feed = Arrays(plan, self.size.vocabulary)
        text = HeldOut(feed.batch(0).tokens.reshape(-1)[: 4 * plan.length], 1)
        began = time.perf_counter()
        backend = "nccl" if self.arithmetic.device == "cuda" else "gloo"
        dist.init_process_group(backend, rank=0, world_size=1)
        try:
            dist.all_reduce(torch.ones(1, device=self.arithmetic.device))
            torch.cuda.synchronize()
            joined, found = time.perf_counter() - began, []
            for world in (World(), World(size=1, sharded=True)):
                trainer = self.trainer(model, plan, self.arithmetic, world)
                first = trainer.step(feed.batch(0)).loss
                how: dict[str, Any] = {"device": trainer.device, "dtype": self.arithmetic.autocast, "world": world}
                nats = held_out_nats(trainer.model, [text], plan.length, **how)[0] / len(text.tokens)
                _, seconds, record = self.timed(lambda number, at=trainer: at.step(feed.batch(number)))  # type: ignore[misc]
                found.append(
                    f"losses {first:.4f}, {nats:.4f}, {record.loss:.4f} at {plan.batch_tokens / seconds:,.0f} tokens/s"
                )
                del trainer
        finally:
            dist.destroy_process_group()
        return f"{joined:.1f} s from nothing to the first exchange; whole {found[0]}; sharded {found[1]}"

    def profile(self, model: str) -> str:
        """Which kernels take a step's time, the seven longest, and how much of it the device works (a CPU has none)."""
        plan = self.plan(model, self.size.stacked_rows)
        trainer, feed = self.trainer(model, plan, self.arithmetic), Arrays(plan, self.size.vocabulary)
        self.timed(lambda number: trainer.step(feed.batch(number)))
        began = time.perf_counter()
        with torch.profiler.profile() as seen:
            for number in range(3):
                trainer.step(feed.batch(number))
            torch.cuda.synchronize()
        seconds = time.perf_counter() - began
        kernels = sorted(seen.key_averages(), key=lambda event: -event.self_device_time_total)
        busy = sum(event.self_device_time_total for event in kernels) / 1e6
        longest = "; ".join(
            f"{event.self_device_time_total / 1e6 / max(busy, 1e-9):.1%} {event.key[:60]}" for event in kernels[:7]
        )
        return f"the device works {busy / seconds:.0%} of the time (profiler on): {longest}"


def parts(bench: Bench) -> dict[str, Callable[[], str]]:
    """What is measured, by the names of `gpu.PARTS`."""
    small = "olmo3_14m"
    return {
        "14m alone": lambda: bench.alone(small),
        "14m, K = 16": lambda: bench.stacked(16),
        "190m": lambda: bench.alone("olmo3_190m"),
        "1b": lambda: bench.alone("olmo3_1b"),
        "14m compiled": lambda: bench.alone(small, compiled=True),
        "14m, one sequence a batch": lambda: bench.alone(small, rows=1),
        "14m, one sequence a batch, K = 16": lambda: bench.stacked(16, rows=1),
        "14m in float16": lambda: bench.alone(small, dtype="float16"),
        "waiting, 14m": bench.waiting,
        "190m compiled": lambda: bench.alone("olmo3_190m", compiled=True),
        "evaluation, 14m": bench.evaluation,
        "sharded, one process": bench.sharded,
        "14m, K = 8": lambda: bench.stacked(8),
        "14m, K = 32": lambda: bench.stacked(32),
        "14m in float16, K = 8": lambda: bench.stacked(8, dtype="float16"),
        "profile, 14m": lambda: bench.profile(small),
        "profile, 190m": lambda: bench.profile("olmo3_190m"),
        "1b compiled": lambda: bench.alone("olmo3_1b", compiled=True),
    }
