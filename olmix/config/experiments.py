"""Experiments: finding them, and resolving one into the config that would run.

An experiment is a module below the package `experiments` that defines `def experiment()` and says its hypothesis in the
first sentence of its docstring. What stands in folders or modules called base, presets and overlays is building material.
`resolve` takes an experiment's name, a `resolved.json`, or the folder of a run, and gives the config after all overrides,
with who set what.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import importlib
import importlib.util
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import fiddle as fdl

from olmix.config import assign, blame, canonical, load, nodes, overrides, recording, values
from olmix.config.blame import Blame
from olmix.config.overrides import Override
from olmix.config.recording import Layer, Recorder
from olmix.errors import UserError, nearest

PACKAGE = "experiments"

_DEFINES = re.compile(r"^def experiment\(", re.MULTILINE)
_BUILT_AT = re.compile(r" at <root>(\S*) with positional")
_SENTENCE = re.compile(r"(.+?[.!?])(\s|$)", re.DOTALL)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Resolved:
    """A config as it would run: after base, preset, overlays and flags.

    `layers` are in the order in which they were applied; `blame` has every line of the canonical form; `warnings` are
    sentences; `defaults` are those of all types in it, as the code (or the code that wrote the document) has them.
    """

    name: str
    hypothesis: str
    config: fdl.Config[Any]
    layers: tuple[Layer, ...]
    blame: dict[str, Blame]
    warnings: tuple[str, ...] = ()
    defaults: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)

    def build(self) -> Any:
        """The root and its steps, as instances.

        Raises:
          UserError: if a class refuses its values, naming the path.
        """
        return build(self.config, self.blame)

    def text(self) -> str:
        """The canonical text."""
        return canonical.text(self.config)

    def to_json(self) -> str:
        """The content of `resolved.json`."""
        return canonical.to_json(self.config)

    def blame_json(self) -> str:
        """The content of `blame.json`, the sidecar."""
        return blame.to_json(self.blame, experiment=self.name, hypothesis=self.hypothesis, layers=self.layers)


def resolve(experiment: str, changes: Sequence[Override] = (), package: str = PACKAGE) -> Resolved:
    """The config of an experiment, a resolved document or a run, after the changes.

    Args:
      experiment: `quickstart`, `experiments.quickstart`, `experiments/quickstart.py`, the end of a name that only one
        experiment has, the path of a `resolved.json`, or the folder of a run that has one.
      changes: applied in order, as the command line gives them.
      package: the package that holds the experiments.

    Raises:
      UserError: if there is no such experiment, it cannot be imported, or what it says cannot be a config.
    """
    document = _document(experiment, package)
    if document is not None:
        return _from_document(document, changes, package)
    name = find(experiment, package)
    recorder = make_recorder(package)
    module, config = make(name, package, recorder)
    layers = recorder.layers(config)
    check_claims(config, layers)
    # What the command line overwrites was still of use: it may be what is multiplied there.
    alive = {item.layer for item in blame.blame(config).values()} if changes else None
    warnings = overrides.apply(config, changes, recorder, package, _family(name))
    applied = recorder.layers(config)
    check_claims(config, [layer for layer in applied if layer.via])
    lines = canonical.lines(config)
    blames = blame.blame(config, lines)
    check_types(lines, blames)
    if alive is None:
        alive = {item.layer for item in blames.values()}
    warnings += [
        f"{layer.name} ({layer.place}) changes nothing that lasts"
        for layer in layers
        if layer.kind == "overlay" and layer.name not in alive
    ]
    return Resolved(
        name=name,
        hypothesis=hypothesis(module),
        config=config,
        layers=tuple(applied),
        blame=blames,
        warnings=tuple(warnings),
        defaults=canonical.defaults({nodes.target(line.value) for line in lines if line.kind == "node"}),
    )


def _from_document(file: pathlib.Path, changes: Sequence[Override], package: str) -> Resolved:
    sidecar_file = file.with_name("blame.json")
    warnings = []
    if sidecar_file.exists():
        sidecar = blame.from_json(_read(sidecar_file), str(sidecar_file))
    else:
        warnings.append(f"{file} has no blame.json beside it, so nobody knows who set its values")
        sidecar = blame.Sidecar(file.parent.parent.name if file.name == "resolved.json" else file.stem, "", (), {})
    loaded = load.from_json(_read(file), sidecar.place, str(file))
    recorder = make_recorder(package)
    first = blame.blame(loaded.config)
    notes = overrides.apply(loaded.config, changes, recorder, package, _family(sidecar.experiment))
    found = blame.blame(loaded.config)
    kept = {path: sidecar.lines.get(path, item) if first.get(path) == item else item for path, item in found.items()}
    check_types(canonical.lines(loaded.config), kept)
    return Resolved(
        name=sidecar.experiment,
        hypothesis=sidecar.hypothesis,
        config=loaded.config,
        layers=(*sidecar.layers, *recorder.layers(loaded.config)),
        blame=kept,
        warnings=(*warnings, *map(str, loaded.changed_defaults), *notes),
        defaults=loaded.defaults,
    )


def build(config: fdl.Config[Any], blames: Mapping[str, Blame] | None = None) -> Any:
    """`fdl.build`, with the refusal of a class as one sentence.

    Raises:
      UserError: with the path of the node that was refused, and the latest of those who set something in it.
    """
    try:
        return fdl.build(config)
    except (UserError, ValueError, TypeError) as error:
        # Fiddle raises a proxy whose message says where; the original is within.
        original = getattr(error, "proxy_base_exception", error)
        where = _BUILT_AT.search(str(error))
        path = where[1].removeprefix(".") if where else ""
        who = _latest(path, blames or {}, str(original))
        raise UserError(f"{original} ({path or 'the root'}{who})") from error


def _latest(path: str, blames: Mapping[str, Blame], sentence: str) -> str:
    """The last layer that set a field of a node, of those that a sentence names if it names some, for a message."""
    order = ("base", "preset", "part", "code", "overlay", "experiment", "file", "flag")
    fields = {at.rpartition(".")[2]: item for at, item in blames.items() if at.rpartition(".")[0] == path}
    fields = {name: item for name, item in fields.items() if item.kind in order}
    inside = [item for name, item in fields.items() if re.search(rf"\b{name}\b", sentence)] or list(fields.values())
    return f", last set by {max(inside, key=lambda item: order.index(item.kind)).place}" if inside else ""


# ----------------------------------------------------------------- finding


@functools.cache
def folder_of(package: str) -> pathlib.Path:
    """The folder of a package.

    Raises:
      UserError: if there is none.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise UserError(f"There is no package {package!r} here; start from the folder that holds it.")
    return pathlib.Path(next(iter(spec.submodule_search_locations))).absolute()


def make_recorder(package: str = PACKAGE, *, keep_overlays: bool = False) -> Recorder:
    """A recorder that knows the layers of a package."""
    folder = folder_of(package)
    return Recorder(str(folder), str(folder.parents[package.count(".")]), keep_overlays=keep_overlays)


def names(package: str = PACKAGE) -> list[str]:
    """The names of all experiments, sorted; nothing is imported."""
    folder = folder_of(package)
    found = []
    for file in sorted(folder.rglob("*.py")):
        parts = file.relative_to(folder).with_suffix("").parts
        if not recording.MATERIAL.keys() & set(parts) and _DEFINES.search(
            file.read_text(encoding="utf-8", errors="replace")
        ):
            found.append(".".join(part for part in parts if part != "__init__"))
    return sorted(found)


def find(experiment: str, package: str = PACKAGE) -> str:
    """The full name of an experiment below the package.

    Raises:
      UserError: if there is none of that name, with the nearest; if a shortened name fits several.
    """
    wanted = experiment.strip().removesuffix(".py").replace("/", ".").strip(".").removeprefix(f"{package}.")
    known = names(package)
    if wanted in known:
        return wanted
    ends = [name for name in known if name.endswith(f".{wanted}")]
    if len(ends) == 1:
        return ends[0]
    if ends:
        raise UserError(f"{experiment!r} could be any of {', '.join(ends)}; write enough of it to tell.")
    short = nearest(wanted.rpartition(".")[2], {name.rpartition(".")[2] for name in known})
    raise UserError(
        f"There is no experiment {experiment!r}{nearest(wanted, known) or short}; "
        "`python -m launchers.list` shows them all."
    )


def _document(text: str, package: str) -> pathlib.Path | None:
    """The resolved document that a text names, if it does not name an experiment.

    Raises:
      UserError: if it is a folder without one, or a file that is not there.
    """
    path = pathlib.Path(text)
    if path.suffix == ".json":
        if not path.is_file():
            raise UserError(f"There is no file {text}.")
        return path
    if not path.is_dir() or (path / "__init__.py").exists() or text in names(package):
        return None
    if (path / "resolved.json").is_file():
        return path / "resolved.json"
    inside = sorted(path.glob("*/resolved.json"))
    if (path / "latest" / "resolved.json").is_file():
        inside = [path / "latest" / "resolved.json"]
    hint = f"; the newest run in it is {inside[-1].parent}" if inside else ""
    raise UserError(f"{text} is not the folder of a run: it has no resolved.json{hint}.")


def _read(file: pathlib.Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file} cannot be read: {error}.") from None


def _family(name: str) -> str:
    """The folder of an experiment, whose own overlays are looked up first."""
    return name.rpartition(".")[0]


def make(name: str, package: str, recorder: Recorder) -> tuple[Any, fdl.Config[Any]]:
    """The module of an experiment and a config of its own, before any override; `recorder` watches.

    Raises:
      UserError: if it cannot be imported or makes no config.
    """
    module, made = call(name, package, recorder)
    config = _own(made)
    _name(config, name, module, recorder)
    return module, config


def call(name: str, package: str, recorder: Recorder) -> tuple[Any, fdl.Config[Any]]:
    """The module of an experiment and what its `experiment()` returns, not to be changed."""
    with recorder.watching():
        module = _import(name, package)
        return module, _call(module, name)


def _import(name: str, package: str) -> Any:
    try:
        return importlib.import_module(f"{package}.{name}")
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        file = f"{package}/{name.replace('.', '/')}.py"
        raise UserError(f"The experiment {name} ({file}) cannot be imported: {overrides.describe(error)}.") from error


def hypothesis(module: Any) -> str:
    """The first sentence of the docstring of an experiment's module, on one line."""
    text = (module.__doc__ or getattr(module.experiment, "__doc__", None) or "").strip()
    match = _SENTENCE.match(text)
    return " ".join((match[1] if match else text).split())


# ----------------------------------------------------------------- making and checking


def _call(module: Any, name: str) -> fdl.Config[Any]:
    try:
        made = module.experiment()
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{name}: experiment() fails with {overrides.describe(error)}.") from error
    if not isinstance(made, fdl.Config):
        raise UserError(f"{name}: experiment() returns {type(made).__name__}, not an fdl.Config.")
    nodes.target(made)
    canonical.check_acyclic(made)
    return made


def _own(made: fdl.Config[Any]) -> fdl.Config[Any]:
    """A copy that nobody else holds, history and all, with the plain instances in it turned into configs."""
    copies: dict[int, Any] = {}
    config: fdl.Config[Any] = copy.deepcopy(made, copies)
    memo: dict[int, Any] = {}
    for node in list(recording.configs_in(config)):
        for entries in node.__argument_history__.values():
            for i, entry in enumerate(entries):
                if type(entry.new_value) not in canonical.ATOMS:
                    entries[i] = dataclasses.replace(entry, new_value=copy.deepcopy(entry.new_value, copies))
        known = nodes.field_map(nodes.target(node))
        for name, value in list(node.__arguments__.items()):
            if name not in known or value is known[str(name)].default:
                continue
            with recording.blamed(assign.owner(node, str(name))):
                # Put in place without an entry in the history: it is not a change that anyone made.
                node.__arguments__[name] = assign.to_config(value, memo)
    return config


def _name(config: fdl.Config[Any], name: str, module: Any, recorder: Recorder) -> None:
    """Names a root that has a field for it and no name yet after its module."""
    field = nodes.field_map(nodes.target(config)).get("name")
    if field is not None and config.__arguments__.get("name", field.default) in ("", nodes.MISSING):
        place = recording.Place(recorder.relative(module.__file__), 1, None, layer=name, kind="experiment")
        with recording.blamed(place):
            config.name = name


def check_types(lines: list[canonical.Line], blames: dict[str, Blame]) -> None:
    """Raises a `UserError` about the first value that is not of the type that its field declares."""
    for line in lines:
        if line.kind != "node" or not isinstance(line.value, fdl.Buildable):
            continue
        for field in nodes.fields(nodes.target(line.value)):
            value = line.value.__arguments__.get(field.name, nodes.MISSING)
            if value is nodes.MISSING or values.fits(value, field.hint):
                continue
            path = nodes.join(line.path, field.name)
            place = next((b.place for p, b in blames.items() if p == path or p.startswith(f"{path}[")), "")
            raise UserError(
                f"{path} is {values.show_type(field.hint)}, but {place or 'someone'} sets it to "
                f"{canonical.value_text(value)}."
            )


def check_claims(config: fdl.Config[Any], layers: Sequence[Layer]) -> None:
    """Raises a `UserError` if two of these layers are overlays that set the same field to different values.

    The order of overlays should not matter; where two of them claim a field, one is lost without a word.
    """
    names_ = {layer.name: layer for layer in layers if layer.kind == "overlay"}
    if len(names_) < 2:
        return
    homes = {id(line.value): line.path for line in canonical.lines(config) if line.kind == "node"}
    for node in recording.configs_in(config):
        for name, entries in node.__argument_history__.items():
            claims: dict[str, tuple[str, str]] = {}
            for entry in entries:
                place = entry.location
                if entry.kind.name == "NEW_VALUE" and isinstance(place, recording.Place) and place.layer in names_:
                    claims[place.layer] = (blame.spell(entry.new_value), str(place))
            if len({value for value, _ in claims.values()}) > 1:
                path = nodes.join(homes.get(id(node), ""), str(name))
                said = "; ".join(f"{layer} to {value} ({place})" for layer, (value, place) in claims.items())
                raise UserError(f"Two overlays claim {path}: {said}. Keep one of them, or say it with --set.")
