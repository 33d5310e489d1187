"""A user's mistakes in the settings of training runs, found before anything is started: each one sentence.

What only the machine that trains can know (a tokenizer on its disk, a token id in a shard, the configs that transformers
refuses) is found there, before the first step where that can be.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import TYPE_CHECKING

from olmix.errors import UserError, nearest
from olmix.graph.resources import Needs
from olmix.train.arithmetic import arithmetic_of
from olmix.train.ladder import padded
from olmix.train.recipe import check_split, resolve, sharded
from olmix.train.results import group_means
from olmix.train.settings import Proxy

if TYPE_CHECKING:
    from olmix.data.scan_result import ScanResult


def check_settings(proxy: Proxy, *pool: Needs) -> None:
    """What the settings alone show, on hardware that is any of `pool`.

    Numbers that do not add up, batches and GPUs that do not divide, and tasks that do not exist, where their package is here.
    """
    split = proxy.device.processes > 1 and sharded(proxy.model, padded(proxy.vocabulary))
    check_split(resolve(proxy), proxy.device.processes, split)
    for needs in pool:
        arithmetic_of(proxy.device, needs)
    if (proxy.tasks.names or proxy.tasks.families) and importlib.util.find_spec("olmo_eval") is not None:
        from olmix.train import tasks

        tasks.check_tasks(proxy.tasks.names, proxy.tasks.families)


#: Seeds from here on would not fit what torch is seeded with in each step, seed × 1,000,003 + step.
SEEDS = 2**32


def check_seed(where: str, seed: int) -> None:
    """Raises UserError for a seed that random numbers cannot be made from."""
    if not -SEEDS < seed < SEEDS:
        raise UserError(f"{where} must be between -{SEEDS:,} and {SEEDS:,}; it is {seed:,}.")


def check_supply(
    proxy: Proxy,
    mixtures: Mapping[str, Mapping[str, float]],
    scan: ScanResult,
    repetition_limits: Mapping[str, float],
    groups: Mapping[str, tuple[str, ...]],
) -> None:
    """What the scan shows: shards of another tokenizer, groups of leaves without held-out text, and more tokens than the
    leaves may supply in some mixture.

    Raises:
      UserError: naming the mixture.
    """
    from olmix.train import source

    source.check_vocabulary(proxy.vocabulary, scan)
    for leaf, limit in repetition_limits.items():
        if leaf not in scan.tokens:
            near = nearest(leaf, scan.tokens)
            raise UserError(
                f"repetition_limits names {leaf!r}, which is no leaf{near}; leaves: {', '.join(scan.tokens)}."
            )
        if not limit > 0:
            raise UserError(f"repetition_limits of {leaf!r}: a limit must be more than 0; it is {limit:g}.")
    group_means(dict.fromkeys(scan.held_out, 0.0), groups)
    plan = resolve(proxy)
    for name, mixture in mixtures.items():
        try:
            source.order_of(mixture, scan, plan, 0, repetition_limits)
        except UserError as error:
            raise UserError(f"{name}: {error}") from error
