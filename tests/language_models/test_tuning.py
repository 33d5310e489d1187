"""Real training with trl on a tiny Phi: it learns, stops, resumes after a kill, and refuses what would be silent elsewhere."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from olmix.errors import UserError
from olmix.graph.resources import Needs
from olmix.language_models.jobs import Job
from olmix.language_models.requests import Length, Request, Sampling
from olmix.language_models.trainers import last_whole_checkpoint, tune
from olmix.language_models.transformers_backend import Transformers
from olmix.language_models.tuning import Gkd, Grpo, Rollouts, Sft, Tuning, TuningResult
from olmix.language_models.watching import METRICS
from tests.language_models.conftest import LENGTH, examples

SFT = Sft(learning_rate=5e-3, epochs=2, batch=8, micro_batch=8, evaluate_steps=10, log_steps=5)


def run(settings: Tuning, model: pathlib.Path, folder: pathlib.Path, **changes) -> TuningResult:
    (changes.get("out") or folder / "out").mkdir(parents=True, exist_ok=True)
    given = {
        "train": examples(80), "validation": examples(16, seed=1), "length": LENGTH, "needs": Needs(cpus=1),
        "out": folder / "out", "scratch": folder / "scratch", "progress": lambda *_: None, "name": "test", **changes,
    }  # fmt: skip
    return tune(Job(settings=settings, model=str(model), **given))


@pytest.mark.slow
def test_sft_learns_and_leaves_a_model_that_continues_like_the_examples(tiny, tmp_path):
    result = run(SFT, tiny, tmp_path)
    assert (result.steps, result.planned_steps, result.examples) == (20, 20, 80)
    records = [json.loads(line) for line in (tmp_path / "out" / METRICS).read_text().splitlines()]
    losses = [record["eval_loss"] for record in records if "eval_loss" in record]
    assert len(losses) == 2
    assert losses[-1] < losses[0] < 6
    engine = Transformers(model="m", chat=False, dtype="float32").load(str(tmp_path / "out" / "model"), None, LENGTH)
    (answer,) = engine.generate([Request(id="a", prompt=examples(1)[0].prompt)], Sampling(max_new_tokens=12))
    assert answer.completions[0].tokens <= 12


@pytest.mark.slow
def test_early_stopping_keeps_the_best_checkpoint(tiny, tmp_path):
    # A learning rate that soon does harm: the best evaluation is not the last.
    wild = Sft(
        learning_rate=0.1, epochs=6, batch=8, evaluate_steps=2, patience=2, schedule="constant_with_warmup", clip=100.0
    )
    result = run(wild, tiny, tmp_path)
    assert result.stopped_early
    assert result.best_step is not None
    assert result.best_step < result.steps < result.planned_steps
    records = [json.loads(line) for line in (tmp_path / "out" / METRICS).read_text().splitlines()]
    assert result.validation_loss == pytest.approx(min(r["eval_loss"] for r in records if "eval_loss" in r))


@pytest.mark.slow
def test_a_killed_run_goes_on_from_its_last_whole_checkpoint(tiny, tmp_path):
    script = f"""
import pathlib, sys
sys.path.insert(0, {os.getcwd()!r})
from tests.language_models.test_tuning import *
settings = Sft(learning_rate=5e-3, epochs=400, batch=8, evaluate_steps=5)
run(settings, pathlib.Path({str(tiny)!r}), pathlib.Path({str(tmp_path)!r}))
"""
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 600
    checkpoints = tmp_path / "scratch" / "checkpoints"
    while time.monotonic() < deadline and not list(checkpoints.glob("checkpoint-*/whole")):
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    whole = last_whole_checkpoint(checkpoints)
    assert whole is not None
    step = int(whole.name.split("-")[1])
    # Half a checkpoint, as a kill in the middle of saving leaves it, newer than the whole one.
    torn = checkpoints / f"checkpoint-{step + 5}"
    torn.mkdir(exist_ok=True)
    (torn / "model.safetensors").write_bytes(b"torn")
    total = (step // 10 + 2) * 10
    settings = Sft(learning_rate=5e-3, epochs=total / 10, batch=8, evaluate_steps=5)
    result = run(
        settings, tiny, tmp_path, out=tmp_path / "second"
    )  # What the killed attempt wrote into its own is gone.
    assert result.resumed_at == step
    assert result.steps == total
    assert not torn.exists() or (torn / "whole").exists()
    records = [json.loads(line) for line in (tmp_path / "second" / METRICS).read_text().splitlines()]
    # What was measured before the kill is there, and nothing twice.
    assert {"step": step, "resumed": True} in records
    assert [r["step"] for r in records if "eval_loss" in r] == list(range(5, total + 1, 5))


@pytest.mark.slow
def test_a_loss_that_is_not_a_number_ends_the_run_and_reaches_no_checkpoint(tiny, tmp_path):
    import torch
    import transformers

    model = transformers.AutoModelForCausalLM.from_pretrained(tiny)
    with torch.no_grad():
        model.lm_head.weight[3, 3] = float("nan")
    model.save_pretrained(tmp_path / "broken")
    transformers.AutoTokenizer.from_pretrained(tiny).save_pretrained(tmp_path / "broken")
    with pytest.raises(UserError, match=r"training loss is not a number at update 1 .*lower tuning\.learning_rate"):
        run(SFT, tmp_path / "broken", tmp_path)
    assert last_whole_checkpoint(tmp_path / "scratch" / "checkpoints") is None


def test_examples_longer_than_the_length_are_an_error_and_are_not_cut(tiny, tmp_path):
    long = examples(1)[0]
    too_long = type(long)(id="long", prompt=long.prompt * 20, completion=long.completion)
    words = r"1 of 81 training examples are longer .*\(1 of them by their prompt alone\).*is long with"
    with pytest.raises(UserError, match=words):
        run(SFT, tiny, tmp_path, train=[*examples(80), too_long])


def test_no_examples_and_no_validation_are_errors(tiny, tmp_path):
    with pytest.raises(UserError, match="nothing to tune on"):
        run(SFT, tiny, tmp_path, train=[])
    with pytest.raises(UserError, match="patience needs a validation set"):
        run(Sft(learning_rate=1e-3, epochs=1, batch=8, evaluate_steps=5, patience=1), tiny, tmp_path, validation=[])


@pytest.mark.slow
def test_gkd_draws_the_student_to_its_teacher(tiny, tmp_path):
    teacher = tmp_path / "teacher"
    run(Sft(learning_rate=5e-3, epochs=6, batch=8, evaluate_steps=30), tiny, teacher)
    settings = Gkd(
        learning_rate=5e-3,
        epochs=2,
        batch=8,
        evaluate_steps=10,
        teacher="-",
        on_policy=0.3,
        temperature=1.0,
        log_steps=5,
    )
    result = run(settings, tiny, tmp_path / "gkd", teacher=str(teacher / "out" / "model"))
    records = [json.loads(line) for line in (tmp_path / "gkd" / "out" / METRICS).read_text().splitlines()]
    divergences = [record["eval_loss"] for record in records if "eval_loss" in record]
    assert result.kind == "gkd"
    assert divergences[-1] < divergences[0]


@pytest.mark.slow
def test_gkd_writes_its_texts_with_a_cache_also_where_activations_are_recomputed(tiny, tmp_path, monkeypatch):
    """Without one, each new token would be a pass over all before it: 13 times the time on a laptop."""
    import transformers

    widths: list[int] = []
    forward = transformers.PhiForCausalLM.forward

    def counting(self, input_ids=None, **rest):
        widths.append(input_ids.shape[1])
        return forward(self, input_ids=input_ids, **rest)

    settings = Gkd(
        learning_rate=1e-3,
        epochs=0.1,
        batch=8,
        evaluate_steps=10,
        teacher="-",
        on_policy=1.0,
        recompute=True,
        log_steps=1,
    )
    monkeypatch.setattr(transformers.PhiForCausalLM, "forward", counting)
    run(settings, tiny, tmp_path, teacher=str(tiny), validation=[])
    assert widths.count(1) > len(widths) / 2


@pytest.mark.slow
def test_a_teacher_with_another_vocabulary_is_refused(tiny, tmp_path):
    from olmix.language_models.new_model import PhiShape, new_phi

    new_phi(
        tmp_path / "other", ["some other text"] * 5, PhiShape(hidden=64, layers=1, heads=2, vocabulary=262), LENGTH, 0
    )
    settings = Gkd(learning_rate=1e-3, epochs=1, batch=8, evaluate_steps=10, teacher="-")
    with pytest.raises(UserError, match="must be the same"):
        run(settings, tiny, tmp_path, teacher=str(tmp_path / "other"))


@pytest.mark.slow
def test_grpo_asks_the_reward_about_its_own_completions(tiny, tmp_path):
    asked: list[tuple[int, str]] = []

    def reward(numbers, texts):
        asked.extend(zip(numbers, texts, strict=True))
        return [float(text.count("1")) for text in texts]

    settings = Grpo(learning_rate=1e-4, epochs=0.2, batch=8, micro_batch=8, group=4, evaluate_steps=50, log_steps=1)
    result = run(settings, tiny, tmp_path, reward=reward, length=Length(max_length=48))
    assert result.steps == 8  # 16 prompts, 4 completions each, 8 completions an update.
    assert len(asked) == 8 * 8
    numbers = [number for number, _ in asked]
    assert all(numbers.count(number) % 4 == 0 for number in set(numbers))
    assert set(numbers) <= set(range(80))
    assert result.reward is not None


def test_settings_that_cannot_work_are_refused():
    with pytest.raises(UserError, match=r"multiple of tuning\.micro_batch"):
        Sft(learning_rate=1e-3, epochs=1, batch=10, micro_batch=4, evaluate_steps=5)
    with pytest.raises(UserError, match=r"multiple of tuning\.group"):
        Grpo(learning_rate=1e-3, epochs=1, batch=8, group=3, evaluate_steps=5)
    with pytest.raises(UserError, match="no validation loss"):
        Grpo(learning_rate=1e-3, epochs=1, batch=8, group=4, evaluate_steps=5, patience=2)
    with pytest.raises(UserError, match="server_url exactly with"):
        Rollouts(engine="vllm_server")
    with pytest.raises(UserError, match="above 0"):
        Sft(learning_rate=0.0, epochs=1, batch=8, evaluate_steps=5)


@pytest.mark.slow
def test_long_examples_may_be_left_out_and_are_counted(tiny, tmp_path):
    long = examples(1)[0]
    too_long = type(long)(id="long", prompt=long.prompt * 20, completion=long.completion)
    short = Sft(learning_rate=1e-3, epochs=0.2, batch=8, evaluate_steps=10)
    result = run(short, tiny, tmp_path, train=[*examples(80), too_long], leave_out=0.02)
    assert (result.examples, result.left_out) == (80, 1)
    with pytest.raises(UserError, match=r"2 of 82 .* or let train\.leave_out=0\.024 of them .*\(it is 0\.02\)"):
        run(short, tiny, tmp_path, train=[*examples(80), too_long, too_long], leave_out=0.02)


@pytest.mark.slow
def test_where_a_failure_is_an_answer_it_is_kept(tiny, tmp_path):
    wild = Sft(learning_rate=1e30, epochs=2, batch=8, evaluate_steps=10, clip=1e30)
    result = run(wild, tiny, tmp_path, keep_failure=True)
    assert "is not a number" in result.failure
    assert not (tmp_path / "out" / "model").exists()
    assert (tmp_path / "out" / METRICS).is_file()


@pytest.mark.slow
def test_wandb_offline_leaves_its_files_in_the_result(tiny, tmp_path, monkeypatch):
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("WANDB_SILENT", "true")
    for name in ("WANDB_PROJECT", "WANDB_DIR", "WANDB_RUN_GROUP", "WANDB_MODE"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
        monkeypatch.delenv(name)
    run(Sft(learning_rate=1e-3, epochs=0.5, batch=8, evaluate_steps=5, log_steps=1, wandb=True), tiny, tmp_path)
    assert list((tmp_path / "out" / "wandb").glob("offline-run-*/*.wandb"))


def test_a_rollout_server_that_is_not_there_is_named_before_anything_is_loaded(tiny, tmp_path):
    rollouts = Rollouts(engine="vllm_server", server_url="http://127.0.0.1:9")
    settings = Grpo(learning_rate=1e-4, epochs=1, batch=8, micro_batch=8, group=4, evaluate_steps=50, rollouts=rollouts)
    with pytest.raises(UserError, match=r"No vLLM server answers at .*127\.0\.0\.1:9 .*start `trl vllm-serve --model"):
        run(settings, tiny, tmp_path, reward=lambda numbers, texts: [0.0] * len(texts))
