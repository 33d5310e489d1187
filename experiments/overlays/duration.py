"""Overlays: how long a proxy trains."""

from __future__ import annotations

import fiddle as fdl

from olmix.mixture_run import MixtureRun


def chinchilla(cfg: fdl.Config[MixtureRun], multiple: float) -> None:
    """`multiple` × 20 tokens for every parameter beside the embedding."""
    cfg.train.proxy.chinchilla_multiple = multiple


def tokens(cfg: fdl.Config[MixtureRun], number: int) -> None:
    """A number of tokens, in one period: periods end at Chinchilla multiples, which a number is not."""
    cfg.train.proxy.chinchilla_multiple = None
    cfg.train.proxy.tokens = number
    cfg.train.proxy.periods = False
