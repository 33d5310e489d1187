"""Tuning with trl: one function for SFT, GKD and GRPO alike, that resumes, watches for NaN, and leaves a model folder.

A run that is killed goes on from its last whole checkpoint (one is whole once a mark is written after everything else).
"""

from __future__ import annotations

import dataclasses
import pathlib
import shutil
import time
from typing import Any

from olmix.errors import UserError
from olmix.graph.resources import workers
from olmix.language_models.examples import Encoded, encode
from olmix.language_models.jobs import Data, Job
from olmix.language_models.loading import load_tokenizer
from olmix.language_models.trl_trainers import build
from olmix.language_models.tuning import Grpo, TuningResult
from olmix.language_models.watching import WHOLE, LossIsNoNumberError, begin_metrics, keep_records, watch
from olmix.lean import import_transformers


def tune(job: Job) -> TuningResult:
    """Tunes the job's model and saves it with its tokenizer into `out / "model"`, the metrics beside it.

    Raises:
      UserError: on examples that are too long, a loss that is not a number, or a missing teacher, reward or validation.
    """
    import_transformers()
    import torch
    import transformers

    if job.settings.patience is not None and not job.validation:
        raise UserError("tuning.patience needs a validation set to stop on, and there is none.")
    began = time.monotonic()
    if job.needs is not None and not job.needs.gpus:
        torch.set_num_threads(workers(job.needs))
    tokenizer = load_tokenizer(job.model)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    data = _encoded(job, tokenizer)
    transformers.set_seed(job.settings.seed)
    trainer = build(job, tokenizer, data)
    start = last_whole_checkpoint(job.scratch / "checkpoints")
    resumed_at = _step_of(start) if start is not None else None
    trainer.add_callback(watch(job, begin_metrics(job, resumed_at)))
    failure = ""
    try:
        trainer.train(resume_from_checkpoint=str(start) if start is not None else None)
        trainer.save_model(str(job.out / "model"))
        tokenizer.save_pretrained(str(job.out / "model"))
    except LossIsNoNumberError as error:
        if not job.keep_failure:
            raise
        failure = str(error)
    keep_records(job)
    return _result(job, trainer, data, resumed_at, time.monotonic() - began, failure)


def _encoded(job: Job, tokenizer: Any) -> Data:
    train = job.train
    if isinstance(job.settings, Grpo):  # It learns from its own completions; only the prompts must leave room.
        train = [dataclasses.replace(example, completion="") for example in train]
    encoded, left_out = encode(train, tokenizer, job.length, leave_out=job.leave_out)
    held_out: list[Encoded] = []
    missing = 0
    if job.validation and not isinstance(job.settings, Grpo):
        held_out, missing = encode(job.validation, tokenizer, job.length, "validation", job.leave_out)
    return Data(train=encoded, validation=held_out, left_out=left_out + missing)


def last_whole_checkpoint(folder: pathlib.Path) -> pathlib.Path | None:
    """The newest checkpoint that was written to its end; those that were not are removed."""
    whole = []
    for checkpoint in folder.glob("checkpoint-*"):
        if (checkpoint / WHOLE).is_file():
            whole.append(checkpoint)
        else:
            shutil.rmtree(checkpoint)
    return max(whole, key=_step_of, default=None)


def _step_of(checkpoint: pathlib.Path) -> int:
    return int(checkpoint.name.rsplit("-", 1)[1])


def _result(job: Job, trainer: Any, data: Data, resumed_at: int | None, seconds: float, failure: str) -> TuningResult:
    import torch
    import transformers
    import trl

    stops = job.settings.patience is not None
    history = trainer.state.log_history
    evaluations = [entry["eval_loss"] for entry in history if "eval_loss" in entry]
    rewards = [entry["reward"] for entry in history if "reward" in entry][-5:]
    losses = [entry["loss"] for entry in history if "loss" in entry]
    return TuningResult(
        kind=job.settings.kind,
        examples=len(data.train),
        left_out=data.left_out,
        steps=trainer.state.global_step,
        planned_steps=trainer.state.max_steps,
        epochs=round(float(trainer.state.epoch or 0.0), 4),
        stopped_early=trainer.state.global_step < trainer.state.max_steps,
        best_step=trainer.state.best_global_step if stops else None,
        validation_loss=trainer.state.best_metric if stops else (evaluations[-1] if evaluations else None),
        training_loss=losses[-1] if losses else None,
        reward=sum(rewards) / len(rewards) if rewards else None,
        longest=max(one.length for one in data.train),
        tokens_per_epoch=sum(one.length for one in data.train),
        resumed_at=resumed_at,
        seconds=round(seconds, 1),
        device=str(trainer.args.device),
        versions={"torch": str(torch.__version__), "transformers": transformers.__version__, "trl": trl.__version__},
        failure=failure,
    )
