"""The training loop of one proxy, in plain torch: what to compute in a step, and nothing about where data or results go.

One dial where others have twenty: a `Plan` says everything. The loop trades the conveniences of a trainer framework for being
readable on one screen, exact in its token budget, and bitwise repeatable on a CPU. Nothing in a step makes the host wait for
the device: what to skip and where to end is decided there. Where models need sharding, see `distributed.py`; where many
tiny ones should share a GPU, `stacked.py`.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from olmix.errors import UserError
from olmix.graph.step import WorkerLost
from olmix.lean import import_transformers
from olmix.train import memory, micro_batch, records
from olmix.train.arithmetic import Arithmetic
from olmix.train.attention import register
from olmix.train.distributed import World, own, placed, shard, whole
from olmix.train.feed import Batch, check_tokens
from olmix.train.ladder import Foreign, Model, config_of
from olmix.train.loss import objective_of
from olmix.train.optimizer import Jumps, make_optimizer
from olmix.train.recipe import Plan, check_split
from olmix.train.records import StepRecord
from olmix.train.settings import SkipRule

log = logging.getLogger(__name__)

#: Tokens of one forward pass on a CPU: more no longer fit its cache (measured: benchmarks/training.py).
CPU_TOKENS = 4096


def build_model(
    model: Model,
    *,
    vocabulary: int,
    plan: Plan,
    arithmetic: Arithmetic,
    seed: int,
) -> torch.nn.Module:
    """A freshly initialised model on its device, the same for the same seed wherever it is built."""
    import_transformers()
    import transformers

    config = config_of(model, vocabulary=vocabulary, sequence_length=plan.length)
    ours = arithmetic.attention == "sdpa" and not isinstance(model, Foreign)
    attention = register() if ours else arithmetic.attention
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        built = transformers.AutoModelForCausalLM.from_config(
            config, attn_implementation=attention, dtype=torch.float32
        )
    return built.to(arithmetic.device).train()


def default_micro_batch(plan: Plan, arithmetic: Arithmetic) -> int:
    """Sequences per forward pass where nobody said: all of them on a GPU, as many as the cache likes on a CPU."""
    if arithmetic.micro_batch is not None:
        return min(arithmetic.micro_batch, plan.batch)
    if arithmetic.device != "cpu":
        return plan.batch
    return max(1, min(plan.batch, CPU_TOKENS // plan.length))


def to_device(tokens: npt.NDArray[np.integer], device: torch.device) -> torch.Tensor:
    """Tokens as int64 on a device; to a GPU from pinned memory, for a copy from any other waits for all work before it."""
    ready = torch.from_numpy(tokens.astype("int64", copy=False))
    return ready.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else ready.to(device)


def not_even_one(what: str, error: BaseException, instead: str) -> UserError:
    """The sentence for a device in whose memory the least that a step can do finds no room."""
    return UserError(
        f"Out of memory with {what} at once ({memory.first_line(error)}): ask for a device with more memory (does something "
        f"else use this one?), or {instead}."
    )


class _Objective(torch.nn.Module):
    """The objective as a module of its own, so that DDP sees one forward pass with all parameters in it."""

    def __init__(self, model: torch.nn.Module, z_loss: float, arithmetic: Arithmetic, whole_logits: bool) -> None:
        super().__init__()
        self.model, self.z_loss, self.arithmetic, self.whole_logits = model, z_loss, arithmetic, whole_logits

    def forward(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        how = self.arithmetic
        return objective_of(
            self.model, tokens, self.z_loss, how.autocast, whole_logits=self.whole_logits, compiled=how.compile
        )


class Trainer:
    """A model, its optimiser and its counters; `step` does one global batch.

    The loss of a global batch is the sum over its predicted tokens divided by their number, whatever the micro-batch and
    the number of processes in `world`. `begin_with` is the micro-batch to try first where none is set or remembered.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        plan: Plan,
        arithmetic: Arithmetic,
        *,
        skip: SkipRule,
        seed: int,
        world: World | None = None,
        begin_with: int | None = None,
    ) -> None:
        self.model = model
        self.plan = plan
        self.arithmetic = arithmetic
        self.world = world or World()
        check_split(plan, self.world.size, self.world.sharded)
        self.schedule = plan.schedule()
        self.device = torch.device(arithmetic.device)
        self.vocabulary: int = model.config.vocab_size  # type: ignore[union-attr, assignment]
        self.seed = seed
        self.done = 0
        self._skips = torch.zeros((), dtype=torch.int64, device=self.device)
        self._alive = torch.ones((), dtype=torch.bool, device=self.device)
        if arithmetic.compile:
            model.base_model.compile()  # type: ignore[union-attr]
        self.objective: torch.nn.Module = _Objective(model, plan.z_loss, arithmetic, self.world.sharded)
        if self.world.sharded:
            shard(model, self.world, arithmetic.autocast)
        elif self.world.size > 1:
            # The buffers of our models are constants, and sending them would be an exchange even where each tries alone.
            self.objective = torch.nn.parallel.DistributedDataParallel(self.objective, forward_sync_buffers=False)
        self.optimizer = make_optimizer(model, plan)
        self.jumps = Jumps(skip, self.device)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=arithmetic.loss_scaling)
        self._hint = self._hint_key()
        self._known = micro_batch.remembered(self._hint) if self._hint is not None else None
        self.micro_batch = self._first_micro_batch(begin_with)
        self._tried = self.world.size == 1 or self.world.sharded

    @property
    def tokens(self) -> int:
        """Tokens trained on so far."""
        return self.done * self.plan.batch_tokens

    @property
    def skipped(self) -> int:
        """Steps skipped so far."""
        return int(self._skips)

    def step(self, batch: Batch) -> StepRecord:
        """Trains on one global batch. A step whose loss or gradient is not finite changes no weight, nor do those after it.

        Raises:
          UserError: on a token id outside the vocabulary.
        """
        check_tokens(batch.tokens, self.vocabulary, f"Batch {self.done}")
        rate = self.schedule.for_batch(self.tokens, self.plan.batch_tokens)
        loss = self._within_memory(batch)
        self.scaler.unscale_(self.optimizer)
        norm = whole(torch.nn.utils.get_total_norm(self._gradients())).double()
        finite = loss.isfinite() & norm.isfinite()
        jump = self.jumps.judge(loss[None], norm[None], finite[None])[0]
        self._update(norm, rate, leave_out=jump | ~finite | ~self._alive)
        overflow = self._overflow(loss, norm)
        skipped = (jump | overflow) & self._alive
        self._skips += skipped
        told = (loss, norm.where(~overflow, 0.0), skipped, self._alive, self._skips)
        record = StepRecord(records.fetch(torch.stack([number.double() for number in told])[None]), 0, rate)
        self._alive = self._alive & (finite | overflow)
        self.optimizer.zero_grad(set_to_none=True)
        self.done += 1
        return record

    def _gradients(self) -> list[torch.Tensor]:
        return [p.grad for p in self.model.parameters() if p.grad is not None]

    def _within_memory(self, batch: Batch) -> torch.Tensor:
        """Gradients of a batch's loss, with half the micro-batch as often as the memory does not suffice; the loss."""
        mine = batch.tokens[self.world.rows(len(batch.tokens))]
        tokens = to_device(mine, self.device)
        predicted = len(batch.tokens) * (tokens.shape[1] - 1)
        if not self._tried:
            # Processes that wait for each other's gradients cannot start again one by one, so each tries alone first.
            self._halving(lambda: self._alone(tokens, predicted))
            self.micro_batch = self.world.lowest(self.micro_batch)
            self._tried = True
        if self.world.size == 1:
            nats = self._halving(lambda: self._accumulate(tokens, predicted))
        else:
            nats = self._together(tokens, predicted)
        if self._hint is not None and self.micro_batch != self._known and self.world.first:
            micro_batch.remember(self._hint, self.micro_batch)
            self._known = self.micro_batch
        return self.world.total(nats) / predicted

    def _alone(self, tokens: torch.Tensor, predicted: int) -> torch.Tensor:
        """One piece, beside all that will be in the memory later: gradients, and Adam's moments unless they are there."""
        parameters = list(self.model.parameters())
        arrays = 1 if any(self.optimizer.state.values()) else 3
        later = [torch.empty_like(p) for p in parameters for _ in range(arrays)]
        nats = self._accumulate(tokens[: self.micro_batch], predicted, exchange=False)
        del later
        self.optimizer.zero_grad(set_to_none=True)
        return nats

    def _together(self, tokens: torch.Tensor, predicted: int) -> torch.Tensor:
        """`_accumulate` among several. If one's memory does not suffice the others wait for it: all begin again with half."""
        try:
            return self._accumulate(tokens, predicted)
        except (RuntimeError, MemoryError) as error:
            if not memory.is_shortage(error):
                raise
            if self.micro_batch == 1:
                raise self._not_even_one(error) from error
            half = -(-self.micro_batch // 2)
            said = f"Out of memory with {self.micro_batch} sequences at once in process {self.world.rank} of {self.world.size}"
            if self._hint is None:
                raise UserError(
                    f"{said}; set device.micro_batch to {half} or to None, or ask for more GPUs."
                ) from error
            micro_batch.remember(self._hint, half)
            raise WorkerLost(f"{said}; the next attempt begins with {half}, same result.") from error

    def _halving(self, work: Callable[[], torch.Tensor]) -> torch.Tensor:
        while True:
            try:
                return work()
            except (RuntimeError, MemoryError) as error:
                if not memory.is_shortage(error):
                    raise
                if self.micro_batch == 1:
                    raise self._not_even_one(error) from error
                failure = memory.first_line(error)
            # Outside of the handler, for the exception holds on to what lies in the memory.
            self.optimizer.zero_grad(set_to_none=True)
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            before, self.micro_batch = self.micro_batch, -(-self.micro_batch // 2)
            log.warning(
                "Out of memory with %d sequences at once; going on with %d at once, same result (%s).",
                before, self.micro_batch, failure,
            )  # fmt: skip

    def _not_even_one(self, error: BaseException) -> UserError:
        what = f"one sequence of {self.plan.length:,} tokens"
        return not_even_one(what, error, "make the model or proxy.sequence_length smaller")

    def _accumulate(self, tokens: torch.Tensor, predicted: int, *, exchange: bool = True) -> torch.Tensor:
        """Adds the gradients of this process's rows, in pieces; returns the sum of their losses in nats."""
        # Dropout, where a model has any, depends on the seed, the step and the process alone, not on what was tried before: a
        # resumed run draws the same.
        torch.manual_seed(self.seed * 1_000_003 + self.done + (self.world.rank << 40))
        nats = torch.zeros((), dtype=torch.float64, device=self.device)
        pieces = tokens.split(self.micro_batch)
        for number, piece in enumerate(pieces):
            with self._exchanging(exchange and number == len(pieces) - 1):
                objective, loss = self.objective(piece)
                # Processes average their gradients; what is wanted is their sum.
                self.scaler.scale(objective * (self.world.size / predicted)).backward()
            nats += loss
        return nats

    @contextlib.contextmanager
    def _exchanging(self, last: bool) -> Iterator[None]:
        """Lets processes exchange gradients on the last piece of a batch only.

        Sharded ones do so on every piece: whole gradients, kept in between, would be a fourth of what sharding saves.
        """
        if isinstance(self.objective, torch.nn.parallel.DistributedDataParallel) and not last:
            with self.objective.no_sync():
                yield
            return
        yield

    def _update(self, norm: torch.Tensor, rate: float, *, leave_out: torch.Tensor) -> None:
        """The optimiser's step; with `leave_out` true, which only the device knows, as if it had not been."""
        if self.plan.clip:
            torch._foreach_mul_(self._gradients(), (self.plan.clip / norm).clamp(max=1.0).float())
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        # What torch's own loss scaling tells a fused optimiser: that the gradients are no good, so do nothing.
        self.optimizer.found_inf = leave_out.float()  # type: ignore[attr-defined]
        self.optimizer.step()

    def _overflow(self, loss: torch.Tensor, norm: torch.Tensor) -> torch.Tensor:
        """Float16: a gradient that overflowed under the loss scale is a step left out at a smaller scale, not the end."""
        if not self.arithmetic.loss_scaling:
            return torch.zeros_like(self._alive)
        self.scaler.update()
        assert self.scaler._scale is not None
        return loss.isfinite() & ~norm.isfinite() & (self.scaler._scale >= 1.0)

    def _hint_key(self) -> str | None:
        if self.device.type != "cuda" or self.arithmetic.micro_batch is not None:
            return None
        how = "sharded processes" if self.world.sharded else "processes"
        return micro_batch.key(
            self.model.config.to_json_string(),  # type: ignore[union-attr, operator]
            self.plan.length, self.arithmetic.dtype,
            f"{torch.cuda.get_device_name()} {self._share} of {self.world.size} {how}",
        )  # fmt: skip

    @property
    def _share(self) -> int:
        """Sequences of a global batch that are this process's, at most."""
        return -(-self.plan.batch // self.world.size)

    def _first_micro_batch(self, begin_with: int | None) -> int:
        first = min(self._share, self._known or begin_with or default_micro_batch(self.plan, self.arithmetic))
        # Sharded processes with pieces of other sizes would wait for each other for ever.
        return first if self.arithmetic.micro_batch is not None else self.world.lowest(first)

    def state(self) -> dict[str, Any]:
        """Everything that `restore` needs to go on as if nothing had happened, on any number of processes.

        All processes must ask at once; of a sharded model each gets its own rows of every tensor (`parts.Rows`).
        """
        # First: an evaluation leaves the ends of a sharded model put together, and this takes them apart again. The
        # parameters that it has until then are others than the optimiser knows.
        weights = self.model.state_dict()
        named = dict(self.model.named_parameters())
        return {
            "model": {name: own(value) for name, value in weights.items()},
            "optimizer": {
                name: {key: own(value) for key, value in self.optimizer.state[parameter].items()}
                for name, parameter in named.items()
            },
            "jumps": self.jumps.state(),
            "scaler": self.scaler.state_dict(),
            "done": self.done,
            "skipped": self._skips,
            "alive": self._alive,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from a `state`, whole or of this process's rows."""
        with torch.no_grad():
            for name, value in self.model.state_dict().items():
                value.copy_(placed(state["model"][name], value))
        for name, parameter in self.model.named_parameters():
            self.optimizer.state[parameter] = {
                key: placed(value, parameter) for key, value in state["optimizer"][name].items()
            }
        self.jumps.restore(state["jumps"])
        self.scaler.load_state_dict(state["scaler"])
        self.done = state["done"]
        self._skips.copy_(state["skipped"])
        self._alive = state["alive"].to(self.device, copy=True)
