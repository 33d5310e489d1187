"""From a YAML file to what it says: which kind of config it is, and the sections of launch and generate configs."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable

from olmix.errors import UserError
from olmix.importing.block import Block, Unknown
from olmix.importing.document import read
from olmix.importing.read_data import dtype, mix, sources
from olmix.importing.read_fit import fit
from olmix.importing.read_parts import common, evaluation, priors
from olmix.importing.schema import Fit, Generate, Launch, Sampling, Target, Training

KINDS = "launch (training and data), generate (data, priors and max_tokens) or fit (swarm with ratios and metrics)"
#: Keys by which other tools pull in other files; the peer has none of them.
_OTHER_FILES = ("extends", "include", "includes", "inherit", "inherits", "defaults", "_base_")


def load(file: pathlib.Path) -> Launch | Generate | Fit:
    """The config in a file.

    Raises:
      UserError: with file, line and path, for what cannot be read or cannot mean anything.
    """
    entry = read(file)
    unknown: list[Unknown] = []
    top = Block(file, entry, unknown)
    for key in _OTHER_FILES:
        if key in top and top.get(key) is not None:
            raise UserError(
                f"{top.at(top.need(key))} refers to another file, which allenai/olmix does not do; merge the two."
            )
    swarm = top.get("swarm")
    of_csv = swarm is not None and isinstance(swarm.value, dict) and {"ratios", "metrics"} & swarm.value.keys()
    section: Callable[[Block], Launch | Generate | Fit]
    if of_csv or any(key in top for key in ("regression", "proposer")):
        section = fit
    elif ("data" in top or "sources" in top) and ("training" in top or "proxy_model_id" in top):
        section = _launch
    elif "data" in top and ("max_tokens" in top or swarm is not None):
        section = _generate
    else:
        found = ", ".join(entry.value) if isinstance(entry.value, dict) and entry.value else "no keys"
        raise UserError(
            f"{file} is no config of allenai/olmix that is known here: it has {found}, and none of {KINDS}."
        )
    config: Launch | Generate | Fit = section(top)
    top.close()
    return dataclasses.replace(config, unknown=tuple(unknown))


def _launch(top: Block) -> Launch:
    flat = "training" not in top
    blocks = {key: top if flat else top.block(key) for key in ("training", "infra", "data")}
    if "sources" not in top:
        blocks["data"] = top.block("data")
    sampled = "swarm" in top or (flat and "variants" in top and "mix" not in top)
    swarm = top.block("swarm") if "swarm" in top else top
    mixed = top.get("mix")
    config = Launch(
        **common(top),
        training=_training(blocks["training"]),
        sources=sources(blocks["data"]),
        dtype=dtype(blocks["data"]),
        evaluation=evaluation(top, "inloop"),
        mix=None if mixed is None else mix(top.block("mix")),
        gpus=blocks["infra"].whole("gpus", 1, least=0) or 0,
        nodes=blocks["infra"].whole("nodes", 1, least=1) or 1,
        sampling=_sampling(swarm) if sampled else None,
        priors=priors(top) if "priors" in top else None,
        target=Target(
            tokens=top.whole("target_tokens", least=1),
            multiple=top.number("target_chinchilla_multiple", least=0),
            model=top.text("target_model_id"),
        ),
    )
    infra = ("budget", "workspace", "cluster", "priority", "preemptible", "weka", "shared_filesystem", "wandb_debug")
    for key in infra:
        blocks["infra"].get(key)
    for key in ("group_id", *(("repetition_factor",) if flat else ())):
        top.get(key)
    for block in {id(block): block for block in (*blocks.values(), swarm) if block is not top}.values():
        block.close()
    return config


def _generate(top: Block) -> Generate:
    data, swarm = top.block("data"), top.block("swarm")
    config = Generate(
        **common(top),
        sources=sources(data),
        dtype=dtype(data),
        priors=priors(top),
        sampling=_sampling(swarm),
        max_tokens=_needed_whole(top, "max_tokens"),
    )
    data.close()
    swarm.close()
    return config


def _needed_whole(block: Block, key: str) -> int:
    block.need(key)
    return int(block.whole(key, least=1) or 1)


def _training(block: Block) -> Training:
    instance_filter = block.block("instance_filter")
    for key in ("repetition_min_period", "repetition_max_period", "repetition_max_count"):
        instance_filter.get(key)
    instance_filter.close()
    tokens = block.whole("max_tokens", least=1)
    multiple = block.number("chinchilla_multiple", 1.0 if tokens is None else None)
    if multiple is not None and multiple <= 0:
        raise UserError(f"{block.at(block.need('chinchilla_multiple'))} must be more than 0; it is {multiple:g}.")
    return Training(
        model=block.need("proxy_model_id").text,
        tokenizer=block.need("tokenizer").text,
        multiple=multiple,
        tokens=tokens if multiple is None else None,
        seed=int(block.whole("seed", 42) or 0),
        device_batch=block.whole("device_batch_size", least=1),
        batch=block.whole("global_batch_size", least=1),
        sequence_length=int(block.whole("sequence_length", 8192, least=2) or 2),
        checkpoint=block.text("checkpoint_path"),
        train_type=block.one_of("train_type", "pretrain", ("pretrain", "anneal")),
        eval_interval=int(block.whole("eval_interval", 1000, least=1) or 1),
        no_eval=block.flag("no_eval", False),
        instance_filter=block.get("instance_filter") is not None,
    )


def _sampling(block: Block) -> Sampling:
    def positive(key: str, default: float | None = None) -> float | None:
        value = block.number(key, default, least=0)
        return value or default  # The peer takes a 0 here for "not said".

    strength = (positive("min_strength", 0.1) or 0.1, positive("max_strength", 5.0) or 5.0)
    source = (positive("min_source_strength"), positive("max_source_strength"))
    topic = (positive("min_topic_strength"), positive("max_topic_strength"))
    for level, pair in (("", strength), ("source_", source), ("topic_", topic)):
        low, high = pair[0] or strength[0], pair[1] or strength[1]
        if low > high:
            raise UserError(
                f"{block.at(block.entry)}.min_{level}strength is {low:g}, above max_{level}strength {high:g}."
            )
    for key in ("sample_multiplier", "existing_mix_file"):
        block.get(key)
    return Sampling(
        seed=int(block.whole("seed", 42) or 0),
        variants=int(block.whole("variants", 1, least=1) or 1),
        temperature=block.number("mix_temperature", 1.0, least=0) or 0.0,
        source_temperature=positive("source_mix_temperature"),
        topic_temperature=positive("topic_mix_temperature"),
        strength=strength,
        source_strength=source,
        topic_strength=topic,
        minimum=positive("minimum_weight"),
        minimum_source=positive("minimum_source_weight"),
        minimum_topic=positive("minimum_topic_weight"),
        nonzero=block.texts("nonzero_weight"),
        fixed_sources=block.numbers("fixed_source_weights", least=0),
        manual_prior=block.numbers("manual_prior", least=0),
        manual_topic_prior=block.numbers("manual_topic_prior", least=0),
        allow_repetition=block.flag("allow_repetition", True),
    )
