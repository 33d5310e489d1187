"""The launchers as a user starts them: in processes of their own (`tests.launching`), with experiments in the current folder."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Callable

import pytest
import yaml

from tests import launching

REPO = pathlib.Path(__file__).parents[2]
HEAVY = (
    "torch",
    "ray",
    "transformers",
    "trl",
    "vllm",
    "wandb",
    "pandas",
    "sklearn",
    "lightgbm",
    "z3",
    "sympy",
    "matplotlib",
)

Launch = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def launch(tmp_path: pathlib.Path) -> Launch:
    """Starts a launcher in a folder that has the lab as its `experiments`."""
    shutil.copytree(REPO / "tests/config/lab", tmp_path / "experiments", ignore=shutil.ignore_patterns("__pycache__"))

    def run(launcher: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return launching.launch(launcher, *arguments, cwd=tmp_path)

    return run


def test_change_ask_diff_and_explain(launch: Launch, tmp_path: pathlib.Path) -> None:
    """What the issue calls being tried as a new user would."""
    yesterday = tmp_path / "yesterday"
    yesterday.mkdir()
    (yesterday / "resolved.json").write_text(launch("inspect", "--experiment=layered", "--format=json").stdout)

    asked = launch(
        "inspect",
        "--experiment=layered",
        "--overlay=rates.fixed(rate=0.01)",
        "--blame",
        "--path=swarm.proxy.learning_rate",
    )
    assert asked.returncode == 0
    assert "0.01" in asked.stdout
    assert "<- experiments/overlays/rates.py:15 fixed, was 0.0015" in asked.stdout

    compared = launch("diff", "--left=yesterday", "--right=layered", "--right_overlay=rates.fixed(rate=0.01)")
    assert compared.returncode == 1
    assert "- swarm.proxy.learning_rate: 0.0015 → 0.01" in compared.stdout
    assert "right: experiments/overlays/rates.py:15 fixed" in compared.stdout

    explained = launch(
        "diff", "--left=yesterday", "--right=layered", "--right_overlay=rates.fixed(rate=0.01)", "--as_overlay"
    )
    assert explained.returncode == 0
    overlay = tmp_path / "experiments/overlays/explained.py"
    overlay.write_text(explained.stdout)
    applied = launch(
        "diff", "--left=layered", "--left_overlay=explained.left_to_right", "--right=layered",
        "--right_overlay=rates.fixed(rate=0.01)", "--profile=exact",
    )  # fmt: skip
    assert (applied.returncode, applied.stdout) == (
        0,
        "layered (left) and layered (right): exact holds: no differences\n",
    )

    preset = tmp_path / "experiments/presets/__init__.py"
    preset.write_text(preset.read_text().replace('limits={"web": 0.5},', "limits=dict(web=1 / 2),\n        steps=100,"))
    pairs = tmp_path / "pairs.toml"
    pairs.write_text('[[pair]]\nold = "yesterday"\nnew = "layered"\n')
    checked = launch("parity", "--pairs=pairs.toml", "--out=table.md")
    assert checked.returncode == 0
    assert "| yesterday | layered | pass | no differences |" in checked.stdout
    assert (tmp_path / "table.md").read_text() == checked.stdout
    preset.write_text(preset.read_text().replace("steps=100", "steps=101"))
    checked = launch("parity", "--pairs=pairs.toml")
    assert checked.returncode == 1
    assert "`swarm.proxy.steps`: 100 → 101 is forbidden" in checked.stdout


def test_inspect_in_every_format(launch: Launch, tmp_path: pathlib.Path) -> None:
    text = launch("inspect", "--experiment=layered", "--set=swarm.seed=1", "--graph=steps.svg")
    assert text.returncode == 0
    assert "  2. preset     presets.small" in text.stdout
    assert "  8. flag" not in text.stdout
    assert "  7. flag       --set=swarm.seed=1" in text.stdout
    assert "fingerprint of all semantic settings: " in text.stdout
    assert "\nswarm = <tests.config.targets:Swarm>\n" in text.stdout
    assert "#Resources" in text.stdout
    svg = (tmp_path / "steps.svg").read_text()
    assert svg.count("<rect") == 1 + 3
    assert svg.count("marker-end") == 2  # scan → swarm → laws
    document = yaml.safe_load(launch("inspect", "--experiment=layered", "--format=yaml").stdout)
    assert document["swarm"]["proxy"]["learning_rate"] == 0.0015
    flat = yaml.safe_load(
        launch("inspect", "--experiment=layered", "--format=yaml", "--blame", "--path=*.learning_rate").stdout
    )
    assert flat == {
        "swarm.proxy.learning_rate": {
            "value": 0.0015,
            "blame": {
                "before": "0.003",
                "kind": "overlay",
                "layer": "overlays.rates.low",
                "place": "experiments/overlays/rates.py:10 low",
            },
        }
    }


def test_flags_are_applied_in_the_order_in_which_they_were_typed(launch: Launch) -> None:
    def variants(*flags: str) -> str:
        return launch("inspect", "--experiment=plain", "--path=swarm.variants", *flags).stdout

    assert " 9" in variants("--overlay=laptop", "--set=swarm.variants=9")
    assert " 4" in variants("--set=swarm.variants=9", "--overlay=laptop")


def test_list(launch: Launch, tmp_path: pathlib.Path) -> None:
    (tmp_path / "experiments/broken.py").write_text('"""B."""\nimport nonsense\ndef experiment():\n    pass\n')
    listed = launch("list")
    assert listed.returncode == 0
    assert "broken        BROKEN: The experiment broken (experiments/broken.py) cannot be imported" in listed.stdout
    assert "plain         A small swarm finds what a large one finds.\n" in listed.stdout
    assert "base.scan → presets.small | CPU | no training" in listed.stdout
    assert launch("list", "--match=nested").stdout.count("|") == 2


def test_goldens_and_layers(launch: Launch) -> None:
    assert launch("goldens", "--folder=g").returncode == 0
    assert launch("goldens", "--folder=g", "--check").returncode == 0
    checked = launch("check_layers")
    assert checked.returncode == 1
    assert "layered has 6 layers" in checked.stdout


@pytest.mark.parametrize(
    ("launcher", "arguments", "words"),
    [
        ("inspect", [], "Say which experiment"),
        ("inspect", ["--experiment=layred"], "(nearest: layered)"),
        ("inspect", ["--experiment=plain", "--set=swarm.sed=1"], "(nearest: seed"),
        ("inspect", ["--experiment=plain", "--set=swarm.seed=x"], "swarm.seed is an int"),
        ("inspect", ["--experiment=plain", "--overlay=lapto"], "(nearest: laptop)"),
        ("inspect", ["--experiment=plain", "--overlay=low", "--overlay=fixed(rate=1)"], "Two overlays claim"),
        ("inspect", ["--experiment=plain", "--path=zebra"], "No path matches 'zebra'"),
        ("inspect", ["--experiment=plain", "--format=xml"], "format"),
        ("inspect", ["--experiment=plain", "--graph=no/such/folder.svg"], "cannot be written"),
        ("inspect", ["--experiment=experiments/overlays/../.."], "it has no resolved.json"),
        ("inspect", ["--experiment=none.json"], "There is no file none.json"),
        ("diff", ["--left=plain"], "--right=NAME"),
        ("diff", ["--left=plain", "--right=plian"], "--right: There is no experiment 'plian'"),
        ("diff", ["--left=plain", "--right=plain", "--profile=same"], "parity, exact, hardware"),
        ("parity", [], "--pairs=FILE"),
        ("parity", ["--pairs=none.toml"], "cannot be read"),
        ("list", ["--match=zebra"], "No experiment has 'zebra'"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_2(launch: Launch, launcher: str, arguments: list[str], words: str) -> None:
    done = launch(launcher, *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("flag", ["--help", "-help", "--helpfull"])
def test_who_asks_for_help_made_no_mistake(launch: Launch, flag: str) -> None:
    done = launch("list", flag)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--match" in done.stdout


def test_the_store_may_lie_at_home(tmp_path: pathlib.Path) -> None:
    """A shell does not expand a tilde behind an equals sign."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "launchers.run",
            "--experiment=quickstart",
            "--store=~/kept",
            "--dry_run",
            "--until=scan",
        ],
        cwd=REPO,
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert f"    {tmp_path}/kept/artifacts/scan-" in done.stdout


def test_nothing_heavy_is_imported() -> None:
    """Starting a launcher must take well under a second."""
    launchers = ("inspect", "diff", "list", "parity", "goldens", "check_layers")
    code = (
        "import importlib, os, sys\n"
        f"for launcher in {launchers!r}:\n"
        "    if os.fork() == 0:\n"  # Each in a process of its own: their flags have the same names.
        "        importlib.import_module(f'launchers.{launcher}')\n"
        f"        print(launcher, [name for name in {HEAVY!r} if name in sys.modules])\n"
        "        sys.exit()\n"
        "    assert os.wait()[1] == 0\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"{launcher} []" for launcher in launchers]


def test_resolving_real_experiments_imports_nothing_heavy() -> None:
    """Whatever experiments the repository has: listing them all imports no engine."""
    code = (
        "import sys; from olmix.config import catalogue; broken = [e.error for e in catalogue.entries() if e.error]; "
        f"print(broken, [name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] []"
