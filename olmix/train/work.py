"""The work of the training steps: opens data and models, runs, measures, writes what stays.

In a warm worker all of this but the training itself takes a few hundredths of a second: torch and transformers are
imported once, held-out texts and tasks are read once per worker.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from olmix.data.manifest import Manifest
from olmix.errors import UserError
from olmix.graph.step import Context
from olmix.train import source, tasks
from olmix.train.arithmetic import Arithmetic, arithmetic_of, in_force
from olmix.train.diary import Diary, Logger, Outcome
from olmix.train.distributed import SHARD_FROM, World, launch, whole
from olmix.train.evaluate import bits_per_byte, group_means, task_bits_per_byte
from olmix.train.feed import Batch, HeldOuts
from olmix.train.ladder import Foreign, flops_per_token, padded
from olmix.train.proxy import Trainer, build_model
from olmix.train.recipe import Plan, nominal_parameters, resolve
from olmix.train.results import BPB, ProxyResult
from olmix.train.run import run, terminated
from olmix.train.settings import Proxy
from olmix.train.stacked import StackedTrainer

if TYPE_CHECKING:
    from olmix.train.steps import TrainProxy, TrainStack

Progress = Callable[[float, float, str], None]

#: The folder of the models at the ends of periods, one each by the tokens seen.
PERIODS = "periods"


@dataclasses.dataclass(frozen=True)
class Place:
    """What a process of a run needs of the step's context."""

    out: pathlib.Path
    scratch: pathlib.Path
    experiment: str
    label: str


@dataclasses.dataclass(frozen=True)
class Measures:
    """What a proxy is measured on."""

    held_outs: HeldOuts
    groups: Mapping[str, tuple[str, ...]]
    tasks: tuple[tasks.Prepared, ...]
    families: Mapping[str, tuple[str, ...]]

    def of(
        self, model: torch.nn.Module, length: int, device: torch.device, dtype: torch.dtype | None, world: World
    ) -> dict[str, float]:
        """All metrics of a model as it stands."""
        how: dict[str, Any] = {"device": device, "dtype": dtype, "world": world}
        leaves = bits_per_byte(model, self.held_outs, length, **how)
        answers = task_bits_per_byte(model, self.tasks, **how) if self.tasks else {}
        return {
            **{f"{BPB}{name}": value for name, value in {**leaves, **group_means(leaves, self.groups)}.items()},
            **{tasks.METRIC.format(name): value for name, value in answers.items()},
            **{tasks.FAMILY.format(name): value for name, value in group_means(answers, self.families).items()},
        }


def train_proxy(step: TrainProxy, context: Context) -> ProxyResult:
    """Trains the proxy of a step, or goes on with it, and measures it.

    Raises:
      UserError: for a mistake in the settings, or data that do not fit them.
      Interrupted: on SIGTERM, after saving.
    """
    arithmetic = _checked_arithmetic(step)
    manifest = source.open_scan(context, step.scan)
    place = Place(context.out, context.scratch, context.experiment, context.label)
    processes = step.proxy.device.processes
    if processes == 1:
        return _train(World(), context.progress, step, manifest, place)
    sharded = (nominal_parameters(step.proxy.model) or 0) >= SHARD_FROM
    arguments = (step, manifest, place)
    with terminated() as stop:
        result = launch(
            processes, arithmetic.device, sharded, _train, arguments, context.scratch, stop, context.progress
        )
    assert isinstance(result, ProxyResult)
    return result


def _train(world: World, progress: Progress, step: TrainProxy, manifest: Manifest, place: Place) -> ProxyResult:
    """The work of one process; only the first one's result is used."""
    began = time.perf_counter()
    proxy, arithmetic, plan = step.proxy, arithmetic_of(step.proxy.device, step.needs), resolve(step.proxy)
    measures, tokenizer = _measures(step, manifest)
    feed = source.open_feed(manifest, step.mixture, plan, step.seed, step.repetition_limits)
    with in_force(arithmetic), contextlib.ExitStack() as stack:
        model = build_model(
            proxy.model, vocabulary=padded(proxy.vocabulary), plan=plan, arithmetic=arithmetic, seed=step.seed
        )
        trainer = Trainer(model, plan, arithmetic, skip=proxy.skip, seed=step.seed, world=world)
        logger = stack.enter_context(_logger(step, place)) if proxy.wandb and world.first else None
        path = place.scratch / "metrics.jsonl" if world.first else None
        diary = stack.enter_context(contextlib.closing(_diary(proxy, plan, arithmetic, feed.leaves, path, logger)))
        setting_up = time.perf_counter() - began

        def evaluate(_: int) -> dict[str, float]:
            return measures.of(trainer.model, plan.length, trainer.device, arithmetic.autocast, world)

        def keep(folder: pathlib.Path) -> None:
            state = {name: whole(value) for name, value in model.state_dict().items()}  # All processes must ask.
            if world.first:
                save_model(model, state, folder, plan, tokenizer)

        def keep_period(tokens: int) -> None:
            if proxy.save_model:
                keep(place.scratch / PERIODS / str(tokens))

        outcome = run(
            trainer, [feed], proxy, [diary], scratch=place.scratch, evaluate=evaluate, progress=progress,
            period_end=keep_period,
        )[0]  # fmt: skip
        result = _result(step.mixture, step.seed, outcome, plan, model, feed.leaves, manifest, setting_up)
        if path is not None:
            shutil.copyfile(path, place.out / "metrics.jsonl")
            _copy_periods(place.scratch, place.out)
        if proxy.save_model and result.finished:
            keep(place.out / "model")
    return result


def train_stack(step: TrainStack, context: Context) -> list[ProxyResult]:
    """Trains the variants of a step side by side in one model; results and files as `train_proxy` has them, by variant."""
    began = time.perf_counter()
    proxy, arithmetic, plan = step.proxy, _checked_arithmetic(step), resolve(step.proxy)
    manifest = source.open_scan(context, step.scan)
    measures, tokenizer = _measures(step, manifest)
    feeds = [source.open_feed(manifest, mixture, plan, step.seed, step.repetition_limits) for mixture in step.mixtures]
    paths = [context.scratch / f"{number:03d}.jsonl" for number in range(len(feeds))]
    with in_force(arithmetic), contextlib.ExitStack() as stack:
        trainer = StackedTrainer(
            proxy.model,
            plan,
            arithmetic,
            vocabulary=padded(proxy.vocabulary),
            skip=proxy.skip,
            seeds=[step.seed] * len(feeds),
        )
        diaries = [
            stack.enter_context(contextlib.closing(_diary(proxy, plan, arithmetic, feed.leaves, path, None)))
            for feed, path in zip(feeds, paths, strict=True)
        ]
        setting_up = time.perf_counter() - began

        def evaluate(number: int) -> dict[str, float]:
            return measures.of(trainer.variant(number), plan.length, trainer.device, arithmetic.autocast, World())

        def keep(number: int, folder: pathlib.Path) -> None:
            model = trainer.variant(number)
            save_model(model, model.state_dict(), folder, plan, tokenizer)

        def keep_all(tokens: int) -> None:
            if not proxy.save_model:
                return
            for number in range(len(feeds)):
                keep(number, context.scratch / f"{number:03d}" / PERIODS / str(tokens))

        outcomes = run(
            trainer, feeds, proxy, diaries, scratch=context.scratch, evaluate=evaluate, progress=context.progress,
            period_end=keep_all,
        )  # fmt: skip
        results = []
        for number, (outcome, feed, mixture) in enumerate(zip(outcomes, feeds, step.mixtures, strict=True)):
            model = trainer.variant(number)
            result = _result(mixture, step.seed, outcome, plan, model, feed.leaves, manifest, setting_up / len(feeds))
            results.append(result)
            folder = context.out / f"{number:03d}"
            folder.mkdir()
            shutil.copyfile(paths[number], folder / "metrics.jsonl")
            _copy_periods(context.scratch / f"{number:03d}", folder)
            if proxy.save_model and result.finished:
                keep(number, folder / "model")
    return results


def _copy_periods(scratch: pathlib.Path, out: pathlib.Path) -> None:
    """Brings the models of periods that have ended, in this attempt or an earlier one, to where the result is."""
    if (scratch / PERIODS).is_dir():
        shutil.copytree(scratch / PERIODS, out / PERIODS)


def _checked_arithmetic(step: TrainProxy | TrainStack) -> Arithmetic:
    arithmetic = arithmetic_of(step.proxy.device, step.needs)
    if arithmetic.device == "cuda" and not torch.cuda.is_available():
        raise UserError(
            "The step asks for a GPU (needs.gpus), and torch sees none here; is this build of torch for CPUs only?"
        )
    return arithmetic


def _measures(step: TrainProxy | TrainStack, manifest: Manifest) -> tuple[Measures, pathlib.Path | None]:
    """What to measure on, and the tokenizer; every mistake in what was asked for shows here, before anything is paid for."""
    proxy = step.proxy
    source.check_vocabulary(proxy.vocabulary, manifest.scan)
    tokenizer = source.tokenizer_path(manifest, proxy.tokenizer)
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


def _diary(
    proxy: Proxy,
    plan: Plan,
    arithmetic: Arithmetic,
    leaves: tuple[str, ...],
    path: pathlib.Path | None,
    logger: Logger | None,
) -> Diary:
    flops = None
    if not isinstance(proxy.model, Foreign):
        flops = flops_per_token(proxy.model, padded(proxy.vocabulary), plan.length)
    # A CPU's peak is a guess, and a utilisation made from it would look like a measurement.
    peak = arithmetic.peak_flops if arithmetic.device == "cuda" else None
    return Diary(
        plan, leaves, path, log_tokens=proxy.log_tokens, logger=logger, flops_per_token=flops, peak_flops=peak
    )  # fmt: skip


def _result(
    mixture: Mapping[str, float],
    seed: int,
    outcome: Outcome,
    plan: Plan,
    model: torch.nn.Module,
    leaves: Sequence[str],
    manifest: Manifest,
    setting_up: float,
) -> ProxyResult:
    seen = dict.fromkeys(mixture, 0) | {
        leaf: count * plan.length for leaf, count in zip(leaves, outcome.sequences, strict=True)
    }
    parameters = sum(p.numel() for p in model.parameters())
    embedding = model.get_input_embeddings().weight.numel()  # type: ignore[operator]
    finished = outcome.status == "finished"
    return ProxyResult(
        status=outcome.status,
        reason=outcome.reason,
        mixture=dict(mixture),
        seed=seed,
        metrics=outcome.evaluations[-1][1] if finished else {},
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
        evaluations=outcome.evaluations,
    )


def save_model(
    model: torch.nn.Module,
    state: Mapping[str, torch.Tensor],
    folder: pathlib.Path,
    plan: Plan,
    tokenizer: pathlib.Path | None,
) -> None:
    """Writes a Hugging Face folder, which `from_pretrained` and vLLM load, with the tokenizer if there is one."""
    model.save_pretrained(folder, state_dict=state)  # type: ignore[operator]
    if tokenizer is not None:
        shutil.copyfile(tokenizer, folder / "tokenizer.json")
        about = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": plan.length}
        (folder / "tokenizer_config.json").write_text(json.dumps(about, indent=1) + "\n")


@contextlib.contextmanager
def _logger(step: TrainProxy, place: Place) -> Iterator[Logger]:
    from olmix.train.tracking import WeightsAndBiases

    logger = WeightsAndBiases(step, place)
    try:
        yield logger
    finally:
        logger.finish()


def probe(proxy: Proxy, needs: Any, steps: int) -> tuple[float, float | None, str]:
    """Tokens per second over `steps` steps on random tokens (after three to warm up), peak memory in GiB, device name."""
    arithmetic, plan = arithmetic_of(proxy.device, needs), resolve(proxy)
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, proxy.vocabulary, (plan.batch, plan.length))
    batch = Batch(tokens, np.zeros(plan.batch, np.int64))
    cuda = arithmetic.device == "cuda"
    with in_force(arithmetic):
        model = build_model(proxy.model, vocabulary=padded(proxy.vocabulary), plan=plan, arithmetic=arithmetic, seed=0)
        trainer = Trainer(model, plan, arithmetic, skip=proxy.skip, seed=0)
        for _ in range(3):
            trainer.step(batch)
        began = time.perf_counter()
        for _ in range(steps):
            trainer.step(batch)
        seconds = time.perf_counter() - began
    memory = torch.cuda.max_memory_allocated() / 2**30 if cuda else None
    return steps * plan.batch_tokens / seconds, memory, torch.cuda.get_device_name() if cuda else "cpu"
