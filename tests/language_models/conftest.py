"""One tiny model for all tests of this folder: a Phi from scratch on lines that are easy to learn."""

from __future__ import annotations

import pathlib
import random

import pytest

from olmix.language_models.examples import Example
from olmix.language_models.new_model import PhiShape, new_phi
from olmix.language_models.requests import Length
from olmix.train.arithmetic import Arithmetic
from olmix.train.ladder import Shape
from olmix.train.proxy import build_model
from olmix.train.recipe import resolve
from olmix.train.work import save_model
from tests.train import toys

LENGTH = Length(max_length=96)


def examples(count: int, seed: int = 0) -> list[Example]:
    rng = random.Random(seed)
    found = []
    for number in range(count):
        a, b = rng.randint(1, 9), rng.randint(1, 9)
        found.append(Example(id=f"e{number}", prompt=f"Add: {a} + {b}\nSum:", completion=f" {a} and {b} make {a + b}."))
    return found


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("tiny")
    shape = PhiShape(hidden=64, layers=1, heads=2, vocabulary=280)
    new_phi(folder, [e.prompt + e.completion for e in examples(100)], shape, LENGTH, seed=0)
    return folder


@pytest.fixture(scope="session")
def trained_here(tiny, tmp_path_factory) -> pathlib.Path:
    """What a training run leaves: an OLMo 3 with sliding windows shorter than the texts, and fewer keys than queries."""
    folder = tmp_path_factory.mktemp("trained") / "model"
    plan = resolve(toys.proxy(sequence_length=LENGTH.max_length, batch_tokens=960, tokens=9600))
    shape = Shape(family="olmo3", width=128, layers=4, heads=4, kv_heads=2, hidden=64, window=16)
    model = build_model(shape, vocabulary=320, plan=plan, arithmetic=Arithmetic(), seed=0)
    save_model(model, model.state_dict(), folder, plan, tiny / "tokenizer.json")
    return folder
