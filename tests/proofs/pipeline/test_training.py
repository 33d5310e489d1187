"""The steps from a training set to scores, on a tiny model: the reward is the checker, the shots are from the training side."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from olmix.config import catalogue
from olmix.errors import UserError
from olmix.graph.resources import Needs
from olmix.language_models.new_model import PhiShape
from olmix.language_models.requests import Length
from olmix.language_models.source import ModelOf
from olmix.language_models.transformers_backend import Transformers
from olmix.language_models.tuning import Gkd, Grpo, Sft
from olmix.proofs.pipeline.evaluation import ROWS, Asking, Evaluate, Row
from olmix.proofs.pipeline.fusion import Component, TrainingSet
from olmix.proofs.pipeline.items import read_records, write_items
from olmix.proofs.pipeline.splitting import Split
from olmix.proofs.pipeline.training import NewModel, Train, TrainModel
from tests.proofs.pipeline.test_verification import compact_items
from tests.proofs.pipeline_items import context, run_fan_out

LENGTH = Length(max_length=320)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A split, a training set, a new model, and a context that knows where they lie."""
    root = tmp_path_factory.mktemp("made")
    items = compact_items(10)
    split = Split(items=None)  # type: ignore[arg-type]
    training = TrainingSet(components=(Component(name="all", items=split),), split=split)
    base = NewModel(training_set=training, shape=PhiShape(hidden=64, layers=1, heads=2, vocabulary=320), length=LENGTH)
    folders = {split: root / "split", training: root / "training", base: root / "base"}
    for folder in folders.values():
        folder.mkdir()
    write_items(folders[split], items[::5], "validation.jsonl")
    write_items(folders[split], items[1::5], "test.jsonl")
    write_items(folders[training], items, "train.jsonl")
    ctx = context(root, folders)
    ctx.out = folders[base]
    result = base.run(ctx)
    assert result.parameters == pytest.approx(95_000, rel=0.1)
    return split, training, base, folders


@pytest.mark.slow
def test_grpo_is_rewarded_by_the_checker(made, tmp_path):
    split, training, base, folders = made
    tuning = Grpo(learning_rate=1e-4, epochs=0.1, batch=4, micro_batch=4, group=2, evaluate_steps=10, log_steps=1)
    step = TrainModel(training_set=training, split=split, model=ModelOf(step=base), tuning=tuning, length=LENGTH)
    result = step.run(context(tmp_path, folders))
    assert result.steps >= 1
    assert result.reward is not None
    assert 0 <= result.reward <= 0.1  # Random weights prove nothing, and at most name the claim.


@pytest.mark.slow
def test_few_shot_evaluation_of_a_model_that_knows_nothing(made, tmp_path):
    split, training, base, folders = made
    backend = Transformers(model=ModelOf(step=base), chat=False, dtype="float32")
    step = Evaluate(
        split=split, training_set=training, asking=Asking(backend=backend, length=LENGTH, problems=4), shots=1
    )
    ctx = context(tmp_path, folders)
    scores = run_fan_out(step, ctx)
    assert (scores.checked.hits, scores.checked.of, scores.shots) == (0, 4, 1)
    rows = read_records(ctx.out / ROWS, Row)
    assert [row.item.id for row in rows] == [item.id for item in compact_items(10)[1::5][:4]]


def test_too_many_shots_for_the_length_are_an_error_before_the_model_is_loaded(made, tmp_path, monkeypatch):
    split, training, base, folders = made
    monkeypatch.setattr(Transformers, "load", None)
    backend = Transformers(model=ModelOf(step=base), chat=False, dtype="float32")
    step = Evaluate(split=split, training_set=training, asking=Asking(backend=backend, length=LENGTH), shots=8)
    with pytest.raises(
        UserError, match=r"has \d+ tokens and .* is 320 \((\d+) of \1 prompts leave no room\): raise .*fewer examples"
    ):
        run_fan_out(step, context(tmp_path, folders))


def test_what_does_not_fit_the_accelerator_is_said_when_the_step_is_made(made):
    split, training, _, _ = made
    sft = Sft(learning_rate=2e-5, epochs=1, batch=8, micro_batch=4, evaluate_steps=10, recompute=True)
    how = {"training_set": training, "split": split, "model": "microsoft/phi-1_5", "length": Length(max_length=2048)}
    Train(tuning=sft, each_needs=Needs(gpus=1, accelerator="A100"), **how)
    with pytest.raises(UserError, match=r"fine-tuning phi-1_5 .* does not fit on one V100: weights 5\.3 \+ gradients"):
        Train(tuning=sft, each_needs=Needs(gpus=1, accelerator="V100"), **how)
    gkd = Gkd(
        learning_rate=2e-5,
        epochs=1,
        batch=8,
        micro_batch=4,
        evaluate_steps=10,
        recompute=True,
        teacher="qwen2.5-math-7b",
    )
    with pytest.raises(UserError, match=r"does not fit on one A100: .*teacher 14\.2"):
        Train(tuning=gkd, each_needs=Needs(gpus=1, accelerator="A100"), **how)


def test_shares_need_the_whole(made):
    split, training, base, _ = made
    sft = Sft(learning_rate=2e-5, epochs=1, batch=8, evaluate_steps=10)
    with pytest.raises(UserError, match=r"with 1\.0 among them"):
        Train(training_set=training, split=split, model=ModelOf(step=base), tuning=sft, length=LENGTH, shares=(0.5,))


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_smoke_experiment_runs_whole_and_goes_on_after_a_kill(tmp_path: pathlib.Path):
    """Through the launcher and Ray: killed while it trains, started again, finished; a third run has nothing to do.

    In the second run the worker of one shard of the evaluation is killed: only that one is done again. A shard for each
    of the three models, the first by vLLM where it is installed; that more shards of one model change nothing is for
    `test_shards`.
    """
    store = f"--store={tmp_path / 'store'}"
    command = [
        sys.executable, "-m", "launchers.run", "--experiment=experiments.olympiad_inequalities.smoke", store,
        "--overlay=tests.proofs.pipeline.overlays.final_by_transformers", "--ray_cpus=2",
    ]  # fmt: skip
    log = tmp_path / "first.log"
    with open(log, "w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 600
        while time.monotonic() < deadline and "baseline: 1 of 1 done" not in log.read_text():
            assert process.poll() is None, log.read_text()
            time.sleep(0.2)
        time.sleep(2)
        process.send_signal(signal.SIGKILL)
        process.wait()
    second = tmp_path / "second.log"
    killed = None
    with open(second, "w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 600
        while process.poll() is None and time.monotonic() < deadline:
            if killed is None:
                killed = kill_worker_of(tmp_path / "store" / "scratch", "evaluate_shard-*")
            time.sleep(0.05)
    said = second.read_text()
    assert process.wait() == 0, said
    assert killed is not None
    assert said.count("; started again (attempt 2)") == 1, said
    assert "final: 2 of 2 done" in said
    assert len(list((tmp_path / "store" / "artifacts").glob("evaluate_shard-*"))) == 1 + 2
    again = said
    assert "generate: 2 of 2" not in again  # The shards that were done were not done again.
    assert "Checked proofs of unseen problems" in again
    (page,) = (tmp_path / "store" / "artifacts").glob("proof_report-*/report.html")
    assert "Did it help?" in page.read_text()
    third = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    assert third.returncode == 0
    assert "train:" not in third.stdout


def kill_worker_of(scratch: pathlib.Path, step: str) -> int | None:
    """Kills the process that says it works on such a step, if there is one: its id."""
    for progress in scratch.glob(f"{step}/progress.json"):
        with contextlib.suppress(OSError, ValueError):
            worker = json.loads(progress.read_text())["pid"]
            os.kill(worker, signal.SIGKILL)
            return worker
    return None


def test_the_list_of_experiments_bounds_the_tokens_of_a_tuning():
    entry = catalogue.entry("olympiad_inequalities.smoke")
    # 120 problems less 30 % for validation and test, twice, each of at most 320 tokens.
    assert (entry.tokens, entry.at_most) == (84 * 2 * 320, True)
    assert catalogue.count(entry.tokens, entry.at_most) == "at most 53.8k tokens"
