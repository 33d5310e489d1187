"""The model ladder: one architecture at many sizes, so that a swarm's lesson carries from a small model to a large one.

The sizes are those of the OLMo 2 and OLMo 3 families (arXiv:2501.00656, arXiv:2512.13961; small ones as in OLMo-core's
model ladder): RMS norm after each sublayer, norms on queries and keys, SwiGLU, rotary base 500,000, no biases, untied
embeddings; OLMo 3 adds sliding windows of 4,096 on three of four layers and full attention on the last. They are built
as transformers' `Olmo2ForCausalLM` and `Olmo3ForCausalLM`, so that a checkpoint is an ordinary Hugging Face folder.
What that trades away: the published training kernels. `Foreign` takes any other causal model of transformers.

The registry's *nominal* parameter counts (`olmix.data.models`) are names rather than counts ("14m" has 13.9 million parameters
beside its input embedding with the dolma2 vocabulary, "1m" has 1.2 and "1b" 1.28 billion); token budgets are made from
the nominal ones.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from olmix.data.models import NON_EMBEDDING_PARAMETERS
from olmix.errors import UserError, nearest

if TYPE_CHECKING:
    import transformers

ROPE_BASE = 500_000
WINDOW = 4096
FAMILIES = ("olmo2", "olmo3")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shape:
    """The dimensions of one OLMo model.

    `width` is the residual stream, `hidden` the inner width of the feed-forward part, `head_width` the width of one
    head (default: width / heads), `kv_heads` the number of key and value heads (default: heads). `window` is the number
    of tokens that an OLMo 3 sliding layer sees.

    Raises:
      UserError: where the dimensions cannot make a model.
    """

    family: str = "olmo3"
    width: int
    layers: int
    heads: int
    hidden: int
    kv_heads: int | None = None
    head_width: int | None = None
    window: int = WINDOW

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise UserError(
                f"Unknown model family {self.family!r}{nearest(self.family, FAMILIES)}; known: {', '.join(FAMILIES)}."
            )
        for name in ("width", "layers", "heads", "hidden", "window"):
            if getattr(self, name) < 1:
                raise UserError(f"A model's {name} must be at least 1; it is {getattr(self, name)}.")
        if self.head_width is None and self.width % self.heads:
            raise UserError(
                f"A width of {self.width} does not divide into {self.heads} heads; set head_width or another number of heads."
            )
        if self.heads % (self.kv_heads or self.heads):
            raise UserError(f"{self.heads} heads cannot share {self.kv_heads} key and value heads evenly.")
        if self.per_head % 2:
            raise UserError(
                f"Rotary embeddings need heads of even width; {self.heads} heads on a width of {self.width} have {self.per_head}."
            )

    @property
    def per_head(self) -> int:
        """Width of one attention head."""
        return self.head_width or self.width // self.heads

    @property
    def layer_parameters(self) -> int:
        """Parameters of one layer: four attention matrices, three feed-forward ones, four norms."""
        queries, keys = self.heads * self.per_head, (self.kv_heads or self.heads) * self.per_head
        attention = self.width * (2 * queries + 2 * keys) + queries + keys
        return attention + 3 * self.width * self.hidden + 2 * self.width

    def layer_types(self) -> tuple[str, ...]:
        """The kind of attention of each layer: three sliding, one full, and full on the last."""
        return tuple(
            "full_attention" if (i + 1) % 4 == 0 or i == self.layers - 1 else "sliding_attention"
            for i in range(self.layers)
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Foreign:
    """Any other causal language model of transformers, by its `model_type` and the fields of its config.

    The vocabulary size and the sequence length are set by the trainer. Example:
    `Foreign(model_type="llama", settings={"hidden_size": 64, ...})`.
    """

    model_type: str
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)


Model = str | Shape | Foreign


def _pair(width: int, layers: int, heads: int, hidden: int, **more: int) -> dict[str, Shape]:
    return {f: Shape(family=f, width=width, layers=layers, heads=heads, hidden=hidden, **more) for f in FAMILIES}


# Inner widths follow 8/3 of the width, times 1.5 where the family widens it, rounded up to a multiple of 256 (512 at 32b).
_SIZES: dict[str, dict[str, Shape]] = {
    "1m": _pair(12, 4, 4, 256, head_width=4),
    "14m": _pair(128, 4, 8, 512),
    "30m": _pair(256, 4, 8, 768),
    "60m": _pair(384, 8, 8, 1536),
    "100m": _pair(512, 12, 8, 2048),
    "190m": _pair(768, 12, 12, 3072),
    "370m": _pair(1024, 16, 16, 4096),
    "600m": {
        "olmo2": Shape(family="olmo2", width=1344, layers=16, heads=16, hidden=5376),
        "olmo3": Shape(family="olmo3", width=1280, layers=16, heads=16, hidden=5120),
    },
    "760m": _pair(1536, 16, 16, 6144),
    "1b": _pair(2048, 16, 16, 8192),
    "3b": _pair(3328, 16, 16, 13312),
    "7b": _pair(4096, 32, 32, 11008),
    "13b": _pair(5120, 40, 40, 13824),
    "32b": _pair(5120, 64, 40, 27648, kv_heads=8),
}

#: Every model of the registry by name, and one of our own: `olmo3_micro`, half a million parameters for a laptop's swarm,
#: with heads of 32 because vLLM's CPU attention knows none narrower.
LADDER: dict[str, Shape] = {
    "olmo3_micro": Shape(family="olmo3", width=64, layers=4, heads=2, hidden=192),
    **{name: _SIZES[name.partition("_")[2]][name.partition("_")[0]] for name in NON_EMBEDDING_PARAMETERS},
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parameters:
    """Parameter counts of a model with its vocabulary; `non_embedding` leaves out the input embedding only.

    The output head counts as non-embedding, as in the ladder that the nominal names come from (for "14m" the head is
    12.8 of 13.9 million); `body` leaves out the head too.
    """

    total: int
    non_embedding: int
    body: int


def shape_of(model: str | Shape) -> Shape:
    """The dimensions of a model given by name or by dimensions. Raises UserError with the nearest names."""
    if isinstance(model, Shape):
        return model
    if model not in LADDER:
        raise UserError(f"Unknown model {model!r}{nearest(model, LADDER)}; the ladder has {', '.join(LADDER)}.")
    return LADDER[model]


def count_parameters(model: str | Shape, vocabulary: int) -> Parameters:
    """Parameter counts by arithmetic alone, without building anything. `vocabulary` is the padded size."""
    shape = shape_of(model)
    body = shape.layers * shape.layer_parameters + shape.width
    table = vocabulary * shape.width
    return Parameters(total=body + 2 * table, non_embedding=body + table, body=body)


def padded(vocabulary: int, multiple: int = 128) -> int:
    """The vocabulary rounded up, because matrices with odd sizes are slow: dolma2's 100,278 becomes 100,352."""
    return -(-vocabulary // multiple) * multiple


def flops_per_token(model: str | Shape, vocabulary: int, sequence_length: int) -> float:
    """Floating-point operations per trained token, forward and backward: 6 N + 12 · layers · attention width · length.

    The convention of PaLM's appendix B (arXiv:2204.02311), on which published utilisation figures rest: N counts all
    but the input embedding, attention counts as if it were not causal, recomputation does not count.
    """
    shape = shape_of(model)
    seen = [
        sequence_length if kind == "full_attention" or shape.family == "olmo2" else min(shape.window, sequence_length)
        for kind in shape.layer_types()
    ]
    return 6.0 * count_parameters(shape, vocabulary).non_embedding + 12.0 * shape.heads * shape.per_head * sum(seen)


def config_of(model: Model, *, vocabulary: int, sequence_length: int) -> transformers.PreTrainedConfig:
    """The transformers config of a model. `vocabulary` is the padded size, `sequence_length` the longest input.

    Raises:
      UserError: on an unknown name, or settings that transformers refuses.
    """
    import transformers

    common: dict[str, Any] = {
        "vocab_size": vocabulary,
        "max_position_embeddings": sequence_length,
        "tie_word_embeddings": False,
        # A padding index would freeze one row of the embedding; packed sequences have no padding.
        "pad_token_id": None,
        "bos_token_id": None,
        "eos_token_id": None,
        "use_cache": False,
    }
    if isinstance(model, Foreign):
        return _foreign_config(model, common)
    shape = shape_of(model)
    common |= {
        "hidden_size": shape.width,
        "intermediate_size": shape.hidden,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads or shape.heads,
        "rms_norm_eps": 1e-6,
        "rope_parameters": {"rope_type": "default", "rope_theta": float(ROPE_BASE)},
    }
    if shape.head_width is not None:
        common["head_dim"] = shape.head_width
    if shape.family == "olmo2":
        return transformers.Olmo2Config(**common)
    kinds = shape.layer_types()
    common["rope_parameters"] = {
        kind: dict(common["rope_parameters"]) for kind in ("sliding_attention", "full_attention")
    }
    return transformers.Olmo3Config(**common, sliding_window=shape.window, layer_types=list(kinds))


def count_foreign(model: Foreign, vocabulary: int) -> int:
    """The parameters of a foreign model beside its input embedding, counted on one that takes no memory.

    Takes seconds where transformers is not imported yet. Raises UserError as `config_of`.
    """
    import torch
    import transformers

    config = config_of(model, vocabulary=vocabulary, sequence_length=1)
    with torch.device("meta"):
        built = transformers.AutoModelForCausalLM.from_config(config)
    return sum(p.numel() for p in built.parameters()) - built.get_input_embeddings().weight.numel()


def _foreign_config(model: Foreign, common: dict[str, Any]) -> transformers.PreTrainedConfig:
    import transformers
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    if model.model_type not in CONFIG_MAPPING_NAMES:
        hint = nearest(model.model_type, CONFIG_MAPPING_NAMES)
        raise UserError(f"transformers knows no model_type={model.model_type!r}{hint}.")
    length = common["max_position_embeddings"]
    default = transformers.AutoConfig.for_model(model.model_type)
    other_name = default.attribute_map.get("max_position_embeddings")
    if other_name in model.settings:
        del common["max_position_embeddings"]
    try:
        config = transformers.AutoConfig.for_model(model.model_type, **{**common, **model.settings})
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(f"transformers refuses these settings of a {model.model_type}: {error}") from error
    # What transformers does not know it keeps as it is, and builds a model of the default size: billions of parameters.
    usual, kept = default.to_dict(), config.to_dict()
    unknown = next((name for name in model.settings if name in kept and name not in usual), None)
    if unknown is not None:
        raise UserError(f"A {model.model_type} of transformers has no setting {unknown!r}{nearest(unknown, usual)}.")
    longest = getattr(config, "max_position_embeddings", None)
    if longest is not None and longest < length:
        raise UserError(
            f"Sequences of {length:,} tokens are longer than a {model.model_type} with these settings allows ({longest:,})."
        )
    return config
