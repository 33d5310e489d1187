"""One tiny model for all tests of this folder: a Phi from scratch on lines that are easy to learn."""

from __future__ import annotations

import pathlib
import random

import pytest

from olmix.language_models.examples import Example
from olmix.language_models.new_model import PhiShape, new_phi
from olmix.language_models.requests import Length

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
