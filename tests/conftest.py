"""For all tests: properties are tried on the same examples everywhere, and the slow files come first.

`pytest --hypothesis-profile=explore` draws other examples on every run. Files whose tests are marked `slow` are begun first,
so that no process is left alone with one of them at the end (`pytest -n 2 --dist loadfile --no-loadscope-reorder`).
The longest of all comes first. It and `test_distributed` fill 3.4 GiB each, the others at most 2.6: apart, two at a time
stay below 7 GiB.

What is imported while tests are collected stays, and is not looked through for garbage, neither then nor in any test: modules and
collected tests are a million objects. Processes that tests start keep compiled modules, as they do anywhere: this repository's
own would be compiled anew in each of hundreds where the environment says not to.

Sums run on one thread, here and in the processes that tests start, as a task with one CPU does: models are tiny, and two
threads in each of two test processes on two cores spend their time waiting for each other (five times as much as computing).
"""

from __future__ import annotations

import multiprocessing
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from olmix.lean import nothing_thrown_away

# Before anything imports numpy or torch, which read this once.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
# Ray's workers are as important as all else here: at 15, its default, a busy machine may let them wait for minutes.
os.environ.setdefault("RAY_worker_niceness", "0")
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

settings.register_profile("same", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("same")


@pytest.fixture(scope="session", autouse=True)
def nothing_left_in_the_temporary_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What tests and the processes that they kill leave in the temporary folder lies in one that goes with the session.

    Not below pytest's own: Ray's sockets lie in it, and their paths may have 107 characters.
    """
    tmp_path_factory.getbasetemp()  # That one stays where it is.
    folder = tempfile.mkdtemp(prefix="olmix-")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", folder)
        # What was remembered an hour ago of folders of the same name is not of this session, and the user's own stays his.
        patch.setenv("OLMIX_CACHE", f"{folder}/cache")
        patch.setattr(tempfile, "tempdir", folder)
        # Or multiprocessing would make one of its own in it, and miss that at the end.
        patch.setitem(multiprocessing.current_process()._config, "tempdir", folder)  # type: ignore[attr-defined]
        yield
    shutil.rmtree(folder, ignore_errors=True)


#: The files of more than half a minute on two processors, the longest first; the order keeps the two largest apart.
LONGEST = (
    "train/test_over_nodes.py",
    "proofs/pipeline/test_training.py",
    "test_quickstart.py",
    "graph/test_faults.py",
    "train/test_distributed.py",
    "language_models/test_local_backends.py",
    "language_models/test_tuning.py",
    "graph/test_cluster.py",
)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[Any]:
    """Nothing of what collecting tests imports is garbage."""
    with nothing_thrown_away():
        return (yield)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the longest files first, then those with other slow tests, and leaves the order as it is otherwise."""
    root = pathlib.Path(__file__).parent
    longest = {root / name: number for number, name in enumerate(LONGEST)}
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (longest.get(item.path, len(longest)), item.path not in slow))
