"""The benchmark for a day with a GPU must not fail on that day: what a fake GPU cannot show of it (see `test_fake_gpu.py`)."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from benchmarks import gpu, gpu_parts
from olmix.train.arithmetic import Arithmetic

#: A process that measures "good", fails at "bad" as the worker does, dies at "dies", hangs at "hangs".
WORKER = """
import json, sys, time, os
say = lambda *words: print(json.dumps(words), flush=True)
say("device", "a stone")
for name in sys.argv[1:]:
    say("begin", name)
    if name == "dies": os._exit(3)
    if name == "hangs": time.sleep(100)
    say("row", "failed: as told" if name == "bad" else f"{name} in {os.getpid()}")
    if name == "bad": break
"""


def start(script: str):
    return lambda names: subprocess.Popen([sys.executable, "-c", script, *names], stdout=subprocess.PIPE, text=True)


def test_what_fails_dies_or_hangs_ends_alone(monkeypatch) -> None:
    monkeypatch.setitem(gpu.PARTS, "hangs", 0.5)
    names = ["one", "bad", "two", "dies", "hangs", "three", "four"]
    rows = dict(row for row in gpu.measure(names, 1.0, start(WORKER)) if row[0])
    assert list(rows) == names
    assert rows["bad"] == "failed: as told"
    assert rows["dies"] == "failed: the process ended (3)"
    assert rows["hangs"].startswith("failed: not done after")
    processes = [rows[name].split()[-1] for name in ("one", "two", "three", "four")]
    assert len(set(processes)) == 3
    assert processes[2] == processes[3]


def test_a_process_that_cannot_begin_is_not_tried_for_ever() -> None:
    found = list(gpu.measure(["one", "two"], 1.0, start("")))
    assert found == [(name, "failed: the process ended (0)") for name in ("one", "two")]


def test_time_that_is_over_is_said_and_no_gpu_ends_it() -> None:
    late = 'import time; print(\'["begin", "one"]\', flush=True); time.sleep(100)'
    one, two = gpu.measure(["one", "two"], 0.02, start(late))
    assert one[1].startswith("failed: not done after 1 s")
    assert two == ("two", "not measured: no time left")
    assert list(gpu.measure(["one"], 1.0, start('print(\'["device", ""]\')'))) == [("", "")]


@pytest.fixture
def bench(monkeypatch) -> gpu_parts.Bench:
    """Small, on the CPU."""
    for name in ("synchronize", "reset_peak_memory_stats"):
        monkeypatch.setattr(torch.cuda, name, lambda *_: None)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda *_: 0)
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    size = gpu_parts.Size(vocabulary=256, length=16, warm=1, steps=2, rows=2, stacked_rows=2, texts=3)
    return gpu_parts.Bench(size, Arithmetic(dtype="bfloat16", peak_flops=1e12))


def test_every_part_has_a_limit(bench) -> None:
    assert list(gpu_parts.parts(bench)) == list(gpu.PARTS)


def test_one_process_of_a_sharded_run_has_the_losses_of_one_alone(bench) -> None:
    row = bench.sharded("olmo3_1m")
    whole, sharded = (part.split(" at ")[0].split("losses ")[1] for part in row.split("; ")[1:])
    found, others = ([float(value) for value in values.split(", ")] for values in (whole, sharded))
    assert found == pytest.approx(others, abs=2e-3), row
    assert all(5.0 < value < 6.0 for value in found), row  # Of 256 tokens at random, 5.5.


def test_evaluations_and_profiles_say_something(bench) -> None:
    assert bench.evaluation().startswith("3 texts of as many lengths")
    assert "the device works" in bench.profile("olmo3_1m")
