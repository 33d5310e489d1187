"""The variants of a swarm, and what a design covers: ranges, effective dimension, closest pair."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from olmix.mix.arrays import Array


@dataclasses.dataclass(frozen=True, kw_only=True)
class Variants:
    """The mixtures of a swarm: `weights[i][j]` is the weight of `leaves[j]` in the variant `names[i]`.

    `kinds[i]` says where it comes from: "prior", "extreme" or "draw".
    """

    names: tuple[str, ...]
    leaves: tuple[str, ...]
    weights: tuple[tuple[float, ...], ...]
    kinds: tuple[str, ...] = ()

    def mixtures(self) -> Mapping[str, dict[str, float]]:
        """Variant -> leaf -> weight, leaves of weight 0 left out."""
        return {
            name: {leaf: w for leaf, w in zip(self.leaves, row, strict=True) if w > 0}
            for name, row in zip(self.names, self.weights, strict=True)
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class Coverage:
    """What a set of mixtures covers.

    `smallest`, `median` and `largest` are per leaf. `dimension` is the participation ratio of the covariance of sqrt(w)
    (1: all on a line; number of leaves - 1 at most). `closest` are two variants and their Hellinger distance
    (0: equal, 1: no leaf in common), `spacing` the median distance to the nearest other variant.
    """

    leaves: tuple[str, ...]
    smallest: tuple[float, ...]
    median: tuple[float, ...]
    largest: tuple[float, ...]
    dimension: float
    closest: tuple[str, str, float] | None
    spacing: float

    def __str__(self) -> str:
        wide = max(len(leaf) for leaf in self.leaves)
        lines = [f"{'leaf':<{wide}}  smallest    median   largest"]
        for leaf, low, mid, high in zip(self.leaves, self.smallest, self.median, self.largest, strict=True):
            lines.append(f"{leaf:<{wide}}  {low:8.4f}  {mid:8.4f}  {high:8.4f}")
        lines.append(
            f"effective dimension {self.dimension:.1f} of {len(self.leaves) - 1}: so many directions vary about alike"
        )
        if self.closest:
            first, second, distance = self.closest
            lines.append(
                f"closest pair {first}, {second}: Hellinger distance {distance:.4f} (median {self.spacing:.4f})"
            )
        return "\n".join(lines)


def coverage(variants: Variants) -> Coverage:
    """Summarises a design."""
    w = np.array(variants.weights, dtype=float)
    roots = np.sqrt(w)
    centered = roots - roots.mean(0)
    gram = centered.T @ centered
    square = float((gram**2).sum())
    closest, spacing = None, 0.0
    if len(w) > 1:
        distances = hellinger(w, w)
        np.fill_diagonal(distances, np.inf)
        i, j = np.unravel_index(int(distances.argmin()), distances.shape)
        closest = (variants.names[i], variants.names[j], float(distances[i, j]))
        spacing = float(np.median(distances.min(1)))
    return Coverage(
        leaves=variants.leaves,
        smallest=tuple(w.min(0).tolist()),
        median=tuple(np.median(w, axis=0).tolist()),
        largest=tuple(w.max(0).tolist()),
        dimension=float(np.trace(gram)) ** 2 / square if square > 0 else 0.0,
        closest=closest,
        spacing=spacing,
    )


def hellinger(first: npt.ArrayLike, second: npt.ArrayLike) -> Array:
    """Hellinger distances [a, b] between mixtures [a, n] and [b, n]: sqrt(1 - sum sqrt(v w))."""
    overlap = np.sqrt(np.asarray(first, dtype=float)) @ np.sqrt(np.asarray(second, dtype=float)).T
    return np.sqrt(np.maximum(1 - overlap, 0.0))
