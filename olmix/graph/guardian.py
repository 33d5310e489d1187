"""A small process that outlives a killed launcher just long enough to end the Ray processes that it started.

Ray's daemons notice a dead driver by themselves, but the agents of a node may then wait more than a minute for a head that
is gone. The guardian holds the read end of a pipe; the kernel closes the write end when the launcher dies, however it
dies. It only ends processes that it was told about, by id and start time, so never somebody else's.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable


class Guardian:
    """Started by the launcher; `watch` names processes, `dismiss` ends the guardian without harm to anybody."""

    def __init__(self) -> None:
        reading, self._writing = os.pipe()
        # -S and -E: nothing but this file, so that it starts in a few milliseconds. Its own session: Ctrl-C is not for it.
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-E", __file__], stdin=reading, stdout=subprocess.DEVNULL, start_new_session=True
        )
        self.pid = self._process.pid
        os.close(reading)

    def watch(self, pids: Iterable[int]) -> None:
        """Adds processes to those that must not outlive this one."""
        lines = "".join(f"{pid} {start_time(pid)}\n" for pid in pids)
        os.write(self._writing, lines.encode())

    def dismiss(self) -> None:
        """Ends the guardian; what it watched stays as it is."""
        os.write(self._writing, b"bye\n")
        os.close(self._writing)
        self._process.wait()


def start_time(pid: int) -> str:
    """When a process started, in clock ticks since boot; empty if it is gone. Tells a reused id from the old process."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def descendants(pid: int) -> list[int]:
    """The ids of all processes below `pid`."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as file:
                    parent = int(file.read().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(name))
    found, queue = [], [pid]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found


def guard(patience: float = 3.0) -> None:
    """The guardian's own life: remember lines, and on the launcher's death end what is left of the named processes."""
    watched: list[tuple[int, str]] = []
    for line in sys.stdin:
        words = line.split()
        if words == ["bye"]:
            return
        if len(words) == 2:
            watched.append((int(words[0]), words[1]))
    end = time.monotonic() + patience
    while time.monotonic() < end:  # Most go by themselves, in order; give them the chance.
        watched = [(pid, began) for pid, began in watched if start_time(pid) == began]
        if not watched:
            return
        time.sleep(0.1)
    for pid, began in watched:
        if start_time(pid) == began:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    guard()
