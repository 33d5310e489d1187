"""What a config of allenai/olmix says, as plain dataclasses: launch, generate and fit.

Fields, defaults and their meaning follow the peer's documentation and published configs (allenai/olmix, Apache-2.0),
older forms included: a launch config whose sections lie flat at the top, weights within the data tree, a swarm inside a
launch config. Values are as written; nothing is resolved. Keys that the peer does not have either, and so ignores, are
in `unknown`; those that would pull in another file are refused, for what they say cannot be known.
"""

from __future__ import annotations

import dataclasses
import pathlib

from olmix.importing.block import Unknown
from olmix.importing.document import Entry

LAWS = ("log_linear", "lightgbm", "search", "gp", "autoscale", "bimix", "quadratic", "linear", "log_nonlinear")
PROPOSERS = ("exact", "simulation", "search")


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
