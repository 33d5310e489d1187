"""`ChosenRuns`: by leaves, and at random."""

from __future__ import annotations

import pytest

from olmix.errors import UserError
from olmix.fit.chosen_runs import ChosenRuns
from olmix.graph.step import Step
from olmix.mix.runs import RunTable
from tests.fake_context import FakeContext

WEIGHTS = ((0.5, 0.5, 0.0), (1.0, 0.0, 0.0), (0.2, 0.3, 0.5), (0.4, 0.599999, 0.000001))
TABLE = RunTable(
    runs=("r0", "r1", "r2", "r3"),
    leaves=("a", "b", "c"),
    weights=WEIGHTS,
    metrics=("m",),
    values=((0.0,), (1.0,), (2.0,), (3.0,)),
)


def chosen(tmp_path, **settings) -> RunTable:
    runs, context = Step(), FakeContext(tmp_path)
    context.results[id(runs)] = TABLE
    return ChosenRuns(runs=runs, **settings).run(context)


def test_runs_within_some_leaves(tmp_path):
    found = chosen(tmp_path, within=("b", "a"))
    assert (found.runs, found.leaves) == (("r0", "r1", "r3"), ("b", "a"))
    assert found.weights[1] == (0.0, 1.0)
    assert all(sum(row) == pytest.approx(1, abs=1e-12) for row in found.weights)
    assert found.values == ((0.0,), (1.0,), (3.0,))
    assert chosen(tmp_path, within=("a", "b"), each=True).runs == ("r0", "r3")


def test_so_many_at_random_in_their_order_and_the_same_each_time(tmp_path):
    found = chosen(tmp_path, count=3, seed=1)
    assert len(found.runs) == 3
    assert list(found.runs) == sorted(found.runs)
    assert chosen(tmp_path, count=3, seed=1) == found
    assert len({chosen(tmp_path, share=0.5, seed=seed).runs for seed in range(20)}) > 3
    assert len(chosen(tmp_path, share=0.7).runs) == 2
    assert chosen(tmp_path) == TABLE


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"within": ("d",)}, "no leaf 'd'"),
        ({"within": ("c",)}, "No run consists of c alone"),
        ({"count": 5}, "5 runs are to be chosen at random, and there are 4"),
        ({"share": 0.1}, "0 runs are to be chosen"),
        ({"share": 0.5, "count": 2}, "Give a count of runs or a share"),
    ],
)
def test_mistakes(tmp_path, settings, says):
    with pytest.raises(UserError, match=says):
        chosen(tmp_path, **settings)
