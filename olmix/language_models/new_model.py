"""A small model from nothing: a byte-level BPE trained on given texts and a Phi with random weights.

For trying a whole pipeline on a CPU in minutes, and for tests. No token holds a number and something else, nor a single letter
and something else: numbers that are frequent are one token each, so that taking a root is one look-up for a model this small.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterable

from olmix.errors import UserError
from olmix.language_models.requests import Length
from olmix.lean import import_transformers

#: A number, or a letter that stands alone; what lies between is merged freely.
_APART = r"\d+|(?<![A-Za-z\\])[A-Za-z](?![A-Za-z])"

END, PAD = "<|endoftext|>", "<|pad|>"


@dataclasses.dataclass(frozen=True, kw_only=True)
class PhiShape:
    """The sizes of a new Phi. vLLM on a CPU needs heads of at least 32 dimensions: hidden >= 32 × heads."""

    hidden: int
    layers: int
    heads: int
    vocabulary: int = 512

    def __post_init__(self) -> None:
        if self.hidden % self.heads or self.hidden // self.heads % 2:
            raise UserError(f"PhiShape: hidden={self.hidden} must be an even multiple of heads={self.heads}.")
        if self.vocabulary < 260:
            raise UserError(f"PhiShape.vocabulary must hold 256 bytes and 2 marks; it is {self.vocabulary}.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class NewModelResult:
    """What was made: parameters, tokens in the vocabulary, and how many characters a token of the texts has on average."""

    parameters: int
    vocabulary: int
    characters_per_token: float


def new_phi(folder: pathlib.Path, texts: Iterable[str], shape: PhiShape, length: Length, seed: int) -> NewModelResult:
    """Makes tokenizer and model and saves both into `folder`."""
    import_transformers()
    import tokenizers
    import torch
    import transformers
    from tokenizers import decoders, models, pre_tokenizers, trainers

    texts = list(texts)
    raw = tokenizers.Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(tokenizers.Regex(_APART), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])  # fmt: skip
    raw.decoder = decoders.ByteLevel()
    raw.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=shape.vocabulary, special_tokens=[END, PAD], show_progress=False,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        ),
    )  # fmt: skip
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=raw, bos_token=END, eos_token=END, pad_token=PAD, model_max_length=length.max_length
    )
    config = transformers.PhiConfig(
        vocab_size=len(tokenizer), hidden_size=shape.hidden, intermediate_size=4 * shape.hidden,
        num_hidden_layers=shape.layers, num_attention_heads=shape.heads, max_position_embeddings=length.max_length,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
        resid_pdrop=0.0, embd_pdrop=0.0, attention_dropout=0.0,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = transformers.PhiForCausalLM(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    tokens = sum(len(ids) for ids in tokenizer(texts)["input_ids"])
    return NewModelResult(
        parameters=sum(p.numel() for p in model.parameters()),
        vocabulary=len(tokenizer),
        characters_per_token=round(sum(map(len, texts)) / max(1, tokens), 2),
    )
