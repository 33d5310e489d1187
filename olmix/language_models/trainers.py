"""Tuning with trl: one function that sets up SFT, GKD or GRPO alike, resumes, watches for NaN, and leaves a model folder.

A run that is killed goes on from its last whole checkpoint (one is whole once a mark is written after everything else).
The metrics file is the source of truth; W&B is a copy.
"""

from __future__ import annotations

import json
import math
import pathlib
import shutil
import time
from collections.abc import Callable, Sequence
from typing import Any

from olmix.errors import UserError
from olmix.graph.hardware import profile
from olmix.graph.resources import Needs
from olmix.language_models.examples import Encoded, Example, encode
from olmix.language_models.requests import Length
from olmix.language_models.tuning import Gkd, Grpo, Tuning, TuningResult

METRICS = "metrics.jsonl"
_WHOLE = "whole"

#: The reward of completions: ids of the examples and the texts that were written for them, to one number each.
Reward = Callable[[Sequence[str], Sequence[str]], list[float]]


def tune(
    settings: Tuning,
    *,
    model: str,
    train: Sequence[Example],
    validation: Sequence[Example],
    length: Length,
    needs: Needs | None,
    out: pathlib.Path,
    scratch: pathlib.Path,
    progress: Callable[[float, float, str], None],
    name: str,
    teacher: str | None = None,
    reward: Reward | None = None,
) -> TuningResult:
    """Tunes `model` (a folder or a hub's name) and saves it with its tokenizer into `out / "model"`.

    Raises:
      UserError: on examples that are too long, a loss that is not a number, or a missing teacher, reward or validation.
    """
    import transformers

    if settings.patience is not None and not validation:
        raise UserError("tuning.patience needs a validation set to stop on, and there is none.")
    began = time.monotonic()
    if needs is not None and not needs.gpus:
        _use_threads(int(max(1, needs.cpus)))
    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    encoded = encode(train, tokenizer, length)
    held_out = encode(validation, tokenizer, length, "validation") if validation else []
    transformers.set_seed(settings.seed)
    trainer = _build(
        settings, model, tokenizer, train, encoded, held_out, length, needs, scratch, name, teacher, reward
    )
    watch = _callbacks(out / METRICS, progress)
    trainer.add_callback(watch)
    start = last_whole_checkpoint(scratch / "checkpoints")
    if start is not None:
        watch.write({"resumed": _step_of(start)})
    trainer.train(resume_from_checkpoint=str(start) if start is not None else None)
    trainer.save_model(str(out / "model"))
    tokenizer.save_pretrained(str(out / "model"))
    return _result(settings, trainer, encoded, start, time.monotonic() - began)


def last_whole_checkpoint(folder: pathlib.Path) -> pathlib.Path | None:
    """The newest checkpoint that was written to its end; those that were not are removed."""
    whole = []
    for checkpoint in folder.glob("checkpoint-*"):
        if (checkpoint / _WHOLE).is_file():
            whole.append(checkpoint)
        else:
            shutil.rmtree(checkpoint)
    return max(whole, key=_step_of, default=None)


def _step_of(checkpoint: pathlib.Path) -> int:
    return int(checkpoint.name.rsplit("-", 1)[1])


def _use_threads(count: int) -> None:
    import torch

    torch.set_num_threads(count)


def _arguments(
    settings: Tuning, needs: Needs | None, scratch: pathlib.Path, name: str, evaluate: bool
) -> dict[str, Any]:
    """The training arguments that all trainers of trl share."""
    hardware = profile(needs.accelerator if needs else None)
    dtype = hardware.resolve_dtype(settings.dtype, "tuning.dtype")  # type: ignore[arg-type]
    best = evaluate and settings.patience is not None
    return {
        "output_dir": str(scratch / "checkpoints"),
        "run_name": name,
        "num_train_epochs": settings.epochs,
        "per_device_train_batch_size": settings.micro,
        "per_device_eval_batch_size": settings.micro,
        "gradient_accumulation_steps": settings.batch // settings.micro,
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": settings.schedule,
        "warmup_steps": settings.warmup,
        "weight_decay": settings.weight_decay,
        "adam_beta2": settings.beta2,
        "max_grad_norm": settings.clip,
        "seed": settings.seed,
        "use_cpu": needs is None or not needs.gpus,
        "bf16": dtype == "bfloat16",
        "fp16": dtype == "float16",
        "gradient_checkpointing": settings.recompute,
        "eval_strategy": "steps" if evaluate else "no",
        "eval_steps": settings.evaluate_steps,
        "save_strategy": "steps",
        "save_steps": settings.evaluate_steps,
        "save_total_limit": 2,
        "load_best_model_at_end": best,
        "metric_for_best_model": "eval_loss" if best else None,
        "greater_is_better": False if best else None,
        "logging_steps": settings.log_steps,
        "logging_nan_inf_filter": False,
        "report_to": ["wandb"] if settings.wandb else [],
        "disable_tqdm": True,
        "dataloader_pin_memory": needs is not None and bool(needs.gpus),
    }


def _build(
    settings: Tuning, model: str, tokenizer: Any, train: Sequence[Example], encoded: list[Encoded],
    held_out: list[Encoded], length: Length, needs: Needs | None, scratch: pathlib.Path, name: str,
    teacher: str | None, reward: Reward | None,
) -> Any:  # fmt: skip
    """The trainer of the asked kind."""
    import torch
    import transformers

    if settings.wandb:
        _prepare_wandb()
    arguments = _arguments(settings, needs, scratch, name, evaluate=bool(held_out) and not isinstance(settings, Grpo))
    hardware = profile(needs.accelerator if needs else None)
    loaded = transformers.AutoModelForCausalLM.from_pretrained(
        model, dtype=torch.float32, attn_implementation=hardware.attention
    )
    loaded.config.use_cache = False
    stop = []
    if settings.patience is not None:
        stop.append(transformers.EarlyStoppingCallback(early_stopping_patience=settings.patience))
    longest_prompt = max(len(one.prompt) for one in encoded)
    if isinstance(settings, Grpo):
        if reward is None:
            raise UserError("GRPO needs a reward.")
        return _grpo(settings, loaded, tokenizer, train, length.max_length - longest_prompt, arguments, reward)
    if isinstance(settings, Gkd):
        if teacher is None:
            raise UserError("GKD needs a teacher.")
        return _gkd(settings, loaded, tokenizer, encoded, held_out, longest_prompt, length, arguments, teacher, stop)
    import trl

    return _checked(trl.SFTTrainer)(
        model=loaded,
        args=trl.SFTConfig(max_length=length.max_length, packing=False, **arguments),
        train_dataset=_dataset(encoded),
        eval_dataset=_dataset(held_out) if held_out else None,
        processing_class=tokenizer,
        callbacks=stop,
    )


def _gkd(
    settings: Gkd, model: Any, tokenizer: Any, encoded: list[Encoded], held_out: list[Encoded], longest_prompt: int,
    length: Length, arguments: dict[str, Any], teacher: str, stop: list[Any],
) -> Any:  # fmt: skip
    import torch
    import transformers
    from trl.experimental.gkd import GKDConfig, GKDTrainer

    guide = transformers.AutoModelForCausalLM.from_pretrained(teacher, dtype=torch.float32)
    if guide.config.vocab_size != model.config.vocab_size:
        raise UserError(
            f"The teacher {teacher} has a vocabulary of {guide.config.vocab_size} tokens and the student "
            f"{model.config.vocab_size}: GKD compares them token by token, so they must be the same."
        )
    config = GKDConfig(
        max_length=length.max_length, max_new_tokens=length.max_length - longest_prompt, temperature=settings.temperature,
        lmbda=settings.on_policy, beta=settings.beta, **arguments,
    )  # fmt: skip
    return _checked(GKDTrainer)(
        model=model,
        teacher_model=guide,
        args=config,
        train_dataset=_masked(encoded),
        eval_dataset=_masked(held_out) if held_out else None,
        processing_class=tokenizer,
        callbacks=stop,
    )


def _grpo(
    settings: Grpo,
    model: Any,
    tokenizer: Any,
    train: Sequence[Example],
    room: int,
    arguments: dict[str, Any],
    reward: Reward,
) -> Any:
    import datasets
    import trl

    def score(prompts: list[str], completions: list[str], example: list[str], **_: Any) -> list[float]:
        return reward(example, completions)

    rollouts: dict[str, Any] = {"use_vllm": settings.rollouts.engine != "transformers"}
    if settings.rollouts.engine == "vllm_colocated":
        rollouts |= {"vllm_mode": "colocate", "vllm_gpu_memory_utilization": settings.rollouts.memory_share}
    if settings.rollouts.engine == "vllm_server":
        rollouts |= {"vllm_mode": "server", "vllm_server_base_url": settings.rollouts.server_url}
    config = trl.GRPOConfig(
        num_generations=settings.group, max_completion_length=room, temperature=settings.temperature,
        beta=settings.beta, **rollouts, **arguments,
    )  # fmt: skip
    rows = [{"prompt": example.prompt, "example": example.id} for example in train]
    return _checked(trl.GRPOTrainer)(
        model=model,
        reward_funcs=score,
        args=config,
        train_dataset=datasets.Dataset.from_list(rows),
        processing_class=tokenizer,
    )


def _dataset(encoded: list[Encoded]) -> Any:
    import datasets

    rows = [
        {"input_ids": one.prompt + one.completion, "labels": [-100] * len(one.prompt) + one.completion}
        for one in encoded
    ]
    return datasets.Dataset.from_list(rows)


def _masked(encoded: list[Encoded]) -> Any:
    import datasets

    rows = [
        {
            "prompt": one.id,
            "input_ids": one.prompt + one.completion,
            "completion_mask": [0] * len(one.prompt) + [1] * len(one.completion),
        }
        for one in encoded
    ]
    return datasets.Dataset.from_list(rows)


def _checked(kind: type) -> Any:
    """The trainer class, with a look at every loss: a NaN ends the run before it reaches a checkpoint."""

    class Checked(kind):
        def training_step(self, *args: Any, **kwargs: Any) -> Any:
            loss = super().training_step(*args, **kwargs)
            if not math.isfinite(loss.item()):
                self.no_number("training")
            return loss

        def evaluate(self, *args: Any, **kwargs: Any) -> Any:
            metrics = super().evaluate(*args, **kwargs)
            if not math.isfinite(metrics.get("eval_loss", 0.0)):
                self.no_number("validation")
            return metrics

        def no_number(self, which: str) -> None:
            args = self.args
            dtype = "bfloat16" if args.bf16 else "float16" if args.fp16 else "float32"
            raise UserError(
                f"The {which} loss is not a number at update {self.state.global_step + 1} (learning_rate={args.learning_rate:g}, "
                f"clip={args.max_grad_norm:g}, {dtype}): lower tuning.learning_rate, lengthen tuning.warmup, or tune in float32."
            )

    Checked.__name__ = kind.__name__
    return Checked


def _callbacks(metrics: pathlib.Path, progress: Callable[[float, float, str], None]) -> Any:
    """Writes what is logged to the metrics file, passes the progress on, and marks whole checkpoints."""
    import transformers

    class Watch(transformers.TrainerCallback):
        def __init__(self) -> None:
            self.last = ""

        def write(self, record: dict[str, Any]) -> None:
            plain = {k: v if not isinstance(v, float) or math.isfinite(v) else None for k, v in record.items()}
            metrics.parent.mkdir(parents=True, exist_ok=True)
            with open(metrics, "a") as file:
                file.write(json.dumps(plain) + "\n")

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
            self.write({"step": state.global_step, **(logs or {})})
            for key in ("eval_loss", "reward", "loss"):
                if logs and key in logs:
                    self.last = f"{key.replace('_', ' ')} {float(logs[key]):.3f}"

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            progress(state.global_step, state.max_steps, self.last)

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            folder = pathlib.Path(args.output_dir) / f"checkpoint-{state.global_step}"
            (folder / _WHOLE).touch()

    return Watch()


def _prepare_wandb() -> None:
    import os

    os.environ.setdefault("WANDB_PROJECT", "olmix")
    if not os.environ.get("WANDB_API_KEY"):
        os.environ.setdefault("WANDB_MODE", "offline")


def _result(
    settings: Tuning, trainer: Any, encoded: list[Encoded], start: pathlib.Path | None, seconds: float
) -> TuningResult:
    import torch
    import transformers
    import trl

    history = trainer.state.log_history
    best = trainer.state.best_metric
    evaluations = [entry["eval_loss"] for entry in history if "eval_loss" in entry]
    rewards = [entry["reward"] for entry in history if "reward" in entry][-5:]
    losses = [entry["loss"] for entry in history if "loss" in entry]
    return TuningResult(
        kind=settings.kind,
        examples=len(encoded),
        steps=trainer.state.global_step,
        planned_steps=trainer.state.max_steps,
        epochs=round(float(trainer.state.epoch or 0.0), 4),
        stopped_early=trainer.state.global_step < trainer.state.max_steps,
        best_step=trainer.state.best_global_step if settings.patience is not None else None,
        validation_loss=best if settings.patience is not None else (evaluations[-1] if evaluations else None),
        training_loss=losses[-1] if losses else None,
        reward=sum(rewards) / len(rewards) if rewards else None,
        longest=max(one.length for one in encoded),
        tokens_per_epoch=sum(one.length for one in encoded),
        resumed_at=_step_of(start) if start is not None else None,
        seconds=round(seconds, 1),
        device=str(trainer.args.device),
        versions={"torch": str(torch.__version__), "transformers": transformers.__version__, "trl": trl.__version__},
    )
