"""A source that was cleaned anew needs a new share of its own, and nothing else does."""

from __future__ import annotations

import fiddle as fdl

from experiments.mixture_reuse import data, mixtures, presets
from olmix.mixture_search import MixtureSearch


def experiment() -> fdl.Config[MixtureSearch]:
    """PDFs in their new form, forty-four frozen leaves."""
    tree = data.tree("algebraicstack", "arxiv", "dclm", "finemath-3plus", "pes2o", "stack-edu", "wikipedia", "s2pdfv1")
    return presets.update(tree, mixtures.WITH_SOURCES, {"s2pdfv1": 0.02}, variants=16, minimum=5e-3)
