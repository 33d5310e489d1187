"""The experiment on olympiad inequalities: generate, check, verify, split, evaluate, tune, evaluate again. One field per step."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

from olmix.graph.experiment import Experiment
from olmix.graph.step import Step
from olmix.language_models.requests import Length


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProofTuning(Experiment):
    """problems with proofs → checked → kept → split → training set → baseline → tuned model → final scores → report.

    `length.max_length` is the one place where a length is set: the steps share this node. `base` makes a new small
    model where none is given; `imitation` is the tuning on written proofs that reinforcement goes on from; `sweep` looks for
    the learning rate with which `train` tunes; `judge` is for experiments that ask a language model's opinion beside the
    machine's verdict. Problems come from a language model, a symbolic generator, or both.
    """

    length: Length
    generate: Step
    generate_symbolic: Step | None = None
    check: Step
    verify: Step
    split: Step
    training_set: Step
    base: Step | None = None
    imitation: Step | None = None
    baseline: Step
    sweep: Step | None = None
    train: Step
    final: Step
    judge: Step | None = None
    report: Step

    def summary(self, read: Callable[[Step], Any], folder: Callable[[Step], pathlib.Path]) -> Sequence[Any]:
        """The rates before and after as a table, the answer in a sentence, and where the report lies."""
        from olmix.report.proofs import summary, sweep_table

        swept = (sweep_table(read(self.sweep)),) if self.sweep is not None else ()
        return (*swept, *summary(read(self.report), read(self.final), folder(self.report)))
