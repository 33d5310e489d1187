"""Causal attention as transformers' models call it, for sequences without padding.

The library's own way looks at the positions of every batch, on the host, to find out whether sequences were packed into one
row; that makes the host wait for the device in the middle of each forward pass. Ours knows that there are none. Same
kernels (torch's scaled dot products: flash where there is flash, memory-efficient on a V100), same numbers to rounding.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

NAME = "olmix_causal"


def near(length: int, window: int, device: torch.device) -> torch.Tensor:
    """Which tokens each token sees: itself and the `window` − 1 before it; boolean (length, length)."""
    places = torch.arange(length, device=device)
    distance = places[:, None] - places
    return (distance >= 0) & (distance < window)


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
    mixed = F.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, dropout_p=dropout, is_causal=mask is None, scale=scaling,
        enable_gqa=query.shape[1] != key.shape[1],
    )  # fmt: skip
    return mixed.transpose(1, 2).contiguous(), None


def register() -> str:
    """Makes it known to transformers; its name there. Nobody makes masks for a name that transformers knows no masks for."""
    import transformers

    transformers.AttentionInterface.register(NAME, causal_attention)
    return NAME
