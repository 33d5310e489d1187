"""Overlays: the same road with too little of everything to learn from, for a look at how it goes, and for tests."""

from __future__ import annotations

import fiddle as fdl

from olmix.mixture_search import MixtureSearch


def reduced(cfg: fdl.Config[MixtureSearch]) -> None:
    """A tenth of the text, 12 variants, proxies that stop after 20 steps: about a minute in all.

    Where the text was tokenised before, all of it stays, and the limits with it.
    """
    if cfg.corpus is not None:
        cfg.corpus.sources = {name: megabytes / 10 for name, megabytes in cfg.corpus.sources.items()}
        cfg.limits.target_tokens //= 10
    cfg.design.variants = 12
    for proxy in (cfg.swarm.proxy, cfg.validation.proxy):
        proxy.tokens = 20 * proxy.batch_tokens
        proxy.warmup_tokens = 2 * proxy.batch_tokens
    cfg.validation.seeds = 2
