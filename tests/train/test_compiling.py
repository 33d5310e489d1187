"""torch.compile where it pays for itself, and the same numbers with it."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from olmix.errors import UserError
from olmix.graph.hardware import PROFILES, profile
from olmix.graph.resources import Needs
from olmix.train import compiling, loss, memory, planner
from olmix.train.evaluate import bits_per_byte
from olmix.train.ladder import Foreign
from olmix.train.settings import Device
from tests.train import toys
from tests.train.test_planner import A100, proxy


def test_it_is_on_where_it_saves_twice_what_it_takes() -> None:
    """1m at half a Chinchilla is a matter of a minute on an A100, 190m one of hours."""
    small, large = (compiling.decide(proxy(name), A100) for name in ("olmo3_1m", "olmo3_190m"))
    assert (small.on, large.on) == (False, True)
    assert (small.takes, large.takes) == (20 + 3 * 4, 20 + 3 * 12)
    hours = planner.estimate(proxy("olmo3_190m"), PROFILES["A100"]).hours  # type: ignore[union-attr]
    assert large.saves == pytest.approx(0.15 * 3600 * hours)
    assert "it takes about 56 s once and saves about" in large.why
    measured = planner.Speed(device="A100", tokens_per_second=1e4, memory_gib=None, steps=20)
    slow = compiling.decide(proxy("olmo3_1m"), A100, speed=measured)
    assert slow.on
    assert slow.saves == pytest.approx(0.15 * 1e7 / 1e4, rel=0.01)
    assert "after a probe" in slow.why
    one, many = (compiling.decide(proxy(), A100, variants=count) for count in (1, 16))
    assert one.saves is not None
    assert many.saves is not None
    assert one.saves < many.saves < 16 * one.saves


@pytest.mark.parametrize(
    ("changes", "needs", "on", "why"),
    [
        ({}, Needs(), False, "on a CPU only where"),
        ({"device": Device(compile=True)}, Needs(), True, "as device.compile says"),
        ({"model": "olmo3_190m", "device": Device(compile=False)}, A100, False, "as device.compile says"),
        (
            {"model": "olmo3_1b", "device": Device(processes=2)},
            dataclasses.replace(A100, gpus=2),
            False,
            "several processes",
        ),
        ({"model": "olmo3_1b"}, Needs(gpus=1), False, "nobody can say"),
        ({"model": Foreign(model_type="llama")}, A100, False, "nobody can say"),
    ],
)
def test_what_decides_otherwise(changes: dict, needs: Needs, on: bool, why: str) -> None:
    found = compiling.decide(proxy(**changes), needs)
    assert found.on == on
    assert why in found.why


def test_the_dry_run_says_so_for_every_kind_of_gpu() -> None:
    pool = (A100, Needs(gpus=1, accelerator="V100"), A100, Needs())
    one, two = compiling.lines(proxy("olmo3_190m"), pool, 1)
    assert one.startswith("A100: torch.compile on: it takes about 56 s once and saves about ")
    assert two.startswith("V100: torch.compile on: ")


def test_a_machine_that_cannot_says_so_or_refuses(monkeypatch) -> None:
    monkeypatch.setattr(compiling.shutil, "which", lambda name: None)
    asked = compiling.decide(proxy(device=Device(compile=True)), Needs())
    with pytest.raises(UserError, match=r"needs a C\+\+ compiler, which this machine has not"):
        compiling.possible_here(asked, "cpu")
    chosen = compiling.decide(proxy("olmo3_190m"), A100)
    found = compiling.possible_here(chosen, "cuda")
    assert not found.on
    assert found.why.startswith("this machine lacks ")
    off = compiling.decide(proxy("olmo3_1m"), A100)
    assert compiling.possible_here(off, "cuda") is off


def test_compilers_are_those_that_are_asked_and_python_s_headers_are_needed(monkeypatch, tmp_path) -> None:
    assert compiling.missing_here("cpu") is None  # Or the tests that compile could not run here.
    monkeypatch.setattr(compiling.importlib.util, "find_spec", lambda name: name)
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(compiling.shutil, "which", lambda name: name if name in ("cc", "g++") else None)
    assert compiling.missing_here("cuda") == "a C compiler (gcc or clang)"
    monkeypatch.setenv("CC", "g++")
    assert compiling.missing_here("cuda") is None
    monkeypatch.setenv("CXX", "nowhere")
    assert compiling.missing_here("cpu") == "a C++ compiler"
    monkeypatch.setattr(compiling.sysconfig, "get_path", lambda *_: str(tmp_path))
    assert "headers of Python" in (compiling.missing_here("cuda") or "")


def test_the_numbers_are_the_same_and_evaluations_are_left_as_they_are(monkeypatch) -> None:
    """Traced and differentiated as for a compiler, without one: that takes minutes on a busy machine."""
    monkeypatch.setattr(
        torch.nn.Module, "compile", lambda model, compiled=torch.nn.Module.compile: compiled(model, backend="aot_eager")
    )
    seen: list[bool] = []
    of_slice = torch.compile(loss._of_slice, backend="aot_eager")
    monkeypatch.setattr(loss, "_compiled_slice", lambda: seen.append(True) or of_slice)
    settings = toys.proxy()
    plain, compiled = toys.trainer(settings), toys.trainer(settings, compile=True)
    feed = toys.Languages(plain.plan)
    for step in range(4):
        one, other = (trained.step(feed.batch(step)).loss for trained in (plain, compiled))
        assert other == pytest.approx(one, rel=1e-5)
    assert len(seen) == 4
    from torch._dynamo.utils import counters

    before = dict(counters["stats"])
    with compiling.uncompiled(compiled.arithmetic):
        found = bits_per_byte(compiled.model, toys.held_outs(100), 16, device=compiled.device)
    assert dict(counters["stats"]) == before
    assert found == pytest.approx(bits_per_byte(plain.model, toys.held_outs(100), 16, device=plain.device), rel=1e-4)


def test_what_is_filled_fits_however_memory_is_counted() -> None:
    """Half a GiB less than what torch says there is, and less than what is sold even if its GB are of 10^9 bytes."""
    for name, sold, there in (("V100", 16, 15.77), ("A100", 40, 39.39), ("H100", 80, 79.10), ("H200", 141, 139.72)):
        gib = PROFILES[name].memory_gib
        assert gib is not None
        assert memory.room_gib(gib) < min(sold * 1e9 / 2**30, there - 0.5)


@pytest.mark.parametrize(
    ("kind", "name", "half", "single"),
    [
        ("V100", "Tesla V100-SXM2-32GB", 125, 15.7),
        ("V100", "Tesla V100-PCIE-16GB", 112, 14.0),
        ("V100", "Tesla V100S-PCIE-32GB", 130, 16.4),
        ("A100", "NVIDIA A100-PCIE-40GB", 312, 156),
        ("A100", "NVIDIA A100-SXM4-80GB", 312, 156),
        ("H100", "NVIDIA H100 80GB HBM3", 989, 495),
        ("H100", "NVIDIA H100 PCIe", 756, 378),
        ("H100", "NVIDIA H100 NVL", 835, 418),
        ("H200", "NVIDIA H200", 989, 495),
    ],
)
def test_peaks_are_those_of_the_data_sheets_for_the_very_part(kind: str, name: str, half: float, single: float) -> None:
    found = profile(kind).of_part(name)
    assert (found.peak("bfloat16"), found.peak("float32")) == pytest.approx((half * 1e12, single * 1e12))
