"""Who a step is: the fingerprint of everything that its result depends on, and the artifact's name made from it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from olmix.config import canonical, nodes
from olmix.config.fingerprint import fingerprint as config_fingerprint
from olmix.graph.step import Step

#: Hex digits of a fingerprint in an artifact's name: 48 bits, so 16 million artifacts before a clash becomes likely.
SHORT = 12


def upstream(step: Step) -> dict[str, Step]:
    """The steps that `step` reads from, by path below it, nearest only, each once, in field order."""
    found: dict[str, Step] = {}
    seen: set[int] = set()

    def visit(value: Any, path: str) -> Iterator[tuple[str, Step]]:
        if isinstance(value, Step):
            if id(value) not in seen:
                seen.add(id(value))
                yield path, value
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            for field in dataclasses.fields(value):
                yield from visit(getattr(value, field.name), f"{path}.{field.name}")
        elif isinstance(value, Mapping):
            for key, item in value.items():
                yield from visit(item, f"{path}[{key!r}]")
        elif isinstance(value, list | tuple):
            for index, item in enumerate(value):
                yield from visit(item, f"{path}[{index}]")

    for field in dataclasses.fields(step):
        found.update(visit(getattr(step, field.name), field.name))
    return found


def fingerprint(step: Step, of_upstream: Callable[[Step], str | None], observed: str | None) -> str:
    """The sha256 of a step's type, version, semantic settings, upstream fingerprints, and the data it found outside.

    `of_upstream` gives the fingerprint of a step that `step` reads from; `observed` is what `step.observe()` returned.
    """

    def substitute(value: object) -> str | None:
        return of_upstream(value) if isinstance(value, Step) and value is not step else None

    parts = {
        "version": type(step).version,
        "settings": config_fingerprint(step, substitute=substitute),
        "observed": observed,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def artifact_name(step: Step, full: str) -> str:
    """`train_proxy-1f0c2b6a9d3e`: the step's type in snake case and the short fingerprint."""
    kind = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(step).__name__).lower()
    return f"{kind}-{full[:SHORT]}"


def settings(step: Step, name_of: Callable[[Step], str]) -> dict[str, str]:
    """The step's semantic settings, path → value in canonical spelling, in sorted order; upstream steps as `name_of` has them."""
    found: dict[str, str] = {}

    def visit(value: Any, path: str) -> None:
        if isinstance(value, Step) and value is not step:
            found[path] = f"-> {name_of(value)}"
        elif nodes.is_node(value):
            for field, child in nodes.arguments(value, path):
                if not field.tags:
                    visit(child, nodes.join(path, field.name))
        elif isinstance(value, Mapping) and value:
            for key in value:
                visit(value[key], f"{path}[{key!r}]")
        elif isinstance(value, list | tuple) and value:
            for index, item in enumerate(value):
                visit(item, f"{path}[{index}]")
        else:
            found[path] = canonical.value_text(value)

    visit(step, "")
    return dict(sorted(found.items()))
