"""Dividing PDFs by topic pays: some of twenty-one topics deserve far more than their share."""

from __future__ import annotations

import fiddle as fdl

from experiments.mixture_reuse import data, mixtures, presets
from olmix.mixture_search import MixtureSearch


def experiment() -> fdl.Config[MixtureSearch]:
    """After one source was removed (stage 4, which needs no swarm), forty-three frozen leaves and the topics of the PDFs."""
    tree = data.tree(
        *("arxiv", "dclm", "finemath-3plus", "pes2o", "stack-edu", "wikipedia", "s2pdfv1"),
        divided=("dclm", "stack-edu", "s2pdfv1"),
    )
    return presets.update(
        tree, mixtures.WITHOUT_ALGEBRAICSTACK, {"s2pdfv1": 0.3}, variants=64, minimum=1e-4, everywhere=False
    )
