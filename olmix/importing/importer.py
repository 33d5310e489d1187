"""A YAML file to a proven experiment module, or to nothing at all.

The module is written into a package of its own outside of the repository, resolved there, and proven; only then does it appear
under its name, by one rename. So no failure leaves half a module behind, and no list of experiments ever shows one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import keyword
import os
import pathlib
import re
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

from olmix.config import experiments, recording
from olmix.errors import UserError
from olmix.importing.prove import Proof, prove
from olmix.importing.read_config import load
from olmix.importing.schema import Config, Fit, Generate, Launch
from olmix.importing.translate import translate
from olmix.importing.translation import Translation
from olmix.importing.write_module import Preset, write_module


@dataclasses.dataclass(frozen=True, kw_only=True)
class Imported:
    """The module that was written (None if the proof failed), its text, and why it means the same."""

    target: pathlib.Path
    written: bool
    text: str
    translation: Translation
    proof: Proof


def import_yaml(
    file: pathlib.Path,
    out: pathlib.Path | None,
    presets: tuple[Preset, ...],
    *,
    base: pathlib.Path | None = None,
    force: bool = False,
    package: str = experiments.PACKAGE,
) -> Imported:
    """Reads, translates, writes and proves; the module is at `out` afterwards if the proof holds.

    Raises:
      UserError: for a file that cannot be imported, a name that no experiment can have, or a module that is there.
    """
    config = load(file)
    launch = None if base is None else load(base)
    if launch is not None and not isinstance(launch, Launch):
        raise UserError(f"{base} is no launch config; --base takes the model and its training from one.")
    target = place(config, out, package)
    if target.exists() and not force:
        raise UserError(f"{target} is there already; --force replaces it, --out=FILE names another.")
    translation = translate(config, launch)
    text = write_module(translation, presets)
    root = resolved(text, target.stem)
    proof = prove(file, root, kind_of(config, translation), translation.listed, base)
    if proof.holds:
        _write(target, text)
    return Imported(target=target, written=proof.holds, text=text, translation=translation, proof=proof)


def kind_of(config: Config, translation: Translation) -> str:
    """How the proof reads the file: run, swarm, generate or fit."""
    if isinstance(config, Generate | Fit):
        return type(config).__name__.lower()
    return "run" if translation.root == "single_run" else "swarm"


def place(config: Config, out: pathlib.Path | None, package: str) -> pathlib.Path:
    """Where the module will stand: below the package of experiments, under a name that an experiment can have.

    Raises:
      UserError: if no experiment can stand there.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise UserError(f"There is no package {package!r} here; start from the folder that holds it.")
    folder = pathlib.Path(next(iter(spec.submodule_search_locations))).resolve()
    if out is None:
        slug = re.sub(r"\W+", "_", (config.name or config.file.stem).lower()).strip("_") or "config"
        return folder / f"imported_{slug}.py"
    target = out.resolve()
    if target.suffix != ".py" or not target.is_relative_to(folder):
        raise UserError(f"--out={out} must be a .py file below {package}/, where experiments are.")
    parts = target.relative_to(folder).with_suffix("").parts
    for part in parts:
        if not part.isidentifier() or keyword.iskeyword(part) or part.startswith("__"):
            raise UserError(f"--out={out}: {part!r} is no name of a Python module.")
        if part in recording.MATERIAL:
            raise UserError(
                f"--out={out}: what is called {part} is building material of experiments, and never one itself."
            )
    if target.is_dir():
        raise UserError(f"--out={out} is a folder.")
    return target


def resolved(text: str, stem: str) -> Any:
    """The root of the experiment that a module's text makes, resolved as the launchers do it, and built."""
    with _package({stem: text}) as package:
        return experiments.resolve(stem, package=package).build()


@contextlib.contextmanager
def _package(modules: dict[str, str]) -> Iterator[str]:
    """A package that is importable for as long as the context lasts."""
    with tempfile.TemporaryDirectory() as folder:
        name = f"olmix_import_{os.path.basename(folder)}".replace("-", "_")
        home = pathlib.Path(folder) / name
        home.mkdir()
        for module, text in {"__init__": "", **modules}.items():
            (home / f"{module}.py").write_text(text, encoding="utf-8")
        sys.path.insert(0, folder)
        try:
            importlib.invalidate_caches()
            yield name
        finally:
            sys.path.remove(folder)
            for loaded in [module for module in sys.modules if module == name or module.startswith(f"{name}.")]:
                del sys.modules[loaded]


def _write(target: pathlib.Path, text: str) -> None:
    """The whole text at once."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with beside.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(beside, target)
    except OSError as error:
        raise UserError(f"{target} cannot be written: {error.strerror}.") from error
    finally:
        beside.unlink(missing_ok=True)
