"""What one proxy run is: everything that may differ between two experiments, and must not differ within a swarm.

`Proxy` holds numbers or None; None means "by the recipe" (`recipe.py`), and the resolved numbers are in every result.
Nothing here imports torch, so that configs can be listed and compared in an instant.
"""

from __future__ import annotations

import dataclasses
import math
import pathlib
from collections.abc import Callable
from typing import Annotated

from olmix.config.tags import Hardware, Resources, Schedule, Telemetry
from olmix.data import object_stores
from olmix.errors import UserError, nearest
from olmix.train.ladder import Foreign, Shape

DTYPES = ("auto", "float32", "bfloat16", "float16")
ATTENTIONS = ("auto", "sdpa", "eager", "flash_attention_2")


#: What numbers must be, in words and in code; NaN and infinity are none of these.
_RULES: dict[str, Callable[[float], bool]] = {
    "at least 1": lambda value: value >= 1,
    "at least 2": lambda value: value >= 2,
    "from 2 to 1,000,000": lambda value: 2 <= value <= 1_000_000,
    "0 or more": lambda value: value >= 0,
    "more than 0": lambda value: value > 0,
    "from 0 to 1": lambda value: 0 <= value <= 1,
    "at least 0 and less than 1": lambda value: 0 <= value < 1,
}


def _number(where: str, value: float | None, rule: str) -> None:
    """Raises UserError for a number that breaks a rule; None is somebody else's business."""
    if value is not None and not (math.isfinite(value) and _RULES[rule](value)):
        raise UserError(f"{where} must be {rule}; it is {value:g}.")


def _one_of(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UserError(f"Unknown {what} {value!r}{nearest(value, known)}; known: {', '.join(known)}.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Device:
    """How the arithmetic is done; whether on a CPU or a GPU, and which, is what the step's `needs` say.

    `dtype` and `attention` can change a result in its last digits and are part of what a swarm must share; "auto" takes
    the hardware profile's and is resolved before a run gets its fingerprint. `micro_batch` (sequences per forward pass;
    None: the largest that fits), `processes` (one per GPU; each global batch is split over them), `compile` (None: where
    it pays for itself, see `compiling.py`) and `threads` only split the same arithmetic.
    """

    dtype: Annotated[str, Hardware] = "auto"
    attention: Annotated[str, Hardware] = "auto"
    micro_batch: Annotated[int | None, Resources] = None
    processes: Annotated[int, Resources] = 1
    compile: Annotated[bool | None, Resources] = None
    threads: Annotated[int, Resources] = 1

    def __post_init__(self) -> None:
        _one_of("device.dtype", self.dtype, DTYPES)
        _one_of("device.attention", self.attention, ATTENTIONS)
        if self.processes < 1:
            raise UserError(f"device.processes must be at least 1; it is {self.processes}.")
        if self.micro_batch is not None and self.micro_batch < 1:
            raise UserError(f"device.micro_batch counts sequences and must be at least 1; it is {self.micro_batch}.")
        _number("device.threads", self.threads, "at least 1")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SkipRule:
    """Leaves out the update of a step whose loss or gradient norm jumps.

    A jump is more than `sigmas` standard deviations above the mean of the last `window` steps; it takes half a window
    of history before any step is skipped. `enabled=False` updates on every step. The window is the one length that is told
    in steps and not in tokens: it is the size of a sample, of which each step gives one (see DECISIONS).
    """

    enabled: bool = True
    window: int = 128
    sigmas: float = 6.0

    def __post_init__(self) -> None:
        _number("skip.window", self.window, "from 2 to 1,000,000")
        _number("skip.sigmas", self.sigmas, "more than 0")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tasks:
    """In-loop tasks by the names of the reference configs (`gsm8k_gold_bpb_5shot`); see `olmix.train.tasks`.

    `items` takes the first so many of each, for smoke runs. `families` are metrics of their own, `family/<name>`: means
    over tasks.
    """

    names: tuple[str, ...] = ()
    items: int | None = None
    families: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.items is not None and self.items < 1:
            raise UserError(f"tasks.items must be at least 1 item of each task; it is {self.items}.")


NO_TASKS = Tasks()

#: The rule of each number of a proxy that has none of its own; the first token of a held-out text is not predicted.
_OF_NUMBERS = {
    **dict.fromkeys(("keep_checkpoints", "evaluate_tokens", "checkpoint_tokens", "log_tokens", "tokens"), "at least 1"),
    **dict.fromkeys(("warmup_tokens", "weight_decay", "clip", "z_loss", "checkpoint_seconds"), "0 or more"),
    **dict.fromkeys(("chinchilla_multiple", "learning_rate", "epsilon"), "more than 0"),
    **dict.fromkeys(("beta1", "beta2"), "at least 0 and less than 1"),
    "decay_fraction": "from 0 to 1",
    "held_out_tokens": "at least 2",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Proxy:
    """One training run, all but its mixture and its seed.

    Exactly one of `tokens` and `chinchilla_multiple` says how long it trains; the budget is rounded down to whole global
    batches. `batch_tokens` is the global batch. A None is filled in by the Chinchilla rules of `recipe.py`.

    `vocabulary` is the tokenizer's size (the model's is rounded up to a multiple of 128). `tokenizer` is its
    `tokenizer.json`, a path or one within the scanned corpus, needed where held-out bytes were not written down, and put
    beside a saved model. `held_out_tokens` limits the held-out tokens of each leaf that are read.

    Evaluations in the middle of a run (`evaluate_tokens`) and checkpoints (`checkpoint_tokens`) leave the result as it
    is: they change what is logged and how much a dead machine costs. With `checkpoint_store`, such as
    `s3://bucket/folder`, each checkpoint is copied there too, so that another machine without this one's disk goes on
    from it; it is removed there when the run is done (what a run leaves that never comes back is for the bucket's own rules
    to forget). `periods` ends the learning rate's schedule at 0.5×, 1×, 2×, …
    Chinchilla. `save_model` keeps the model with the result, and with `periods` that of each; `save_states` keeps the
    optimiser's state and all counters too, from which a longer run goes on (`continues`): three times as much.
    """

    model: str | Shape | Foreign
    vocabulary: int
    sequence_length: int
    tokens: int | None = None
    chinchilla_multiple: float | None = None
    batch_tokens: int | None = None
    learning_rate: float | None = None
    warmup_tokens: int | None = None
    decay_fraction: float = 0.1
    periods: bool = False
    weight_decay: float = 0.1
    beta1: float = 0.9
    beta2: float | None = None
    epsilon: float = 1e-8
    clip: float = 1.0
    z_loss: float = 1e-5
    skip: SkipRule = SkipRule()
    device: Device = Device()
    tokenizer: str | None = None
    held_out_tokens: int | None = None
    tasks: Tasks = NO_TASKS
    save_model: bool = False
    save_states: bool = False
    evaluate_tokens: Annotated[int | None, Schedule] = None
    checkpoint_tokens: Annotated[int | None, Schedule] = None
    checkpoint_seconds: Annotated[float | None, Schedule] = 300.0
    keep_checkpoints: Annotated[int, Schedule] = 2
    checkpoint_store: Annotated[str | None, Schedule] = None
    log_tokens: Annotated[int | None, Telemetry] = None
    wandb: Annotated[bool, Telemetry] = False

    def __post_init__(self) -> None:
        if (self.tokens is None) == (self.chinchilla_multiple is None):
            raise UserError(
                f"A proxy needs exactly one of tokens and chinchilla_multiple; it has tokens={self.tokens} "
                f"and chinchilla_multiple={self.chinchilla_multiple}."
            )
        if self.vocabulary < 2:
            raise UserError(f"proxy.vocabulary is the size of the tokenizer; it is {self.vocabulary}.")
        if self.sequence_length < 2:
            raise UserError(f"proxy.sequence_length must be at least 2 tokens; it is {self.sequence_length}.")
        where = self.checkpoint_store
        if where is not None and "://" in where:
            object_stores.split(where)  # Raises on one of another kind: the first checkpoint would come minutes later.
        if where is not None and "://" not in where and not pathlib.PurePath(where).is_absolute():
            raise UserError(
                f"proxy.checkpoint_store={where} is neither an address (s3://bucket/folder) nor an absolute path: "
                "machines would look for it in folders of their own."
            )
        for name, rule in _OF_NUMBERS.items():
            _number(f"proxy.{name}", getattr(self, name), rule)
