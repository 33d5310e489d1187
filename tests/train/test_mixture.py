"""One run on a declared mixture: planned to the token, counted to the token, refused where the data cannot supply it."""

from __future__ import annotations

import dataclasses
import fractions

import pytest

from olmix.data.scan_result import ScanResult
from olmix.data.steps import Scan
from olmix.data.tree import Source, Tree
from olmix.errors import UserError
from olmix.report.mixture_run import MixtureReport, compare
from olmix.train.mixture import MixturePlan, TrainMixture
from olmix.train.planner import training_budget
from olmix.train.settings import Proxy
from tests.train import corpus, toys
from tests.train.corpus import graph  # noqa: F401 (a fixture)

WEIGHTS = {"up": 70, "down": 30, "noise": 0}


def scanned(root, weights=WEIGHTS, limit=4.0) -> Scan:
    sources = tuple(
        Source(name=name, paths=(f"{root}/{name}/*.npy",), weight=weight, repetition_limit=limit)
        for name, weight in weights.items()
    )
    return Scan(tree=Tree(sources=sources))


def steps(root, proxy=None, weights=WEIGHTS, limit=4.0, **target) -> tuple[MixturePlan, TrainMixture, MixtureReport]:
    scan = scanned(root, weights, limit)
    proxy = proxy or toys.proxy()
    plan = MixturePlan(scan=scan, proxy=proxy, **target)
    train = TrainMixture(scan=scan, plan=plan, proxy=proxy, seed=3)
    return plan, train, MixtureReport(plan=plan, train=train)


def test_the_trainer_counts_what_was_declared_to_the_token_and_per_leaf(tmp_path, graph):  # noqa: F811
    corpus.write(tmp_path)
    proxy = toys.proxy(tokens=31 * 128 + 77)
    plan, train, report = steps(tmp_path, proxy)
    planned, trained, found = graph.read(plan), graph.read(train), graph.read(report)
    assert trained.tokens == planned.training.tokens == 31 * 128
    assert trained.declared_tokens == 31 * 128 + 77
    assert "rounded down to 31 global batches of 8 × 16 tokens" in planned.training.computed
    # Independently of the order's own arithmetic: 70 to 30 of 248 sequences, none more than a sequence off.
    assert set(trained.tokens_per_leaf) == {"up", "down"}
    assert sum(trained.tokens_per_leaf.values()) == 31 * 128
    for leaf, share in (("up", fractions.Fraction(7, 10)), ("down", fractions.Fraction(3, 10))):
        assert abs(trained.tokens_per_leaf[leaf] - share * 31 * 128) < 16
        assert trained.tokens_per_leaf[leaf] % 16 == 0
    assert {row.leaf: row.drawn for row in planned.leaves} == trained.tokens_per_leaf
    assert found.verified
    assert "exactly 3,968 tokens" in found.sentence
    assert "4,045 were asked for, and 77 of them" in found.sentence
    assert {row.leaf: row.counted for row in found.rows} == trained.tokens_per_leaf
    page = (graph.folder(report) / found.page).read_text()
    assert "counted: every token as planned" in page
    assert all(f"{count:,}" in page for count in trained.tokens_per_leaf.values())
    assert "<script" not in page
    assert all(row.bpb is not None and row.repetition <= row.limit for row in found.rows)


def test_a_run_that_read_something_else_than_planned_is_a_failure(tmp_path, graph):  # noqa: F811
    corpus.write(tmp_path)
    plan, train, _ = steps(tmp_path)
    planned, trained = graph.read(plan), graph.read(train)
    moved = {
        **trained.tokens_per_leaf,
        "up": trained.tokens_per_leaf["up"] - 16,
        "down": trained.tokens_per_leaf["down"] + 16,
    }
    with pytest.raises(RuntimeError, match="up: 2,672 for 2,688"):
        compare(planned, dataclasses.replace(trained, tokens_per_leaf=moved))
    stopped = dataclasses.replace(
        trained, status="diverged", reason="its loss became NaN", metrics={}, tokens_per_leaf=moved
    )
    assert not compare(planned, stopped).verified


def test_the_run_is_the_same_artifact_as_a_swarms_on_that_mixture(tmp_path, graph):  # noqa: F811
    corpus.write(tmp_path)
    _, train, _ = steps(tmp_path)
    piece = train.piece(graph)
    assert piece.mixture == {"up": 0.7, "down": 0.3}
    assert piece.seed == 3
    assert train.training_tokens() == 30 * 128


def test_more_training_tokens_than_there_are_name_the_leaf_and_what_is_possible(tmp_path, graph):  # noqa: F811
    corpus.write(tmp_path, tokens=8000)
    plan, _, _ = steps(tmp_path, toys.proxy(tokens=100 * 128), limit=1.0)
    with pytest.raises(UserError) as caught:
        graph.read(plan)
    # 8000 tokens are 70 % of 11,428: 89 whole batches of 128.
    assert "up would be read 1.12 times of at most 1 (8,960 tokens from the 8,000 it has)" in str(caught.value)
    assert f"the longest run that it can supply is {89 * 128:,} tokens" in str(caught.value).lower()
    longest, _, _ = steps(tmp_path, toys.proxy(tokens=89 * 128), limit=1.0)
    assert all(row.repetition <= 1.0 for row in graph.read(longest).leaves)


def test_a_final_run_that_cannot_be_supplied_is_forecast_and_refused(tmp_path, graph):  # noqa: F811
    corpus.write(tmp_path, tokens=8000)
    plan, train, _ = steps(tmp_path, target_tokens=100_000)
    said = "\n".join(plan.forecast(graph))
    # 70,000 tokens read at most four times are 17,500; 30,000 are 7,500, and 8,000 are there.
    assert "up must hold 17,500 tokens and has 8,000 (9,500 short)" in said
    assert "largest final run of this mixture: 45,714 tokens" in said
    with pytest.raises(UserError, match="largest safe final run in this mixture is 45,714 tokens"):
        train.pieces(graph)
    _, enough, _ = steps(tmp_path, target_tokens=45_714)
    assert list(enough.pieces(graph)) == ["proxy"]


def test_a_target_in_chinchilla_multiples_needs_its_model():
    scan = Scan(tree=Tree(sources=(Source(name="a", paths=("/a",)),)))
    with pytest.raises(UserError, match="needs target_model"):
        MixturePlan(scan=scan, proxy=toys.proxy(), target_chinchilla_multiple=20.0)
    target = MixturePlan(
        scan=scan, proxy=toys.proxy(), target_chinchilla_multiple=20.0, target_model="olmo2_7b"
    ).target()
    assert target is not None
    assert target.tokens == 2_800_000_000_000


def test_the_reference_budget_is_rounded_to_whole_batches_and_says_so():
    proxy = Proxy(
        model="olmo3_14m", vocabulary=100_278, sequence_length=8192, batch_tokens=16 * 8192, chinchilla_multiple=0.5
    )
    budget = training_budget(proxy)
    assert budget.tokens == 1068 * 131_072
    assert budget.computed == (
        "0.5 × 20 × 14,000,000 (olmo3_14m) = 140,000,000, rounded down to 1,068 global batches of 16 × 8,192 tokens"
    )
    assert budget.model == "olmo3_14m"


def test_a_mixture_given_by_hand_replaces_the_trees(tmp_path, graph):  # noqa: F811
    corpus.write(tmp_path)
    plan, _, _ = steps(tmp_path, mixture={"up": 0.25, "down": 0.75})
    scan: ScanResult = graph.read(plan.scan)
    assert scan.mixture == {"up": 0.7, "down": 0.3}
    assert {row.leaf: row.weight for row in graph.read(plan).leaves} == {"up": 0.25, "down": 0.75}
    wrong, _, _ = steps(tmp_path, mixture={"upp": 1.0})
    with pytest.raises(UserError, match="unknown leaf 'upp' \\(nearest: up"):
        graph.read(wrong)
