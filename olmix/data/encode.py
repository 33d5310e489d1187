"""Text to tokens: training a byte-pair encoding, and encoding with any Hugging Face tokenizer file, fast.

Byte-level tokenizers of the GPT-2 kind (ours among them) cut text into words before anything else, and the words of a corpus
repeat. So each distinct word is encoded once, and a document is put together from the tokens of its words: the same tokens as
`Tokenizer.encode` at a fifth of the cost. Any other tokenizer goes through `encode_batch_fast`.
"""

from __future__ import annotations

import itertools
import json
import pathlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from olmix.errors import UserError

if TYPE_CHECKING:
    import tokenizers

END = "<|endoftext|>"
#: Names under which tokenizers know the token that ends a document, most usual first.
_END_NAMES = (END, "</s>", "<|end_of_text|>", "<eos>", "[SEP]", "<|im_end|>")
#: How GPT-2's byte-level tokenizers cut text into words (A. Radford et al., 2019).
_GPT2_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
#: Distinct words remembered; text in a language without spaces would otherwise fill the memory.
_MOST_WORDS = 2_000_000


def train_bpe(texts: Iterable[str], vocabulary: int) -> str:
    """Trains a byte-level byte-pair encoding; returns its `tokenizer.json`. Token 0 is `<|endoftext|>`.

    Raises:
      UserError: when the vocabulary has no room for the 256 bytes and the end token.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    if vocabulary < 257:
        raise UserError(f"A byte-level vocabulary has at least 257 tokens; got {vocabulary}.")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return str(tokenizer.to_str())


def end_of(tokenizer: tokenizers.Tokenizer) -> tuple[str, int] | None:
    """The token that ends a document and its number; None if a tokenizer has none that we know."""
    known = ((name, tokenizer.token_to_id(name)) for name in _END_NAMES)
    return next(((name, number) for name, number in known if number is not None), None)


class Encoder:
    """Encodes texts with a tokenizer (the contents of its `tokenizer.json`); every text ends with `end`.

    Texts that spell out a special token are encoded as text, so no document can end another.

    Raises:
      UserError: when the tokenizer cannot be read or has no token to end a document with.
    """

    def __init__(self, definition: str) -> None:
        from tokenizers import Tokenizer

        try:
            self._tokenizer = Tokenizer.from_str(definition)
        except Exception as error:
            raise UserError(f"The tokenizer cannot be read: {error}.") from error
        self._tokenizer.encode_special_tokens = True
        end = end_of(self._tokenizer)
        if end is None:
            raise UserError(f"The tokenizer has no token that ends a document (looked for {', '.join(_END_NAMES)}).")
        self.end = end[1]
        self.vocabulary = int(self._tokenizer.get_vocab_size())
        self.dtype = np.dtype("<u2" if self.vocabulary <= 1 << 16 else "<u4")
        self._words = _Words(self.dtype) if _cuts_like_gpt2(definition) else None

    def encode(self, texts: Sequence[str]) -> list[npt.NDArray[np.unsignedinteger]]:
        """The tokens of each text, end token included."""
        if self._words is None:
            encoded = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
            return [np.array([*one.ids, self.end], dtype=self.dtype) for one in encoded]
        return self._by_words(texts)

    def _by_words(self, texts: Sequence[str]) -> list[npt.NDArray[np.unsignedinteger]]:
        import regex

        assert self._words is not None
        find = regex.compile(_GPT2_WORDS).findall
        cut = [find(text) for text in texts]
        new = self._words.unknown(cut)
        self._words.add(new, [one.ids for one in self._tokenizer.encode_batch_fast(new, add_special_tokens=False)])
        return [self._words.joined(words, self.end) for words in cut]


class _Words:
    """The tokens of all words met so far, one after the other in one array."""

    def __init__(self, dtype: np.dtype[np.unsignedinteger]) -> None:
        self.dtype = dtype
        self._clear()

    def _clear(self) -> None:
        self.number: dict[str, int] = {}
        self.tokens: npt.NDArray[np.unsignedinteger] = np.empty(0, self.dtype)
        self.edges = np.zeros(1, np.int64)

    def unknown(self, texts: Sequence[list[str]]) -> list[str]:
        """The words of some texts that are not here yet, each once."""
        if len(self.number) > _MOST_WORDS:
            self._clear()
        return [word for word in dict.fromkeys(itertools.chain.from_iterable(texts)) if word not in self.number]

    def add(self, words: Sequence[str], tokens: Sequence[Sequence[int]]) -> None:
        """Adds words with their tokens."""
        self.number.update(zip(words, itertools.count(len(self.number)), strict=False))
        flat = np.fromiter(itertools.chain.from_iterable(tokens), dtype=self.dtype)
        self.tokens = np.concatenate([self.tokens, flat])
        self.edges = np.concatenate(
            [self.edges, self.edges[-1] + np.cumsum([len(one) for one in tokens], dtype=np.int64)]
        )

    def joined(self, words: list[str], end: int) -> npt.NDArray[np.unsignedinteger]:
        """The tokens of a text, and `end`."""
        numbers = np.fromiter(map(self.number.__getitem__, words), dtype=np.int64, count=len(words))
        starts = self.edges[numbers]
        sizes = self.edges[numbers + 1] - starts
        ends = np.cumsum(sizes)
        total = int(ends[-1]) if len(ends) else 0
        out = np.empty(total + 1, dtype=self.dtype)
        # The place of each token among all words' tokens: its word's start, and how far into the word it is.
        out[:total] = self.tokens[np.repeat(starts - ends + sizes, sizes) + np.arange(total)]
        out[total] = end
        return out


def read_tokenizer(path: str) -> str:
    """The contents of a `tokenizer.json`, or of the one in a folder.

    Raises:
      UserError: when there is none.
    """
    file = pathlib.Path(path).expanduser()
    if file.is_dir():
        file = file / "tokenizer.json"
    if not file.is_file():
        raise UserError(
            f"There is no tokenizer file {str(file)!r}; give a tokenizer.json or the folder that holds one."
        )
    return file.read_text(encoding="utf-8")


def _cuts_like_gpt2(definition: str) -> bool:
    """Whether words are cut by GPT-2's rule and nothing before, between or after them changes the tokens."""
    about = json.loads(definition)
    cutter = about.get("pre_tokenizer") or {}
    post = (about.get("post_processor") or {}).get("type", "ByteLevel")
    return (
        about.get("normalizer") is None
        and cutter.get("type") == "ByteLevel"
        and not cutter.get("add_prefix_space", True)
        and cutter.get("use_regex", True)
        and post == "ByteLevel"
        and about.get("model", {}).get("type") == "BPE"
        and not about["model"].get("dropout")
        and all(token.get("special") for token in about.get("added_tokens", ()))
    )
