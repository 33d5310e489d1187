"""The facts of generate and fit configs, read a second time; see `plain_reading.py`."""

from __future__ import annotations

import math
from typing import Any

from olmix.importing.plain_reading import Fact, Plain, leaves, to_number, training

#: What the peer's sampler takes where a file is silent.
_SILENT = {
    "variants": 1,
    "seed": 42,
    "mix_temperature": 1,
    "min_strength": 0.1,
    "max_strength": 5,
    "minimum_weight": 0.002,
}


def generate(plain: Plain, dropped: set[str]) -> dict[str, Fact]:
    """The facts of a generate config."""
    tokens = int(plain.number("max_tokens") or 0)
    return {"tokens of a variant": Fact(tokens)} | _sampled(plain, dropped, tokens, "swarm.")


def swarm(plain: Plain, dropped: set[str]) -> dict[str, Fact]:
    """The facts of an older launch config that samples a swarm."""
    facts = training(plain, dropped)
    return facts | _sampled(plain, dropped, facts["training tokens"].value, "swarm." if "swarm" in plain.tree else "")


def _sampled(plain: Plain, dropped: set[str], tokens: int, at: str) -> dict[str, Fact]:
    sources = "data.sources" if "data" in plain.tree else "sources"
    there = leaves(plain, sources)
    raw = plain.at(sources)

    def said(key: str, fallback: str | None = None) -> float:
        value = plain.number(f"{at}{key}")
        return value or (said(fallback) if fallback else _SILENT[key])

    for key in _SILENT:  # What both levels say is of no effect in general.
        plain.at(f"{at}{key}")
    repeats = str(plain.at(f"{at}allow_repetition", "true")).lower() in ("true", "yes", "on")
    most = 5.0 if repeats else 1.0
    minimum = min(said(f"minimum_{level}_weight", "minimum_weight") for level in ("source", "topic"))
    warm = said("source_mix_temperature", "mix_temperature")
    plain.number(f"{at}topic_mix_temperature")
    frozen = {
        source["name"]: _within(source)
        for source in raw
        if any(topic.get("weight") is not None for topic in source.get("topics") or ())
    }
    facts = {
        "dtype of tokens": Fact(plain.at("data.dtype" if "data" in plain.tree else "dtype", "uint32")),
        "files of each leaf": Fact({name: leaf["paths"] for name, leaf in there.items()}),
        "repetition limits": Fact({name: float(leaf["limit"] or most) for name, leaf in there.items()}),
        "length that limits are made for": Fact(tokens),
        "other limits": Fact([]),
        "variants": Fact(int(said("variants"))),
        "seed of the design": Fact(int(plain.number(f"{at}seed", 42) or 0)),
        "prior temperature": Fact(min(1.0, warm)),
        "smallest weight": Fact(minimum),
        "the prior is a variant": Fact(False),
        "frozen shares": Fact(frozen, 1e-5),
        "at least": Fact(_nonzero(plain, dropped, at, minimum)),
    }
    for level in ("source", "topic"):
        pair = (said(f"min_{level}_strength", "min_strength"), said(f"max_{level}_strength", "max_strength"))
        facts[f"strength of {level}s"] = Fact(pair)
    fixed = plain.at(f"{at}fixed_source_weights") or {}
    numbers = {name: to_number(weight) for name, weight in fixed.items() if name in {source["name"] for source in raw}}
    facts["fixed shares"] = Fact({name: weight / math.fsum(numbers.values()) for name, weight in numbers.items()}, 1e-9)
    return facts | _prior(plain, there, frozen, at)


def _within(source: dict[str, Any]) -> dict[str, float]:
    weights = {}
    for topic in source["topics"]:
        name, buckets = f"{source['name']}:{topic['name']}", topic.get("quality") or ()
        total = math.fsum(to_number(bucket["weight"]) for bucket in buckets)
        for bucket in buckets:
            weights[f"{name}:{bucket['name']}"] = to_number(topic["weight"]) * to_number(bucket["weight"]) / total
        if not buckets:
            weights[name] = to_number(topic["weight"])
    return {name: weight / math.fsum(weights.values()) for name, weight in weights.items() if weight > 0}


def _nonzero(plain: Plain, dropped: set[str], at: str, minimum: float) -> dict[str, float]:
    names = plain.at(f"{at}nonzero_weight") or []
    return {name: minimum for i, name in enumerate(names) if f"{at}nonzero_weight[{i}]" not in dropped}


def _prior(plain: Plain, there: dict[str, Any], frozen: dict[str, Any], at: str) -> dict[str, Fact]:
    """The prior of every leaf, a frozen source in one; by its own shares in its source, sources by the manual prior."""
    table = next(
        (
            found
            for key in ("relative_sizes", "token_counts")
            if (found := plain.at(f"priors.{key}")) and set(there) <= set(found)
        ),
        None,
    )
    if plain.at("token_counts") and table is None and set(there) <= set(plain.at("token_counts")):
        table = plain.at("token_counts")
    plain.at("priors.token_counts")
    plain.at("priors.total_tokens")
    manual = {name: to_number(share) for name, share in (plain.at(f"{at}manual_prior") or {}).items()}
    if table is None:
        sources = {leaf["source"] for leaf in there.values()}
        complete = manual and sources <= set(manual)
        whole = math.fsum(manual[name] for name in sources) if complete else 0.0
        return {"prior": Fact({name: manual[name] / whole for name in sorted(sources)} if complete else {}, 1e-9)}
    by_source: dict[str, float] = {}
    for name, leaf in there.items():
        by_source[leaf["source"]] = by_source.get(leaf["source"], 0.0) + to_number(table[name])
    total = math.fsum(by_source.values())
    weights = {source: manual.get(source, size / total) for source, size in by_source.items()}
    every = math.fsum(weights.values())
    prior: dict[str, float] = {}
    for name, leaf in there.items():
        source = leaf["source"]
        key = source if source in frozen else name
        size = by_source[source]
        prior[key] = prior.get(key, 0.0) + weights[source] / every * (to_number(table[name]) / size if size else 0.0)
    return {"prior": Fact(prior, 1e-9)}
