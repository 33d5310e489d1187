"""The trainers of trl, set up from our settings: SFT, GKD, GRPO. What they share is in `_arguments`."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import Any

from olmix.errors import UserError
from olmix.graph.hardware import hardware_of
from olmix.language_models.examples import Encoded
from olmix.language_models.jobs import Data, Job
from olmix.language_models.loading import load_model
from olmix.language_models.tuning import Gkd, Grpo, Rollouts
from olmix.language_models.watching import checked, prepare_wandb


def build(job: Job, tokenizer: Any, data: Data) -> Any:
    """The trainer for the job's kind of settings, with the model loaded.

    Raises:
      UserError: if GKD has no teacher or one of another vocabulary, GRPO no reward or no server, or W&B is not installed.
    """
    import torch

    settings = job.settings
    if isinstance(settings, Grpo) and settings.rollouts.server_url is not None:
        command = settings.rollouts.server_command(job.model, job.length.max_length, "auto")
        _require_server(settings.rollouts, command)
    if settings.wandb:
        prepare_wandb(job)
    model = load_model(job.model, dtype=torch.float32, attn_implementation=hardware_of(job.needs).attention)
    model.config.use_cache = False
    if isinstance(settings, Grpo):
        return _grpo(job, settings, model, tokenizer, data)
    if isinstance(settings, Gkd):
        return _gkd(job, settings, model, tokenizer, data)
    import trl

    return checked(trl.SFTTrainer)(
        model=model,
        args=trl.SFTConfig(max_length=job.length.max_length, packing=False, **_arguments(job, data)),
        train_dataset=_labelled(data.train),
        eval_dataset=_labelled(data.validation) if data.validation else None,
        processing_class=tokenizer,
        callbacks=_stopping(job),
    )


def _gkd(job: Job, settings: Gkd, model: Any, tokenizer: Any, data: Data) -> Any:
    import torch
    from trl.experimental.gkd import GKDConfig, GKDTrainer

    if job.teacher is None:
        raise UserError("GKD needs a teacher.")
    # Frozen, so the arithmetic's own format is enough.
    dtype = hardware_of(job.needs).resolve_dtype(settings.dtype, "tuning.dtype")
    teacher = load_model(job.teacher, dtype=getattr(torch, dtype))
    if teacher.config.vocab_size != model.config.vocab_size:
        raise UserError(
            f"The teacher {job.teacher} has a vocabulary of {teacher.config.vocab_size} tokens and the student "
            f"{model.config.vocab_size}: GKD compares them token by token, so they must be the same."
        )
    longest = job.length.max_length
    trainer = checked(GKDTrainer)(
        model=model,
        teacher_model=teacher,
        args=GKDConfig(
            max_length=longest, max_new_tokens=longest - data.longest_prompt, temperature=settings.temperature,
            lmbda=settings.on_policy, beta=settings.beta, **_arguments(job, data),
        ),
        train_dataset=_masked(data.train),
        eval_dataset=_masked(data.validation) if data.validation else None,
        processing_class=tokenizer,
        callbacks=_stopping(job),
    )  # fmt: skip
    # trl writes texts without a cache where gradients are checkpointed, though it switches that off meanwhile: every token
    # would cost a pass over all before it.
    trainer.generation_config.use_cache = trainer.generation_kwargs["use_cache"] = True
    return trainer


def _grpo(job: Job, settings: Grpo, model: Any, tokenizer: Any, data: Data) -> Any:
    import datasets
    import trl

    reward = job.reward
    if reward is None:
        raise UserError("GRPO needs a reward.")

    def score(prompts: list[str], completions: list[str], example: list[int], **_: Any) -> list[float]:
        return reward(example, completions)

    longest, rollouts = job.length.max_length, settings.rollouts
    vllm: dict[str, Any] = {"use_vllm": rollouts.engine != "transformers"}
    if rollouts.engine == "vllm_colocated":
        vllm |= {
            "vllm_mode": "colocate", "vllm_gpu_memory_utilization": rollouts.memory_share, "vllm_max_model_length": longest,
        }  # fmt: skip
    if rollouts.engine == "vllm_server":
        vllm |= {"vllm_mode": "server", "vllm_server_base_url": str(rollouts.server_url).rstrip("/")}
    fitting = {one.id for one in data.train}
    rows = [
        {"prompt": example.prompt, "example": number}
        for number, example in enumerate(job.train)
        if example.id in fitting
    ]
    return checked(trl.GRPOTrainer)(
        model=model,
        reward_funcs=score,
        args=trl.GRPOConfig(
            num_generations=settings.group, max_completion_length=longest - data.longest_prompt,
            temperature=settings.temperature, beta=settings.beta, **vllm, **_arguments(job, data),
        ),
        train_dataset=datasets.Dataset.from_list(rows),
        processing_class=tokenizer,
    )  # fmt: skip


def _arguments(job: Job, data: Data) -> dict[str, Any]:
    """The training arguments that all trainers of trl share."""
    settings, needs = job.settings, job.needs
    dtype = hardware_of(needs).resolve_dtype(settings.dtype, "tuning.dtype")
    evaluate = bool(data.validation) and not isinstance(settings, Grpo)
    best = evaluate and settings.patience is not None
    return {
        "output_dir": str(job.scratch / "checkpoints"),
        "run_name": job.name,
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


def _stopping(job: Job) -> list[Any]:
    import transformers

    patience = job.settings.patience
    return [] if patience is None else [transformers.EarlyStoppingCallback(early_stopping_patience=patience)]


def _require_server(rollouts: Rollouts, command: str) -> None:
    """Raises a UserError unless a server of trl answers there: it waits for minutes by itself, with the GPU in hand."""
    url = str(rollouts.server_url).rstrip("/")
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=10):
            pass
    except (urllib.error.URLError, ValueError, OSError) as error:
        raise UserError(
            f"No vLLM server answers at tuning.rollouts.server_url={url} ({error}): start `{command}` on another GPU, or take "
            "the overlay vllm_colocated."
        ) from None


def _labelled(encoded: list[Encoded]) -> Any:
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
