"""Reward from an exact checker, which cannot be flattered, raises the rate of checked proofs beyond what imitation reaches."""

from __future__ import annotations

import fiddle as fdl

from experiments.olympiad_inequalities import overlays, presets
from olmix.proof_tuning import ProofTuning


def experiment() -> fdl.Config[ProofTuning]:
    """GRPO with rollouts by vLLM on the same GPU."""
    cfg = presets.phi_1_5_grpo()
    overlays.vllm_colocated(cfg)
    return cfg
