"""Every published config: imported, proven, readable, and with the meaning that a third reading gives it."""

from __future__ import annotations

import math
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest
import yaml

from launchers.import_yaml import PRESETS
from olmix.config import experiments
from olmix.data.scan_result import ScanResult
from olmix.importing import load, translate, write_module
from olmix.mix.reuse_steps import ReusedLimits
from olmix.mixture_run import MixtureRun
from tests import shared_data
from tests.fake_context import FakeContext
from tests.importing import imports


def files(kind: str) -> list[str]:
    root = shared_data.find()
    folder = None if root is None else root / "olmix_configs"
    found = [] if folder is None else [f for f in folder.rglob("*.yaml") if kind in f.relative_to(folder).parts]
    return sorted(str(f.relative_to(folder)) for f in found) or ["absent"]


def path(file: str) -> pathlib.Path:
    return shared_data.shared_data("olmix_configs", file)


def shares(mix: dict) -> dict[str, float]:
    """Leaf -> share: all products of weights along a path, over their sum."""
    flat = {}
    for line in walk(mix, (), ()):
        flat[":".join(line[0])] = math.prod(line[1])
    total = math.fsum(flat.values())
    return {leaf: weight / total for leaf, weight in flat.items() if weight}


def walk(node: dict, names: tuple, weights: tuple):
    below = {name: child for name, child in node.items() if isinstance(child, dict)}
    if not below:
        yield names, weights
    for name, child in below.items():
        yield from walk(child, (*names, name), (*weights, child["weight"]))


@pytest.mark.parametrize("file", files("launch"))
def test_a_launch_config_is_a_run_with_its_mixture(file, tmp_path):
    done = imports.run(tmp_path, path(file))
    root = imports.root_of(done)
    assert isinstance(root, MixtureRun)
    said = yaml.safe_load(path(file).read_text())
    expected = shares(said["mix"])
    found = root.scan.tree.mixture({})
    assert found.keys() == expected.keys()
    for leaf, share in expected.items():
        assert found[leaf] == pytest.approx(share, rel=1e-5), leaf
    steps = root.train.proxy
    assert steps.model == said["training"]["proxy_model_id"]
    assert steps.chinchilla_multiple == said["training"]["chinchilla_multiple"]
    assert root.train.seed == said["training"]["seed"]
    assert set(steps.tasks.names) == {task for family in said["eval"]["tasks"].values() for task in family}
    assert [item.path for item in done.translation.listed if not item.carried] == [
        f"infra.{key}" for key in ("budget", "workspace", "cluster", "priority")
    ]
    assert len(done.text.splitlines()) < 130


@pytest.mark.parametrize("file", files("generate"))
def test_a_generate_config_is_a_search_whose_design_can_be_drawn(file, tmp_path):
    done = imports.run(tmp_path, path(file))
    root = imports.root_of(done)
    said = yaml.safe_load(path(file).read_text())
    counts = said["priors"]["token_counts"]
    leaves = [leaf.name for leaf in root.scan.tree.leaves()]
    tokens = {leaf: counts.get(leaf) or counts[f"dclm:{leaf}"] for leaf in leaves}
    context = FakeContext(tmp_path)
    context.results[id(root.scan)] = ScanResult(
        tokens=tokens, prior={}, mixture={}, repetition_limits=root.scan.tree.repetition_limits(), held_out={}, digest="",
        dtype="uint32", files=1, bytes=1,
    )  # fmt: skip
    for step in reversed(chain(root.limits)):
        context.results[id(step)] = step.run(context)
    if "2_add" in file or "3_revise" in file:
        return  # Drawing from these two takes ten seconds each.
    drawn = root.design.run(context)
    weights = np.array(drawn.weights)
    assert weights.shape == (said["swarm"]["variants"], len(leaves))
    assert np.allclose(weights.sum(1), 1)
    cap = np.array([min(1.0, 5 * tokens[leaf] / said["max_tokens"]) for leaf in drawn.leaves])
    assert (weights <= cap + 1e-6).all()
    for source in said["data"]["sources"]:
        fixed = {f"{source['name']}:{t['name']}": t["weight"] for t in source.get("topics", ()) if "weight" in t}
        if fixed:
            inside = weights[:, [drawn.leaves.index(leaf) for leaf in fixed]]
            whole = inside.sum(1, keepdims=True)
            within = np.array(list(fixed.values())) / math.fsum(fixed.values())
            assert np.allclose(inside, whole * within, atol=1e-9)
            assert root.limits.name == source["name"]


@pytest.mark.parametrize("file", files("fit"))
def test_a_fit_config_is_laws_and_a_proposal_within_its_caps(file, tmp_path):
    root = imports.root_of(imports.run(tmp_path, path(file)))
    said = yaml.safe_load(path(file).read_text())
    counts = said["priors"].get("token_counts") or said["token_counts"]
    sizes = said["priors"]["relative_sizes"]
    assert root.scan.tokens == counts
    assert root.scan.prior == pytest.approx({name: size / math.fsum(sizes.values()) for name, size in sizes.items()})
    limited = said["constraints"]["enabled"]
    assert root.limits.target_tokens == (said["constraints"]["target_tokens"] if limited else None)
    assert root.limits.repetition_limit == (said["constraints"]["repetition_factor"] if limited else None)
    assert root.proposal.kl == said["proposer"]["kl_reg"]
    if "eval" in said:
        dropped = set(said["filtering"]["drop_metrics"])
        expected = {family: [t for t in tasks if t not in dropped] for family, tasks in said["eval"]["tasks"].items()}
        assert {family: list(members) for family, members in root.laws.runs.families.items()} == expected
        assert root.proposal.objective == pytest.approx({"math": 7 / 52, "code": 19 / 52, "qa": 26 / 52})
    else:
        assert set(root.swarm.drop_metrics) == set(said["filtering"]["drop_metrics"])
    if said["regression"]["train_split"] == 64:
        assert (root.laws.runs.count, root.laws.runs.runs) == (64, root.swarm)


def chain(limits) -> list:
    return [limits, *(chain(limits.limits) if isinstance(limits, ReusedLimits) else [])]


def test_a_prior_without_the_leaves_of_the_data_is_listed_and_not_guessed(tmp_path):
    done = imports.run(tmp_path, path("mixture_reuse_case_study/generate/0_dclm.yaml"))
    listed = {item.path: item for item in done.translation.listed}
    assert imports.root_of(done).limits.prior == {}
    for key in ("relative_sizes", "token_counts"):
        assert not listed[f"priors.{key}"].carried
        assert "24 of 24 leaves" in listed[f"priors.{key}"].reason


def test_imported_runs_are_in_parity_with_the_catalogue(tmp_path):
    pairs = {
        "data_proportions/mix_baseline.yaml": "data_proportions.baseline",
        "data_proportions/mix_heavy_code.yaml": "data_proportions.heavy_code",
        "training_duration/duration_2.5x.yaml": "training_duration.two_and_a_half",
    }
    for file, ours in pairs.items():
        root = imports.root_of(imports.run(tmp_path, path(f"launch/{file}")))
        catalogue = experiments.resolve(ours).build()
        assert root.scan.tree.canonical_meaning() == catalogue.scan.tree.canonical_meaning()
        assert dict(vars(root.train.proxy), evaluate_tokens=None) == vars(catalogue.train.proxy)
        assert root.train.each_needs == catalogue.train.each_needs


def test_texts_are_the_same_every_time_and_as_the_formatter_wants_them(tmp_path):
    root = path("launch").parent
    for file in sorted(root.rglob("*.yaml")):
        config = load(file)
        text = write_module(translate(config), PRESETS)
        assert text == write_module(translate(load(file)), PRESETS)
        name = re.sub(r"\W", "_", str(file.relative_to(root).with_suffix("")))
        (tmp_path / f"{name}.py").write_text(text)
    settings = pathlib.Path(__file__).parents[2] / "pyproject.toml"
    for command in (("format", "--check"), ("check", "--ignore=E501")):
        ruff = [sys.executable, "-m", "ruff", *command, f"--config={settings}", str(tmp_path)]
        ran = subprocess.run(ruff, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
