"""A YAML file as entries that know their path and line, so that every message can say where something stands.

PyYAML's own loader forgets lines, lets a key that stands twice silently win the second time, and turns names such as
`on` into truth values. Here a key is always its text, a key that stands twice is an error, and merge keys (`<<`) and
aliases are followed. What that trades away: custom tags, which are refused.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterator

import yaml

from olmix.errors import UserError

Value = dict[str, "Entry"] | list["Entry"] | str | int | float | bool | None

#: Aliases of aliases can unfold without end; no config comes near so many entries.
_MOST = 200_000


@dataclasses.dataclass(frozen=True)
class Entry:
    """A value, where it stands, and its text as written (empty for mappings and lists)."""

    path: str
    line: int
    value: Value
    text: str = ""

    def scalars(self) -> Iterator[Entry]:
        """All values below that hold no others; an empty mapping or list is one too."""
        inside = list(self.value.values()) if isinstance(self.value, dict) else self.value
        if not isinstance(inside, list) or not inside:
            yield self
            return
        for entry in inside:
            yield from entry.scalars()


def read(file: pathlib.Path) -> Entry:
    """The file as one entry, a mapping.

    Raises:
      UserError: when it cannot be read, is no YAML, holds several documents or no mapping, or says a key twice.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise UserError(f"{file} cannot be read: {reason}.") from None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UserError(f"{file}:{line} is not YAML: {error.problem}.") from None
    except yaml.YAMLError as error:
        raise UserError(f"{file} is not YAML: {' '.join(str(error).split())}.") from None
    except RecursionError:
        raise UserError(f"{file} is nested too deeply to be a config.") from None
    if not isinstance(node, yaml.MappingNode):
        what = (
            "is empty" if node is None else f"holds {'a list' if isinstance(node, yaml.SequenceNode) else 'one value'}"
        )
        raise UserError(f"{file} {what}; a config of allenai/olmix is a mapping of sections.")
    try:
        return _Reader(file).entry(node, "")
    except RecursionError:
        raise UserError(f"{file} is nested too deeply to be a config.") from None


class _Reader:
    """Turns nodes into entries; keeps count, and remembers what it is inside of."""

    def __init__(self, file: pathlib.Path) -> None:
        self._file = file
        self._constructor = yaml.constructor.SafeConstructor()
        self._inside: set[int] = set()
        self._count = 0

    def entry(self, node: yaml.Node, path: str) -> Entry:
        """The entry of a node that stands at `path`."""
        line = node.start_mark.line + 1
        self._count += 1
        if self._count > _MOST or id(node) in self._inside:
            raise UserError(f"{self._file}:{line}: {path} refers to itself, or its aliases unfold to too many values.")
        if isinstance(node, yaml.ScalarNode):
            return Entry(path, line, self._scalar(node, line), node.value)
        self._inside.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            value: Value = [self.entry(child, f"{path}[{i}]") for i, child in enumerate(node.value)]
        elif isinstance(node, yaml.MappingNode):
            value = self._mapping(node, path)
        else:
            raise TypeError(type(node))
        self._inside.discard(id(node))
        return Entry(path, line, value)

    def _scalar(self, node: yaml.ScalarNode, line: int) -> str | int | float | bool | None:
        try:
            value = self._constructor.construct_object(node)
        except (yaml.YAMLError, ValueError):
            raise UserError(f"{self._file}:{line}: {node.value!r} has a tag or form that is not read here.") from None
        return value if isinstance(value, str | int | float | bool | None) else str(node.value)

    def _mapping(self, node: yaml.MappingNode, path: str) -> dict[str, Entry]:
        lines: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise UserError(f"{self._file}:{line}: a key under {path or 'the file'} is not a plain text.")
            if key.value in lines and key.value != "<<":
                raise UserError(
                    f"{self._file}:{line}: {join(path, key.value)} stands twice, first in line {lines[key.value]}."
                )
            lines[key.value] = line
        try:
            self._constructor.flatten_mapping(node)  # Puts what is merged before what is said here, which then wins.
        except yaml.MarkedYAMLError as error:
            raise UserError(f"{self._file}:{node.start_mark.line + 1}: {error.problem}.") from None
        return {key.value: self.entry(child, join(path, key.value)) for key, child in node.value}


def join(path: str, key: str) -> str:
    """The path of a key below `path`."""
    return f"{path}.{key}" if path else key
