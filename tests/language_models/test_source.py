"""Which model is meant: spellings that mean the same one, and what tells weights apart."""

from __future__ import annotations

import json
import os
import pathlib
import shutil

import numpy as np
import pytest
from safetensors.numpy import save_file

from olmix.language_models.source import identity, same_model

QWEN = "Qwen/Qwen2.5-Math-72B-Instruct"


@pytest.mark.parametrize(
    "other",
    [
        "qwen2.5-math-72b-instruct",
        "Qwen/Qwen2.5-Math-72B-Instruct/",
        "Qwen/Qwen2.5-Math-72B-Instruct@main",
        "Qwen/Qwen2.5-Math-72B-Instruct-AWQ",
        "RedHatAI/Qwen2.5-Math-72B-Instruct-quantized.w4a16",
        "qwen2.5-math:72b-instruct",
        "/models/Qwen2.5-Math-72B-Instruct",
        "~/.cache/huggingface/hub/models--Qwen--Qwen2.5-Math-72B-Instruct/snapshots/0123abcd",
    ],
)
def test_one_model_under_many_names(other):
    assert same_model(QWEN, other)
    assert same_model(other, QWEN)


@pytest.mark.parametrize(
    "other",
    [
        "Qwen/Qwen2.5-Math-7B-Instruct",
        "Qwen/Qwen2.5-Math-72B",
        "mistralai/Mathstral-7B-v0.1",
        "Qwen/Qwen2.5-72B-Instruct",
    ],
)
def test_other_models(other):
    assert not same_model(QWEN, other)


def folder(path: pathlib.Path, weights: bytes, **config: str) -> str:
    path.mkdir(parents=True)
    (path / "config.json").write_text(json.dumps(config))
    save_file({"w": np.frombuffer(weights, np.uint8)}, path / "model.safetensors")
    return str(path)


def test_folders_are_known_by_what_is_in_them(tmp_path: pathlib.Path):
    weights = os.urandom(3_000_000)
    one = folder(tmp_path / "writer", weights)
    copy = shutil.copytree(one, tmp_path / "another-name")
    (tmp_path / "link").symlink_to(one)
    changed = folder(tmp_path / "tuned", weights[:-1] + bytes([weights[-1] ^ 1]))
    assert same_model(one, str(copy))
    assert same_model(one, str(tmp_path / "link"))
    assert same_model(one, str(tmp_path / "tuned" / ".." / "writer"))
    assert not same_model(one, changed)
    told = folder(tmp_path / "local", b"x", _name_or_path=QWEN)
    assert same_model(told, QWEN)
    empty = [tmp_path / name for name in ("e1", "e2")]
    for path in empty:
        path.mkdir()
    assert not same_model(*map(str, empty))  # Without weights there is nothing to compare.


def test_models_of_one_name_in_two_folders_are_two(tmp_path: pathlib.Path):
    one, other = folder(tmp_path / "a" / "model", b"1"), folder(tmp_path / "b" / "model", b"2")
    assert identity(one) != identity(other)
    assert identity(QWEN) == QWEN
