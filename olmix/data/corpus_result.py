"""How text is tokenised, and what came of it, as plain values. Imports nothing heavy, so that configs may."""

from __future__ import annotations

import dataclasses

from olmix.errors import UserError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tokenising:
    """How documents become token files.

    Arguments:
      tokenizer: a Hugging Face `tokenizer.json` (or its folder); None trains a byte-pair encoding on the text itself.
      vocabulary: of the encoding that is trained.
      near_duplicates: estimated Jaccard similarity from which on a document is a near duplicate; None keeps them.
      quality_sources: the sources that are divided into quality buckets.
      quality_buckets: how many: 2, 3, 4, 5, 10 or 20.
      scorer: what scores documents that bring no score; see `olmix.data.quality`.
      held_out_bytes: text held out of each leaf, at most `held_out_share` of it.
      longest_document: documents of more bytes are divided at line ends, None leaves them whole. The parts are documents of
        their own: finer buckets, at the price that parts of one text can be on both sides of the held-out slice.
      rename: source or `source:topic` → source or `source:topic`; several may become one.
    """

    tokenizer: str | None = None
    vocabulary: int = 4096
    near_duplicates: float | None = 0.8
    quality_sources: tuple[str, ...] = ()
    quality_buckets: int = 3
    scorer: str = "prose"
    held_out_bytes: int = 100_000
    held_out_share: float = 0.05
    longest_document: int | None = None
    rename: dict[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "quality_sources", tuple(self.quality_sources))
        if self.near_duplicates is not None and not 0 < self.near_duplicates <= 1:
            raise UserError(f"near_duplicates must be between 0 and 1, or None; it is {self.near_duplicates!r}.")
        if self.longest_document is not None and self.longest_document < 256:
            raise UserError(f"longest_document must be at least 256 bytes, or None; it is {self.longest_document}.")
        if self.held_out_bytes < 0 or not 0 <= self.held_out_share < 1:
            raise UserError(
                f"held_out_bytes must be 0 or more and held_out_share at least 0 and below 1; "
                f"they are {self.held_out_bytes} and {self.held_out_share}."
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class LeafText:
    """Documents, bytes of text (UTF-8) and tokens of a leaf: for training, and held out."""

    documents: int = 0
    bytes: int = 0
    tokens: int = 0
    held_out_documents: int = 0
    held_out_bytes: int = 0
    held_out_tokens: int = 0

    def plus(self, size: int, tokens: int, held_out: bool) -> LeafText:
        """With one more text of `size` bytes."""
        one = (
            LeafText(held_out_documents=1, held_out_bytes=size, held_out_tokens=tokens)
            if held_out
            else LeafText(documents=1, bytes=size, tokens=tokens)
        )
        return self.together(one)

    def together(self, other: LeafText) -> LeafText:
        """The sum of both."""
        names = [field.name for field in dataclasses.fields(self)]
        return LeafText(**{name: getattr(self, name) + getattr(other, name) for name in names})


@dataclasses.dataclass(frozen=True, kw_only=True)
class CorpusResult:
    """A tokenised corpus: its leaves by name, its tokenizer (a file of the artifact), and what was dropped.

    `digest` covers the tokenizer and every token. Token `end_token` ends each document.
    """

    leaves: dict[str, LeafText]
    vocabulary: int
    end_token: int
    dtype: str
    tokenizer: str
    exact_duplicates: int
    near_duplicates: int
    digest: str
