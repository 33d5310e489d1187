"""Presets: a mixture search on the reference data with swarms of the 14M proxy, trained as `proxy_run_14m` trains it.

The final run that the limits are made for is as long as one proxy, and a leaf may be read five times, as in the reference's
sampler; set `limits.target_tokens` for a longer one.
"""

from __future__ import annotations

import fiddle as fdl

from experiments import base
from experiments.presets.proxy_run_14m import dclm_run_14m
from olmix.fit.log_linear import LogLinear
from olmix.mixture_search import MixtureSearch


def proxy_swarm_14m() -> fdl.Config[MixtureSearch]:
    """On three topics of web text, an encyclopedia and papers, 140 million tokens a variant."""
    run = dclm_run_14m()
    cfg = base.mixture_search()
    cfg.scan.tree = run.scan.tree
    for source in cfg.scan.tree.sources:
        source.repetition_limit = 5.0
    cfg.scan.dtype = run.scan.dtype
    cfg.scan.held_out_tokens = run.scan.held_out_tokens
    cfg.scan.if_unreadable = run.scan.if_unreadable
    cfg.limits.target_tokens = 140_000_000
    cfg.design.variants = 32
    cfg.design.seed = 42
    cfg.design.include_prior = False
    cfg.design.source_strength = cfg.design.topic_strength = cfg.design.quality_strength = (0.1, 5.0)
    cfg.design.temperature = 1.0
    cfg.design.minimum_weight = 0.002
    cfg.swarm.proxy = cfg.validation.proxy = run.train.proxy
    cfg.swarm.seed = run.train.seed
    cfg.swarm.each_needs = cfg.validation.each_needs = run.train.each_needs
    cfg.laws.law = fdl.Config(LogLinear)
    cfg.proposal.bootstrap = 1000
    cfg.proposal.kl = 0.0
    cfg.validation.seeds = 3
    return cfg
