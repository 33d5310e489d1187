"""The main job, end to end: the real command, real Ray, real training, at a reduced size, and then again unchanged."""

from __future__ import annotations

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import psutil
import pytest

from tests.launching import launch

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Measuring all that is held out takes each proxy twice as long as its 20 steps, and no test looks at how good they are.
LITTLE_MEASURED = ["--set=corpus.tokenising.held_out_bytes=3000"]
FLAGS = ["--experiment=experiments.quickstart", "--overlay=reduced", *LITTLE_MEASURED]
COMMAND = [sys.executable, "-m", "launchers.run", *FLAGS]

V100 = ["--set=swarm.each_needs.gpus=1", "--set=swarm.each_needs.accelerator=V100"]


def run(store: pathlib.Path, *flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, f"--store={store}", *flags], cwd=ROOT, capture_output=True, text=True, timeout=400, check=False
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A store in which the reduced quickstart has run."""
    folder = tmp_path_factory.mktemp("quickstart")
    done = run(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    (folder / "said.txt").write_text(done.stdout)
    return folder


def artifacts(store: pathlib.Path, kind: str) -> list[pathlib.Path]:
    return sorted((store / "artifacts").glob(f"{kind}-*"))


def test_it_ends_with_the_tables_and_the_report(store: pathlib.Path) -> None:
    said = (store / "said.txt").read_text()
    for words in ("speeches", "licences", "bpb/speeches", "report.html"):
        assert words in said
    assert "Traceback" not in said
    report = store / "experiments" / "quickstart" / "latest" / "report.html"
    assert report.is_file()
    assert "http://" not in report.read_text().replace("http://www.w3.org/", "")


def test_every_proxy_is_an_artifact_with_exactly_its_tokens(store: pathlib.Path) -> None:
    proxies = [json.loads((folder / "result.json").read_text()) for folder in artifacts(store, "train_proxy")]
    assert len(proxies) == 12 + 3 * 2
    for proxy in proxies:
        assert proxy["status"] == "finished"
        assert proxy["tokens"] == 20_480
        assert sum(proxy["tokens_per_leaf"].values()) == 20_480
        assert set(proxy["metrics"]) >= {"bpb/speeches", "bpb/python_tests"}
    (swarm,) = (json.loads((folder / "result.json").read_text()) for folder in artifacts(store, "swarm"))
    assert {"bpb/speeches", "bpb/prose"} <= set(swarm["metrics"])


def test_the_limits_bind_and_the_proposal_keeps_them(store: pathlib.Path) -> None:
    (limits,) = (json.loads((folder / "result.json").read_text()) for folder in artifacts(store, "limits"))
    (proposal,) = (json.loads((folder / "result.json").read_text()) for folder in artifacts(store, "proposal"))
    upper = dict(zip(limits["leaves"], limits["upper"], strict=True))
    assert min(upper.values()) < 0.2
    mixture = {leaf["leaf"]: leaf["weight"] for leaf in proposal["leaves"]}
    assert set(mixture) == set(upper)
    assert sum(mixture.values()) == pytest.approx(1, abs=1e-9)
    for leaf, weight in mixture.items():
        assert weight <= upper[leaf] + 1e-9


def test_running_again_does_nothing_and_starts_no_ray(store: pathlib.Path) -> None:
    before = {folder: folder.stat().st_mtime_ns for folder in (store / "artifacts").iterdir()}
    again = run(store)
    assert again.returncode == 0, again.stderr
    assert "nothing to do" in again.stdout
    assert "report.html" in again.stdout
    assert {folder: folder.stat().st_mtime_ns for folder in (store / "artifacts").iterdir()} == before


def test_a_larger_design_trains_only_what_is_new(store: pathlib.Path) -> None:
    plan = launch("run", *FLAGS, f"--store={store}", "--set=design.variants=15", "--dry_run")
    assert plan.returncode == 0, plan.stderr
    assert "swarm: stale" in plan.stdout
    assert "3 of 15 pieces to run" in plan.stdout


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--experiment=experiments.quickstrat"], "quickstart"),
        (["--until=desing"], "design"),
        (["--set=design.varaints=3"], "variants"),
        (["--overlay=reducde"], "reduced"),
        (["--set=design.variants=0", "--until=design"], "variants"),
        (["--set=swarm.proxy.tokens=100"], "batch"),
        (["--set=limits.target_tokens=100000000", "--dry_run"], "largest feasible"),
        ([*V100, "--set=swarm.proxy.device.dtype=bfloat16"], "V100"),
        (["--nosuchflag"], "nosuchflag"),
    ],
)  # fmt: skip
def test_mistakes_are_one_sentence_and_exit_2(store: pathlib.Path, flags: list[str], words: str) -> None:
    done = launch("run", *FLAGS, f"--store={store}", *flags)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line]
    assert len(lines) == 1
    assert words in lines[0]


FAULTY = '''"""The quickstart, but no model survives the learning rate of its third variant."""
import dataclasses
import fiddle as fdl
from experiments import quickstart
from olmix.train.steps import Swarm


@dataclasses.dataclass(frozen=True, kw_only=True)
class FaultySwarm(Swarm):
    def pieces(self, context):
        pieces = super().pieces(context)
        lost = pieces["variant-002"]
        return pieces | {"variant-002": dataclasses.replace(lost, proxy=dataclasses.replace(lost.proxy, learning_rate=1e30))}


def experiment():
    cfg = quickstart.experiment()
    fdl.update_callable(cfg.swarm, FaultySwarm)
    return cfg
'''


def kill_a_worker(launcher: subprocess.Popen[str], done: pathlib.Path) -> str:
    """Kills a process of the launcher's that trains a variant, once it has finished another one; its title."""
    before = len(list(done.glob("train_proxy-*")))
    until = time.monotonic() + 300  # A loaded machine takes minutes to start two workers.
    while time.monotonic() < until and launcher.poll() is None:
        titles = {}
        for process in psutil.Process(launcher.pid).children(recursive=True):
            try:
                titles[process] = " ".join(process.cmdline())
            except psutil.Error:
                continue
        busy = [process for process, title in titles.items() if re.search(r"ray::.*variant-", title)]
        if busy and len(list(done.glob("train_proxy-*"))) > before:
            busy[0].kill()
            return titles[busy[0]]
        time.sleep(0.05)
    raise AssertionError("no worker was seen in training")


@pytest.mark.slow
def test_a_killed_worker_costs_nothing_and_a_diverged_proxy_is_missed(
    store: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    """kill -9 in mid-training: its variant is trained again. NaN: the swarm goes on, the fit says who is missing.

    Variants that the quickstart has trained are no others here: six of them are taken over, and six are left to train.
    """
    shutil.copytree(ROOT / "experiments", tmp_path / "experiments", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "experiments" / "faulty.py").write_text(FAULTY)
    own = tmp_path / "store" / "artifacts"
    for kind in ("local_corpus", "scan", "limits", "design"):
        for folder in artifacts(store, kind):
            shutil.copytree(folder, own / folder.name)
    for number in range(6, 12):
        trained = next(store.glob(f"experiments/quickstart/2*/artifacts/swarm.variant-{number:03d}")).resolve()
        shutil.copytree(trained, own / trained.name)
    command = [*COMMAND, "--experiment=experiments.faulty", f"--store={tmp_path / 'store'}", "--until=laws"]
    where = {"cwd": tmp_path, "env": {**os.environ, "PYTHONPATH": str(ROOT)}, "text": True}
    launcher = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **where)
    try:
        killed = kill_a_worker(launcher, own)
        out, err = launcher.communicate(timeout=300)
    finally:
        launcher.kill()
    assert "variant-" in killed
    assert launcher.returncode == 2, out + err
    assert "1 of 12 runs are missing: variant-002 (the loss became nan" in err
    assert "Traceback" not in err
    proxies = {folder: json.loads((folder / "result.json").read_text()) for folder in own.glob("train_proxy-*")}
    assert len(proxies) == 12
    lost = [proxy for proxy in proxies.values() if proxy["status"] != "finished"]
    assert len(lost) == 1
    assert sum(lost[0]["mixture"].values()) == pytest.approx(1)

    before = {folder: folder.stat().st_mtime_ns for folder in proxies}
    again = subprocess.run(
        [*command, "--set=laws.max_missing=1"], capture_output=True, timeout=300, check=False, **where
    )
    assert again.returncode == 0, again.stderr
    assert {folder: folder.stat().st_mtime_ns for folder in own.glob("train_proxy-*")} == before
