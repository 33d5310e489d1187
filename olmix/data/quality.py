"""Quality: a score for each document, and buckets by percentile of the score.

The scorer `prose` needs no model. It is the mean of five signals between 0 and 1, of the kind by which J. Rae et al.
("Scaling language models", 2021, appendix A) filter web text: lines that do not repeat, words made of letters, mean word
length between 3 and 10, English function words (a fifth of all words in running text), and a varied vocabulary. On code
it favours modules that explain themselves. A model-based score (FineWeb-Edu, DCLM) is better, and can be given as a column.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from olmix.errors import UserError, nearest

_WORD = re.compile(r"\S+")
_LETTERS = re.compile(r"[^\W\d_]{2,}")
_FUNCTION_WORDS = {
    "the", "of", "and", "to", "a", "in", "is", "that", "for", "it", "as", "with", "be", "on", "by", "this", "are",
    "not", "or", "an", "from", "at", "if", "which", "can", "have", "has", "was", "will", "when", "but", "its",
    "all", "must", "should", "one", "other", "than", "there", "their", "they", "were", "no", "any", "each", "such",
    "may", "you", "we",
}  # fmt: skip
#: Words of the beginning that a score looks at, so that its cost does not depend on the length of a document.
_LOOKED_AT = 20_000

#: Names of a given number of buckets, worst first.
_NAMES: dict[int, tuple[str, ...]] = {2: ("low", "high"), 3: ("low", "medium", "high")}
_SERIES = {4: "quartile_{:d}", 5: "quintile_{:d}", 10: "decile_{:02d}", 20: "vigintile_{:04d}"}


def prose(text: str) -> float:
    """How much a text reads like written language, between 0 and 1; see the top of this file."""
    words = _WORD.findall(text[: 8 * _LOOKED_AT])[:_LOOKED_AT]
    if not words:
        return 0.0
    lines = [line.strip() for line in text[: 8 * _LOOKED_AT].splitlines() if line.strip()]
    plain = _LETTERS.findall(" ".join(words).lower())
    signals = (
        len(set(lines)) / len(lines),
        min(1.0, len(plain) / len(words)),
        min(1.0, max(0.0, 1 - abs(sum(map(len, plain)) / max(1, len(plain)) - 5.5) / 4.5)),
        min(1.0, 5 * sum(word in _FUNCTION_WORDS for word in plain) / max(1, len(plain))),
        min(1.0, 2 * len(set(plain[:1000])) / max(1, len(plain[:1000]))),
    )
    return sum(signals) / len(signals)


SCORERS: dict[str, Callable[[str], float]] = {"prose": prose}


def scorer(name: str) -> Callable[[str], float]:
    """The scorer of that name.

    Raises:
      UserError: when there is none.
    """
    if name not in SCORERS:
        raise UserError(f"There is no quality scorer {name!r}{nearest(name, SCORERS)}; known: {', '.join(SCORERS)}.")
    return SCORERS[name]


def bucket_names(count: int) -> tuple[str, ...]:
    """The names of `count` buckets, worst first; of 20, the last is `vigintile_0020`.

    Raises:
      UserError: for a number that has no names.
    """
    if count in _NAMES:
        return _NAMES[count]
    if count not in _SERIES:
        raise UserError(f"Quality comes in {', '.join(map(str, sorted({*_NAMES, *_SERIES})))} buckets; got {count}.")
    return tuple(_SERIES[count].format(number) for number in range(1, count + 1))


def percentile_buckets(scores: Sequence[float], sizes: Sequence[int], count: int) -> npt.NDArray[np.int64]:
    """The bucket of each document, 0 for the worst: equal parts of the text (by `sizes`), not of the documents.

    By size, because a bucket is there to be trained on: a tenth of the documents may be a hundredth of the text. Equal scores
    are kept in one bucket, so buckets may be uneven, or empty.
    """
    values, weights = np.asarray(scores, dtype=np.float64), np.asarray(sizes, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    # A document is placed by the middle of its score's stretch of the text.
    _, starts, inverse = np.unique(values[order], return_index=True, return_inverse=True)
    ends = np.cumsum(np.add.reduceat(weights[order], starts))
    middles = ends - np.add.reduceat(weights[order], starts) / 2
    buckets = np.empty(len(values), dtype=np.int64)
    buckets[order] = np.minimum((middles / ends[-1] * count).astype(np.int64), count - 1)[inverse]
    return buckets
