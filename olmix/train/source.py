"""From a scan and a mixture to what the loop reads: batches by step, held-out texts with their bytes."""

from __future__ import annotations

import functools
import json
import pathlib
import re
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from olmix.data.batches import Batches, MixtureOrder
from olmix.data.manifest import Manifest, ScanResult
from olmix.data.steps import Scan, open_manifest
from olmix.errors import UserError, nearest_path
from olmix.graph.step import Context, Step
from olmix.train.feed import Batch, HeldOut
from olmix.train.recipe import Plan


class MixtureFeed:
    """The batches of a run, and which leaf each sequence came from."""

    def __init__(self, manifest: Manifest, order: MixtureOrder) -> None:
        self.leaves = order.leaves
        self._order = order
        self._batches = Batches(manifest, order)

    def batch(self, step: int) -> Batch:
        """See `Feed.batch`."""
        first = step * self._order.global_batch
        owners, _ = self._order.rows(first, first + self._order.global_batch)
        return Batch(self._batches.batch(step), owners)


def open_feed(
    manifest: Manifest,
    mixture: Mapping[str, float],
    plan: Plan,
    seed: int,
    repetition_limits: Mapping[str, float],
) -> MixtureFeed:
    """The batches of a run on `mixture`; limits given here win over those of the scan.

    Raises:
      UserError: for a mixture that the leaves cannot supply, or that is none.
    """
    return MixtureFeed(manifest, order_of(mixture, manifest.scan, plan, seed, repetition_limits))


def order_of(
    mixture: Mapping[str, float],
    scan: ScanResult,
    plan: Plan,
    seed: int = 0,
    repetition_limits: Mapping[str, float] | None = None,
) -> MixtureOrder:
    """The order of the sequences of a run. Raises UserError as `open_feed` does."""
    return MixtureOrder(
        # By name: two spellings of one mixture, which have one fingerprint, must draw the same sequences.
        mixture=dict(sorted(mixture.items())),
        available=scan.tokens,
        sequence_length=plan.length,
        global_batch=plan.batch,
        tokens=plan.tokens,
        seed=seed,
        repetition_limits={**scan.repetition_limits, **(repetition_limits or {})},
    )


def check_vocabulary(vocabulary: int, scan: ScanResult) -> None:
    """Raises UserError if the shards' integers are too small for the vocabulary: they were made with another tokenizer."""
    room = int(np.iinfo(scan.dtype).max) + 1
    if vocabulary > room:
        raise UserError(
            f"The model's vocabulary has {vocabulary:,} entries, but the shards are {scan.dtype}, which ends at {room:,}: they "
            f"were made with another tokenizer, or the scan's dtype is wrong."
        )


def bytes_per_token(tokenizer_json: str) -> npt.NDArray[np.int64] | None:
    """Bytes of text that each token of a Hugging Face tokenizer stands for, by id; special tokens have none.

    Exact for byte-level BPE, and for SentencePiece-like vocabularies with byte fallback; None for other kinds, whose
    text has to be decoded to be counted.
    """
    import tokenizers

    about = json.loads(tokenizer_json)
    decoder = json.dumps(about.get("decoder"))
    size: Callable[[str], int]
    if "ByteLevel" in decoder:
        size = len  # The byte-level alphabet has one character for each byte.
    elif about["model"].get("byte_fallback"):

        def size(token: str) -> int:
            return 1 if re.fullmatch("<0x[0-9A-F]{2}>", token) else len(token.replace("▁", " ").encode())

    else:
        return None
    vocabulary = tokenizers.Tokenizer.from_str(tokenizer_json).get_vocab(with_added_tokens=True)
    counts = np.zeros(max(vocabulary.values()) + 1, dtype=np.int64)
    for token, index in vocabulary.items():
        counts[index] = size(token)
    for added in about.get("added_tokens", ()):
        counts[added["id"]] = 0 if added.get("special") else len(added["content"].encode())
    return counts


def count_bytes(tokens: npt.NDArray[np.integer], tokenizer_json: str) -> int:
    """Bytes of UTF-8 text that `tokens` stand for. Raises UserError on a token that the tokenizer does not know."""
    counts = bytes_per_token(tokenizer_json)
    if counts is not None:
        if len(tokens) and int(tokens.max()) >= len(counts):
            raise UserError(
                f"The held-out text has the token id {int(tokens.max()):,}, and the tokenizer's end at {len(counts) - 1:,}: "
                "set proxy.tokenizer to the one that the shards were made with."
            )
        return int(counts[tokens].sum())
    import tokenizers

    return len(tokenizers.Tokenizer.from_str(tokenizer_json).decode(tokens.tolist()).encode())


#: Held-out texts by what they were read from: a worker trains many proxies on one scan.
_READ: dict[tuple[object, ...], dict[str, HeldOut]] = {}


def held_outs(manifest: Manifest, *, at_most: int | None, tokenizer: pathlib.Path | None) -> dict[str, HeldOut]:
    """The held-out text of every leaf, at most `at_most` tokens of each; the same arrays for the same manifest.

    Raises:
      UserError: if the bytes of a leaf's text are unknown and no tokenizer is there to count them.
    """
    key = (manifest.scan.digest, manifest.root, at_most, tokenizer)
    if key not in _READ:
        text = tokenizer.read_text(encoding="utf-8") if tokenizer is not None else None
        found = {leaf: _held_out(manifest, leaf, at_most, text) for leaf in manifest.scan.held_out}
        if len(_READ) >= 2:
            _READ.clear()
        _READ[key] = found
    return _READ[key]


def _held_out(manifest: Manifest, leaf: str, at_most: int | None, tokenizer_json: str | None) -> HeldOut:
    tokens, size = manifest.held_out(leaf), manifest.scan.held_out[leaf].bytes
    if at_most is not None and len(tokens) > at_most:
        tokens, size = tokens[:at_most], None
    if size is None:
        if tokenizer_json is None:
            raise UserError(
                f"Nobody wrote down how many bytes of text the {len(tokens):,} held-out tokens of {leaf} are, so bits per byte "
                f"cannot be computed: set proxy.tokenizer to the tokenizer.json that the shards were made with."
            )
        size = count_bytes(tokens, tokenizer_json)
    return HeldOut(tokens, size)


def open_scan(context: Context, scan: Step) -> Manifest:
    """The files of a finished scan."""
    if not isinstance(scan, Scan):
        raise UserError(f"A proxy reads its tokens through a Scan step; it was given a {type(scan).__name__}.")
    return open_manifest(context, scan)


def tokenizer_path(manifest: Manifest, tokenizer: str | None) -> pathlib.Path | None:
    """Where a tokenizer file lies: relative paths lead into the corpus that was scanned.

    Raises:
      UserError: if it is not there.
    """
    if tokenizer is None:
        return None
    path = pathlib.Path(tokenizer)
    inside = None if path.is_absolute() or manifest.root is None else manifest.root / path
    if inside is not None and inside.is_file():
        path = inside
    if not path.is_file():
        where = f" nor in the corpus {manifest.root}" if inside is not None else ""
        near = nearest_path(inside or path)
        raise UserError(
            f"proxy.tokenizer={tokenizer!r} is no file here{where}{near}; give the path of a tokenizer.json."
        )
    return path


def check_tokenizer(path: pathlib.Path, vocabulary: int) -> None:
    """Raises UserError unless a file is a tokenizer whose ids all fit a vocabulary (the model's, which is rounded up)."""
    status = path.stat()
    largest = _largest_id(path, status.st_size, status.st_mtime_ns)
    if largest >= vocabulary:
        raise UserError(
            f"The tokenizer {path} has ids up to {largest:,}, and the model only {vocabulary:,} entries; set proxy.vocabulary "
            f"to {largest + 1:,}, or proxy.tokenizer to the one that the shards were made with."
        )


@functools.lru_cache(maxsize=8)
def _largest_id(path: pathlib.Path, size: int, changed: int) -> int:
    """The largest id of a tokenizer; a worker asks for each of many proxies."""
    import tokenizers

    try:
        vocabulary = tokenizers.Tokenizer.from_file(str(path)).get_vocab(with_added_tokens=True)
    except Exception as error:  # The library raises nothing more special.
        raise UserError(f"proxy.tokenizer: {path} ({size:,} bytes) is no tokenizer.json: {error}.") from error
    return max(vocabulary.values(), default=0)
