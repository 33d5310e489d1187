"""Mixture reuse through the kinds of change: added, removed, revised, partitioned; full and partial."""

from __future__ import annotations

import dataclasses
import types

import numpy as np
import pytest

from olmix.errors import UserError
from olmix.graph.step import Step
from olmix.mix.limits import feasible_set
from olmix.mix.reuse import Changes, changes, collapse_runs, freeze, pool
from olmix.mix.reuse_steps import ReusedLimits, ReusedRuns
from olmix.mix.runs import RunTable
from olmix.mix.steps import Design
from tests.fake_context import FakeContext

OLD = {"web:a": 0.5, "web:b": 0.2, "pdf": 0.2, "wiki": 0.1, "unused": 0.0}
TOKENS = {"web:a": 900, "web:b": 400, "pdf": 300, "wiki": 100, "unused": 50, "code": 500}


def today(**more):
    return feasible_set(TOKENS, target_tokens=1000, repetition_limit=2, **more)


def test_changes_of_every_kind():
    then = {"a": 1, "b": 2, "pdf": 3, "gone": 4, "a2": 5}
    now = {"a": 1, "b": 9, "pdf:law": 3, "pdf:art": 1, "new": 7, "a2": 5}
    found = changes(then, now)
    assert found == Changes(
        kept=("a", "a2"),
        revised=("b",),
        added=("new",),
        removed=("gone",),
        partitioned={"pdf": ("pdf:law", "pdf:art")},
    )
    assert "partitioned: pdf into pdf:law, pdf:art" in str(found)


def test_full_reuse_freezes_ratios_and_caps_at_the_scarcest_part():
    reused = freeze(today(), OLD)
    assert reused.leaves == ("existing", "code")
    # wiki: 2 x 100 tokens of 1000 at a share of 0.1 would allow 2; web:a: 1.8 / 0.5 ...; pdf: 0.6 / 0.2
    assert reused.upper == (1.0, 1.0)
    tight = freeze(feasible_set(TOKENS, target_tokens=2500, repetition_limit=2), OLD)
    assert tight.upper[0] == pytest.approx(min(1800 / 0.5, 800 / 0.2, 600 / 0.2, 200 / 0.1) / 2500)
    leaves, w = tight.expanded([0.75, 0.25])
    mixture = dict(zip(leaves, w.tolist(), strict=True))
    assert mixture["web:a"] == pytest.approx(0.375)
    assert mixture["code"] == pytest.approx(0.25)
    assert sum(mixture.values()) == pytest.approx(1.0)
    assert tight.repetitions([0.8, 0.2])[0] == pytest.approx(0.8 * 2500 * 0.1 / 100)


def test_every_expanded_mixture_is_feasible_and_every_reused_one_is_reachable():
    real = feasible_set(TOKENS, target_tokens=1500, repetition_limit=1.5, at_most={"web": 0.6}, at_least={"code": 0.1})
    reused = freeze(real, OLD)
    top = reused.maximum([1.0, 0.0])[1]
    leaves, w = reused.expanded(top)
    assert real.contains(real.vector(dict(zip(leaves, w.tolist(), strict=True))))
    beyond = reused.expanded(top + np.array([0.01, -0.01]))[1]
    assert not real.contains(real.vector(dict(zip(leaves, beyond.tolist(), strict=True))))


def test_partial_reuse_and_changed_leaves_are_free():
    assert freeze(today(), OLD, release=["pdf"]).leaves == ("existing", "pdf", "code")
    revised = changes(dict.fromkeys(OLD, 0), {**dict.fromkeys(OLD, 0), "wiki": 1, "code": 0})
    assert freeze(today(), OLD, change=revised).leaves == ("existing", "wiki", "code")
    assert set(freeze(today(), OLD, release=["unused"]).leaves) == {"existing", "unused", "code"}


def test_removed_and_partitioned_leaves_rescale_the_rest():
    tokens = {"web:a": 900, "web:b": 400, "pdf:law": 200, "pdf:art": 100, "wiki": 100}
    now = feasible_set(tokens)
    old = {leaf: w for leaf, w in OLD.items() if leaf != "unused"}
    reused = freeze(now, old, change=changes(dict.fromkeys(old, 0), dict.fromkeys(tokens, 0)))
    assert reused.leaves == ("existing", "pdf:law", "pdf:art")
    assert reused.frozen[0].shares == pytest.approx((0.5 / 0.8, 0.2 / 0.8, 0.1 / 0.8))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: freeze(today(), {**OLD, "wikki": 0.1}), "nearest: wiki"),
        (lambda: freeze(today(), {"web:a": 1.0}), "mix all leaves anew"),
        (lambda: freeze(today(), OLD, name="code"), "name of a real one"),
        (lambda: freeze(today(), OLD, release=["webb"]), "nearest: web"),
        (lambda: freeze(today(at_least={"unused": 0.01}), OLD), "release it"),
        (lambda: freeze(today(at_most={"pdf": 0.05, "code": 0.5}), OLD), "pdf caps the virtual leaf at 0.25"),
    ],
)
def test_mistakes(call, words):
    with pytest.raises(UserError, match=words):
        call()


def table(names, leaves, weights, metrics=("loss",), values=None) -> RunTable:
    return RunTable(
        runs=tuple(names),
        leaves=tuple(leaves),
        weights=tuple(map(tuple, weights)),
        metrics=metrics,
        values=values or tuple((float(i),) * len(metrics) for i in range(len(names))),
    )


def test_runs_collapse_only_if_they_keep_the_shares():
    reused = freeze(today(), OLD)
    leaves = ["code", "wiki", "web:b", "pdf", "web:a"]
    good = table(["a"], leaves, [[0.2, 0.08, 0.16, 0.16, 0.4]])
    assert collapse_runs(good, reused).weights[0] == pytest.approx((0.8, 0.2))
    bad = table(["a", "b"], leaves, [[0.2, 0.08, 0.16, 0.16, 0.4], [0.2, 0.16, 0.08, 0.16, 0.4]])
    with pytest.raises(UserError, match=r"1 of 2 runs mix the frozen leaves in other shares \(b"):
        collapse_runs(bad, reused)
    with pytest.raises(UserError, match="do not have: books"):
        collapse_runs(table(["a"], [*leaves, "books"], [[0.2, 0.04, 0.08, 0.08, 0.2, 0.4]]), reused)


def test_data_that_changed_under_the_same_name_is_not_pooled_silently():
    first = table(["a", "b"], ["x", "y"], [[0.5, 0.5], [0.9, 0.1]], ("loss", "old"))
    second = table(["c"], ["x", "z"], [[0.4, 0.6]], ("loss",))
    joined = pool([(first, {"x": "1", "y": "1"}), (second, {"x": "1", "z": "1"})])
    assert joined.leaves == ("x", "y", "z")
    assert joined.weights == ((0.5, 0.5, 0.0), (0.9, 0.1, 0.0), (0.4, 0.0, 0.6))
    assert joined.metrics == ("loss",)
    with pytest.raises(UserError, match="The data of 'x' changed"):
        pool([(first, {"x": "1", "y": "1"}), (second, {"x": "2", "z": "1"})])
    assert pool([(first, {"x": "1", "y": "1"}), (second, {"x": "2", "z": "1"})], same=["x"]).runs == ("a", "b", "c")
    unread = table(["c"], ["x", "z"], [[0.0, 1.0]])
    assert pool([(first, {"x": "1"}), (unread, {"x": "2"})]).runs == ("a", "b", "c")
    with pytest.raises(UserError, match="same name: a"):
        pool([(first, {}), (first, {})])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source(Step):
    name: str


def test_steps_from_old_proposal_to_swarm_and_back(tmp_path):
    limits, old, before = Source(name="limits"), Source(name="old"), Source(name="before")
    then = feasible_set({leaf: TOKENS[leaf] for leaf in OLD})
    results = {
        id(limits): today(),
        id(old): types.SimpleNamespace(mixture=lambda: OLD),
        id(before): then,
    }
    context = FakeContext(tmp_path, results)
    step = ReusedLimits(limits=limits, old=old, old_limits=before)
    context.results[id(step)] = step.run(context)
    assert "added: code" in (context.out / "changes.txt").read_text()
    design = Design(limits=step, variants=6)
    variants = design.run(context)
    assert set(variants.leaves) == {"web:a", "web:b", "pdf", "wiki", "code"}
    swarm = Source(name="swarm")
    context.results[id(swarm)] = table(variants.names, variants.leaves, variants.weights)
    collapsed = ReusedRuns(runs=swarm, limits=step).run(context)
    assert collapsed.leaves == ("existing", "code")
    assert np.array(collapsed.weights).sum(1) == pytest.approx(np.ones(6))


def test_a_changed_token_count_must_be_declared(tmp_path):
    limits, before = Source(name="limits"), Source(name="before")
    then = feasible_set({**{leaf: TOKENS[leaf] for leaf in OLD}, "wiki": 90})
    context = FakeContext(tmp_path, {id(limits): today(), id(before): then})
    with pytest.raises(UserError, match="data of wiki changed since"):
        ReusedLimits(limits=limits, mixture=OLD, old_limits=before).run(context)
    declared = ReusedLimits(limits=limits, mixture=OLD, old_limits=before, revised=("wiki",)).run(context)
    assert declared.leaves == ("existing", "wiki", "code")
    with pytest.raises(UserError, match="once"):
        ReusedLimits(limits=limits).run(context)
