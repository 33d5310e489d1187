"""The sweep: what is best where, what is trained only once, and what counts as an answer."""

from __future__ import annotations

import dataclasses

import pytest

from olmix.errors import UserError
from olmix.graph import identity
from olmix.graph.resources import Needs
from olmix.language_models.requests import Length
from olmix.language_models.tuning import Sft, TuningResult
from olmix.proofs.pipeline.fusion import Component, TrainingSet
from olmix.proofs.pipeline.splitting import Split
from olmix.proofs.pipeline.sweeping import Sweep, SweepResult, Trial
from olmix.proofs.pipeline.training import Train
from olmix.report.proofs_findings import sweep_rows
from tests.fake_context import FakeContext

SPLIT = Split(items=None)  # type: ignore[arg-type]
TRAINING = TrainingSet(components=(Component(name="all", items=SPLIT),), split=SPLIT)
SFT = Sft(learning_rate=1e-3, epochs=1, batch=8, evaluate_steps=10)
HOW = {
    "training_set": TRAINING,
    "split": SPLIT,
    "model": "someone/model",
    "tuning": SFT,
    "length": Length(max_length=64),
}
RATES = (1e-4, 1e-3, 1e-2)


def tuned(loss: float | None, failure: str = "", reward: float | None = None) -> TuningResult:
    return TuningResult(
        kind="sft", examples=10, left_out=0, steps=5, planned_steps=5, epochs=1.0, stopped_early=False, best_step=None,
        validation_loss=loss, training_loss=0.4, reward=reward, longest=60, tokens_per_epoch=500, resumed_at=None, seconds=1.0,
        device="cpu", versions={}, failure=failure,
    )  # fmt: skip


def swept(**losses: dict[float, TuningResult]) -> SweepResult:
    shares = {"quarter": 0.25, "whole": 1.0}
    return SweepResult(
        trials=tuple(
            Trial(learning_rate=rate, share=shares[name], result=result)
            for name, by_rate in losses.items()
            for rate, result in by_rate.items()
        )
    )


FOUND = swept(
    quarter={1e-4: tuned(3.0), 1e-3: tuned(2.0), 1e-2: tuned(None, failure="The training loss is not a number")},
    whole={1e-4: tuned(1.0), 1e-3: tuned(1.0), 1e-2: tuned(1.5)},
)


def test_the_best_learning_rate_of_each_share():
    assert FOUND.best(0.25).learning_rate == 1e-3
    assert FOUND.best(1.0).learning_rate == 1e-4  # Of equals the smaller.
    assert FOUND.best(0.5).share == 1.0  # Not swept: that of the largest share.
    assert not FOUND.at_the_edge(0.25)
    assert FOUND.at_the_edge(1.0)
    remarks = [row[-1] for row in sweep_rows(FOUND)]
    assert remarks == ["", "best", "no number: diverged", "best, at the edge of what was tried", "", ""]


def test_without_a_validation_loss_the_reward_decides():
    found = swept(whole={1e-4: tuned(None, reward=0.2), 1e-3: tuned(None, reward=0.6)})
    assert found.best(1.0).learning_rate == 1e-3


def test_what_the_sweep_trained_is_not_trained_again(tmp_path):
    sweep = Sweep(learning_rates=RATES, shares=(0.25, 1.0), **HOW)
    train = Train(shares=(0.25, 1.0), sweep=sweep, **HOW)
    context = FakeContext(tmp_path, {id(sweep): FOUND})
    pieces, chosen = sweep.pieces(context), train.pieces(context)

    def fingerprint(step):
        return identity.fingerprint(step, lambda other: type(other).__name__, step.observe())

    assert len(pieces) == 6
    assert fingerprint(chosen["share-0.25"]) == fingerprint(pieces["share-0.25-lr-0.001"])
    assert fingerprint(chosen["share-1"]) == fingerprint(pieces["share-1-lr-0.0001"])
    assert len({fingerprint(piece) for piece in pieces.values()}) == 6


def gather(tmp_path, results: dict[str, TuningResult], **settings) -> tuple[SweepResult, FakeContext]:
    sweep = Sweep(**{"learning_rates": RATES, "shares": (1.0,), **HOW, **settings})

    class Context(FakeContext):
        def read(self, step):
            return results[f"{step.tuning.learning_rate:g}"]

    context = Context(tmp_path)
    return sweep.run(context), context


def test_a_learning_rate_that_diverges_has_its_place_in_the_table(tmp_path):
    results = {"0.0001": tuned(3.0), "0.001": tuned(2.0), "0.01": tuned(None, failure='it "is" not, a number')}
    found, context = gather(tmp_path, results)
    assert found.best(1.0).learning_rate == 1e-3
    lines = (context.out / "sweep.csv").read_text().splitlines()
    assert lines[0].startswith("share,learning_rate,validation_loss")
    assert lines[1] == "1,0.0001,3,,5,,1,"
    assert lines[3] == "1,0.01,,,5,,1,\"it 'is' not, a number\""


def test_a_sweep_in_which_nothing_works_says_why(tmp_path):
    results = {f"{rate:g}": tuned(None, failure="The training loss is not a number at update 3.") for rate in RATES}
    with pytest.raises(UserError, match=r"No learning rate of the sweep gave a loss on 1 .*: The training loss is not"):
        gather(tmp_path, results)


def test_a_model_that_failed_is_not_handed_on(tmp_path):
    train = Train(**HOW)

    class Context(FakeContext):
        def read(self, step):
            return tuned(None, failure="The training loss is not a number at update 3.")

    with pytest.raises(UserError, match=r"tuning on 1 of the training set has no model\. The training loss"):
        train.run(Context(tmp_path))


def test_mistakes_are_named():
    with pytest.raises(UserError, match=r"sweep\.learning_rates are different numbers above 0"):
        Sweep(learning_rates=(1e-3, 1e-3), **HOW)
    with pytest.raises(UserError, match=r"sweep\.shares are parts of the training set, at most 1"):
        Sweep(learning_rates=RATES, shares=(2.0,), **HOW)
    large = {**HOW, "model": "microsoft/phi-1_5", "tuning": dataclasses.replace(SFT, micro_batch=8)}
    with pytest.raises(UserError, match="does not fit on one V100"):
        Sweep(learning_rates=RATES, each_needs=Needs(gpus=1, accelerator="V100"), **large)
