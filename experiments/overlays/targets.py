"""Overlays: what the mixture is chosen for."""

from __future__ import annotations

import fiddle as fdl

from olmix.mixture_search import MixtureSearch


def prose(cfg: fdl.Config[MixtureSearch]) -> None:
    """English about anything but code: the mean held-out BPB of speeches, licences, and the language reference."""
    leaves = ("speeches", "licences", "language_reference")
    cfg.proposal.objective = {f"bpb/{leaf}": 1.0 for leaf in leaves}
    cfg.swarm.groups = {"prose": leaves}
    cfg.validation.groups = {"prose": leaves}
