"""The large proof experiments on two processors: the overlay `laptop` keeps how they tune, and trl really does it."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import fiddle as fdl
import pytest

from experiments.olympiad_inequalities import (
    overlays,
    phi_1_5,
    phi_1_5_gkd,
    phi_1_5_grpo,
    phi_1_5_judged,
    phi_1_5_sweep,
)
from olmix.errors import UserError
from olmix.language_models.source import ModelOf
from olmix.language_models.watching import METRICS

LAPTOP = "experiments.olympiad_inequalities.overlays.laptop"


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> pathlib.Path:
    """One for both, which share all but the tuning."""
    return tmp_path_factory.mktemp("store")


@pytest.mark.parametrize("module", [phi_1_5, phi_1_5_gkd, phi_1_5_grpo, phi_1_5_judged, phi_1_5_sweep])
def test_every_large_experiment_fits_a_laptop(module):
    cfg = module.experiment()
    kind = fdl.get_callable(cfg.train.tuning)
    overlays.laptop(cfg)
    experiment = fdl.build(cfg)
    assert type(experiment.train.tuning) is kind
    steps = experiment.steps().values()
    assert not any(step.each_needs.gpus for step in steps if hasattr(step, "each_needs"))
    assert experiment.final.asking.length is experiment.train.length is experiment.length
    assert experiment.train.model == ModelOf(step=experiment.base) or experiment.imitation.model.step == experiment.base


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", ["phi_1_5_gkd", "phi_1_5_grpo"])
def test_distillation_and_reinforcement_run_from_the_launcher(store, name):
    """Some updates each on a tiny Phi: GKD from a teacher that SFT made, GRPO on top of SFT with the checker as the reward."""
    command = [
        sys.executable, "-m", "launchers.run", f"--experiment=experiments.olympiad_inequalities.{name}",
        f"--overlay={LAPTOP}", f"--store={store}", "--ray_cpus=2", "--until=train", "--set=generate.count=40",
        "--set=generate.shard=20", "--set=check.slice=20", "--set=base.shape.hidden=64", "--set=base.shape.heads=2",
        "--set=train.tuning.evaluate_steps=1",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=1500, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = store.glob(f"experiments/*{name}/latest/artifacts/train")
    ((share, result),) = json.loads((run / "result.json").read_text())["runs"]
    assert (share, result["kind"]) == (1.0, name.rsplit("_", 1)[1])
    assert result["steps"] == result["planned_steps"] >= 2
    tuned = next(
        path
        for path in store.glob("artifacts/train_model-*")
        if f'"{result["kind"]}"' in (path / "result.json").read_text()
    )
    records = [json.loads(line) for line in (tuned / METRICS).read_text().splitlines()]
    if name == "phi_1_5_gkd":
        assert [record["eval_loss"] for record in records if "eval_loss" in record]
    else:
        rewards = [record["reward"] for record in records if "reward" in record]
        assert len(rewards) == result["steps"]
        assert all(0 <= reward <= 1 for reward in rewards)
    assert (tuned / "model" / "model.safetensors").is_file()


def test_rollouts_by_vllm_are_refused_without_a_gpu():
    cfg = phi_1_5_grpo.experiment()
    overlays.laptop(cfg)
    overlays.vllm_colocated(cfg)
    with pytest.raises(UserError, match=r"engine='vllm_colocated' needs a GPU, and each task asks for 1 CPU"):
        fdl.build(cfg)
