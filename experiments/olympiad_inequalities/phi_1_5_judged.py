"""A judge that is a language model sees the same gain as the machine does, where it can be trusted.

Costs at most twenty dollars; the judge is measured on right and corrupted proofs of the training side.
"""

from __future__ import annotations

import fiddle as fdl

from experiments.olympiad_inequalities import overlays, presets
from olmix.proof_tuning import ProofTuning


def experiment() -> fdl.Config[ProofTuning]:
    """SFT, judged."""
    cfg = presets.phi_1_5()
    overlays.judged(cfg)
    return cfg
