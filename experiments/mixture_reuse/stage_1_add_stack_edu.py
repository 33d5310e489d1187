"""Code of fifteen languages can be mixed into a web mixture without mixing the web anew."""

from __future__ import annotations

import fiddle as fdl

from experiments.mixture_reuse import data, mixtures, presets
from olmix.mixture_search import MixtureSearch


def experiment() -> fdl.Config[MixtureSearch]:
    """The web as the first swarm left it, a quarter of code beside it in the prior; 64 variants instead of 128."""
    return presets.update(data.tree("dclm", "stack-edu"), mixtures.DCLM, {"stack-edu": 0.25}, variants=64, minimum=1e-4)
