"""Phi-1.5, fine-tuned on thirty thousand checked proofs, proves more unseen inequalities than it does few-shot."""

from __future__ import annotations

import fiddle as fdl

from experiments.olympiad_inequalities import presets
from olmix.proof_tuning import ProofTuning


def experiment() -> fdl.Config[ProofTuning]:
    """Full fine-tuning by SFT, with a learning curve."""
    return presets.phi_1_5()
