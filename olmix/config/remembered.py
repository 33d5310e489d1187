"""The list of experiments, remembered for as long as nothing that it was read from changes.

Making every config takes time that grows with the experiments: a data tree of hundreds of leaves costs about a tenth of a
second. So the entries are kept with a stamp (time of change, size) of every source file that was imported for them, and
read back while all stamps agree. A list with a broken experiment is not kept: what mends it may be anywhere.
Traded away: an experiment that reads something else than code (the environment, a file) is not noticed to change.
"""

from __future__ import annotations

import functools
import hashlib
import multiprocessing
import os
import pathlib
import sys
import sysconfig
import tempfile
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version

import msgspec

from olmix import cache
from olmix.config import catalogue, experiments
from olmix.config.catalogue import Entry

#: Fewer experiments than this are made in this process: starting others would take longer.
_FEW = 6

Stamps = dict[str, tuple[int, int] | None]


class _Kept(msgspec.Struct):
    python: str
    stamps: Stamps
    entries: list[Entry]


def entries(package: str = experiments.PACKAGE) -> list[Entry]:
    """All experiments by name: remembered, or made now by as many processes as there are CPUs."""
    folder = experiments.folder_of(package)
    place = cache.folder("experiments") / f"{hashlib.sha256(str(folder).encode()).hexdigest()[:32]}.json"
    kept = _load(place)
    if kept is not None and kept.python == _python() and kept.stamps == _stamps({*kept.stamps, *_modules(folder)}):
        return kept.entries
    found, files = _made(package)
    if not any(entry.error for entry in found):
        _save(place, _Kept(python=_python(), stamps=_stamps({*files, *_modules(folder)}), entries=found))
    return found


def _made(package: str) -> tuple[list[Entry], set[str]]:
    names = experiments.names(package)
    count = min(os.cpu_count() or 1, len(names) // _FEW)
    work = functools.partial(_some, package)
    if count < 2:
        return work(names)
    # Neighbours in the list share presets and cost about the same: dealt out like cards.
    hands = [names[start::count] for start in range(count)]
    with ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("fork")) as pool:
        parts = list(pool.map(work, hands))
    found = sorted((entry for part, _ in parts for entry in part), key=lambda entry: entry.name)
    return found, set().union(*(files for _, files in parts))


def _some(package: str, names: list[str]) -> tuple[list[Entry], set[str]]:
    """Entries of some experiments, and the source files that are imported now."""
    found = [catalogue.entry(name, package) for name in names]
    libraries = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    loaded = {file for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None))}
    return found, {file for file in loaded if not file.startswith(tuple(libraries))}


def _modules(folder: pathlib.Path) -> set[str]:
    return {str(file) for file in folder.rglob("*.py")}


def _stamps(files: set[str]) -> Stamps:
    found: Stamps = {}
    for file in sorted(files):
        try:
            about = os.stat(file)
            found[file] = (about.st_mtime_ns, about.st_size)
        except OSError:
            found[file] = None
    return found


def _python() -> str:
    return f"{sys.version} fiddle {version('fiddle')}"


def _load(place: pathlib.Path) -> _Kept | None:
    try:
        return msgspec.json.decode(place.read_bytes(), type=_Kept)
    except (OSError, msgspec.MsgspecError):
        return None


def _save(place: pathlib.Path, kept: _Kept) -> None:
    """Keeps it, where that can be done: a home that cannot be written to costs time, not the list."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=place.parent, delete=False) as file:
            file.write(msgspec.json.encode(kept))
        os.replace(file.name, place)
    except OSError:
        return
