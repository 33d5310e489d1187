"""Overlays on proof experiments: a few fields each."""

from __future__ import annotations

import fiddle as fdl

from olmix.language_models.tuning import Rollouts
from olmix.proof_tuning import ProofTuning


def vllm_server(cfg: fdl.Config[ProofTuning]) -> None:
    """GRPO's samples come from a vLLM server on another GPU (`trl vllm-serve --model ...`)."""
    cfg.train.tuning.rollouts = fdl.Config(Rollouts, engine="vllm_server", server_url="http://127.0.0.1:8000")


def vllm_colocated(cfg: fdl.Config[ProofTuning]) -> None:
    """GRPO's samples come from vLLM on the same GPU, in 30 % of its memory."""
    cfg.train.tuning.rollouts = fdl.Config(Rollouts, engine="vllm_colocated", memory_share=0.3)


def low_learning_rate(cfg: fdl.Config[ProofTuning]) -> None:
    """A tenth of the preset's learning rate: for a model that forgets what it knew."""
    cfg.train.tuning.learning_rate = cfg.train.tuning.learning_rate / 10
