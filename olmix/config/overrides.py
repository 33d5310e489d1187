"""Changes from the command line: `--set path=value` and `--overlay module.function(argument=value)`.

Both flags make one list, applied in the order in which they were typed. All of it is parsed, and every overlay found and
its arguments bound, before the first is applied, so that a typo in the last one costs nothing.

An overlay's module path may be shortened: the name is looked up as it stands below the `overlays` of the experiment's
own folder, below `experiments.overlays`, below `experiments`, as a full module path, and at last as the end of the name of
any overlay, if it fits only one. A module may stand for the function in it that has its name: `reduced`,
`reduced.reduced`, `overlays.reduced` and `experiments.overlays.reduced` are the same.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import importlib.util
import inspect
import pathlib
import re
import traceback
import types
from collections.abc import Callable, Sequence
from typing import Any

import fiddle as fdl

from olmix.config import assign, canonical, nodes, paths, values
from olmix.config.paths import Element
from olmix.config.recording import Recorder, is_users
from olmix.errors import UserError, nearest


@dataclasses.dataclass(frozen=True)
class Override:
    """One flag as it was typed: `kind` is "set" or "overlay"."""

    kind: str
    text: str

    def __str__(self) -> str:
        return f"--{self.kind}={self.text}"


@dataclasses.dataclass(frozen=True)
class _Set:
    flag: str
    elements: tuple[Element, ...]
    text: str


@dataclasses.dataclass(frozen=True)
class _Overlay:
    flag: str
    function: Callable[..., Any]
    arguments: inspect.BoundArguments


def apply(
    config: fdl.Config[Any], overrides: Sequence[Override], recorder: Recorder, package: str, family: str = ""
) -> list[str]:
    """Applies overrides to a config in place, in order, and returns warnings; for `family` see `find_overlay`.

    Raises:
      UserError: on the first override that cannot be read or applied.
    """
    parsed: list[_Set | _Overlay] = []
    for o in overrides:
        parsed += _at_length(_parse_set(o), config) if o.kind == "set" else [_parse_overlay(o, package, family)]
    warnings: list[str] = []
    last: dict[str, str] = {}
    for item in parsed:
        before = canonical.text(config) if isinstance(item, _Overlay) else _spell(config, item.elements)
        if isinstance(item, _Set):
            with recorder.flag(item.flag):
                notes = assign.assign(config, item.elements, item.text)
            warnings += [f"{item.flag}: {note}" for note in notes]
            path = paths.show(item.elements)
            if path in last:
                warnings.append(f"{last[path]} has no effect: {item.flag} comes after it")
            last[path] = item.flag
            after = _spell(config, item.elements)
        else:
            _call(item, config, recorder)
            after = canonical.text(config)
        if before == after:
            warnings.append(f"{item.flag} changes nothing")
    return warnings


def _spell(config: fdl.Config[Any], elements: tuple[Element, ...]) -> str | None:
    """What lies at a path, for telling whether it changes; None if there is nothing yet."""
    value: Any = config
    for i, element in enumerate(elements):
        if value is None or value is nodes.MISSING:
            return None
        if i == len(elements) - 1 and isinstance(value, dict) and element[1] not in value:
            return None
        value = paths.step(value, element, paths.show(elements[:i]), paths.show(elements))
    return None if value is nodes.MISSING else canonical.value_text(value)


def _call(item: _Overlay, config: fdl.Config[Any], recorder: Recorder) -> None:
    arguments = item.arguments
    with recorder.called_by(item.flag), recorder.watching():
        try:
            result = item.function(config, *arguments.args[1:], **arguments.kwargs)
        except UserError:
            raise
        except Exception as error:
            raise UserError(f"{item.flag} fails with {describe(error)}.") from error
    if result is not None and result is not config:
        raise UserError(f"{item.flag} returns something new; an overlay changes the config that it is given.")


# ----------------------------------------------------------------- parsing


def _parse_set(override: Override) -> _Set:
    text = override.text
    depth, quote = 0, ""
    for i, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"" and depth:
            quote = char
        elif char == "[":
            depth += 1
        elif char == "]":
            depth -= 1
        elif char == "=" and depth == 0:
            try:
                return _Set(str(override), paths.parse(text[:i].strip()), text[i + 1 :])
            except UserError as error:
                raise UserError(f"{override}: {error}") from None
    raise UserError(f"{override} has no value; write --set=path=value.")


def _at_length(item: _Set, config: fdl.Config[Any]) -> list[_Set]:
    """The same change with its full path (or paths), where the root has a shortcut of that name."""
    shortcuts = getattr(nodes.target(config), "shortcuts", {})
    kind, name = item.elements[0]
    known = nodes.field_map(nodes.target(config))
    if not shortcuts or kind != "field" or name in known:
        return [item]
    if name not in shortcuts:
        near = paths.near(str(name), [*known, *shortcuts])
        raise UserError(f"{item.flag}: the experiment has no {str(name)!r}{near}.")
    full = shortcuts[str(name)]
    return [
        dataclasses.replace(item, elements=(*paths.parse(path), *item.elements[1:]))
        for path in ((full,) if isinstance(full, str) else full)
    ]


_CALL = re.compile(r"(?P<name>[\w.]+)\s*(?:\((?P<arguments>.*)\))?", re.DOTALL)


def _parse_overlay(override: Override, package: str, family: str) -> _Overlay:
    match = _CALL.fullmatch(override.text.strip())
    if match is None:
        raise UserError(f"{override} cannot be read; write --overlay=module.function or --overlay='function(x=1)'.")
    function = find_overlay(match["name"], package, family)
    args, kwargs = _parse_arguments(match["arguments"] or "", override)
    signature = inspect.signature(function)
    takes = list(signature.parameters)[1:]
    for name in kwargs:
        if name not in takes:
            raise UserError(f"{override}: the overlay has no argument {name!r}{paths.near(name, takes)}.")
    try:
        return _Overlay(str(override), function, signature.bind(None, *args, **kwargs))
    except TypeError as error:
        raise UserError(f"{override}: {error}; it takes {signature}.") from None


def _parse_arguments(text: str, override: Override) -> tuple[list[Any], dict[str, Any]]:
    try:
        call = ast.parse(f"f({text})", mode="eval").body
    except SyntaxError:
        raise UserError(f"{override}: the arguments ({text}) cannot be read as Python's.") from None
    assert isinstance(call, ast.Call)
    args = [_literal(node, override) for node in call.args]
    if any(keyword.arg is None for keyword in call.keywords):
        raise UserError(f"{override}: write every argument as name=value.")
    return args, {str(keyword.arg): _literal(keyword.value, override) for keyword in call.keywords}


def _literal(node: ast.expr, override: Override) -> Any:
    """A literal, with bare words taken as strings and true, false and none in any case."""
    try:
        return ast.literal_eval(node)
    except ValueError:
        pass
    if isinstance(node, ast.Name):
        return values.parse(node.id, Any, node.id)
    raise UserError(f"{override}: {ast.unparse(node)!r} is not a plain value.")


# ----------------------------------------------------------------- finding overlays


def find_overlay(name: str, package: str, family: str = "") -> Callable[..., Any]:
    """The overlay that a (shortened) name means, for an experiment in the folder `family` of the package.

    Raises:
      UserError: if there is none, with the nearest; if there are several, with their names.
    """
    tried = [f"{package}.{family}.overlays.{name}"] if family else []
    tried += [f"{package}.overlays.{name}", f"{package}.{name}", name]
    for full in tried:
        found = _import(full)
        if found is not None:
            return found
    known = overlays(package)
    ends = sorted(full for full in known if f".{full}".endswith(f".{name}"))
    if len(ends) > 1:
        raise UserError(f"--overlay={name} could be any of {', '.join(ends)}; write enough of it to tell.")
    if ends:
        return known[ends[0]]
    raise UserError(f"There is no overlay {name!r}{_near(name, known)}.")


def _near(name: str, known: dict[str, Any]) -> str:
    last = name.rpartition(".")[2]
    by_end = {full.rpartition(".")[2]: full for full in known}
    return nearest(name, known) or nearest(by_end.get(last, last), by_end) or paths.near(name, known)


def overlays(package: str) -> dict[str, Callable[..., Any]]:
    """All overlays of a package by module and function, those of `overlays` at its top without that prefix.

    A module that cannot be imported is left out: whoever asks for one of its overlays by its full name hears why.
    """
    spec = importlib.util.find_spec(package)
    folders = spec.submodule_search_locations if spec is not None else None
    found: dict[str, Callable[..., Any]] = {}
    for folder in map(pathlib.Path, folders or ()):
        for file in sorted(folder.rglob("*.py")):
            parts = [part for part in file.relative_to(folder).with_suffix("").parts if part != "__init__"]
            if "overlays" not in parts:
                continue
            try:
                module = importlib.import_module(".".join((package, *parts)))
            except Exception:
                continue
            for item, value in vars(module).items():
                own = isinstance(value, types.FunctionType) and value.__module__ == module.__name__
                if own and not item.startswith("_"):
                    found[".".join((*parts, item)).removeprefix("overlays.")] = value
    return found


def _import(full: str) -> Callable[..., Any] | None:
    """The function of that name; for a module, the function in it that has the module's own name."""
    parts = full.split(".")
    for split in range(len(parts), 0, -1):
        module_name = ".".join(parts[:split])
        if not _exists(module_name):
            continue
        try:
            found: Any = importlib.import_module(module_name)
        except Exception as error:
            raise UserError(f"The overlay's module {module_name} cannot be imported: {describe(error)}.") from error
        for part in parts[split:]:
            found = getattr(found, part, None)
        if isinstance(found, types.ModuleType):
            found = getattr(found, parts[-1], None)
        return found if isinstance(found, types.FunctionType) else None
    return None


def _exists(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ModuleNotFoundError, ValueError):
        return False


def describe(error: BaseException) -> str:
    """An exception in a line, with the last place in the user's code that it came through."""
    text = f"{type(error).__name__}: {error}".strip().splitlines()[0].rstrip(".")
    if isinstance(error, AttributeError) and isinstance(error.obj, types.ModuleType):
        text += nearest(error.name or "", vars(error.obj))
    if isinstance(error, SyntaxError) and error.filename:
        return f"{text} ({error.filename.rpartition('/')[2]}:{error.lineno})"
    frames = traceback.extract_tb(error.__traceback__)
    found = [frame for frame in frames if is_users(frame.filename)]
    return f"{text} ({found[-1].filename.rpartition('/')[2]}:{found[-1].lineno})" if found else text
