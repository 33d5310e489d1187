from __future__ import annotations

import math

import numpy as np
import pytest
import tokenizers
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import decoders, models, pre_tokenizers, trainers

from olmix.errors import UserError
from olmix.train.evaluate import bits_per_byte, task_bits_per_byte, windows
from olmix.train.feed import HeldOut
from olmix.train.results import group_means
from olmix.train.source import bytes_per_token, count_bytes
from olmix.train.tasks import Encoded, Prepared
from tests.train import toys

CPU = torch.device("cpu")


@given(count=st.integers(2, 70), length=st.integers(2, 20))
def test_windows_predict_every_token_but_the_first_once(count: int, length: int) -> None:
    tokens = np.arange(count)
    predicted = np.concatenate([part[:, 1:].ravel() for part in windows(tokens, length)])
    assert predicted.tolist() == list(range(1, count))
    assert all(part.shape[1] <= length for part in windows(tokens, length))


def test_uniform_model_needs_log_of_the_vocabulary() -> None:
    """All-zero weights give every token 1/32: five bits a token, two bytes a token, one token unpredicted."""
    model = toys.trainer(toys.proxy()).model
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    found = bits_per_byte(model, toys.held_outs(100), 16, device=CPU)
    assert found == pytest.approx({"up": 5 * 99 / 200, "down": 5 * 99 / 200}, rel=1e-6)
    assert model.training


def test_agrees_with_one_token_at_a_time() -> None:
    trained = toys.trainer(toys.proxy())
    held_out = HeldOut(np.array([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5]), 30)
    nats = 0.0
    for position in range(1, 11):
        start = (position - 1) // 3 * 3  # Windows of 4 begin at 0, 3, 6, 9.
        context = torch.tensor(held_out.tokens[None, start:position])
        with torch.no_grad():
            nats -= float(
                torch.log_softmax(trained.model(input_ids=context).logits[0, -1].double(), -1)[
                    held_out.tokens[position]
                ]
            )
    found = bits_per_byte(trained.model, {"x": held_out}, 4, device=CPU)["x"]
    assert found == pytest.approx(nats / math.log(2) / 30, rel=1e-5)


def test_every_forward_pass_says_that_it_lives() -> None:
    """Or whoever looks for hanging workers would end a long evaluation, again and again."""
    model, passes, said = toys.trainer(toys.proxy()).model, [], []
    model.base_model.register_forward_hook(lambda *_: passes.append(len(said)))
    bits_per_byte(model, toys.held_outs(100), 16, device=CPU, alive=lambda: said.append(1))
    rows = [Encoded(np.arange(length), 1, number) for number, length in enumerate((9, 30))]
    task_bits_per_byte(model, [Prepared("x", tuple(rows), np.array([9, 30]))], device=CPU, alive=lambda: said.append(1))
    assert passes == [*range(5)]  # Of each leaf six windows of 16 and one of 10; then a batch of two rows.
    assert len(said) == 5


def test_groups_are_plain_means() -> None:
    assert group_means({"a": 1.0, "b": 3.0}, {"g": ("a", "b"), "h": ("b",)}) == {"g": 2.0, "h": 3.0}
    with pytest.raises(UserError, match="c, which has no held-out set"):
        group_means({"a": 1.0}, {"g": ("a", "c")})
    with pytest.raises(UserError, match="Group 'g' has no members to average; known: a"):
        group_means({"a": 1.0}, {"g": ()})


def test_nothing_held_out_is_an_error_and_no_zero() -> None:
    model = toys.trainer(toys.proxy()).model
    for wrong in (HeldOut(np.array([1]), 2), HeldOut(np.array([1, 2, 3]), 0)):
        with pytest.raises(UserError, match="no text"):
            bits_per_byte(model, {"x": wrong}, 16, device=CPU)


TEXT = "Grüße, 世界! 🙂 def f(x):\n\treturn x  # naïve\n" * 5


def byte_level() -> tokenizers.Tokenizer:
    made = tokenizers.Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.train_from_iterator(
        [TEXT],
        trainers.BpeTrainer(
            vocab_size=300, special_tokens=["<|end|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
        ),
    )
    return made


@given(st.text(max_size=60))
@settings(max_examples=50)
def test_bytes_of_byte_level_tokens_are_those_of_the_text(text: str) -> None:
    made = byte_level()
    tokens = np.array(made.encode(text).ids, dtype=np.int64)
    assert count_bytes(tokens, made.to_str()) == len(text.encode())


def test_special_tokens_have_no_bytes() -> None:
    made = byte_level()
    end = made.token_to_id("<|end|>")
    counts = bytes_per_token(made.to_str())
    assert counts is not None
    assert counts[end] == 0
    assert count_bytes(np.array([end, *made.encode("ab").ids, end]), made.to_str()) == 2


def test_other_tokenizers_are_counted_by_decoding() -> None:
    made = tokenizers.Tokenizer(models.WordLevel({"hello": 0, "wörld": 1, "?": 2}, unk_token="?"))
    assert bytes_per_token(made.to_str()) is None
    assert count_bytes(np.array([0, 1]), made.to_str()) == len("hello wörld".encode())
