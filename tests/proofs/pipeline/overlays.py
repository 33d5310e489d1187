"""Changes of experiments for tests, by name: `--overlay=tests.proofs.pipeline.overlays.final_by_transformers`."""

from __future__ import annotations

import copy

import fiddle as fdl

from olmix.proof_tuning import ProofTuning


def final_by_transformers(cfg: fdl.Config[ProofTuning]) -> None:
    """The tuned models are asked without vLLM, which takes 15 CPU seconds to load for each; the untuned one as declared."""
    asking = copy.copy(cfg.final.asking)
    asking.backend = copy.copy(asking.backend)
    asking.backend.backends = asking.backend.backends[1:]
    cfg.final.asking = asking
