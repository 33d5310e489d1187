"""Python values as source text, laid out as the formatter of this repository lays it out, so that it has nothing to change.

Small on purpose: calls, containers, comprehensions and constants. A thing stands on one line if it fits, and is opened up
with a trailing comma if it does not.
"""

from __future__ import annotations

import dataclasses
from typing import Any

WIDTH = 120


@dataclasses.dataclass(frozen=True)
class Name:
    """Text that stands as it is: a name, an f-string, an expression that is short."""

    text: str


@dataclasses.dataclass(frozen=True)
class Call:
    """A call; arguments without a name come first."""

    function: str
    positional: tuple[Any, ...] = ()
    named: tuple[tuple[str, Any], ...] = ()


@dataclasses.dataclass(frozen=True)
class Each:
    """`[element for variables in rows]`; as an argument that takes a tuple, with `kind="tuple"`."""

    element: Any
    variables: str
    rows: Any


@dataclasses.dataclass(frozen=True)
class Splat:
    """`*value` within a list."""

    value: Any


def render(value: Any, indent: int = 0, used: int = 0, after: int = 0) -> str:
    """The text of a value that begins in column `used` of a line indented by `indent`, with `after` characters behind it."""
    flat = line(value)
    if used + len(flat) + after <= WIDTH or not _opens(value):
        return flat
    inner, pad = indent + 4, " " * (indent + 4)
    close = " " * indent
    if isinstance(value, Splat):
        return "*" + render(value.value, indent, used + 1, after)
    if isinstance(value, Call):
        parts = [render(item, inner, inner, 1) for item in value.positional]
        parts += [f"{name}=" + render(item, inner, inner + len(name) + 1, 1) for name, item in value.named]
        return f"{value.function}(\n" + "".join(f"{pad}{part},\n" for part in parts) + f"{close})"
    if isinstance(value, Each):
        head = f"for {value.variables} in "
        element = render(value.element, inner, inner)
        rows = render(value.rows, inner, inner + len(head))
        return f"[\n{pad}{element}\n{pad}{head}{rows}\n{close}]"
    if isinstance(value, dict):
        items = [f"{line(key)}: " + render(item, inner, inner + len(line(key)) + 2, 1) for key, item in value.items()]
        return "{\n" + "".join(f"{pad}{item},\n" for item in items) + f"{close}}}"
    left, right = "[]" if isinstance(value, list) else "()"
    parts = [render(item, inner, inner, 1) for item in value]
    return f"{left}\n" + "".join(f"{pad}{part},\n" for part in parts) + f"{close}{right}"


def line(value: Any) -> str:
    """The text of a value on one line."""
    if isinstance(value, Name):
        return value.text
    if isinstance(value, Call):
        return f"{value.function}({', '.join([*map(line, value.positional), *(f'{k}={line(v)}' for k, v in value.named)])})"
    if isinstance(value, Each):
        return f"[{line(value.element)} for {value.variables} in {line(value.rows)}]"
    if isinstance(value, Splat):
        return f"*{line(value.value)}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{line(key)}: {line(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(line, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(line, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) < 10_000:
        return repr(value)
    return f"{value:_}"


def quoted(text: str) -> str:
    """A text in double quotes, or in single ones if that spares escapes."""
    shown = repr(text)
    if shown.startswith("'") and '"' not in text:
        return f'"{shown[1:-1]}"'
    return shown


def _opens(value: Any) -> bool:
    if isinstance(value, Splat):
        return _opens(value.value)
    if isinstance(value, Call):
        return bool(value.positional or value.named)
    return isinstance(value, Each) or (isinstance(value, dict | list | tuple) and bool(value))
