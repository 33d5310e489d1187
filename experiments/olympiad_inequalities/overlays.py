"""Overlays on proof experiments: a few fields each."""

from __future__ import annotations

import fiddle as fdl

from olmix.language_models.cost import Price
from olmix.language_models.openai_backend import OpenAI
from olmix.language_models.requests import Length
from olmix.language_models.tuning import Rollouts
from olmix.proof_tuning import ProofTuning
from olmix.proofs.judging import Judge


def vllm_server(cfg: fdl.Config[ProofTuning]) -> None:
    """GRPO's samples come from a vLLM server on another GPU (`trl vllm-serve --model ...`)."""
    cfg.train.tuning.rollouts = fdl.Config(Rollouts, engine="vllm_server", server_url="http://127.0.0.1:8000")


def vllm_colocated(cfg: fdl.Config[ProofTuning]) -> None:
    """GRPO's samples come from vLLM on the same GPU, in 30 % of its memory."""
    cfg.train.tuning.rollouts = fdl.Config(Rollouts, engine="vllm_colocated", memory_share=0.3)


def low_learning_rate(cfg: fdl.Config[ProofTuning]) -> None:
    """A tenth of the preset's learning rate: for a model that forgets what it knew."""
    cfg.train.tuning.learning_rate = cfg.train.tuning.learning_rate / 10


def judged(cfg: fdl.Config[ProofTuning]) -> None:
    """Asks a judge behind an endpoint about the proofs before and after, for at most twenty dollars."""
    cfg.judge = fdl.Config(
        Judge,
        evaluations={"before": cfg.baseline, "after": cfg.final},
        training_set=cfg.training_set,
        backend=fdl.Config(
            OpenAI,
            model="gpt-4.1-mini",
            base_url="https://api.openai.com/v1",
            price=fdl.Config(Price, input_per_million=0.4, output_per_million=1.6),
            cap_dollars=20.0,
        ),
        length=fdl.Config(Length, max_length=16_384),
        measured=100,
    )
    cfg.report.judge = cfg.judge
