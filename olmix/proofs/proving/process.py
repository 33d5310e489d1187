"""A module of this package at work in a process of its own, so that it can be killed: text in, text out.

`poll` until it is true, or `wait`; leaving the `with` block ends what still runs. A process that starts others `leads` a
group of its own, and its children end with it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from types import TracebackType


class Process:
    """`python -m MODULE ARGUMENTS` with `text` on its standard input."""

    def __init__(self, module: str, arguments: Sequence[str], text: str, *, leads: bool = False) -> None:
        self._leads = leads
        self._out = self._err = ""
        self._ended = False
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            process_group=0 if leads else None,
        )  # fmt: skip
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(text)
            self._process.stdin.close()
        except BrokenPipeError:
            pass  # It ended before it had read everything; how, its exit code and last words tell.
        self._process.stdin = None

    def __enter__(self) -> Process:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()

    def poll(self) -> bool:
        """Whether the process has ended by itself."""
        return self._ended or (self._process.poll() is not None and self.wait(None))

    def wait(self, seconds: float | None) -> bool:
        """The same, some seconds from now at the latest."""
        if not self._ended:
            try:
                self._out, self._err = self._process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                return False
            self._ended = True
        return True

    def answer(self) -> str:
        """What an ended process printed; raises RuntimeError with its last words where it failed."""
        if self._process.returncode:
            raise RuntimeError((self._err.strip().splitlines() or ["no message"])[-1])
        return self._out

    def kill(self) -> None:
        """Ends the process, and its group where it leads one."""
        if self._ended:
            return
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL) if self._leads else self._process.kill()
        self._process.communicate()
        self._ended = True
