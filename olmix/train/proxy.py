"""The training loop of one proxy, in plain torch: what to compute in a step, and nothing about where data or results go.

One dial where others have twenty: a `Plan` says everything. The loop trades the conveniences of a trainer framework for being
readable on one screen, exact in its token budget, and bitwise repeatable on a CPU. Where models need sharding, see
`distributed.py`; where many tiny ones should share a GPU, `stacked.py`.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import torch

from olmix.train.arithmetic import Arithmetic
from olmix.train.feed import Batch, check_tokens
from olmix.train.ladder import Model, config_of
from olmix.train.loss import objective_of
from olmix.train.optimizer import Jumps, make_optimizer
from olmix.train.recipe import Plan
from olmix.train.settings import SkipRule

#: Tokens of one forward pass on a CPU: more no longer fit its cache (measured: benchmarks/training.py).
CPU_TOKENS = 4096


@dataclasses.dataclass(frozen=True, kw_only=True)
class StepRecord:
    """What one step did: mean loss in nats per predicted token before the update, gradient norm before clipping, rate."""

    loss: float
    norm: float
    rate: float
    skipped: bool = False

    @property
    def finite(self) -> bool:
        """Whether training can go on."""
        return math.isfinite(self.loss) and math.isfinite(self.norm)


def build_model(
    model: Model,
    *,
    vocabulary: int,
    plan: Plan,
    arithmetic: Arithmetic,
    seed: int,
    end_token: int | None = None,
) -> torch.nn.Module:
    """A freshly initialised model on its device, the same for the same seed wherever it is built."""
    import transformers

    config = config_of(model, vocabulary=vocabulary, sequence_length=plan.length, end_token=end_token)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        built = transformers.AutoModelForCausalLM.from_config(
            config, attn_implementation=arithmetic.attention, dtype=torch.float32
        )
    return built.to(arithmetic.device).train()


def default_micro_batch(plan: Plan, arithmetic: Arithmetic) -> int:
    """Sequences per forward pass where nobody said: all of them on a GPU, as many as the cache likes on a CPU."""
    if arithmetic.micro_batch is not None:
        return min(arithmetic.micro_batch, plan.batch)
    if arithmetic.device != "cpu":
        return plan.batch
    return max(1, min(plan.batch, CPU_TOKENS // plan.length))


class Trainer:
    """A model, its optimiser and its counters; `step` does one global batch.

    The loss of a global batch is the sum over its predicted tokens divided by their number, whatever the micro-batch.
    """

    def __init__(
        self, model: torch.nn.Module, plan: Plan, arithmetic: Arithmetic, *, skip: SkipRule, seed: int
    ) -> None:
        self.model = model
        self.plan = plan
        self.arithmetic = arithmetic
        self.schedule = plan.schedule()
        self.device = torch.device(arithmetic.device)
        self.vocabulary: int = model.config.vocab_size  # type: ignore[union-attr, assignment]
        self.optimizer = make_optimizer(model, plan)
        self.jumps = Jumps(skip)
        self.seed = seed
        self.done = 0
        self.skipped = 0
        self.micro_batch = default_micro_batch(plan, arithmetic)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=arithmetic.loss_scaling)
        if arithmetic.compile:
            model.base_model.compile()  # type: ignore[union-attr]

    @property
    def tokens(self) -> int:
        """Tokens trained on so far."""
        return self.done * self.plan.batch_tokens

    def step(self, batch: Batch) -> StepRecord:
        """Trains on one global batch; a step whose loss or gradient is not finite changes nothing but the count.

        Raises:
          UserError: on a token id outside the vocabulary.
        """
        check_tokens(batch.tokens, self.vocabulary, f"Batch {self.done}")
        rate = self.schedule.for_batch(self.tokens, self.plan.batch_tokens)
        # Dropout, where a model has any, depends on the seed and the step alone, so a resumed run draws the same.
        torch.manual_seed(self.seed * 1_000_003 + self.done)
        loss = self._accumulate(batch)
        self.scaler.unscale_(self.optimizer)
        norm = float(torch.nn.utils.get_total_norm([p.grad for p in self.model.parameters() if p.grad is not None]))
        record = StepRecord(loss=loss, norm=norm, rate=rate)
        if record.finite:
            if self.jumps.skip(loss, norm):
                self.skipped += 1
                record = dataclasses.replace(record, skipped=True)
            else:
                self._update(norm, rate)
        if self.arithmetic.loss_scaling:
            record = self._after_scaling(record)
        self.optimizer.zero_grad(set_to_none=True)
        self.done += 1
        return record

    def _accumulate(self, batch: Batch) -> float:
        """Gradients of the whole batch's loss, in pieces; returns the loss."""
        tokens = torch.from_numpy(batch.tokens.astype("int64", copy=False)).to(self.device, non_blocking=True)
        predicted = tokens.shape[0] * (tokens.shape[1] - 1)
        total = torch.zeros((), dtype=torch.float64, device=self.device)
        for piece in tokens.split(self.micro_batch):
            objective, loss = objective_of(self.model, piece, self.plan.z_loss, self.arithmetic.autocast)
            self.scaler.scale(objective / predicted).backward()
            total += loss
        return float(total) / predicted

    def _update(self, norm: float, rate: float) -> None:
        if self.plan.clip and norm > self.plan.clip:
            factor = self.plan.clip / norm
            torch._foreach_mul_([p.grad for p in self.model.parameters() if p.grad is not None], factor)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.scaler.step(self.optimizer)

    def _after_scaling(self, record: StepRecord) -> StepRecord:
        """Float16: a gradient that overflowed under the loss scale is a step left out at a smaller scale, not the end."""
        self.scaler.update()
        if math.isfinite(record.loss) and not math.isfinite(record.norm) and self.scaler.get_scale() >= 1.0:
            self.skipped += 1
            return dataclasses.replace(record, norm=0.0, skipped=True)
        return record

    def state(self) -> dict[str, Any]:
        """Everything that `restore` needs to go on as if nothing had happened."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "jumps": self.jumps.state(),
            "scaler": self.scaler.state_dict(),
            "done": self.done,
            "skipped": self.skipped,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from a `state`."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.jumps.restore(state["jumps"])
        self.scaler.load_state_dict(state["scaler"])
        self.done, self.skipped = state["done"], state["skipped"]
