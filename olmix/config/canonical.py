"""The canonical form of a config: what it says, written in exactly one way.

`text` gives flat, sorted `path: value` lines for people, goldens and diffs; `to_json` gives the same as a
document that `olmix.config.load` reads back. Both are equal on every machine, Python and hash seed, and equal
for a config and for what `fdl.build` makes of it.

What is normalised: defaults are resolved; arguments, dict keys and set elements are sorted; a list and a
tuple of the same items are the same, and so are a set and a frozenset (loading goes by the declared type).
What is kept apart: 1, 1.0 and True; 0.0 and -0.0; a string and the name of a class. A node that is used twice
is written once, under its shortest path, and referred to from everywhere else: `laws.swarm: -> swarm`. What
has no deterministic spelling (a lambda, an array, a Path, NaN, any other object) raises with its path.
"""

from __future__ import annotations

import enum
import json
import re
from collections import deque
from json.encoder import encode_basestring
from typing import Any, NamedTuple

import fiddle as fdl

from olmix.config import nodes
from olmix.config.nodes import ConfigError, Tags

#: The version of the JSON documents that this code writes and the newest that it reads.
FORMAT = 1

#: A config with more lines than this is a mistake (containers, which have no names, nested and shared many
#: times over).
MAX_LINES = 100_000

# Beside what JSON escapes: what would split a line, cannot be encoded, or changes how a terminal shows the
# rest.
_UNSAFE = re.compile("[\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


class Line(NamedTuple):
    """A line of the canonical form.

    `kind` is "leaf" (a value), "node" (the type of a node, with its fields in the lines that follow) or "ref"
    (a node that is written elsewhere). `tags` are the operational tags of the field and of all fields above
    it.
    """

    path: str
    text: str
    kind: str
    tags: Tags
    value: Any

    def __str__(self) -> str:
        return f"{self.path or '.'}: {self.text}"


def text(node: object) -> str:
    """The canonical text: one `path: value` line per value, sorted by path, ending in a newline.

    Raises:
      ConfigError: with the path, on a required argument that is not set, a cyclic reference, or a value that
        cannot be written deterministically.
    """
    return "".join(f"{line}\n" for line in lines(node))


def lines(node: object) -> list[Line]:
    """The lines of `text` with what they stand for."""
    return _Writer(node).lines()


def to_json(node: object) -> str:
    """The canonical JSON document, keys sorted, with the defaults of all types in it as they are now.

    A node is an object with its type under `$type`; other things that JSON has no word for are `{"$ref":
    path}`, `{"$set": [...]}`, `{"$float": "inf"}`, `{"$enum": name}` and `{"$symbol": name}`. A dict key that
    starts with a dollar gets a second one.

    Raises:
      ConfigError: as `text` does.
    """
    return _dump(document(node))


def document(node: object) -> dict[str, Any]:
    """`to_json` before it is put into a string: plain dicts, lists and scalars."""
    writer = _Writer(node)
    config = writer.plain(node, "")
    return {"config": config, "defaults": defaults(writer.types), "format": FORMAT}


def defaults(types: set[type]) -> dict[str, dict[str, Any]]:
    """The defaults that the code has now: plain values by type name and argument."""
    found: dict[str, dict[str, Any]] = {}
    for cls in types:
        known = {field.name: field.default_value() for field in nodes.fields(cls)}
        found[nodes.symbol(cls)] = {
            name: plain_value(value) for name, value in known.items() if value is not nodes.MISSING
        }
    return found


def plain_value(value: object) -> Any:
    """A value below a node as plain JSON: what `to_json` would write for it."""
    return _Writer(value).plain(value, "")


def _dump(plain: Any) -> str:
    return escape(json.dumps(plain, ensure_ascii=False, indent=1, sort_keys=True)) + "\n"


def escape(quoted: str) -> str:
    """Replaces characters that are unsafe in a line of text by their JSON escapes."""
    if quoted.isascii() and "\x7f" not in quoted:
        return quoted
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)


def quote(string: str) -> str:
    """A string in double quotes, on one line."""
    return escape(encode_basestring(string))


def value_text(value: Any) -> str:
    """Any value on one line, for messages; a container is in brackets, a node stands by its type."""
    if nodes.is_node(value):
        return f"<{nodes.symbol(nodes.target(value))}>"
    if type(value) is dict:
        return "{" + ", ".join(f"{quote(k)}: {value_text(v)}" for k, v in sorted(value.items())) + "}"
    if type(value) in _SEQUENCES:
        return "[" + ", ".join(value_text(item) for item in value) + "]"
    return scalar_text(value, "")


# ----------------------------------------------------------------- scalars


def scalar_text(value: object, path: str) -> str:
    """A value that has nothing below it, on one line.

    Raises:
      ConfigError: if it is none of the kinds that can be written.
    """
    kind = type(value)
    if kind is str:
        return quote(value)  # type: ignore[arg-type]
    if kind is bool or kind is int or value is None:
        return repr(value)
    if kind is float:
        if value != value:
            raise ConfigError(f"{nodes.at(path)} is NaN, which equals nothing, not even itself.")
        return repr(value)
    if isinstance(value, enum.Enum):
        return f"{nodes.symbol(type(value))}.{_member(value, path)}"
    if kind is set or kind is frozenset:
        items = sorted(_element_text(item, path) for item in value)  # type: ignore[attr-defined]
        return "{" + ", ".join(items) + "}" if items else "set()"
    if nodes.is_symbol(value):
        try:
            return nodes.symbol(value)
        except ConfigError as error:
            raise ConfigError(f"{nodes.at(path)}: {error}") from None
    raise ConfigError(
        f"{nodes.at(path)} is a {_describe(value)}, which has no deterministic spelling; {_advice(value)}."
    )


def _element_text(item: object, path: str) -> str:
    if type(item) is tuple:
        return "(" + ", ".join(_element_text(part, path) for part in item) + ",)"
    return scalar_text(item, path)


def _member(value: enum.Enum, path: str) -> str:
    name = value.name
    if type(value).__members__.get(str(name)) is not value:
        raise ConfigError(f"{nodes.at(path)} is {value!r}, which is not a member of its enum but a mixture of some.")
    return name


def _describe(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")


def _advice(value: object) -> str:
    if hasattr(value, "__fspath__"):
        return "use a str"
    if hasattr(value, "tolist"):
        return "use its .tolist()" if getattr(value, "ndim", 0) else "use its .item()"
    if isinstance(value, str | int | float):
        return f"use a plain {next(t.__name__ for t in (str, int, float) if isinstance(value, t))}"
    return "use numbers, strings, booleans, None, tuples, dicts with str keys, sets, enums or dataclasses"


def sorted_keys(mapping: dict[str, Any], path: str) -> list[str]:
    """The keys of a dict in order.

    Raises:
      ConfigError: if one is not a plain string.
    """
    for key in mapping:
        if type(key) is not str:
            raise ConfigError(f"{nodes.at(path)} has the key {key!r}; use str keys in the dicts of a config.")
    return sorted(mapping)


def key_element(key: str) -> str:
    """The element of a path that stands for a dict key: `['web:code']`."""
    inner = quote(key)[1:-1].replace('\\"', '"').replace("'", "\\'")
    return f"['{inner}']"


# ----------------------------------------------------------------- the walk


class _Child(NamedTuple):
    """One thing below a value. A default that a class holds is one object, but nobody means to share it."""

    element: str
    value: Any
    tags: Tags
    may_be_shared: bool


class _Writer:
    """Writes one config. Finds what is shared (or cyclic) first, so that writing is a plain recursion."""

    def __init__(self, root: object) -> None:
        self.types: set[type] = set()
        self._root = root
        self._below: dict[int, list[_Child]] = {}
        self._keep: list[object] = []  # what a default factory made must outlive the ids that stand for it
        self._uses: dict[int, int] = {}
        self._lines: list[Line] = []
        self._scan(root, "", set())
        shared = {key for key, uses in self._uses.items() if uses > 1}
        self._homes = self._find_homes(shared) if shared else {}

    def lines(self) -> list[Line]:
        if not self._lines:
            self._write(self._root, "", (), False)
        return self._lines

    def _scan(self, value: Any, path: str, active: set[int]) -> None:
        key = id(value)
        if key in active:
            raise ConfigError(f"{nodes.at(path)} is part of itself: a config must not be cyclic.")
        if key in self._below:
            return
        self._keep.append(value)
        self._below[key] = children = self._read(value, path)
        active.add(key)
        for element, child, _, may_be_shared in children:
            if type(child) in ATOMS:
                continue
            if may_be_shared and nodes.is_node(child):
                self._uses[id(child)] = self._uses.get(id(child), 0) + 1
            self._scan(child, path + element if path else element.removeprefix("."), active)
        active.discard(key)

    def _read(self, value: Any, path: str) -> list[_Child]:
        if type(value) is dict:
            return [_Child(key_element(k), value[k], (), True) for k in sorted_keys(value, path)]
        if type(value) in _SEQUENCES:
            return [_Child(f"[{i}]", item, (), True) for i, item in enumerate(value)]
        if nodes.is_node(value):
            self.types.add(nodes.target(value, path))
            return [
                _Child(f".{field.name}", child, field.tags, child is not field.default)
                for field, child in nodes.arguments(value, path)
            ]
        return []

    def _find_homes(self, shared: set[int]) -> dict[int, str]:
        """The path under which each shared node is written: the shortest, of equally short ones the first."""
        homes: dict[int, str] = {}
        queue: deque[tuple[str, Any]] = deque([("", self._root)])
        count = 0
        while queue:
            path, value = queue.popleft()
            for element, child, _, may_be_shared in self._below[id(value)]:
                if type(child) in ATOMS:
                    continue
                child_path = nodes.extend(path, element)
                if may_be_shared and id(child) in shared:
                    if id(child) in homes:
                        continue
                    homes[id(child)] = child_path
                count += 1
                _check_size(count)
                queue.append((child_path, child))
        return homes

    def _home(self, value: object, path: str, may_be_shared: bool) -> str | None:
        """Where a node is written, if that is not here."""
        home = self._homes.get(id(value)) if may_be_shared else None
        return None if home == path else home

    def _write(self, value: Any, path: str, tags: Tags, may_be_shared: bool) -> None:
        kind, spelled = "leaf", ""
        children = self._below[id(value)] if type(value) not in ATOMS else []
        if nodes.is_node(value):
            home = self._home(value, path, may_be_shared)
            if home is not None:
                kind, spelled, children = "ref", f"-> {home}", []
            else:
                kind, spelled = "node", f"<{nodes.symbol(nodes.target(value, path))}>"
        elif type(value) is dict or type(value) in _SEQUENCES:
            spelled = "" if children else ("{}" if type(value) is dict else "()")
        else:
            spelled = scalar_text(value, path)
        if spelled:
            self._lines.append(Line(path, spelled, kind, tags, value))
        _check_size(len(self._lines))
        for element, child, own, child_may_be_shared in children:
            child_path = path + element if path else element.removeprefix(".")
            both = merge(tags, own) if own else tags
            if type(child) in ATOMS:
                self._lines.append(Line(child_path, scalar_text(child, child_path), "leaf", both, child))
            else:
                self._write(child, child_path, both, child_may_be_shared)

    def plain(self, value: Any, path: str, may_be_shared: bool = False) -> Any:
        """The value as JSON can hold it."""
        if type(value) in ATOMS:
            scalar_text(value, path)
            return {"$float": repr(value)} if value in _INFINITIES else value
        below = self._below[id(value)]
        items = (self.plain(c.value, nodes.extend(path, c.element), c.may_be_shared) for c in below)
        if type(value) is dict:
            keys = (f"${k}" if k.startswith("$") else k for k in sorted(value))
            return dict(zip(keys, items, strict=True))
        if type(value) in _SEQUENCES:
            return list(items)
        if nodes.is_node(value):
            home = self._home(value, path, may_be_shared)
            if home is not None:
                return {"$ref": home}
            names = (c.element[1:] for c in below)
            return {"$type": nodes.symbol(nodes.target(value, path)), **dict(zip(names, items, strict=True))}
        spelled = scalar_text(value, path)
        if isinstance(value, enum.Enum):
            return {"$enum": spelled}
        if isinstance(value, set | frozenset):
            return {"$set": [plain_value(item) for item in sorted(value, key=lambda i: _element_text(i, path))]}
        return {"$symbol": spelled}


#: Types whose values have nothing below them and are plain JSON.
ATOMS = frozenset({str, int, float, bool, type(None)})
_SEQUENCES = frozenset({list, tuple})
_INFINITIES = (float("inf"), float("-inf"))


def merge(above: Tags, own: Tags) -> Tags:
    """The tags of a field with those of the fields above it."""
    if not own:
        return above
    if not above:
        return own
    return tuple(sorted({*above, *own}, key=lambda tag: tag.__name__))


def check_acyclic(value: object, path: str = "", above: tuple[int, ...] = (), done: set[int] | None = None) -> None:
    """Raises a `ConfigError` if a config is part of itself; asks for nothing else, so it may still be incomplete."""
    done = set() if done is None else done
    if id(value) in above:
        raise ConfigError(f"{nodes.at(path)} is part of itself: a config must not be cyclic.")
    if type(value) in ATOMS or id(value) in done:
        return
    below: dict[str, Any] = {}
    if isinstance(value, fdl.Buildable):
        below = {f".{name}": child for name, child in value.__arguments__.items()}
    elif isinstance(value, dict):
        below = {f"[{key!r}]": child for key, child in value.items()}
    elif isinstance(value, list | tuple):
        below = {f"[{i}]": child for i, child in enumerate(value)}
    for element, child in below.items():
        check_acyclic(child, nodes.extend(path, element), (*above, id(value)), done)
    done.add(id(value))


def _check_size(count: int) -> None:
    if count > MAX_LINES:
        raise ConfigError(
            f"The config has more than {MAX_LINES} lines; share a node instead of a list or dict of them."
        )
