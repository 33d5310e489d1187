"""The work of a `TrainProxy` step: opens data and model, runs, measures, writes what stays.

In a warm worker all of this but the training itself takes a few hundredths of a second: torch and transformers are
imported once, held-out texts are read once per worker.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import shutil
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from olmix.data.manifest import Manifest
from olmix.errors import UserError
from olmix.graph.step import Context
from olmix.train import source, tasks
from olmix.train.arithmetic import Arithmetic, arithmetic_of, in_force
from olmix.train.distributed import World, whole
from olmix.train.evaluate import bits_per_byte, group_means, task_bits_per_byte
from olmix.train.feed import HeldOuts
from olmix.train.ladder import padded
from olmix.train.proxy import Trainer, build_model
from olmix.train.recipe import nominal_parameters, resolve
from olmix.train.results import BPB, ProxyResult
from olmix.train.run import Logger, Outcome, run, terminated
from olmix.train.settings import Proxy

if TYPE_CHECKING:
    from olmix.train.steps import TrainProxy


@dataclasses.dataclass(frozen=True)
class Place:
    """What a process of a run needs of the step's context."""

    out: pathlib.Path
    scratch: pathlib.Path
    experiment: str
    label: str


def train_proxy(step: TrainProxy, context: Context) -> ProxyResult:
    """Trains the proxy of a step, or goes on with it, and measures it.

    Raises:
      UserError: for a mistake in the settings, or data that do not fit them.
      Interrupted: on SIGTERM, after saving.
    """
    arithmetic = arithmetic_of(step.proxy.device, step.needs)
    _check_device(arithmetic)
    manifest = source.open_scan(context, step.scan)
    place = Place(context.out, context.scratch, context.experiment, context.label)
    processes = step.proxy.device.processes
    if processes == 1:
        return _train(World(), context.progress, step, manifest, place)
    from olmix.train.distributed import SHARD_FROM, launch

    sharded = (nominal_parameters(step.proxy.model) or 0) >= SHARD_FROM
    with terminated() as stop:
        return launch(
            processes, arithmetic.device, sharded, _train, (step, manifest, place), context.scratch, stop, context.progress
        )  # fmt: skip


def _train(
    world: World, progress: Callable[..., None], step: TrainProxy, manifest: Manifest, place: Place
) -> ProxyResult:
    """The work of one process; only the first one's result is used."""
    began = time.perf_counter()
    proxy = step.proxy
    arithmetic = arithmetic_of(proxy.device, step.needs)
    plan = resolve(proxy)
    source.check_vocabulary(proxy.vocabulary, manifest.scan)
    feed = source.open_feed(manifest, step.mixture, plan, step.seed, step.repetition_limits)
    tokenizer = source.tokenizer_path(manifest, proxy.tokenizer)
    held_outs = source.held_outs(manifest, at_most=proxy.held_out_tokens, tokenizer=tokenizer)
    if not held_outs:
        raise UserError(
            "No leaf has held-out text, so there would be nothing to measure the proxy on; let the scan hold some out."
        )
    group_means(dict.fromkeys(held_outs, 0.0), step.groups)  # Before anything is paid for.
    prepared = _tasks(proxy, tokenizer)
    with in_force(arithmetic), contextlib.ExitStack() as stack:
        model = build_model(
            proxy.model, vocabulary=padded(proxy.vocabulary), plan=plan, arithmetic=arithmetic, seed=step.seed
        )
        trainer = Trainer(model, plan, arithmetic, skip=proxy.skip, seed=step.seed, world=world)
        logger = stack.enter_context(_logger(step, place)) if proxy.wandb and world.first else None
        setting_up = time.perf_counter() - began
        outcome = run(
            trainer,
            feed,
            proxy,
            scratch=place.scratch,
            evaluate=lambda: _metrics(step, trainer, held_outs, prepared),
            progress=progress,
            logger=logger,
        )
        result = _result(step, outcome, trainer, feed.leaves, manifest.scan.tokens, setting_up)
        if world.first:
            shutil.copyfile(place.scratch / "metrics.jsonl", place.out / "metrics.jsonl")
        if proxy.save_model and result.finished:
            save_model(trainer, place.out / "model", tokenizer)
    return result


def _check_device(arithmetic: Arithmetic) -> None:
    if arithmetic.device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise UserError(
                "The step asks for a GPU (needs.gpus), and torch sees none here; is this build of torch for CPUs only?"
            )


def _tasks(proxy: Proxy, tokenizer: pathlib.Path | None) -> tuple[tasks.Prepared, ...]:
    wanted = proxy.tasks
    tasks.check_tasks(wanted.names, wanted.families)
    if not wanted.names:
        return ()
    if tokenizer is None:
        raise UserError(
            "In-loop tasks are texts, so proxy.tokenizer must name the tokenizer.json that they are to be read with."
        )
    text = tokenizer.read_text(encoding="utf-8")
    return tasks.prepare(tuple(wanted.names), wanted.items, text, proxy.sequence_length)


def _metrics(
    step: TrainProxy, trainer: Trainer, held_outs: HeldOuts, prepared: tuple[tasks.Prepared, ...]
) -> dict[str, float]:
    how: dict[str, Any] = {
        "device": trainer.device,
        "dtype": trainer.arithmetic.autocast,
        "world": trainer.world,
    }
    leaves = bits_per_byte(trainer.model, held_outs, trainer.plan.length, **how)
    answers = task_bits_per_byte(trainer.model, prepared, **how) if prepared else {}
    return {
        **{f"{BPB}{name}": value for name, value in {**leaves, **group_means(leaves, step.groups)}.items()},
        **{tasks.METRIC.format(name): value for name, value in answers.items()},
        **{tasks.FAMILY.format(name): value for name, value in group_means(answers, step.proxy.tasks.families).items()},
    }


def _result(
    step: TrainProxy,
    outcome: Outcome,
    trainer: Trainer,
    leaves: tuple[str, ...],
    available: dict[str, int],
    setting_up: float,
) -> ProxyResult:
    plan = trainer.plan
    seen = dict.fromkeys(step.mixture, 0) | {
        leaf: count * plan.length for leaf, count in zip(leaves, outcome.sequences, strict=True)
    }
    parameters = sum(p.numel() for p in trainer.model.parameters())
    embedding = trainer.model.get_input_embeddings().weight.numel()  # type: ignore[operator]
    finished = outcome.status == "finished"
    return ProxyResult(
        status=outcome.status,
        reason=outcome.reason,
        mixture=dict(step.mixture),
        seed=step.seed,
        metrics=outcome.evaluations[-1][1] if finished else {},
        train_loss=outcome.final_loss,
        tokens=outcome.tokens,
        declared_tokens=plan.declared_tokens,
        tokens_per_leaf=seen,
        repetition={leaf: tokens / available[leaf] for leaf, tokens in seen.items()},
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


def save_model(trainer: Trainer, folder: pathlib.Path, tokenizer: pathlib.Path | None) -> None:
    """Writes a Hugging Face folder, which `from_pretrained` and vLLM load, with the tokenizer if there is one."""
    state = {name: whole(value) for name, value in trainer.model.state_dict().items()}
    if not trainer.world.first:
        return
    trainer.model.save_pretrained(folder, state_dict=state)  # type: ignore[operator]
    if tokenizer is not None:
        shutil.copyfile(tokenizer, folder / "tokenizer.json")
        (folder / "tokenizer_config.json").write_text(
            json.dumps(
                {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": trainer.plan.length},
                indent=1,
            )
            + "\n"
        )


@contextlib.contextmanager
def _logger(step: TrainProxy, place: Place) -> Iterator[Logger]:
    from olmix.train.tracking import WeightsAndBiases

    logger = WeightsAndBiases(step, place)
    try:
        yield logger
    finally:
        logger.finish()
