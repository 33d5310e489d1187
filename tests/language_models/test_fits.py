"""What fits: parameter counts against transformers' own, and the issue's three cases."""

from __future__ import annotations

import json
import pathlib

import pytest

from olmix.errors import UserError
from olmix.graph.hardware import hardware_of
from olmix.graph.resources import Needs
from olmix.language_models.fits import Load, generation_sum
from olmix.language_models.requests import Length
from olmix.language_models.shapes import KNOWN, read_config
from olmix.language_models.transformers_backend import Transformers
from olmix.language_models.vllm_backend import Vllm

QWEN = "Qwen/Qwen2.5-Math-72B-Instruct"
LENGTH = Length(max_length=4096)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        # As the model cards and safetensors indices state them.
        ("qwen2.5-math-72b", 72_706_203_648),
        ("qwen2.5-math-7b", 7_615_616_512),
        ("qwen2.5-math-1.5b", 1_543_714_304),
        ("phi-1_5", 1_418_270_720),
        ("phi-2", 2_779_683_840),
        ("mathstral-7b-v0.1", 7_248_023_552),
    ],
)
def test_published_sizes(name, parameters):
    assert KNOWN[name].parameters == parameters


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("phi", {"hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 96}),
        ("qwen2", {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
                   "intermediate_size": 96, "tie_word_embeddings": True}),
        ("llama", {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 1,
                   "intermediate_size": 96}),
    ],
)  # fmt: skip
def test_counts_equal_those_of_the_real_architectures(tmp_path: pathlib.Path, kind, settings):
    import torch
    import transformers

    config = transformers.AutoConfig.for_model(kind, vocab_size=300, **settings)
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(config)
    (tmp_path / "config.json").write_text(json.dumps(config.to_dict()))
    shape = read_config(tmp_path / "config.json")
    assert shape is not None
    assert shape.parameters == sum(p.numel() for p in model.parameters())


def test_72b_in_bf16_fits_four_a100_of_40_gib_and_the_sum_is_shown():
    backend = Vllm(model=QWEN, tensor_parallel=4, memory_share=0.95)
    (line, room) = backend.check(Needs(gpus=4, accelerator="A100"), LENGTH)
    assert line == (
        "generating with qwen2.5-math-72b-instruct in bfloat16 fits on each of 4 A100: weights 33.9 + cache of 4,096 tokens 0.3 "
        "+ activations 0.4 + runtime 1.5 = 36.1 GiB of 40 × 0.95 = 38.0 GiB"
    )
    assert "29,418 tokens" in room


def test_72b_does_not_fit_one_v100_and_the_sum_is_shown():
    with pytest.raises(UserError, match=r"does not fit on one V100: weights 135\.4 \+ .* GiB of 16 GiB"):
        Transformers(model=QWEN).check(Needs(gpus=1, accelerator="V100"), LENGTH)


def test_vllm_on_a_v100_is_refused_with_the_reason():
    with pytest.raises(UserError, match="no kernels for the V100"):
        Vllm(model=QWEN).check(Needs(gpus=1, accelerator="V100"), LENGTH)


def test_tensor_parallel_must_be_the_number_of_gpus():
    with pytest.raises(UserError, match=r"4 GPUs and Vllm\.tensor_parallel is 2"):
        Vllm(model=QWEN, tensor_parallel=2).check(Needs(gpus=4, accelerator="A100"), LENGTH)


def test_a_model_of_unknown_shape_is_said_to_be_unknown():
    (line,) = Transformers(model="someone/new-model").check(Needs(gpus=1, accelerator="A100"), LENGTH)
    assert "not known" in line


@pytest.mark.parametrize(
    ("name", "bytes_per_token"),
    # 2 (keys and values) x layers x key-value heads x 128 (or 64) x 2 bytes, from the models' published configs.
    [("qwen2.5-math-72b", 327_680), ("qwen2.5-math-7b", 57_344), ("mathstral-7b-v0.1", 131_072), ("phi-1_5", 196_608)],
)
def test_the_cache_of_a_token(name, bytes_per_token):
    assert KNOWN[name].cache_bytes_per_token(2) == bytes_per_token


def test_transformers_reads_a_whole_batch_in_one_pass():
    small = Transformers(model="microsoft/phi-1_5", batch=4).check(Needs(gpus=1, accelerator="V100"), LENGTH)[0]
    assert "weights 2.6 + cache of 16,384 tokens 3.0 + activations 0.8" in small
    with pytest.raises(UserError, match=r"cache of 131,072 tokens 24\.0"):
        Transformers(model="microsoft/phi-1_5", batch=32).check(Needs(gpus=1, accelerator="V100"), LENGTH)
    large = Needs(gpus=1, accelerator="V100", gpu_memory_gib=64)
    assert "of 64 GiB" in Transformers(model="microsoft/phi-1_5", batch=32).check(large, LENGTH)[0]


#: Read off the published config.json files, not off our table.
QWEN_72B = {"hidden": 8192, "layers": 80, "heads": 64, "kv": 8, "inner": 29568, "vocabulary": 152064}


def by_hand(devices: int, tokens: int, prefill: int, rows: int) -> float:
    """GiB per device for 72B in 16 bits, summed matrix by matrix: the independent calculation."""
    h, kv = QWEN_72B["hidden"], QWEN_72B["kv"] * 128
    attention = (h * h + h) + 2 * (h * kv + kv) + h * h
    parameters = 80 * (attention + 3 * h * QWEN_72B["inner"] + 2 * h) + 2 * QWEN_72B["vocabulary"] * h + h
    cache = tokens * 80 * (kv + kv) * 2
    activations = prefill * (2 * QWEN_72B["inner"] / devices + 4 * h) * 2 + rows * QWEN_72B["vocabulary"] * 4
    return (parameters * 2 / devices + cache / devices + activations) / 2**30 + 1.5


@pytest.mark.parametrize(
    ("kind", "memory", "devices", "fits"),
    [
        ("A100", 40, 4, True),
        ("A100", 40, 3, False),
        ("V100", 16, 8, False),
        ("V100", 32, 8, True),
        ("V100", 32, 4, False),
    ],
)
def test_72b_on_clusters_of_small_gpus(kind, memory, devices, fits):
    """Weights alone are 135.4 GiB: 33.9 on each of four, 16.9 on each of eight, more than a V100 of 16 has."""
    hardware = hardware_of(Needs(gpus=devices, accelerator=kind, gpu_memory_gib=memory))
    dtype = hardware.resolve_dtype("auto")
    assert dtype == {"A100": "bfloat16", "V100": "float16"}[kind]
    found = generation_sum(
        "72b", KNOWN["qwen2.5-math-72b"], hardware, Load(tokens=4096, prefill=4096, rows=64), devices=devices, dtype=dtype,
        utilisation=0.95,
    )  # fmt: skip
    assert found.needed == pytest.approx(by_hand(devices, 4096, 4096, 64), rel=1e-9)
    assert found.fits is fits


def test_heads_must_be_shared_evenly():
    with pytest.raises(UserError, match=r"The 64 heads of attention cannot be split over 3 GPUs"):
        Vllm(model=QWEN, tensor_parallel=3).check(Needs(gpus=3, accelerator="H100"), LENGTH)
