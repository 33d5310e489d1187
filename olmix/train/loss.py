"""Next-token loss with z-loss, computed head and all in slices that stay in the cache.

The loss of a global batch is a *sum over tokens divided by the tokens of the global batch*, never a mean of means: only
so is it the same for every micro-batch and every number of GPUs.

The logits of a whole batch are by far the largest array of a small model's step, so they are never made at once: each
slice of tokens goes through the output head, its loss and its gradient before the next one starts (the idea of Liger
Kernel's fused linear cross-entropy, arXiv:2410.10989, in plain torch). That trades generality, for it knows only a
bias-free linear head, against memory and speed; other models take `objective_of_logits`.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any

import torch
from torch import Tensor

#: Numbers in one slice of logits: 8 MiB of float32 on a CPU (its cache), 256 MiB on a GPU (enough to fill it).
CPU_SLICE, GPU_SLICE = 2**21, 2**26


def hidden_states(model: torch.nn.Module, tokens: Tensor) -> Tensor:
    """Final hidden states (sequences, length − 1, width) of `tokens` without their last: it has no answer to predict."""
    return model.base_model(input_ids=tokens[:, :-1]).last_hidden_state  # type: ignore[operator]


def has_plain_head(model: torch.nn.Module) -> bool:
    """Whether a model's logits are its hidden states times one matrix, which only architectures that we know promise."""
    return getattr(model.config, "model_type", None) in ("olmo2", "olmo3", "llama", "qwen2", "qwen3", "mistral")


def token_losses(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Cross-entropy in nats and log-normaliser of every token, in float32.

    Args:
      logits: (..., vocabulary).
      targets: (...), integer.

    Returns:
      −log p(target) and log Z, both (...); z-loss is the square of log Z (PaLM, arXiv:2204.02311).
    """
    logits = logits.float()
    normaliser = torch.logsumexp(logits, dim=-1)
    return normaliser - logits.gather(-1, targets.unsqueeze(-1)).squeeze(-1), normaliser


def objective_of_logits(logits: Tensor, targets: Tensor, z_loss: float) -> tuple[Tensor, Tensor]:
    """The sums over tokens of loss + z_loss · (log Z)², to differentiate, and of the loss, to report."""
    nats, normaliser = token_losses(logits, targets)
    total = nats.sum()
    return (total + z_loss * normaliser.square().sum() if z_loss else total), total.detach()


def _of_slice(
    logits: Tensor, answers: Tensor, z_loss: float, want: bool, in_place: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """What a slice of logits (K, tokens, vocabulary) with these answers (K, tokens, 1) adds to everything.

    Losses in nats and objectives, both (K), and the gradient with respect to the logits, in their format, if there is a
    `want` of it. In the logits' own memory if `in_place`. The time of a GPU, and of a CPU in 16 bits, is that of its memory
    here, so each pass over a slice counts: as they are written, or compiled into half as many.
    """
    dtype = logits.dtype
    top, peak = logits.gather(2, answers).float(), logits.amax(2, keepdim=True).float()
    # From here on float32.
    values = logits.sub_(peak) if in_place else logits - peak
    values.exp_()
    sums = values.sum(2, keepdim=True)
    normaliser = sums.log() + peak
    loss = (normaliser - top).sum((1, 2))
    objective = loss + z_loss * normaliser.square().sum((1, 2))
    if not want:
        return loss, objective, values
    # d/dlogits: softmax · (1 + 2 z log Z) − one-hot, in float32 where it ends near zero.
    factor = (1.0 + 2.0 * z_loss * normaliser) / sums
    right = (values.gather(2, answers) * factor - 1.0).to(dtype)
    slope = values if dtype == torch.float32 else torch.empty_like(values, dtype=dtype)
    torch.mul(values, factor, out=slope).scatter_(2, answers, right)
    return loss, objective, slope


@functools.cache
def _compiled_slice() -> Any:
    """`_of_slice`, its passes fused by a compiler. Slices have two sizes, whole ones and the last of a piece."""
    return torch.compile(_of_slice)


class _HeadObjective(torch.autograd.Function):
    """Objectives of K models as functions of their hidden states and heads, gradients taken on the way forward."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, head: Tensor, targets: Tensor, z_loss: float, dtype: torch.dtype, compiled: bool
    ) -> tuple[Tensor, Tensor]:
        want = hidden.requires_grad
        matrix = head.to(dtype)
        models, entries = head.shape[:2]
        count = (CPU_SLICE if hidden.device.type == "cpu" else GPU_SLICE) // entries
        # As few models as fill a slice: all of them in each one would add to all of their heads' gradients each time.
        group = min(models, max(1, count // hidden.shape[1]))
        rows = max(1, count // group)
        grad_hidden = torch.empty_like(hidden if want else hidden[:, :0])
        grad_head = torch.zeros_like(head if want else head[:, :0])
        objective = torch.zeros(models, dtype=torch.float32, device=hidden.device)
        nats = torch.zeros_like(objective)
        parts = itertools.product(range(0, models, group), range(0, hidden.shape[1], rows))
        for these, part in ((slice(m, m + group), (slice(m, m + group), slice(t, t + rows))) for m, t in parts):
            piece, answers = hidden[part].to(dtype), targets[part].unsqueeze(2)
            logits = torch.bmm(piece, matrix[these].mT)
            work = _compiled_slice() if compiled else _of_slice
            loss, whole, slope = work(logits, answers, z_loss, want, not compiled and dtype == torch.float32)
            nats[these] += loss
            objective[these] += whole
            if want:
                grad_hidden[part] = torch.bmm(slope, matrix[these])
                if dtype == head.dtype:
                    grad_head[these].baddbmm_(slope.mT, piece)
                else:
                    grad_head[these].add_(torch.bmm(slope.mT, piece))
            del logits, slope  # Or two slices of them would be held at once.
        ctx.save_for_backward(grad_hidden, grad_head)
        ctx.mark_non_differentiable(nats)
        return objective, nats

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor, Tensor, None, None, None, None]:
        grad_hidden, grad_head = ctx.saved_tensors
        each = grad[:, None, None]
        return grad_hidden * each.to(grad_hidden.dtype), grad_head * each, None, None, None, None


def objective_of_heads(
    hidden: Tensor,
    head: Tensor,
    targets: Tensor,
    z_loss: float,
    dtype: torch.dtype | None = None,
    *,
    compiled: bool = False,
) -> tuple[Tensor, Tensor]:
    """For each of K models, as `objective_of_logits` for logits = hidden · headᵀ, without ever holding them all.

    Args:
      hidden: (K, tokens, width).
      head: (K, vocabulary, width).
      targets: (K, tokens), integer.
      z_loss: the weight of (log Z)².
      dtype: what the matrix products are done in; None: float32. Sums and softmax are always float32.
      compiled: whether what is done between them goes through torch.compile.

    Returns:
      Objectives to differentiate and losses in nats to report, both (K).
    """
    objectives, nats = _HeadObjective.apply(hidden, head, targets, z_loss, dtype or torch.float32, compiled)
    return objectives, nats


def objective_of_head(
    hidden: Tensor,
    head: Tensor,
    targets: Tensor,
    z_loss: float,
    dtype: torch.dtype | None = None,
    *,
    compiled: bool = False,
) -> tuple[Tensor, Tensor]:
    """`objective_of_heads` for one model: hidden (..., width), head (vocabulary, width), targets (...); two numbers."""
    flat = hidden.reshape(1, -1, hidden.shape[-1])
    objectives, nats = objective_of_heads(flat, head[None], targets.reshape(1, -1), z_loss, dtype, compiled=compiled)
    return objectives[0], nats[0]


def objective_of(
    model: torch.nn.Module,
    tokens: Tensor,
    z_loss: float,
    dtype: torch.dtype | None = None,
    *,
    whole_logits: bool = False,
    compiled: bool = False,
) -> tuple[Tensor, Tensor]:
    """The objective and the loss in nats, each summed over the predicted tokens of `tokens` (sequences, length).

    `whole_logits` takes the model's own head even where slices would do: a sharded head cannot be taken from outside.
    `compiled` is for the slices.
    """
    targets = tokens[:, 1:]
    slices = has_plain_head(model) and not whole_logits
    with torch.autocast(tokens.device.type, dtype=dtype, enabled=dtype is not None):
        seen = hidden_states(model, tokens) if slices else model(input_ids=tokens[:, :-1]).logits
    if slices:
        head = model.get_output_embeddings().weight  # type: ignore[operator]
        return objective_of_head(seen, head, targets, z_loss, dtype, compiled=compiled)
    return objective_of_logits(seen, targets, z_loss)


def nats_of(
    model: torch.nn.Module, tokens: Tensor, dtype: torch.dtype | None = None, *, whole_logits: bool = False
) -> Tensor:
    """The sum of −log p in nats over every token of `tokens` (sequences, length) but the first of each sequence."""
    return objective_of(model, tokens, 0.0, dtype, whole_logits=whole_logits)[1]


def chosen_nats(
    model: torch.nn.Module,
    tokens: Tensor,
    chosen: Tensor,
    dtype: torch.dtype | None = None,
    *,
    whole_logits: bool = False,
) -> Tensor:
    """−log p in nats of some tokens, in row-major order.

    Args:
      model: a causal model.
      tokens: (sequences, length).
      chosen: (sequences, length − 1), boolean; column i stands for token i + 1.
      dtype: what matrix products are done in.
      whole_logits: see `objective_of`.
    """
    targets = tokens[:, 1:][chosen]
    with torch.autocast(tokens.device.type, dtype=dtype, enabled=dtype is not None):
        if has_plain_head(model) and not whole_logits:
            seen = hidden_states(model, tokens)[chosen]
            logits = model.get_output_embeddings()(seen)  # type: ignore[operator]
        else:
            logits = model(input_ids=tokens[:, :-1]).logits[chosen]
    return token_losses(logits, targets)[0]
