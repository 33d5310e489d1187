"""What a CPU can check of the path on a GPU: the same code on torch's "meta" device.

It has shapes, types and devices but no numbers. So an operand that was left on the host is an error, and so is every attempt
to read a number in the middle of a step, which on a real GPU would make the host wait for it.
"""

from __future__ import annotations

import contextlib
import sys

import pytest
import torch

from olmix.train import proxy as loop
from olmix.train import records
from olmix.train.arithmetic import Arithmetic
from olmix.train.evaluate import held_out_nats
from olmix.train.feed import Batch
from olmix.train.ladder import Shape
from olmix.train.proxy import Trainer, build_model
from olmix.train.recipe import resolve
from olmix.train.stacked import StackedTrainer
from tests.train import toys

META = Arithmetic(device="meta", micro_batch=3)
#: Both families, and sequences that are longer than the window.
SHAPES = {
    "olmo3": Shape(family="olmo3", width=16, layers=4, heads=4, kv_heads=2, hidden=32, window=6),
    "olmo2": Shape(family="olmo2", width=16, layers=2, heads=2, hidden=32),
}


class Unread:
    """In the place of `records.fetch`: remembers what would be fetched."""

    def __init__(self) -> None:
        self.values: list[torch.Tensor] = []

    def __call__(self, values: torch.Tensor):
        self.values.append(values)
        return lambda: pytest.fail("read in the middle of a run")


@pytest.fixture
def unread(monkeypatch) -> Unread:
    unread = Unread()
    monkeypatch.setattr(records, "fetch", unread)
    # The device knows no number formats to cast to; the fused optimiser has a kernel for it, but asks who it is first.
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: contextlib.nullcontext())
    monkeypatch.setattr(
        sys.modules[torch.optim.Adam.__module__], "_device_dtype_check_for_fused", lambda *_, **__: None
    )
    return unread


def batch(plan) -> Batch:
    return toys.Languages(plan).batch(0)


def trained(shape: Shape) -> Trainer:
    proxy = toys.proxy(model=shape)
    plan = resolve(proxy)
    model = build_model(shape, vocabulary=toys.VOCABULARY, plan=plan, arithmetic=META, seed=0)
    return Trainer(model, plan, META, skip=proxy.skip, seed=0)


def stack_of(shape: Shape) -> StackedTrainer:
    proxy = toys.proxy(model=shape)
    return StackedTrainer(
        shape, resolve(proxy), META, vocabulary=toys.VOCABULARY, skip=proxy.skip, seeds=(0, 1, 2)
    )  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_step_stays_on_the_device_and_nobody_waits_for_it(unread, shape) -> None:
    trainer = trained(shape)
    for _ in range(3):
        trainer.step(batch(trainer.plan))
    parameters = list(trainer.model.parameters())
    moments = [value for state in trainer.optimizer.state.values() for value in state.values()]
    assert len(moments) == 3 * len(parameters)
    assert {value.device.type for value in (*moments, *parameters)} == {"meta"}
    assert [(values.shape, values.device.type) for values in unread.values] == [((1, 5), "meta")] * 3


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_stacked_step_does_too(unread, shape) -> None:
    trainer = stack_of(shape)
    for _ in range(3):
        trainer.step([batch(trainer.plan)] * 3)
    assert {p.device.type for p in trainer.model.parameters()} == {"meta"}
    assert {p.device.type for p in trainer.variant(1).parameters()} == {"meta"}
    trainer.jumps.restore(*[trainer.state_of(1)["jumps"]] * 3)
    assert [(values.shape, values.device.type) for values in unread.values] == [((3, 5), "meta")] * 3


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_held_out_text_is_read_off_once_at_the_end(unread, shape) -> None:
    """All windows of a text are launched before the one number that they add up to is read."""
    trainer, launched = trained(shape), []
    trainer.model.register_forward_hook(lambda *_: launched.append(1))
    trainer.model.base_model.register_forward_hook(lambda *_: launched.append(1))
    with pytest.raises(RuntimeError, match="Cannot copy out of meta tensor"):
        held_out_nats(trainer.model, [toys.held_outs(20_000)["up"]], 16, device=trainer.device)
    assert len(launched) == 4  # 20,000 tokens in three pieces of 512 windows, and a rest.


def test_the_guard_notices_a_read_and_an_operand_on_the_host(unread, monkeypatch) -> None:
    trainer = trained(SHAPES["olmo3"])
    scores = trainer.jumps.history
    trainer.jumps.history = torch.zeros(scores.shape, dtype=scores.dtype)
    with pytest.raises(RuntimeError, match="device"):
        trainer.step(batch(trainer.plan))
    trainer.jumps.history = scores
    original = loop.Trainer._gradients
    monkeypatch.setattr(loop.Trainer, "_gradients", lambda self: [g for g in original(self) if float(g.sum()) == 0])
    with pytest.raises(RuntimeError, match="cannot be called on meta"):
        trainer.step(batch(trainer.plan))
