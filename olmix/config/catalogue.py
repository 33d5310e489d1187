"""All experiments at a glance: what each asks, what it is made of, on what it runs, how much it trains.

Every module is imported on its own; one that fails is an entry with its error and hides no other.

Hardware and tokens are read off the configs without knowing their classes: a node with fields `gpus` and `accelerator`
says what a task needs; a class with a method `training_tokens()` says how many tokens one run of it trains on, and one with
`most_training_tokens()` how many at most, where the exact number is known only once the data are there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import fiddle as fdl

from olmix.config import experiments, nodes
from olmix.config.recording import Layer
from olmix.errors import UserError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """An experiment in the list. `tokens` are those of its largest training run, or a bound on them if `at_most` is set;
    `error` is set if it is broken.
    """

    name: str
    hypothesis: str = ""
    layers: tuple[Layer, ...] = ()
    hardware: str = ""
    tokens: int | None = None
    at_most: bool = False
    error: str = ""


def entries(package: str = experiments.PACKAGE) -> list[Entry]:
    """All experiments, by name."""
    return [entry(name, package) for name in experiments.names(package)]


def matching(found: Iterable[Entry], match: str) -> list[Entry]:
    """Those whose name or hypothesis contains `match`, in any case."""
    wanted = match.lower()
    return [entry for entry in found if wanted in entry.name.lower() or wanted in entry.hypothesis.lower()]


def entry(name: str, package: str = experiments.PACKAGE) -> Entry:
    """The entry of one experiment."""
    recorder = experiments.make_recorder(package)
    try:
        module, config = experiments.call(name, package, recorder)
        tokens, at_most = training_tokens(config)
        return Entry(
            name=name,
            hypothesis=experiments.hypothesis(module),
            layers=tuple(recorder.layers(config)),
            hardware=hardware(config),
            tokens=tokens,
            at_most=at_most,
        )
    except UserError as error:
        return Entry(name=name, error=str(error))


def hardware(config: object) -> str:
    """What the tasks of a config need, such as `8×A100`; `CPU` if none asks for more."""
    found = set()
    for node in _nodes(config):
        known = nodes.field_map(nodes.target(node))
        if {"gpus", "accelerator"} <= known.keys():
            gpus, kind = (nodes.argument(node, known[name]) for name in ("gpus", "accelerator"))
            if gpus:
                found.add(f"{gpus:g}×{kind or 'GPU'}")
    return ", ".join(sorted(found)) or "CPU"


def training_tokens(config: object) -> tuple[int | None, bool]:
    """The tokens of the largest single training run in a config and whether that is only a bound; None if nothing trains."""
    found: list[tuple[int, bool]] = []
    for node in _nodes(config):
        for method, at_most in (("training_tokens", False), ("most_training_tokens", True)):
            if callable(getattr(nodes.target(node), method, None)):
                built: Any = experiments.build(node) if isinstance(node, fdl.Buildable) else node
                tokens = getattr(built, method)()
                if tokens is not None:
                    found.append((tokens, at_most))
    return max(found, default=(None, False))


def _nodes(config: object) -> list[Any]:
    """Every node, defaults too, each once."""
    seen: dict[int, Any] = {}
    todo: list[Any] = [config]
    while todo:
        value = todo.pop()
        if nodes.is_node(value) and id(value) not in seen:
            seen[id(value)] = value
            todo.extend(child for _, child in nodes.arguments(value))
        elif type(value) is dict:
            todo.extend(value.values())
        elif type(value) in (list, tuple):
            todo.extend(value)
    return list(seen.values())


def count(number: int | None, at_most: bool = False) -> str:
    """A number of tokens in three digits: `655k`, `1.31B`, `at most 9.8M`."""
    if number is None:
        return "no training"
    if at_most:
        return f"at most {count(number)}"
    for unit, size in (("T", 1e12), ("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.3g}{unit} tokens"
    return f"{number} tokens"
