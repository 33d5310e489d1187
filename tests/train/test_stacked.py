"""Stacked variants are what they would be alone."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from olmix.errors import UserError
from olmix.train import stacked
from olmix.train.arithmetic import Arithmetic
from olmix.train.feed import Batch
from olmix.train.ladder import Foreign, Shape
from olmix.train.recipe import resolve
from olmix.train.settings import Device, SkipRule
from olmix.train.stacked import StackedModel, StackedTrainer
from tests.train import toys

SHARES = (0.2, 0.5, 0.9)


def stack_of(proxy, seeds=(0, 0, 0), **arithmetic) -> StackedTrainer:
    chosen = Arithmetic(micro_batch=proxy.device.micro_batch, **arithmetic)
    return StackedTrainer(proxy.model, resolve(proxy), chosen, vocabulary=toys.VOCABULARY, skip=proxy.skip, seeds=seeds)


def feeds(plan) -> list[toys.Languages]:
    return [toys.Languages(plan, share) for share in SHARES]


def together(trained: StackedTrainer, steps: int, first: int = 0):
    return [trained.step([feed.batch(step) for feed in feeds(trained.plan)]) for step in range(first, first + steps)]


def alone(proxy, number: int, steps: int, seed: int = 0, **arithmetic):
    trained = toys.trainer(proxy, seed=seed, **arithmetic)
    feed = feeds(trained.plan)[number]
    return trained, [trained.step(feed.batch(step)) for step in range(steps)]


@pytest.mark.parametrize(
    "shape",
    [
        toys.TINY,
        Shape(family="olmo2", width=24, layers=3, heads=3, hidden=40),
        Shape(width=32, layers=5, heads=4, kv_heads=2, hidden=48, window=5),
        Shape(width=12, layers=2, heads=4, head_width=4, hidden=32),
    ],
)
def test_hidden_states_are_those_of_transformers(shape: Shape) -> None:
    proxy = toys.proxy(model=shape)
    singles = [toys.trainer(proxy, seed=seed).model.eval() for seed in (1, 2)]
    model = StackedModel(shape, [single.state_dict() for single in singles], 16)
    tokens = torch.randint(0, toys.VOCABULARY, (2, 3, 16))
    with torch.no_grad():
        hidden = model(tokens).view(2, 3, 16, -1)
        for number, single in enumerate(singles):
            expected = single.base_model(input_ids=tokens[number]).last_hidden_state
            torch.testing.assert_close(hidden[number], expected, rtol=1e-4, atol=1e-5)


def test_one_step_is_that_of_each_alone() -> None:
    """The first step's gradient norms, losses and new weights, with clipping in force for some."""
    proxy = toys.proxy(clip=0.2, weight_decay=0.3, z_loss=1e-3, device=Device(dtype="float32", micro_batch=3))
    trained = stack_of(proxy, seeds=(3, 4, 5))
    records = together(trained, 1)[0]
    for number in range(3):
        single, expected = alone(proxy, number, 1, seed=3 + number)
        assert records[number].loss == pytest.approx(expected[0].loss, rel=1e-6)
        assert records[number].norm == pytest.approx(expected[0].norm, rel=1e-4)
        got = trained.variant(number).state_dict()
        for name, value in single.model.state_dict().items():
            torch.testing.assert_close(got[name], value, rtol=1e-3, atol=2e-5)


def test_losses_of_a_run_are_those_of_each_alone() -> None:
    proxy = toys.proxy(learning_rate=2e-3)
    records = together(stack_of(proxy), 30)
    for number in range(3):
        _, expected = alone(proxy, number, 30)
        assert [step[number].loss for step in records] == pytest.approx([r.loss for r in expected], rel=1e-4)
    assert records[-1][0].loss != pytest.approx(records[-1][2].loss, rel=1e-3)


def test_bfloat16_too() -> None:
    proxy = toys.proxy(learning_rate=2e-3)
    records = together(stack_of(proxy, dtype="bfloat16"), 10)
    for number in range(3):
        _, expected = alone(proxy, number, 10, dtype="bfloat16")
        assert [step[number].loss for step in records] == pytest.approx([r.loss for r in expected], rel=5e-3)


def test_a_variant_that_breaks_touches_no_neighbour() -> None:
    """Bit for bit: the neighbours of a variant that becomes NaN are as they are beside a healthy one."""
    proxy = toys.proxy()
    healthy, broken = stack_of(proxy), stack_of(proxy)
    together(healthy, 3)
    together(broken, 3)
    with torch.no_grad():
        broken.model.parameter("0.down")[1, 0, 0] = float("nan")
    records = together(broken, 5, 3)
    expected = together(healthy, 5, 3)
    assert not records[0][1].finite
    assert [step[1].alive for step in records] == [True, False, False, False, False]
    assert broken.alive == [True, False, True]
    for number in (0, 2):
        assert [step[number] for step in records] == [step[number] for step in expected]
        for name, value in healthy.model.state_dict().items():
            assert torch.equal(broken.model.state_dict()[name][number], value[number])


def test_a_skipped_step_is_skipped_by_that_variant_alone() -> None:
    proxy = toys.proxy(skip=SkipRule(window=8, sigmas=6.0), tokens=60 * 128)
    trained = stack_of(proxy)
    together(trained, 20)
    before = [trained.model.parameter("0.qkv")[number].clone() for number in range(3)]
    counts = trained.optimizer.counts.clone()
    batches = [feed.batch(20) for feed in feeds(trained.plan)]
    noise = np.random.default_rng(0).integers(0, toys.VOCABULARY, (8, 16)).astype(np.uint16)
    batches[1] = Batch(noise, np.zeros(8, np.int64))
    records = trained.step(batches)
    assert [record.skipped for record in records] == [False, True, False]
    same = [torch.equal(before[number], trained.model.parameter("0.qkv")[number]) for number in range(3)]
    assert same == [False, True, False]
    assert (trained.optimizer.counts - counts).tolist() == [1, 0, 1]


def test_it_resumes_in_the_same_bits() -> None:
    whole, half, rest = (stack_of(toys.proxy()) for _ in range(3))
    expected = together(whole, 8)
    together(half, 4)
    rest.restore(half.state())
    assert together(rest, 4, 4) == expected[4:]
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, rest.model.state_dict()[name])


def test_memory_is_halved_here_too(monkeypatch, caplog) -> None:
    original = stacked.objective_of_heads

    def small(hidden, *rest, **how):
        if hidden.shape[1] > 3 * 15:
            raise torch.OutOfMemoryError("none left")
        return original(hidden, *rest, **how)

    expected = together(stack_of(toys.proxy()), 2)
    monkeypatch.setattr(stacked, "objective_of_heads", small)
    trained = stack_of(toys.proxy())
    found = together(trained, 2)
    assert trained.micro_batch == 2
    assert [r.loss for r in found[1]] == pytest.approx([r.loss for r in expected[1]], rel=1e-5)
    assert "same result" in caplog.text


def test_what_cannot_be_stacked_says_so() -> None:
    with pytest.raises(UserError, match="llama"):
        stack_of(toys.proxy(model=Foreign(model_type="llama")))
    trained = stack_of(toys.proxy())
    wrong = [
        dataclasses.replace(feed.batch(0), tokens=feed.batch(0).tokens + toys.VOCABULARY)
        for feed in feeds(trained.plan)
    ]
    with pytest.raises(UserError, match="token id"):
        trained.step(wrong)
