from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest
from safetensors.numpy import save_file

from olmix.weights import flaw


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    """A model of one file, with a tokenizer."""
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "tokenizer.json").write_text('{"model": {}}')
    save_file({"a": np.zeros((3, 5), np.float32), "b": np.ones(7, np.float16)}, tmp_path / "model.safetensors")
    return tmp_path


def test_a_whole_folder_has_no_flaw(folder: pathlib.Path) -> None:
    assert flaw(folder) is None
    save_file({}, folder / "model.safetensors")
    assert flaw(folder) is None  # The table of a file without tensors is whole, too.
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    assert flaw(folder) is None


def test_a_file_that_is_cut_off_anywhere_is_named(folder: pathlib.Path) -> None:
    path = folder / "model.safetensors"
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        assert str(path) in (flaw(folder) or "whole?")
    path.write_bytes(whole[:-1])
    assert flaw(folder) == f"{path} is cut off: it has {len(whole) - 1:,} of {len(whole):,} bytes"
    path.write_bytes(whole + b"x")
    assert "is damaged: it has" in (flaw(folder) or "")


@pytest.mark.parametrize("start", [b"\xff" * 8, b"\0" * 8, b"\2\0\0\0\0\0\0\0[]", b"\4\0\0\0\0\0\0\0null"])
def test_what_is_no_table_of_tensors_is_damage(folder: pathlib.Path, start: bytes) -> None:
    (folder / "model.safetensors").write_bytes(start + b" " * 50)
    assert "without a table of tensors" in (flaw(folder) or "")


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_descriptions_that_are_no_json_are_named(folder: pathlib.Path, name: str) -> None:
    (folder / name).write_text('{"model": ')
    assert flaw(folder) == f"{folder / name} is damaged (10 bytes that are no JSON)"


def test_what_is_missing_is_named(folder: pathlib.Path) -> None:
    (folder / "model.safetensors").unlink()
    assert flaw(folder) == f"{folder} has no weights (model.safetensors)"
    (folder / "config.json").unlink()
    assert flaw(folder) == f"{folder} has no config.json"


def test_all_parts_of_a_large_model_must_be_there(folder: pathlib.Path) -> None:
    (folder / "model.safetensors").rename(folder / "part-1.safetensors")
    save_file({"c": np.zeros(2)}, folder / "part-2.safetensors")
    index = {"weight_map": {"a": "part-1.safetensors", "b": "part-1.safetensors", "c": "part-2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert flaw(folder) is None
    save_file({"d": np.zeros(2)}, folder / "part-2.safetensors")
    assert flaw(folder) == f"{folder / 'part-2.safetensors'} is damaged: it lacks c"
    (folder / "part-2.safetensors").unlink()
    assert flaw(folder) == f"{folder / 'part-2.safetensors'} is missing"
    (folder / "model.safetensors.index.json").write_text("{}")
    assert "names no weights" in (flaw(folder) or "")
