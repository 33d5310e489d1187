"""What happens when processes die and disks fill: real launchers, real signals, nothing finished is ever done again."""

from __future__ import annotations

import collections
import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from tests.graph.toy import diary
from tests.patience import patience

ROOT = pathlib.Path(__file__).resolve().parents[2]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: pathlib.Path) -> Iterator[Start]:
    """Starts launchers of the toy, and ends by their ids those that a failed test leaves behind."""
    started: list[subprocess.Popen[str]] = []

    def begin(*settings: str, store: pathlib.Path | None = None) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.graph.run_toy", str(tmp_path), str(store or tmp_path / "store"), *settings],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A shell that runs the tests in the background may have switched Ctrl-C off, which children inherit.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        for member in family(process.pid):
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()


def family(pid: int) -> list[psutil.Process]:
    """A process and all its descendants, as far as they live."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def working(pid: int) -> list[psutil.Process]:
    """Those of a launcher's workers that are doing a piece."""
    found = []
    for member in family(pid):
        with contextlib.suppress(psutil.Error):
            if "".join(member.cmdline()).startswith("ray::toy/"):
                found.append(member)
    return found


def wait_for(condition: Callable[[], bool], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def gone(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Those of the processes that still live after at most `seconds`."""
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    return [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def finished_parts(tmp_path: pathlib.Path) -> int:
    return len(list((tmp_path / "store" / "artifacts").glob("part-*")))


@pytest.mark.slow
def test_kill_the_launcher_and_run_again(start: Start, tmp_path: pathlib.Path) -> None:
    first = start("seconds=1.5")
    wait_for(lambda: finished_parts(tmp_path) >= 2)
    wait_for(lambda: len(working(first.pid)) > 0)
    # One of the workers hangs for good, and would hold the lock of its part.
    working(first.pid)[0].suspend()
    members = family(first.pid)
    first.kill()
    first.wait()
    assert not gone(members, patience(20)), "Ray outlived its launcher"
    done = finished_parts(tmp_path)
    before = len(diary(tmp_path))
    again = start("seconds=0")
    out, err = again.communicate(timeout=300)
    assert again.returncode == 0, err
    assert "result 50" in out
    assert len(diary(tmp_path)) - before == 4 - done
    assert not list((tmp_path / "store" / "staging").iterdir())


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stop_ends_within_five_seconds_and_leaves_nobody(
    start: Start, tmp_path: pathlib.Path, signum: signal.Signals, code: int
) -> None:
    process = start("seconds=30")
    wait_for(lambda: len(diary(tmp_path)) >= 1)
    members = family(process.pid)
    assert len(members) > 3
    began = time.monotonic()
    process.send_signal(signum)
    out, err = process.communicate(timeout=300)
    assert time.monotonic() - began < patience(5)
    assert process.returncode == code, err
    assert "Traceback" not in out + err
    assert not gone(members, patience(5))


def test_two_launchers_share_the_work(start: Start, tmp_path: pathlib.Path) -> None:
    both = [start("seconds=1"), start("seconds=1")]
    for process in both:
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        assert "result 50" in out
    assert collections.Counter(diary(tmp_path)) == {1.0: 1, 2.0: 1, 3.0: 1, 4.0: 1}


def test_unwritable_store(start: Start, tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("")
    process = start(store=tmp_path / "file" / "store")
    _, err = process.communicate(timeout=300)
    assert process.returncode == 2
    assert "cannot be written: Not a directory" in err
    assert len(err.splitlines()) == 1


def test_full_disk(start: Start, tmp_path: pathlib.Path) -> None:
    store = tmp_path / "small"
    store.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(store)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a small file system needs root")
    try:
        process = start("seconds=1", store=store)
        wait_for(lambda: len(diary(tmp_path)) >= 1)
        (store / "ballast").write_bytes(b"")
        with open(store / "ballast", "wb", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(b"x" * 4096)
            except OSError:
                pass
        out, err = process.communicate(timeout=300)
        assert process.returncode == 1, out + err
        assert "is full" in err
        assert "Traceback" not in err
        os.remove(store / "ballast")
        again = start(store=store)
        out, err = again.communicate(timeout=300)
        assert again.returncode == 0, err
        assert "result 50" in out
    finally:
        subprocess.run(["umount", str(store)], check=True)
