"""A few of the moments at which runs of several processes may end and go on; `python -m tests.train.moments` tries them all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from olmix.train import recipe
from tests.train.moments import ALL, SECOND, Bench, Case, Fault


@pytest.fixture(scope="module")
def bench(tmp_path_factory) -> Iterator[Bench]:
    """Its runs are of another recipe than everybody's: that of this process is put back."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipe, "nominal_parameters", recipe.nominal_parameters)
        yield Bench(tmp_path_factory.mktemp("moments") / "bench")


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    [
        Case(Fault("in an evaluation 1", "kill", SECOND), sharded=False),
        Case(Fault("the end of a period 5", "kill", SECOND), sharded=True),
        Case(Fault("after evaluation 20", "kill", ALL), sharded=True, at_risk=-1.0),
        Case(Fault("after evaluation 9", "term", SECOND), sharded=True, size=3),
    ],
    ids=str,
)
def test_it_is_the_run_that_nothing_disturbed(bench: Bench, case: Case, request) -> None:
    """On as many processes bit for bit, down to Adam's moments and the metrics file."""
    fine, said = bench.run(case, request.node.name.replace("/", ""))
    assert fine, said
