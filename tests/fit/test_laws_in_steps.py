"""Every law, declared in a config, goes through the steps `laws` and `proposal`."""

import fiddle as fdl
import msgspec
import numpy as np
import pytest

from olmix.config.fingerprint import fingerprint
from olmix.fit import (
    AutoScale,
    Best,
    BiMix,
    BoostedTrees,
    EffectiveData,
    GaussianProcess,
    Laws,
    Linear,
    LogLinear,
    Proposal,
    Quadratic,
)
from olmix.fit.propose_result import ProposalResult
from olmix.fit.steps import LawsResult
from olmix.graph.step import Step
from olmix.mix.runs import RunTable
from tests.fake_context import FakeContext
from tests.fit.simulated import effective_data_truth, mixtures
from tests.mix.sets import box

LAWS = {
    "Linear": fdl.Config(Linear),
    "Quadratic": fdl.Config(Quadratic),
    "LogLinear": fdl.Config(LogLinear),
    "EffectiveData": fdl.Config(EffectiveData),
    "GaussianProcess": fdl.Config(GaussianProcess),
    "BiMix": fdl.Config(BiMix),
    "AutoScale": fdl.Config(AutoScale),
    "BoostedTrees": fdl.Config(BoostedTrees, most_trees=30, learning_rate=0.1, folds=3),
    "Best": fdl.Config(Best, folds=2),
    "Best of convex laws": fdl.Config(Best, candidates=(fdl.Config(LogLinear), fdl.Config(EffectiveData)), folds=2),
}
CERTIFIED = ("Linear", "LogLinear", "EffectiveData", "Best of convex laws")
SEARCHED = ("GaussianProcess", "BoostedTrees")
LEAVES = ("web", "code", "books", "maths", "law")


@pytest.mark.parametrize("name", LAWS)
def test_a_law_from_its_config_to_a_proposal(name, tmp_path):
    w = mixtures(48, 5, seed=0, concentration=2.0)
    truth = effective_data_truth(5, 2, seed=4)
    y = truth(w) + np.random.default_rng(0).normal(0, 0.005, (48, 2))
    table = RunTable(
        runs=tuple(f"variant-{i:03d}" for i in range(48)),
        leaves=LEAVES,
        weights=tuple(map(tuple, w.tolist())),
        metrics=("code/bpb", "web/bpb"),
        values=tuple(map(tuple, y.tolist())),
    )
    runs, limits = Step(), Step()
    config = LAWS[name]
    assert fingerprint(config) == fingerprint(fdl.build(config))
    laws = Laws(runs=runs, law=fdl.build(config), folds=2, repeats=1)
    feasible = box([0.5] * 5, names=LEAVES)
    context = FakeContext(tmp_path, {id(runs): table, id(limits): feasible})
    found = laws.run(context)
    fitted = msgspec.json.decode(msgspec.json.encode(found), type=LawsResult)
    context.results[id(laws)] = fitted
    proposal = Proposal(laws=laws, runs=runs, limits=limits, bootstrap=60, slow_bootstrap=3)
    result = proposal.run(context)
    assert msgspec.json.decode(msgspec.json.encode(result), type=ProposalResult) == result
    chosen = np.array([row.weight for row in result.leaves])
    assert feasible.contains(chosen)
    if name in CERTIFIED:
        assert result.gap is not None
        assert result.gap <= 1e-9
    if name in SEARCHED:
        assert result.gap is None
    if name != "Linear":  # a linear law must propose a corner, and diminishing returns make it worse than the prior
        assert truth(chosen[None]).mean() < truth(feasible.prior_array[None]).mean()
