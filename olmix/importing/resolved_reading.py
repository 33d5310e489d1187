"""What a resolved experiment means, in the terms of `plain_reading`: one answer under each name that it asks for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from olmix.fit.chosen_runs import ChosenRuns
from olmix.fit.families import FamilyMeans
from olmix.fit.propose_objective import objective
from olmix.importing.plain_reading import count
from olmix.mix.reuse_steps import ReusedLimits
from olmix.mixture_run import MixtureRun
from olmix.mixture_search import MixtureSearch
from olmix.train.recipe import resolve
from olmix.train.settings import Proxy


def facts(root: Any) -> dict[str, Any]:
    """The facts of the root of an experiment, built."""
    if isinstance(root, MixtureRun):
        return _run(root)
    if isinstance(root, MixtureSearch):
        return _search(root) if root.design is not None else _fit(root)
    raise TypeError(f"no facts are known of a {type(root).__name__}")


def _tree(scan: Any) -> dict[str, Any]:
    leaves = scan.tree.leaves()
    return {
        "dtype of tokens": scan.dtype,
        "files of each leaf": {leaf.name: sorted(set(leaf.paths)) for leaf in leaves},
        "repetition limits": {leaf.name: leaf.repetition_limit for leaf in leaves},
    }


def _run(root: Any) -> dict[str, Any]:
    tree = root.scan.tree
    proxy: Proxy = root.train.proxy
    if root.plan.proxy != proxy:
        raise ValueError("plan and train have different proxies")
    shares = root.plan.mixture or tree.mixture({leaf.name: count(leaf.name) for leaf in tree.leaves(with_zero=True)})
    found = _tree(root.scan) | training(proxy, root.train.each_needs, root.train.seed)
    return found | {
        "share of each leaf": shares,
        "tokens of each leaf": {name: share * found["training tokens"] for name, share in shares.items()},
        "final run, tokens": root.plan.target_tokens,
        "final run, multiple": root.plan.target_chinchilla_multiple,
        "final run, model": root.plan.target_model,
    }


def training(proxy: Proxy, needs: Any, seed: int) -> dict[str, Any]:
    """The facts of a training run."""
    plan = resolve(proxy)
    named = {task for members in proxy.tasks.families.values() for task in members}
    loose = tuple(task for task in proxy.tasks.names if task not in named)
    return {
        "model": proxy.model,
        "vocabulary": proxy.vocabulary,
        "sequence length": proxy.sequence_length,
        "training tokens": plan.declared_tokens,
        "global batch, tokens": plan.batch_tokens,
        "learning rate": plan.learning_rate,
        "warm-up, tokens": plan.warmup_tokens,
        "schedule: ends of periods": plan.period_ends,
        "schedule: decay": plan.decay_fraction,
        "weight decay, clip, z-loss": (plan.weight_decay, plan.clip, plan.z_loss),
        "beta2": plan.beta2,
        "seed": seed,
        "tasks": {**dict(proxy.tasks.families), **({"": loose} if loose else {})},
        "evaluation every, tokens": proxy.evaluate_tokens,
        "sequences per forward pass": proxy.device.micro_batch,
        "GPUs": needs.gpus,
        "kind of training": "pretrain",
    }


def _search(root: Any) -> dict[str, Any]:
    limits, design = root.limits, root.design
    if root.validation.proxy != root.swarm.proxy:
        raise ValueError("swarm and validation have different proxies")
    if not limits == design.limits == root.proposal.limits:
        raise ValueError("design and proposal do not go by the limits")
    frozen: dict[str, dict[str, float]] = {}
    while isinstance(limits, ReusedLimits):
        total = math.fsum(limits.mixture.values())
        frozen[limits.name] = {leaf: share / total for leaf, share in limits.mixture.items() if share > 0}
        limits = limits.limits
    own = limits.repetition_limit
    found = _tree(root.scan) | training(root.swarm.proxy, root.swarm.each_needs, root.swarm.seed)
    if own is not None:
        found["repetition limits"] = dict.fromkeys(found["repetition limits"], own)
    prior = math.fsum(limits.prior.values())
    return found | {
        "tokens of a variant": found["training tokens"],
        "length that limits are made for": limits.target_tokens,
        "other limits": [
            name
            for name in ("target_chinchilla_multiple", "repetition_limits", "at_most", "fixed_within")
            if getattr(limits, name)
        ],
        "variants": design.variants,
        "seed of the design": design.seed,
        "prior temperature": design.temperature,
        "smallest weight": design.minimum_weight,
        "the prior is a variant": design.include_prior,
        "frozen shares": frozen,
        "at least": dict(limits.at_least),
        "fixed shares": dict(limits.fixed),
        "strength of sources": tuple(design.source_strength),
        "strength of topics": tuple(design.topic_strength),
        "prior": {name: share / prior for name, share in limits.prior.items()},
    }


def _fit(root: Any) -> dict[str, Any]:
    runs, limits, proposal = root.swarm, root.limits, root.proposal
    metrics = tuple(runs.keep_metrics)
    fitted: Any = root.laws.runs
    if not fitted == proposal.runs == root.report.runs:
        raise ValueError("laws, proposal and report have different runs")
    under = fitted.runs if isinstance(fitted, FamilyMeans) else fitted
    chosen = under if isinstance(under, ChosenRuns) else None
    if not root.scan.runs == under or (chosen.runs if chosen else under) != runs:
        raise ValueError("the supply has other runs than the laws")
    groups = dict(fitted.families) if isinstance(fitted, FamilyMeans) else {name: (name,) for name in metrics}
    weights = dict.fromkeys(metrics, 0.0)
    if metrics:
        columns = tuple(groups)
        found = objective(columns, np.ones((2, len(columns))), proposal.objective, families=proposal.families)
        for column, weight in zip(columns, found.coefficients.tolist(), strict=True):
            for name in groups[column]:
                weights[name] += weight / len(groups[column])
    else:
        whole = math.fsum(proposal.objective.values())
        weights = {name: weight / whole for name, weight in proposal.objective.items()}
    prior = math.fsum(root.scan.prior.values())
    return {
        "file of mixtures": runs.ratios,
        "file of metrics": runs.metrics,
        "metrics that are fitted": sorted(metrics) if metrics else "all",
        "laws are of": "families" if isinstance(fitted, FamilyMeans) else "metrics",
        "metrics that are left out": sorted(runs.drop_metrics),
        "tokens of each leaf": dict(root.scan.tokens),
        "prior": {name: weight / prior for name, weight in root.scan.prior.items()},
        "final run, tokens": limits.target_tokens,
        "repetition limit": limits.repetition_limit,
        "fixed weights": dict(limits.fixed),
        "law": type(root.laws.law).__name__,
        "seed": root.laws.seed,
        "weight of each metric": weights,
        "a proposal is made": True,
        "the optimum is": "computed",
        "runs kept back": 0,
        "part of the runs that is fitted on": (chosen.count or chosen.share if chosen else 1.0)
        if not runs.drop_runs
        else None,
        "seed of their choice": chosen.seed if chosen and (chosen.count or chosen.share < 1) else None,
        "leaves of the runs": sorted(chosen.within) if chosen and chosen.within else "all",
        "each of them in every run": bool(chosen and chosen.each),
        "strength of the KL term": proposal.kl,
        "the worst mixture is wanted": proposal.worst,
    }
