from __future__ import annotations

import pytest
import torch
import transformers

from olmix.errors import UserError
from olmix.train.ladder import (
    LADDER,
    Foreign,
    Shape,
    config_of,
    count_foreign,
    count_parameters,
    flops_per_token,
    padded,
    shape_of,
)
from olmix.train.recipe import nominal_parameters, sharded

DOLMA2 = padded(100_278)


@pytest.mark.parametrize("name", list(LADDER))
def test_parameter_counts_are_those_of_the_built_model(name: str) -> None:
    config = config_of(name, vocabulary=640, sequence_length=64)
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(config)
    counts = count_parameters(name, 640)
    assert counts.total == sum(p.numel() for p in model.parameters())
    assert counts.non_embedding == counts.total - model.get_input_embeddings().weight.numel()
    assert counts.body == counts.non_embedding - model.get_output_embeddings().weight.numel()
    assert type(model).__name__ == ("Olmo2ForCausalLM" if shape_of(name).family == "olmo2" else "Olmo3ForCausalLM")


@pytest.mark.parametrize("name", [name for name in LADDER if name != "olmo3_micro"])
def test_nominal_counts_are_near_the_computed_ones(name: str) -> None:
    """Names round: "370m" is 371 million, but "1b" 1.28 and "1m" 1.24."""
    nominal = nominal_parameters(name)
    assert nominal is not None
    assert count_parameters(name, DOLMA2).non_embedding == pytest.approx(
        nominal, rel=0.31 if name.endswith(("_1m", "_1b")) else 0.12
    )


def test_published_sizes() -> None:
    """OLMo-2-0425-1B, OLMo-2-1124-7B and Olmo-3-1125-32B, with their vocabulary of 100,352."""
    assert count_parameters("olmo2_1b", 100_352).total == 1_484_916_736
    assert count_parameters("olmo2_7b", 100_352).total == 7_298_617_344
    assert count_parameters("olmo3_32b", 100_352).total == 32_234_279_936


def test_architecture_is_as_published() -> None:
    config = config_of("olmo3_14m", vocabulary=DOLMA2, sequence_length=8192)
    assert (config.hidden_size, config.num_hidden_layers, config.num_attention_heads) == (128, 4, 8)
    assert config.layer_types == ["sliding_attention"] * 3 + ["full_attention"]
    assert config.sliding_window == 4096
    assert config.rope_parameters["full_attention"]["rope_theta"] == 500_000
    assert not config.tie_word_embeddings
    assert config.pad_token_id is None
    odd = shape_of("olmo3_13b")
    assert odd.layer_types()[-1] == "full_attention"
    names = [name for name, _ in transformers.AutoModelForCausalLM.from_config(
        config_of("olmo3_micro", vocabulary=128, sequence_length=16)).named_parameters()]  # fmt: skip
    assert any("q_norm" in name for name in names)
    assert any("post_attention_layernorm" in name for name in names)
    assert not any("input_layernorm" in name for name in names)


def test_last_layer_sees_everything_even_in_odd_depths() -> None:
    assert Shape(width=8, layers=5, heads=1, hidden=8).layer_types()[-1] == "full_attention"


def test_sliding_window_limits_what_a_layer_sees() -> None:
    """With a window of 4 on all layers but the last, a distant token reaches the end through the last layer only."""
    torch.manual_seed(0)
    shape = Shape(width=16, layers=2, heads=2, hidden=16, window=4)
    model = transformers.AutoModelForCausalLM.from_config(config_of(shape, vocabulary=32, sequence_length=16)).eval()
    seen: list[torch.Tensor] = []
    model.model.layers[0].register_forward_hook(lambda module, inputs, output: seen.append(output))
    tokens = torch.arange(16)[None]
    changed = tokens.clone()
    changed[0, 0] = 31
    first, second = (model(input_ids=t).logits for t in (tokens, changed))
    near, far = 3, 15
    assert not torch.allclose(seen[0][0, near], seen[1][0, near])
    assert torch.equal(seen[0][0, far], seen[1][0, far])
    assert not torch.equal(first[0, far], second[0, far])


def test_foreign_models_are_counted_without_memory() -> None:
    """Those of a billion are sharded over several processes, as ours are."""
    small = Foreign(model_type="gpt2", settings={"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 32})
    # Positions, two layers of (4 + 8) w^2 with biases and norms, the last norm, and a head of its own.
    assert count_foreign(small, 64) == 32 * 16 + 2 * (12 * 16**2 + 13 * 16) + 2 * 16 + 64 * 16
    assert not sharded(small, 64)
    large = {"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32}
    assert sharded(Foreign(model_type="llama", settings=large), 32000)


def test_foreign_models_are_welcome() -> None:
    llama = Foreign(
        model_type="llama",
        settings={
            "hidden_size": 16,
            "intermediate_size": 32,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
        },
    )
    config = config_of(llama, vocabulary=64, sequence_length=32)
    assert config.model_type == "llama"
    assert config.vocab_size == 64
    with pytest.raises(UserError, match="llama"):
        config_of(Foreign(model_type="lama"), vocabulary=64, sequence_length=32)
    with pytest.raises(UserError, match=r"A llama of transformers has no setting 'hiden_size' \(nearest: hidden_size"):
        config_of(Foreign(model_type="llama", settings={"hiden_size": 16}), vocabulary=64, sequence_length=32)
    older = Foreign(model_type="llama", settings={**llama.settings, "rope_theta": 5e5})  # Translated, so not unknown.
    assert config_of(older, vocabulary=64, sequence_length=32).rope_parameters["rope_theta"] == 5e5
    with pytest.raises(UserError, match=r"longer than a gpt2 .* allows \(16\)"):
        config_of(Foreign(model_type="gpt2", settings={"n_positions": 16}), vocabulary=64, sequence_length=32)


def test_unknown_names_bring_the_nearest() -> None:
    with pytest.raises(UserError, match="olmo3_14m"):
        shape_of("olmo3_14M")


@pytest.mark.parametrize(
    "wrong",
    [{"family": "olmo4"}, {"heads": 3}, {"layers": 0}, {"kv_heads": 3}, {"width": 6, "heads": 2}],
)
def test_impossible_shapes_are_refused(wrong: dict) -> None:
    with pytest.raises(UserError):
        Shape(**{"width": 16, "layers": 2, "heads": 2, "hidden": 16, **wrong})


def test_flops_follow_the_convention() -> None:
    shape = Shape(family="olmo2", width=64, layers=3, heads=2, hidden=128)
    n = count_parameters(shape, 256).non_embedding
    assert flops_per_token(shape, 256, 1024) == 6 * n + 12 * 3 * 64 * 1024
    windowed = Shape(family="olmo3", width=64, layers=4, heads=2, hidden=128, window=128)
    n = count_parameters(windowed, 256).non_embedding
    assert flops_per_token(windowed, 256, 1024) == 6 * n + 12 * 64 * (3 * 128 + 1024)
