"""What a config of allenai/olmix says, as plain dataclasses: launch, generate and fit.

Fields, defaults and their meaning follow the peer's documentation and published configs (allenai/olmix, Apache-2.0),
older forms included: a launch config whose sections lie flat at the top, weights within the data tree, a swarm inside a
launch config. Values are as written; nothing is resolved here. Keys that the peer does not have either, and so ignores, are
in `unknown`; those that would pull in another file are refused, for what they say cannot be known.
"""

from __future__ import annotations

import dataclasses
import math
import pathlib

from olmix.errors import UserError
from olmix.importing.block import Block, Unknown
from olmix.importing.document import Entry, read

KINDS = "launch (training and data), generate (data, priors and max_tokens) or fit (swarm with ratios and metrics)"
LAWS = ("log_linear", "lightgbm", "search", "gp", "autoscale", "bimix", "quadratic", "linear", "log_nonlinear")
PROPOSERS = ("exact", "simulation", "search")
_OTHER_FILES = ("extends", "include", "includes", "inherit", "inherits", "defaults", "_base_")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Node:
    """A source, topic or quality bucket: its files, or the nodes below it."""

    kind: str
    name: str
    path: str
    line: int
    paths: tuple[str, ...] = ()
    below: tuple[Node, ...] = ()
    weight: float | None = None
    repetition: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Share:
    """A node of `mix`. A weight is multiplied by those above it; a repetition factor holds for everything below."""

    name: str
    path: str
    line: int
    weight: float | None = None
    repetition: float | None = None
    below: tuple[Share, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training:
    """`training`. `batch` and `device_batch` count sequences, `eval_interval` steps; `tokens` is of older files."""

    model: str
    tokenizer: str
    multiple: float | None = None
    tokens: int | None = None
    seed: int = 42
    device_batch: int | None = None
    batch: int | None = None
    sequence_length: int = 8192
    checkpoint: str | None = None
    train_type: str = "pretrain"
    eval_interval: int = 1000
    no_eval: bool = False
    instance_filter: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluation:
    """`eval`: families of tasks. In the loop a task has the name of its metric beside it, offline it is the metric."""

    offline: bool
    families: dict[str, dict[str, str]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Priors:
    """`priors`, by leaf; either may be empty. `elsewhere` says that the counts stand outside of the section."""

    sizes: dict[str, float]
    tokens: dict[str, float]
    elsewhere: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sampling:
    """The `swarm` of a generate config. A None of a level means: as the value without a level."""

    seed: int = 42
    variants: int = 1
    temperature: float = 1.0
    source_temperature: float | None = None
    topic_temperature: float | None = None
    strength: tuple[float, float] = (0.1, 5.0)
    source_strength: tuple[float | None, float | None] = (None, None)
    topic_strength: tuple[float | None, float | None] = (None, None)
    minimum: float | None = None
    minimum_source: float | None = None
    minimum_topic: float | None = None
    nonzero: tuple[str, ...] = ()
    fixed_sources: dict[str, float] = dataclasses.field(default_factory=dict)
    manual_prior: dict[str, float] = dataclasses.field(default_factory=dict)
    manual_topic_prior: dict[str, float] = dataclasses.field(default_factory=dict)
    allow_repetition: bool = True


@dataclasses.dataclass(frozen=True, kw_only=True)
class Target:
    """The final run, in the flat form of older launch configs."""

    tokens: int | None = None
    multiple: float | None = None
    model: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """What all kinds have. `entry` is the whole file, for paths and lines."""

    file: pathlib.Path
    entry: Entry
    unknown: tuple[Unknown, ...]
    name: str = ""
    description: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Launch(Config):
    """One training run; with `sampling`, as older files have it, a swarm of them."""

    training: Training
    sources: tuple[Node, ...]
    dtype: str
    evaluation: Evaluation | None = None
    mix: tuple[Share, ...] | None = None
    gpus: int = 1
    nodes: int = 1
    sampling: Sampling | None = None
    priors: Priors | None = None
    target: Target = Target()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Generate(Config):
    """Mixtures for a swarm."""

    sources: tuple[Node, ...]
    dtype: str
    priors: Priors
    sampling: Sampling
    max_tokens: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fit(Config):
    """Laws and a proposal from two CSV files. `train_split` is a share of the runs, or their number if above 1."""

    ratios: str
    metrics: str
    priors: Priors
    evaluation: Evaluation | None
    law: str
    seed: int
    n_test: int
    train_split: tuple[float, ...]
    by_family: bool
    proposer: str
    kl: float | None
    worst: bool
    fit_only: bool
    constrained: bool
    target_tokens: int | None
    repetition: float
    drop_metrics: tuple[str, ...] = ()
    keep_sources: tuple[str, ...] = ()
    support_domains: tuple[str, ...] = ()
    fixed: dict[str, float] = dataclasses.field(default_factory=dict)
    objective: dict[str, float] = dataclasses.field(default_factory=dict)


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
            raise UserError(f"{top.at(top.need(key))} refers to another file, which allenai/olmix does not do; merge the two.")
    swarm = top.get("swarm")
    of_csv = swarm is not None and isinstance(swarm.value, dict) and {"ratios", "metrics"} & swarm.value.keys()
    if of_csv or any(key in top for key in ("regression", "proposer")):
        from olmix.importing.schema_fit import fit as section
    elif ("data" in top or "sources" in top) and ("training" in top or "proxy_model_id" in top):
        section = _launch
    elif "data" in top and ("max_tokens" in top or swarm is not None):
        section = _generate
    else:
        found = ", ".join(entry.value) if isinstance(entry.value, dict) and entry.value else "no keys"
        raise UserError(f"{file} is no config of allenai/olmix that is known here: it has {found}, and none of {KINDS}.")
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
    mix = top.get("mix")
    config = Launch(
        **_common(top),
        training=_training(blocks["training"]),
        sources=_sources(blocks["data"]),
        dtype=_dtype(blocks["data"]),
        evaluation=evaluation(top, "inloop"),
        mix=None if mix is None else _mix(top.block("mix")),
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
        **_common(top),
        sources=_sources(data),
        dtype=_dtype(data),
        priors=priors(top),
        sampling=_sampling(swarm),
        max_tokens=_needed_whole(top, "max_tokens"),
    )
    data.close()
    swarm.close()
    return config


def _common(top: Block) -> dict[str, object]:
    name, description = top.text("name", "") or "", top.text("description", "") or ""
    return {"file": top.file, "entry": top.entry, "unknown": (), "name": name, "description": " ".join(description.split())}


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


def _dtype(block: Block) -> str:
    return block.one_of("dtype", "uint32", ("uint8", "uint16", "uint32"))


def _sources(block: Block) -> tuple[Node, ...]:
    entries = block.items("sources")
    if not entries:
        raise UserError(f"{block.at(block.need('sources'))} names no source.")
    return _siblings(block, entries, "source")


def _siblings(block: Block, entries: list[Entry], kind: str) -> tuple[Node, ...]:
    nodes = tuple(_node(block.within(entry), kind) for entry in entries)
    seen: dict[str, Node] = {}
    for node in nodes:
        if node.name in seen:
            raise UserError(
                f"{block.file}:{node.line}: {node.path} has the name {node.name!r} of line {seen[node.name].line}; names tell apart."
            )
        seen[node.name] = node
    return nodes


def _node(block: Block, kind: str) -> Node:
    kinds = {"source": ("paths", "topics", "quality"), "topic": ("paths", "quality"), "quality": ("paths",)}[kind]
    held = [key for key in kinds if block.get(key) is not None]
    name = block.need("name").text
    if len(held) != 1:
        has = " and ".join(held) or "none of them"
        raise UserError(f"{block.at(block.entry)} ({name}) must have exactly one of {', '.join(kinds)}; it has {has}.")
    if not block.items(held[0]):
        raise UserError(f"{block.at(block.need(held[0]))} is empty.")
    inner = {"topics": "topic", "quality": "quality"}.get(held[0])
    node = Node(
        kind=kind,
        name=name,
        path=block.entry.path,
        line=block.entry.line,
        paths=() if inner else block.texts("paths"),
        below=_siblings(block, block.items(held[0]), inner) if inner else (),
        weight=block.number("weight", least=0),
        repetition=_repetition(block, "max_repetition_factor"),
    )
    for key in ("max_topic_ratio", "max_source_ratio"):
        block.number(key, least=0)
    block.close()
    return node


def _repetition(block: Block, key: str) -> float | None:
    value = block.number(key, least=0)
    if value == 0:
        raise UserError(f"{block.at(block.need(key))} must be more than 0: with 0 nothing may be read.")
    return value


_OF_SHARE = ("weight", "repetition_factor")


def _mix(block: Block) -> tuple[Share, ...]:
    if not isinstance(block.entry.value, dict) or not block.entry.value:
        raise UserError(f"{block.at(block.entry)} is empty; it must give every leaf its weight.")
    return tuple(_share(block, name) for name in block.entry.value)


def _share(block: Block, name: str) -> Share:
    entry = block.get(name)
    entry = block.entry.value[name] if entry is None else entry  # type: ignore[index,call-overload]
    value = entry.value
    at = {"name": name, "path": entry.path, "line": entry.line}
    if isinstance(value, dict):
        inner = block.within(entry)
        return Share(
            **at,
            weight=inner.number("weight", least=0),
            repetition=_repetition(inner, "repetition_factor"),
            below=tuple(_share(inner, child) for child in value if child not in _OF_SHARE),
        )
    if isinstance(value, list):  # The pair of weight and repetition factor that generated files had.
        if len(value) != 2:
            raise UserError(f"{block.at(entry)} must be a weight, or a weight and a repetition factor; it has {len(value)}.")
        return Share(**at, weight=block.as_number(value[0], 0), repetition=block.as_number(value[1], 1e-9))
    return Share(**at, weight=block.as_number(entry, 0))


def evaluation(top: Block, default: str) -> Evaluation | None:
    """The section `eval`, or the plain list of tasks of older files; None if there is neither."""
    if "eval_tasks" in top:
        names = top.texts("eval_tasks")
        return Evaluation(offline=False, families={"": {name: "" for name in names}}) if names else None
    if top.get("eval") is None:
        return None
    block = top.block("eval")
    offline = block.one_of("type", default, ("inloop", "offline")) == "offline"
    families: dict[str, dict[str, str]] = {}
    tasks = block.block("tasks")
    for family in tasks.entry.value if isinstance(tasks.entry.value, dict) else ():
        found = tasks.get(family)
        if found is not None and isinstance(found.value, dict):
            inner = tasks.within(found)
            families[family] = {task: inner.text(task, "") or "" for task in found.value}
        else:
            families[family] = dict.fromkeys(tasks.texts(family), "")
    block.close()
    return Evaluation(offline=offline, families=families)


def priors(top: Block) -> Priors:
    """The section `priors`; the counts of one published file stand beside it, having lost their indentation."""
    block = top.block("priors")
    sizes, tokens = block.numbers("relative_sizes", least=0), block.numbers("token_counts", least=0)
    block.number("total_tokens", least=0)
    block.close()
    elsewhere = ""
    if not tokens and "token_counts" in top:
        tokens, elsewhere = top.numbers("token_counts", least=0), "token_counts"
    for what, table in (("relative_sizes", sizes), ("token_counts", tokens)):
        if table and math.fsum(table.values()) <= 0:
            raise UserError(f"{top.at(block.entry)}.{what} are all 0.")
    return Priors(sizes=sizes, tokens=tokens, elsewhere=elsewhere)


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
            raise UserError(f"{block.at(block.entry)}.min_{level}strength is {low:g}, above max_{level}strength {high:g}.")
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
