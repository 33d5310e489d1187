"""One small run as a process of its own, which may be killed.

Checkpoints lie in FOLDER/scratch; the result, the model and `done` appear in FOLDER/out at the end; what it prints is in
FOLDER/log. The setting `slow` makes every step take that many seconds more, `tiny_files` limits the size of any file
that it writes, as a full disk would. A server process that has imported torch forks them, so that each starts at once.
"""

from __future__ import annotations

import contextlib
import json
import logging
import multiprocessing
import multiprocessing.context
import os
import pathlib
import resource
import signal
import sys
import time
import traceback
from typing import Any

import msgspec
import psutil

from olmix.train.metrics import read_metrics

#: What a run needs, imported once.
WARM = ["tests.train.warm"]
#: Seconds to wait for processes on a machine that has other things to do.
LONG = 240.0
TIMES = {"seconds", "seconds_setting_up", "tokens_per_second", "share_waiting_for_data"}


def warm_context() -> multiprocessing.context.ForkServerContext:
    """Starts processes that have imported what a run needs."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(WARM)
    return context


class Killable:
    """A run that was started."""

    def __init__(self, data: pathlib.Path, folder: pathlib.Path, **settings: Any) -> None:
        folder.mkdir(exist_ok=True)
        context = warm_context()
        self.log = folder / "log"
        self.log.write_text("")
        self.process = context.Process(target=main, args=(str(data), str(folder), settings))
        self.process.start()

    def finish(self, code: int = 0) -> str:
        """Waits for its end, checks its exit code, returns what it printed."""
        self.process.join(LONG)
        assert self.process.exitcode == code, self.log.read_text()
        return self.log.read_text()


def main(data: str, folder: str, settings: dict[str, Any]) -> None:
    log = os.open(f"{folder}/log", os.O_WRONLY | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    try:
        work(data, folder, **settings)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


def work(data: str, folder: str, *, slow: float = 0.0, tiny_files: int | None = None, **given: Any) -> None:
    from olmix.train.proxy import Trainer
    from olmix.train.steps import TrainProxy
    from olmix.train.work import train_proxy
    from tests.train import corpus, toys

    scan = corpus.scan(pathlib.Path(data))
    graph = corpus.Graph(pathlib.Path(folder) / f"store-{time.time_ns()}")
    proxy = toys.proxy(**{"tokens": 60 * 128, "checkpoint_tokens": 5 * 128, "save_model": True, **given})
    step = TrainProxy(scan=scan, mixture={"up": 0.25, "down": 0.25, "noise": 0.5}, proxy=proxy)
    graph.folder(scan)
    graph.out, graph.scratch = pathlib.Path(folder) / "out", pathlib.Path(folder) / "scratch"
    graph.out.mkdir(exist_ok=True, parents=True)
    graph.scratch.mkdir(exist_ok=True)
    if tiny_files is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (tiny_files, tiny_files))
    if slow:
        original = Trainer.step

        def step_slowly(self: Trainer, batch):  # type: ignore[no-untyped-def]
            time.sleep(slow)
            return original(self, batch)

        Trainer.step = step_slowly  # type: ignore[method-assign]
    result = train_proxy(step, graph)
    (graph.out / "result.json").write_bytes(msgspec.json.encode(result))
    (graph.out / "done").touch()


def steps_done(folder: pathlib.Path, metrics: str = "scratch/metrics.jsonl") -> int:
    path = folder / metrics
    if not path.exists():
        return 0
    return max((r["step"] for r in read_metrics(path) if "step" in r), default=0)


def steps_since_resumed(folder: pathlib.Path) -> int:
    """Steps that the newest attempt has logged; 0 if it has not resumed anything."""
    lines = (folder / "scratch" / "metrics.jsonl").read_text().splitlines()
    marks = [number for number, line in enumerate(lines) if '"resumed"' in line]
    return len(lines) - 1 - marks[-1] if marks else 0


def wait_for(condition, seconds: float = LONG, pause: float = 0.005) -> None:
    """Looks every `pause` seconds: one that looks at a short step often enough, and takes a tenth of a processor."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited too long"
        time.sleep(pause)


def below(title: str, parent: int | None = None) -> list[psutil.Process]:
    """Living processes below this one (or another), by the beginning of their title."""
    found = []
    for child in psutil.Process(parent).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if " ".join(child.cmdline()).startswith(title):
                found.append(child)
    return found


def outcome(folder: pathlib.Path) -> tuple[dict, bytes]:
    """The result without its times, and the bytes of the weights."""
    result = json.loads((folder / "out" / "result.json").read_text())
    return {k: v for k, v in result.items() if k not in TIMES}, (
        folder / "out" / "model" / "model.safetensors"
    ).read_bytes()
