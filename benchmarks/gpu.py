"""All that issue-sized questions ask of one GPU, in at most eight minutes: `python -m benchmarks.gpu`, a table in Markdown.

Utilisation of 14m, 190m and 1b with and without torch.compile (its seconds too), tokens per second of 14m alone and of 8, 16 and
32 side by side, the largest memory beside the planned one, the share of a whole run that waits for data, and the start of
NCCL in one process. Each row is a part of its own: what fails says why, and the others go on. After `--minutes` no new
part is begun. `tests/train/test_fake_gpu.py` runs it on a GPU that computes nothing, so that no slip costs a real one.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import gc
import os
import pathlib
import socket
import tempfile
import time
import traceback
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.training import Arrays, proxy
from olmix.graph.resources import ACCELERATORS, Needs
from olmix.train.arithmetic import Arithmetic, arithmetic_of, in_force, on_this_gpu
from olmix.train.diary import Diary
from olmix.train.ladder import flops_per_token, padded
from olmix.train.memory import held_gib
from olmix.train.proxy import Trainer, build_model
from olmix.train.recipe import Plan, resolve
from olmix.train.run import run
from olmix.train.settings import Device, SkipRule
from olmix.train.stacked import StackedTrainer


@dataclasses.dataclass(frozen=True)
class Size:
    """How much is done: steps to warm up and to time, and the rows of global batches."""

    vocabulary: int = padded(100_278)
    length: int = 2048
    warm: int = 3
    steps: int = 15
    rows: int = 32
    stacked_rows: int = 16


@dataclasses.dataclass
class Bench:
    """What all parts share; `plain` is the speed of 14m alone, once it is known."""

    size: Size
    arithmetic: Arithmetic
    plain: float | None = None

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

    def timed(self, step: Callable[[int], Any]) -> tuple[float, float]:
        """Seconds of the first step, and of each of the timed ones."""
        began = time.perf_counter()
        step(0)
        torch.cuda.synchronize()
        first = time.perf_counter() - began
        for number in range(1, self.size.warm):
            step(number)
        torch.cuda.synchronize()
        began = time.perf_counter()
        for number in range(self.size.steps):
            step(number)
        torch.cuda.synchronize()
        return first, (time.perf_counter() - began) / self.size.steps

    def alone(self, model: str, compiled: bool) -> str:
        """One model."""
        plan = self.plan(model, self.size.rows)
        arithmetic = dataclasses.replace(self.arithmetic, compile=compiled)
        built = build_model(model, vocabulary=self.size.vocabulary, plan=plan, arithmetic=arithmetic, seed=0)
        trainer, feed = Trainer(built, plan, arithmetic, skip=SkipRule(), seed=0), Arrays(plan, self.size.vocabulary)
        torch.cuda.reset_peak_memory_stats()
        first, seconds = self.timed(lambda number: trainer.step(feed.batch(number)))
        speed = plan.batch_tokens / seconds
        if model == "olmo3_14m" and not compiled:
            self.plain = speed
        use = (
            speed * flops_per_token(model, self.size.vocabulary, plan.length) / (arithmetic.peak_flops or float("nan"))
        )
        held = self._held(model, trainer.micro_batch * plan.length, 1)
        return f"{speed:,.0f} tokens/s, MFU {use:.1%}, first step {first:.1f} s, {trainer.micro_batch} at once, {held}"

    def stacked(self, count: int) -> str:
        """Many of 14m side by side."""
        model, plan = "olmo3_14m", self.plan("olmo3_14m", self.size.stacked_rows)
        stack = StackedTrainer(
            model, plan, self.arithmetic, vocabulary=self.size.vocabulary, skip=SkipRule(), seeds=[0] * count
        )
        feed = Arrays(plan, self.size.vocabulary)
        torch.cuda.reset_peak_memory_stats()
        _, seconds = self.timed(lambda number: stack.step([feed.batch(number)] * count))
        speed = count * plan.batch_tokens / seconds
        times = f"{speed / self.plain:.2f} × alone, " if self.plain else ""
        held = self._held(model, stack.micro_batch * plan.length, count)
        return f"{speed:,.0f} tokens/s, {times}{stack.micro_batch} at once, {held}"

    def _held(self, model: str, tokens: int, variants: int) -> str:
        half = self.arithmetic.dtype != "float32"
        planned = held_gib(model, self.size.vocabulary, tokens, half=half, variants=variants)
        held = torch.cuda.max_memory_allocated() / 2**30
        return f"{held:.1f} GiB held, {planned:.1f} planned"

    def waiting(self) -> str:
        """A whole run of 14m, feed and metrics file included."""
        plan = self.plan("olmo3_14m", self.size.rows, self.size.steps)
        settings = dataclasses.replace(proxy(), tokens=plan.tokens, checkpoint_seconds=None)
        built = build_model("olmo3_14m", vocabulary=self.size.vocabulary, plan=plan, arithmetic=self.arithmetic, seed=0)
        trainer, feed = (
            Trainer(built, plan, self.arithmetic, skip=SkipRule(), seed=0),
            Arrays(plan, self.size.vocabulary),
        )
        with tempfile.TemporaryDirectory() as name, contextlib.closing(
            Diary(plan, feed.leaves, pathlib.Path(name) / "metrics.jsonl")
        ) as diary:  # fmt: skip
            (found,) = run(trainer, [feed], settings, [diary], scratch=pathlib.Path(name),
                           evaluate=lambda _: {}, progress=lambda *_: None)  # fmt: skip
        return f"{found.waited / found.seconds:.2%} of the time waiting for data (2 % asked)"

    def nccl(self) -> str:
        """A group of one process, and its first exchange."""
        import torch.distributed as dist

        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(free.getsockname()[1]))
        began = time.perf_counter()
        dist.init_process_group("nccl", rank=0, world_size=1)
        try:
            dist.all_reduce(torch.ones(1, device="cuda"))
            torch.cuda.synchronize()
        finally:
            dist.destroy_process_group()
        return f"{time.perf_counter() - began:.1f} s from nothing to the first exchange"


def parts(bench: Bench) -> dict[str, Callable[[], str]]:
    """What is measured, what matters most first."""
    return {
        "14m alone": lambda: bench.alone("olmo3_14m", False),
        "14m compiled": lambda: bench.alone("olmo3_14m", True),
        **{f"14m, K = {count}": lambda k=count: bench.stacked(k) for count in (16, 8, 32)},  # type: ignore[misc]
        "190m": lambda: bench.alone("olmo3_190m", False),
        "1b": lambda: bench.alone("olmo3_1b", False),
        "190m compiled": lambda: bench.alone("olmo3_190m", True),
        "waiting, 14m": bench.waiting,
        "1b compiled": lambda: bench.alone("olmo3_1b", True),
        "NCCL, one process": bench.nccl,
    }


def measure(chosen: dict[str, Callable[[], str]], arithmetic: Arithmetic, minutes: float) -> dict[str, str]:
    """Runs the parts and prints each as a row of a table when it is done."""
    found, began = {}, time.perf_counter()
    print(f"| {torch.cuda.get_device_name()}, {arithmetic.dtype} | |\n| --- | --- |", flush=True)
    for name, part in chosen.items():
        if time.perf_counter() - began > 60 * minutes:
            found[name] = "not measured: no time left"
        else:
            try:
                with in_force(arithmetic):
                    found[name] = part()
            except Exception as error:
                traceback.print_exc()
                found[name] = f"failed: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            gc.collect()
            torch.cuda.empty_cache()
        print(f"| {name} | {found[name]} |", flush=True)
    return found


def main() -> None:
    """Measures on the GPU that is here."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=6.5, help="begin no part after so many")
    minutes = parser.parse_args().minutes
    if not torch.cuda.is_available():
        print("gpu: not measured, there is none here")
        return
    name = torch.cuda.get_device_name()
    kind = next((kind for kind in sorted(ACCELERATORS, reverse=True) if kind in name), None)
    device = Device() if kind else Device(dtype="bfloat16", attention="sdpa")
    needs = Needs(gpus=1, accelerator=kind)
    arithmetic = on_this_gpu(arithmetic_of(device, needs), needs)
    measure(parts(Bench(Size(), arithmetic)), arithmetic, minutes)


if __name__ == "__main__":
    main()
