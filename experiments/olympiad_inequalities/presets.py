"""Presets: whole experiments, every number set.

`phi_1_5`  Phi-1.5 on 20,000 problems by a 72B model and 10,000 symbolic ones; 4×A100 to write, one A100 for the rest.
`tiny`     the same road on a CPU: compact problems, a Phi of less than a million parameters from scratch.
`smoke`    `tiny` in a minute: too small to learn anything, large enough to break.
"""

from __future__ import annotations

import fiddle as fdl

from experiments.olympiad_inequalities import base
from olmix.graph.resources import Needs
from olmix.language_models.backend import Preferred
from olmix.language_models.new_model import PhiShape
from olmix.language_models.requests import Length, Sampling
from olmix.language_models.source import ModelOf
from olmix.language_models.transformers_backend import Transformers
from olmix.language_models.tuning import Gkd, Grpo, Sft
from olmix.language_models.vllm_backend import Vllm
from olmix.proof_tuning import ProofTuning
from olmix.proofs.pipeline.checking import Checking
from olmix.proofs.pipeline.generation import Generate
from olmix.proofs.pipeline.known import Known
from olmix.proofs.pipeline.sources import Compact, Prompted, Symbolic
from olmix.proofs.pipeline.training import NewModel, Train
from olmix.proofs.pipeline.verification import Verifier

WRITER = "Qwen/Qwen2.5-Math-72B-Instruct"
VERIFIER = "mistralai/Mathstral-7B-v0.1"
STUDENT = "microsoft/phi-1_5"
TECHNIQUES = ["am_gm", "weighted_am_gm", "cauchy", "sos", "tangent_line"]


def phi_1_5() -> fdl.Config[ProofTuning]:
    """Full fine-tuning of Phi-1.5 by SFT."""
    cfg = base.proof_tuning()
    cfg.length.max_length = 2048
    cfg.generate.source = fdl.Config(
        Prompted,
        techniques=list(TECHNIQUES),
        backend=fdl.Config(Vllm, model=WRITER, chat=True, dtype="bfloat16", tensor_parallel=4, memory_share=0.95),
        length=cfg.length,
        sampling=fdl.Config(Sampling, temperature=0.8, top_p=0.95),
    )
    cfg.generate.count = 20_000
    cfg.generate.shard = 1_000
    cfg.generate.seed = 0
    cfg.generate.each_needs = fdl.Config(Needs, cpus=8, gpus=4, accelerator="A100", patience_minutes=30.0)
    cfg.generate_symbolic = fdl.Config(
        # Sixteen shards, as many as there are regions: no two write the same problem.
        Generate,
        source=fdl.Config(Symbolic, techniques=list(TECHNIQUES)),
        count=10_000,
        shard=625,
        seed=0,
    )
    cfg.check.generated = [cfg.generate, cfg.generate_symbolic]
    cfg.check.slice = 200
    cfg.check.checking = fdl.Config(Checking, seconds_each=120.0)
    cfg.verify.generated = [cfg.generate, cfg.generate_symbolic]
    cfg.report.generated = [cfg.generate, cfg.generate_symbolic]
    cfg.verify.verifier = fdl.Config(
        Verifier,
        backend=fdl.Config(Vllm, model=VERIFIER, chat=True, dtype="bfloat16"),
        # Another model with a context of its own: five texts of up to `cfg.length` and its answer must fit.
        length=fdl.Config(Length, max_length=12_288),
        sampling=fdl.Config(Sampling, temperature=0.7, top_p=0.95, samples=5, max_new_tokens=1024),
        # Two right and two wrong ones are shown, on the others it is measured.
        known=fdl.Config(Known, items=cfg.check, count=202, checking=cfg.check.checking),
        shots=2,
        shard=1_000,
    )
    cfg.verify.each_needs = _one_gpu()
    cfg.split.validation = 0.03
    cfg.split.test = 0.05
    cfg.train.model = STUDENT
    cfg.train.tuning = fdl.Config(
        Sft, learning_rate=2e-5, epochs=3.0, batch=32, micro_batch=4, recompute=True, evaluate_steps=100, patience=3
    )
    cfg.train.shares = [0.125, 0.25, 0.5, 1.0]
    # What the writer's tokenizer fits into the length, the student's may not.
    cfg.train.leave_out = 0.05
    cfg.train.each_needs = _one_gpu()
    asking = cfg.baseline.asking
    asking.backend = fdl.Config(Vllm, model=STUDENT, chat=False, dtype="bfloat16")
    asking.checking = cfg.check.checking
    asking.problems = 1_000
    cfg.baseline.shots = 3
    cfg.baseline.each_needs = _one_gpu()
    cfg.final.each_needs = _one_gpu()
    return cfg


def _one_gpu() -> fdl.Config[Needs]:
    """A node for each step, so that `--set train.each_needs.accelerator=H100` is about that step alone."""
    return fdl.Config(Needs, cpus=8, gpus=1, accelerator="A100")


def phi_1_5_gkd() -> fdl.Config[ProofTuning]:
    """Distillation from a model that `phi_1_5` tuned longer or that is larger and shares Phi's vocabulary."""
    cfg = phi_1_5()
    cfg.train.tuning = fdl.Config(
        Gkd, teacher="microsoft/phi-2", learning_rate=1e-5, epochs=1.0, batch=32, micro_batch=2, recompute=True,
        evaluate_steps=100, patience=3, on_policy=0.5, beta=0.5, temperature=0.9,
    )  # fmt: skip
    cfg.length.max_length = 1024
    cfg.train.shares = [1.0]
    return cfg


def phi_1_5_grpo() -> fdl.Config[ProofTuning]:
    """Reinforcement with the proof checker as the reward, on top of SFT; an overlay says where its texts come from.

    What never writes a right proof is never rewarded, so it begins where imitation ends; and that model, zero-shot, is what it is
    compared with.
    """
    cfg = phi_1_5()
    cfg.imitation = fdl.Config(
        Train, training_set=cfg.training_set, split=cfg.split, length=cfg.length, model=STUDENT, tuning=cfg.train.tuning,
        shares=[1.0], leave_out=cfg.train.leave_out, each_needs=_one_gpu(),
    )  # fmt: skip
    imitated = fdl.Config(ModelOf, step=cfg.imitation, piece="share-1")
    cfg.train.model = imitated
    cfg.baseline.asking.backend.model = imitated
    cfg.baseline.shots = 0
    cfg.train.tuning = fdl.Config(
        Grpo, learning_rate=1e-6, epochs=1.0, batch=64, micro_batch=4, recompute=True, evaluate_steps=50, group=8,
        temperature=1.0, beta=0.0,
    )  # fmt: skip
    cfg.length.max_length = 1024
    cfg.train.shares = [1.0]
    return cfg


def tiny() -> fdl.Config[ProofTuning]:
    """The whole road on two processors in minutes."""
    cfg = base.proof_tuning()
    cfg.length.max_length = 320
    # The easy half of the compact problems: which pattern it is, roots of numbers, and copying in the right order.
    cfg.generate.source = fdl.Config(Compact, techniques=list(TECHNIQUES), difficulties=["easy"])
    cfg.generate.count = 4_800
    cfg.generate.shard = 1_600
    cfg.generate.seed = 0
    cfg.check.slice = 900
    cfg.check.checking = fdl.Config(Checking, seconds_each=20.0)
    # Other coefficients of the same problem are other exercises for a model this small; a key is on one side only.
    cfg.verify.per_key = 20
    cfg.split.validation = 0.03
    cfg.split.test = 0.22
    cfg.split.seed = 0
    cfg.base = fdl.Config(
        NewModel,
        training_set=cfg.training_set,
        shape=fdl.Config(PhiShape, hidden=96, layers=2, heads=3, vocabulary=512),
        length=cfg.length,
        seed=0,
    )
    model = fdl.Config(ModelOf, step=cfg.base)
    cfg.train.model = model
    cfg.train.tuning = fdl.Config(
        Sft, learning_rate=3e-3, epochs=9.0, batch=16, micro_batch=16, beta2=0.99, evaluate_steps=200, patience=3
    )
    cfg.train.shares = [0.25, 0.5, 1.0]
    asking = cfg.baseline.asking
    # The same greedy text from either, so whichever is installed; the result says which it was.
    asking.backend = fdl.Config(
        Preferred,
        model=model,
        chat=False,
        backends=[
            fdl.Config(Vllm, model="(that of Preferred)", dtype="float32"),
            fdl.Config(Transformers, model="(that of Preferred)", dtype="float32"),
        ],
    )
    asking.checking = cfg.check.checking
    asking.problems = 240
    cfg.baseline.shots = 2
    return cfg


def smoke() -> fdl.Config[ProofTuning]:
    """As `tiny`, with a fortieth of everything."""
    cfg = tiny()
    cfg.generate.count = 120
    cfg.generate.shard = 60
    cfg.check.slice = 60
    cfg.split.validation = 0.1
    cfg.split.test = 0.2
    cfg.base.shape.layers = 1
    cfg.train.tuning.epochs = 2.0
    cfg.train.tuning.evaluate_steps = 5
    cfg.train.shares = [0.5, 1.0]
    cfg.baseline.asking.problems = 12
    return cfg
