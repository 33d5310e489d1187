"""Presets: one run of the 14M proxy on the reference data, 140 million tokens; eight minutes of one H100 by its makers' count.

What is not here, because the recipe of the reference follows from it: the learning rate, warm-up and beta2 (by the number of
parameters). The tokens are dolma2's, and so must be `proxy.tokenizer`, which tells bytes per token: put its
tokenizer.json where you start from, or name another place.
"""

from __future__ import annotations

import fiddle as fdl

from experiments import base
from experiments.presets import reference_data, reference_tasks
from olmix.data import tree_edits
from olmix.data.tree import Tree
from olmix.graph.resources import Needs
from olmix.mixture_run import MixtureRun
from olmix.train.settings import Proxy

SEQUENCE = 8192
#: What a user without access to the reference data reads.
NO_ACCESS = (
    "these are the reference's own buckets: set the paths of scan.tree to yours, or look at the same experiment on text that "
    "this machine has, with --overlay=experiments.overlays.laptop."
)


def proxy_run_14m() -> fdl.Config[MixtureRun]:
    """On six topics of web text, with papers and an encyclopedia; topics and quality are the question's to choose."""
    return _run(reference_data.all_dressed())


def dclm_run_14m() -> fdl.Config[MixtureRun]:
    """On three topics of web text in equal parts (60 %), an encyclopedia and papers (20 % each): the reference's baseline."""
    tree = reference_data.dclm()
    tree_edits.set_weights(tree, {"dclm": 0.6, "wikipedia": 0.2, "arxiv": 0.2})
    tree_edits.set_weights(tree, dict.fromkeys(reference_data.DCLM_TOPICS, 1.0), under="dclm")
    return _run(tree)


def _run(tree: fdl.Config[Tree]) -> fdl.Config[MixtureRun]:
    cfg = base.single_run()
    cfg.scan.tree = tree
    cfg.scan.dtype = "uint32"
    cfg.scan.held_out_tokens = 1 << 20
    cfg.scan.if_unreadable = NO_ACCESS
    cfg.plan.proxy = cfg.train.proxy = fdl.Config(
        Proxy,
        model="olmo3_14m",
        vocabulary=100_278,
        sequence_length=SEQUENCE,
        chinchilla_multiple=0.5,
        batch_tokens=16 * SEQUENCE,
        learning_rate=None,
        warmup_tokens=None,
        decay_fraction=0.1,
        periods=True,
        save_model=True,
        weight_decay=0.1,
        clip=1.0,
        z_loss=1e-5,
        tokenizer="dolma2/tokenizer.json",
        held_out_tokens=16 * SEQUENCE,
        tasks=reference_tasks.ALL,
    )
    cfg.train.seed = 42
    cfg.train.each_needs = fdl.Config(Needs, gpus=1, accelerator="H100")
    return cfg
