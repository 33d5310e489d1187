"""What must be true on the device that is here: a GPU where there is one, else the CPU, so that these tests work on that day.

What only a GPU can do wrong is in `on_gpu.py`.
"""

from __future__ import annotations

import pytest
import torch

from olmix.train import attention
from olmix.train.arithmetic import Arithmetic, in_force
from olmix.train.evaluate import bits_per_byte
from olmix.train.ladder import Shape
from tests.train import toys
from tests.train.test_stacked import alone, stack_of, together

GPU = torch.cuda.is_available()
HERE = {"device": "cuda" if GPU else "cpu"}
#: Windows shorter than the sequences, shared and narrow heads.
ODD = Shape(width=32, layers=5, heads=4, kv_heads=2, head_width=4, hidden=48, window=5)
#: Each format, and how far losses may be from float32's.
FORMATS = {"float32": 1e-4, "float16": 5e-3, "bfloat16": 2e-2}
if GPU and torch.cuda.get_device_capability() < (8, 0):
    del FORMATS["bfloat16"]


@pytest.fixture(autouse=True)
def exact():
    """No TF32, and a random state of its own."""
    with in_force(Arithmetic(**HERE)):
        yield


def how(dtype: str) -> dict:
    return {**HERE, "dtype": dtype, "loss_scaling": dtype == "float16"}


def losses(proxy, steps: int = 4, **arithmetic) -> list[float]:
    trained = toys.trainer(proxy, **arithmetic)
    feed = toys.Languages(trained.plan)
    found = [trained.step(feed.batch(step)) for step in range(steps)]
    return [record.loss for record in found]


@pytest.mark.parametrize("shape", [toys.TINY, ODD], ids=["tiny", "odd"])
@pytest.mark.parametrize("dtype", FORMATS)
def test_losses_are_those_of_a_cpu_in_float32(shape, dtype) -> None:
    """A learning rate so small that a step more or less does not show."""
    proxy = toys.proxy(model=shape, learning_rate=1e-4)
    expected, found = losses(proxy), losses(proxy, **how(dtype))
    assert found == pytest.approx(expected, rel=FORMATS[dtype])


@pytest.mark.parametrize("dtype", FORMATS)
def test_stacked_losses_are_those_of_runs_alone(dtype) -> None:
    proxy = toys.proxy(model=ODD)
    records = together(stack_of(proxy, **how(dtype)), 5)
    for number in range(3):
        _, expected = alone(proxy, number, 5, **how(dtype))
        assert [step[number].loss for step in records] == pytest.approx([r.loss for r in expected], rel=FORMATS[dtype])
        assert [step[number].skips for step in records] == [r.skips for r in expected]


@pytest.mark.parametrize("how_often", [1, 3])
def test_what_is_left_out_leaves_no_trace(how_often: int) -> None:
    """The fused optimiser is told so on the device: weights, moments and counts stay as they were, bit for bit."""
    trained = toys.trainer(toys.proxy(), **HERE)
    feed = toys.Languages(trained.plan)
    trained.step(feed.batch(0))
    before = [*toys.weights(trained).values(), *_moments(trained)]
    for step in range(how_often):
        trained._within_memory(feed.batch(step))
        trained._gradients()[0].fill_(float("nan"))
        norm = torch.full((), float("nan"), dtype=torch.float64, device=trained.device)
        trained._update(norm, 1e-2, leave_out=torch.ones((), dtype=torch.bool, device=trained.device))
    for old, new in zip(before, [*toys.weights(trained).values(), *_moments(trained)], strict=True):
        assert torch.equal(old, new)
    trained.optimizer.zero_grad(set_to_none=True)
    trained.step(feed.batch(1))
    assert not all(map(torch.equal, before, [*toys.weights(trained).values(), *_moments(trained)]))


def _moments(trained) -> list[torch.Tensor]:
    return [value.clone() for state in trained.optimizer.state.values() for value in state.values()]


def test_float16_overflows_skip_and_halve_the_scale() -> None:
    """The scale with which torch begins is too large for these models: the first steps are left out, the next are not."""
    trained = toys.trainer(toys.proxy(learning_rate=2e-3), **how("float16"))
    feed = toys.Languages(trained.plan)
    before = toys.weights(trained)
    first = trained.step(feed.batch(0))
    assert first.skipped
    assert first.alive
    assert all(map(torch.equal, before.values(), toys.weights(trained).values()))
    assert trained.scaler.get_scale() == 2.0**15
    found = [trained.step(feed.batch(step)) for step in range(1, 20)]
    assert 0 < found[-1].skips < 12
    assert trained.scaler.get_scale() == 2.0 ** (16 - found[-1].skips)
    assert found[-1].loss < first.loss


@pytest.mark.parametrize("dtype", FORMATS)
def test_a_whole_run_learns_is_measured_and_goes_on(tmp_path, dtype) -> None:
    """Through the loop itself: the feed's thread, late reads, checkpoints; a second trainer goes on where it was."""
    proxy = toys.proxy(model=ODD, tokens=12 * 8 * 16, checkpoint_tokens=4 * 8 * 16)
    trained = toys.trainer(proxy, **how(dtype))
    feed, measured = toys.Languages(trained.plan), []

    def evaluate(_: int) -> dict[str, float]:
        where = {"device": trained.device, "dtype": trained.arithmetic.autocast}
        with attention.of_many_lengths(trained.device):
            measured.append(bits_per_byte(trained.model, toys.held_outs(), 16, **where))
        return measured[-1]

    outcome = toys.run_whole(trained, feed, proxy, tmp_path, evaluate=evaluate)
    assert outcome.status == "finished"
    assert outcome.final_loss < 3.47  # As at the beginning: 32 tokens, each as likely.
    other = toys.trainer(proxy, **how(dtype))
    other.restore(trained.state())
    assert bits_per_byte(
        other.model, toys.held_outs(), 16, device=other.device, dtype=other.arithmetic.autocast
    ) == pytest.approx(measured[-1], rel=1e-5)
    one, two = trained.step(feed.batch(12)), other.step(feed.batch(12))
    assert (one.loss, one.norm) == pytest.approx((two.loss, two.norm), rel=1e-5)
