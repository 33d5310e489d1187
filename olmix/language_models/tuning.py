"""What a fine-tuning is: the settings of SFT, GKD and GRPO. Nothing here imports torch.

All three are full fine-tuning on one device with AdamW, in epochs over the training set, with checkpoints, and stop
early on the validation loss where they have one. How long a text may be is not said here: `Length.max_length` is the
one place for that.
"""

from __future__ import annotations

import dataclasses
import shlex
import urllib.parse
from typing import Annotated, ClassVar, Literal

from olmix.config.tags import Hardware, Resources, Telemetry
from olmix.errors import UserError
from olmix.language_models.source import Model


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tuning:
    """What the three have in common. `batch` is sequences per update, `micro_batch` how many pass at a time.

    Every `evaluate_steps` updates the validation loss is taken and a checkpoint written; after `patience` evaluations
    without a new best the run ends, and the best checkpoint is the result (None: it runs to the end, the last is).
    `dtype` "auto" is the hardware's own. `recompute` trades time for memory (gradient checkpointing).
    """

    kind: ClassVar[str] = ""

    learning_rate: float
    epochs: float
    batch: int
    evaluate_steps: int
    patience: int | None = None
    warmup: float = 0.03
    schedule: Literal["cosine", "linear", "constant_with_warmup"] = "cosine"
    weight_decay: float = 0.01
    beta2: float = 0.999
    clip: float = 1.0
    seed: int = 0
    dtype: Annotated[str, Hardware] = "auto"
    micro_batch: Annotated[int, Resources] = 8
    recompute: Annotated[bool, Resources] = False
    log_steps: Annotated[int, Telemetry] = 10
    wandb: Annotated[bool, Telemetry] = False

    def __post_init__(self) -> None:
        for name in ("learning_rate", "epochs", "batch", "evaluate_steps", "micro_batch", "log_steps"):
            if getattr(self, name) <= 0:
                raise UserError(f"tuning.{name} must be above 0; it is {getattr(self, name)}.")
        if self.batch % self.micro:
            raise UserError(f"tuning.batch={self.batch} must be a multiple of tuning.micro_batch={self.micro_batch}.")
        if not 0 <= self.warmup < 1:
            raise UserError(f"tuning.warmup is a share of all updates, at least 0 and below 1; it is {self.warmup:g}.")

    @property
    def micro(self) -> int:
        """The micro batch, at most the batch."""
        return min(self.micro_batch, self.batch)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sft(Tuning):
    """Supervised fine-tuning on the completions alone; the prompt's tokens bear no loss."""

    kind: ClassVar[str] = "sft"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gkd(Tuning):
    """Distillation from `teacher`, which must share the vocabulary: Agarwal et al. 2023 (arXiv:2306.13649).

    `on_policy` is the share of batches that the student writes itself; `beta` moves the divergence from forward (0) to
    reverse (1) Kullback-Leibler.
    """

    kind: ClassVar[str] = "gkd"

    teacher: Model
    on_policy: float = 0.5
    beta: float = 0.5
    temperature: float = 0.9


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rollouts:
    """Where GRPO's samples come from: the model itself through transformers, vLLM beside it on the same GPU, or a server.

    A server is started by hand, with `server_command`, on a GPU that the trainer does not use (the weights go there by NCCL);
    `memory_share` is vLLM's part of a shared one.
    """

    engine: Literal["transformers", "vllm_colocated", "vllm_server"] = "transformers"
    server_url: str | None = None
    memory_share: float = 0.3

    def __post_init__(self) -> None:
        if (self.engine == "vllm_server") != (self.server_url is not None):
            raise UserError(
                f"Rollouts need server_url exactly with engine='vllm_server'; engine={self.engine!r}, "
                f"server_url={self.server_url!r}."
            )
        if self.server_url is not None:
            where = urllib.parse.urlsplit(self.server_url)
            if where.scheme not in ("http", "https") or not where.hostname or where.path.strip("/"):
                raise UserError(f"Rollouts.server_url is like http://host:8000; it is {self.server_url!r}.")
        if not 0 < self.memory_share < 1:
            raise UserError(f"Rollouts.memory_share is a part of a GPU, between 0 and 1; it is {self.memory_share:g}.")

    def server_command(self, model: str, max_length: int, dtype: str) -> str:
        """What starts trl's server for this model where `server_url` says."""
        where = urllib.parse.urlsplit(self.server_url or "")
        port = where.port or {"http": 80, "https": 443}[where.scheme]
        return (
            f"trl vllm-serve --model {shlex.quote(model)} --host {where.hostname} --port {port} --max_model_len {max_length} "
            f"--dtype {dtype}"
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Grpo(Tuning):
    """Group-relative policy optimisation with the proof checker as the reward: Shao et al. 2024 (arXiv:2402.03300).

    `batch` counts completions, `group` of them for each prompt; `beta` weighs the divergence from the first model.
    """

    kind: ClassVar[str] = "grpo"

    group: int = 8
    temperature: float = 1.0
    beta: float = 0.0
    rollouts: Annotated[Rollouts, Resources] = Rollouts()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.group < 2 or self.batch % self.group:
            raise UserError(
                f"tuning.batch={self.batch} must be a multiple of tuning.group={self.group}, and group at least 2."
            )
        if self.patience is not None:
            raise UserError("GRPO has no validation loss to stop on: leave tuning.patience at None.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TuningResult:
    """How a tuning went. Losses are means per token, in nats; `reward` is GRPO's mean over the last logged updates.

    `failure` says why there is no model, where that is a result. `left_out` examples, of training and validation, were
    longer than the length. For GRPO `longest` and `tokens_per_epoch` count prompts.
    """

    kind: str
    examples: int
    left_out: int
    steps: int
    planned_steps: int
    epochs: float
    stopped_early: bool
    best_step: int | None
    validation_loss: float | None
    training_loss: float | None
    reward: float | None
    longest: int
    tokens_per_epoch: int
    resumed_at: int | None
    seconds: float
    device: str
    versions: dict[str, str]
    failure: str = ""
