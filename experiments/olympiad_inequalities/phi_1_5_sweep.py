"""The best learning rate for Phi-1.5 does not depend on whether it reads a quarter or all of the checked proofs.

Eight tunings, each a Ray task with one GPU; those with the best learning rates are evaluated.
"""

from __future__ import annotations

import fiddle as fdl

from experiments.olympiad_inequalities import overlays, presets
from olmix.proof_tuning import ProofTuning


def experiment() -> fdl.Config[ProofTuning]:
    """SFT, swept."""
    cfg = presets.phi_1_5()
    overlays.swept(cfg)
    return cfg
