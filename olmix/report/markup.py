"""HTML and SVG from Python calls, escaped by construction.

`tag("p", "a < b")` escapes its text; only a `Markup` passes as it is, and only `tag`, `join` and `trusted` make one. So
a leaf called `<script>` is a leaf called `<script>`. No templates: a page this size reads better as functions.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable
from typing import Any

#: Elements that have no content and no end tag in HTML.
_VOID = {"meta", "link", "br", "hr", "input", "col", "wbr"}


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Child = Any  # a Markup, a str, a number, None, or an iterable of these


def tag(name: str, /, *children: Child, **attributes: Any) -> Markup:
    """An element. `class_="x"` is `class="x"`, `data_key` is `data-key`; None and False leave an attribute out."""
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{join(children)}</{name}>")


def join(*children: Child) -> Markup:
    """Children one after the other."""
    return Markup("".join(_flat(children)))


def trusted(text: str) -> Markup:
    """Declares `text` to be HTML: for our own files and for strings that were escaped by other means."""
    return Markup(text)


def embedded_json(value: Any) -> Markup:
    """JSON that is safe inside a <script> element."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return Markup(text)


def _flat(children: Child) -> Iterable[str]:
    if children is None or children is False:
        return
    if isinstance(children, Markup):
        yield children
    elif isinstance(children, str):
        yield html.escape(children)
    elif isinstance(children, int | float):
        yield html.escape(format(children, "g"))
    else:
        for child in children:
            yield from _flat(child)


def _attribute(key: str, value: Any) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    if value is True:
        return f" {name}"
    if isinstance(value, float):
        value = format(value, ".6g")
    return f' {name}="{html.escape(str(value))}"'
