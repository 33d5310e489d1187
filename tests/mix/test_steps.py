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
    feasible = limits(tmp_path, target_tokens=1_000_000, repetition_limit=3, repetition_limits={"wiki": 4.0})
    assert feasible.repetition_limits == (3.0, 3.0, 1.5, 4.0)
    assert feasible.upper == pytest.approx((1.0, 0.9, 0.15, 0.2))


def test_chinchilla_multiple_sets_the_tokens(tmp_path):
    feasible = limits(tmp_path, target_chinchilla_multiple=0.5, target_parameters=30_000)
    assert feasible.target_tokens == 300_000
    with pytest.raises(UserError, match="needs target_parameters"):
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
