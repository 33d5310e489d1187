"""A generate config as a mixture search: the same prior, limits and strengths, sampled by our design, trained and fitted here.

A source whose topics have weights keeps those ratios in every variant of the peer; here it is a virtual leaf (`ReusedLimits`).
What differs by nature is the sampler: the peer draws, clips and renormalises, ours draws from the feasible set itself. So
the variants of one seed are others, out of the same distribution as far as the limits leave it alone.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any

from olmix.data.tree import Tree
from olmix.errors import UserError, nearest
from olmix.importing.schema import Config, Generate, Launch, Node, Priors, Sampling
from olmix.importing.translate_training import HELD_OUT, needs, proxy_fields
from olmix.importing.translate_tree import access, check_weights, leaves, list_ratios, unmixed
from olmix.importing.translation import Listed, Notes, Translation
from olmix.train.settings import Tasks
from olmix.train.tasks import FAMILY, METRIC

#: What the peer takes where a file says nothing: the smallest weight, and how often a leaf may be read.
MINIMUM_WEIGHT = 0.002
MOST_REPETITIONS = 5.0


def generate(config: Generate, base: Launch | None) -> Translation:
    """The search of a generate config; training and evaluation are those of `base`."""
    notes = Notes(config)
    notes.differs(
        "max_tokens", "it is the run that limits are made for: a leaf is read 5 times at most, as in the peer"
    )
    assumed = []
    further: tuple[Listed, ...] = ()
    if base is None:
        proxy = _assumed_proxy(config.max_tokens)
        assumed.append(
            "A generate config says nothing of the model and its training: they are the preset's, for max_tokens tokens "
            "(--base=LAUNCH.yaml takes them from a launch config)."
        )
    else:
        of_base = Notes(base, base=True)
        proxy = proxy_fields(base, of_base)
        if dict(_files(base.sources)) == dict(_files(config.sources)):
            reason = "they are those of the generate config"
        else:
            reason = f"VARIANTS ARE TRAINED ON THE DATA OF {config.file.name}, which are others than these"
        of_base.drop("data", reason)
        for key in ("mix", "priors", "swarm"):
            of_base.drop(key, "every variant has a mixture of its own, out of the generate config")
        further = of_base.all()
    translated = _search(
        config,
        config.sources,
        config.dtype,
        config.priors,
        config.sampling,
        config.max_tokens,
        proxy,
        base,
        notes,
        assumed,
    )
    return dataclasses.replace(translated, listed=(*translated.listed, *further))


def _files(nodes: tuple[Node, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    return ((name, node.paths) for name, node in leaves(nodes))


def swarm_of(config: Launch) -> Translation:
    """The search of an older launch config, which samples a swarm and trains it."""
    notes = Notes(config)
    assert config.sampling is not None
    tokens = config.training.tokens
    if tokens is None:
        from olmix.data.models import chinchilla_tokens
        from olmix.importing.translate_training import check_model

        check_model(config, config.training.model)
        tokens = chinchilla_tokens(config.training.multiple or 1.0, config.training.model)
    proxy = proxy_fields(config, notes)
    return _search(
        config, config.sources, config.dtype, config.priors, config.sampling, tokens, proxy, config, notes, []
    )


def _assumed_proxy(tokens: int) -> dict[str, Any]:
    """The preset's proxy, trained for as long as the file says."""
    return {"tokens": tokens, "chinchilla_multiple": None, "periods": False}


def _search(
    config: Config,
    nodes: tuple[Node, ...],
    dtype: str,
    priors: Priors | None,
    sampling: Sampling,
    tokens: int,
    proxy: dict[str, Any],
    launch: Launch | None,
    notes: Notes,
    assumed: list[str],
) -> Translation:
    section = "swarm." if notes.has("swarm") else ""
    frozen = _frozen(config, nodes, notes)
    limit = MOST_REPETITIONS if sampling.allow_repetition else 1.0
    sources = unmixed(config, nodes, weights=False, limit=limit)
    minimum = _minimum(sampling, section, notes)
    settings: dict[str, Any] = {
        "scan.tree": Tree(sources=sources),
        "scan.dtype": dtype,
    }
    limits: dict[str, Any] = {"target_tokens": tokens}
    prior = _prior(config, nodes, priors, sampling, frozen, notes, assumed)
    if prior:
        limits["prior"] = prior
    nonzero = _at_least(config, nodes, sampling, frozen, minimum, section, notes)
    if nonzero:
        limits["at_least"] = nonzero
    if sampling.fixed_sources:
        limits["fixed"] = _fixed_sources(config, nodes, sampling, section, notes)
    settings |= _design(sampling, minimum, section, nodes, notes)
    at = "limits.limits" if frozen else "limits"
    settings |= {f"{at}.{field}": value for field, value in limits.items()}
    if frozen:
        settings["frozen"] = frozen
    if launch is not None:
        settings["swarm.seed"] = launch.training.seed
        settings |= needs(launch, "swarm", "validation")
    _list_sampling(section, notes)
    if launch is not None:
        settings["proposal.objective"] = _objective(proxy["tasks"])
    mixed = sum(1 if node.name in frozen else len(list(leaves((node,)))) for node in nodes)
    if sampling.variants <= mixed:
        few = f"{sampling.variants} variant{'s' if sampling.variants > 1 else ''}"
        assumed.append(f"The swarm has {few} for {mixed} leaves to be mixed: laws need more runs than leaves.")
    list_ratios(nodes, notes)
    settings |= access(sources)
    assumed += [HELD_OUT, "Laws, proposal and validation are not in the YAML: they are the preset's."]
    return Translation(
        config=config,
        root="reuse_search" if frozen else "mixture_search",
        sources=sources,
        proxy=proxy,
        proxy_at=("validation.proxy", "swarm.proxy"),
        settings=settings,
        listed=notes.all(),
        assumed=tuple(assumed),
    )


def _objective(tasks: Tasks) -> dict[str, float]:
    """The mean of all tasks, as the peer has it without weights: a family's mean counts as often as it has tasks."""
    named = {task for members in tasks.families.values() for task in members}
    families = {FAMILY.format(family): float(len(members)) for family, members in tasks.families.items()}
    return families | {METRIC.format(task): 1.0 for task in tasks.names if task not in named}


def _frozen(config: Config, nodes: tuple[Node, ...], notes: Notes) -> dict[str, dict[str, float]]:
    """By source, the shares of its leaves where its topics have weights; they sum to 1."""
    found = {}
    for source in nodes:
        check_weights(config, source.below)
        if source.weight is not None:
            notes.drop(
                f"{source.path}.weight", "the peer's sampler does not read the weight of a source (use manual_prior)"
            )
        weighted = [topic for topic in source.below if topic.weight is not None]
        if not weighted or source.below[0].kind != "topic":
            for node in source.below:
                notes.drop(f"{node.path}.weight", "the peer's sampler reads the weights of topics only")
            for topic in source.below:
                for bucket in topic.below:
                    notes.drop(
                        f"{bucket.path}.weight", "the peer's sampler reads it only where the topics have weights"
                    )
            continue
        shares = {}
        for topic in weighted:
            total = math.fsum(bucket.weight or 0.0 for bucket in topic.below)
            for name, leaf in leaves((topic,), source.name):
                if leaf is topic:
                    shares[name] = topic.weight or 0.0
                elif total > 0:
                    shares[name] = (topic.weight or 0.0) * (leaf.weight or 0.0) / total
                else:
                    raise UserError(
                        f"{config.file}:{topic.line}: {topic.path} ({topic.name}) has a weight, and its buckets share it "
                        "by their tokens; a frozen source needs a weight for each bucket here."
                    )
        whole = math.fsum(shares.values())
        if whole <= 0:
            raise UserError(f"{config.file}:{source.line}: every topic of {source.name} has weight 0.")
        if abs(whole - 1) > 1e-3:
            notes.differs(
                f"{source.path}.topics", f"the weights of its topics sum to {whole:.6g}; here they are normalised"
            )
        found[source.name] = (
            shares if abs(whole - 1) < 1e-9 else {name: share / whole for name, share in shares.items()}
        )
    return found


def _prior(
    config: Config,
    nodes: tuple[Node, ...],
    priors: Priors | None,
    sampling: Sampling,
    frozen: Mapping[str, Mapping[str, float]],
    notes: Notes,
    assumed: list[str],
) -> dict[str, float]:
    """The prior by leaf: that of the file, with the manual share of sources, and the frozen shares inside of them."""
    names = [name for name, _ in leaves(nodes)]
    tables = () if priors is None else (("relative_sizes", priors.sizes), ("token_counts", priors.tokens))
    whole = {what: table for what, table in tables if table and all(name in table for name in names)}
    for what, table in tables:
        path = (priors.elsewhere if priors and what == "token_counts" else "") or f"priors.{what}"
        extra = [name for name in table if name not in names]
        if table and what not in whole:
            missing = [name for name in names if name not in table]
            example = f"{missing[0]}{nearest(missing[0], table, 1)}"
            notes.drop(
                path,
                f"it has no value for {len(missing)} of {len(names)} leaves of the data ({example}), and the peer stops there; "
                "the prior is the scan's share of tokens",
            )
        elif extra:
            for name in extra:
                notes.drop(f"{path}.{name}", "the data have no such leaf")
    if sampling.manual_topic_prior:
        notes.drop("swarm.manual_topic_prior", "the peer declares it and its sampler does not read it")
    unknown = [name for name in sampling.manual_prior if name not in {source.name for source in nodes}]
    for name in unknown:
        notes.drop(
            f"swarm.manual_prior.{name}", "the data have no source of that name, and the peer does not look it up"
        )
    manual = {name: share for name, share in sampling.manual_prior.items() if name not in unknown}
    if "token_counts" in whole:
        notes.differs(
            "priors.token_counts", "the scan counts anew, and its counts set the caps; the prior is that of the YAML"
        )
    if not whole:
        if manual or frozen:
            assumed.append(
                "The YAML has no prior for the leaves: they share what their source has by their token counts."
            )
        # A node's weight is shared among its leaves by their tokens, so sources are enough; all of them must be given.
        if manual and len(manual) == len(nodes):
            return manual
        for name in manual:
            notes.drop(
                f"swarm.manual_prior.{name}",
                "without priors, and shares for all sources, it has nothing to be relative to",
            )
        return {}
    table = whole.get("relative_sizes") or whole["token_counts"]
    total = math.fsum(table[name] for name in names)
    shares = {name: table[name] / total for name in names}
    both = whole.get("relative_sizes"), whole.get("token_counts")
    if both[0] and both[1]:
        counts = math.fsum(both[1][name] for name in names)
        if any(abs(shares[name] - both[1][name] / counts) > 1e-6 for name in names):
            notes.differs("priors.relative_sizes", "they are the prior; they are not the shares of token_counts")
    by_source: dict[str, list[str]] = {}
    for node in nodes:
        by_source[node.name] = [name for name, _ in leaves((node,))]
    weights = {source: manual.get(source, math.fsum(shares[n] for n in inside)) for source, inside in by_source.items()}
    every = math.fsum(weights.values())
    if every <= 0:
        raise UserError(f"{config.file}: every source has a prior of 0.")
    prior = {}
    for source, inside in by_source.items():
        below = math.fsum(shares[n] for n in inside)
        if source in frozen:  # What is inside is fixed, so that the prior of the whole is all there is.
            prior[source] = weights[source] / every
            continue
        for name in inside:
            within = shares[name] / below if below > 0 else 1 / len(inside)
            prior[name] = weights[source] / every * within if manual else shares[name]
    return prior


def _minimum(sampling: Sampling, section: str, notes: Notes) -> float:
    fallback = sampling.minimum or MINIMUM_WEIGHT
    source, topic = sampling.minimum_source or fallback, sampling.minimum_topic or fallback
    if source != topic:
        for level in ("source", "topic"):
            notes.differs(
                f"{section}minimum_{level}_weight",
                f"there is one smallest weight here, the smaller of the two ({min(source, topic):g}), for every leaf",
            )
    notes.differs(
        f"{section}minimum_weight",
        "what is less is left out; the peer also rounds weights to multiples of it, here they stay as drawn",
    )
    return min(source, topic)


def _at_least(
    config: Config,
    nodes: tuple[Node, ...],
    sampling: Sampling,
    frozen: Mapping[str, object],
    minimum: float,
    section: str,
    notes: Notes,
) -> dict[str, float]:
    known = [name for name, _ in leaves(nodes)] + [source.name for source in nodes]
    found = {}
    for i, name in enumerate(sampling.nonzero):
        if name not in known:
            raise UserError(
                f"{config.file}: {section}nonzero_weight[{i}] names {name!r}, which is no source or leaf{nearest(name, known)}."
            )
        if any(name.startswith(f"{source}:") for source in frozen):
            notes.drop(f"{section}nonzero_weight[{i}]", "its share of a frozen source is fixed")
            continue
        found[name] = minimum
    return found


def _fixed_sources(
    config: Config, nodes: tuple[Node, ...], sampling: Sampling, section: str, notes: Notes
) -> dict[str, float]:
    names = [source.name for source in nodes]
    given = sampling.fixed_sources
    for name in given:
        if name not in names:
            notes.drop(f"{section}fixed_source_weights.{name}", "the data have no source of that name")
    missing = [name for name in names if name not in given]
    if missing:
        raise UserError(
            f"{config.file}: {section}fixed_source_weights has none for {', '.join(missing)}; it must fix every source, or none."
        )
    total = math.fsum(given[name] for name in names)
    if total <= 0:
        raise UserError(f"{config.file}: {section}fixed_source_weights are all 0.")
    if abs(total - 1) > 1e-3:
        notes.differs(f"{section}fixed_source_weights", f"they sum to {total:.6g}; here they are normalised")
    return {name: given[name] if abs(total - 1) < 1e-9 else given[name] / total for name in names}


def _design(sampling: Sampling, minimum: float, section: str, nodes: tuple[Node, ...], notes: Notes) -> dict[str, Any]:
    def pair(given: tuple[float | None, float | None]) -> tuple[float, float]:
        return (float(given[0] or sampling.strength[0]), float(given[1] or sampling.strength[1]))

    source, topic = pair(sampling.source_strength), pair(sampling.topic_strength)
    for level, (low, high) in (("source", source), ("topic", topic)):
        if low > high:
            raise UserError(
                f"The {level} strengths of {section or 'the file'} are {low:g} to {high:g}; the first must be the smaller."
            )
    warmth = [given or sampling.temperature for given in (sampling.source_temperature, sampling.topic_temperature)]
    temperature = min(1.0, warmth[0])
    if max(warmth) > 1:
        for key in ("mix_temperature", "source_mix_temperature", "topic_mix_temperature"):
            notes.differs(f"{section}{key}", "the peer leaves the prior as it is above 1, and so does this")
    if min(1.0, warmth[0]) != min(1.0, warmth[1]):
        notes.drop(
            f"{section}topic_mix_temperature", f"there is one temperature here, that of the sources ({temperature:g})"
        )
    if any(topic.below for source_ in nodes for topic in source_.below):
        notes.differs(
            f"{section}max_topic_strength" if notes.has(f"{section}max_topic_strength") else f"{section}max_strength",
            "topics and quality buckets are two levels here, of one strength; the peer draws all leaves of a source at once",
        )
    return {
        "design.variants": sampling.variants,
        "design.seed": sampling.seed,
        "design.include_prior": False,
        "design.source_strength": source,
        "design.topic_strength": topic,
        "design.quality_strength": topic,
        "design.temperature": float(temperature),
        "design.minimum_weight": float(minimum),
    }


def _list_sampling(section: str, notes: Notes) -> None:
    notes.differs(f"{section}seed", "the same seed draws other variants: the samplers differ")
    notes.drop(
        f"{section}sample_multiplier",
        "the peer draws so many candidates per variant and throws away; this draws from the limits",
    )
    notes.drop(
        f"{section}existing_mix_file",
        "a pickled table; give design.existing a step that reads those runs, so that no variant is near one of them",
    )
