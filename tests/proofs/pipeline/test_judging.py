"""The judge through a real endpoint: graded itself, cached, capped, and refused when it talks nonsense."""

from __future__ import annotations

import json

import pytest

from olmix.errors import UserError
from olmix.language_models.cost import Price
from olmix.language_models.openai_backend import OpenAI
from olmix.language_models.requests import Length, Sampling
from olmix.proofs.pipeline.checking import Checking
from olmix.proofs.pipeline.evaluation import ROWS, Row
from olmix.proofs.pipeline.items import write_items, write_records
from olmix.proofs.pipeline.judging import Judge, JudgeResult
from olmix.proofs.pipeline.known import Known
from olmix.proofs.pipeline.splitting import Split
from tests.language_models.endpoint import Endpoint, serving
from tests.proofs.pipeline.test_verification import compact_items
from tests.proofs.pipeline_items import ACCEPTED, OPEN, REJECTED, context, run_fan_out

GOOD = {"claim": "yes", "relations": "yes", "reasons": "yes", "complete": "yes", "first_fault": ""}
RIGHT = compact_items(8)


def grade(body: dict) -> str:
    """A judge that knows right proofs, and overlooks wrong exponents."""
    text = body["messages"][-1]["content"]
    proof = text.split("Proof: ", 1)[1].split("\n\nRubric", 1)[0]
    same = [item for item in RIGHT if item.proof == proof]
    careless = any(sum(a != b for a, b in zip(item.proof, proof, strict=False)) == 1 and "^" in proof for item in RIGHT)
    return json.dumps(GOOD if same or careless else {**GOOD, "relations": "no", "first_fault": "step 1"})


@pytest.fixture(scope="module")
def known_proofs(tmp_path_factory):
    """The step `known` and its folder, once for all tests: the machine has to confirm what is wrong."""
    tmp_path = tmp_path_factory.mktemp("known")
    training = Split(items=None, seed=3)  # type: ignore[arg-type]
    (tmp_path / "training").mkdir()
    write_items(tmp_path / "training", RIGHT, "train.jsonl")
    known = Known(items=training, count=8, checking=Checking(seconds_each=20))
    ctx = context(tmp_path, {training: tmp_path / "training"})
    found = run_fan_out(known, ctx)
    assert (found.right, found.wrong) == (8, sum(found.by_fault.values()))
    return known, ctx.out


@pytest.fixture
def judging(tmp_path, known_proofs):
    """A function that judges two small evaluations through an endpoint."""
    steps = {"before": Split(items=None, seed=1), "after": Split(items=None, seed=2)}  # type: ignore[arg-type]
    known, folder = known_proofs
    folders = {known: folder}
    for name, step in steps.items():
        folders[step] = tmp_path / name
        folders[step].mkdir()
        rows = [
            Row(item=item, proof=item.proof if n < 2 else "I do not know.", finished=True, look=look)
            for n, (item, look) in enumerate(zip(RIGHT, (ACCEPTED, ACCEPTED, REJECTED, OPEN), strict=False))
        ]
        write_records(folders[step] / ROWS, rows)

    def judge(endpoint: Endpoint, **settings) -> JudgeResult:
        backend = OpenAI(
            model="grader", base_url=endpoint.url, attempts=2, pause_seconds=0.01, timeout_seconds=5.0,
            **settings.pop("backend", {}),
        )  # fmt: skip
        step = Judge(
            evaluations=dict(steps), known=known, backend=backend, length=Length(max_length=8192),
            sampling=Sampling(max_new_tokens=200), cache=str(tmp_path / settings.pop("cache", "cache")), **settings,
        )  # fmt: skip
        return run_fan_out(step, context(tmp_path, folders))

    return judge


def test_a_judge_is_graded_on_right_and_corrupted_proofs(judging):
    with serving(grade) as endpoint:
        result = judging(endpoint)
    assert {name: (rate.hits, rate.of) for name, rate in result.judged.items()} == {"before": (2, 4), "after": (2, 4)}
    assert (result.with_machine["after"].hits, result.with_machine["after"].of) == (3, 3)
    assert (result.reliability.accepts_right.hits, result.reliability.accepts_right.of) == (8, 8)
    assert 0 < result.reliability.rejects_wrong.of <= 8
    assert result.no_verdict == 0


def test_nothing_is_asked_twice(judging):
    with serving(grade) as endpoint:
        judging(endpoint)
        calls = len(endpoint.bodies)
        again = judging(endpoint)
        assert len(endpoint.bodies) == calls
    assert again.known_before >= calls
    assert again.dollars == 0.0
    # The two evaluations share their rows, so each was asked about once.
    assert calls < 8 + 16


def test_the_whole_bill_is_estimated_and_capped_before_the_first_call(judging):
    price = Price(input_per_million=1000.0, output_per_million=1000.0)
    with serving(grade) as endpoint:
        with pytest.raises(UserError, match=r"would cost up to \$.*cap_dollars=1\): nothing was called"):
            judging(endpoint, backend={"price": price, "cap_dollars": 1.0})
        assert endpoint.bodies == []
        result = judging(endpoint, backend={"price": price, "cap_dollars": 100.0})
    assert result.dollars == pytest.approx(len(endpoint.bodies) * 15 * 1000 / 1e6)
    assert result.dollars < result.estimate < 100


def test_a_judge_that_talks_nonsense_is_none(judging):
    words = r"of \d+ answers of the judge grader have no readable verdict"
    with serving(lambda body: "Great proof, well done!") as endpoint, pytest.raises(UserError, match=words):
        judging(endpoint)


def test_nonsense_is_not_kept_as_a_result(judging, tmp_path):
    """A shard that heard nothing else fails, so that it is asked again once the endpoint is what it should be."""
    words = r"of \d+ answers .*The answers are kept in .*grader\.jsonl; delete them there"
    with serving(lambda body: "Great proof, well done!") as endpoint:
        with pytest.raises(UserError, match=words):
            judging(endpoint, shard=4)
        (tmp_path / "cache" / "grader.jsonl").unlink()
        endpoint.answer = grade
        assert judging(endpoint, shard=4).no_verdict == 0


def test_bad_luck_of_one_shard_is_not_nonsense():
    from olmix.proofs.pipeline.judging import nonsense
    from olmix.proofs.pipeline.opinions import Opinion

    def said(unreadable: int, of: int) -> list[Opinion]:
        verdicts = ["none"] * unreadable + ["right"] * (of - unreadable)
        return [Opinion(id="", right=v == "right", wrong=0, unreadable=v == "none", verdict=v) for v in verdicts]  # type: ignore[arg-type]

    assert nonsense(said(2, 6), 0.2, "j", clearly=True) == ""
    assert "2 of 6" in nonsense(said(2, 6), 0.2, "j")
    assert "6 of 6" in nonsense(said(6, 6), 0.2, "j", clearly=True)
    assert nonsense(said(100, 500), 0.2, "j") == ""
    assert nonsense([], 0.2, "j") == nonsense([], 0.2, "j", clearly=True) == ""


def test_now_and_then_nonsense_is_counted(judging):
    with serving(lambda body: "Hm." if "do not know" in str(body) else grade(body)) as endpoint:
        result = judging(endpoint)
    assert result.no_verdict == 4
    assert result.judged["after"].hits == 2


def test_a_judge_that_is_down_is_named_and_what_was_answered_is_kept(judging):
    with serving(grade) as endpoint:
        endpoint.trouble = lambda number: "500" if number > 5 else ""
        with pytest.raises(UserError, match=r"HTTP 500.*What was answered is kept"):
            judging(endpoint, backend={"concurrency": 1})
        kept = 5
        endpoint.trouble = lambda number: ""
        before = len(endpoint.bodies)
        result = judging(endpoint)
    assert result.known_before >= kept
    assert len(endpoint.bodies) > before
