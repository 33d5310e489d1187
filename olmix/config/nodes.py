"""Reading a node: the one place that knows what a config graph is made of.

A *node* is an `fdl.Config` of a dataclass, or an instance of that dataclass: `fdl.build` turns the one into
the other, and both read alike here, defaults resolved. What the fields are for is read off the dataclass
(`Annotated[..., tag]`), never off tags that someone put on a single config, so that a class means the same
everywhere.

Traded away: targets that are functions, `fdl.Partial`, positional arguments and `**kwargs`. A dataclass says
all that a config has to say, and can be compared before and after it is built. A `__post_init__` may check
fields but not change them, and a field with `init=False` is not part of the config.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import sys
import types
import typing
from typing import Any

import fiddle as fdl

from olmix.config.tags import Hardware, Operational
from olmix.errors import UserError, nearest

MISSING = dataclasses.MISSING

Tags = tuple[type[Operational], ...]


class ConfigError(UserError):
    """A config that cannot be read, written or built, with the path of the value that is to blame."""


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """One argument of a target: its type, its operational tags (sorted by name), its hardware tag, its default."""

    name: str
    hint: Any
    tags: Tags
    hardware: type[Hardware] | None
    default: Any
    factory: Any

    def default_value(self) -> Any:
        """The default, a fresh one if a factory makes it; `MISSING` if the argument is required."""
        return self.default if self.factory is MISSING else self.factory()


def is_node(value: Any) -> bool:
    """Whether `value` is a config or an instance of a dataclass."""
    cls: Any = type(value)
    return _is_node_type(cls)


@functools.cache
def _is_node_type(cls: Any) -> bool:
    return issubclass(cls, fdl.Buildable) or dataclasses.is_dataclass(cls)


def target(node: object, path: str = "") -> type:
    """The dataclass that a node is, or will be once it is built.

    Raises:
      ConfigError: if the node is a kind of Buildable other than `fdl.Config`, or its target is not a
      dataclass.
    """
    kind = type(node)
    if kind is not fdl.Config:
        if not issubclass(kind, fdl.Buildable):
            return kind
        raise ConfigError(f"{at(path)} is an fdl.{kind.__name__}; use fdl.Config of a dataclass.")
    cls: Any = node.__fn_or_cls__  # type: ignore[attr-defined]
    if not (isinstance(cls, type) and _is_node_type(cls)):
        name = getattr(cls, "__qualname__", repr(cls))
        raise ConfigError(f"{at(path)} is a config of {name}, which is not a dataclass.")
    return cls


@functools.cache
def fields(cls: type) -> tuple[Field, ...]:
    """The arguments of a dataclass, sorted by name.

    Raises:
      ConfigError: if an annotation cannot be resolved (an import under TYPE_CHECKING hides the tags), or if
        the class takes something that it does not keep (`InitVar`).
    """
    try:
        hints = typing.get_type_hints(cls, include_extras=True)
    except (NameError, AttributeError, TypeError) as error:
        raise ConfigError(
            f"The annotations of {symbol(cls)}, and with them its tags, cannot be read ({error}); "
            "import what they name at run time, not under TYPE_CHECKING."
        ) from error
    found = []
    for field in dataclasses.fields(cls):
        if not field.init:
            continue
        hint, tags = split_hint(hints[field.name])
        hardware = hardware_tag(hints[field.name])
        found.append(Field(field.name, hint, tags, hardware, field.default, field.default_factory))
    init_only = [name for name, hint in hints.items() if isinstance(hint, dataclasses.InitVar)]
    if init_only:
        raise ConfigError(f"{symbol(cls)}.{init_only[0]} is an InitVar: a config can only have fields that are kept.")
    return tuple(sorted(found, key=lambda field: field.name))


@functools.cache
def field_map(cls: type) -> dict[str, Field]:
    """The arguments of a dataclass by name."""
    return {field.name: field for field in fields(cls)}


def split_hint(hint: Any) -> tuple[Any, Tags]:
    """The type inside `Annotated`, and the operational tags beside it."""
    if typing.get_origin(hint) is not typing.Annotated:
        return hint, ()
    inner, *extras = typing.get_args(hint)
    tags = [tag for tag in extras if isinstance(tag, type) and issubclass(tag, Operational)]
    return inner, tuple(sorted(tags, key=lambda tag: tag.__name__))


def hardware_tag(hint: Any) -> type[Hardware] | None:
    """The hardware tag beside a type."""
    extras = typing.get_args(hint)[1:] if typing.get_origin(hint) is typing.Annotated else ()
    return next((tag for tag in extras if isinstance(tag, type) and issubclass(tag, Hardware)), None)


def argument(node: object, field: Field, path: str = "") -> Any:
    """The value of one argument, its default if it is not set.

    Raises:
      ConfigError: if it has neither.
    """
    if not isinstance(node, fdl.Buildable):
        return getattr(node, field.name)
    value = node.__arguments__.get(field.name, MISSING)
    if value is MISSING:
        value = field.default_value()
    if value is MISSING:
        raise ConfigError(f"{join(path, field.name)} is required and not set.")
    return value


def arguments(node: object, path: str = "") -> list[tuple[Field, Any]]:
    """All arguments of a node with their values, sorted by name.

    Raises:
      ConfigError: if one is required and not set.
    """
    known = fields(target(node, path))
    if type(node) is not fdl.Config:
        return [(field, getattr(node, field.name)) for field in known]
    given = node.__arguments__  # type: ignore[attr-defined]
    found = [(field, given[field.name] if field.name in given else field.default_value()) for field in known]
    for field, value in found:
        if value is MISSING:
            raise ConfigError(f"{join(path, field.name)} is required and not set.")
    return found


def is_off(node: object) -> bool:
    """Whether a block is switched off: it has a field `enabled`, and that is False."""
    enabled = field_map(target(node)).get("enabled")
    return enabled is not None and argument(node, enabled) is False


# ----------------------------------------------------------------- names and paths


def at(path: str) -> str:
    """A path for an error message; the root has no name of its own."""
    return path or "The root"


def join(path: str, name: str) -> str:
    """The path of a field below `path`."""
    return f"{path}.{name}" if path else name


def extend(path: str, element: str) -> str:
    """The path below `path` by an element: `.name`, `[3]` or `['key']`."""
    return path + element if path else element.removeprefix(".")


@functools.cache
def symbol(thing: Any) -> str:
    """`module:qualname` of a class or function, by which any process can find it again.

    Raises:
      ConfigError: for lambdas, for things inside functions, and for things of the program that was started
      itself.
    """
    module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", None)
    if module is None or name is None:
        raise ConfigError(f"{thing!r} has no name by which it could be found again.")
    if module == "__main__" or "<" in name:
        raise ConfigError(f"{module}:{name} cannot be found again by its name; define it at the top of a module.")
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is not thing:
        raise ConfigError(f"{module}:{name} is not what is found under that name.")
    return f"{module}:{name}"


def find_symbol(text: str) -> Any:
    """The class, function or enum member that `symbol` named.

    Raises:
      ConfigError: if the module or the name in it is not there (any more).
    """
    module_name, _, name = text.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise ConfigError(f"There is no module {error.name!r} any more, which {text!r} needs.") from error
    for part in name.split("."):
        if not hasattr(found, part):
            names = [n for n in vars(found) if not n.startswith("_")]
            raise ConfigError(f"There is no {name!r} in {module_name} any more{nearest(name, names)}.")
        found = getattr(found, part)
    return found


def is_symbol(value: object) -> bool:
    """Whether `value` is a class or a function, to be written by its name."""
    return isinstance(value, type | types.FunctionType | types.BuiltinFunctionType)
