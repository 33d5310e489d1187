"""A small model that must read English well wants far more prose than its share of the text at hand, up to what there is.

Most of the text in a Python environment is code. The search asks how much of it to give up for speeches, licences and the
language reference, when a final run would have to read the scarce leaves several times.
"""

from __future__ import annotations

import fiddle as fdl

from experiments.overlays import targets
from experiments.presets.local_text import local_text
from olmix.mixture_search import MixtureSearch


def experiment() -> fdl.Config[MixtureSearch]:
    """The laptop preset, aimed at prose."""
    cfg = local_text()
    targets.prose(cfg)
    cfg.report.question = "How much code should give way to prose, in a small model that must read English well?"
    return cfg
