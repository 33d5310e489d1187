"""Token counts and priors by leaf, from the files that people have."""

from __future__ import annotations

import json

import pytest

from olmix.errors import UserError
from olmix.fit.inputs import supply
from olmix.fit.inputs.steps import Supply
from olmix.graph.step import Step
from olmix.mix.runs import RunTable
from olmix.mix.steps import Limits
from tests.fake_context import FakeContext
from tests.shared_data import shared_data

LEAVES = ("web", "code:high", "code:low")
TABLE = RunTable(
    runs=("a", "b"), leaves=LEAVES, weights=((0.5, 0.3, 0.2), (0.1, 0.1, 0.8)), metrics=("m",), values=((1.0,), (2.0,))
)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c.csv", "leaf,tokens\nweb,3\ncode:low,1\ncode:high,2\n"),
        ("c.csv", "web,3\ncode:high,2\ncode:low,1\n"),
        ("c.csv", "web,code:high,code:low\n3,2,1\n"),
        ("c.tsv", "web\t3\ncode:high\t2\ncode:low\t1\n"),
        ("c.json", json.dumps({"code:low": 1, "web": 3, "code:high": 2})),
        (
            "c.yaml",
            "priors:\n  relative_sizes: {web: 1}\n  token_counts:\n    web: 3\n    code:high: 2\n    code:low: 1\n",
        ),
    ],
)
def test_forms_of_files(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert supply.token_counts(str(tmp_path / name), LEAVES) == {"web": 3, "code:high": 2, "code:low": 1}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("web,3\ncode:high,2\n", r"no token count for code:low"),
        ("web,3\ncode:high,2\ncode:low,1\nbooks,9\n", r"a token count for books, which no run has"),
        ("web,3\ncode:high,0\ncode:low,1\n", r"counts 0 tokens in 'code:high'"),
        ("web,3\ncode:high,1.5\ncode:low,1\n", r"1.5 tokens in 'code:high'"),
        ("web,3\ncode:high,many\ncode:low,1\n", r"'code:high' the value 'many', which is no number"),
        ("web,3\nweb,2\ncode:low,1\n", r"names web twice"),
    ],
)
def test_mistakes_are_named(tmp_path, text, words):
    (tmp_path / "c.csv").write_text(text)
    with pytest.raises(UserError, match=words):
        supply.token_counts(str(tmp_path / "c.csv"), LEAVES)


def test_the_configs_of_allenai_olmix_can_be_given_as_they_are():
    file = shared_data("olmix_configs", "fit", "example.yaml")
    import yaml

    said = yaml.safe_load(file.read_text())["priors"]
    leaves = tuple(said["token_counts"])
    assert supply.token_counts(str(file), leaves) == said["token_counts"]
    prior = supply.priors(str(file), leaves)
    assert sum(prior.values()) == pytest.approx(1)
    assert prior["health"] / prior["games"] == pytest.approx(5 / 3)


def limits_of(tmp_path, step, **settings):
    context = FakeContext(tmp_path, {id(step.runs): TABLE})
    result = step.run(context)
    limits = Limits(scan=step, **settings)
    return result, limits.run(FakeContext(tmp_path, {id(step): result}))


def test_the_prior_is_given_or_counted_or_the_mean_of_the_runs_with_a_note(tmp_path):
    runs = Step()
    (tmp_path / "p.csv").write_text("web,2\ncode:high,1\ncode:low,1\n")
    (tmp_path / "t.csv").write_text("web,100\ncode:high,200\ncode:low,700\n")
    given, _ = limits_of(
        tmp_path, Supply(runs=runs, priors=str(tmp_path / "p.csv"), token_counts=str(tmp_path / "t.csv"))
    )
    assert tuple(given.prior.values()) == (0.5, 0.25, 0.25)
    counted, feasible = limits_of(
        tmp_path, Supply(runs=runs, token_counts=str(tmp_path / "t.csv")), target_tokens=1000, repetition_limit=2.0
    )
    assert tuple(counted.prior.values()) == (0.1, 0.2, 0.7)
    assert feasible.upper == pytest.approx((0.2, 0.4, 1.0))
    assert feasible.prior == pytest.approx((0.1, 0.2, 0.7))
    assert not counted.notes
    neither, open_set = limits_of(tmp_path, Supply(runs=runs))
    assert tuple(neither.prior.values()) == pytest.approx((0.3, 0.2, 0.5))
    assert neither.notes[0].startswith("prior-from-runs: neither priors nor token counts were given")
    assert open_set.upper == (1.0, 1.0, 1.0)
    assert open_set.tokens == ()
    assert open_set.largest_tokens is None


def test_a_target_without_token_counts_is_refused(tmp_path):
    with pytest.raises(
        UserError, match=r"1,000 tokens, but nobody said how many tokens each leaf has.*token_counts=FILE"
    ):
        limits_of(tmp_path, Supply(runs=Step()), target_tokens=1000)
    with pytest.raises(UserError, match="scan the data"):
        limits_of(tmp_path, Supply(runs=Step()), target_chinchilla_multiple=1.0, target_parameters=50)


def test_caps_that_cannot_be_met_are_a_sentence(tmp_path):
    """The peer's solver answered None, and the crash came later."""
    (tmp_path / "t.csv").write_text("web,100\ncode:high,200\ncode:low,700\n")
    with pytest.raises(UserError, match=r"cannot supply target_tokens = 5,000.*largest feasible training run is 1,000"):
        limits_of(tmp_path, Supply(runs=Step(), token_counts=str(tmp_path / "t.csv")), target_tokens=5000)
