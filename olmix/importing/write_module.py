"""A translation as the source of an experiment module: preset first, then what the YAML has otherwise.

The text depends on the translation and the presets alone: the same YAML gives the same module. Whether it means what the
YAML means is for `prove.py` to say, which reads neither.
"""

from __future__ import annotations

import dataclasses
import importlib
import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import fiddle as fdl

from olmix.data import tree_edits
from olmix.data.tree import Tree
from olmix.errors import UserError
from olmix.importing.shorten import TreeText
from olmix.importing.source_text import WIDTH, Call, Name, render
from olmix.importing.translation import INLINE, Code, Listed, Translation


@dataclasses.dataclass(frozen=True)
class Preset:
    """A function that makes a config to start from: `function` in `module`, returning a config of `root`.

    `root_class` is what it is a config of, `(module, class)`; `folders` are constants for paths, `(module, names)`, and
    `tasks` the name of in-loop tasks, `(module, name)`.
    """

    root: str
    module: str
    function: str
    root_class: tuple[str, str]
    folders: tuple[str, ...] = ()
    tasks: tuple[str, str] | None = None

    def make(self) -> fdl.Config[Any]:
        """The preset's config."""
        made: fdl.Config[Any] = getattr(importlib.import_module(self.module), self.function)()
        return made


def write_module(translation: Translation, presets: tuple[Preset, ...]) -> str:
    """The module's source.

    `presets` are tried in order: the one that leaves least to be set is used.

    Raises:
      UserError: if there is no preset for the root.
    """
    fitting = [preset for preset in presets if preset.root == translation.root]
    if not fitting:
        raise UserError(f"There is no preset for a {translation.root} to start from.")
    return min((_Writer(translation, preset).text() for preset in fitting), key=len)


class _Writer:
    """One attempt, on one preset."""

    def __init__(self, translation: Translation, preset: Preset) -> None:
        self._translation = translation
        self._preset = preset
        self._config = preset.make()
        self._imports: set[tuple[str, str]] = {preset.root_class, (preset.module, preset.function)}
        self._constants: dict[str, Any] = {}
        self._tree: str | None = None
        self._lines: list[str] = []

    def text(self) -> str:
        """The whole module."""
        self._lines.append(f"cfg = {self._preset.function}()")
        settings = dict(self._translation.settings)
        self._set_tree(settings.pop("scan.tree", None))
        for field, value in self._translation.proxy.items():
            self._set(f"{self._translation.proxy_at[-1]}.{field}", value)
        frozen, means = settings.pop("frozen", None), settings.pop("family means", None)
        chosen = settings.pop("chosen runs", None)
        for path, value in settings.items():
            self._set(path, value)
        if frozen:
            self._freeze(frozen)
        if chosen:
            self._choose(chosen)
        if means:
            self._family_means(means, "chosen" if chosen else "cfg.swarm")
        self._lines.append("return cfg")
        return self._module()

    def _set_tree(self, tree: Tree | None) -> None:
        if tree is None:
            return
        old = _at(self._config, "scan.tree")
        weights = None if old is None else _weights_only(fdl.build(old), tree)
        if weights is not None:
            for under, table in weights.items():
                self._imports.add(("olmix.data", "tree_edits"))
                named = (("under", under),) if under else ()
                self._assign_call(Call("tree_edits.set_weights", (Name("cfg.scan.tree"), table), named))
            return
        folders: dict[str, str] = {}
        for module in self._preset.folders:
            short = module.rpartition(".")[2]
            found = {
                k: v for k, v in vars(importlib.import_module(module)).items() if k.isupper() and isinstance(v, str)
            }
            folders |= {f"{short}.{name}": folder for name, folder in found.items()}
        made = TreeText(tree, folders)
        self._constants |= made.constants
        self._imports |= {("olmix.data.tree", kind) for kind in (*made.kinds, "Tree")}
        body = render(made.value, 4, 11)
        for module in self._preset.folders:
            if f"{module.rpartition('.')[2]}." in body:
                self._imports.add((module.rpartition(".")[0], module.rpartition(".")[2]))
        self._tree = body
        self._lines.append("cfg.scan.tree = tree()")

    def _set(self, path: str, value: Any) -> None:
        """Sets one path, unless the preset has that value there; a dataclass is set field by field."""
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            self._set_dataclass(path, value)
            return
        if not isinstance(value, Code) and _same(_at(self._config, path), value):
            return
        self._assign(f"cfg.{path}", self._expression(path, value))

    def _set_dataclass(self, path: str, value: Any) -> None:
        old = _at(self._config, path)
        if _same(old, value):
            return
        tasks = self._preset.tasks
        if tasks and value == getattr(importlib.import_module(tasks[0]), tasks[1]):
            package, _, module = tasks[0].rpartition(".")
            self._imports.add((package, module))
            self._assign(f"cfg.{path}", Name(f"{module}.{tasks[1]}"))
            return
        if isinstance(old, fdl.Buildable) and fdl.get_callable(old) is type(value):
            for field in dataclasses.fields(value):
                self._set(f"{path}.{field.name}", getattr(value, field.name))
            return
        self._assign(f"cfg.{path}", self._expression(path, value))

    def _expression(self, path: str, value: Any) -> Any:
        if isinstance(value, Code):
            self._imports |= set(value.imports)
            return Name(value.text)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            kind = type(value)
            self._imports.add((kind.__module__, kind.__name__))
            named = tuple(
                (field.name, self._expression(f"{path}.{field.name}", getattr(value, field.name)))
                for field in dataclasses.fields(value)
                if not _is_default(field, getattr(value, field.name))
            )
            return Call("fdl.Config", (Name(kind.__name__),), named)
        if _size(value) > INLINE:
            name = "FAMILIES" if path == "proposal.families" else "_".join(path.split(".")[-2:]).upper()
            self._constants[name] = _plain(value)
            return Name(f"dict({name})" if isinstance(value, dict) else name)
        return _plain(value)

    def _freeze(self, frozen: Mapping[str, Mapping[str, float]]) -> None:
        """The frozen sources as virtual leaves: the preset has one, further ones stand between it and the limits."""
        (source, shares), *more = frozen.items()
        self._set("limits.mixture", dict(shares))
        self._set("limits.name", source)
        for source, shares in more:
            self._imports.add(("olmix.mix.reuse_steps", "ReusedLimits"))
            name = "SHARES_IN_" + re.sub(r"\W+", "_", source).strip("_").upper()
            self._constants[name] = dict(shares)
            named = (("limits", Name("cfg.limits.limits")), ("mixture", Name(f"dict({name})")), ("name", source))
            self._assign("cfg.limits.limits", Call("fdl.Config", (Name("ReusedLimits"),), named))

    def _choose(self, chosen: Mapping[str, Any]) -> None:
        """Some of the runs, in the place of all."""
        self._imports.add(("olmix.fit.chosen_runs", "ChosenRuns"))
        named = (("runs", Name("cfg.swarm")), *((name, _plain(value)) for name, value in chosen.items()))
        self._assign("chosen", Call("fdl.Config", (Name("ChosenRuns"),), named))
        self._lines.append("cfg.scan.runs = cfg.laws.runs = cfg.proposal.runs = cfg.report.runs = chosen")

    def _family_means(self, families: Mapping[str, tuple[str, ...]], runs: str) -> None:
        """Laws and proposal on the means of families, instead of on the metrics."""
        self._imports.add(("olmix.fit.families", "FamilyMeans"))
        self._constants["FAMILIES"] = dict(families)
        for target, of in (("families", runs), ("cfg.laws.test", "cfg.test")):
            self._assign(target, Name(f"fdl.Config(FamilyMeans, runs={of}, families=dict(FAMILIES))"))
        self._lines.append("cfg.laws.runs = cfg.proposal.runs = cfg.report.runs = families")

    def _assign(self, target: str, value: Any) -> None:
        self._lines.append(f"{target} = " + render(value, 4, 4 + len(target) + 3))

    def _assign_call(self, call: Call) -> None:
        self._lines.append(render(call, 4, 4))

    def _module(self) -> str:
        config = self._translation.config
        body = "\n".join(f"    {line}" for line in self._lines)
        kind = self._preset.root_class[1]
        about = "What the YAML says, on top of the preset."
        parts = [f'def experiment() -> fdl.Config[{kind}]:\n    """{about}"""\n{body}\n']
        if self._tree is not None:
            parts.append(
                f'def tree() -> fdl.Config[Tree]:\n    """The data of {config.file.name}."""\n    return {self._tree}\n'
            )
        constants = "".join(f"{name} = {render(value, 0, len(name) + 3)}\n" for name, value in self._constants.items())
        head = f'"""{docstring(self._translation)}"""\n\nfrom __future__ import annotations\n\nimport fiddle as fdl\n\n'
        imports = "".join(f"{line}\n" for line in _import_lines(self._imports))
        return head + imports + (f"\n{constants}" if constants else "") + "\n\n" + "\n\n".join(parts)


def docstring(translation: Translation) -> str:
    """The hypothesis, where it comes from, and what could not be carried over."""
    config = translation.config
    kind = type(config).__name__.lower()
    sentence = config.description.rstrip(".") or f"What the {kind} config {config.name or config.file.stem} asks for"
    sentence = sentence[:1].upper() + sentence[1:]
    lines = [
        f"{_escaped(sentence)}.",
        "",
        f"Imported from {config.file.name} (allenai/olmix, {kind}) by launchers.import_yaml.",
    ]
    for text in translation.assumed:
        lines += _wrapped(_escaped(text), "")
    dropped = [item for item in translation.listed if not item.carried]
    differ = [item for item in translation.listed if item.carried]
    for title, items in (("Not carried over:", dropped), ("Carried over, and different in how it works:", differ)):
        if items:
            lines += ["", title, ""]
            for item in items:
                lines += _wrapped(_escaped(in_words(item)), "* ")
    return "\n".join(_wrapped(lines[0], "") + lines[1:]) + "\n"


def in_words(item: Listed) -> str:
    """One listed part of the YAML as a line of text."""
    where = "launch config, " if item.base else ""
    return f"{where}{item.path} (line {item.line}: {item.said}): {item.reason}."


def _wrapped(text: str, bullet: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=bullet,
        subsequent_indent=" " * len(bullet),
        break_long_words=False,
        break_on_hyphens=False,
    ) or [""]


def _escaped(text: str) -> str:
    """Text that may stand in a docstring."""
    plain = "".join(character if character.isprintable() else " " for character in text)
    return plain.replace("\\", "\\\\").replace('"""', "'''").rstrip('"')


def _plain(value: Any) -> Any:
    """Lists for tuples at the outside of dataclass fields are fine for fiddle; nested containers are copied."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_plain(item) for item in value)
    return value


def _size(value: Any) -> int:
    """How many values a table holds; 0 for what is none."""
    if isinstance(value, Mapping):
        return sum(max(1, _size(item)) for item in value.values())
    return sum(max(1, _size(item)) for item in value) if isinstance(value, list | tuple) else 0


def _at(config: Any, path: str) -> Any:
    """What a config holds at a path: what was set, or the default."""
    for part in path.split("."):
        try:
            config = getattr(config, part, None)
        except ValueError:  # Fiddle has no value for a field that a factory fills.
            fields: Any = dataclasses.fields(fdl.get_callable(config))
            config = next(field for field in fields if field.name == part).default_factory()
    return config


def _same(old: Any, value: Any) -> bool:
    """Whether a preset's value means the same as a plain one; 1, 1.0 and True differ, as they do in configs."""
    built = fdl.build(old) if isinstance(old, fdl.Buildable) else old
    if isinstance(built, list):
        built = tuple(built)
    return type(built) is type(value) and bool(built == value)


def _is_default(field: dataclasses.Field[Any], value: Any) -> bool:
    if field.default is not dataclasses.MISSING:
        return type(field.default) is type(value) and bool(field.default == value)
    return field.default_factory is not dataclasses.MISSING and bool(field.default_factory() == value)


def _weights_only(old: Tree, new: Tree) -> dict[str, dict[str, float]] | None:
    """The weights by which a tree differs from another one, by parent; None if it differs in anything else."""

    def bare(tree: Tree) -> list[tuple[str, tuple[str, ...], float]]:
        return sorted((leaf.name, leaf.paths, leaf.repetition_limit) for leaf in tree.leaves(with_zero=True))

    if bare(old) != bare(new):
        return None
    changed = {}
    for under, nodes in _families(new):
        before = {node.name: node.weight for node in tree_edits.children(tree_edits.find(old, under))}
        after = {node.name: node.weight for node in nodes}
        if any(weight is None for weight in after.values()):
            if before != after:
                return None
        elif _relative(before) != _relative(after):
            changed[under] = after
    return changed


def _relative(weights: Mapping[str, float | None]) -> dict[str, float | None]:
    total = sum(weight or 0.0 for weight in weights.values())
    return {name: None if weight is None else round(weight / (total or 1.0), 12) for name, weight in weights.items()}


def _families(tree: Tree) -> Iterator[tuple[str, list[Any]]]:
    """Full name of every node that has others below it, and those; the tree itself first."""

    def below(node: Any, name: str) -> Iterator[tuple[str, list[Any]]]:
        inside = tree_edits.children(node)
        if inside:
            yield name, inside
            for child in inside:
                yield from below(child, f"{name}:{child.name}" if name else child.name)

    yield from below(tree, "")


def _import_lines(names: set[tuple[str, str]]) -> list[str]:
    """`from` lines in the order of the formatter."""
    by_module: dict[str, set[str]] = {}
    for module, name in names:
        by_module.setdefault(module, set()).add(name)
    lines = []
    for module in sorted(by_module):
        found = sorted(by_module[module], key=lambda name: (not name.isupper(), not name[0].isupper(), name))
        text = f"from {module} import {', '.join(found)}"
        if len(text) > WIDTH:
            text = f"from {module} import (\n" + "".join(f"    {name},\n" for name in found) + ")"
        lines.append(text)
    return lines
