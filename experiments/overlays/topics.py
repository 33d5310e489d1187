"""Overlays: which topics of `all_dressed` a mixture is heavy in, and how much of papers and encyclopedia is beside it.

The reference means to give papers and encyclopedia a hundredth each (the encyclopedia 30 % in `heavy_wiki`); what its
files come to, once normalised over the buckets, is a few hundred-thousandths, and differs with their number. Those are the
mixtures that were trained, so every experiment says both numbers itself.
"""

from __future__ import annotations

import fiddle as fdl

from olmix.data import tree_edits
from olmix.mixture_run import MixtureRun


def heavy_code(cfg: fdl.Config[MixtureRun], arxiv: float, wikipedia: float) -> None:
    """Half is software development."""
    _shares(cfg, arxiv, wikipedia, science=20, software=50, education=15, politics=5, adult=3, art=5)


def heavy_science(cfg: fdl.Config[MixtureRun], arxiv: float, wikipedia: float) -> None:
    """Half is science, mathematics and technology."""
    _shares(cfg, arxiv, wikipedia, science=50, software=20, education=15, politics=5, adult=3, art=5)


def heavy_adult(cfg: fdl.Config[MixtureRun], arxiv: float, wikipedia: float) -> None:
    """Half is adult content."""
    _shares(cfg, arxiv, wikipedia, science=15, software=15, education=10, politics=3, adult=50, art=5)


def heavy_wiki(cfg: fdl.Config[MixtureRun], arxiv: float, wikipedia: float) -> None:
    """Little but science, software and education, and thirty times as much encyclopedia as papers."""
    _shares(cfg, arxiv, wikipedia, science=25, software=20, education=15, politics=3, adult=1, art=5)


def equal(cfg: fdl.Config[MixtureRun], arxiv: float, wikipedia: float) -> None:
    """Six topics in equal parts."""
    _shares(cfg, arxiv, wikipedia, science=1, software=1, education=1, politics=1, adult=1, art=1)


def _shares(
    cfg: fdl.Config[MixtureRun],
    arxiv: float,
    wikipedia: float,
    *,
    science: float,
    software: float,
    education: float,
    politics: float,
    adult: float,
    art: float,
) -> None:
    """`arxiv` and `wikipedia` as shares of all tokens, the topics relative to each other."""
    tree = cfg.scan.tree
    sources = {"all_dressed": round(1 - arxiv - wikipedia, 12), "arxiv": arxiv, "wikipedia": wikipedia}
    tree_edits.set_weights(tree, sources)
    topics = {
        "science_math_and_technology": science,
        "software_development": software,
        "education_and_jobs": education,
        "politics": politics,
        "adult_content": adult,
        "art_and_design": art,
    }
    tree_edits.set_weights(tree, {name: float(weight) for name, weight in topics.items()}, under="all_dressed")
