"""Random trees, through YAML and the written module and back: the same share for every leaf."""

from __future__ import annotations

import math
import pathlib
import tempfile

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from launchers.import_yaml import PRESETS
from olmix.importing import load, translate, write_module
from olmix.importing.importer import resolved
from olmix.importing.prove import prove

NAMES = st.text("abcxyz019-_.", min_size=1, max_size=6).filter(lambda n: n.strip("-_.") == n and n)
WEIGHTS = st.one_of(st.just(0.0), st.floats(0.001, 9.0).map(lambda w: round(w, 4)))
LIMITS = st.one_of(st.none(), st.sampled_from([1.0, 1.5, 2.0, 4.0]))


@st.composite
def configs(draw):
    """A launch config with a mix, nested or flat, and the shares that it means, computed beside it."""
    leaves = {}

    def node(kind: str, name: str, above: str, weight: float, limit: float):
        """The node in the data, and in the mix."""
        full = f"{above}:{name}" if above else name
        mine, own = draw(WEIGHTS), draw(LIMITS)
        share = {"weight": mine} | ({} if own is None else {"repetition_factor": own})
        inside = draw(
            st.sampled_from({"sources": ["", "topics", "quality"], "topics": ["", "quality"]}.get(kind, [""]))
        )
        if not inside:
            files = [f"s3://bucket/{above}/{name}/{n}/{{0001..0020}}/*.npy" for n in range(draw(st.integers(1, 2)))]
            leaves[full] = (weight * mine, own or limit)
            return {"name": name, "paths": files}, share
        parts = {
            child: node(inside, child, full, weight * mine, own or limit)
            for child in draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
        }
        return {"name": name, inside: [data for data, _ in parts.values()]}, share | {
            n: m for n, (_, m) in parts.items()
        }

    names = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    nodes = {name: node("sources", name, "", 1.0, 1.0) for name in names}
    mix = {name: share for name, (_, share) in nodes.items()}
    if draw(st.booleans()):
        mix = {leaf: {"weight": weight, "repetition_factor": limit} for leaf, (weight, limit) in leaves.items()}
    training = {"proxy_model_id": "olmo3_14m", "tokenizer": "dolma2", "chinchilla_multiple": 0.5, "seed": 1}
    sources = draw(st.permutations([data for data, _ in nodes.values()]))
    return {"name": "random", "training": training, "data": {"sources": sources}, "mix": mix}, leaves


@given(configs())
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
def test_a_random_mixture_means_the_same(case):
    config, leaves = case
    total = math.fsum(weight for weight, _ in leaves.values())
    if total == 0:
        return
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "random.yaml"
        file.write_text(yaml.safe_dump(config, sort_keys=False))
        translation = translate(load(file))
        root = resolved(write_module(translation, PRESETS), "made")
        proof = prove(file, root, "run", translation.listed)
    assert proof.holds, proof.differences()
    mixture = root.scan.tree.mixture({})
    expected = {leaf: weight / total for leaf, (weight, _) in leaves.items() if weight > 0}
    assert mixture.keys() == expected.keys()
    for leaf, share in expected.items():
        assert mixture[leaf] == pytest.approx(share, rel=1e-5)
    limits = root.scan.tree.repetition_limits()
    assert limits == {leaf: leaves[leaf][1] for leaf in expected}
