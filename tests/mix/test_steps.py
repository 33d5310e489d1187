"""The steps `Limits` and `Design`, with results read back from JSON as the store does."""

from __future__ import annotations

import dataclasses
import types
import typing

import msgspec
import numpy as np
import pytest

from olmix.errors import UserError
from olmix.graph.step import Step
from olmix.mix.runs import RunTable
from olmix.mix.steps import Design, Limits
from tests.fake_context import FakeContext

TOKENS = {"web:code": 500_000, "web:sci": 300_000, "arxiv": 100_000, "wiki": 50_000}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scan(Step):
    name: str = "scan"


SCAN = Scan()


def run(step: Step, tmp_path, results):
    result = step.run(FakeContext(tmp_path, {id(key): value for key, value in results}))
    kind = typing.get_type_hints(type(step).run)["return"]
    return msgspec.json.decode(msgspec.json.encode(result), type=kind)


def limits(tmp_path, **settings):
    scan = types.SimpleNamespace(tokens=TOKENS, repetition_limits={"arxiv": 1.5, "wiki": 2.0})
    return run(Limits(scan=SCAN, **settings), tmp_path, [(SCAN, scan)])


def test_limits_of_the_scan_hold_unless_overridden(tmp_path):
    kept = limits(tmp_path, target_tokens=900_000, repetition_limits={"web": 2.0, "web:sci": 3.0})
    assert kept.repetition_limits == (2.0, 3.0, 1.5, 2.0)
    assert kept.upper == pytest.approx((1.0, 1.0, 150 / 900, 100 / 900))
    replaced = limits(tmp_path, target_tokens=900_000, repetition_limit=3, repetition_limits={"wiki": 4.0})
    assert replaced.repetition_limits == (3.0, 3.0, 3.0, 4.0)


def test_the_dry_run_shows_how_the_budget_was_computed_and_what_leaves_must_hold(tmp_path):
    """The example of the issue: 2.8T tokens at 5 repetitions need 560B."""
    step = Limits(scan=SCAN, target_chinchilla_multiple=20, target_parameters=7_000_000_000, repetition_limit=5)
    scan = types.SimpleNamespace(tokens={"all": 600 * 10**9}, repetition_limits={"all": 1.0})
    context = FakeContext(tmp_path, {id(SCAN): scan})
    context.results[id(step)] = step.run(context)
    lines = step.forecast(context)
    assert lines[0] == "final run: 2,800,000,000,000 tokens = 20 × 20 × 7,000,000,000 parameters"
    header, row = lines[1].split(), lines[2].split()
    assert dict(zip(header[-2:], row[-2:], strict=True)) == {"must": "5", "hold": "560,000,000,000"}
    assert lines[-1] == "largest feasible run: 3,000,000,000,000 tokens (Chinchilla multiple 21.43)"


def test_chinchilla_multiple_sets_the_tokens(tmp_path):
    feasible = limits(tmp_path, target_chinchilla_multiple=0.5, target_parameters=30_000)
    assert feasible.target_tokens == 300_000
    with pytest.raises(UserError, match="needs target_model"):
        limits(tmp_path, target_chinchilla_multiple=0.5)
    with pytest.raises(UserError, match="both"):
        limits(tmp_path, target_chinchilla_multiple=0.5, target_parameters=30_000, target_tokens=5)


def test_design_from_limits(tmp_path):
    step = Limits(scan=SCAN)
    feasible = limits(tmp_path, target_tokens=900_000, repetition_limit=1.5)
    variants = run(Design(limits=step, variants=12, seed=1), tmp_path, [(step, feasible)])
    assert len(variants.names) == 12
    assert feasible.contains(np.array(variants.weights))
    assert variants.mixtures()["variant-000"] == pytest.approx(dict(zip(feasible.leaves, feasible.prior, strict=True)))
    assert "closest pair" in (tmp_path / "out" / "coverage.txt").read_text()
    more = run(Design(limits=step, variants=20, seed=1), tmp_path, [(step, feasible)])
    assert more.weights[:12] == variants.weights


def test_existing_runs_are_matched_by_leaf_name(tmp_path):
    step, old = Limits(scan=SCAN), Scan(name="old")
    feasible = limits(tmp_path, target_tokens=900_000, repetition_limit=1.5)
    first = run(Design(limits=step, variants=8, seed=1, include_prior=False), tmp_path, [(step, feasible)])
    order = [2, 0, 3, 1]
    table = RunTable(
        runs=first.names,
        leaves=tuple(first.leaves[i] for i in order),
        weights=tuple(tuple(row[i] for i in order) for row in first.weights),
        metrics=("loss",),
        values=((1.0,),) * 8,
    )
    new = Design(limits=step, variants=8, seed=1, include_prior=False, existing=old)
    assert not set(run(new, tmp_path, [(step, feasible), (old, table)]).weights) & set(first.weights)
    with pytest.raises(UserError, match="other leaves"):
        run(new, tmp_path, [(step, feasible), (old, dataclasses.replace(table, leaves=("a", "b", "c", "d")))])


def test_zero_variants(tmp_path):
    step = Limits(scan=SCAN)
    with pytest.raises(UserError, match="at least 1"):
        run(Design(limits=step, variants=0), tmp_path, [(step, limits(tmp_path))])


def test_the_final_model_is_named_and_what_can_be_supplied_is_said_as_its_multiple(tmp_path):
    step = Limits(scan=SCAN, target_chinchilla_multiple=20, target_model="olmo2_7b")
    assert step.declared() == ("final run: 2,800,000,000,000 tokens = 20 × 20 × 7,000,000,000 (olmo2_7b)",)
    few = types.SimpleNamespace(tokens={"a": 500 * 10**9, "b": 60 * 10**9}, repetition_limits={"a": 4.0, "b": 4.0})
    with pytest.raises(UserError) as caught:
        step.run(FakeContext(tmp_path, {id(SCAN): few}))
    # 560 billion tokens, four times: 2.24 trillion, which is 16 x 20 x 7 billion.
    assert "largest feasible training run is 2,240,000,000,000 tokens, Chinchilla multiple 16 of the asked 20" in str(
        caught.value
    )
    with pytest.raises(UserError, match="olmo2_7x"):
        Limits(scan=SCAN, target_chinchilla_multiple=20, target_model="olmo2_7x").declared()
    with pytest.raises(UserError, match="either target_model or target_parameters"):
        Limits(scan=SCAN, target_chinchilla_multiple=20, target_model="olmo2_7b", target_parameters=7).declared()
