"""Reading back what `canonical.to_json` wrote: exactly that config, or a refusal that says what the code no longer has.

Every value in the document is set explicitly, defaults too, so that a default that has changed in the code since cannot
slip in; such changes are reported beside the config. Nothing is built here, but the modules of the types are imported:
load only documents whose code you would run.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable
from typing import Any

import fiddle as fdl
from fiddle import history

from olmix.config import canonical, nodes, paths, values
from olmix.config.nodes import ConfigError
from olmix.config.recording import Place
from olmix.errors import nearest

_SPECIAL = ("$type", "$ref", "$set", "$float", "$enum", "$symbol")


@dataclasses.dataclass(frozen=True)
class ChangedDefault:
    """A default that the code had another value for when the document was written; as canonical JSON, or None."""

    type: str
    field: str
    then: str | None
    now: str | None

    def __str__(self) -> str:
        if self.then is None:
            return f"{self.type}.{self.field} is new, with the default {self.now}"
        return f"the default of {self.type}.{self.field} was {self.then} and is {self.now} now"


@dataclasses.dataclass(frozen=True)
class Loaded:
    """A config that was read, the defaults of then, and which of them have changed since."""

    config: fdl.Config[Any]
    defaults: dict[str, dict[str, Any]]
    changed_defaults: tuple[ChangedDefault, ...]


def from_json(text: str, place: Callable[[str], Place], source: str = "The document") -> Loaded:
    """Reads a document; `place` gives whom to blame for the value at a path, `source` names the document in errors.

    Raises:
      ConfigError: if it is no such document, is of a newer format, or holds types or arguments that no longer exist
        (all of them are named).
    """
    document = parse_document(text, source)
    reader = _Reader(document["config"], place)
    config = reader.value(document["config"], "", Any)
    if reader.problems:
        raise ConfigError(f"{source} cannot be run by this code: {'; '.join(reader.problems)}.")
    if not isinstance(config, fdl.Config):
        raise ConfigError(f"{source} holds no config.")
    return Loaded(config, document["defaults"], tuple(changed_defaults(document["defaults"], reader.types)))


def parse_document(text: str, source: str) -> dict[str, Any]:
    """The JSON of a document, its frame checked.

    Raises:
      ConfigError: if it is no such document or of a newer format.
    """
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{source} is not JSON: {error}.") from None
    if not isinstance(document, dict) or not isinstance(document.get("format"), int):
        raise ConfigError(f"{source} is not a resolved config (it has no format number).")
    if document["format"] > canonical.FORMAT:
        raise ConfigError(
            f"{source} was written by a newer version of olmix: it has format {document['format']}, and this code reads "
            f"formats up to {canonical.FORMAT}."
        )
    if not isinstance(document.get("config"), dict) or not isinstance(document.get("defaults"), dict):
        raise ConfigError(f"{source} is not a resolved config (it needs config and defaults).")
    return document


def changed_defaults(then: dict[str, dict[str, Any]], types: set[type]) -> list[ChangedDefault]:
    """The defaults of these types that differ between a document and the code, sorted."""
    changed = []
    now = canonical.defaults(types)
    for name, fields in sorted(now.items()):
        old = then.get(name, {})
        for field, value in sorted(fields.items()):
            was = _line(old[field]) if field in old else None
            if was != _line(value):
                changed.append(ChangedDefault(name, field, was, _line(value)))
    return changed


def _line(plain: Any) -> str:
    return canonical.escape(json.dumps(plain, ensure_ascii=False, sort_keys=True))


class _Reader:
    """Reads one document. What is shared is found by its path, wherever in the document that is."""

    def __init__(self, root: dict[str, Any], place: Callable[[str], Place]) -> None:
        self.problems: list[str] = []
        self.types: set[type] = set()
        self._root = root
        self._place = place
        self._made: dict[int, Any] = {}
        self._active: set[int] = set()

    def value(self, plain: Any, path: str, hint: Any) -> Any:
        """The value that a piece of the document at `path` stands for, in a field of this declared type."""
        if isinstance(plain, list):
            kind = values.container_type(hint, (tuple, list))
            inner = values.below(hint, plain)
            return kind(self.value(item, f"{path}[{i}]", inner) for i, item in enumerate(plain))
        if not isinstance(plain, dict):
            return plain
        if "$type" in plain:
            return self._node(plain, path)
        if "$ref" in plain:
            return self._shared(plain["$ref"], path)
        special = next((key for key in _SPECIAL if key in plain), None)
        if special is None:
            inner = values.below(hint, plain)
            keys = {key[1:] if key.startswith("$$") else key: item for key, item in plain.items()}
            return {key: self.value(item, path + canonical.key_element(key), inner) for key, item in keys.items()}
        return self._special(special, plain[special], path, hint)

    def _special(self, kind: str, content: Any, path: str, hint: Any) -> Any:
        if kind == "$float" and content in ("inf", "-inf"):
            return float(content)
        if kind == "$set" and isinstance(content, list):
            made = (self.value(item, path, values.below(hint, set())) for item in content)
            return values.container_type(hint, (frozenset, set))(made)
        if kind in ("$enum", "$symbol") and isinstance(content, str):
            return self._find(content, path)
        raise ConfigError(f"{nodes.at(path)} in the document cannot be read: {kind} of {content!r}.")

    def _find(self, symbol: Any, path: str) -> Any:
        module = str(symbol).partition(":")[0]
        if module.partition(".")[0] in sys.stdlib_module_names:
            self.problems.append(f"{nodes.at(path)} names {symbol!r}, a part of Python itself, which no config needs")
            return None
        try:
            return nodes.find_symbol(str(symbol))
        except ConfigError as error:
            self.problems.append(f"{nodes.at(path)}: {str(error).rstrip('.')}")
            return None

    def _node(self, plain: dict[str, Any], path: str) -> Any:
        key = id(plain)
        if key in self._made:
            return self._made[key]
        if key in self._active:
            raise ConfigError(f"{nodes.at(path)} is part of itself: a config must not be cyclic.")
        cls = self._find(plain["$type"], path)
        if cls is None:
            return None
        if not (isinstance(cls, type) and dataclasses.is_dataclass(cls)):
            self.problems.append(f"{nodes.at(path)} is a config of {plain['$type']}, which is no dataclass")
            return None
        self._active.add(key)
        self.types.add(cls)
        known = nodes.field_map(cls)
        for name in sorted(plain.keys() - known.keys() - {"$type"}):
            near = nearest(name, known)
            self.problems.append(
                f"{plain['$type']} no longer has the argument {name!r}{near} ({nodes.join(path, name)})"
            )
        for name in sorted(known.keys() - plain.keys()):
            if known[name].default_value() is nodes.MISSING:
                self.problems.append(f"{plain['$type']} now needs {name!r} ({nodes.join(path, name)})")
        with history.custom_location(lambda: self._place(path)):
            config = fdl.Config(cls)
        for name in known.keys() & plain.keys():
            child_path = nodes.join(path, name)
            value = self.value(plain[name], child_path, known[name].hint)
            with history.custom_location(lambda p=child_path: self._place(p)):
                setattr(config, name, value)
        self._active.discard(key)
        self._made[key] = config
        return config

    def _shared(self, home: Any, path: str) -> Any:
        found: Any = self._root
        for _, name in paths.parse(str(home)):
            try:
                found = found[f"${name}" if str(name).startswith("$") else name]
            except (KeyError, IndexError, TypeError):
                raise ConfigError(f"{nodes.at(path)} refers to {home!r}, which the document does not have.") from None
        if not isinstance(found, dict) or "$type" not in found:
            raise ConfigError(f"{nodes.at(path)} refers to {home!r}, which is not a node.")
        return self._node(found, str(home))
