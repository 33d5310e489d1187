"""A resolved config for people: the layers it went through, then every value under its step, tags and blame beside it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

from olmix.config import canonical, glob
from olmix.config.canonical import Line
from olmix.config.experiments import Resolved
from olmix.config.fingerprint import SHORT, fingerprint
from olmix.config.recording import Layer
from olmix.errors import UserError, nearest

_WIDTH = 44  # beyond it, values are no longer aligned


def layers(resolved: Resolved) -> str:
    """The layers, one a line, in the order in which they were applied."""
    width = max((len(layer.name) for layer in resolved.layers), default=0)
    return "\n".join(_layer(i, layer, width) for i, layer in enumerate(resolved.layers, 1))


def _layer(number: int, layer: Layer, width: int) -> str:
    via = f"  (by {layer.via})" if layer.via else ""
    return f"  {number}. {layer.kind:<10} {layer.name:<{width}}  {layer.place}{via}".rstrip()


def text(resolved: Resolved, *, blame: bool = False, path: str | None = None) -> str:
    """The whole answer to "what is this config?", for a terminal.

    Raises:
      UserError: if no path matches.
    """
    lines = select(resolved, path)
    parts = [f"{resolved.name}: {resolved.hypothesis}" if resolved.hypothesis else resolved.name]
    if path is None:
        parts += [
            "",
            "layers, in the order in which they were applied:",
            layers(resolved),
            "",
            f"fingerprint of all semantic settings: {fingerprint(resolved.config)[:SHORT]}",
        ]
    parts += _groups(lines, resolved, blame)
    return "\n".join(parts) + "\n"


def select(resolved: Resolved, path: str | None) -> list[Line]:
    """The lines whose path matches a pattern; all of them for None.

    Raises:
      UserError: if there are none, with the nearest paths.
    """
    lines = canonical.lines(resolved.config)
    if path is None:
        return lines
    found = [line for line in lines if glob.matches(path, line.path)]
    if not found:
        raise UserError(f"No path matches {path!r}{nearest(path, [line.path for line in lines])}.")
    return found


def flat(resolved: Resolved, *, blame: bool, path: str | None) -> dict[str, Any]:
    """Values by path, for the formats that programs read; with blame, each beside who set it."""
    found: dict[str, Any] = {}
    for line in select(resolved, path):
        value = canonical.plain_value(line.value) if line.kind == "leaf" else line.text
        if blame:
            value = {"value": value, "blame": dataclasses.asdict(resolved.blame[line.path])}
        found[line.path or "."] = value
    return found


def document(resolved: Resolved, form: str, *, blame: bool = False, path: str | None = None) -> str:
    """The config as `json` (without a filter: the canonical document, which can be run again) or `yaml`."""
    if form == "json":
        if path is None and not blame:
            return resolved.to_json()
        plain = flat(resolved, blame=blame, path=path)
        return json.dumps(plain, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    import yaml

    whole = path is None and not blame
    plain = canonical.document(resolved.config)["config"] if whole else flat(resolved, blame=blame, path=path)
    return yaml.safe_dump(plain, sort_keys=True, allow_unicode=True, width=1_000)


def _groups(lines: list[Line], resolved: Resolved, blame: bool) -> Iterator[str]:
    """One group per field of the root, its lines without that first name."""
    group = None
    for line in lines:
        if not line.path:
            yield ""
            yield f"{line.text[1:-1]}{_who(line, resolved, blame)}"
            continue
        head = _head(line.path)
        if head != group:
            group = head
            yield ""
            if line.path == head:
                yield f"{head} = {line.text}{_marks(line)}{_who(line, resolved, blame)}"
                continue
            yield head
        rest = line.path[len(head) :].removeprefix(".")
        said = f"{rest:<28} {line.text}{_marks(line)}"
        yield f"    {said:<{_WIDTH}}{_who(line, resolved, blame)}".rstrip()


def _head(path: str) -> str:
    for i, char in enumerate(path):
        if char in ".[":
            return path[:i]
    return path


def _marks(line: Line) -> str:
    return "".join(f"  #{tag.__name__}" for tag in line.tags)


def _who(line: Line, resolved: Resolved, blame: bool) -> str:
    if not blame:
        return ""
    item = resolved.blame[line.path]
    was = f", was {item.before}" if item.before is not None and item.kind != "default" else ""
    return f"  <- {item}{was}"
