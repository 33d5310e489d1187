"""Reading what the executor keeps beside every artifact: `about.json`, `config.txt`, `blame.json`."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from olmix.graph.step import Context, Step
from olmix.report.findings import Setting, StepRecord


def record(label: str, folder: pathlib.Path, pieces: int = 0, seconds: float = 0.0) -> StepRecord:
    """Where one artifact came from; `seconds` is what its pieces took."""
    about = json.loads((folder / "about.json").read_text())
    code = about.get("code") or {}
    return StepRecord(
        label=label,
        kind=f"{about['step']} (version {about['version']})",
        artifact=folder.name,
        fingerprint=about["fingerprint"],
        commit=code.get("commit"),
        dirty=code.get("dirty"),
        started=about.get("started", ""),
        seconds=(about.get("seconds") or 0.0) + seconds,
        pieces=pieces,
        settings=settings(label, folder),
    )


def settings(label: str, folder: pathlib.Path) -> tuple[Setting, ...]:
    """The semantic settings of an artifact, each with who set it."""
    who = blame(folder)
    found = []
    for line in (folder / "config.txt").read_text().splitlines():
        path, colon, value = line.partition(": ")
        if colon:
            whole = f"{label}{path}" if path.startswith("[") else f"{label}.{path}"
            found.append(Setting(path=whole, value=value, blame=nearest_blame(whole, who)))
    return tuple(found)


def blame(folder: pathlib.Path) -> dict[str, str]:
    """Path → who set it. An entry is a sentence, or a mapping with the place and what it replaced."""
    path = folder / "blame.json"
    found = json.loads(path.read_text()) if path.is_file() else {}
    return {key: _in_words(who) for key, who in found.items()}


def _in_words(who: str | Mapping[str, Any]) -> str:
    if isinstance(who, str):
        return who
    before = f", was {who['before']}" if who.get("before") else ""
    return f"{who.get('place', '')}{before}"


def nearest_blame(path: str, who: Mapping[str, str]) -> str:
    """The blame of a path, or of the closest thing around it that has one."""
    while path:
        if path in who:
            return who[path]
        cut = max(path.rfind("."), path.rfind("["))
        path = path[:cut] if cut > 0 else ""
    return ""


def environment(context: Context, steps: Sequence[Step]) -> dict[str, str]:
    """What the newest of the steps was made in: Python, system, packages; packages that were not there are left out."""
    newest: dict[str, Any] = {}
    for step in steps:
        about = json.loads((context.folder(step) / "about.json").read_text())
        if about.get("started", "") >= newest.get("started", ""):
            newest = about
    return {name: str(value) for name, value in (newest.get("environment") or {}).items() if value is not None}
