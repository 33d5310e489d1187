"""A shuffle that can be asked for any single place: no list of all places is ever made.

A Feistel network over the smallest power of four that holds the size, walking on until it lands inside (J. Black and P. Rogaway,
"Ciphers with arbitrary finite domains", 2002). It costs about a microsecond a place in large arrays and no memory, where
`numpy.random.Generator.permutation` costs eight bytes for every sequence of a leaf, which a large leaf cannot spare.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

ROUNDS = 6


def round_keys(*what: object) -> tuple[int, ...]:
    """Keys of the rounds, from anything that has a stable text: seed, leaf, epoch."""
    digest = hashlib.blake2b(repr(what).encode(), digest_size=8 * ROUNDS).digest()
    return tuple(int.from_bytes(digest[8 * i : 8 * i + 8], "little") for i in range(ROUNDS))


def shuffled(places: npt.NDArray[np.int64], size: int, keys: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """Where each of `places` (0 <= place < size) goes in the permutation of `range(size)` that `keys` selects."""
    if size <= 1:
        return np.zeros_like(places)
    half = ((size - 1).bit_length() + 1) // 2
    result = _feistel(places.astype(np.uint64), half, keys)
    outside = np.flatnonzero(result >= size)
    while len(outside):
        result[outside] = _feistel(result[outside], half, keys)
        outside = outside[result[outside] >= size]
    return result.astype(np.int64)


def _feistel(values: npt.NDArray[np.uint64], half: int, keys: tuple[int, ...]) -> npt.NDArray[np.uint64]:
    mask, shift = np.uint64((1 << half) - 1), np.uint64(half)
    left, right = values >> shift, values & mask
    for key in keys:
        left, right = right, left ^ (_mix(right ^ np.uint64(key)) & mask)
    return (left << shift) | right


def _mix(value: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The finaliser of SplitMix64 (G. Steele et al., 2014): every input bit changes every output bit half of the time."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))
