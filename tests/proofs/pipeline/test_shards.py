"""However the questions are cut into shards, the answers, the verdicts and the bill's limit are the same."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math

import pytest

from olmix.errors import UserError
from olmix.graph.step import FanOut, Step
from olmix.language_models.cost import Price
from olmix.language_models.openai_backend import OpenAI
from olmix.language_models.requests import Length, Sampling
from olmix.language_models.shards import cut, split_bill
from olmix.proofs.pipeline.checking import Check, Checking
from olmix.proofs.pipeline.corruption import Corrupted
from olmix.proofs.pipeline.evaluation import ROWS, Asking, Evaluate
from olmix.proofs.pipeline.generation import Generate
from olmix.proofs.pipeline.items import ITEMS, write_items, write_records
from olmix.proofs.pipeline.judging import Judge
from olmix.proofs.pipeline.known import RIGHT, WRONG, Known
from olmix.proofs.pipeline.sources import Compact
from olmix.proofs.pipeline.splitting import Split
from olmix.proofs.pipeline.verification import Verifier, Verify
from tests.language_models.endpoint import Endpoint, serving
from tests.proofs.pipeline_items import ACCEPTED, OPEN, REJECTED, checked, context, item, run_fan_out

LENGTH = Length(max_length=8192)
QUESTIONS = 17  # 13 open proofs and 4 known ones.
SHARDS = pytest.mark.parametrize("shards", [2, 5])
PRICE = Price(input_per_million=1000.0, output_per_million=2000.0)
MARKS = ("claim", "relations", "reasons", "complete")


def coin(body: dict, sides: int) -> int:
    """Chance that depends on the prompt and the seed alone, as an engine's should."""
    said = json.dumps([body.get("messages"), body.get("prompt"), body["seed"]])
    return hashlib.sha256(said.encode()).digest()[0] % sides


def verdicts(body: dict) -> str:
    return ("Verdict: right", "Verdict: wrong", "Well.")[coin(body, 3)]


def rubric(body: dict) -> str:
    return json.dumps(dict.fromkeys(MARKS, ("yes", "no")[coin(body, 2)]))


def proof(body: dict) -> str:
    return ("$$ a^2 \\ge 0 $$", "No idea.")[coin(body, 2)]


@pytest.fixture
def folders(tmp_path):
    """Steps that are done, by what they are to the others."""
    generate = Generate(source=Compact(techniques=("sos",)), count=1, shard=1)
    check = Check(generated=(generate,))
    items = [item(n, problem=f"Problem {n}. " + "x" * (40 * n), key=f"k{n}") for n in range(20)]
    looks = [ACCEPTED] * 5 + [REJECTED] * 2 + [OPEN] * 13
    checked(tmp_path / "check", items, looks)
    known = Known(items=check, count=3)
    (tmp_path / "known").mkdir()
    write_items(tmp_path / "known", items[:3], RIGHT)
    wrong = [
        Corrupted(item=dataclasses.replace(one, id=f"{one.id}/x", proof=f"Wrong. {one.proof}"), fault="wrong sign")
        for one in items[:3]
    ]
    write_records(tmp_path / "known" / WRONG, wrong)
    split = Split(items=check)
    (tmp_path / "split").mkdir()
    write_items(tmp_path / "split", items, "test.jsonl")
    write_items(tmp_path / "split", items[:4], "train.jsonl")
    where: dict[Step, object] = {
        check: tmp_path / "check",
        known: tmp_path / "known",
        split: tmp_path / "split",
    }
    return {"generate": generate, "check": check, "known": known, "split": split}, where


def verify(steps, endpoint: Endpoint, shards: int, **backend) -> Verify:
    verifier = Verifier(
        backend=OpenAI(model="other", base_url=endpoint.url, attempts=1, **backend), length=LENGTH, known=steps["known"],
        shots=1, share=0.5, sampling=Sampling(temperature=1.0, samples=2, max_new_tokens=50),
        shard=math.ceil(QUESTIONS / shards),
    )  # fmt: skip
    return Verify(generated=(steps["generate"],), checked=steps["check"], verifier=verifier)


def outcome(step: FanOut, where, tmp_path, name: str):
    """The result and the files of a run of its own."""
    ctx = context(tmp_path / name, where)
    result = run_fan_out(step, ctx)
    return result, {path.name: path.read_bytes() for path in ctx.out.iterdir()}


@pytest.mark.slow
def test_what_is_known_is_the_same_in_any_number_of_slices(folders, tmp_path):
    """Slices are artifacts of what is looked at: of a step that goes on, those are done that have the same proofs."""
    steps, _ = folders
    items = [item(n, key=f"k{n}") for n in range(12)]
    checked(tmp_path / "more", items, [ACCEPTED] * 11 + [REJECTED])
    where: dict[Step, object] = {steps["check"]: tmp_path / "more"}
    found = {
        size: outcome(Known(items=steps["check"], count=4, slice=size), where, tmp_path, f"of-{size}")
        for size in (8, 100)
    }
    assert found[8] == found[100]
    result, _ = found[8]
    assert (result.right, result.wrong) == (4, 4)
    assert len(result.by_fault) > 1
    around = context(tmp_path / "pieces", where)
    assert len(Known(items=steps["check"], count=4, slice=3).pieces(around)) == math.ceil(16 / 3)
    assert Known(items=steps["check"], count=0).pieces(around) == {}


@SHARDS
def test_a_verifier_says_the_same_in_any_number_of_shards(folders, tmp_path, shards):
    steps, where = folders
    with serving(verdicts) as endpoint:
        whole = outcome(verify(steps, endpoint, 1), where, tmp_path, "whole")
        asked = len(endpoint.bodies)
        step = verify(steps, endpoint, shards)
        assert len(step.pieces(context(tmp_path, where))) == shards
        assert outcome(step, where, tmp_path, "cut") == whole
        assert (asked, len(endpoint.bodies)) == (QUESTIONS, 2 * QUESTIONS)
    result, files = whole
    assert {fate.reason for fate in result.fates} >= {"model: right", "model: wrong", "model: no verdict"}
    assert (result.items, result.agreement.accepts_right.of, result.agreement.rejects_wrong.of) == (20, 2, 2)
    assert set(files) == {ITEMS, "lost.jsonl"}


@SHARDS
def test_a_judge_says_the_same_in_any_number_of_shards(folders, tmp_path, shards):
    steps, where = folders
    evaluation = Evaluate(
        split=steps["split"],
        training_set=steps["split"],
        asking=Asking(backend=OpenAI(model="m", base_url="http://x/v1"), length=LENGTH),
    )
    with serving(proof) as endpoint:
        asking = Asking(
            backend=OpenAI(model="m", base_url=endpoint.url),
            length=LENGTH,
            checking=Checking(seconds_each=20),
            problems=6,
        )
        ctx = context(tmp_path / "evaluation", where)
        run_fan_out(dataclasses.replace(evaluation, asking=asking), ctx)
    where = {**where, evaluation: ctx.out}

    def judge(endpoint: Endpoint, shards: int) -> Judge:
        return Judge(
            evaluations={"before": evaluation}, known=steps["known"], length=LENGTH,
            backend=OpenAI(model="grader", base_url=endpoint.url, price=PRICE, cap_dollars=1000.0),
            sampling=Sampling(max_new_tokens=50), shard=math.ceil(12 / shards), cache=str(tmp_path / f"cache-{shards}"),
        )  # fmt: skip

    with serving(rubric) as endpoint:
        whole, files = outcome(judge(endpoint, 1), where, tmp_path, "whole")
        parts, same = outcome(judge(endpoint, shards), where, tmp_path, "cut")
    assert files == same
    # The same but for the order in which a floating-point bill is summed.
    bills = {"estimate": 0.0, "dollars": 0.0}
    assert dataclasses.replace(parts, **bills) == dataclasses.replace(whole, **bills)
    assert (parts.estimate, parts.dollars) == pytest.approx((whole.estimate, whole.dollars), abs=1e-3)
    assert whole.dollars > 0


@SHARDS
def test_a_model_is_scored_the_same_in_any_number_of_shards(folders, tmp_path, shards):
    steps, where = folders
    with serving(proof) as endpoint:

        def evaluate(shards: int) -> Evaluate:
            asking = Asking(
                backend=OpenAI(model="m", base_url=endpoint.url), length=LENGTH, checking=Checking(seconds_each=20),
                problems=7, shard=math.ceil(7 / shards), sampling=Sampling(temperature=1.0, max_new_tokens=50),
            )  # fmt: skip
            return Evaluate(split=steps["split"], training_set=steps["split"], asking=asking, shots=2)

        whole, files = outcome(evaluate(1), where, tmp_path, "whole")
        parts, same = outcome(evaluate(shards), where, tmp_path, "cut")

    def untimed(rows: bytes) -> list[dict]:
        found = [json.loads(row) for row in rows.splitlines()]
        for row in found:
            row["look"].pop("seconds")
        return found

    assert parts == whole
    assert untimed(files[ROWS]) == untimed(same[ROWS])
    assert len(whole.reasons) == 2


@SHARDS
def test_a_cap_over_all_shards_is_a_cap(folders, tmp_path, shards):
    steps, where = folders
    with serving(verdicts) as endpoint:
        free = verify(steps, endpoint, 1, price=PRICE, cap_dollars=1e9)
        (one,) = free.pieces(context(tmp_path, where)).values()
        requests = one.questions.requests(context(tmp_path, where), 0, QUESTIONS)
        bill = one.backend.bill(requests, one.sampling, one.length)

        enough = verify(steps, endpoint, shards, price=PRICE, cap_dollars=bill * 1.0001)
        parts = [piece.backend for piece in enough.pieces(context(tmp_path, where)).values()]
        assert sum(part.cap_share for part in parts) == pytest.approx(1.0)
        assert len({part.cap_share for part in parts}) > 1  # Long prompts cost more.
        run_fan_out(enough, context(tmp_path / "enough", where))
        assert len(endpoint.bodies) == QUESTIONS

        short = verify(steps, endpoint, shards, price=PRICE, cap_dollars=bill * 0.99)
        assert len(endpoint.bodies) == QUESTIONS
        for number, piece in enumerate(short.pieces(context(tmp_path, where)).values()):
            with pytest.raises(
                UserError, match=r"cap_dollars=.*, of which this shard has .*nothing was called\. Raise the cap \(to"
            ) as why:
                piece.run(context(tmp_path / f"short-{number}", where))
            assert f"(to ${math.ceil(100 * bill) / 100:.2f})" in str(why.value)
        assert len(endpoint.bodies) == QUESTIONS


def test_what_the_judges_book_knows_is_not_in_the_bill(folders, tmp_path):
    """A cap that is enough for what is new, though not for everything, is enough, wherever the new ones are."""
    steps, where = folders
    with serving(rubric) as endpoint:

        def judge(cap: float, shard: int) -> Judge:
            return Judge(
                evaluations={}, known=steps["known"], length=LENGTH, shard=shard, cache=str(tmp_path / "cache"),
                backend=OpenAI(model="grader", base_url=endpoint.url, price=PRICE, cap_dollars=cap),
                sampling=Sampling(max_new_tokens=50),
            )  # fmt: skip

        first, *_ = judge(100.0, 3).pieces(context(tmp_path, where)).values()
        first.run(context(tmp_path / "first", where))
        bill = first.backend.bill(
            first.questions.requests(context(tmp_path, where), 0, 3), first.sampling, LENGTH
        )  # as much as the other half
        run_fan_out(judge(bill * 1.1, 3), context(tmp_path / "rest", where))
    assert len(endpoint.bodies) == 6


def test_nothing_open_asks_nobody(folders, tmp_path):
    steps, where = folders
    checked(tmp_path / "check", [item(n) for n in range(3)], [ACCEPTED, ACCEPTED, REJECTED])
    with serving(verdicts) as endpoint:
        step = verify(steps, endpoint, 2)
        assert step.pieces(context(tmp_path, where)) == {}
        result = run_fan_out(step, context(tmp_path, where))
    assert (result.kept, result.agreement, endpoint.bodies) == (2, None, [])


def test_when_no_prompt_has_room_it_is_said(folders, tmp_path):
    steps, where = folders
    nobody = Endpoint(verdicts)
    nobody.url = "http://127.0.0.1:9/v1"
    step = verify(steps, nobody, 2)
    small = dataclasses.replace(
        step.verifier, length=Length(max_length=64), backend=OpenAI(model="o", base_url="http://x")
    )
    with pytest.raises(UserError, match=r"None of 17 prompts leaves room within the length of 64 tokens"):
        run_fan_out(dataclasses.replace(step, verifier=small), context(tmp_path, where))


def test_cuts_and_shares():
    assert cut(7, 3) == [(0, 3), (3, 3), (6, 1)]
    assert cut(0, 3) == []
    with pytest.raises(UserError, match="at least 1 question"):
        cut(3, 0)
    assert split_bill([0.0]) == [1.0]
    assert split_bill([1.0, 3.0]) == [0.25, 0.75]
    assert split_bill([0.0, 0.0]) == [0.0, 0.0]
