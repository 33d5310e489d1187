"""Text to tokens: training a byte-pair encoding, and encoding with any Hugging Face tokenizer file, fast.

Byte-level tokenizers of the GPT-2 kind (ours among them) cut text into words before anything else, and the words of a corpus
repeat. So each distinct word is encoded once, and a document is put together from the tokens of its words: the same tokens as
`Tokenizer.encode` at a fifth of the cost. Any other tokenizer goes through `encode_batch_fast`.
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from olmix.errors import UserError

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
        ends = [number for name in _END_NAMES if (number := self._tokenizer.token_to_id(name)) is not None]
        if not ends:
            raise UserError(f"The tokenizer has no token that ends a document (looked for {', '.join(_END_NAMES)}).")
        self.end = ends[0]
        self.vocabulary = int(self._tokenizer.get_vocab_size())
        self.dtype = np.dtype("<u2" if self.vocabulary <= 1 << 16 else "<u4")
        self._words: dict[str, npt.NDArray[np.unsignedinteger]] | None = {} if _cuts_like_gpt2(definition) else None

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
        if len(self._words) > _MOST_WORDS:
            self._words.clear()
        known = self._words
        ending = np.array([self.end], dtype=self.dtype)
        encoded = []
        for text in texts:
            words = find(text)
            new = [word for word in dict.fromkeys(words) if word not in known]
            for word, one in zip(new, self._tokenizer.encode_batch_fast(new, add_special_tokens=False), strict=True):
                known[word] = np.array(one.ids, dtype=self.dtype)
            encoded.append(np.concatenate([*map(known.__getitem__, words), ending]))
        return encoded


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
