"""Overlays: how much of which quality a topic of `all_dressed` gives, out of the vigintiles that exist.

Thresholds take the vigintiles above a percentile in equal parts, as the reference does, whatever their sizes; upsampling weighs
three or four groups, of which the last is left out but stays in sight.
"""

from __future__ import annotations

from collections.abc import Mapping

import fiddle as fdl

from experiments.presets import reference_data
from olmix.data import percentiles, tree_edits
from olmix.mixture_run import MixtureRun


def top(cfg: fdl.Config[MixtureRun], percent: float) -> None:
    """The best `percent` of each topic, one leaf per vigintile, in equal parts: 10 leaves two of them, 18 and 20."""
    _set(cfg, {percentiles.vigintile_name(n): ((n,), 1.0) for n in percentiles.top(percent)})


def gradual(cfg: fdl.Config[MixtureRun]) -> None:
    """The best 5 % of a topic make up half of it, the next 5 % make up 30 %, the next 15 % the rest."""
    names = {"best": (0, 5), "high": (5, 10), "med": (10, 25), "low": (25, 30)}
    _set(cfg, _weighed(names, {"best": 0.5, "high": 0.3, "med": 0.2, "low": 0.0}))


def aggressive(cfg: fdl.Config[MixtureRun]) -> None:
    """The best 5 % of a topic make up 70 % of it, the next 5 % the rest."""
    names = {"high": (0, 5), "med": (5, 10), "low": (10, 30)}
    _set(cfg, _weighed(names, {"high": 0.7, "med": 0.3, "low": 0.0}))


def _weighed(
    edges: Mapping[str, tuple[float, float]], weights: Mapping[str, float]
) -> dict[str, tuple[tuple[int, ...], float]]:
    return {name: (percentiles.between(*edges[name]), weight) for name, weight in weights.items()}


def _set(cfg: fdl.Config[MixtureRun], groups: Mapping[str, tuple[tuple[int, ...], float]]) -> None:
    for topic in tree_edits.children(tree_edits.find(cfg.scan.tree, "all_dressed")):
        topic.paths = ()
        topic.quality = reference_data.buckets(topic.name, groups)
