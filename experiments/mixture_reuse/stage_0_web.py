"""A swarm of 128 over the topics of the web finds a mixture that is worth keeping through every later change of the data."""

from __future__ import annotations

import fiddle as fdl

from experiments.mixture_reuse import data
from experiments.presets.swarm_30m import swarm_30m
from olmix.mixture_search import MixtureSearch


def experiment() -> fdl.Config[MixtureSearch]:
    """Twenty-four topics, none with less than 5 % in a variant that has it; the prior is their share of tokens."""
    cfg = swarm_30m()
    cfg.scan.tree = data.web()
    cfg.limits.target_tokens = 1_000_000_000_000
    cfg.limits.repetition_limit = 4.0
    cfg.design.variants = 128
    cfg.design.minimum_weight = 0.05
    cfg.design.source_strength = (0.1, 5.0)
    return cfg
