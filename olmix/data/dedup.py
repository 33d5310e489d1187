"""Duplicates: exact ones by a hash of the words, near ones by MinHash.

MinHash with one permutation and rotation for empty bins (P. Li, A. Owen, C. Zhang 2012; A. Shrivastava, P. Li 2014) over
shingles of five words, candidates by banding (J. Leskovec et al., "Mining of massive datasets", chapter 3). A document
goes when its estimated Jaccard similarity with an earlier one is at least `threshold`; of two, the first stays. The
signatures of all documents are in memory, 1 KiB each: ten million documents need 10 GiB. Beyond that, divide by source.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

SHINGLE = 5
BINS = 128
#: Sixteen bands of eight rows find pairs of similarity 0.8 with a probability of 95 %, and of 0.5 with 6 %.
BANDS = 16
_WORD = re.compile(r"\w+")
_EMPTY = np.iinfo(np.uint64).max


@dataclasses.dataclass(frozen=True)
class Signature:
    """What is kept of a document to find its duplicates: a hash of its words, and its MinHash (None when it is too short)."""

    exact: bytes
    near: npt.NDArray[np.uint64] | None


def signature(text: str, near: bool = True) -> Signature:
    """The signature of a text. Case, punctuation and white space do not count."""
    words = _WORD.findall(text.lower())
    exact = hashlib.blake2b(" ".join(words).encode("utf-8", "replace"), digest_size=16).digest()
    if not near or len(words) < SHINGLE:
        return Signature(exact, None)
    return Signature(exact, _minhash(words))


def duplicates(signatures: Sequence[Signature], threshold: float = 0.8) -> tuple[list[int], list[int]]:
    """The places of documents to drop: exact duplicates of an earlier document, and near ones."""
    first: dict[bytes, int] = {}
    exact, kept = [], []
    rows = []
    for place, document in enumerate(signatures):
        if first.setdefault(document.exact, place) != place:
            exact.append(place)
        elif document.near is not None:
            kept.append(place)
            rows.append(document.near)
    if len(kept) < 2:
        return exact, []
    table = np.stack(rows)
    gone: set[int] = set()
    for one, other in sorted(_candidates(table)):
        if one not in gone and other not in gone and (table[one] == table[other]).mean() >= threshold:
            gone.add(other)
    return exact, [kept[place] for place in sorted(gone)]


def _minhash(words: list[str]) -> npt.NDArray[np.uint64]:
    codes: dict[str, int] = {}
    for word in words:
        if word not in codes:
            codes[word] = zlib.crc32(word.encode("utf-8", "replace"))
    hashed = np.array([codes[word] for word in words], dtype=np.uint64)
    rows = len(hashed) - SHINGLE + 1
    shingles = np.zeros(rows, dtype=np.uint64)
    for offset in range(SHINGLE):
        shingles = shingles * np.uint64(0x9E3779B97F4A7C15) + hashed[offset : offset + rows]
    shingles ^= shingles >> np.uint64(31)
    shingles *= np.uint64(0xBF58476D1CE4E5B9)
    shingles ^= shingles >> np.uint64(29)
    bins = np.full(BINS, _EMPTY, dtype=np.uint64)
    np.minimum.at(bins, (shingles % np.uint64(BINS)).astype(np.intp), shingles // np.uint64(BINS))
    empty = np.flatnonzero(bins == _EMPTY)
    if len(empty):
        # An empty bin borrows from the next full one to its right, marked with the distance.
        full = np.flatnonzero(bins != _EMPTY)
        lender = full[np.searchsorted(full, empty) % len(full)]
        distance = ((lender - empty) % BINS).astype(np.uint64)
        bins[empty] = bins[lender] + distance * np.uint64(0x94D049BB133111EB)
    return bins


def _candidates(table: npt.NDArray[np.uint64]) -> set[tuple[int, int]]:
    """Pairs (earlier, later) that agree in a whole band. A large group is compared with its first member only."""
    rows = BINS // BANDS
    pairs: set[tuple[int, int]] = set()
    for band in range(BANDS):
        keys = np.ascontiguousarray(table[:, band * rows : (band + 1) * rows]).view(f"V{8 * rows}").ravel()
        groups: dict[bytes, list[int]] = {}
        for place, key in enumerate(keys.tolist()):
            groups.setdefault(key, []).append(place)
        for group in groups.values():
            if len(group) > 1:
                head = group[0]
                pairs.update((head, other) for other in group[1:])
                if len(group) <= 50:
                    pairs.update((a, b) for i, a in enumerate(group[1:], 1) for b in group[i + 1 :])
    return pairs
