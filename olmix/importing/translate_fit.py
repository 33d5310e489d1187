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
    tables = {family: tuple(members) for family, members in families.items()}
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
        "proposal.families": {} if config.by_family else tables,
        "proposal.objective": _objective(config, families, metrics, notes),
        "proposal.kl": float(config.kl or 0.0),
        "proposal.worst": config.worst,
    }
    for name in config.fixed:
        if name not in prior:
            raise UserError(
                f"{config.file}: filtering.fixed_weight names {name!r}, which has no prior{nearest(name, prior)}."
            )
    if config.by_family and families:
        settings["family means"] = tables
    chosen = _chosen(config, prior, notes)
    if chosen:
        settings["chosen runs"] = chosen
        if "within" in chosen:
            whole = math.fsum(prior[name] for name in chosen["within"])
            settings["scan.prior"] = {name: prior[name] / whole for name in chosen["within"]}
            settings["scan.tokens"] = {name: counts[name] for name in chosen["within"] if counts}
    _list(config, notes, families)
    return Translation(config=config, root="fit_runs", settings=settings, listed=notes.all())


def _chosen(config: Fit, prior: dict[str, float], notes: Notes) -> dict[str, Any]:
    """The runs that are fitted on, where these are not all."""
    found: dict[str, Any] = {}
    if config.keep_sources and config.support_domains:
        notes.drop("filtering.support_domains", "keep_sources says which runs there are, and more narrowly")
    within = config.keep_sources or config.support_domains
    key = "keep_sources" if config.keep_sources else "support_domains"
    for name in within:
        if name not in prior:
            raise UserError(f"{config.file}: filtering.{key} names {name!r}, which has no prior{nearest(name, prior)}.")
    if within:
        found["within"] = tuple(within)
        if math.fsum(prior[name] for name in within) <= 0:
            raise UserError(f"{config.file}: the leaves of filtering.{key} have a prior of 0.")
        for name in config.fixed:
            if name not in within:
                raise UserError(
                    f"{config.file}: filtering.fixed_weight names {name!r}, which filtering.{key} leaves out."
                )
    if config.keep_sources:
        found["each"] = True
    split = config.train_split
    if len(split) > 1:
        notes.drop(
            "regression.train_split", "several parts are of several groups of runs, which CSV files do not tell apart"
        )
    elif split[0] != 1.0:
        found["count" if split[0] > 1 else "share"] = int(split[0]) if split[0] > 1 else split[0]
        found["seed"] = config.seed
        notes.differs(
            "regression.train_split", "as many runs at random, of the same seed, which are others than the peer's"
        )
    return found


def _all_of(families: dict[str, list[str]], metrics: tuple[str, ...]) -> Any:
    """The metrics of all families, in terms of those where they have a table of their own in the module."""
    if len(metrics) <= INLINE or len(metrics) < sum(map(len, families.values())):
        return metrics
    return Code("tuple(metric for metrics in FAMILIES.values() for metric in metrics)")


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
    at = priors.elsewhere or "priors.token_counts"
    for name in priors.tokens:
        if name not in table:
            notes.drop(f"{at}.{name}", "it has no prior, and the peer does not look it up")
    missing = [name for name in table if name not in priors.tokens] if priors.tokens else []
    if missing and config.constrained:
        raise UserError(
            f"{config.file}: relative_sizes has {missing[0]!r}, and token_counts has not{nearest(missing[0], priors.tokens)}."
        )
    if missing:
        notes.drop(at, f"they are not of all leaves ({missing[0]} has none), and nothing here needs them")
    counts = {name: round(priors.tokens[name]) for name in table} if priors.tokens and not missing else {}
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
    if config.by_family and not families:
        notes.drop(
            "regression.aggregate_task_families", "the file has no families (eval.tasks), so every metric counts alike"
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
    notes.differs("proposer.use_natural_kl", "the KL term is towards the prior of the file, whichever that is")
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
