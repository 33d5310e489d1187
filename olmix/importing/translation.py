"""What an imported config becomes: the settings of one of our roots, and a list of what could not be carried over."""

from __future__ import annotations

import dataclasses
from typing import Any

from olmix.data.tree import Source
from olmix.importing.document import Entry
from olmix.importing.schema import Config

#: A table with more values than this gets a name of its own, above the function.
INLINE = 4
#: Characters of a listed value that are shown, at most.
_SHOWN = 60


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listed:
    """A part of the YAML, by path and line, that is not in the experiment (or, if `carried`, differs in how it works).

    `base` says that it stands in the launch config which a generate config is for.
    """

    path: str
    line: int
    said: str
    reason: str
    carried: bool = False
    base: bool = False


@dataclasses.dataclass(frozen=True)
class Code:
    """A setting that is written as it stands here, with what it needs imported: `(module, name)`."""

    text: str
    imports: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Translation:
    """An experiment: the base function of its root, and values by the path at which the config holds them.

    `proxy` are the fields of the training run, set at every path of `proxy_at`; values are plain, instances of our
    frozen dataclasses, or `Code`. `assumed` are sentences about what the YAML does not say and the experiment must.
    """

    config: Config
    root: str
    sources: tuple[Source, ...] = ()
    proxy: dict[str, Any] = dataclasses.field(default_factory=dict)
    proxy_at: tuple[str, ...] = ()
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)
    listed: tuple[Listed, ...] = ()
    assumed: tuple[str, ...] = ()


class Notes:
    """Collects what is listed of one file, and knows what stands where."""

    def __init__(self, config: Config, base: bool = False) -> None:
        self._base = base
        self._entries: dict[str, Entry] = {}
        self._add(config.entry)
        self._found: dict[str, Listed] = {}
        for unknown in config.unknown:
            self.drop(unknown.path, f"allenai/olmix has no such key and ignores it{unknown.hint}")

    def _add(self, entry: Entry) -> None:
        self._entries[entry.path] = entry
        value = entry.value
        inside = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
        for below in inside:
            self._add(below)

    def has(self, path: str) -> bool:
        """Whether the YAML says something there."""
        return path in self._entries and self._entries[path].value not in (None, [], {})

    def drop(self, path: str, reason: str) -> None:
        """Lists a path that is not carried over; nothing if the YAML does not have it."""
        self._list(path, reason, carried=False)

    def differs(self, path: str, reason: str) -> None:
        """Lists a path that is carried over, and works in another way than there."""
        self._list(path, reason, carried=True)

    def _list(self, path: str, reason: str, carried: bool) -> None:
        entry = self._entries.get(path)
        if entry is not None and entry.value is not None and path not in self._found:
            self._found[path] = Listed(
                path=path, line=entry.line, said=said(entry), reason=reason, carried=carried, base=self._base
            )

    def all(self) -> tuple[Listed, ...]:
        """Everything listed, in the order of the file."""
        return tuple(sorted(self._found.values(), key=lambda item: (item.line, item.path)))


def said(entry: Entry) -> str:
    """The value of an entry in a few words."""
    if isinstance(entry.value, dict | list):
        return f"{len(entry.value)} {'entries' if len(entry.value) != 1 else 'entry'}"
    text = "null" if entry.value is None else entry.text
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
