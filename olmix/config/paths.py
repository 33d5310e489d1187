"""Paths into a config: `swarm.proxy.layers[1]`, `limits['web:code']`, and how to read what lies there.

The same grammar everywhere: what `inspect` prints can be pasted into `--set`. There a key needs no quotes
(`limits[web:code]`) unless it holds a bracket or looks like a number.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import Any

import fiddle as fdl

from olmix.config import nodes
from olmix.config.canonical import key_element
from olmix.errors import UserError, nearest

#: A path: field names as `.name`-less strings in a tuple ("field", name), and indices or keys as ("item", key).
Element = tuple[str, str | int]

_NAME = re.compile(r"\.?([A-Za-z_]\w*)")
_INDEX = re.compile(r"\[(-?\d+)\]")
_QUOTED = re.compile(r"""\[("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')\]""")
_BARE = re.compile(r"\[([^\[\]'\"]+)\]")


def parse(text: str) -> tuple[Element, ...]:
    """The elements of a path.

    Raises:
      UserError: if it cannot be read, pointing at the rest that makes no sense.
    """
    found: list[Element] = []
    rest = text
    while rest:
        if match := _NAME.match(rest):
            if bool(found) != rest.startswith("."):
                break
            found.append(("field", match[1]))
        elif match := _INDEX.match(rest):
            found.append(("item", int(match[1])))
        elif match := _QUOTED.match(rest):
            found.append(("item", str(ast.literal_eval(match[1]))))
        elif match := _BARE.match(rest):
            found.append(("item", match[1].strip()))
        else:
            break
        rest = rest[match.end() :]
    if rest or not found:
        where = f" at {rest!r}" if rest and rest != text else ""
        raise UserError(f"{text!r} is not a path{where}; write it like swarm.proxy.layers[1] or limits['web'].")
    return tuple(found)


def show(elements: tuple[Element, ...]) -> str:
    """A path as `canonical.text` writes it."""
    path = ""
    for kind, key in elements:
        element = f".{key}" if kind == "field" else f"[{key}]" if isinstance(key, int) else key_element(key)
        path = nodes.extend(path, element)
    return path


def step(value: object, element: Element, path: str, whole: str) -> Any:
    """What lies one element below a value that lies at `path`; `whole` is the path that was asked for.

    Raises:
      UserError: if there is nothing, with the nearest name that there is.
    """
    kind, key = element
    here = f"{nodes.at(path)}" if path else "The root"
    if nodes.is_node(value):
        known = nodes.field_map(nodes.target(value, path))
        if kind != "field" or key not in known:
            owner = nodes.target(value, path).__name__
            raise UserError(f"There is no {whole}: {here} ({owner}) has no {key!r}{near(str(key), known)}.")
        if isinstance(value, fdl.Buildable):
            field = known[str(key)]
            found = value.__arguments__.get(field.name, nodes.MISSING)
            return field.default_value() if found is nodes.MISSING else found
        return getattr(value, str(key))
    if kind == "item" and isinstance(value, dict):
        if str(key) not in value:
            raise UserError(f"There is no {whole}: {here} has no key {str(key)!r}{near(str(key), value)}.")
        return value[str(key)]
    if kind == "item" and isinstance(value, list | tuple):
        if not isinstance(key, int) or not -len(value) <= key < len(value):
            names = ", ".join(f"[{number}] {name}" for number, name in _names(value))
            has = f"{len(value)} item{'s' if len(value) != 1 else ''}, numbered from 0{f': {names}' if names else ''}"
            raise UserError(f"There is no {whole}: {here} has {has}.")
        return value[key]
    raise UserError(f"There is no {whole}: {here} is {describe(value)}, with nothing below it.")


def _names(value: Sequence[object], most: int = 12) -> list[tuple[int, str]]:
    """The numbers and names of a list's nodes, the first `most`; empty if they have none."""
    named = [(number, getattr(item, "name", None)) for number, item in enumerate(value)]
    return [(number, name) for number, name in named[:most] if isinstance(name, str)]


def describe(value: object) -> str:
    """A few words for what a value is, for messages."""
    if value is None:
        return "None"
    if isinstance(value, dict):
        return "a dict (write its keys in brackets)"
    if isinstance(value, list | tuple):
        return "a list (write its indices in brackets)"
    return f"the {type(value).__name__} {value!r}"


def near(name: str, known: Any) -> str:
    """The nearest names, or all there are when none is near and they are few."""
    names = list(known)
    found = nearest(name, names)
    if found or not names or len(names) > 12:
        return found
    return f" (it has {', '.join(names)})"
