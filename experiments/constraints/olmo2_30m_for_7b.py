"""A swarm of 30M proxies that knows the final run (7B, 20 Chinchilla multiples) proposes a mixture which the data can supply."""

from __future__ import annotations

import fiddle as fdl

from experiments.presets import reference_data
from experiments.presets.swarm_30m import swarm_30m
from olmix.data import tree_edits
from olmix.mixture_search import MixtureSearch


def experiment() -> fdl.Config[MixtureSearch]:
    """Proxies of 300 million tokens; 2.8 trillion in the final run, which reads the web at most five times."""
    cfg = swarm_30m()
    cfg.scan.tree = reference_data.all_dressed()
    tree_edits.set_repetition_limit(cfg.scan.tree, "all_dressed", 5.0)
    cfg.limits.target_chinchilla_multiple = 20.0
    cfg.limits.target_model = "olmo2_7b"
    cfg.design.variants = 64
    cfg.swarm.proxy.chinchilla_multiple = 0.5
    return cfg
