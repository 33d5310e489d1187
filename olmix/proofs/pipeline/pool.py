"""Calls that can be killed: plain functions on plain data, in worker processes, each call with a last-resort time limit.

Exact algebra written in C cannot be interrupted from Python, so a check that has lost its way is ended with its
process, and the next check gets a new one. The limit is in seconds of the worker's CPU where the system tells them
(Linux), so that a busy machine changes no verdict; a worker that sleeps instead is timed by the clock. A call that runs
out of time or takes its process down is an `Outcome` with the reason, never an exception. Workers end by themselves when
this process does, however that ends.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import pathlib
import queue
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a call returned (`ok`), or why it did not (`trouble`)."""

    value: Any = None
    trouble: str = ""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether there is a value."""
        return not self.trouble


def call_all(
    function: str,
    payloads: Sequence[Any],
    *,
    workers: int,
    seconds_each: float,
    progress: Callable[[float, float, str], None] = lambda done, total, note: None,
) -> list[Outcome]:
    """`function` (`package.module:name`) on every payload (plain JSON data), in order; the results are plain JSON data too."""
    outcomes: list[Outcome | None] = [None] * len(payloads)
    todo: queue.SimpleQueue[int] = queue.SimpleQueue()
    for index in range(len(payloads)):
        todo.put(index)
    count = max(1, min(workers, len(payloads)))
    threads = [
        threading.Thread(target=_serve, args=(function, payloads, todo, outcomes, seconds_each), daemon=True)
        for _ in range(count)
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        threads[0].join(0.2) if threads[0].is_alive() else time.sleep(0.1)
        progress(sum(outcome is not None for outcome in outcomes), len(payloads), "")
    if any(outcome is None for outcome in outcomes):
        raise RuntimeError(f"A worker thread for {function} died.")
    return [outcome for outcome in outcomes if outcome is not None]


def _serve(
    function: str, payloads: Sequence[Any], todo: queue.SimpleQueue[int], outcomes: list[Outcome | None], limit: float
) -> None:
    worker: _Worker | None = None
    try:
        while True:
            try:
                index = todo.get_nowait()
            except queue.Empty:
                return
            if worker is None:
                worker = _Worker(function)
            outcomes[index] = worker.call(payloads[index], limit)
            if not worker.alive:
                worker = None
    finally:
        if worker is not None:
            worker.stop()


#: A worker that wants to compute may take so many times its limit by the clock: others may have the processor.
_CLOCK = 50


def cpu_seconds(process: int) -> tuple[float, bool] | None:
    """What a process has computed for so far, and whether it wants to; None where the system does not say."""
    try:
        fields = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), fields[0] == "R"


class _Worker:
    """One process that answers line by line. It is replaced once it is not `alive`."""

    def __init__(self, function: str) -> None:
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path) or ".",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "olmix.proofs.pipeline.pool", function],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
        )  # fmt: skip
        self.alive = True
        # The first answer says that the imports are done, so that their time is not the first call's.
        self._ready = False

    def call(self, payload: Any, limit: float) -> Outcome:
        began = time.monotonic()
        if not self._ready:
            if (hello := self._read(60)) is None or hello != b"ready\n":
                return self._lost("did not start", began)
            self._ready = True
            began = time.monotonic()
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(payload).encode() + b"\n")
            self.process.stdin.flush()
        except OSError:
            return self._lost("its process ended", began)
        line = self._read(limit)
        if line is None:
            return self._lost(f"stopped after {limit:g} s", began)
        if not line.endswith(b"\n"):
            return self._lost("its process ended", began)
        answer = json.loads(line)
        return Outcome(answer.get("value"), answer.get("trouble", ""), time.monotonic() - began)

    def _read(self, limit: float) -> bytes | None:
        """One line; b"" or half a line at the end of the stream; None if it takes longer than the limit."""
        assert self.process.stdout is not None
        descriptor = self.process.stdout.fileno()
        data, spent = b"", 0.0
        clock, before = time.monotonic(), cpu_seconds(self.process.pid)
        while not data.endswith(b"\n"):
            readable, _, _ = select.select([descriptor], [], [], min(limit, 0.25))
            if not readable:
                passed, now = time.monotonic() - clock, cpu_seconds(self.process.pid)
                starved = now is not None and before is not None and now[1]
                spent += max(now[0] - before[0], passed / _CLOCK) if starved else passed  # type: ignore[index]
                if spent >= limit:
                    return None
                clock, before = clock + passed, now
                continue
            piece = os.read(descriptor, 1 << 16)
            if not piece:
                break
            data += piece
        return data

    def _lost(self, why: str, began: float) -> Outcome:
        self.alive = False
        self.process.kill()
        _, errors = self.process.communicate()
        last = errors.decode(errors="replace").strip().splitlines()[-1:] if "stopped" not in why else []
        return Outcome(None, ": ".join([why, *last]), time.monotonic() - began)

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()


def _main(function: str) -> None:
    """The worker's side: a JSON payload a line in, a JSON answer a line out, until the input ends."""
    module, _, name = function.partition(":")
    work = getattr(importlib.import_module(module), name)
    # Whatever the work prints must not get between the answers.
    answers, sys.stdout = os.fdopen(os.dup(1), "w"), sys.stderr
    os.dup2(2, 1)
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        try:
            answer = json.dumps({"value": work(json.loads(line))})
        except Exception as error:
            answer = json.dumps({"trouble": f"{type(error).__name__}: {error}"})
        print(answer, file=answers, flush=True)


if __name__ == "__main__":
    _main(sys.argv[1])
