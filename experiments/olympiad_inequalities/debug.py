"""A Phi of less than a million parameters, tuned for minutes on checked proofs, proves most unseen problems of their kind.

The whole pipeline for real on two processors: `make proofs`.
"""

from __future__ import annotations

import fiddle as fdl

from experiments.olympiad_inequalities import presets
from olmix.proof_tuning import ProofTuning


def experiment() -> fdl.Config[ProofTuning]:
    """The CPU preset as it is."""
    return presets.tiny()
