"""The catalogue without its buckets: one sentence at once, or the same tree on a laptop, counted to the token."""

from __future__ import annotations

import fractions
import os
import pathlib
import time

import fiddle as fdl
import numpy as np
import pytest

from experiments.overlays import laptop
from olmix.config import experiments
from olmix.config.overrides import Override
from olmix.errors import UserError
from olmix.graph.step import Step
from tests.launching import launch
from tests.patience import patience
from tests.train import corpus, toys
from tests.train.corpus import graph  # noqa: F401 (a fixture)

OVERLAY = Override("overlay", "experiments.overlays.laptop")
RUNS = [n for n in experiments.names() if n.startswith(("quality_", "data_proportions", "training_", "verify_"))]
LEAVES = {*laptop._NAMES.values()}


@pytest.mark.parametrize("name", RUNS)
def test_the_laptop_keeps_the_tree_and_changes_where_its_files_are(name):
    there, here = experiments.resolve(name).build(), experiments.resolve(name, [OVERLAY]).build()
    asked, given = there.scan.tree.canonical_meaning(), here.scan.tree.canonical_meaning()
    assert asked.keys() == given.keys()
    for leaf, meaning in given.items():
        assert {**meaning, "paths": ()} == {**asked[leaf], "paths": ()}
        for path in meaning["paths"]:
            folder = path.split("/")
            assert (folder[0] if folder[0] != "all_dressed" else ":".join(folder[:2])) in LEAVES
    assert here.train.proxy.tokens * 1000 == pytest.approx(20 * 14e6 * _multiple(there), rel=1e-9)
    assert here.train.each_needs.gpus == 0
    assert here.scan.corpus is here.corpus
    assert here.plan.proxy is here.train.proxy


def _multiple(run) -> float:
    proxy = run.train.proxy
    return proxy.chinchilla_multiple or proxy.tokens / (20 * 14e6)


def test_a_tree_of_ones_own_has_no_text_on_the_laptop():
    cfg = experiments.resolve("quality_thresholds.equal_top10pct").config
    cfg.scan.tree.sources[1].paths = ("s3://mine/papers/*.npy",)
    with pytest.raises(UserError, match="not for arxiv"):
        laptop.laptop(cfg)
    with pytest.raises(UserError, match="single runs"):
        laptop.laptop(experiments.resolve("quickstart").config)


def nobody() -> dict[str, str]:
    """An environment without credentials, and without a way to any of the cloud."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "GOOGLE_", "AZURE_"))}
    return {**kept, "HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true"}


@pytest.mark.parametrize("flags", [[], ["--dry_run"]])
def test_without_access_the_canonical_command_fails_at_once_in_a_sentence_that_names_the_overlay(tmp_path, flags):
    name = "experiments.quality_upsampling.heavy_code_aggressive"
    began = time.monotonic()
    done = launch("run", f"--experiment={name}", f"--store={tmp_path}/runs", *flags, env=nobody())
    assert time.monotonic() - began < patience(20)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    (sentence,) = done.stderr.strip().splitlines()
    assert "s3://ai2-llm/" in sentence
    assert "cannot be listed" in sentence
    assert "with --overlay=experiments.overlays.laptop. (scan.tree: experiments" in sentence
    if flags:  # What does not depend on the data is shown all the same.
        assert "training: 139,984,896 tokens = 0.5 × 20 × 14,000,000 (olmo3_14m) = 140,000,000" in done.stdout


def write(folder: pathlib.Path, run) -> None:
    """Token files for every leaf of a laptop run, of just enough tokens for it."""
    rng = np.random.default_rng(0)
    for number, leaf in enumerate(run.scan.tree.leaves(with_zero=True)):
        for path in leaf.paths:
            place = folder / path.replace("*/*.npy", "vigintile_0020/*.npy").removesuffix("*.npy")
            place.mkdir(parents=True)
            rng.integers(0, toys.VOCABULARY, 9000 + 16 * number).astype("<u2").tofile(place / "part-00000.npy")
            rng.integers(0, toys.VOCABULARY, 64).astype("<u2").tofile(place / "held_out.bin")
            (place / "leaf.json").write_text('{"held_out": {"tokens": 64, "bytes": 128, "documents": 1}}')


def small(name: str) -> fdl.Config:
    """A laptop run with a model of a few thousand parameters and a tenth of the tokens."""
    cfg = experiments.resolve(name, [OVERLAY]).config
    proxy = cfg.train.proxy
    for field, value in {"tokens": proxy.tokens // 10, "batch_tokens": 256, "sequence_length": 16}.items():
        setattr(proxy, field, value)
    proxy.warmup_tokens, proxy.model, proxy.vocabulary, proxy.tokenizer = 512, toys.TINY, toys.VOCABULARY, None
    proxy.held_out_tokens = None
    return cfg


@pytest.mark.parametrize("name", ["verify_tokens.tokens_140m", "quality_upsampling.heavy_code_aggressive"])
def test_verified_tokens_end_to_end(tmp_path, graph, name):  # noqa: F811
    run = fdl.build(small(name))
    write(tmp_path / "corpus", run)
    given: Step = run.corpus
    graph.done.append((given, tmp_path / "corpus"))
    report = graph.read(run.report)
    trained = graph.read(run.train)
    whole = 14_000 // 256 * 256
    assert report.verified
    assert trained.tokens == whole == sum(trained.tokens_per_leaf.values())
    assert f"exactly {whole:,} tokens" in report.sentence
    assert f"{14_000 - whole} of them do not fill a global batch" in report.sentence
    for leaf, meaning in run.scan.tree.canonical_meaning().items():
        exact = fractions.Fraction(meaning["share"]).limit_denominator(10**12) * whole
        assert abs(trained.tokens_per_leaf.get(leaf, 0) - exact) < 16, leaf
    left_out = {leaf.name for leaf in run.scan.tree.leaves(with_zero=True)} - {row.leaf for row in report.rows}
    assert left_out == {leaf.name for leaf in run.scan.tree.leaves(with_zero=True) if leaf.name.endswith(":low")}
    shown = corpus.plain(report)["rows"]
    assert {row["leaf"]: row["planned"] for row in shown} == {row["leaf"]: row["counted"] for row in shown}
