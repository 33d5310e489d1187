"""The catalogue against the reference's files: the same leaves, shares, paths, limits, model, tokens, batch, seed, tasks."""

from __future__ import annotations

import math
import pathlib
import re
import subprocess
import sys

import fiddle as fdl
import pytest
import yaml

from olmix.config import catalogue, experiments
from olmix.data.tree import Tree
from olmix.mixture_run import MixtureRun
from olmix.train.mixture import MixturePlan, TrainMixture
from olmix.train.recipe import resolve
from tests import shared_data

DURATIONS = {"0.5": "half", "2.5": "two_and_a_half", "5.0": "five"}
#: The reference writes the weights of each of three levels with six decimals.
ROUNDING = 1.5e-6


def reference_files() -> list[str]:
    root = shared_data.find()
    if root is None or not (root / "olmix_configs/launch").is_dir():
        return []
    folder = root / "olmix_configs/launch"
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*.yaml"))


def ours(file: str) -> str:
    """The experiment that a reference file corresponds to."""
    family, *rest = pathlib.PurePosixPath(file).with_suffix("").parts
    name = "_".join(rest).removeprefix("mix_")
    if family == "training_duration":
        name = DURATIONS[re.fullmatch(r"duration_(.+)x", name)[1]]
    return f"{family}.{name}"


def shares(mix: dict, above: str = "", whole: float = 1.0, limit: float = 1.0) -> dict[str, tuple[float, float]]:
    """Leaf -> (share of all tokens, repetition limit) of a reference's nested mix."""
    nodes = {name: node for name, node in mix.items() if isinstance(node, dict)}
    total = math.fsum(node["weight"] for node in nodes.values())
    found = {}
    for name, node in nodes.items():
        leaf, share = f"{above}{name}", whole * node["weight"] / total
        times = node.get("repetition_factor", limit)
        if any(isinstance(child, dict) for child in node.values()):
            found |= shares(node, f"{leaf}:", share, times)
        else:
            found[leaf] = (share, times)
    return {leaf: pair for leaf, pair in found.items() if pair[0] > 0}


def paths(nodes: list, above: str = "") -> dict[str, set[str]]:
    """Leaf -> paths of a reference's data."""
    found = {}
    for node in nodes:
        below = node.get("topics") or node.get("quality")
        name = f"{above}{node['name']}"
        found |= paths(below, f"{name}:") if below else {name: set(node["paths"])}
    return found


@pytest.mark.skipif(not reference_files(), reason="shared data absent: olmix_configs/launch")
@pytest.mark.parametrize("file", reference_files())
def test_an_experiment_means_what_the_reference_file_means(file):
    reference = yaml.safe_load(shared_data.shared_data("olmix_configs", "launch", *file.split("/")).read_text())
    run = experiments.resolve(ours(file)).build()
    assert isinstance(run, MixtureRun)
    tree: Tree = run.scan.tree
    meaning = tree.canonical_meaning()
    wanted, files = shares(reference["mix"]), paths(reference["data"]["sources"])
    assert meaning.keys() == wanted.keys()
    assert {leaf.name for leaf in tree.leaves(with_zero=True)} == files.keys()
    for leaf, (share, limit) in wanted.items():
        assert meaning[leaf]["share"] == pytest.approx(share, abs=ROUNDING), leaf
        assert meaning[leaf]["by_tokens_within"] == (), leaf
        assert meaning[leaf]["repetition_limit"] == limit, leaf
        assert set(meaning[leaf]["paths"]) == files[leaf], leaf
    for leaf in ("arxiv", "wikipedia"):  # So small that the rounding of the others would hide them.
        assert meaning[leaf]["share"] == pytest.approx(wanted[leaf][0], rel=1e-5)
    training, train = reference["training"], run.train
    assert isinstance(train, TrainMixture)
    proxy, plan = train.proxy, resolve(train.proxy)
    assert isinstance(run.plan, MixturePlan)
    assert run.plan.proxy is proxy
    assert proxy.model == training["proxy_model_id"]
    assert proxy.chinchilla_multiple == training["chinchilla_multiple"]
    assert plan.declared_tokens == int(20 * 14_000_000 * training["chinchilla_multiple"])
    assert (plan.batch, plan.length) == (training["global_batch_size"], 8192)
    assert train.seed == training["seed"]
    assert train.each_needs.gpus == reference["infra"]["gpus"] * reference["infra"]["nodes"]
    assert {family: set(names) for family, names in reference["eval"]["tasks"].items()} == {
        family: set(names) for family, names in proxy.tasks.families.items()
    }
    assert set(proxy.tasks.names) == {name for names in proxy.tasks.families.values() for name in names}


def test_every_reference_file_has_its_experiment():
    shared_data.shared_data("olmix_configs", "launch")
    assert {ours(file) for file in reference_files()} <= set(experiments.names())
    assert len(reference_files()) >= 27


def test_what_the_reference_has_no_file_for_follows_its_rule():
    for percent, arxiv in ((10, 5.2e-5), (30, 2.1e-5), (50, 1.2e-5), (70, 8e-6)):
        science = experiments.resolve(f"quality_thresholds.heavy_science_top{percent}pct").build().scan.tree
        code = experiments.resolve(f"quality_thresholds.heavy_code_top{percent}pct").build().scan.tree
        ours_, others = science.canonical_meaning(), code.canonical_meaning()
        assert ours_.keys() == others.keys()
        swapped = {
            "science_math_and_technology": "software_development",
            "software_development": "science_math_and_technology",
        }
        for leaf, meaning in ours_.items():
            source, *rest = leaf.split(":")
            other = ":".join([source, *(swapped.get(part, part) for part in rest)])
            assert meaning["share"] == others[other]["share"], leaf
        assert ours_["arxiv"]["share"] == pytest.approx(arxiv)


def test_equal_topics_share_equally_and_everything_has_all_vigintiles_that_exist():
    meaning = experiments.resolve("quality_thresholds.equal_top100pct").build().scan.tree.canonical_meaning()
    web = {leaf: row["share"] for leaf, row in meaning.items() if leaf.startswith("all_dressed:")}
    assert len(web) == 6 * 19
    assert max(web.values()) == pytest.approx(min(web.values()))
    assert not any("vigintile_0019" in leaf for leaf in web)


def test_the_list_shows_how_many_tokens_each_trains_on():
    tokens = {entry.name: entry.tokens for entry in catalogue.entries()}
    batch = 16 * 8192
    for name, count in {
        "training_duration.half": 140_000_000,
        "training_duration.two_and_a_half": 700_000_000,
        "training_duration.five": 1_400_000_000,
        "verify_tokens.tokens_140m": 140_000_000,
        "verify_tokens.tokens_700m": 700_000_000,
        "verify_tokens.tokens_1400m": 1_400_000_000,
        "quality_upsampling.heavy_code_aggressive": 140_000_000,
    }.items():
        assert tokens[name] == count // batch * batch, name


def test_the_catalogue_is_imported_without_anything_heavy():
    names = [name for name in experiments.names() if name.startswith(("quality_", "data_", "training_", "verify_"))]
    assert len(names) >= 30
    code = "import importlib, sys\n" + "".join(
        f"importlib.import_module('experiments.{n}').experiment()\n" for n in names
    )
    heavy = "sorted({'torch', 'ray', 'transformers', 'pandas', 'sklearn', 'pyarrow', 'obstore'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", f"{code}print({heavy})"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_readmes_example_is_an_experiment():
    text = (pathlib.Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (block,) = (part for part in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "topics.heavy_science" in part)
    names: dict = {}
    exec(compile(block, "README.md", "exec"), names)
    meaning = fdl.build(names["experiment"]()).scan.tree.canonical_meaning()
    assert len(meaning) == 6 * 3 + 2
    assert meaning["all_dressed:science_math_and_technology:vigintile_0017"]["share"] == pytest.approx(
        0.98 * 50 / 98 / 3
    )
    assert meaning["wikipedia"]["share"] == pytest.approx(0.01)


def test_every_experiment_of_the_catalogue_fits_on_a_screen():
    root = pathlib.Path(experiments.__file__).parents[2] / "experiments"
    families = ("quality_*", "data_proportions", "training_duration", "verify_tokens", "constraints", "mixture_reuse")
    files = [file for family in families for folder in root.glob(family) for file in folder.glob("*.py")]
    modules = [file for file in files if "def experiment(" in file.read_text()]
    assert len(modules) >= 44
    assert max(len(file.read_text().splitlines()) for file in modules) <= 30
