"""Overlays on proof experiments: a few fields each."""

from __future__ import annotations

import fiddle as fdl

from experiments.olympiad_inequalities import presets
from olmix.errors import UserError
from olmix.graph.resources import Needs
from olmix.language_models.cost import Price
from olmix.language_models.openai_backend import OpenAI
from olmix.language_models.requests import Length
from olmix.language_models.source import ModelOf
from olmix.language_models.tuning import Gkd, Grpo, Rollouts, Sft, Tuning
from olmix.proof_tuning import ProofTuning
from olmix.proofs.pipeline.judging import Judge
from olmix.proofs.pipeline.known import Known
from olmix.proofs.pipeline.sweeping import Sweep
from olmix.proofs.pipeline.training import TrainModel


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


def laptop(cfg: fdl.Config[ProofTuning]) -> None:
    """Any of the large experiments in minutes on two processors: what breaks, breaks here, before a GPU is paid for.

    Problems, model and sizes are those of `smoke`, at a hundred times the learning rate, since the model is new; what stays is
    the kind of tuning, the sweep, the judge (set `judge.backend` to one that is yours). GKD's teacher is such a model
    after some SFT. What comes out says nothing about the hypothesis.
    """
    small = presets.smoke()
    cfg.length.max_length = small.length.max_length
    cfg.generate.source = small.generate.source
    cfg.generate.count, cfg.generate.shard = small.generate.count, small.generate.shard
    cfg.generate_symbolic = None
    cfg.check.generated, cfg.verify.generated, cfg.report.generated = [cfg.generate], [cfg.generate], [cfg.generate]
    cfg.check.slice = small.check.slice
    cfg.check.checking.seconds_each = small.check.checking.seconds_each
    cfg.verify.verifier, cfg.verify.per_key = None, small.verify.per_key
    cfg.split.validation, cfg.split.test = small.split.validation, small.split.test
    cfg.base = small.base
    cfg.base.training_set, cfg.base.length = cfg.training_set, cfg.length
    new = fdl.Config(ModelOf, step=cfg.base)
    asking = cfg.baseline.asking
    asking.backend, asking.problems = small.baseline.asking.backend, small.baseline.asking.problems
    asking.backend.model = new if cfg.imitation is None else cfg.train.model
    cfg.baseline.shots = min(cfg.baseline.shots, small.baseline.shots)
    first = cfg.train if cfg.imitation is None else cfg.imitation
    first.model = new
    for step in (cfg.imitation, cfg.train):
        if step is not None:
            step.leave_out = 0.0
            _few_updates(step.tuning)
    if fdl.get_callable(cfg.train.tuning) is Gkd:
        cfg.train.tuning.teacher = fdl.Config(ModelOf, step=_taught(cfg, new))
    if cfg.sweep is not None:
        cfg.sweep.model, cfg.sweep.tuning, cfg.sweep.leave_out = first.model, cfg.train.tuning, 0.0
        cfg.sweep.learning_rates = [100 * rate for rate in cfg.sweep.learning_rates]
    if cfg.judge is not None:
        cfg.judge.known.count = 5
    for step in (cfg.generate, cfg.verify, cfg.baseline, cfg.imitation, cfg.sweep, cfg.train, cfg.final):
        if step is not None:
            step.each_needs = fdl.Config(Needs)


def _few_updates(tuning: fdl.Config[Tuning]) -> None:
    """The same kind of tuning, a few updates of it, with a checkpoint and a look at the validation side now and then."""
    tuning.learning_rate = 100 * tuning.learning_rate
    tuning.batch, tuning.micro_batch, tuning.evaluate_steps, tuning.log_steps = 16, 8, 4, 1
    if fdl.get_callable(tuning) is Grpo:
        tuning.group, tuning.epochs = 4, 0.25
        tuning.rollouts = fdl.Config(Rollouts)


def _taught(cfg: fdl.Config[ProofTuning], model: fdl.Config[ModelOf]) -> fdl.Config[TrainModel]:
    """A teacher for GKD: the same model, after some SFT."""
    sft = fdl.Config(Sft, learning_rate=3e-3, epochs=2.0, batch=16, micro_batch=16, evaluate_steps=100)
    return fdl.Config(
        TrainModel, training_set=cfg.training_set, split=cfg.split, model=model, tuning=sft, length=cfg.length
    )
