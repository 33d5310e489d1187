"""Papers, mathematics and an encyclopedia find their place beside a frozen mixture of web and code with 16 variants."""

from __future__ import annotations

import fiddle as fdl

from experiments.mixture_reuse import data, mixtures, presets
from olmix.mixture_search import MixtureSearch


def experiment() -> fdl.Config[MixtureSearch]:
    """Six new sources, thirty-nine frozen leaves."""
    new = {
        "algebraicstack": 0.02,
        "arxiv": 0.04,
        "finemath-3plus": 0.1,
        "pes2o": 0.02,
        "s2pdfv2": 0.1,
        "wikipedia": 0.02,
    }
    tree = data.tree("algebraicstack", "arxiv", "dclm", "stack-edu", "finemath-3plus", "pes2o", "s2pdfv2", "wikipedia")
    return presets.update(tree, mixtures.WITH_STACK_EDU, new, variants=16, minimum=1e-4)
