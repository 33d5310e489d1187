"""Launchers as a user starts them, each in a process of its own, without paying each time for what all of them import.

`launch("inspect", "--experiment=plain", cwd=folder)` is `python -m launchers.inspect --experiment=plain` there. The process
is forked from one that has imported the house's rooms and the libraries below them, but no launcher, no experiment and no
engine (torch, Ray): those it imports itself. What such a start imports, and how long it takes, is tested with real ones.
"""

from __future__ import annotations

import atexit
import json
import os
import pathlib
import runpy
import select
import subprocess
import sys
import tempfile
import traceback
from typing import Any, NoReturn

from olmix.lean import nothing_thrown_away

ROOT = pathlib.Path(__file__).resolve().parents[1]
#: What launchers import before they do anything, and what the proof checker does.
WARM = (
    "fiddle", "absl.app", "rich.console", "rich.table", "yaml", "msgspec", "numpy", "sympy", "z3", "flint",
    "olmix.config.catalogue", "olmix.data", "olmix.mix", "olmix.fit", "olmix.train", "olmix.proofs", "olmix.report",
    "olmix.graph.runner", "olmix.graph.submit", "olmix.proofs.proving.prove", "olmix.proofs.checking.check_proof",
)  # fmt: skip
_servers: list[subprocess.Popen[str]] = []


def launch(
    launcher: str,
    *arguments: str,
    cwd: pathlib.Path = ROOT,
    env: dict[str, str] | None = None,
    seconds: float = 400,
) -> subprocess.CompletedProcess[str]:
    """What became of it: exit code, and what it printed.

    Raises:
      TimeoutError: if it did not end within `seconds`.
    """
    if not _servers or _servers[0].poll() is not None:
        _servers[:] = [_start()]
    server = _servers[0]
    assert server.stdin is not None
    assert server.stdout is not None
    with tempfile.TemporaryDirectory() as folder:
        out, err = (pathlib.Path(folder) / name for name in ("out", "err"))
        asked = {
            "module": f"launchers.{launcher}",
            "arguments": arguments,
            "cwd": str(cwd),
            "env": env or {**os.environ},
        }
        server.stdin.write(json.dumps({**asked, "out": str(out), "err": str(err)}) + "\n")
        server.stdin.flush()
        if not select.select([server.stdout], [], [], seconds)[0]:
            server.kill()
            raise TimeoutError(f"{launcher} {arguments} took longer than {seconds:g} s")
        code = int(server.stdout.readline())
        return subprocess.CompletedProcess([launcher, *arguments], code, out.read_text(), err.read_text())


def _start() -> subprocess.Popen[str]:
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.launching"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    atexit.register(server.kill)
    return server


def _serve() -> None:
    """Reads what to launch, one JSON object a line, and answers with exit codes, until the input ends."""
    import importlib
    import importlib.util

    with nothing_thrown_away():
        for name in WARM:
            if importlib.util.find_spec(name.partition(".")[0]) is not None:
                importlib.import_module(name)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _be(json.loads(line))
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _be(asked: dict[str, Any]) -> NoReturn:
    """Turns this process into the launcher."""
    code = 1
    try:
        for number, (path, how) in enumerate(
            (
                ("/dev/null", os.O_RDONLY),
                (asked["out"], os.O_WRONLY | os.O_CREAT),
                (asked["err"], os.O_WRONLY | os.O_CREAT),
            )
        ):
            os.dup2(os.open(path, how), number)
        sys.stdin = open(0)  # noqa: SIM115  (the buffered one is the server's)
        os.chdir(asked["cwd"])
        os.environ.clear()
        os.environ.update(asked["env"])
        sys.path[:] = [asked["cwd"], *(path for path in sys.path if path not in ("", asked["cwd"]))]
        sys.argv = [asked["module"], *asked["arguments"]]
        # A test may change a module twice in a second, the finest that compiled ones know of its age.
        sys.dont_write_bytecode = True
        try:
            runpy.run_module(asked["module"], run_name="__main__", alter_sys=True)
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        except BaseException:
            traceback.print_exc()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


if __name__ == "__main__":
    _serve()
