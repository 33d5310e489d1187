"""All that issue-sized questions ask of one GPU, in nine minutes: `python -m benchmarks.gpu`, a table in Markdown.

Utilisation of 14m, 190m and 1b with and without torch.compile (its seconds too), tokens per second of 14m alone and of 8, 16 and
32 side by side, with large batches and the smallest, float16 under a loss scale, the largest memory beside the planned one,
the share of a whole run that waits for data, evaluations, NCCL and FSDP in one process, the kernels that take the time.

The parts run in a process of their own, one after the other. What fails, hangs or breaks the device ends that process and
no more: its row says why, and another process does the rest. Rows are printed as they come. `--only` takes parts by
name. `tests/train/test_fake_gpu.py` runs it on a GPU that computes nothing, so that no slip costs a real one.
"""

from __future__ import annotations

import argparse
import dataclasses
import gc
import json
import os
import queue
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from olmix.train.arithmetic import Arithmetic

#: What is measured, what matters most first, and the seconds that each may take (`gpu_parts.parts`).
PARTS = {
    "14m alone": 90,
    "14m, K = 16": 90,
    "190m": 60,
    "1b": 120,
    "14m compiled": 180,
    "14m, one sequence a batch": 60,
    "14m, one sequence a batch, K = 16": 90,
    "14m in float16": 60,
    "waiting, 14m": 60,
    "190m compiled": 180,
    "evaluation, 14m": 90,
    "sharded, one process": 90,
    "14m, K = 8": 60,
    "14m, K = 32": 120,
    "14m in float16, K = 8": 60,
    "profile, 14m": 60,
    "profile, 190m": 60,
    "1b compiled": 240,
}
#: Seconds that a process may take to begin: torch and transformers from a cold disk.
BEGINS = 120.0
Start = Callable[[Sequence[str]], subprocess.Popen[str]]


def measure(names: Sequence[str], minutes: float, start: Start) -> Iterator[tuple[str, str]]:
    """Has processes that `start` starts measure parts, and gives each one's name and row once it is known.

    First the device of each process, under the name ""; if that is none, nothing more. When the minutes are over no part is
    begun, and none goes on.
    """
    until, left = time.monotonic() + 60 * minutes, list(names)
    while left and time.monotonic() < until:
        for word, name, text in _heard(start(left), until):
            if word == "device":
                yield "", text
                if not text:
                    return
                continue
            at = name or left[0]  # A process that ends before it begins anything would do so again.
            left = left[left.index(at) + 1 :]
            yield at, text
    yield from ((name, "not measured: no time left") for name in left)


def _heard(process: subprocess.Popen[str], until: float) -> Iterator[tuple[str, str, str]]:
    """What a process says: ("device", "", which) and ("row", part, text); ("end", part or "", why) if it fails or is late."""
    lines: queue.Queue[str | None] = queue.Queue()
    out = process.stdout
    assert out is not None

    def read() -> None:
        for line in out:
            lines.put(line)
        lines.put(None)

    reader = threading.Thread(target=read)
    reader.start()
    began, limit, name, rows = time.monotonic(), BEGINS, "", 0
    try:
        while True:
            try:
                line = lines.get(timeout=max(0.0, min(began + limit, until) - time.monotonic()))
            except queue.Empty:
                yield "end", name, f"failed: not done after {time.monotonic() - began:.0f} s"
                return
            if line is None:
                if (code := process.wait()) != 0 or not rows:
                    yield "end", name, f"failed: the process ended ({code})"
                return
            word, text = json.loads(line)
            if word == "begin":
                began, limit, name = time.monotonic(), PARTS.get(text, BEGINS), text
                continue
            yield word, name, text
            began, limit, name, rows = time.monotonic(), BEGINS, "", rows + (word == "row")
    finally:
        process.kill()
        process.wait()
        reader.join()


def work(names: Sequence[str]) -> None:
    """Measures parts on the GPU that is here and says so, until one fails, which may have left the device unusable."""
    import torch

    from benchmarks.gpu_parts import Bench, Size, parts
    from olmix.graph.resources import ACCELERATORS, Needs
    from olmix.train.arithmetic import arithmetic_of, on_this_gpu
    from olmix.train.settings import Device

    if not torch.cuda.is_available():
        _say("device", "")
        return
    name = torch.cuda.get_device_name()
    kind = next((kind for kind in sorted(ACCELERATORS, reverse=True) if kind in name), None)
    device = Device() if kind else Device(dtype="bfloat16", attention="sdpa")
    needs = Needs(gpus=1, accelerator=kind)
    arithmetic = on_this_gpu(arithmetic_of(device, needs), needs)
    arithmetic = dataclasses.replace(arithmetic, threads=min(8, os.cpu_count() or 1))
    _say("device", f"{name}, {arithmetic.dtype}, torch {torch.__version__}")
    chosen = parts(Bench(Size(), arithmetic))
    for name in names:
        _say("begin", name)
        row = one(chosen[name], arithmetic)
        _say("row", row)
        if row.startswith("failed"):
            return


def one(part: Callable[[], str], arithmetic: Arithmetic) -> str:
    """The row of a part, measured in this process."""
    import torch

    from olmix.train.arithmetic import in_force

    try:
        with in_force(arithmetic):
            return part()
    except Exception as error:
        traceback.print_exc()
        return f"failed: {type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
    finally:
        gc.collect()
        torch.cuda.empty_cache()


def _say(word: str, text: str) -> None:
    print(json.dumps([word, text]), flush=True)


def _process(names: Sequence[str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.gpu", "--worker", "--only", ";".join(names)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def main() -> None:
    """Measures on the GPU that is here."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=9.0, help="after so many it ends")
    parser.add_argument("--only", default=";".join(PARTS), help="parts by name: 'NAME;NAME'")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    names = [name.strip() for name in arguments.only.split(";")]
    if unknown := [name for name in names if name not in PARTS]:
        parser.error(f"no part {unknown[0]!r}; there are: {'; '.join(PARTS)}")
    if arguments.worker:
        work(names)
        return
    seen: set[str] = set()
    for name, text in measure(names, arguments.minutes, _process):
        if name:
            print(f"| {name} | {text} |", flush=True)
        elif not text:
            print("gpu: not measured, there is none here")
        elif text not in seen:
            seen.add(text)
            print(f"| {text} | |\n| --- | --- |", flush=True)


if __name__ == "__main__":
    main()
