"""The main job, end to end: the real command, real Ray, real training, at a reduced size, and then again unchanged."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
COMMAND = [sys.executable, "-m", "launchers.run", "--experiment=experiments.quickstart", "--overlay=reduced"]

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
        assert set(proxy["metrics"]) >= {"bpb/speeches", "bpb/prose", "bpb/python_tests"}


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
    plan = run(store, "--set=design.variants=15", "--dry_run")
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
    done = run(store, *flags)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line]
    assert len(lines) == 1
    assert words in lines[0]
