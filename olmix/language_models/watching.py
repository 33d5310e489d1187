"""What is watched while a model is tuned: every loss for NaN, what is logged, which checkpoints are whole, W&B.

The metrics file is the source of truth and W&B a copy. Both lie in the scratch folder while the run lasts, so that a run
that was killed goes on where its checkpoint is, and are copied to the result at the end.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import pathlib
import shutil
from typing import Any

from olmix.errors import UserError
from olmix.language_models.jobs import Job

METRICS = "metrics.jsonl"
WHOLE = "whole"
_WANDB = "wandb"


class LossIsNoNumberError(UserError):
    """The loss became NaN or infinite."""


def checked(kind: type) -> Any:
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
            raise LossIsNoNumberError(
                f"The {which} loss is not a number at update {self.state.global_step + 1} (learning_rate={args.learning_rate:g}, "
                f"clip={args.max_grad_norm:g}, {dtype}): lower tuning.learning_rate, lengthen tuning.warmup, or tune in float32."
            )

    Checked.__name__ = kind.__name__
    return Checked


def begin_metrics(job: Job, resumed_at: int | None) -> pathlib.Path:
    """The metrics file of a run that begins, or that goes on after an update: what came after that is forgotten."""
    path = job.scratch / METRICS
    kept: list[str] = []
    if resumed_at is not None:
        before = path.read_text().splitlines() if path.is_file() else []
        kept = [line for line in before if _step(line) is not None and _step(line) <= resumed_at]  # type: ignore[operator]
        kept.append(json.dumps({"step": resumed_at, "resumed": True}))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in kept))
    return path


def keep_records(job: Job) -> None:
    """Copies the metrics, and W&B's files, to the result."""
    shutil.copyfile(job.scratch / METRICS, job.out / METRICS)
    if (job.scratch / _WANDB).is_dir():
        shutil.copytree(job.scratch / _WANDB, job.out / _WANDB, symlinks=True, dirs_exist_ok=True)


def watch(job: Job, metrics: pathlib.Path) -> Any:
    """The callback that writes what is logged to the metrics file, passes the progress on, and marks whole checkpoints."""
    import transformers

    class Watch(transformers.TrainerCallback):
        def __init__(self) -> None:
            self.last = ""

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
            record = {"step": state.global_step, **(logs or {})}
            plain = {k: v if not isinstance(v, float) or math.isfinite(v) else None for k, v in record.items()}
            with open(metrics, "a") as file:
                file.write(json.dumps(plain) + "\n")
            for key in ("eval_loss", "reward", "loss"):
                if logs and key in logs:
                    self.last = f"{key.replace('_', ' ')} {float(logs[key]):.3f}"

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            job.progress(state.global_step, state.max_steps, self.last)

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            folder = pathlib.Path(args.output_dir) / f"checkpoint-{state.global_step}"
            (folder / WHOLE).touch()

    return Watch()


def prepare_wandb(job: Job) -> None:
    """Tells W&B, through its environment, where to write; offline unless there is a key.

    Raises:
      UserError: if it is not installed.
    """
    if importlib.util.find_spec("wandb") is None:
        raise UserError("tuning.wandb is set, and the package wandb is not installed.")
    os.environ.setdefault("WANDB_PROJECT", "olmix")
    os.environ["WANDB_DIR"] = str(job.scratch)
    os.environ["WANDB_RUN_GROUP"] = job.name.split("/")[0]
    if not os.environ.get("WANDB_API_KEY"):
        os.environ.setdefault("WANDB_MODE", "offline")


def _step(line: str) -> int | None:
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError):
        return None
