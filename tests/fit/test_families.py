"""`FamilyMeans`: the mean of the members, run by run."""

from __future__ import annotations

import pytest

from olmix.errors import UserError
from olmix.fit.families import FamilyMeans
from olmix.graph.step import Step
from olmix.mix.runs import RunTable
from tests.fake_context import FakeContext

TABLE = RunTable(
    runs=("r1", "r2"),
    leaves=("a", "b"),
    weights=((0.5, 0.5), (1.0, 0.0)),
    metrics=("m1", "m2", "other"),
    values=((1.0, 3.0, 7.0), (2.0, 2.5, 8.0)),
    failed={"r3": "diverged"},
)


def means(tmp_path, families, table=TABLE) -> RunTable:
    runs, context = Step(), FakeContext(tmp_path)
    context.results[id(runs)] = table
    return FamilyMeans(runs=runs, families=families).run(context)


def test_a_family_is_the_mean_of_its_members(tmp_path):
    found = means(tmp_path, {"math": ("m1", "m2"), "both": ("m2", "other")})
    assert found.metrics == ("math", "both")
    assert found.values == ((2.0, 5.0), (2.25, 5.25))
    assert (found.runs, found.weights, found.failed) == (TABLE.runs, TABLE.weights, TABLE.failed)


def test_no_runs_no_means(tmp_path):
    empty = RunTable(runs=(), leaves=(), weights=(), metrics=(), values=())
    assert means(tmp_path, {"math": ("m1",)}, empty) == empty


@pytest.mark.parametrize(
    ("families", "says"),
    [({"math": ("m1", "m3")}, "names 'm3', which no run has"), ({"math": ()}, "has no metrics"), ({}, "no families")],
)
def test_mistakes(tmp_path, families, says):
    with pytest.raises(UserError, match=says):
        means(tmp_path, families)
