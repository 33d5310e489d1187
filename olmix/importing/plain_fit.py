"""The facts of a fit config, read a second time; see `plain_reading.py`."""

from __future__ import annotations

import math
from typing import Any

from olmix.importing.plain_reading import Fact, Plain, to_number

_LAWS = {
    "log_linear": "LogLinear",
    "lightgbm": "BoostedTrees",
    "gp": "GaussianProcess",
    "autoscale": "AutoScale",
    "bimix": "BiMix",
    "linear": "Linear",
    "quadratic": "Quadratic",
}
#: By what the optimum of the objective is found.
_HOW = {"exact": "computed", "simulation": "drawn", "search": "observed"}


def fit(plain: Plain, dropped: set[str]) -> dict[str, Fact]:
    """The facts."""
    counts = plain.at("priors.token_counts") or plain.at("token_counts") or {}
    sizes = plain.at("priors.relative_sizes") or counts
    if {"priors.token_counts", "token_counts"} & dropped:
        counts = {}
    counts = {name: count for name, count in counts.items() if name in sizes}
    within = plain.at("filtering.keep_sources") or plain.at("filtering.support_domains") or []
    if within:
        counts = {name: count for name, count in counts.items() if name in within}
        sizes = {name: size for name, size in sizes.items() if name in within}
    total = math.fsum(map(to_number, sizes.values()))
    part = 1.0 if "regression.train_split" in dropped else _split(plain)
    enabled = _yes(plain, "constraints.enabled")
    law = plain.at("regression.type", "log_linear")
    names, weights = _objective(plain, dropped)
    unwanted = plain.at("filtering.drop_metrics") or []
    return {
        "file of mixtures": Fact(plain.at("swarm.ratios")),
        "file of metrics": Fact(plain.at("swarm.metrics")),
        "metrics that are fitted": Fact(sorted(names) if names else "all"),
        "laws are of": Fact("families" if names and _by_family(plain, dropped) else "metrics"),
        "metrics that are left out": Fact([] if names else sorted(unwanted)),
        "tokens of each leaf": Fact({name: int(to_number(count)) for name, count in counts.items()}),
        "prior": Fact({name: to_number(size) / total for name, size in sizes.items()}, 1e-9),
        "final run, tokens": Fact(int(plain.number("constraints.target_tokens") or 0) if enabled else None),
        "repetition limit": Fact(plain.number("constraints.repetition_factor", 5.0) if enabled else None),
        "fixed weights": Fact({n: to_number(w) for n, w in (plain.at("filtering.fixed_weight") or {}).items()}, 1e-12),
        "law": Fact("LogLinear" if "regression.type" in dropped else _LAWS[law]),
        "seed": Fact(int(plain.number("regression.seed", 0) or 0)),
        "weight of each metric": Fact(weights, 1e-9),
        "a proposal is made": Fact("proposer.fit_only" in dropped or not _yes(plain, "proposer.fit_only")),
        "the optimum is": Fact("computed" if "proposer.type" in dropped else _HOW[plain.at("proposer.type", "exact")]),
        "runs kept back": Fact(0 if "regression.n_test" in dropped else int(plain.number("regression.n_test", 0) or 0)),
        "part of the runs that is fitted on": Fact(part),
        "seed of their choice": Fact(None if part == 1.0 else int(plain.number("regression.seed", 0) or 0)),
        "leaves of the runs": Fact(sorted(within) or "all"),
        "each of them in every run": Fact(bool(plain.at("filtering.keep_sources"))),
        "strength of the KL term": Fact(plain.number("proposer.kl_reg", 0.0)),
        "the worst mixture is wanted": Fact(_yes(plain, "proposer.make_worst_mix")),
    }


def _split(plain: Plain) -> float:
    said = plain.at("regression.train_split", "1.0")
    return to_number(said[0] if isinstance(said, list) else said)


def _by_family(plain: Plain, dropped: set[str]) -> bool:
    said = _yes(plain, "regression.aggregate_task_families")
    return said and "regression.aggregate_task_families" not in dropped


def _yes(plain: Plain, path: str) -> bool:
    return str(plain.at(path, "false")).lower() in ("true", "yes", "on")


def _objective(plain: Plain, dropped: set[str]) -> tuple[set[str], dict[str, float]]:
    """The metrics of all tasks, and how much each weighs in the mean that is minimised; summing to 1."""
    by_family = _by_family(plain, dropped)
    plain.at("eval.type")
    unwanted = set(plain.at("filtering.drop_metrics") or ())
    given: dict[str, Any] = plain.at("filtering.obj_weights") or {}
    said = {name: to_number(weight) for name, weight in given.items()}
    families: dict[str, list[str]] = {}
    for family, members in (plain.at("eval.tasks") or {}).items():
        metrics = members if isinstance(members, list) else [metric or task for task, metric in members.items()]
        families[family] = [metric for metric in metrics if metric not in unwanted]
    families = {family: members for family, members in families.items() if members}
    names = {metric for members in families.values() for metric in members}
    weights = dict.fromkeys(names, 0.0)
    if not names:
        total = math.fsum(said.values())
        return set(), {name: weight / total for name, weight in said.items()}
    if by_family:
        for family, members in families.items():
            for metric in members:
                weights[metric] += said.get(family, 1.0) / len(members)
    else:
        weights = {name: said.get(name, 1.0) for name in names}
    total = math.fsum(weights.values())
    return names, {name: weight / total for name, weight in weights.items()}
