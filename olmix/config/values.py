"""Values from the command line, read as the type that the field declares, and the check that a value fits its type.

`--set` knows what it sets: `3` becomes 3 for an int, 3.0 for a float and "3" for a str, and `[web, code]` needs no inner
quotes. Where the declared type says nothing (`Any`), the spelling decides.
"""

from __future__ import annotations

import ast
import collections.abc
import dataclasses
import enum
import importlib
import types
import typing
from typing import Any

import fiddle as fdl

from olmix.config import nodes
from olmix.errors import UserError, nearest

_WORDS = {"none": None, "null": None, "true": True, "false": False}
_OPEN, _CLOSE = "[({", "])}"
_UNIONS = (typing.Union, types.UnionType)
_SEQUENCE_TYPES = (list, tuple, collections.abc.Sequence)
_SET_TYPES = (set, frozenset, collections.abc.Set)
_MAPPING_TYPES = (dict, collections.abc.Mapping)


class MisfitError(ValueError):
    """A text or value that the declared type does not allow. The message says what would be right."""


def parse(text: str, hint: Any, path: str) -> Any:
    """The value that a text on the command line means for a field with this type.

    Raises:
      UserError: with the path, the declared type and the nearest right spelling.
    """
    try:
        return _parse(text.strip(), hint)
    except MisfitError as error:
        raise UserError(f"{path} is {show_type(hint)}: {error}.") from None


def _parse(text: str, hint: Any) -> Any:
    hint = nodes.split_hint(hint)[0]
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in _UNIONS:
        return _parse_union(text, args)
    if hint is None or hint is type(None):
        if text.lower() in ("none", "null"):
            return None
        raise MisfitError(f"{text!r} is not None")
    if origin is typing.Literal:
        for choice in args:
            if text in (str(choice), repr(choice)):
                return choice
        raise MisfitError(f"{text!r} is none of them{nearest(text, map(str, args))}")
    if hint is bool:
        if _WORDS.get(text.lower()) in (True, False) and text.lower() in ("true", "false"):
            return text.lower() == "true"
        raise MisfitError(f"{text!r} is neither true nor false")
    if hint is int or hint is float:
        return _number(text, hint)
    if hint is str:
        return _unquote(text)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        for member in hint:
            if text in (member.name, str(member.value), str(member)):
                return member
        raise MisfitError(f"{text!r} is none of them{nearest(text, [s for m in hint for s in (m.name, str(m.value))])}")
    base = origin or hint
    if base in _SEQUENCE_TYPES or base in _SET_TYPES:
        return _parse_items(text, base, args)
    if base in _MAPPING_TYPES:
        inner = args[1] if len(args) == 2 else Any
        return {str(_parse(k, str)): _parse(v, inner) for k, v in _pairs(text)}
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        kinds = _kinds(hint)
        if text in kinds:
            return fdl.Config(kinds[text])
        other = (
            f", or name another kind{nearest(text, kinds)}: {', '.join(kinds)}"
            if kinds
            else ", or replace it in an overlay"
        )
        raise MisfitError(f"set its fields one by one{other}")
    return _parse_by_spelling(text)


def _kinds(base: type) -> dict[str, type]:
    """What may stand where a `base` is asked for, by name: its subclasses that its package exports.

    One that other packages of ours build upon is a base itself, and no choice; whoever derives one of their own from it may
    still name it.
    """
    room = base.__module__.rpartition(".")[0] or base.__module__
    package, house = importlib.import_module(room), base.__module__.partition(".")[0]
    public: dict[str, Any] = {name: getattr(package, name) for name in getattr(package, "__all__", ())}

    def choice(kind: Any) -> bool:
        if not isinstance(kind, type) or base not in kind.__mro__[1:]:
            return False
        below: list[type] = kind.__subclasses__()
        homes = [one.__module__ for one in below]
        return all(home.startswith(room) for home in homes if home.partition(".")[0] == house)

    return {name: kind for name, kind in public.items() if choice(kind)}


def _parse_union(text: str, args: tuple[Any, ...]) -> Any:
    """The first member that takes the text, strings last because they take any."""
    ordered = sorted(args, key=lambda arg: (arg is str, arg is float, arg is not type(None)))
    reasons = []
    for arg in ordered:
        try:
            return _parse(text, arg)
        except MisfitError as error:
            reasons.append(str(error))
    raise MisfitError("; ".join(dict.fromkeys(reasons)))


def _parse_items(text: str, base: Any, args: tuple[Any, ...]) -> Any:
    items = _items(text)
    if base is tuple and args and args[-1] is not Ellipsis:
        if len(items) != len(args):
            raise MisfitError(f"{text!r} has {len(items)} items, not {len(args)}")
        return tuple(_parse(item, arg) for item, arg in zip(items, args, strict=True))
    inner = args[0] if args else Any
    values = [_parse(item, inner) for item in items]
    if base in _SET_TYPES:
        return set(values) if base is set else frozenset(values)
    return values if base is list else tuple(values)


def _number(text: str, kind: type) -> int | float:
    try:
        number: int | float = kind(text)
    except ValueError:
        pass
    else:
        if number != number:
            raise MisfitError(f"{text!r} is not a number")
        return number
    if kind is int:
        try:
            whole = float(text)
        except ValueError:
            raise MisfitError(f"{text!r} is not a whole number") from None
        hint = f"; write {int(whole)}" if whole.is_integer() else ""
        raise MisfitError(f"{text!r} is not a whole number{hint}")
    raise MisfitError(f"{text!r} is not a number")


def _unquote(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        try:
            value = ast.literal_eval(text)
        except (SyntaxError, ValueError):
            return text
        if isinstance(value, str):
            return value
    return text


def _parse_by_spelling(text: str) -> Any:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if text[:1] and text[0] in _OPEN:
        if text[0] == "{" and (text == "{}" or _split(text[1:-1], ":", 1)[1:]):
            return {_unquote(k): _parse_by_spelling(v) for k, v in _pairs(text)}
        items = [_parse_by_spelling(item) for item in _items(text)]
        return frozenset(items) if text[0] == "{" else tuple(items)
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return _unquote(text)


def _items(text: str) -> list[str]:
    """The parts of `[a, b]`, `(a, b)`, `{a, b}` or `a,b`."""
    inner = text
    if text[:1] and text[0] in _OPEN:
        if text[-1] != _CLOSE[_OPEN.index(text[0])]:
            raise MisfitError(f"{text!r} has no closing bracket")
        inner = text[1:-1]
    parts = _split(inner, ",")
    return parts[:-1] if parts and not parts[-1] else parts


def _pairs(text: str) -> list[tuple[str, str]]:
    if not (text.startswith("{") and text.endswith("}")):
        raise MisfitError(f"{text!r} is not written like {{key: value}}")
    pairs = []
    for item in _items(text):
        # A key may hold colons of its own (`web:code: 0.5`): the last one before the value separates.
        parts = _split(item, ":")
        if len(parts) < 2:
            raise MisfitError(f"{item!r} is not written like key: value")
        pairs.append((":".join(parts[:-1]), parts[-1]))
    return pairs


def _split(text: str, separator: str, times: int = -1) -> list[str]:
    """Splits outside of quotes and brackets, and strips the parts."""
    parts: list[str] = []
    depth, quote, start = 0, "", 0
    for i, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in _OPEN:
            depth += 1
        elif char in _CLOSE:
            depth -= 1
        elif char == separator and depth == 0 and len(parts) != times:
            parts.append(text[start:i].strip())
            start = i + 1
    if depth or quote:
        raise MisfitError(f"{text!r} has an open bracket or quote")
    return [*parts, text[start:].strip()]


# ----------------------------------------------------------------- the check


def fits(value: object, hint: Any) -> bool:
    """Whether a value (or config) is what a field with this type expects; True where the type cannot be judged.

    An int does for a float, and a list for a tuple, as everywhere in Python's typing of numbers and in the canonical form.
    """
    hint = nodes.split_hint(hint)[0]
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any or isinstance(hint, typing.TypeVar | str):
        return True
    if origin in _UNIONS:
        return any(fits(value, arg) for arg in args)
    if origin is typing.Literal:
        return any(type(value) is type(choice) and value == choice for choice in args)
    if hint is None or hint is type(None):
        return value is None
    if hint is float:
        return type(value) in (int, float)
    base = origin or hint
    if base in _SEQUENCE_TYPES:
        if not isinstance(value, list | tuple):
            return False
        if base is tuple and args and args[-1] is not Ellipsis:
            return len(args) == len(value) and all(map(fits, value, args))
        return not args or all(fits(item, args[0]) for item in value)
    if base in _SET_TYPES:
        return isinstance(value, set | frozenset) and all(fits(item, args[0]) for item in value if args)
    if base in _MAPPING_TYPES:
        return isinstance(value, dict) and all(fits(item, args[1]) for item in value.values() if len(args) == 2)
    if base is type or base is collections.abc.Callable:
        return callable(value)
    if not isinstance(base, type):
        return True
    if nodes.is_node(value):
        return issubclass(nodes.target(value), base)
    return type(value) is base if base in (int, str, bool) else isinstance(value, base)


def show_type(hint: Any) -> str:
    """A declared type in words for a message: `a str`, `an int or None`, `one of 'a', 'b'`."""
    hint = nodes.split_hint(hint)[0]
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in _UNIONS:
        return " or ".join(show_type(arg) for arg in args)
    if hint is None or hint is type(None):
        return "None"
    if origin is typing.Literal:
        return "one of " + ", ".join(map(repr, args))
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return "one of " + ", ".join(member.name for member in hint)
    name = str(hint).replace("typing.", "") if origin else getattr(hint, "__name__", str(hint))
    return f"{'an' if name[:1] in 'aeiouAEIOU' else 'a'} {name}"


def below(hint: Any, container: object) -> Any:
    """The declared type of what lies in a container that has this declared type; `Any` if it does not say."""
    hint = nodes.split_hint(hint)[0]
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in _UNIONS:
        return next((below(arg, container) for arg in args if fits(container, arg)), Any)
    if isinstance(container, dict):
        return args[1] if origin in _MAPPING_TYPES and len(args) == 2 else Any
    return args[0] if args and origin in (*_SEQUENCE_TYPES, *_SET_TYPES) else Any


def container_type(hint: Any, choices: tuple[type, type]) -> type:
    """Which of two kinds of container a declared type names; the first if it names neither."""
    hint = nodes.split_hint(hint)[0]
    origin = typing.get_origin(hint)
    if origin in _UNIONS:
        named = [container_type(arg, choices) for arg in typing.get_args(hint)]
        return choices[1] if choices[1] in named else choices[0]
    return choices[1] if choices[1] in (origin, hint) else choices[0]


def node_type(hint: Any) -> type | None:
    """The only dataclass that a declared type names, if there is exactly one: what a field that is None could hold."""
    hint = nodes.split_hint(hint)[0]
    options = typing.get_args(hint) if typing.get_origin(hint) in _UNIONS else (hint,)
    found = [option for option in options if isinstance(option, type) and dataclasses.is_dataclass(option)]
    return found[0] if len(found) == 1 else None
