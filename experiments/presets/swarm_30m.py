"""Presets: swarms of the 30M proxy, 3 billion tokens each (5 Chinchilla multiples), for a final run of a trillion tokens.

The proposal minimises the mean of all sixty tasks, held near the prior (KL 0.05), as the reference's case study does.
"""

from __future__ import annotations

import fiddle as fdl

from experiments import base
from experiments.presets import reference_tasks
from experiments.presets.proxy_run_14m import SEQUENCE
from olmix.fit.log_linear import LogLinear
from olmix.graph.resources import Needs
from olmix.mixture_search import MixtureSearch
from olmix.train.settings import Proxy


def swarm_30m() -> fdl.Config[MixtureSearch]:
    """A search over all leaves; its tree is the experiment's to choose."""
    return _swarm(base.mixture_search())


def reuse_swarm_30m() -> fdl.Config[MixtureSearch]:
    """The same with an old mixture frozen; tree and old mixture are the experiment's to choose."""
    cfg = base.reuse_search()
    cfg.limits.name = "existing"
    return _swarm(cfg)


def _swarm(cfg: fdl.Config[MixtureSearch]) -> fdl.Config[MixtureSearch]:
    cfg.scan.dtype = "uint32"
    cfg.scan.held_out_tokens = 1 << 20
    cfg.scan.if_unreadable = "these are the reference's own buckets: set the paths of scan.tree to yours."
    proxy = fdl.Config(
        Proxy,
        model="olmo2_30m",
        vocabulary=100_278,
        sequence_length=SEQUENCE,
        chinchilla_multiple=5.0,
        batch_tokens=None,
        learning_rate=None,
        warmup_tokens=None,
        decay_fraction=0.1,
        periods=True,
        weight_decay=0.1,
        clip=1.0,
        z_loss=1e-5,
        tokenizer="dolma2/tokenizer.json",
        held_out_tokens=16 * SEQUENCE,
        tasks=reference_tasks.ALL,
    )
    gpu = fdl.Config(Needs, gpus=1, accelerator="H100")
    cfg.swarm.proxy = cfg.validation.proxy = proxy
    cfg.swarm.each_needs = cfg.validation.each_needs = gpu
    cfg.swarm.seed = 42
    cfg.swarm.stack = None
    cfg.validation.seeds = 3
    cfg.design.seed = 42
    cfg.design.source_strength = (1.0, 20.0)
    cfg.design.topic_strength = (1.0, 20.0)
    cfg.laws.law = fdl.Config(LogLinear)
    # The mean of all sixty tasks.
    cfg.proposal.objective = {"family/math": 8.0, "family/code": 19.0, "family/qa": 33.0}
    cfg.proposal.kl = 0.05
    cfg.proposal.bootstrap = 1000
    return cfg
