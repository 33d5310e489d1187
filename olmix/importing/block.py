"""Reading the keys of one mapping, one by one, with types; what nobody asked for is remembered as unknown."""

from __future__ import annotations

import dataclasses
import math
import pathlib
from collections.abc import Collection

from olmix.errors import UserError, nearest
from olmix.importing.document import Entry, join


@dataclasses.dataclass(frozen=True, kw_only=True)
class Unknown:
    """A key that the reader does not know, and the nearest that it does."""

    path: str
    line: int
    hint: str = ""


class Block:
    """The keys of a mapping. Every method takes a key and says by its name which type it must have.

    A key that is absent, or null, gives the default. `close` collects the keys that were not read.
    """

    def __init__(self, file: pathlib.Path, entry: Entry, unknown: list[Unknown]) -> None:
        self.file = file
        self.entry = entry
        self._unknown = unknown
        self._asked: set[str] = set()
        if not isinstance(entry.value, dict):
            raise UserError(f"{self.at(entry)} must be a mapping of keys; it is {describe(entry)}.")
        self._entries: dict[str, Entry] = entry.value

    def at(self, entry: Entry) -> str:
        """`file:line: path`, the beginning of a message."""
        return f"{self.file}:{entry.line}: {entry.path or 'the file'}"

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def get(self, key: str) -> Entry | None:
        """The entry of a key; None if it is absent or null."""
        self._asked.add(key)
        found = self._entries.get(key)
        return None if found is None or found.value is None else found

    def need(self, key: str) -> Entry:
        """The entry of a key that must be there."""
        found = self.get(key)
        if found is None:
            near = nearest(key, [other for other in self._entries if other not in self._asked])
            raise UserError(f"{self.at(self.entry)} needs {key!r}, and has none{near}.")
        if found.value == "":
            raise UserError(f"{self.at(found)} is empty.")
        return found

    def text(self, key: str, default: str | None = None) -> str | None:
        """A text, as it is written."""
        found = self.get(key)
        if found is not None and isinstance(found.value, dict | list):
            raise UserError(f"{self.at(found)} must be a text; it is {describe(found)}.")
        return default if found is None else found.text

    def number(self, key: str, default: float | None = None, *, least: float = -math.inf) -> float | None:
        """A finite number of at least `least`; fractions such as 7/52 are numbers too."""
        found = self.get(key)
        return default if found is None else self.as_number(found, least)

    def as_number(self, entry: Entry, least: float = -math.inf) -> float:
        """The same for an entry."""
        value = entry.value
        if isinstance(value, str):
            value = _number_in(value)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise UserError(f"{self.at(entry)} must be a number; it is {describe(entry)}.")
        if value < least:
            raise UserError(f"{self.at(entry)} must be {least:g} or more; it is {value:g}.")
        return value

    def whole(self, key: str, default: int | None = None, *, least: int = 0) -> int | None:
        """A whole number of at least `least`."""
        found = self.get(key)
        if found is None:
            return default
        value = self.as_number(found, least)
        if value != int(value):
            raise UserError(f"{self.at(found)} must be a whole number; it is {value!r}.")
        return int(value)

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        found = self.get(key)
        if found is None:
            return default
        if not isinstance(found.value, bool):
            raise UserError(f"{self.at(found)} must be true or false; it is {describe(found)}.")
        return found.value

    def one_of(self, key: str, default: str, known: Collection[str]) -> str:
        """One of a few words."""
        value = self.text(key, default) or default
        if value not in known:
            found = self.need(key)
            raise UserError(f"{self.at(found)} is {value!r}{nearest(value, known)}; known: {', '.join(known)}.")
        return value

    def items(self, key: str) -> list[Entry]:
        """The entries of a list; none if it is absent."""
        found = self.get(key)
        if found is None:
            return []
        if not isinstance(found.value, list):
            raise UserError(f"{self.at(found)} must be a list; it is {describe(found)}.")
        return found.value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts."""
        for item in self.items(key):
            if isinstance(item.value, dict | list | None) or not item.text:
                raise UserError(f"{self.at(item)} must be a text; it is {describe(item)}.")
        return tuple(item.text for item in self.items(key))

    def numbers(self, key: str, *, least: float = -math.inf) -> dict[str, float]:
        """A mapping from names to numbers; empty if it is absent."""
        found = self.get(key)
        if found is None:
            return {}
        if not isinstance(found.value, dict):
            raise UserError(f"{self.at(found)} must be a mapping from names to numbers; it is {describe(found)}.")
        return {name: self.as_number(entry, least) for name, entry in found.value.items()}

    def block(self, key: str) -> Block:
        """The mapping below a key; an empty one if it is absent."""
        found = self.get(key)
        return self.within(found or Entry(join(self.entry.path, key), self.entry.line, {}))

    def within(self, entry: Entry) -> Block:
        """A block of the same file."""
        return Block(self.file, entry, self._unknown)

    def close(self) -> None:
        """Remembers the keys that nobody asked for."""
        for key, entry in self._entries.items():
            if key not in self._asked:
                self._unknown.append(Unknown(path=entry.path, line=entry.line, hint=nearest(key, self._asked, 1)))


def describe(entry: Entry) -> str:
    """What an entry is, for a message."""
    if entry.value is None:
        return "null"
    if isinstance(entry.value, dict | list):
        return "a mapping" if isinstance(entry.value, dict) else "a list"
    return repr(entry.text)


def _number_in(text: str) -> float | None:
    """The number that a text spells: YAML 1.1 takes 1e-4 for a text, and configs write shares as 7/52."""
    parts = text.replace("_", "").split("/")
    try:
        values = [float(part) for part in parts]
    except ValueError:
        return None
    if len(values) == 1:
        return values[0]
    return values[0] / values[1] if len(values) == 2 and values[1] else None
