"""The work of the training steps: opens data and models, runs, measures, writes what stays.

In a warm worker all of this but the training itself takes a few hundredths of a second: torch and transformers are
imported once, held-out texts and tasks are read once per worker.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import json
import logging
import pathlib
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer

from olmix.data.encode import end_of
from olmix.data.manifest import Manifest
from olmix.errors import UserError
from olmix.graph.step import Context
from olmix.graph.store import whole_folder
from olmix.train import compiling, memory, source, tasks
from olmix.train.arithmetic import Arithmetic, arithmetic_of, check_kernels, in_force, on_this_gpu
from olmix.train.attention import of_many_lengths
from olmix.train.continuing import METRICS, PERIODS, Start, is_kept, keep_state, start_of, take_over
from olmix.train.diary import Diary, Logger, Outcome
from olmix.train.distributed import LEAVE, Poll, World, gathered
from olmix.train.evaluate import bits_per_byte, task_bits_per_byte
from olmix.train.feed import Batch, HeldOuts
from olmix.train.ladder import Foreign, flops_per_token, padded
from olmix.train.proxy import Trainer, build_model
from olmix.train.recipe import Plan, resolve, sharded
from olmix.train.results import BPB, ProxyResult, group_means
from olmix.train.run import Interrupted, forget_remote, run, terminated
from olmix.train.settings import Proxy
from olmix.train.training import Place, Training

log = logging.getLogger(__name__)

Progress = Callable[[float, float, str], None]


@dataclasses.dataclass(frozen=True)
class Measures:
    """What a proxy is measured on."""

    held_outs: HeldOuts
    groups: Mapping[str, tuple[str, ...]]
    tasks: tuple[tasks.Prepared, ...]
    families: Mapping[str, tuple[str, ...]]

    def of(
        self,
        model: torch.nn.Module,
        length: int,
        device: torch.device,
        dtype: torch.dtype | None,
        world: World,
        alive: Callable[[], None],
    ) -> dict[str, float]:
        """All metrics of a model as it stands; `alive` is called after every forward pass."""
        how: dict[str, Any] = {"device": device, "dtype": dtype, "world": world, "alive": alive}
        with of_many_lengths(device):
            leaves = bits_per_byte(model, self.held_outs, length, **how)
            answers = task_bits_per_byte(model, self.tasks, **how) if self.tasks else {}
        return {
            **{f"{BPB}{name}": value for name, value in {**leaves, **group_means(leaves, self.groups)}.items()},
            **{tasks.METRIC.format(name): value for name, value in answers.items()},
            **{tasks.FAMILY.format(name): value for name, value in group_means(answers, self.families).items()},
        }


def evaluating(progress: Progress, tokens: int, total: int, world: World | None = None) -> Callable[[], None]:
    """Something to call after each forward pass of an evaluation, which says so now and at most once a second.

    Several processes that are told to leave do so together, a pass later: it raises Interrupted in all of them. A single
    one is broken off by its signal (`run.Stop`).
    """
    told, world = time.monotonic(), world or World()
    poll = Poll(world)
    progress(tokens, total, "evaluating")

    def alive() -> None:
        nonlocal told
        if world.size > 1 and poll.any(LEAVE.is_set())[0]:
            raise Interrupted
        if time.monotonic() - told >= 1:
            told = time.monotonic()
            progress(tokens, total, "evaluating")

    return alive


def train_proxy(step: Training, context: Context) -> ProxyResult:
    """Trains the proxy of a step, or goes on with it, and measures it.

    Raises:
      UserError: for a mistake in the settings, or data that do not fit them.
      Interrupted: on SIGTERM, after saving.
    """
    arithmetic = arithmetic_of(step.proxy.device, step.needs)
    manifest = source.open_scan(context, step.scan)
    place = Place.of(context)
    processes = step.proxy.device.processes
    start = start_of(step, context, manifest.scan)
    if processes == 1:
        return _train(World(), context.progress, step, manifest, place, start)
    from olmix.train.processes import launch

    shard = sharded(step.proxy.model, padded(step.proxy.vocabulary))
    arguments = (step, manifest, place, start)
    asked = step.needs.patience_minutes if step.needs is not None else None
    with terminated() as stop:
        result = launch(
            processes, arithmetic.device, shard, _train, arguments, context.scratch, stop, context.progress, step.needs,
            asked if asked is not None else step.patience(),
        )  # fmt: skip
    assert isinstance(result, ProxyResult)
    return result


def _train(
    world: World,
    progress: Progress,
    step: Training,
    manifest: Manifest,
    place: Place,
    start: Start | None,
) -> ProxyResult:
    """The work of one process; only the first one's result is used."""
    began = time.perf_counter()
    proxy, arithmetic, plan = step.proxy, checked_arithmetic(step), resolve(step.proxy)
    measures, tokenizer = measures_of(step, manifest)
    feed = source.open_feed(manifest, step.mixture, plan, step.seed, step.repetition_limits)
    with in_force(arithmetic), contextlib.ExitStack() as stack:
        progress(0, plan.tokens, "building the model")
        model = build_model(
            proxy.model, vocabulary=padded(proxy.vocabulary), plan=plan, arithmetic=arithmetic, seed=step.seed
        )
        begin_with = fits_by_arithmetic(proxy, plan, arithmetic, world)
        trainer = Trainer(model, plan, arithmetic, skip=proxy.skip, seed=step.seed, world=world, begin_with=begin_with)
        diary = stack.enter_context(open_diary(step, place if world.first else None, plan, arithmetic, feed.leaves))
        setting_up = time.perf_counter() - began

        def evaluate(_: int) -> dict[str, float]:
            alive = evaluating(progress, trainer.tokens, plan.tokens, world)
            with compiling.uncompiled(arithmetic):
                return measures.of(trainer.model, plan.length, trainer.device, arithmetic.autocast, world, alive)

        def keep_model(folder: pathlib.Path) -> None:
            # All processes must ask.
            state = {name: gathered(value, world.first) for name, value in model.state_dict().items()}
            if world.first:
                save_model(model, state, folder, plan, tokenizer)

        def period_end(tokens: int) -> None:
            if diary.reason:
                return
            if proxy.save_model and tokens < plan.tokens:
                keep_model(place.scratch / PERIODS / str(tokens))
            if proxy.save_states:
                state = trainer.state()  # All processes must ask.
                if world.first or world.sharded:
                    keep_state(place.scratch, state, diary.state(), world)

        outcome = run(
            trainer, [feed], proxy, [diary], scratch=place.scratch, evaluate=evaluate, progress=progress,
            period_end=period_end, kept=lambda tokens: is_kept(step, place.scratch, tokens),
            start=(lambda: [start.load(world)]) if start is not None else None,
        )[0]  # fmt: skip
        # The machine may be taken away in here: what is left to do is shorter than doing the end of the run again.
        stack.enter_context(terminated())
        progress(plan.tokens, plan.tokens, "writing the result")
        result = result_of(step, outcome, plan, model, feed.leaves, manifest, setting_up)
        if world.first:
            finish(place.scratch, place.out)
        if proxy.save_model and result.finished:
            keep_model(place.out / "model")
        if world.first:
            forget_remote(proxy, place.scratch)
    return result


def fits_by_arithmetic(proxy: Proxy, plan: Plan, arithmetic: Arithmetic, world: World, variants: int = 1) -> int | None:
    """The micro-batch to begin with on a GPU where trying all of a batch is no good; None: try that.

    Sharded processes cannot try alone, so theirs must fit (of a foreign model, of which nobody knows: one sequence), and each
    size that a compiled model tries in vain is compiled first. Variants side by side have many times what fits: they begin
    with twice what does by arithmetic, which is on the safe side.
    """
    careful = world.sharded or arithmetic.compile
    if not (careful or variants > 1) or arithmetic.device != "cuda":
        return None
    if isinstance(proxy.model, Foreign):
        return 1 if world.sharded else None
    memory_gib = torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory / 2**30
    count = memory.micro_batch_that_fits(
        proxy.model, padded(proxy.vocabulary), plan.length, -(-plan.batch // world.size), memory_gib,
        half=arithmetic.autocast is not None, variants=variants, processes=world.size, sharded=world.sharded,
    )  # fmt: skip
    return count or 1 if careful else min(plan.batch, 2 * (count or 1))


def finish(scratch: pathlib.Path, out: pathlib.Path) -> None:
    """Brings what this attempt and earlier ones have written to where the result is."""
    shutil.copyfile(scratch / METRICS, out / METRICS)
    remedy = "run the same command again, and that model is made again"
    take_over(scratch, out, models=True, states=True, remedy=remedy)


def checked_gpu(arithmetic: Arithmetic) -> Arithmetic:
    """The same. Raises UserError if it needs a GPU and torch has none here, or no kernels for it."""
    if arithmetic.device == "cuda" and not torch.cuda.is_available():
        raise UserError(
            "The step asks for a GPU (needs.gpus), and torch sees none here; is this build of torch for CPUs only?"
        )
    if arithmetic.device == "cuda":
        check_kernels(torch.cuda.get_device_name(), torch.cuda.get_device_capability(), torch.cuda.get_arch_list())
    return arithmetic


def checked_arithmetic(step: Training, variants: int = 1) -> Arithmetic:
    """The arithmetic of a step, or of `variants` side by side, on this machine. Raises UserError where it cannot be done."""
    arithmetic = checked_gpu(arithmetic_of(step.proxy.device, step.needs))
    decision = compiling.possible_here(compiling.decide(step.proxy, step.needs, variants=variants), arithmetic.device)
    if arithmetic.device == "cuda":
        log.info("%s.", compiling.line(decision))
    return dataclasses.replace(on_this_gpu(arithmetic, step.needs), compile=decision.on)


def measures_of(step: Training, manifest: Manifest) -> tuple[Measures, pathlib.Path | None]:
    """What to measure on, and the tokenizer; every mistake in what was asked for shows here, before anything is paid for."""
    proxy = step.proxy
    source.check_vocabulary(proxy.vocabulary, manifest.scan)
    tokenizer = source.tokenizer_path(manifest, proxy.tokenizer)
    if tokenizer is not None:
        source.check_tokenizer(tokenizer, padded(proxy.vocabulary))
    held_outs = source.held_outs(manifest, at_most=proxy.held_out_tokens, tokenizer=tokenizer)
    if not held_outs:
        raise UserError(
            "No leaf has held-out text, so there would be nothing to measure the proxy on; let the scan hold some out."
        )
    group_means(dict.fromkeys(held_outs, 0.0), step.groups)
    tasks.check_tasks(proxy.tasks.names, proxy.tasks.families)
    prepared: tuple[tasks.Prepared, ...] = ()
    if proxy.tasks.names:
        if tokenizer is None:
            raise UserError(
                "In-loop tasks are texts: set proxy.tokenizer to the tokenizer.json that they are to be read with."
            )
        text = tokenizer.read_text(encoding="utf-8")
        prepared = tasks.prepare(tuple(proxy.tasks.names), proxy.tasks.items, text, proxy.sequence_length)
    return Measures(held_outs, step.groups, prepared, proxy.tasks.families), tokenizer


@contextlib.contextmanager
def open_diary(
    step: Training, place: Place | None, plan: Plan, arithmetic: Arithmetic, leaves: tuple[str, ...]
) -> Iterator[Diary]:
    """The diary of a run, closed at the end; it writes files and tells W&B where `place` is given."""
    proxy, flops = step.proxy, None
    if not isinstance(proxy.model, Foreign):
        flops = flops_per_token(proxy.model, padded(proxy.vocabulary), plan.length)
    # A CPU's peak is a guess, and a utilisation made from it would look like a measurement.
    peak = arithmetic.peak_flops if arithmetic.device == "cuda" else None
    with contextlib.ExitStack() as stack:
        logger = stack.enter_context(_logger(step, place)) if proxy.wandb and place is not None else None
        path = place.scratch / METRICS if place is not None else None
        diary = Diary(
            plan, leaves, path, log_tokens=proxy.log_tokens, logger=logger, flops_per_token=flops, peak_flops=peak
        )
        yield stack.enter_context(contextlib.closing(diary))


def result_of(
    step: Training,
    outcome: Outcome,
    plan: Plan,
    model: torch.nn.Module,
    leaves: Sequence[str],
    manifest: Manifest,
    setting_up: float,
) -> ProxyResult:
    """What a run that ended as `outcome` says amounts to."""
    seen = dict.fromkeys(step.mixture, 0) | {
        leaf: count * plan.length for leaf, count in zip(leaves, outcome.sequences, strict=True)
    }
    parameters = sum(p.numel() for p in model.parameters())
    embedding = model.get_input_embeddings().weight.numel()  # type: ignore[operator]
    finished = outcome.status == "finished"
    groups = {f"{BPB}{name}" for name in step.groups}  # Which are for the log.
    evaluations = tuple(
        (tokens, {name: value for name, value in metrics.items() if name not in groups})
        for tokens, metrics in outcome.evaluations
    )
    return ProxyResult(
        status=outcome.status,
        reason=outcome.reason,
        mixture=dict(step.mixture),
        seed=step.seed,
        metrics=evaluations[-1][1] if finished else {},
        train_loss=outcome.final_loss,
        tokens=outcome.tokens,
        declared_tokens=plan.declared_tokens,
        tokens_per_leaf=seen,
        repetition={leaf: tokens / manifest.scan.tokens[leaf] for leaf, tokens in seen.items()},
        parameters=parameters,
        non_embedding_parameters=parameters - embedding,
        skipped_steps=outcome.skipped,
        seconds=outcome.seconds,
        seconds_setting_up=setting_up,
        tokens_per_second=outcome.tokens / outcome.seconds,
        share_waiting_for_data=outcome.waited / outcome.seconds,
        loss_curve=outcome.curve,
        evaluations=evaluations,
    )


def save_model(
    model: torch.nn.Module,
    state: Mapping[str, torch.Tensor],
    folder: pathlib.Path,
    plan: Plan,
    tokenizer: pathlib.Path | None,
) -> None:
    """Writes a Hugging Face folder, which `from_pretrained` and vLLM load, with the tokenizer if there is one.

    Its token that ends a document is then where generation stops.
    It is there whole and on the disk, or not at all: where it lies tells a run that goes on what need not be made again.
    """
    end = end_of(Tokenizer.from_file(str(tokenizer))) if tokenizer is not None else None
    with whole_folder(folder) as beside:
        model.save_pretrained(beside, state_dict=state)  # type: ignore[operator]
        # Who reads it wants other things of it than training does.
        for config in (copy.deepcopy(model.config), copy.deepcopy(model.generation_config)):
            config.use_cache, config.eos_token_id = True, end and end[1]  # type: ignore[union-attr]
            config.save_pretrained(beside)  # type: ignore[union-attr, operator]
        if tokenizer is not None:
            shutil.copyfile(tokenizer, beside / "tokenizer.json")
            about = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": plan.length}
            about |= {"eos_token": end[0]} if end is not None else {}
            (beside / "tokenizer_config.json").write_text(json.dumps(about, indent=1) + "\n")


@contextlib.contextmanager
def _logger(step: Training, place: Place) -> Iterator[Logger]:
    from olmix.train.tracking import WeightsAndBiases

    logger = WeightsAndBiases(step, place)
    try:
        yield logger
    finally:
        logger.finish()


def probe(
    proxy: Proxy, needs: Any, steps: int, progress: Progress = lambda *_: None
) -> tuple[float, float | None, str]:
    """Tokens per second over `steps` steps on random tokens (after three to warm up), peak memory in GiB, device name."""
    arithmetic, plan = checked_gpu(arithmetic_of(proxy.device, needs)), resolve(proxy)
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, proxy.vocabulary, (plan.batch, plan.length))
    batch = Batch(tokens, np.zeros(plan.batch, np.int64))
    cuda = arithmetic.device == "cuda"
    with in_force(arithmetic):
        model = build_model(proxy.model, vocabulary=padded(proxy.vocabulary), plan=plan, arithmetic=arithmetic, seed=0)
        trainer = Trainer(model, plan, arithmetic, skip=proxy.skip, seed=0)
        for number in range(3):
            progress(number, steps + 3, "warming up")
            record = trainer.step(batch)
        # A step is only launched; who asks for its numbers waits until it is done. What they are is all the same, even NaN: a
        # run that diverges on random tokens takes as long. The first three found the micro-batch that fits.
        _ = record.alive
        began = time.perf_counter()
        if cuda:
            torch.cuda.reset_peak_memory_stats()
        for number in range(steps):
            progress(number + 3, steps + 3, "measuring")
            record = trainer.step(batch)
        _ = record.alive
        seconds = time.perf_counter() - began
    memory = torch.cuda.max_memory_allocated() / 2**30 if cuda else None
    return steps * plan.batch_tokens / seconds, memory, torch.cuda.get_device_name() if cuda else "cpu"
