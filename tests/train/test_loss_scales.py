"""Float16, as V100s compute: each variant of a stack scales its losses, overflows and resumes as it would alone.

On a CPU, whose float16 is as narrow. Losses begin at a scale of 65,536, which is too large for these models, so every run
here overflows a few times of itself before it finds its own.
"""

from __future__ import annotations

import contextlib
import pathlib

import numpy as np
import pytest
import torch

from olmix.train.diary import Diary
from olmix.train.loss_scales import LossScales
from olmix.train.run import run
from olmix.train.stacked import StackedTrainer
from tests.train import toys
from tests.train.test_stacked import alone, feeds, stack_of, together

HALF = {"dtype": "float16", "loss_scaling": True}


def proxy(**changes):
    return toys.proxy(**{"learning_rate": 2e-3, **changes})


def tell(records, number: int) -> list[tuple]:
    return [(step[number].skipped, step[number].alive, step[number].skips, step[number].rate) for step in records]


def test_each_scale_goes_as_torch_s_own_would() -> None:
    """Three runs that overflow at random and grow every fourth good step, against three of torch's scalers."""
    rng, found = np.random.default_rng(0), LossScales(3, torch.device("cpu"), enabled=True)
    found._rule["growth_interval"] = 4
    weights = [torch.nn.Parameter(torch.ones(2)) for _ in range(3)]
    optimizers = [torch.optim.SGD([weight], lr=0.0) for weight in weights]
    scalers = [torch.amp.GradScaler("cpu", growth_interval=4) for _ in range(3)]
    for scaler in scalers:
        scaler.scale(torch.ones(()))
    scales = set()
    for _ in range(80):
        overflows = rng.random(3) < 0.15
        norms = torch.tensor([float("inf") if over else 1.0 for over in overflows], dtype=torch.float64)
        told = found.update(torch.ones(3, dtype=torch.float64), norms, torch.ones(3, dtype=torch.bool))
        assert told.tolist() == overflows.tolist()
        for weight, optimizer, scaler, over in zip(weights, optimizers, scalers, overflows, strict=True):
            weight.grad = torch.full((2,), float("inf") if over else 1.0)
            scaler.unscale_(optimizer)
            scaler.update()
        assert [found.state_of(number) for number in range(3)] == [scaler.state_dict() for scaler in scalers]
        scales |= set(found.scales.tolist())
    assert len(scales) > 4


def test_the_largest_scale_does_not_become_infinite_and_the_dead_keep_theirs() -> None:
    found = LossScales(2, torch.device("cpu"), enabled=True)
    found._rule["growth_interval"] = 1
    found.scales.fill_(2.0**127)
    fine = torch.ones(2, dtype=torch.float64)
    assert not found.update(fine, fine, torch.tensor([True, True])).any()
    assert found.scales.tolist() == [2.0**127] * 2
    assert found.update(fine, fine * float("nan"), torch.tensor([True, False])).tolist() == [True, False]
    assert found.scales.tolist() == [2.0**126, 2.0**127]


def test_losses_skips_and_scales_are_those_of_each_alone() -> None:
    trained = stack_of(proxy(clip=0.5), seeds=(3, 4, 5), **HALF)
    records = together(trained, 20)
    for number in range(3):
        single, expected = alone(proxy(clip=0.5), number, 20, seed=3 + number, **HALF)
        assert [step[number].loss for step in records] == pytest.approx([r.loss for r in expected], rel=5e-4)
        assert [step[number].norm for step in records] == pytest.approx([r.norm for r in expected], rel=0.05, abs=1e-3)
        assert tell(records, number) == [(r.skipped, r.alive, r.skips, r.rate) for r in expected]
        assert trained.scaler.state_of(number) == single.scaler.state_dict()
        assert single.skipped > 2
        got = trained.variant(number).state_dict()
        for name, value in single.model.state_dict().items():
            torch.testing.assert_close(got[name], value, rtol=0.01, atol=2e-3)


def force(trained: StackedTrainer, number: int) -> None:
    trained.scaler.scales[number] = 2.0**40


def test_an_overflow_is_that_variant_s_alone() -> None:
    """Forced at step 8, at a scale of 2^40: its neighbours are bit for bit as without it, and it is as a single run with it."""
    undisturbed, trained = (stack_of(proxy(), **HALF) for _ in range(2))
    expected = together(undisturbed, 14)
    before = together(trained, 8)
    weights, counts = trained.model.parameter("0.qkv")[1].clone(), trained.optimizer.counts.clone()
    skipped = trained.skipped
    force(trained, 1)
    records = [*before, *together(trained, 1, 8)]
    assert [record.skipped for record in records[-1]] == [False, True, False]
    assert records[-1][1].finite
    assert records[-1][1].norm == 0.0
    assert trained.scaler.scales[1] == 2.0**39
    assert torch.equal(weights, trained.model.parameter("0.qkv")[1])
    assert (trained.optimizer.counts - counts).tolist() == [1, 0, 1]
    assert trained.skipped == [skipped[0], skipped[1] + 1, skipped[2]]
    records += together(trained, 5, 9)
    for number in (0, 2):
        assert [step[number] for step in records] == [step[number] for step in expected]
        assert trained.scaler.state_of(number) == undisturbed.scaler.state_of(number)
        for name, value in undisturbed.model.state_dict().items():
            assert torch.equal(trained.model.state_dict()[name][number], value[number])

    single, told = alone(proxy(), 1, 8, **HALF)
    single.scaler.update(2.0**40)
    told += [single.step(feeds(single.plan)[1].batch(step)) for step in range(8, 14)]
    assert tell(records, 1) == [(r.skipped, r.alive, r.skips, r.rate) for r in told]
    assert [step[1].loss for step in records] == pytest.approx([r.loss for r in told], rel=5e-4)
    assert trained.scaler.state_of(1) == single.scaler.state_dict()
    assert float(trained.optimizer.counts[1]) == float(next(iter(single.optimizer.state.values()))["step"])


def test_gradients_that_are_no_numbers_at_the_smallest_scale_end_that_variant_alone() -> None:
    trained, undisturbed = (stack_of(proxy(), **HALF) for _ in range(2))
    together(trained, 6)
    together(undisturbed, 6)
    trained.scaler.scales[1] = 1.0

    def break_one(gradient: torch.Tensor) -> torch.Tensor:
        return torch.cat((gradient[:1], gradient[1:2] * float("nan"), gradient[2:]))

    trained.model.parameter("0.down").register_hook(break_one)
    records, expected = together(trained, 3, 6), together(undisturbed, 3, 6)
    assert [record.finite for record in records[0]] == [True, False, True]
    assert [record.alive for record in records[1]] == [True, False, True]
    for number in (0, 2):
        assert [step[number] for step in records] == [step[number] for step in expected]


def test_a_variant_may_go_on_alone_and_single_runs_side_by_side() -> None:
    """Both ways with scales that differ, as `continues` has it."""
    stacked = stack_of(proxy(), **HALF)
    together(stacked, 6)
    force(stacked, 2)
    singles = []
    for number in range(3):
        single = toys.trainer(proxy(), **HALF)
        single.restore(stacked.state_of(number))
        singles.append(single)
    other = stack_of(proxy(), **HALF)
    other.restore_each([single.state() for single in singles])
    expected = together(stacked, 6, 6)
    assert together(other, 6, 6) == expected
    for number, single in enumerate(singles):
        found = [single.step(feeds(single.plan)[number].batch(step)) for step in range(6, 12)]
        assert tell(expected, number) == [(r.skipped, r.alive, r.skips, r.rate) for r in found]
        assert [step[number].loss for step in expected] == pytest.approx([r.loss for r in found], rel=5e-4)
        assert single.scaler.state_dict() == stacked.scaler.state_of(number) == other.scaler.state_of(number)
    assert [record.skipped for record in expected[0]] == [False, False, True]


def test_killed_and_resumed_it_has_the_same_scales(tmp_path: pathlib.Path) -> None:
    """An overflow at step 7, killed at step 13 and resumed from step 10 on the disk: losses, scales and weights bit for bit."""
    settings = proxy(checkpoint_tokens=5 * 128, tokens=16 * 128)

    def go(folder: pathlib.Path, die: int | None = None) -> tuple[StackedTrainer, list, list[int]]:
        trained, done = stack_of(settings, **HALF), []
        step = trained.step

        def one(batches):
            if trained.done == die:
                raise KeyboardInterrupt
            if trained.done == 7:
                force(trained, 1)
            done.append(trained.done)
            return step(batches)

        trained.step = one
        folder.mkdir(exist_ok=True)
        with contextlib.ExitStack() as stack:
            diaries = [
                stack.enter_context(contextlib.closing(Diary(trained.plan, feed.leaves, folder / f"{number}.jsonl")))
                for number, feed in enumerate(feeds(trained.plan))
            ]
            stack.enter_context(contextlib.suppress(KeyboardInterrupt))
            outcomes = run(
                trained, feeds(trained.plan), settings, diaries, scratch=folder, evaluate=lambda _: {},
                progress=lambda *_: None,
            )  # fmt: skip
            return trained, [(o.curve, o.skipped, o.tokens) for o in outcomes], done
        return trained, [], done

    whole, expected, _ = go(tmp_path / "whole")
    go(tmp_path / "killed", die=13)
    again, found, done = go(tmp_path / "killed")
    assert done == [*range(10, 16)]
    assert found == expected
    assert [again.scaler.state_of(number) for number in range(3)] == [whole.scaler.state_of(n) for n in range(3)]
    assert again.scaler.scales[1] > 2.0**30
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name])
