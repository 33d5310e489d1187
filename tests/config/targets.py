"""Small targets of configs, shaped like real ones: a root that names its steps, steps that share nodes."""

from __future__ import annotations

import dataclasses
import enum
from typing import Annotated, Any

from olmix.config.tags import Resources, RunIdentity, Schedule, Telemetry


class Kind(enum.Enum):
    LINEAR = "linear"
    COSINE = "cosine"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Needs:
    cpus: float = 1
    gpus: float = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    name: str
    weight: float | None = None
    paths: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scan:
    sources: tuple[Source, ...] = ()
    needs: Annotated[Needs | None, Resources] = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Logging:
    enabled: bool = True
    project: Annotated[str, RunIdentity] = "olmix"
    every: int = 10


@dataclasses.dataclass(frozen=True, kw_only=True)
class EMA:
    enabled: bool = False
    decay: float = 0.99


@dataclasses.dataclass(frozen=True, kw_only=True)
class Proxy:
    learning_rate: float
    batch: int = 8
    steps: int = 100
    layers: tuple[int, ...] = (2, 4)
    schedule: Kind = Kind.COSINE
    limits: dict[str, float] = dataclasses.field(default_factory=dict)
    skip: frozenset[str] = frozenset()
    ema: EMA = dataclasses.field(default_factory=EMA)
    save_every: Annotated[int | None, Schedule] = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Swarm:
    scan: Scan
    proxy: Proxy
    variants: int = 24
    seed: int = 0
    needs: Annotated[Needs | None, Resources] = Needs(cpus=2)
    logging: Annotated[Logging, Telemetry] = Logging()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Laws:
    swarm: Swarm
    kind: str = "log_linear"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Search:
    name: Annotated[str, RunIdentity] = ""
    scan: Scan
    swarm: Swarm
    laws: Laws


@dataclasses.dataclass(frozen=True, kw_only=True)
class Box:
    """Holds anything, for values of every kind."""

    value: Any = None
    other: Any = None
    note: Annotated[Any, Telemetry] = None


def some_function() -> None: ...
