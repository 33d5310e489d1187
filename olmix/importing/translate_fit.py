"""A fit config as laws and a proposal on finished runs, which two CSV files hold.

Same objective as the peer's exact proposer: the weighted mean of the predicted metrics plus the KL term to the prior, over the
mixtures within the caps (repetition factor × token count ÷ target tokens).
"""

from __future__ import annotations

import math
from typing import Any

from olmix.errors import UserError, nearest
from olmix.fit.autoscale import AutoScale
from olmix.fit.bimix import BiMix
from olmix.fit.boosted_trees import BoostedTrees
from olmix.fit.gaussian_process import GaussianProcess
from olmix.fit.law import Law
from olmix.fit.linear import Linear, Quadratic
from olmix.fit.log_linear import LogLinear
from olmix.importing.schema import Fit
from olmix.importing.translation import INLINE, Code, Notes, Translation

LAWS: dict[str, type[Law]] = {
    "log_linear": LogLinear,
    "lightgbm": BoostedTrees,
    "gp": GaussianProcess,
    "autoscale": AutoScale,
    "bimix": BiMix,
    "linear": Linear,
    "quadratic": Quadratic,
}


def fit(config: Fit) -> Translation:
    """The experiment of a fit config."""
    notes = Notes(config)
    counts, prior = _supply(config, notes)
    if config.law not in LAWS:
        notes.drop("regression.type", f"there is no law {config.law!r} here; the log-linear law is fitted instead")
    families = _families(config, notes)
    metrics = tuple(dict.fromkeys(name for members in families.values() for name in members))
    settings: dict[str, Any] = {
        "swarm.ratios": config.ratios,
        "swarm.metrics": config.metrics,
        "swarm.keep_metrics": _all_of(families, metrics),
        "swarm.drop_metrics": () if metrics else config.drop_metrics,
        "scan.tokens": counts,
        "scan.prior": prior,
        "limits.target_tokens": config.target_tokens if config.constrained else None,
        "limits.repetition_limit": config.repetition if config.constrained else None,
        "limits.fixed": dict(config.fixed),
        "laws.law": LAWS.get(config.law, LogLinear)(),
        "laws.seed": config.seed,
        "proposal.families": {family: tuple(members) for family, members in families.items()},
        "proposal.average_families": bool(families) and config.by_family,
        "proposal.objective": _objective(config, families, metrics, notes),
        "proposal.kl": float(config.kl or 0.0),
        "proposal.worst": config.worst,
    }
    for name in config.fixed:
        if name not in prior:
            raise UserError(
                f"{config.file}: filtering.fixed_weight names {name!r}, which has no prior{nearest(name, prior)}."
            )
    _list(config, notes, families)
    return Translation(config=config, root="fit_runs", settings=settings, listed=notes.all())


def _all_of(families: dict[str, list[str]], metrics: tuple[str, ...]) -> Any:
    """The metrics of all families, in terms of those where they have a table of their own in the module."""
    if len(metrics) <= INLINE or len(metrics) < sum(map(len, families.values())):
        return metrics
    return Code("tuple(metric for metrics in PROPOSAL_FAMILIES.values() for metric in metrics)")


def _supply(config: Fit, notes: Notes) -> tuple[dict[str, int], dict[str, float]]:
    """Tokens and prior by leaf."""
    priors = config.priors
    if not priors.sizes and not priors.tokens:
        raise UserError(
            f"{config.file}: priors has neither token_counts nor relative_sizes; the prior of every leaf is needed."
        )
    if priors.elsewhere:
        notes.differs(
            "token_counts", "it stands beside priors and not within, where the peer looks; it is read as meant"
        )
    table: dict[str, float] = priors.sizes or priors.tokens
    for name in priors.tokens if priors.sizes else ():
        if name not in table:
            raise UserError(
                f"{config.file}: token_counts has {name!r}, and relative_sizes has not{nearest(name, table)}."
            )
    missing = [name for name in table if name not in priors.tokens] if priors.tokens else []
    if missing:
        raise UserError(
            f"{config.file}: relative_sizes has {missing[0]!r}, and token_counts has not{nearest(missing[0], priors.tokens)}."
        )
    counts = {name: round(priors.tokens[name]) for name in table} if priors.tokens else {}
    if config.constrained and not counts:
        raise UserError(f"{config.file}: constraints need priors.token_counts, out of which the caps are made.")
    total = math.fsum(table.values())
    every = math.fsum(counts.values())
    if priors.sizes and counts and any(abs(size / total - counts[n] / every) > 1e-3 for n, size in table.items()):
        notes.differs(
            "priors.relative_sizes",
            "they are the prior, and token_counts make the caps; newer versions of the peer use token_counts for both",
        )
    return counts, {name: size / total for name, size in table.items()} if abs(total - 1) > 1e-9 else dict(table)


def _families(config: Fit, notes: Notes) -> dict[str, list[str]]:
    """Family -> metrics that are fitted: without those to be dropped."""
    if config.evaluation is None:
        return {}
    found: dict[str, list[str]] = {}
    for family, members in config.evaluation.families.items():
        metrics = [task if config.evaluation.offline else metric or task for task, metric in members.items()]
        kept = [metric for metric in metrics if metric not in config.drop_metrics]
        if kept:
            found[family] = kept
    return found


def _objective(config: Fit, families: dict[str, list[str]], metrics: tuple[str, ...], notes: Notes) -> dict[str, float]:
    """Weights of families or metrics; what the peer's file does not name weighs 1 there."""
    given = config.objective
    if not given:
        return {}
    known = list(families) if config.by_family else list(metrics)
    if not known:
        notes.differs("filtering.obj_weights", "metrics that it does not name weigh 1 in the peer, and nothing here")
        return dict(given)
    for name in given:
        if name not in known:
            what = "family" if config.by_family else "metric"
            notes.drop(
                f"filtering.obj_weights.{name}",
                f"there is no {what} of that name{nearest(name, known)}, and the peer ignores it",
            )
    return {name: given.get(name, 1.0) for name in known}


def _list(config: Fit, notes: Notes, families: dict[str, list[str]]) -> None:
    if config.n_test:
        notes.drop(
            "regression.n_test",
            f"{config.n_test} runs kept back at random; laws are judged by cross-validation here, and fitted on all runs",
        )
    if config.train_split != (1.0,):
        notes.drop(
            "regression.train_split",
            "a random part of the runs, to see what fewer give; HERE ALL RUNS ARE FITTED ON (swarm.drop_runs leaves some out)",
        )
    if config.by_family and not families:
        notes.drop(
            "regression.aggregate_task_families", "the file has no families (eval.tasks), so every metric counts alike"
        )
    elif config.by_family:
        notes.differs(
            "regression.aggregate_task_families",
            "each metric has a law and a family is the mean of the predictions; the peer fits a law to each family's mean",
        )
    if config.evaluation is not None and config.evaluation.offline:
        subjects = [name for members in families.values() for name in members if name.startswith("mmlu_")]
        if subjects and not any("mmlu_stem" in name for name in subjects):
            notes.differs(
                "eval.tasks", "the peer averages MMLU's subjects to four categories first; here each subject counts"
            )
    for key in ("alpha", "simulation_samples", "opt_avg_metric", "early_stopping"):
        notes.drop(f"regression.{key}", "a setting of the peer's older regressions, which its own newer versions lack")
    if config.proposer != "exact":
        notes.drop(
            "proposer.type", "the optimum is computed exactly for every law that allows it, and searched for otherwise"
        )
    notes.drop(
        "proposer.temperature", "it is of the peer's simulation, which draws mixtures; here the optimum is computed"
    )
    notes.drop("proposer.use_natural_kl", "the KL term is towards the prior of the file, which is the natural one")
    if config.kl is None:
        notes.differs(
            "proposer",
            "it says no kl_reg, without which the peer's exact proposer stops; here there is no KL term then",
        )
    if config.fit_only:
        notes.drop("proposer.fit_only", "--until=laws stops after the laws")
    if not config.constrained:
        for key in ("target_tokens", "repetition_factor"):
            notes.drop(f"constraints.{key}", "constraints are not enabled, so nothing is limited by token counts")
    for i, name in enumerate(config.drop_metrics):
        if families:
            continue
        notes.differs(f"filtering.drop_metrics[{i}]", f"that no run has a metric {name!r} is an error here")
    for key in ("keep_sources", "support_domains"):
        if getattr(config, key):
            notes.drop(
                f"filtering.{key}",
                "RUNS ARE NOT CHOSEN BY THEIR MIXTURES HERE; leave them out by name with swarm.drop_runs",
            )
