"""Folders that are not whole, or lead nowhere: one sentence, and never random numbers in place of weights."""

from __future__ import annotations

import pathlib

import pytest
from safetensors.torch import load_file, save_file

from olmix.errors import UserError
from olmix.language_models.loading import load_model, load_tokenizer
from olmix.language_models.source import locate, observe
from tests.fake_context import FakeContext


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    import transformers

    folder = tmp_path_factory.mktemp("tiny")
    config = transformers.LlamaConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, vocab_size=64
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def test_weights_that_lack_a_tensor_are_refused(tiny: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """transformers would fill it with random numbers, and warn."""
    (tmp_path / "config.json").write_bytes((tiny / "config.json").read_bytes())
    tensors = load_file(tiny / "model.safetensors")
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    assert load_model(str(tmp_path)).config.hidden_size == 16
    del tensors["model.norm.weight"]
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=rf"The weights in {tmp_path} lack model.norm.weight, which its config.json"):
        load_model(str(tmp_path))


def test_a_folder_that_is_not_whole_is_named_before_anything_is_read(
    tiny: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "config.json").write_bytes((tiny / "config.json").read_bytes())
    (tmp_path / "model.safetensors").write_bytes((tiny / "model.safetensors").read_bytes()[:-1])
    asked = (load_model, observe, lambda name: locate(name, FakeContext(tmp_path)))
    for ask in asked:
        with pytest.raises(UserError, match=r"model.safetensors is cut off: it has .* bytes"):
            ask(str(tmp_path))


def test_a_name_that_leads_nowhere_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for load, what in ((load_model, "model"), (load_tokenizer, "tokenizer")):
        with pytest.raises(UserError, match=f"No {what} can be read from nobody/nothing, as a folder or from a hub: "):
            load("nobody/nothing")
    (tmp_path / "models").mkdir()
    with pytest.raises(UserError, match=rf"no model folder {tmp_path}/model \(nearest in {tmp_path}: models\)"):
        observe(str(tmp_path / "model"))
