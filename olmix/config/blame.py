"""Blame: for every line of the canonical form, who set it last, and what it was before.

Read off the history that Fiddle keeps in each config, with the places that `olmix.config.recording` put into it. A value
that nobody set is blamed on the default of its class. An element of a list or dict is blamed on whoever last *changed*
it, so that appending to a tuple does not take the blame for what was in it.

The sidecar (`blame.json`, beside `resolved.json`) keeps all that, since Fiddle's own JSON forgets it.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import fiddle as fdl
from fiddle import history

from olmix.config import canonical, nodes
from olmix.config.nodes import ConfigError
from olmix.config.recording import Layer, Place, default_place


@dataclasses.dataclass(frozen=True, slots=True)
class Blame:
    """Who set a value. `place` is a file and line with a function, a flag, or the class whose default it is.

    `kind` is base, preset, overlay, experiment, part, code, flag, file or default; `before` is the value it replaced, as
    the canonical text spells it, or None if there was none.
    """

    place: str
    layer: str = ""
    kind: str = "code"
    before: str | None = None

    def __str__(self) -> str:
        return self.place


@dataclasses.dataclass(frozen=True)
class _Version:
    """A value that a field once had, and whose it was."""

    value: Any
    place: Place


def blame(config: object, lines: list[canonical.Line] | None = None) -> dict[str, Blame]:
    """The blame of every line of `canonical.lines(config)` (given, if it is known already), by path.

    Raises:
      ConfigError: as `canonical.text` does.
    """
    return _Collector(config, canonical.lines(config) if lines is None else lines).found


#: How sentences name settings: `proxy.batch_tokens`, and the step that they are about before the first colon.
_SETTING = re.compile(r"\b[a-z_]\w*(?:\.[a-z_]\w*)+")
_STEP = re.compile(r"([a-z_.]+)(?:/[^:\s]*)?: ")


def places(sentence: str, blames: Mapping[str, Blame]) -> str:
    """Who set what a sentence about a step names, ` (proxy.tokens: --set=..., proxy.batch_tokens: presets/local_text.py:70)`.

    A setting that nobody set, or that several steps have and the sentence tells no step of, is left out.
    """
    step = _STEP.match(sentence)
    found = {}
    for name in _SETTING.findall(sentence):
        paths = [name, *([f"{step[1]}.{name}", f"{step[1]}.proxy.{name}"] if step is not None else [])]
        # A node that steps share has its lines with the first of them.
        known = [path for path in paths if path in blames] or [path for path in blames if path.endswith(f".{name}")]
        if len({blames[path].place for path in known}) == 1 and blames[known[0]].kind != "default":
            found[name] = blames[known[0]].place
    return f" ({', '.join(f'{name}: {place}' for name, place in found.items())})" if found else ""


class _Collector:
    def __init__(self, config: object, lines: list[canonical.Line]) -> None:
        self.found: dict[str, Blame] = {}
        self._kinds = {line.path: line.kind for line in lines}
        place = default_place(nodes.target(config))
        if isinstance(config, fdl.Buildable):
            entries = config.__argument_history__["__fn_or_cls__"]
            place = _as_place(entries[-1].location) if entries else place
        self._visit(config, "", [_Version(config, place)])

    def _visit(self, value: Any, path: str, versions: list[_Version]) -> None:
        """Blames what lies at a path and below; `versions` are all values that were there, the oldest first."""
        kind = self._kinds.get(path)
        if kind is not None:
            self.found[path] = _as_blame(versions)
        if kind in ("leaf", "ref"):
            return
        if isinstance(value, fdl.Buildable):
            for field in nodes.fields(nodes.target(value)):
                self._visit_field(value, field, path, versions)
        elif nodes.is_node(value):
            for field, child in nodes.arguments(value):
                self._visit(child, nodes.join(path, field.name), _below(versions, field.name))
        elif isinstance(value, dict):
            for key, child in sorted(value.items()):
                self._visit(child, path + canonical.key_element(key), _below(versions, key))
        else:
            for i, child in enumerate(value):
                self._visit(child, f"{path}[{i}]", _below(versions, i))

    def _visit_field(self, node: fdl.Buildable[Any], field: nodes.Field, path: str, above: list[_Version]) -> None:
        """The versions of a field: what the node before this one had there (or the default), then its own history."""
        older = [version for version in _below(above, field.name) if version.value is not nodes.MISSING]
        earlier = [v for v in above[:-1] if nodes.is_node(v.value)]
        versions = older[:-1] if earlier and older else []
        default = field.default_value()
        if not versions and default is not nodes.MISSING:
            versions = [_Version(default, default_place(nodes.target(node)))]
        for entry in node.__argument_history__.get(field.name, []):
            if entry.kind is history.ChangeKind.NEW_VALUE:
                value = default if entry.new_value is history.DELETED else entry.new_value
                if value is not nodes.MISSING:
                    versions.append(_Version(value, _as_place(entry.location)))
        if field.name not in node.__arguments__ and default is not nodes.MISSING and earlier:
            # Nobody set it on this node: it is the default again, whatever the node before it had.
            versions.append(_Version(default, default_place(nodes.target(node))))
        self._visit(nodes.argument(node, field, path), nodes.join(path, field.name), versions)


def _below(versions: list[_Version], key: str | int) -> list[_Version]:
    """The versions of one element of a value, where it had that element.

    Of a list or dict only those that changed the element: whoever appends to it writes the others as they were.
    """
    found: list[_Version] = []
    for version in versions:
        value = _element(version.value, key)
        rewritten = not nodes.is_node(version.value) and found and _same(found[-1].value, value)
        if value is not nodes.MISSING and not rewritten:
            found.append(_Version(value, version.place))
    return found


def _element(value: Any, key: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(str(key), nodes.MISSING)
    if isinstance(value, list | tuple):
        return value[key] if isinstance(key, int) and key < len(value) else nodes.MISSING
    if isinstance(value, fdl.Buildable):
        field = nodes.field_map(nodes.target(value)).get(str(key))
        if field is None:
            return nodes.MISSING
        return value.__arguments__.get(field.name, field.default_value())
    if nodes.is_node(value):
        return getattr(value, str(key), nodes.MISSING)
    return nodes.MISSING


def _same(left: Any, right: Any) -> bool:
    if left is right:
        return True
    if nodes.is_node(left) or nodes.is_node(right):
        return False
    return spell(left) == spell(right)


def spell(value: Any) -> str:
    """A value for people, also one that a config must not hold (it may have been replaced since)."""
    try:
        return canonical.value_text(value)
    except ConfigError:
        return repr(value)


def _as_blame(versions: list[_Version]) -> Blame:
    *older, last = versions
    place = last.place
    before = place.before if place.before is not None else spell(older[-1].value) if older else None
    if place.kind == "default" and before == spell(last.value):
        before = None
    return Blame(place=str(place), layer=place.layer, kind=place.kind, before=before)


def _as_place(location: history.Location) -> Place:
    if isinstance(location, Place):
        return location
    # Set while nobody was recording; the name of the file says enough, its folder is only this machine's.
    file = location.filename.replace("\\", "/").rsplit("/", 1)[-1]
    return Place(file, location.line_number, location.function_name)


# ----------------------------------------------------------------- the sidecar


def to_json(blames: Mapping[str, Blame], *, experiment: str, hypothesis: str, layers: Iterable[Layer]) -> str:
    """The sidecar: the blame of every line, and the layers that the config went through."""
    document = {
        "experiment": experiment,
        "format": canonical.FORMAT,
        "hypothesis": hypothesis,
        "layers": [dataclasses.asdict(layer) for layer in layers],
        "lines": {path: _without_empty(item) for path, item in blames.items()},
    }
    return json.dumps(document, ensure_ascii=True, indent=1, sort_keys=True) + "\n"


@dataclasses.dataclass(frozen=True)
class Sidecar:
    """What a sidecar says."""

    experiment: str
    hypothesis: str
    layers: tuple[Layer, ...]
    lines: dict[str, Blame]

    def place(self, path: str) -> Place:
        """Whom to blame for the value at a path; a list or dict has no line of its own but those of its items."""
        found = self.lines.get(path)
        if found is None:
            found = next((item for line, item in self.lines.items() if line.startswith(f"{path}[")), None)
        if found is None:
            return Place("unknown", 0, None, kind="file")
        return Place(found.place, 0, None, layer=found.layer, kind=found.kind, before=found.before)


def from_json(text: str, source: str) -> Sidecar:
    """Reads a sidecar.

    Raises:
      ConfigError: if it is none, or of a newer format.
    """
    try:
        document = json.loads(text)
        if document["format"] > canonical.FORMAT:
            raise ConfigError(f"{source} was written by a newer version of olmix (format {document['format']}).")
        return Sidecar(
            experiment=document["experiment"],
            hypothesis=document["hypothesis"],
            layers=tuple(Layer(**layer) for layer in document["layers"]),
            lines={path: Blame(**item) for path, item in document["lines"].items()},
        )
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{source} is not the blame of a config: {error}.") from None


def _without_empty(item: Blame) -> dict[str, Any]:
    return {name: value for name, value in dataclasses.asdict(item).items() if value not in ("", None)}
