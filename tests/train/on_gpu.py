"""What only a GPU can do wrong: waits, attention's kernels, memory, compiled kernels. `pytest tests/train/on_gpu.py`.

Not among the tests that run everywhere, for without a GPU all of them would be skipped; `test_device.py` is.
"""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from olmix.graph.resources import ACCELERATORS, Needs
from olmix.train import attention, compiling, records
from olmix.train.ladder import Shape
from olmix.train.settings import Device
from olmix.train.work import probe
from tests.train import toys
from tests.train.test_device import FORMATS, GPU, HERE, ODD, exact, how, losses
from tests.train.test_stacked import stack_of, together

pytestmark = pytest.mark.skipif(not GPU, reason="there is no GPU here")
__all__ = ["exact"]


def test_a_step_makes_nobody_wait_for_the_gpu() -> None:
    """CUDA itself says so, once all that is made on first use is there."""
    for trained, data in _both(ODD):
        for _ in range(3):
            trained.step(data)
        torch.cuda.synchronize()
        torch.cuda.set_sync_debug_mode("error")
        try:
            found = [trained.step(data) for _ in range(3)]
        finally:
            torch.cuda.set_sync_debug_mode("default")
        assert found


def _both(shape: Shape, dtype: str = "float16"):
    proxy = toys.proxy(model=shape)
    single, stack = toys.trainer(proxy, **how(dtype)), stack_of(proxy, **how(dtype))
    feed = toys.Languages(single.plan)
    return (single, feed.batch(0)), (stack, [feed.batch(0)] * 3)


def test_what_was_sent_to_the_host_is_what_it_was() -> None:
    values = torch.zeros(1, 5, device="cuda")
    heavy = torch.randn(4096, 4096, device="cuda")
    for _ in range(50):
        heavy = heavy @ heavy / 64
    values += 3.0
    read = records.fetch(values)
    values.zero_()
    assert read() == [[3.0] * 5]


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("length", [255, 2047])
@pytest.mark.parametrize(("heads", "keys", "width"), [(4, 4, 4), (8, 8, 16), (4, 2, 64), (2, 1, 128)])
@pytest.mark.parametrize("window", [None, 100])
def test_attention_is_never_done_with_all_weights(dtype, length, heads, keys, width, window) -> None:
    """Neither forward nor backward, in no format, with no window and no number of heads; and its numbers are right."""
    torch.manual_seed(0)
    kind = getattr(torch, dtype)
    q, k, v = (torch.randn(2, n, length, width, device="cuda", requires_grad=True) for n in (heads, keys, keys))
    mask = None if window is None else attention.near(length, window, q.device)
    fused = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.CUDNN_ATTENTION]
    with sdpa_kernel(fused), torch.autocast("cuda", dtype=kind, enabled=dtype != "float32"):
        out = attention.mixed(q, k, v, mask=mask)
    out.float().square().sum().backward()
    host = [z.detach().cpu().double().requires_grad_() for z in (q, k, v)]
    expected = attention.mixed(*host, mask=None if mask is None else mask.cpu())
    expected.square().sum().backward()
    far = {"float32": 1e-4, "float16": 1e-2, "bfloat16": 5e-2}[dtype]
    for one, two in ((out, expected), *((a.grad, b.grad) for a, b in zip((q, k, v), host, strict=True))):
        assert torch.linalg.vector_norm(one.cpu().double() - two) < far * torch.linalg.vector_norm(two)


def test_too_little_memory_halves_what_is_tried_and_gives_the_same(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("OLMIX_CACHE", str(tmp_path))
    shape = Shape(width=64, layers=4, heads=4, hidden=192)
    proxy = toys.proxy(model=shape, sequence_length=512, batch_tokens=64 * 512, tokens=2**21)
    expected = losses(proxy, micro_batch=4, **HERE)
    torch.cuda.empty_cache()
    whole = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 300 * 2**20) / whole)
    try:
        trained = toys.trainer(proxy, **HERE)
        feed = toys.Languages(trained.plan)
        found = [trained.step(feed.batch(step)).loss for step in range(4)]
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert trained.micro_batch < 64
    assert found == pytest.approx(expected, rel=1e-4)
    assert toys.trainer(proxy, **HERE).micro_batch == trained.micro_batch


@pytest.mark.skipif(compiling.missing_here("cuda") is not None, reason="nothing to compile with")
def test_compiled_steps_give_what_uncompiled_ones_give() -> None:
    """Also with pieces of two sizes. In one format: each compiles for half a minute."""
    dtype = list(FORMATS)[-1]
    proxy = toys.proxy(
        model=dataclasses.replace(ODD, layers=4),
        learning_rate=1e-4,
        device=Device(dtype="float32", attention="sdpa", micro_batch=3),
    )
    expected = losses(proxy, **how(dtype))
    assert losses(proxy, compile=True, **how(dtype)) == pytest.approx(expected, rel=FORMATS[dtype])
    records = together(stack_of(proxy, compile=True, **how(dtype)), 3)
    others = together(stack_of(proxy, **how(dtype)), 3)
    for one, two in zip(records, others, strict=True):
        assert [r.loss for r in one] == pytest.approx([r.loss for r in two], rel=FORMATS[dtype])


def test_a_probe_measures() -> None:
    name = torch.cuda.get_device_name()
    kind = next((kind for kind in sorted(ACCELERATORS, reverse=True) if kind in name), None)
    proxy = toys.proxy()
    proxy = dataclasses.replace(proxy, device=dataclasses.replace(proxy.device, dtype="auto") if kind else proxy.device)
    speed, memory, where = probe(proxy, Needs(gpus=1, accelerator=kind), 3)
    assert speed > 0
    assert memory is not None
    assert 0 < memory < 1
    assert where == name
