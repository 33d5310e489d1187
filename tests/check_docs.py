"""`make check`: what the documents name (files, modules, make targets, experiments) must be there; machines' paths must not.

Run as `python -m tests.check_docs`. Prints one line per fault and exits with 1 if there are any.
"""

from __future__ import annotations

import importlib.util
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCUMENTS = ("README.md", "BUILD.md", "DECISIONS.md", "benchmarks/RESULTS.md")


def targets() -> set[str]:
    """The targets of the Makefile."""
    return set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))


def module_exists(name: str) -> bool:
    """Whether `python -m name` would find a module."""
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def faults_of(document: str) -> list[str]:
    """What the document names and the repository lacks."""
    text = (ROOT / document).read_text()
    faults = []
    for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if not re.match(r"[a-z]+:", link) and not (ROOT / document).parent.joinpath(link).exists():
            faults.append(f"links to {link}, which is not there")
    for module in re.findall(r"python -m ([a-zA-Z_][\w.]*)", text):
        if not module_exists(module):
            faults.append(f"names the module {module}, which is not there")
    for experiment in re.findall(r"\bexperiments(?:\.\w+)+", text):
        if not resolves(experiment):
            faults.append(f"names {experiment}, which is not there")
    for target in re.findall(r"(?:^|`|\$ )make ([a-z][\w-]*)", text, flags=re.MULTILINE):
        if target not in targets():
            faults.append(f"names 'make {target}', which the Makefile lacks")
    for path in re.findall(r"`((?:olmix|experiments|launchers|tests|benchmarks)/[\w./-]*)`", text):
        if not (ROOT / path).exists():
            faults.append(f"names the file {path}, which is not there")
    return faults


def resolves(dotted: str) -> bool:
    """Whether a dotted name is a module below the root, or an attribute of one."""
    if module_exists(dotted):
        return True
    parent, _, name = dotted.rpartition(".")
    if not module_exists(parent):
        return False
    return hasattr(importlib.import_module(parent), name)


def machine_paths() -> list[str]:
    """Tracked text files that carry an absolute path of some machine's home or work folder, or a package host."""
    pattern = r"(^|[^A-Za-z0-9_.])/(work|home|root|Users|mnt|opt/pypi)/|pypi\.org|files\.pythonhosted"
    done = subprocess.run(
        ["git", "-C", str(ROOT), "grep", "-nIE", pattern, "--", ".", ":!tests/check_docs.py"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.splitlines()


def main() -> int:
    """Prints the faults."""
    faults = [f"{document}: {fault}" for document in DOCUMENTS for fault in faults_of(document)]
    faults += [f"{line}: names a machine's path or a package host" for line in machine_paths()]
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
