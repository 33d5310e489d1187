"""Overlays on proof experiments: a few fields each."""

from __future__ import annotations

import fiddle as fdl

from olmix.errors import UserError
from olmix.language_models.cost import Price
from olmix.language_models.openai_backend import OpenAI
from olmix.language_models.requests import Length
from olmix.language_models.tuning import Grpo, Rollouts
from olmix.proof_tuning import ProofTuning
from olmix.proofs.pipeline.judging import Judge
from olmix.proofs.pipeline.known import Known
from olmix.proofs.pipeline.sweeping import Sweep


def vllm_server(cfg: fdl.Config[ProofTuning]) -> None:
    """GRPO's samples come from a vLLM server on another GPU (`trl vllm-serve --model ...`)."""
    _require_grpo(cfg, "vllm_server")
    cfg.train.tuning.rollouts = fdl.Config(Rollouts, engine="vllm_server", server_url="http://127.0.0.1:8000")


def vllm_colocated(cfg: fdl.Config[ProofTuning]) -> None:
    """GRPO's samples come from vLLM on the same GPU, in a fifth of its memory."""
    _require_grpo(cfg, "vllm_colocated")
    cfg.train.tuning.rollouts = fdl.Config(Rollouts, engine="vllm_colocated", memory_share=0.2)


def _require_grpo(cfg: fdl.Config[ProofTuning], overlay: str) -> None:
    kind = fdl.get_callable(cfg.train.tuning)
    if kind is not Grpo:
        raise UserError(
            f"The overlay {overlay} is for GRPO, which alone has rollouts; train.tuning is {kind.__name__}."
        )


def low_learning_rate(cfg: fdl.Config[ProofTuning]) -> None:
    """A tenth of the preset's learning rate: for a model that forgets what it knew."""
    cfg.train.tuning.learning_rate = cfg.train.tuning.learning_rate / 10


def swept(cfg: fdl.Config[ProofTuning]) -> None:
    """Tries four learning rates on a quarter and on all of the training set, then tunes with the best ones."""
    train = cfg.train
    cfg.sweep = fdl.Config(
        Sweep,
        training_set=cfg.training_set,
        split=cfg.split,
        model=train.model,
        tuning=train.tuning,
        length=cfg.length,
        learning_rates=[train.tuning.learning_rate * factor for factor in (0.25, 0.5, 1.0, 2.0)],
        shares=[0.25, 1.0],
        leave_out=train.leave_out,
        each_needs=train.each_needs,
    )
    train.shares = [0.25, 1.0]
    train.sweep = cfg.report.sweep = cfg.sweep


def judged(cfg: fdl.Config[ProofTuning]) -> None:
    """Asks a judge behind an endpoint about the proofs before and after, for at most twenty dollars."""
    cfg.judge = fdl.Config(
        Judge,
        evaluations={"before": cfg.baseline, "after": cfg.final},
        known=fdl.Config(Known, items=cfg.training_set, count=100, checking=cfg.baseline.asking.checking),
        backend=fdl.Config(
            OpenAI,
            model="gpt-4.1-mini",
            base_url="https://api.openai.com/v1",
            price=fdl.Config(Price, input_per_million=0.4, output_per_million=1.6),
            cap_dollars=20.0,
        ),
        length=fdl.Config(Length, max_length=16_384),
    )
    cfg.report.judge = cfg.judge
