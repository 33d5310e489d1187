from __future__ import annotations

import logging
import subprocess
import sys
import types

import pytest
import torch

from olmix.errors import UserError
from olmix.graph.resources import Needs
from olmix.graph.step import WorkerLost
from olmix.train import memory, micro_batch, proxy
from olmix.train.arithmetic import Arithmetic, arithmetic_of, check_kernels, in_force, resolve_device
from olmix.train.distributed import World
from olmix.train.recipe import resolve
from olmix.train.settings import Device
from olmix.train.work import fits_by_arithmetic, probe
from tests.train import toys


@pytest.mark.parametrize(
    ("needs", "dtype", "loss_scaling", "tf32"),
    [
        (None, "float32", False, False),
        (Needs(gpus=1, accelerator="V100"), "float16", True, False),
        (Needs(gpus=1, accelerator="A100"), "bfloat16", False, True),
        (Needs(gpus=0.25, accelerator="H200"), "bfloat16", False, True),
    ],
)
def test_auto_is_what_the_hardware_does_best(needs, dtype, loss_scaling, tf32) -> None:
    found = arithmetic_of(Device(), needs)
    assert (found.dtype, found.loss_scaling, found.tf32) == (dtype, loss_scaling, tf32)
    assert found.attention == "sdpa"
    assert found.device == ("cpu" if needs is None else "cuda")


@pytest.mark.parametrize(
    ("device", "needs", "says"),
    [
        (Device(dtype="bfloat16"), Needs(gpus=1, accelerator="V100"), "V100"),
        (Device(attention="flash_attention_2"), Needs(gpus=1, accelerator="V100"), "V100"),
        (Device(attention="flash_attention_2"), None, "cpu"),
        (Device(dtype="float16"), None, "cpu"),
        (Device(), Needs(gpus=1), "unknown kind"),
        (Device(), Needs(gpus=2, accelerator="A100"), "make them equal"),
    ],
)
def test_what_cannot_work_is_said_before_it_starts(device, needs, says) -> None:
    with pytest.raises(UserError, match=says):
        arithmetic_of(device, needs)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_probe_without_the_gpu_that_it_asks_for_is_one_sentence() -> None:
    with pytest.raises(UserError, match="torch sees none here"):
        probe(toys.proxy(), Needs(gpus=1, accelerator="A100"), 1)


@pytest.mark.parametrize(
    ("compiled", "world", "variants", "begins"),
    [
        (False, World(), 1, None),
        (True, World(), 1, 32),
        (True, World(), 8, 2),
        (False, World(), 8, 4),
        (False, World(size=4, sharded=True), 1, 2),
    ],
)
def test_who_cannot_try_all_begins_with_what_fits_by_arithmetic(monkeypatch, compiled, world, variants, begins) -> None:
    """14m on 8 GiB, 64 sequences of 2,048 a batch: each size that is tried in vain would be compiled first."""
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: types.SimpleNamespace(total_memory=8 * 2**30))
    settings = toys.proxy(
        model="olmo3_14m", vocabulary=100_278, sequence_length=2048, batch_tokens=64 * 2048, tokens=2**24
    )
    arithmetic = Arithmetic(device="cuda", dtype="bfloat16", compile=compiled)
    assert fits_by_arithmetic(settings, resolve(settings), arithmetic, world, variants) == begins


def test_a_gpu_of_unknown_kind_may_be_used_when_everything_is_named() -> None:
    found = resolve_device(Device(dtype="bfloat16", attention="sdpa"), Needs(gpus=1))
    assert (found.dtype, found.attention) == ("bfloat16", "sdpa")


@pytest.mark.parametrize(
    ("setting", "value"), [("dtype", "bf16"), ("attention", "flash"), ("micro_batch", 0), ("processes", 0)]
)
def test_unknown_settings_are_refused(setting, value) -> None:
    with pytest.raises(UserError):
        Device(**{setting: value})


def test_switches_are_put_back_and_the_random_state_too() -> None:
    threads = torch.get_num_threads()
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    with in_force(Arithmetic(threads=1)):
        assert torch.get_num_threads() == 1
        torch.rand(10)
    assert torch.equal(torch.rand(1), expected)
    assert torch.get_num_threads() == threads


PRECISION = """
import torch
from olmix.train.arithmetic import Arithmetic, in_force
torch.backends.fp32_precision = "tf32"  # As transformers' enable_tf32 does.
found = []
for mine in (False, True):
    with in_force(Arithmetic(tf32=mine)):
        found += [torch.backends.cuda.matmul.fp32_precision, torch.backends.cuda.matmul.allow_tf32]
    found.append(torch.backends.cuda.matmul.fp32_precision)
print(*found)
"""


def test_precision_that_a_library_set_in_torch_s_newer_way_is_no_obstacle() -> None:
    """As a fine-tuning before us in the same worker may have: torch then refuses to say in the older way what there is."""
    said = subprocess.run([sys.executable, "-c", PRECISION], capture_output=True, text=True, timeout=120)
    assert said.stdout.split() == ["ieee", "False", "tf32", "tf32", "True", "tf32"], said.stderr


def steps(trained, count: int = 6):
    feed = toys.Languages(trained.plan)
    return [trained.step(feed.batch(step)) for step in range(count)]


def test_out_of_memory_halves_the_micro_batch_and_nothing_else(monkeypatch, caplog) -> None:
    """A device on which no more than 3 sequences fit: 8 at once fail, then 4, and 2 do."""
    expected = steps(toys.trainer(toys.proxy(), micro_batch=8))
    original, asked = proxy.objective_of, []

    def small_memory(model, tokens, *rest, **more):
        asked.append(len(tokens))
        if len(tokens) > 3:
            raise torch.OutOfMemoryError("tried to allocate 12 PiB\nmore lines")
        return original(model, tokens, *rest, **more)

    monkeypatch.setattr(proxy, "objective_of", small_memory)
    with caplog.at_level(logging.WARNING):
        trained = toys.trainer(toys.proxy(), micro_batch=8)
        found = steps(trained)
    assert asked[:6] == [8, 4, 2, 2, 2, 2]
    assert trained.micro_batch == 2
    assert [r.loss for r in found] == pytest.approx([r.loss for r in expected], rel=1e-4)
    assert len(caplog.records) == 2
    assert "going on with 2 at once, same result" in caplog.text


def test_out_of_memory_with_a_single_sequence_is_an_error(monkeypatch) -> None:
    def no_memory(*arguments, **more):
        raise torch.OutOfMemoryError("none\nmore lines")

    monkeypatch.setattr(proxy, "objective_of", no_memory)
    with pytest.raises(
        UserError, match=r"with one sequence of 16 tokens at once \(none\): ask for a device with more memory"
    ):
        steps(toys.trainer(toys.proxy()))


#: What it really says: pytorch issues 20123 and 18853, Qwen3 issue 873, ComfyUI issue 13210, NCCL issue 1235, torch on this CPU.
SHORTAGES = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.26 GiB (GPU 0; 6.00 GiB total capacity)"),
    torch.AcceleratorError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("cuDNN Frontend error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
    RuntimeError("CUDA driver error: out of memory"),
    torch.distributed.DistBackendError(
        "NCCL error in: ProcessGroupNCCL.cpp:2006, unhandled cuda error (run with NCCL_DEBUG=INFO for details)\n"
        "Last error:\nCuda failure 2 'out of memory'"
    ),
    RuntimeError("backend='inductor' raised:\nOutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB."),
    RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried"),
    MemoryError(),
]
OTHERS = [
    RuntimeError("CUDA error: device-side assert triggered"),
    torch.AcceleratorError("CUDA error: an illegal memory access was encountered"),
    RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm( handle, opa, opb, m, n, k)`"),
    RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasGemmEx( handle, opa, opb)`"),
    torch.distributed.DistBackendError("NCCL error: unhandled system error, NCCL version 2.21.5\nncclSystemError"),
    RuntimeError("out of resource: shared memory, Required: 147456, Hardware limit: 101376."),
    ValueError("CUDA out of memory"),
    WorkerLost("Out of memory with 4 sequences at once in process 0 of 2"),
]


def test_what_a_shortage_of_memory_sounds_like() -> None:
    assert [memory.is_shortage(error) for error in SHORTAGES] == [True] * len(SHORTAGES)
    assert [memory.is_shortage(error) for error in OTHERS] == [False] * len(OTHERS)


@pytest.mark.parametrize("error", [SHORTAGES[2], OTHERS[0]], ids=["no room for cuBLAS", "a bug"])
def test_a_library_without_memory_halves_the_micro_batch_and_another_failure_does_not(monkeypatch, error) -> None:
    original = proxy.objective_of

    def small_memory(model, tokens, *rest, **more):
        if len(tokens) > 2:
            raise error
        return original(model, tokens, *rest, **more)

    monkeypatch.setattr(proxy, "objective_of", small_memory)
    trained = toys.trainer(toys.proxy(), micro_batch=4)
    if error is OTHERS[0]:
        with pytest.raises(RuntimeError, match="device-side assert"):
            steps(trained, 1)
    else:
        steps(trained, 1)
        assert trained.micro_batch == 2


def test_hints_are_remembered_and_may_be_lost(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("OLMIX_CACHE", str(tmp_path))
    one, other = (micro_batch.key("{}", 2048, "bfloat16", name) for name in ("A100", "V100"))
    assert micro_batch.remembered(one) is None
    micro_batch.remember(one, 16)
    micro_batch.remember(other, 4)
    assert (micro_batch.remembered(one), micro_batch.remembered(other)) == (16, 4)
    (tmp_path / "micro_batch.json").write_text("broken")
    assert micro_batch.remembered(one) is None
    micro_batch.remember(one, 8)
    assert micro_batch.remembered(one) == 8


def test_what_fits_is_remembered_as_the_second_step_knows_it(monkeypatch, tmp_path) -> None:
    """A first step has no moments of Adam in the memory yet: what fits there may be too much for all that follow."""
    monkeypatch.setenv("OLMIX_CACHE", str(tmp_path))
    trained = toys.trainer(toys.proxy(), micro_batch=8)
    trained._hint = "a GPU"
    feed, original = toys.Languages(trained.plan), proxy.objective_of
    trained.step(feed.batch(0))
    assert micro_batch.remembered("a GPU") == 8

    def less_memory(model, tokens, *rest, **more):
        if len(tokens) > 4:
            raise torch.OutOfMemoryError("tried to allocate 12 PiB")
        return original(model, tokens, *rest, **more)

    monkeypatch.setattr(proxy, "objective_of", less_memory)
    trained.step(feed.batch(1))
    assert micro_batch.remembered("a GPU") == 4


def test_float16_with_loss_scaling_is_near_float32() -> None:
    """On a CPU only to test what a V100 does: same losses, and an overflow under the scale is a skipped step."""
    expected = steps(toys.trainer(toys.proxy(learning_rate=2e-3)))
    trained = toys.trainer(toys.proxy(learning_rate=2e-3), dtype="float16", loss_scaling=True)
    found = steps(trained)
    assert [r.loss for r in found] == pytest.approx([r.loss for r in expected], rel=0.01)
    scale = trained.scaler.get_scale()
    trained.scaler.update(2.0**40)
    before = toys.weights(trained)
    overflowed = trained.step(toys.Languages(trained.plan).batch(6))
    assert overflowed.skipped
    assert overflowed.finite
    assert trained.scaler.get_scale() == 2.0**39
    assert all(torch.equal(x, toys.weights(trained)[name]) for name, x in before.items())
    assert scale > 1


def test_after_an_overflow_the_run_goes_on_in_step_with_its_schedule() -> None:
    """One gradient overflows: that step is left out, the scale halves once, and rates, counts and losses go on as planned."""
    trained = toys.trainer(toys.proxy(learning_rate=2e-3), dtype="float16", loss_scaling=True)
    expected = steps(toys.trainer(toys.proxy(learning_rate=2e-3)), 12)
    feed = toys.Languages(trained.plan)
    trained.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    found, scales = [], []
    for number in range(12):
        if number == 4:
            trained.scaler.update(2.0**40)
        if number == 5:
            assert trained.scaler.get_scale() == 2.0**39
            trained.scaler.update(2.0**10)
        found.append(trained.step(feed.batch(number)))
        scales.append(trained.scaler.get_scale())
    assert [record.skipped for record in found] == [number == 4 for number in range(12)]
    assert [record.rate for record in found] == [record.rate for record in expected]
    assert set(scales[5:]) == {2.0**10}
    assert (trained.done, trained.skipped) == (12, 1)
    assert {float(state["step"]) for state in trained.optimizer.state.values()} == {11.0}
    assert [r.loss for r in found[5:]] == pytest.approx([r.loss for r in expected[5:]], rel=0.02)


def test_a_gradient_that_is_no_number_at_the_smallest_scale_is_the_end() -> None:
    trained = toys.trainer(toys.proxy(), dtype="float16", loss_scaling=True)
    feed = toys.Languages(trained.plan)
    trained.step(feed.batch(0))
    trained.scaler.update(1.0)
    next(iter(trained.model.parameters())).register_hook(lambda gradient: gradient * float("nan"))
    assert not trained.step(feed.batch(1)).finite
    assert not trained.step(feed.batch(2)).alive


@pytest.mark.parametrize(
    ("capability", "built_for", "works"),
    [
        ((7, 0), ["sm_70", "sm_80", "compute_120"], True),
        ((7, 0), ["sm_75", "sm_80", "sm_90", "sm_100", "compute_120"], False),
        ((8, 6), ["sm_80"], True),
        ((8, 0), ["sm_86"], False),
        ((9, 0), ["sm_80", "sm_90a"], True),
        ((12, 1), ["sm_80", "compute_120"], True),
        ((9, 0), ["gfx942"], True),
        ((9, 0), [], True),
    ],
)
def test_a_build_of_torch_without_kernels_for_a_gpu_is_named(capability, built_for, works) -> None:
    """CUDA 13 has dropped the V100; builds of other makers have other names, of which we know nothing."""
    if works:
        check_kernels("GPU", capability, built_for)
        return
    with pytest.raises(UserError, match=r"no kernels for the GPU \(sm_\d+\), only for sm_.*CUDA 12\.6"):
        check_kernels("GPU", capability, built_for)
