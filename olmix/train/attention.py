"""Causal attention as transformers' models call it, for sequences without padding.

The library's own way looks at the positions of every batch, on the host, to find out whether sequences were packed into one
row; that makes the host wait for the device in the middle of each forward pass. Ours knows that there are none. Same
kernels (torch's scaled dot products: cuDNN's or flash where there are these, memory-efficient on a V100, in float32 and under a
window), same numbers to rounding.

Where no such kernel takes what it is given, torch goes without a word to products that hold every weight of attention, length²
for each head: a tenth of the speed and many times the memory. So `mixed` gives them what all of them take.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F

NAME = "olmix_causal"


def near(length: int, window: int, device: torch.device) -> torch.Tensor:
    """Which tokens each token sees: itself and the `window` − 1 before it; boolean (length, length)."""
    seen = torch.arange(length, device=device)
    sees = seen[:, None]
    # Not by their distance: length² integers would be half a gigabyte at 8,192 tokens.
    return (sees >= seen) & (sees - window < seen)


def for_fused_kernels(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float | None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, float | None]:
    """The same question in a form that every fused kernel of a GPU takes; the answer's first columns are the answer.

    The memory-efficient ones know no shared heads, and in 16 bits no width that is not a multiple of eight (in float32 of
    four): torch's `sdp_utils.cpp`. Flash attention knows both; what is copied for it is a few per cent of a layer's memory.
    """
    width, groups = query.shape[-1], query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = (z.repeat_interleave(groups, dim=1) for z in (key, value))
    if width % 8:
        scale = width**-0.5 if scale is None else scale
        query, key, value = (F.pad(z, (0, -width % 8)) for z in (query, key, value))
    return query, key, value, scale


def mixed(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    *,
    mask: torch.Tensor | None = None,
    scale: float | None = None,
    dropout: float = 0.0,
) -> torch.Tensor:
    """Values by attention's weights; causal where there is no mask.

    Query (rows, heads, length, width), key and value (rows, key heads, length, width), mask (length, length); as query.
    """
    width = query.shape[-1]
    if query.device.type != "cpu":
        query, key, value, scale = for_fused_kernels(query, key, value, scale)
    out = F.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, dropout_p=dropout, is_causal=mask is None, scale=scale,
        enable_gqa=query.shape[1] != key.shape[1],
    )  # fmt: skip
    return out[..., :width]


@contextlib.contextmanager
def of_many_lengths(device: torch.device) -> Iterator[None]:
    """A block in which nearly every forward pass has another length, as an evaluation's: without cuDNN's attention.

    On H100s and newer torch prefers it. It is quick, but makes a plan for each new shape, which takes it half a second.
    """
    before = torch.backends.cuda.cudnn_sdp_enabled()
    if device.type == "cuda":
        torch.backends.cuda.enable_cudnn_sdp(False)
    try:
        yield
    finally:
        torch.backends.cuda.enable_cudnn_sdp(before)


def causal_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Query (rows, heads, length, width), key and value (rows, key heads, length, width); (rows, length, heads, width)."""
    length = query.shape[2]
    mask = (
        near(length, sliding_window, query.device) if sliding_window is not None and length > sliding_window else None
    )
    out = mixed(query, key, value, mask=mask, scale=scaling, dropout=dropout)
    return out.transpose(1, 2).contiguous(), None


def register() -> str:
    """Makes it known to transformers; its name there. Nobody makes masks for a name that transformers knows no masks for."""
    import transformers

    transformers.AttentionInterface.register(NAME, causal_attention)
    return NAME
