"""The overlay that turns one config into another, as Python to be pasted into `experiments/overlays`.

Every difference becomes an assignment: to the field where it can be made, to the whole field where a list, dict or node
has to be replaced. A name that the launcher gave to an experiment is left out: it follows from the module.
"""

from __future__ import annotations

import copy
import enum
from typing import Any

import fiddle as fdl
from fiddle import history

from olmix.config import canonical, nodes
from olmix.config.experiments import Resolved
from olmix.config.nodes import MISSING
from olmix.errors import UserError


def overlay(left: Resolved, right: Resolved, name: str = "left_to_right") -> str:
    """The source of a module with one function, which turns `left` into `right`.

    Raises:
      UserError: if the roots are of different types: no overlay can do that.
    """
    types = [nodes.target(side.config) for side in (left, right)]
    if types[0] is not types[1]:
        raise UserError(
            f"{left.name} is a {types[0].__name__} and {right.name} a {types[1].__name__}: "
            "an overlay changes the fields of a config, not what it is."
        )
    writer = _Writer(left, right)
    writer.node("cfg", left.config, right.config, ("", ""))
    body = writer.statements or ["pass"]
    root = writer.imports.name(types[0])
    header = [
        f'"""What turns {left.name} into {right.name}."""',
        "",
        "import fiddle as fdl",
        "",
        *writer.imports.lines(),
        "",
        "",
        f"def {name}(cfg: fdl.Config[{root}]) -> None:",
        f'    """What turns {left.name} into {right.name}."""',
    ]
    source = "\n".join([*header, *(f"    {line}" for line in body)]) + "\n"
    _verify(source, name, left, right)
    return source


class _Imports:
    """The modules whose names the statements use, each under a name of its own."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def name(self, thing: Any) -> str:
        """How a class, function or enum is written."""
        module, _, name = nodes.symbol(thing).partition(":")
        if module not in self._names:
            short = module.rpartition(".")[2]
            taken = {*self._names.values(), "fdl", "cfg"}
            self._names[module] = short if short not in taken else module.replace(".", "_")
        return f"{self._names[module]}.{name}"

    def lines(self) -> list[str]:
        """The import statements, sorted."""
        found = []
        for module, name in self._names.items():
            package, _, last = module.rpartition(".")
            alias = "" if name == last else f" as {name}"
            found.append(f"from {package} import {last}{alias}" if package else f"import {module}{alias}")
        return sorted(found)


class _Writer:
    def __init__(self, left: Resolved, right: Resolved) -> None:
        self.imports = _Imports()
        self._now: list[str] = []
        self._late: list[str] = []  # what refers to a node elsewhere, which must be in its place by then
        self._left, self._right = left, right
        self._written: dict[int, str] = {}  # where the nodes of the right side are after the statements so far
        self._refs = [
            {line.path: line.text[3:] for line in canonical.lines(side.config) if line.kind == "ref"}
            for side in (left, right)
        ]
        shared = set(self._refs[1].values())
        self._shared = {id(line.value): line.path for line in canonical.lines(right.config) if line.path in shared}

    @property
    def statements(self) -> list[str]:
        """All statements, in the order in which they have to run."""
        return self._now + self._late

    def node(self, place: str, left: Any, right: Any, paths: tuple[str, str]) -> None:
        """Statements that turn the config `left`, which Python reaches by `place`, into `right`."""
        self._written.setdefault(id(right), place)
        for field, value in nodes.arguments(right):
            if paths[1] == "" and field.name == "name" and self._named_by_module():
                continue
            below = nodes.join(paths[0], field.name), nodes.join(paths[1], field.name)
            self._value(f"{place}.{field.name}", nodes.argument(left, field), value, below, _held(left, field.name))

    def _named_by_module(self) -> bool:
        return all(side.blame["name"].kind == "experiment" for side in (self._left, self._right))

    def _value(self, place: str, left: Any, right: Any, paths: tuple[str, str], held: Any) -> None:
        """`held` is what the code has there: a plain instance cannot be changed, only replaced."""
        how = self._how(left, right, paths, held)
        if how == "shared":
            return
        if how == "change":
            self.node(place, left, right, paths)
            return
        if isinstance(left, list | tuple) and isinstance(right, list | tuple) and len(left) == len(right):
            of_code = held if isinstance(held, list | tuple) and len(held) == len(left) else left
            below = [(f"{paths[0]}[{i}]", f"{paths[1]}[{i}]") for i in range(len(left))]
            ways = [self._how(*item) for item in zip(left, right, below, of_code, strict=True)]
            if left and "replace" not in ways:
                for i, way in enumerate(ways):
                    if way == "change":
                        self.node(f"{place}[{i}]", left[i], right[i], below[i])
                return
        at_home = not any(path in refs for path, refs in zip(paths, self._refs, strict=True))
        if not at_home or canonical.text(left) != canonical.text(right):
            self._refers = False
            new_here = at_home and nodes.is_node(right)
            code = self._new_node(right) if new_here else self._code(right)
            (self._late if self._refers else self._now).append(f"{place} = {code}")
            if nodes.is_node(right):
                self._written.setdefault(id(right), place)

    def _how(self, left: Any, right: Any, paths: tuple[str, str], held: Any) -> str:
        """What to do about a value: "change" its fields, "replace" it, or nothing, because it is "shared" alike.

        What is shared on both sides alike is changed where it is at home.
        """
        homes = [refs.get(path, path) for refs, path in zip(self._refs, paths, strict=True)]
        if nodes.is_node(right) and homes[0] == homes[1] != paths[1]:
            return "shared"
        at_home = homes[0] == paths[0] and homes[1] == paths[1]
        return "change" if at_home and _alike(left, right) and isinstance(held, fdl.Buildable) else "replace"

    def _code(self, value: Any) -> str:
        if value is None or type(value) in (bool, int, str):
            return repr(value)
        if type(value) is float:
            return repr(value) if value not in (float("inf"), float("-inf")) else f'float("{value!r}")'
        if isinstance(value, enum.Enum):
            return f"{self.imports.name(type(value))}.{value.name}"
        if type(value) is dict:
            return "{" + ", ".join(f"{key!r}: {self._code(value[key])}" for key in sorted(value)) + "}"
        if type(value) is list:
            return "[" + ", ".join(map(self._code, value)) + "]"
        if type(value) is tuple:
            return "(" + ", ".join(map(self._code, value)) + ("," if len(value) == 1 else "") + ")"
        if isinstance(value, set | frozenset):
            items = ", ".join(sorted(map(self._code, value)))
            kind = type(value).__name__
            return f"{kind}({{{items}}})" if items else f"{kind}()"
        if not nodes.is_node(value):
            return self.imports.name(value)
        return self._node_code(value)

    def _node_code(self, value: Any) -> str:
        """A config with what differs from its defaults, or the place of a node that is there already."""
        home = self._shared.get(id(value))
        if home is not None and isinstance(value, fdl.Buildable):
            self._refers = True
            return self._written.get(id(value), f"cfg.{home}")
        return self._new_node(value)

    def _new_node(self, value: Any) -> str:
        parts = [self.imports.name(nodes.target(value))]
        for field, child in nodes.arguments(value):
            default = field.default_value()
            if default is MISSING or canonical.text(child) != canonical.text(default):
                parts.append(f"{field.name}={self._code(child)}")
        return f"fdl.Config({', '.join(parts)})"


def _alike(left: Any, right: Any) -> bool:
    """Whether fields can be set to make one config of the other."""
    return isinstance(left, fdl.Buildable) and nodes.is_node(right) and nodes.target(left) is nodes.target(right)


def _held(node: Any, name: str) -> Any:
    """What the code put into an argument: `resolve` makes configs of plain instances, the history still knows."""
    if not isinstance(node, fdl.Buildable) or name not in node.__arguments__:
        return None
    entries = [e for e in node.__argument_history__.get(name, []) if e.kind is history.ChangeKind.NEW_VALUE]
    if entries and getattr(entries[-1].location, "kind", "") == "default":
        return None
    return entries[-1].new_value if entries else node.__arguments__[name]


def _verify(source: str, name: str, left: Resolved, right: Resolved) -> None:
    """Runs what was written on a copy of the left side."""
    config = copy.deepcopy(left.config)
    space: dict[str, Any] = {}
    exec(compile(source, "<overlay>", "exec"), space)
    space[name](config)
    ours, theirs = (canonical.lines(side) for side in (config, right.config))
    kept = [{line.path: line.text for line in lines if line.path != "name"} for lines in (ours, theirs)]
    wrong = sorted(path for path in kept[0].keys() | kept[1].keys() if kept[0].get(path) != kept[1].get(path))
    if wrong:
        raise UserError(
            f"What turns {left.name} into {right.name} cannot be written as assignments: nodes are shared differently "
            f"({', '.join(wrong[:3])})."
        )
