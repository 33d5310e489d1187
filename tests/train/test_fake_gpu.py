"""What would break on a GPU, found without one: whole steps with torch's fake tensors on "cuda" (see `fake_gpu.py`)."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.train import fake_gpu

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(fake_gpu.compiler() is None, reason="the fake driver is C++, and there is no compiler here"),
]
STEPS = [
    ("A100", "olmo3", "single", "bfloat16"),
    ("A100", "olmo3", "stacked", "bfloat16"),
    ("A100", "olmo2", "stacked", "bfloat16"),
    ("V100", "olmo2", "single", "float16"),
    ("V100", "olmo3", "stacked", "float16"),
    ("float32", "olmo3", "stacked", "float32"),
]
#: One model, one stack, windows shorter than sequences; all sizes, and several processes, by `python -m benchmarks.memory`.
MEMORY = ("memory olmo3_14m float16 2 1", "memory olmo3_14m bfloat16 1 8", "memory olmo3_14m bfloat16 1 1 8192")


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """What every scenario came to, from one process."""
    names = [f"steps {name} {shape} {kind}" for name, shape, kind, _ in STEPS]
    names += ["host reads", "evaluation", "resumption", "out of memory", "operations", "traffic", "benchmark", *MEMORY]
    command = [sys.executable, "-m", "tests.train.on_fake_gpu", *names]
    said = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert said.returncode == 0, said.stderr[-2000:]
    results: dict[str, Any] = {}
    for line in said.stdout.splitlines():
        results |= json.loads(line)
    return results


@pytest.mark.parametrize(("name", "shape", "kind", "products"), STEPS)
def test_a_step_stays_on_the_gpu_and_in_its_format(found, name, shape, kind, products) -> None:
    """Weights and moments are float32 and on the GPU; of each step, the tokens go there and one row of numbers comes back."""
    result = found[f"steps {name} {shape} {kind}"]
    assert isinstance(result, dict), result
    assert result["done"] == 2
    assert result["devices"] == ["cuda"]
    assert result["dtypes"] == ["torch.float32"]
    assert result["products"] == [f"torch.{products}"]
    assert result["copies"] == [f"cpu to cuda, {2 if kind == 'single' else 3} axes", "cuda to cpu, 2 axes"] * 2


def test_the_guard_notices_an_operand_on_the_host_and_a_read(found) -> None:
    read = "DataDependentOutputException"
    assert found["host reads"] == {"host": "FakeTensorDeviceMismatchError", "read": read, "record": read}


def test_held_out_text_is_read_off_once_at_the_end(found) -> None:
    """20,000 tokens in three pieces of 512 windows and a rest, then one number."""
    assert set(found["evaluation"]) == {
        f"{shape} {kind}" for shape in ("olmo2", "olmo3") for kind in ("single", "stacked")
    }
    assert list(found["evaluation"].values()) == [["RuntimeError", 4]] * 4


@pytest.mark.parametrize("kind", ["A100 single", "A100 stacked", "V100 single", "V100 stacked"])
def test_a_checkpoint_is_copied_to_the_host_and_goes_on_on_the_gpu(found, kind) -> None:
    assert isinstance(found["resumption"], dict), found["resumption"]
    *places, done = found["resumption"][kind]
    assert places == [["cpu"], *[["cuda"]] * (3 if "stacked" in kind else 2)]
    assert done == 2


def test_out_of_memory_halves_what_is_tried_and_the_next_run_knows(found) -> None:
    assert found["out of memory"] == {"single": [8, 2, 1], "stacked": [8, 2, 1], "remembered": [2, 2]}


def test_operations_counted_one_by_one_are_those_that_utilisation_is_made_from(found) -> None:
    """Within 4 %: attention's backward pass computes its scores again, the convention (PaLM, appendix B) does not count that."""
    assert isinstance(found["operations"], dict), found["operations"]
    assert set(found["operations"]) == {"olmo3_14m", "olmo3_190m", "olmo3_1b"}
    for model, ratio in found["operations"].items():
        assert 0.99 < ratio < 1.04, model


def test_launches_and_bytes_are_those_that_stacks_are_decided_with(found) -> None:
    assert isinstance(found["traffic"], dict), found["traffic"]
    assert len(found["traffic"]) == 3
    for name, (launches, moved) in found["traffic"].items():
        assert 1 <= launches < 1.05, name
        assert 0.95 < moved < 1.25, name


@pytest.mark.parametrize("name", MEMORY)
def test_the_planned_memory_is_enough_and_at_most_a_quarter_too_much(found, name) -> None:
    assert isinstance(found[name], list), found[name]
    tracked, planned = found[name]
    assert 1.0 <= planned / tracked <= 1.25


def test_the_benchmark_for_a_real_gpu_has_no_slip(found) -> None:
    rows = found["benchmark"]
    assert isinstance(rows, dict), rows
    assert len(rows) == 6
    assert not [row for row in rows.values() if row.startswith(("failed", "not measured"))], rows
    assert "× alone" in rows["14m, K = 8"]
