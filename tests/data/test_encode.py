import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from olmix.data.encode import END, Encoder, read_tokenizer, train_bpe
from olmix.errors import UserError

TEXT = [
    "The quick brown fox jumps over the lazy dog. It's 42 o'clock!\n\n  def f(x):\n    return x + 1\n" * 5,
    "äöü 漢字 🙂 naïve",
]
BPE = train_bpe(TEXT, 300)


def reference(definition, text):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(definition)
    tokenizer.encode_special_tokens = True
    return [*tokenizer.encode(text, add_special_tokens=False).ids, tokenizer.token_to_id(END)]


@settings(max_examples=150)
@given(st.text(max_size=60) | st.text(" \n\t'sdltrvem0aé.", max_size=60))
def test_the_fast_way_gives_the_tokens_of_the_library(text):
    encoder = Encoder(BPE)
    assert encoder._words is not None
    assert encoder.encode([text])[0].tolist() == reference(BPE, text)


def test_a_text_that_spells_the_end_token_does_not_end_a_document():
    encoder = Encoder(BPE)
    tokens = encoder.encode([f"a{END}b"])[0]
    assert (tokens == encoder.end).sum() == 1
    assert tokens.dtype == np.dtype("<u2")


def test_other_tokenizers_go_the_ordinary_way():
    about = json.loads(BPE)
    about["normalizer"] = {"type": "Lowercase"}
    definition = json.dumps(about)
    encoder = Encoder(definition)
    assert encoder._words is None
    assert [one.tolist() for one in encoder.encode(TEXT)] == [reference(definition, text) for text in TEXT]


def test_bpe_covers_all_bytes_and_counts_its_vocabulary():
    from tokenizers import Tokenizer

    encoder = Encoder(BPE)
    assert encoder.vocabulary == 300
    assert encoder.end == 0
    text = "\x00ÿ漢"
    assert Tokenizer.from_str(BPE).decode(encoder.encode([text])[0][:-1].tolist()) == text
    with pytest.raises(UserError, match="at least 257"):
        train_bpe(TEXT, 200)


def test_tokenizer_files(tmp_path):
    (tmp_path / "tokenizer.json").write_text(BPE)
    assert read_tokenizer(str(tmp_path)) == BPE == read_tokenizer(str(tmp_path / "tokenizer.json"))
    with pytest.raises(UserError, match="no tokenizer file"):
        read_tokenizer(str(tmp_path / "other.json"))
    with pytest.raises(UserError, match="cannot be read"):
        Encoder("{}")
    with pytest.raises(UserError, match="no token that ends"):
        Encoder(BPE.replace("<|endoftext|>", "<|start|>"))
