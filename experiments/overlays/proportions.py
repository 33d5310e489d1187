"""Overlays: other shares of sources and topics than the baseline's, on the tree of `dclm`."""

from __future__ import annotations

import fiddle as fdl

from olmix.data import tree_edits
from olmix.mixture_run import MixtureRun


def heavy_code(cfg: fdl.Config[MixtureRun]) -> None:
    """Half of all tokens are software development."""
    _shares(cfg, (0.8, 0.1, 0.1), science=0.25, software=0.625, education=0.125)


def heavy_science(cfg: fdl.Config[MixtureRun]) -> None:
    """Half of all tokens are science, mathematics and technology, and a fifth are papers."""
    _shares(cfg, (0.7, 0.1, 0.2), science=5.0, software=1.0, education=1.0)


def heavy_wiki(cfg: fdl.Config[MixtureRun]) -> None:
    """Half of all tokens are from the encyclopedia."""
    _shares(cfg, (0.4, 0.5, 0.1), science=0.375, software=0.375, education=0.25)


def _shares(
    cfg: fdl.Config[MixtureRun],
    sources: tuple[float, float, float],
    *,
    science: float,
    software: float,
    education: float,
) -> None:
    tree = cfg.scan.tree
    tree_edits.set_weights(tree, dict(zip(("dclm", "wikipedia", "arxiv"), sources, strict=True)))
    topics = {
        "science_math_and_technology": science,
        "software_development": software,
        "education_and_jobs": education,
    }
    tree_edits.set_weights(tree, topics, under="dclm")
