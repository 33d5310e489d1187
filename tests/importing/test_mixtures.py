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
    sources, mix, leaves = [], {}, {}
    for name in draw(st.lists(NAMES, min_size=1, max_size=3, unique=True)):
        kind = draw(st.sampled_from(["paths", "topics", "quality"]))
        weight, limit = draw(WEIGHTS), draw(LIMITS)
        node, share = {"name": name}, {"weight": weight} | ({} if limit is None else {"repetition_factor": limit})
        sources.append(node)
        mix[name] = share
        if kind == "paths":
            node["paths"] = [f"s3://b/{name}/*.npy"]
            leaves[name] = (weight, limit or 1.0)
            continue
        node[kind] = []
        for child in draw(st.lists(NAMES.filter(lambda n: n not in ("weight",)), min_size=1, max_size=3, unique=True)):
            below, inner = draw(WEIGHTS), draw(LIMITS)
            node[kind].append(
                {"name": child, "paths": [f"s3://b/{name}/{child}/{n}.npy" for n in range(draw(st.integers(1, 2)))]}
            )
            share[child] = {"weight": below} | ({} if inner is None else {"repetition_factor": inner})
            leaves[f"{name}:{child}"] = (weight * below, inner or limit or 1.0)
    if draw(st.booleans()):
        mix = {leaf: {"weight": weight, "repetition_factor": limit} for leaf, (weight, limit) in leaves.items()}
    training = {"proxy_model_id": "olmo3_14m", "tokenizer": "dolma2", "chinchilla_multiple": 0.5, "seed": 1}
    return {"name": "random", "training": training, "data": {"sources": sources}, "mix": mix}, leaves


@given(configs())
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
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
