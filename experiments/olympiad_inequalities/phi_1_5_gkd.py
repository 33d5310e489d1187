"""Distilling from a larger model of the same vocabulary beats imitating written proofs alone."""

from __future__ import annotations

import fiddle as fdl

from experiments.olympiad_inequalities import presets
from olmix.proof_tuning import ProofTuning


def experiment() -> fdl.Config[ProofTuning]:
    """GKD on the same problems."""
    return presets.phi_1_5_gkd()
