"""Base: which steps a proof experiment is made of and what each reads from. No numbers; those are a preset's business."""

from __future__ import annotations

import fiddle as fdl

from olmix.language_models.requests import Length
from olmix.proof_tuning import ProofTuning
from olmix.proofs.pipeline.checking import Check
from olmix.proofs.pipeline.evaluation import Asking, Evaluate, EvaluateTrained
from olmix.proofs.pipeline.fusion import Component, TrainingSet
from olmix.proofs.pipeline.generation import Generate
from olmix.proofs.pipeline.splitting import Split
from olmix.proofs.pipeline.training import Train
from olmix.proofs.pipeline.verification import Verify
from olmix.report.proofs import ProofReport


def proof_tuning() -> fdl.Config[ProofTuning]:
    """Generate, check, verify, split, training set, baseline, train, final, report; one node for the length."""
    length = fdl.Config(Length)
    generate = fdl.Config(Generate)
    check = fdl.Config(Check, generated=[generate])
    verify = fdl.Config(Verify, generated=[generate], checked=check)
    split = fdl.Config(Split, items=verify)
    whole = fdl.Config(Component, name="generated", items=split)
    training_set = fdl.Config(TrainingSet, components=[whole], split=split)
    train = fdl.Config(Train, training_set=training_set, split=split, length=length)
    asking = fdl.Config(Asking, length=length)
    baseline = fdl.Config(Evaluate, split=split, training_set=training_set, asking=asking)
    final = fdl.Config(EvaluateTrained, split=split, training_set=training_set, train=train, asking=asking)
    report = fdl.Config(
        ProofReport, generated=[generate], verify=verify, split=split, training_set=training_set, train=train,
        baseline=baseline, final=final,
    )  # fmt: skip
    return fdl.Config(
        ProofTuning, length=length, generate=generate, check=check, verify=verify, split=split, training_set=training_set,
        baseline=baseline, train=train, final=final, report=report,
    )  # fmt: skip
