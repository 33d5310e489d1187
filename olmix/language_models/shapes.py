"""The sizes of a language model that decide how much memory it takes, and its number of parameters from them.

Read from a folder's `config.json`, or from a short table for the models that the presets name, so that a plan needs
neither torch nor a download. Formulas: the published architectures (Llama, Qwen2, Mistral; Phi), checked against
transformers' own counts in the tests.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib

from olmix.language_models.source import Model, short_name


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelShape:
    """`parameters` counts embeddings; `kv_heads` and `head_dim` give the key-value cache, `inner` the MLP's width."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    inner: int
    vocabulary: int
    parameters: int

    def cache_bytes_per_token(self, bytes_each: int) -> int:
        """Keys and values of one token in all layers."""
        return 2 * self.layers * self.kv_heads * self.head_dim * bytes_each


def llama_like(
    *, hidden: int, layers: int, heads: int, kv_heads: int, inner: int, vocabulary: int, tied: bool,
    qkv_bias: bool, head_dim: int | None = None,
) -> ModelShape:  # fmt: skip
    """Llama, Mistral and Qwen2: gated MLP, RMS norms, grouped queries; Qwen2 has biases on queries, keys and values."""
    wide = head_dim or hidden // heads
    queries, keys = heads * wide, kv_heads * wide
    attention = hidden * (queries + 2 * keys) + queries * hidden + ((queries + 2 * keys) if qkv_bias else 0)
    layer = attention + 3 * hidden * inner + 2 * hidden
    embeddings = vocabulary * hidden * (1 if tied else 2)
    return ModelShape(
        hidden=hidden, layers=layers, heads=heads, kv_heads=kv_heads, head_dim=wide, inner=inner,
        vocabulary=vocabulary, parameters=embeddings + layers * layer + hidden,
    )  # fmt: skip


def phi(*, hidden: int, layers: int, heads: int, inner: int, vocabulary: int) -> ModelShape:
    """Phi-1, 1.5 and 2: parallel attention and MLP behind one layer norm, biases everywhere, the output's too."""
    layer = 4 * (hidden * hidden + hidden) + 2 * hidden * inner + inner + hidden + 2 * hidden
    ends = 2 * vocabulary * hidden + vocabulary + 2 * hidden
    return ModelShape(
        hidden=hidden, layers=layers, heads=heads, kv_heads=heads, head_dim=hidden // heads, inner=inner,
        vocabulary=vocabulary, parameters=ends + layers * layer,
    )  # fmt: skip


_QWEN_72B = llama_like(
    hidden=8192, layers=80, heads=64, kv_heads=8, inner=29568, vocabulary=152064, tied=False, qkv_bias=True
)
_QWEN_7B = llama_like(
    hidden=3584, layers=28, heads=28, kv_heads=4, inner=18944, vocabulary=152064, tied=False, qkv_bias=True
)
_QWEN_1_5B = llama_like(
    hidden=1536, layers=28, heads=12, kv_heads=2, inner=8960, vocabulary=151936, tied=True, qkv_bias=True
)

#: By `source.short_name`.
KNOWN = {
    "qwen2.5-math-72b": _QWEN_72B,
    "qwen2.5-math-72b-instruct": _QWEN_72B,
    "qwen2.5-72b-instruct": _QWEN_72B,
    "qwen2.5-math-7b": _QWEN_7B,
    "qwen2.5-math-7b-instruct": _QWEN_7B,
    "qwen2.5-7b-instruct": _QWEN_7B,
    "qwen2.5-math-1.5b": _QWEN_1_5B,
    "qwen2.5-math-1.5b-instruct": _QWEN_1_5B,
    "mathstral-7b-v0.1": llama_like(
        hidden=4096, layers=32, heads=32, kv_heads=8, inner=14336, vocabulary=32768, tied=False, qkv_bias=False
    ),
    "phi-1_5": phi(hidden=2048, layers=24, heads=32, inner=8192, vocabulary=51200),
    "phi-2": phi(hidden=2560, layers=32, heads=32, inner=10240, vocabulary=51200),
}


def shape_of(model: Model) -> ModelShape | None:
    """The shape of a known model or of a local folder; None where neither the table nor the folder says.

    What a step made by tuning its `model` has the shape of that.
    """
    if not isinstance(model, str):
        origin = getattr(model.step, "model", None)
        return None if origin is None else shape_of(origin)
    config = pathlib.Path(model).expanduser() / "config.json"
    return read_config(config) if config.is_file() else KNOWN.get(short_name(model))


def read_config(path: pathlib.Path) -> ModelShape | None:
    """The shape that a `config.json` describes; None for architectures that we have no formula for."""
    config = json.loads(path.read_text())
    kind = config.get("model_type")
    if kind == "phi":
        return phi(
            hidden=config["hidden_size"], layers=config["num_hidden_layers"], heads=config["num_attention_heads"],
            inner=config["intermediate_size"], vocabulary=config["vocab_size"],
        )  # fmt: skip
    if kind in ("llama", "mistral", "qwen2"):
        return llama_like(
            hidden=config["hidden_size"], layers=config["num_hidden_layers"], heads=config["num_attention_heads"],
            kv_heads=config.get("num_key_value_heads") or config["num_attention_heads"], inner=config["intermediate_size"],
            vocabulary=config["vocab_size"], tied=bool(config.get("tie_word_embeddings", False)),
            qkv_bias=kind == "qwen2" or bool(config.get("attention_bias", False)), head_dim=config.get("head_dim"),
        )  # fmt: skip
    return None
