"""Setting one value deep inside a config, by path, and making its nodes settable.

Values in lists, tuples and dicts are replaced by copying the container, never in place, so that the history of the field
that holds it stays true.
"""

from __future__ import annotations

from typing import Any

import fiddle as fdl
from fiddle import history

from olmix.config import nodes, paths, recording, values
from olmix.config.paths import Element
from olmix.errors import UserError


def assign(config: fdl.Config[Any], elements: tuple[Element, ...], text: str) -> list[str]:
    """Sets the value at a path to what `text` means for the type declared there, and returns warnings.

    On the way, plain instances (such as defaults) become configs, and a field that is None but may hold one kind of
    node gets one with its defaults.

    Raises:
      UserError: if the path leads nowhere or the text does not fit the type.
    """
    warnings: list[str] = []
    _assign(config, elements, "", type(None), paths.show(elements), text, warnings)
    return warnings


def _assign(
    value: Any, elements: tuple[Element, ...], path: str, hint: Any, whole: str, text: str, warnings: list[str]
) -> Any:
    """The value to put where `value` was: the same node, changed, or a changed copy of a container."""
    if not elements:
        return values.parse(text, hint, path)
    (kind, key), rest = elements[0], elements[1:]
    if isinstance(value, dict) and kind == "item" and not rest and str(key) not in value:
        key = str(key)
        warnings.append(f"{whole} is a new key{paths.near(key, value)}")
        return {**value, key: values.parse(text, values.below(hint, value), whole)}
    child = paths.step(value, elements[0], path, whole)
    child_path = paths.show((*(paths.parse(path) if path else ()), elements[0]))
    if isinstance(value, fdl.Buildable):
        field = nodes.field_map(nodes.target(value))[str(key)]
        if rest and child is None and (cls := values.node_type(field.hint)) is not None:
            child = fdl.Config(cls)
        elif rest and child is nodes.MISSING:
            raise UserError(f"There is no {whole}: {child_path} is not set.")
        elif rest:
            child = _settable(value, field, child)
        changed = _assign(child, rest, child_path, field.hint, whole, text, warnings)
        if value.__arguments__.get(field.name, nodes.MISSING) is not changed:
            setattr(value, field.name, changed)
        return value
    changed = _assign(child, rest, child_path, values.below(hint, value), whole, text, warnings)
    if changed is child:
        return value
    if isinstance(value, dict):
        return {**value, str(key): changed}
    items = list(value)
    items[int(key)] = changed
    return type(value)(items)


def _settable(node: fdl.Buildable[Any], field: nodes.Field, value: Any) -> Any:
    """The value of a field with configs for plain instances; they stay the doing of whoever set the value before."""
    changed = to_config(value, {})
    if changed is not value:
        with recording.blamed(owner(node, field.name)):
            changed = to_config(value, {})
            setattr(node, field.name, changed)
    return changed


def owner(node: fdl.Buildable[Any], name: str) -> history.Location:
    """Who set an argument last: a place in the code or on the command line, or the class whose default it is."""
    entries = [e for e in node.__argument_history__.get(name, []) if e.kind is history.ChangeKind.NEW_VALUE]
    if name in node.__arguments__ and entries:
        return entries[-1].location
    return recording.default_place(nodes.target(node))


def to_config(value: Any, memo: dict[int, Any]) -> Any:
    """A value with the plain instances in it turned into configs that build them; `memo` keeps what is shared, shared.

    A value that holds none is returned as it is.
    """
    if isinstance(value, fdl.Buildable):
        return value
    if nodes.is_node(value):
        if id(value) not in memo:
            items = {field.name: to_config(child, memo) for field, child in nodes.arguments(value)}
            memo[id(value)] = fdl.Config(type(value), **items)
        return memo[id(value)]
    if type(value) is dict:
        changed = {key: to_config(item, memo) for key, item in value.items()}
        return changed if any(changed[key] is not value[key] for key in value) else value
    if type(value) in (list, tuple):
        made = [to_config(item, memo) for item in value]
        return type(value)(made) if any(a is not b for a, b in zip(made, value, strict=True)) else value
    return value
