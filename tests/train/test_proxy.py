from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from olmix.errors import UserError
from olmix.train import loss
from olmix.train.feed import Batch
from olmix.train.ladder import Foreign
from olmix.train.loss import objective_of_head, objective_of_logits
from olmix.train.optimizer import Jumps
from olmix.train.settings import Device, SkipRule
from tests.train import toys


def train(proxy, *, steps: int = 5, **changes):
    trained = toys.trainer(proxy, **changes)
    feed = toys.Languages(trained.plan)
    return trained, [trained.step(feed.batch(step)) for step in range(steps)]


@pytest.mark.parametrize("z_loss", [0.0, 1e-2])
@pytest.mark.parametrize("vocabulary", [37, 280_000])
def test_sliced_head_equals_whole_logits(z_loss: float, vocabulary: int) -> None:
    """280,000 entries make slices of 7 tokens, with a rest; gradients and values as autograd has them on all logits."""
    torch.manual_seed(0)
    hidden = torch.randn(4, 5, 8, requires_grad=True)
    head = torch.randn(vocabulary, 8, requires_grad=True)
    targets = torch.randint(0, vocabulary, (4, 5))
    got, got_nats = objective_of_head(hidden, head, targets, z_loss)
    want, want_nats = objective_of_logits(hidden @ head.T, targets, z_loss)
    torch.testing.assert_close(got, want)
    torch.testing.assert_close(got_nats, want_nats)
    for mine, theirs in zip(
        torch.autograd.grad(got / 3, [hidden, head]),
        torch.autograd.grad(want / 3, [hidden, head]),
        strict=True,
    ):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("dtype", [None, torch.bfloat16])
@pytest.mark.parametrize(("numbers", "group", "rows"), [(37 * 70, 5, 14), (37 * 25, 2, 12), (37 * 4, 1, 4)])
def test_heads_side_by_side_are_each_alone(monkeypatch, numbers: int, group: int, rows: int, dtype) -> None:
    """However many of them share a slice: as few as fill it, for each slice adds to the gradients of all heads in it."""
    torch.manual_seed(0)
    hidden, head = torch.randn(5, 12, 8, requires_grad=True), torch.randn(5, 37, 8, requires_grad=True)
    targets = torch.randint(0, 37, (5, 12))
    monkeypatch.setattr(loss, "CPU_SLICE", numbers)
    shapes, bmm = [], torch.bmm
    with monkeypatch.context() as patch:
        patch.setattr(torch, "bmm", lambda a, b: shapes.append(tuple(a.shape)) or bmm(a, b))
        objectives, nats = loss.objective_of_heads(hidden, head, targets, 1e-2, dtype)
    assert shapes[0] == (group, min(rows, 12), 8)
    gradients = torch.autograd.grad(objectives.sum(), [hidden, head])
    for k in range(5):
        alone = hidden[k].detach().requires_grad_(), head[k].detach().requires_grad_()
        want, want_nats = objective_of_logits(alone[0] @ alone[1].T, targets[k], 1e-2)
        close = {"rtol": 1e-3, "atol": 1e-5} if dtype is None else {"rtol": 0.02, "atol": 0.05}
        torch.testing.assert_close((objectives[k], nats[k]), (want, want_nats), **close)
        for mine, theirs in zip(gradients, torch.autograd.grad(want, alone), strict=True):
            torch.testing.assert_close(mine[k], theirs, **close)


def test_loss_is_transformers_own() -> None:
    trained = toys.trainer(toys.proxy(z_loss=0.0))
    batch = toys.Languages(trained.plan).batch(0)
    tokens = torch.from_numpy(batch.tokens.astype(np.int64))
    with torch.no_grad():
        expected = float(trained.model(input_ids=tokens, labels=tokens).loss)
    assert trained.step(batch).loss == pytest.approx(expected, rel=1e-6)


def test_first_steps_follow_an_independent_loop() -> None:
    """The same model under torch's own pieces: cross_entropy, clip_grad_norm_, AdamW with two groups."""
    proxy = toys.proxy(clip=0.05, weight_decay=0.2, skip=SkipRule(enabled=False))
    trained = toys.trainer(proxy)
    model = toys.trainer(proxy).model
    embedding = model.get_input_embeddings().weight
    optimizer = torch.optim.AdamW(
        [{"params": [p for p in model.parameters() if p is not embedding], "weight_decay": 0.2},
         {"params": [embedding], "weight_decay": 0.0}],
        betas=(0.9, 0.99), eps=1e-8,
    )  # fmt: skip
    feed = toys.Languages(trained.plan)
    for step in range(4):
        batch = feed.batch(step)
        trained.step(batch)
        tokens = torch.from_numpy(batch.tokens.astype(np.int64))
        logits = model(input_ids=tokens).logits[:, :-1].flatten(0, 1)
        z = torch.logsumexp(logits, -1).square().mean()
        (torch.nn.functional.cross_entropy(logits, tokens[:, 1:].flatten()) + 1e-5 * z).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.05)
        for group in optimizer.param_groups:
            group["lr"] = trained.schedule.for_batch(step * 128, 128)
        optimizer.step()
        optimizer.zero_grad()
    for name, value in model.state_dict().items():
        torch.testing.assert_close(trained.model.state_dict()[name], value, rtol=2e-4, atol=2e-6)


def test_it_learns() -> None:
    _, records = train(toys.proxy(tokens=60 * 128, learning_rate=3e-2), steps=60)
    assert records[0].loss == pytest.approx(math.log(toys.VOCABULARY), rel=0.05)
    assert records[-1].loss < 0.6 * records[0].loss


def test_unseen_embeddings_do_not_decay_but_the_rest_does() -> None:
    proxy = toys.proxy(weight_decay=0.5, learning_rate=1e-1)
    trained = toys.trainer(proxy, vocabulary=64)  # The languages use 32 of them.
    before = toys.weights(trained)
    feed = toys.Languages(trained.plan)
    for step in range(3):
        trained.step(feed.batch(step))
    after = toys.weights(trained)
    assert torch.equal(before["model.embed_tokens.weight"][32:], after["model.embed_tokens.weight"][32:])
    assert not torch.equal(before["model.norm.weight"], after["model.norm.weight"])


@pytest.mark.parametrize("micro", [1, 3, 8])
def test_micro_batch_does_not_matter(micro: int) -> None:
    _, whole = train(toys.proxy(device=Device(dtype="float32", micro_batch=8)), steps=10)
    _, pieces = train(toys.proxy(device=Device(dtype="float32", micro_batch=micro)), steps=10)
    assert pieces[0].loss == pytest.approx(whole[0].loss, rel=1e-7)
    assert pieces[0].norm == pytest.approx(whole[0].norm, rel=1e-5)
    # Adam divides by what is left of small gradients, so the last digits grow from step to step.
    assert [r.loss for r in pieces] == pytest.approx([r.loss for r in whole], rel=5e-4)


def test_same_seed_same_bits_and_other_seed_other_bits() -> None:
    torch.manual_seed(123)
    first, a = train(toys.proxy())
    torch.manual_seed(456)
    torch.rand(7)
    second, b = train(toys.proxy())
    _, c = train(toys.proxy(), seed=1)
    assert a == b
    assert all(torch.equal(x, toys.weights(second)[name]) for name, x in toys.weights(first).items())
    assert a[0].loss != c[0].loss


def test_dropout_is_drawn_from_seed_and_step() -> None:
    gpt2 = Foreign(
        model_type="gpt2",
        settings={"n_embd": 16, "n_layer": 1, "n_head": 2, "resid_pdrop": 0.5, "n_positions": 16},
    )
    proxy = toys.proxy(model=gpt2)
    _, a = train(proxy, steps=3)
    torch.rand(11)
    two, b = train(proxy, steps=2)
    torch.rand(5)
    b.append(two.step(toys.Languages(two.plan).batch(2)))
    assert a == b


def test_restored_state_goes_on_bitwise() -> None:
    whole, expected = train(toys.proxy(), steps=8)
    half, _ = train(toys.proxy(), steps=4)
    rest = toys.trainer(toys.proxy(), seed=5)
    rest.restore(half.state())
    rest.seed = 0
    feed = toys.Languages(rest.plan)
    assert [rest.step(feed.batch(step)) for step in range(4, 8)] == expected[4:]
    assert all(torch.equal(x, toys.weights(rest)[name]) for name, x in toys.weights(whole).items())


def test_a_jump_is_skipped_and_changes_nothing() -> None:
    proxy = toys.proxy(skip=SkipRule(window=8, sigmas=6.0), tokens=60 * 128)
    trained, _ = train(proxy, steps=20)
    skipped_before, before = trained.skipped, toys.weights(trained)
    rng = np.random.default_rng(0)
    noise = Batch(rng.integers(0, toys.VOCABULARY, (8, 16)).astype(np.uint16), np.zeros(8, np.int64))
    record = trained.step(noise)
    assert record.skipped
    assert trained.skipped == skipped_before + 1
    assert trained.done == 21
    assert all(torch.equal(x, toys.weights(trained)[name]) for name, x in before.items())
    assert not trained.step(toys.Languages(trained.plan).batch(21)).skipped


def test_not_a_number_changes_no_weight() -> None:
    trained, _ = train(toys.proxy(), steps=2)
    with torch.no_grad():
        trained.model.lm_head.weight[0, 0] = float("nan")
    before = toys.weights(trained)
    record = trained.step(toys.Languages(trained.plan).batch(2))
    assert not record.finite
    assert all(
        torch.equal(x.nan_to_num(7.0), toys.weights(trained)[name].nan_to_num(7.0)) for name, x in before.items()
    )


def test_token_ids_outside_the_vocabulary_are_refused() -> None:
    trained = toys.trainer(toys.proxy())
    wrong = Batch(np.full((8, 16), toys.VOCABULARY, np.uint16), np.zeros(8, np.int64))
    with pytest.raises(UserError, match="token id 32"):
        trained.step(wrong)


def test_bfloat16_is_near_float32() -> None:
    _, exact = train(toys.proxy(), steps=10)
    _, rough = train(toys.proxy(), steps=10, dtype="bfloat16")
    assert [r.loss for r in rough] == pytest.approx([r.loss for r in exact], rel=0.02)
    assert [r.loss for r in rough] != [r.loss for r in exact]


def test_plan_is_what_the_trainer_counts() -> None:
    proxy = toys.proxy(tokens=1000)
    trained = toys.trainer(proxy)
    assert trained.plan.tokens == 896
    feed = toys.Languages(trained.plan)
    for step in range(trained.plan.steps):
        trained.step(feed.batch(step))
    assert trained.tokens == 896
    assert dataclasses.asdict(trained.plan)["declared_tokens"] == 1000


def test_jumps_are_those_of_the_rule_in_plain_numbers() -> None:
    """Three runs at once, one of which sits out every fourth step, against lists and the definition."""
    rng, rule = np.random.default_rng(0), SkipRule(window=8, sigmas=2.0)
    jumps, lists = Jumps(rule, torch.device("cpu"), 3), [([], []) for _ in range(3)]

    def high(values: list[float], value: float) -> bool:
        seen = values[-8:]
        return len(seen) >= 4 and value > np.mean(seen) + 2.0 * np.std(seen, ddof=1)

    counted = 0
    for step in range(60):
        losses, norms = (rng.standard_normal(3) ** 3 for _ in range(2))
        remember = np.array([True, step % 4 != 0, True])
        found = jumps.judge(*(torch.from_numpy(x) for x in (losses, norms, remember))).tolist()
        for run, (old_losses, old_norms) in enumerate(lists):
            expected = bool(remember[run]) and (high(old_losses, losses[run]) or high(old_norms, norms[run]))
            assert found[run] == expected
            counted += expected
            if remember[run]:
                old_losses.append(losses[run])
                old_norms.append(norms[run])
    assert counted > 10
    alone = Jumps(rule, torch.device("cpu"))
    alone.restore(jumps.state_of(1))
    assert torch.equal(alone.history[:, 0], jumps.history[:, 1])


def test_what_a_step_did_is_read_when_asked_for() -> None:
    _, records = train(toys.proxy(), steps=2)
    assert records[1].alive
    assert repr(records[0]).startswith("StepRecord(rate=")
    assert records[0] != records[1]
    assert records[0] == records[0]
