"""Goldens: the canonical text of every experiment, kept in the repository, so that a change of any of them is seen.

A preset that thirty experiments share is changed in one line; its goldens show what that line does to all thirty. Places
(where things are written on somebody's machine) are masked: they are the only values that may differ by machine.
"""

from __future__ import annotations

import pathlib
import re

from olmix.config import canonical, experiments
from olmix.config.experiments import Resolved
from olmix.errors import UserError

_PLACE = re.compile(r"^(/|~|\.{1,2}/|[A-Za-z][\w+.-]*://)")
MASK = '"<place>"'


def golden(resolved: Resolved) -> str:
    """The text that is kept."""
    return "".join(f"{line}\n" for line in _lines(resolved).values())


def _lines(resolved: Resolved) -> dict[str, str]:
    return {
        line.path: f"{line.path or '.'}: {MASK if _is_place(line) else line.text}"
        for line in canonical.lines(resolved.config)
    }


def _is_place(line: canonical.Line) -> bool:
    return bool(line.tags) and isinstance(line.value, str) and _PLACE.match(line.value) is not None


def check(folder: pathlib.Path, package: str = experiments.PACKAGE) -> list[str]:
    """What is wrong with the goldens in a folder, a paragraph each: what changed, what is missing, what is left over."""
    problems = []
    names = experiments.names(package)
    for name in names:
        try:
            resolved = experiments.resolve(name, (), package)
        except UserError as error:
            problems.append(f"{name} is broken: {error}")
            continue
        file = folder / f"{name}.txt"
        if not file.exists():
            problems.append(f"{name} has no golden; `make goldens` writes it.")
            continue
        changes = compare(file.read_text(encoding="utf-8"), resolved)
        if changes:
            problems.append("\n".join([f"{name} is not what its golden says:", *(f"  {line}" for line in changes)]))
    left = sorted(file.stem for file in folder.glob("*.txt") if file.stem not in names)
    problems += [f"{name}.txt is a golden of no experiment; `make goldens` removes it." for name in left]
    return problems


def compare(kept: str, resolved: Resolved) -> list[str]:
    """The differences between a golden and a config, a line each, with who set what is there now."""
    old = {_path(line): line for line in kept.splitlines()}
    new = {_path(line): (path, line) for path, line in _lines(resolved).items()}
    found = []
    for key in sorted(old.keys() | new.keys()):
        was = old.get(key)
        path, now = new.get(key, ("", None))
        if was == now:
            continue
        values = (text[len(key) + 2 :] if text is not None else "(absent)" for text in (was, now))
        who = f"   <- {resolved.blame[path]}" if now is not None else ""
        found.append(f"{key}: {' → '.join(values)}{who}")
    return found


def _path(line: str) -> str:
    """The path at the start of a line of canonical text: a colon within a quoted key does not end it."""
    match = re.match(r"(?:[^:'\[]|\[\d+\]|\['(?:[^'\\]|\\.)*'\])+", line)
    return match[0] if match else line


def write(folder: pathlib.Path, package: str = experiments.PACKAGE) -> list[str]:
    """Writes the goldens of all experiments anew and removes those of none; returns the names that changed.

    Raises:
      UserError: if an experiment is broken; then nothing is written.
    """
    texts = {name: golden(experiments.resolve(name, (), package)) for name in experiments.names(package)}
    folder.mkdir(parents=True, exist_ok=True)
    changed = []
    for file in sorted(folder.glob("*.txt")):
        if file.stem not in texts:
            file.unlink()
            changed.append(file.stem)
    for name, text in texts.items():
        file = folder / f"{name}.txt"
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
            changed.append(name)
    return changed
