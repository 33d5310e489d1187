"""A data tree as source text that a person can read: common folders by name, and siblings of one pattern in one line.

Siblings are of one pattern when they differ by their names, by the places where those names stand in their paths, and by
a few numbers. Then they are written once, in a comprehension over those differences.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Mapping
from typing import Any

from olmix.data.tree import Node, Source, Tree, children
from olmix.importing.source_text import Call, Each, Name, Splat, quoted

#: A folder shorter than this is not worth a name, and neither is one that stands in a single path.
_SHORTEST = 24
#: Numbers in which siblings of one pattern may differ, besides their names.
_COLUMNS = 4
_VARIABLES = {"Source": "source", "Topic": "topic", "QualityBucket": "bucket"}


@dataclasses.dataclass(frozen=True)
class _Hole:
    """A number that differs between siblings, by the name of its variable."""

    name: str


@dataclasses.dataclass(frozen=True)
class _Pattern:
    """A node with holes: strings hold `\\0variable\\0` where a name stood; numbers may be holes."""

    kind: str
    name: str
    weight: Any
    repetition_limit: Any
    paths: tuple[str, ...]
    field: str
    below: tuple[_Pattern, ...]


class TreeText:
    """Writes one tree. `folders` are those that have a name already (name -> folder); new ones are in `constants`."""

    def __init__(self, tree: Tree, folders: Mapping[str, str]) -> None:
        self.constants: dict[str, str] = {}
        self.kinds: set[str] = set()
        self._known = dict(folders)
        for source in tree.sources:
            self._name_folder(source)
        self.value = Call(
            "fdl.Config", (Name("Tree"),), (("sources", self._siblings(tuple(map(_pattern, tree.sources)), {})),)
        )

    def _name_folder(self, source: Source) -> None:
        paths = [path for node in _all(source) for path in node.paths]
        folder = _common(paths)
        best = max((f for f in self._known.values() if all(p.startswith(f"{f}/") for p in paths)), key=len, default="")
        if len(folder) < _SHORTEST or len(paths) < 2 or len(folder) <= len(best):
            return
        name = re.sub(r"\W+", "_", source.name).strip("_").upper() or "SOURCE"
        name = f"S_{name}" if name[0].isdigit() else name
        while name in self._known or name in self.constants:
            name += "_DATA"
        self.constants[name] = folder

    def _siblings(self, nodes: tuple[_Pattern, ...], scope: Mapping[str, str]) -> Any:
        """A list of the nodes, with comprehensions for those of one pattern."""
        runs = [tuple(run) for _, run in itertools.groupby(nodes, _prefix)]
        texts = [self._one_pattern(run, scope) if len(run) > 1 else None for run in runs]
        if len(runs) == 1 and texts[0] is not None:
            return texts[0]
        parts: list[Any] = []
        for run, text in zip(runs, texts, strict=True):
            parts += [self._node(node, scope) for node in run] if text is None else [Splat(text)]
        return parts

    def _one_pattern(self, nodes: tuple[_Pattern, ...], scope: Mapping[str, str]) -> Each | None:
        """All nodes as one comprehension, if they are alike enough."""
        variable = _VARIABLES[nodes[0].kind]
        if variable in scope or any(map(_holed, nodes)):
            return None
        prefix = _prefix(nodes[0])
        names = [node.name[len(prefix) :] for node in nodes]
        columns: dict[str, list[Any]] = {}
        alike = tuple(_abstract(node, name, variable) for node, name in zip(nodes, names, strict=True))
        pattern = _unify(alike, "", columns)
        if pattern is None or len(columns) > _COLUMNS:
            return None
        element = self._node(
            dataclasses.replace(pattern, name=f"{prefix}\0{variable}\0"), {**scope, variable: variable}
        )
        if not columns:
            return Each(element, variable, tuple(names))
        rows = tuple((name, *(column[i] for column in columns.values())) for i, name in enumerate(names))
        return Each(element, ", ".join([variable, *columns]), rows)

    def _node(self, node: _Pattern, scope: Mapping[str, str]) -> Call:
        self.kinds.add(node.kind)
        named: list[tuple[str, Any]] = [("name", self._text(node.name))]
        for field in ("weight", "repetition_limit"):
            value = getattr(node, field)
            if value is not None:
                named.append((field, Name(value.name) if isinstance(value, _Hole) else value))
        below = self._siblings(node.below, scope) if node.below else [self._text(path) for path in node.paths]
        return Call("fdl.Config", (Name(node.kind),), (*named, (node.field, below)))

    def _text(self, text: str) -> Any:
        """A text with holes, and with the name of its folder where that has one."""
        folders = {**self._known, **self.constants}
        name = max(
            (n for n, f in folders.items() if text.startswith(f"{f}/")), key=lambda n: len(folders[n]), default=""
        )
        rest = text[len(folders[name]) :] if name else text
        if not name and "\0" not in rest:
            return rest
        whole = re.fullmatch(r"\0(\w+)\0", rest)
        if whole:
            return Name(whole[1])
        escaped = quoted(rest.replace("{", "{{").replace("}", "}}")).replace("\\x00", "\0")
        filled = re.sub(r"\0(\w+)\0", r"{\1}", escaped)
        return Name(f"f{filled[0]}{'{' + name + '}' if name else ''}{filled[1:]}")


def _prefix(node: _Pattern) -> str:
    """What a name has in common with its neighbours: all up to its last colon."""
    return node.name[: node.name.rfind(":") + 1]


def _all(node: Node) -> list[Node]:
    return [node, *(other for child in children(node) for other in _all(child))]


def _common(paths: list[str]) -> str:
    """The longest folder that all paths lie in, without a glob."""
    parts = [path.split("/") for path in paths]
    same = 0
    while all(len(p) > same + 1 and p[same] == parts[0][same] and not re.search(r"[*?{\[]", p[same]) for p in parts):
        same += 1
    return "/".join(parts[0][:same])


def _pattern(node: Node) -> _Pattern:
    below = children(node)
    return _Pattern(
        kind=type(node).__name__,
        name=node.name,
        weight=node.weight,
        repetition_limit=node.repetition_limit,
        paths=node.paths,
        field="paths" if not below else "topics" if getattr(node, "topics", ()) else "quality",
        below=tuple(map(_pattern, below)),
    )


def _abstract(node: _Pattern, name: str, variable: str) -> _Pattern:
    """The node with `name` taken out of its paths where it is a whole part of them."""
    part = re.compile(rf"(?<![^/]){re.escape(name)}(?![^/])")
    return dataclasses.replace(
        node,
        paths=tuple(part.sub(f"\0{variable}\0", path) for path in node.paths),
        below=tuple(_abstract(child, name, variable) for child in node.below),
    )


def _unify(nodes: tuple[_Pattern, ...], above: str, columns: dict[str, list[Any]]) -> _Pattern | None:
    """One pattern of all, with the differing numbers in `columns`; None if they differ in anything else."""
    first = nodes[0]
    shape = {(node.kind, node.field, node.paths, len(node.below), above and node.name) for node in nodes}
    if len(shape) != 1:
        return None
    numbers = {}
    for field in ("weight", "repetition_limit"):
        values = [getattr(node, field) for node in nodes]
        numbers[field] = values[0]
        if any(type(value) is not type(values[0]) or value != values[0] for value in values):
            if any(value is None for value in values):
                return None
            name = re.sub(r"\W+", "_", f"{above}_{field}".strip("_"))
            if not name.isidentifier() or name in columns:
                name = f"number_{len(columns) + 1}"
            columns[name] = values
            numbers[field] = _Hole(name)
    below = []
    for group in zip(*(node.below for node in nodes), strict=True):
        found = _unify(group, group[0].name, columns)
        if found is None:
            return None
        below.append(found)
    return dataclasses.replace(first, below=tuple(below), **numbers)


def _holed(node: _Pattern) -> bool:
    return isinstance(node.weight, _Hole) or isinstance(node.repetition_limit, _Hole) or any(map(_holed, node.below))
