"""A tenth of the learning rate keeps more of what Phi-1.5 knew and costs no checked proofs."""

from __future__ import annotations

import fiddle as fdl

from experiments.olympiad_inequalities import overlays, presets
from olmix.proof_tuning import ProofTuning


def experiment() -> fdl.Config[ProofTuning]:
    """SFT, gently."""
    cfg = presets.phi_1_5()
    overlays.low_learning_rate(cfg)
    return cfg
