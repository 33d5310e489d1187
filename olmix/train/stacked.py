"""Many small models as one: K variants of the same shape trained side by side in batched matrix products.

Where a model and its batch are so small that a GPU is done before Python has launched the next operation, most of its time
is lost. Stacked, every parameter has a leading axis of K variants, every product is a batch of K products, and one launch
does the work of K. (Large batches and vocabularies leave nothing to gain: `planner.step_seconds`.) Each variant has its own
batches, optimiser state, gradient norm, loss scale, skipped steps and end, and nothing it does can reach another: its
numbers are those of a run alone, to rounding.

It trades away everything but the OLMo architectures, one process, and variants that share their plan.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from olmix.errors import UserError
from olmix.train import memory, micro_batch, records
from olmix.train.arithmetic import Arithmetic
from olmix.train.attention import mixed, near
from olmix.train.distributed import World
from olmix.train.feed import Batch, check_tokens
from olmix.train.ladder import ROPE_BASE, Foreign, Model, Shape, shape_of
from olmix.train.loss import objective_of_heads
from olmix.train.loss_scales import LossScales
from olmix.train.optimizer import Jumps, StackedAdamW
from olmix.train.proxy import build_model, default_micro_batch, not_even_one, to_device
from olmix.train.recipe import Plan
from olmix.train.records import StepRecord
from olmix.train.settings import SkipRule

log = logging.getLogger(__name__)

#: Of each layer, the stacked parameters and the transformers parameters that they are made of, one below the other.
_LAYER = {
    "qkv": ("self_attn.q_proj.weight", "self_attn.k_proj.weight", "self_attn.v_proj.weight"),
    "out": ("self_attn.o_proj.weight",),
    "q_norm": ("self_attn.q_norm.weight",),
    "k_norm": ("self_attn.k_norm.weight",),
    "after_attention": ("post_attention_layernorm.weight",),
    "gate_up": ("mlp.gate_proj.weight", "mlp.up_proj.weight"),
    "down": ("mlp.down_proj.weight",),
    "after_mlp": ("post_feedforward_layernorm.weight",),
}
_ENDS = {"embedding": ("model.embed_tokens.weight",), "norm": ("model.norm.weight",), "head": ("lm_head.weight",)}
EPSILON = 1e-6
_MOMENTS = ("exp_avg", "exp_avg_sq")


def parts_of(shape: Shape) -> dict[str, tuple[str, ...]]:
    """Stacked parameter -> the parameters of the transformers model that it holds, concatenated along their first axis."""
    layers = {
        f"{number}.{name}": tuple(f"model.layers.{number}.{part}" for part in parts)
        for number in range(shape.layers)
        for name, parts in _LAYER.items()
    }
    return {**layers, **_ENDS}


def stack(shape: Shape, states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The state dicts of K transformers models as stacked parameters (K, ...)."""
    return {
        name: torch.stack([torch.cat([state[part] for part in parts]) for state in states])
        for name, parts in parts_of(shape).items()
    }


def unstack(
    shape: Shape, parameters: Mapping[str, Tensor], variant: int, like: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """The state dict of one variant; `like` is any state dict of the same shape, for the sizes of its parts."""
    state: dict[str, Tensor] = {}
    for name, parts in parts_of(shape).items():
        pieces = parameters[name][variant].split([len(like[part]) for part in parts])
        state.update(zip(parts, pieces, strict=True))
    return state


def _rms_norm(x: Tensor, weight: Tensor) -> Tensor:
    """Root-mean-square norm over the last axis, in float32; x (K, n, width), weight (K, width)."""
    wide = x.float()
    wide = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + EPSILON)
    return (weight[:, None] * wide).to(x.dtype)


def _rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotary embedding of x (rows, heads, length, width)."""
    left, right = x.chunk(2, dim=-1)
    return (x * cosine + torch.cat((-right, left), dim=-1) * sine).to(x.dtype)


class StackedModel(torch.nn.Module):
    """K OLMo models of one shape; `forward` gives their final hidden states."""

    def __init__(self, shape: Shape, states: Sequence[Mapping[str, Tensor]], length: int) -> None:
        super().__init__()
        self.shape = shape
        for name, value in stack(shape, states).items():
            self.register_parameter(name.replace(".", "_"), torch.nn.Parameter(value))
        half = torch.arange(0, shape.per_head, 2, dtype=torch.float32) / shape.per_head
        angles = torch.arange(length, dtype=torch.float32)[:, None] / ROPE_BASE**half
        angles = torch.cat((angles, angles), dim=-1)
        self.register_buffer("cosine", angles.cos(), persistent=False)
        self.register_buffer("sine", angles.sin(), persistent=False)
        self.register_buffer("near", near(length, shape.window, torch.device("cpu")), persistent=False)

    def parameter(self, name: str) -> torch.nn.Parameter:
        """A stacked parameter by its name in `parts_of`."""
        return self.get_parameter(name.replace(".", "_"))

    def forward(self, tokens: Tensor) -> Tensor:
        """Hidden states (K, rows · length, width) of tokens (K, rows, length)."""
        variants, rows, length = tokens.shape
        shape = self.shape
        embedding = self.parameter("embedding")
        offsets = torch.arange(variants, device=tokens.device)[:, None] * embedding.shape[1]
        x = F.embedding(tokens.flatten(1) + offsets, embedding.flatten(0, 1))
        cosine, sine = self.cosine[:length], self.sine[:length]  # type: ignore[index]
        queries, keys = shape.heads * shape.per_head, (shape.kv_heads or shape.heads) * shape.per_head
        for number, kind in enumerate(shape.layer_types()):
            here = lambda name, number=number: self.parameter(f"{number}.{name}")  # noqa: E731
            q, k, v = (x @ here("qkv").mT).split([queries, keys, keys], dim=-1)
            q, k = _rms_norm(q, here("q_norm")), _rms_norm(k, here("k_norm"))
            q, k, v = (z.reshape(variants * rows, length, -1, shape.per_head).transpose(1, 2) for z in (q, k, v))
            q, k = _rotate(q, cosine, sine), _rotate(k, cosine, sine)
            local = shape.family == "olmo3" and kind == "sliding_attention" and length > shape.window
            out = mixed(q, k, v.to(q.dtype), mask=self.near[:length, :length] if local else None)  # type: ignore[index]
            out = out.transpose(1, 2).reshape(variants, rows * length, queries)
            x = x + _rms_norm(out @ here("out").mT, here("after_attention"))
            gate, up = (x @ here("gate_up").mT).chunk(2, dim=-1)
            x = x + _rms_norm((F.silu(gate) * up) @ here("down").mT, here("after_mlp"))
        return _rms_norm(x, self.parameter("norm"))


class StackedTrainer:
    """K runs that share their plan; `step` does one global batch of each.

    `begin_with` is the micro-batch to try first where none is set or remembered.
    """

    def __init__(
        self,
        model: Model,
        plan: Plan,
        arithmetic: Arithmetic,
        *,
        vocabulary: int,
        skip: SkipRule,
        seeds: Sequence[int],
        begin_with: int | None = None,
    ) -> None:
        if isinstance(model, Foreign):
            raise UserError(
                f"Only OLMo models can be stacked, and this one is a {model.model_type}; train its proxies one by one."
            )
        self.shape = shape_of(model)
        self.plan, self.arithmetic, self.vocabulary = plan, arithmetic, vocabulary
        self.world = World()
        self.schedule = plan.schedule()
        self.device = torch.device(arithmetic.device)
        alone = dataclasses.replace(arithmetic, device="cpu", attention="sdpa")
        singles = [build_model(model, vocabulary=vocabulary, plan=plan, arithmetic=alone, seed=seed) for seed in seeds]
        self.model = StackedModel(self.shape, [single.state_dict() for single in singles], plan.length).to(self.device)
        #: Any one of them, on its device, to put a variant's parameters into.
        self.single = singles[0].to(self.device)
        if arithmetic.compile:
            self.model.compile()
        self.variants = len(seeds)
        named = {name: self.model.parameter(name) for name in parts_of(self.shape)}
        self.optimizer = StackedAdamW(named, plan, self.variants, self.device)
        self.jumps = Jumps(skip, self.device, self.variants)
        self.scaler = LossScales(self.variants, self.device, enabled=arithmetic.loss_scaling)
        self._alive = torch.ones(self.variants, dtype=torch.bool, device=self.device)
        self._skips = torch.zeros(self.variants, dtype=torch.int64, device=self.device)
        self.done = 0
        self._hint = self._hint_key()
        self._known = micro_batch.remembered(self._hint) if self._hint is not None else None
        first = self._known or begin_with or default_micro_batch(plan, arithmetic)
        self.micro_batch = min(plan.batch, arithmetic.micro_batch or first)

    def _hint_key(self) -> str | None:
        if self.device.type != "cuda" or self.arithmetic.micro_batch is not None:
            return None
        return micro_batch.key(
            self.single.config.to_json_string(),  # type: ignore[union-attr, operator]
            self.plan.length, self.arithmetic.dtype, f"{torch.cuda.get_device_name()} {self.plan.batch}", self.variants,
        )  # fmt: skip

    @property
    def tokens(self) -> int:
        """Tokens that each variant that is alive has been trained on."""
        return self.done * self.plan.batch_tokens

    @property
    def alive(self) -> list[bool]:
        """Which variants have not ended."""
        return self._alive.tolist()

    @property
    def skipped(self) -> list[int]:
        """Steps that each has skipped so far."""
        return self._skips.tolist()

    def step(self, batches: Sequence[Batch]) -> list[StepRecord]:
        """One global batch of each variant; those that ended before are left as they are. One that is not finite ends here.

        Raises:
          UserError: on a token id outside the vocabulary.
        """
        for batch in batches:
            check_tokens(batch.tokens, self.vocabulary, f"Batch {self.done}")
        rate = self.schedule.for_batch(self.tokens, self.plan.batch_tokens)
        tokens = to_device(np.stack([batch.tokens for batch in batches]), self.device)
        losses = self._halving(tokens)
        norms = self.scaler.unscaled(self._norms()).double()
        finite = losses.isfinite() & norms.isfinite()
        jumps = self.jumps.judge(losses, norms, finite & self._alive)
        clip = (self.plan.clip / norms).clamp(max=1.0).float() if self.plan.clip else torch.ones_like(norms).float()
        self.optimizer.step(rate, self.scaler.unscaled(clip), self._alive & finite & ~jumps)
        overflow = self.scaler.update(losses, norms, self._alive)
        skipped = jumps | overflow
        self._skips += skipped
        numbers = (losses, norms.where(~overflow, 0.0), skipped, self._alive, self._skips)
        told = torch.stack([number.double() for number in numbers], dim=1)
        self._alive = self._alive & (finite | overflow)
        self.model.zero_grad(set_to_none=True)
        self.done += 1
        read = records.fetch(told)
        return [StepRecord(read, variant, rate) for variant in range(self.variants)]

    def _halving(self, tokens: Tensor) -> Tensor:
        while True:
            try:
                losses = self._accumulate(tokens)
                if self._hint is not None and self.micro_batch != self._known:
                    micro_batch.remember(self._hint, self.micro_batch)
                    self._known = self.micro_batch
                return losses
            except (RuntimeError, MemoryError) as error:
                if not memory.is_shortage(error):
                    raise
                if self.micro_batch == 1:
                    what = f"one sequence of {self.plan.length:,} tokens of each of {self.variants} variants"
                    raise not_even_one(what, error, "put fewer side by side (stack)") from error
                failure = memory.first_line(error)
            self.model.zero_grad(set_to_none=True)
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            before, self.micro_batch = self.micro_batch, -(-self.micro_batch // 2)
            log.warning(
                "Out of memory with %d × %d sequences at once; going on with %d × %d, same result (%s).",
                self.variants, before, self.variants, self.micro_batch, failure,
            )  # fmt: skip

    def _accumulate(self, tokens: Tensor) -> Tensor:
        """Gradients of all variants' losses, in pieces; the losses (K)."""
        predicted = tokens.shape[1] * (tokens.shape[2] - 1)
        dtype = self.arithmetic.autocast
        nats = torch.zeros(self.variants, dtype=torch.float64, device=self.device)
        for piece in tokens.split(self.micro_batch, dim=1):
            with torch.autocast(self.device.type, dtype=dtype, enabled=dtype is not None):
                hidden = self.model(piece[..., :-1])
            targets = piece[..., 1:].flatten(1)
            objectives, losses = objective_of_heads(
                hidden, self.model.parameter("head"), targets, self.plan.z_loss, dtype, compiled=self.arithmetic.compile
            )
            # The sum's gradient with respect to a variant's parameters is that of its own objective.
            self.scaler.scaled(objectives / predicted).sum().backward()
            nats += losses
        return nats / predicted

    def _norms(self) -> Tensor:
        """The norm of each variant's gradient as it is, under its loss scale (K)."""
        squares = [
            torch.linalg.vector_norm(p.grad.flatten(1), dim=1).square()
            for p in self.model.parameters()
            if p.grad is not None
        ]
        return torch.stack(squares).sum(0).sqrt()

    @torch.no_grad()
    def variant(self, number: int) -> torch.nn.Module:
        """One variant as a transformers model; the same object every time, so use it before asking for the next."""
        like = self.single.state_dict()
        parameters = {name: self.model.parameter(name) for name in parts_of(self.shape)}
        self.single.load_state_dict(unstack(self.shape, parameters, number, like))
        return self.single

    def state(self) -> dict[str, Any]:
        """Everything that `restore` needs to go on as if nothing had happened."""
        return {
            "model": self.model.state_dict(),
            "first": {name: moments.first for name, moments in self.optimizer.moments.items()},
            "second": {name: moments.second for name, moments in self.optimizer.moments.items()},
            "counts": self.optimizer.counts,
            "jumps": self.jumps.state(),
            "scaler": self.scaler.state(),
            "alive": self._alive,
            "skipped": self._skips,
            "done": self.done,
        }

    @torch.no_grad()
    def state_of(self, number: int) -> dict[str, Any]:
        """The state of one variant as `Trainer.state` has it."""
        like = self.single.state_dict()

        def alone(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
            return {name: value.clone() for name, value in unstack(self.shape, tensors, number, like).items()}

        first = alone({name: moments.first for name, moments in self.optimizer.moments.items()})
        second = alone({name: moments.second for name, moments in self.optimizer.moments.items()})
        count = self.optimizer.counts[number].float()
        return {
            "model": alone({name: self.model.parameter(name) for name in parts_of(self.shape)}),
            "optimizer": {
                name: {"step": count.clone(), "exp_avg": first[name], "exp_avg_sq": second[name]} for name in first
            },
            "jumps": self.jumps.state_of(number),
            "scaler": self.scaler.state_of(number),
            "done": self.done,
            "skipped": self._skips[number].clone(),
            "alive": self._alive[number].clone(),
        }

    @torch.no_grad()
    def restore_each(self, states: Sequence[dict[str, Any]]) -> None:
        """Goes on from states of single runs, one for each variant, all after the same number of steps."""
        moments = [
            stack(self.shape, [{n: o[key] for n, o in s["optimizer"].items()} for s in states]) for key in _MOMENTS
        ]
        model = stack(self.shape, [state["model"] for state in states])
        for name, kept in self.optimizer.moments.items():
            self.model.parameter(name).copy_(model[name])
            kept.first.copy_(moments[0][name])
            kept.second.copy_(moments[1][name])
        any_name = next(iter(states[0]["optimizer"]))
        counts = torch.tensor([float(state["optimizer"][any_name]["step"]) for state in states], dtype=torch.float64)
        self.optimizer.counts.copy_(counts)
        self.jumps.restore(*(state["jumps"] for state in states))
        self.scaler.restore_each([state["scaler"] for state in states])
        self._alive.copy_(torch.stack([state["alive"] for state in states]))
        self._skips.copy_(torch.stack([state["skipped"] for state in states]))
        (self.done,) = {state["done"] for state in states}

    @torch.no_grad()
    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from a `state`."""
        self.model.load_state_dict(state["model"])
        for name, moments in self.optimizer.moments.items():
            moments.first.copy_(state["first"][name])
            moments.second.copy_(state["second"][name])
        self.optimizer.counts.copy_(state["counts"])
        self.jumps.restore(state["jumps"])
        # Of a format without loss scaling there is nothing in it, or, in checkpoints of an earlier olmix, not even that.
        self.scaler.restore(state.get("scaler", {}))
        self._alive.copy_(state["alive"])
        self._skips.copy_(state["skipped"])
        self.done = state["done"]
