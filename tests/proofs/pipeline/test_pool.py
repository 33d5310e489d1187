"""The pool of killable workers, with real processes that hang, crash and print."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from olmix.proofs.pipeline import pool
from olmix.proofs.pipeline.pool import call_all


def work(payload):
    if payload == "hang":
        time.sleep(1000)
    if payload == "spin":
        until = time.process_time() + 1000
        while time.process_time() < until:
            pass
    if payload == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if payload == "raise":
        raise ValueError("a wheel came off")
    if payload == "print":
        print("noise on standard output")
        os.write(1, b"more noise\n")
    return [payload, os.getpid()]


WORK = "tests.proofs.pipeline.test_pool:work"


def test_results_in_order_whatever_happens_to_the_workers():
    payloads = ["a", "hang", "b", "die", "c", "raise", "d", "print", "e"]
    outcomes = call_all(WORK, payloads, workers=2, seconds_each=1.5)
    assert [outcome.value[0] if outcome.ok else None for outcome in outcomes] == [
        "a", None, "b", None, "c", None, "d", "print", "e",
    ]  # fmt: skip
    troubles = [outcome.trouble for outcome in outcomes if not outcome.ok]
    assert troubles == ["stopped after 1.5 s", "its process ended", "ValueError: a wheel came off"]


@pytest.mark.skipif(pool.cpu_seconds(os.getpid()) is None, reason="the system does not tell CPU seconds")
def test_a_worker_that_does_not_get_the_processor_is_not_at_fault():
    """Workers that compute for ever are ended after their own CPU seconds, not before."""
    outcomes = call_all(WORK, ["spin", "spin"], workers=2, seconds_each=0.8)
    assert [outcome.trouble for outcome in outcomes] == ["stopped after 0.8 s"] * 2
    assert all(outcome.seconds >= 0.75 for outcome in outcomes)


def test_a_worker_is_used_again_and_none_is_left_behind():
    outcomes = call_all(WORK, list(range(20)), workers=2, seconds_each=5)
    processes = {outcome.value[1] for outcome in outcomes}
    assert len(processes) <= 2
    for process in processes:
        assert not os.path.exists(f"/proc/{process}")


def test_nothing_to_do():
    assert call_all(WORK, [], workers=2, seconds_each=5) == []


def test_workers_end_when_their_parent_is_killed():
    script = f"""
import os, sys
sys.path.insert(0, {os.getcwd()!r})
from olmix.proofs.pipeline.pool import call_all
call_all({WORK!r}, ["a", "hang"], workers=1, seconds_each=1000)
"""
    process = subprocess.Popen([sys.executable, "-c", script])
    children = f"/proc/{process.pid}/task/{process.pid}/children"
    deadline = time.monotonic() + 120
    found: list[str] = []
    while time.monotonic() < deadline and not found:
        time.sleep(0.2)
        pids = subprocess.run(
            ["ps", "--ppid", str(process.pid), "-o", "pid="], capture_output=True, text=True, check=False
        )
        found = pids.stdout.split()
    assert found, children
    time.sleep(1.0)
    process.kill()
    process.wait()
    # The one that hangs in a call ends with the next look at its standard input; one that waits ends at once.
    waiting = call_all(WORK, ["x"], workers=1, seconds_each=5)
    assert waiting[0].ok
    for pid in found:
        if os.path.exists(f"/proc/{pid}"):
            os.kill(int(pid), signal.SIGKILL)
