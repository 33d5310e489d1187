"""Verdicts, counts, and the model that is asked about the rest, through a real endpoint."""

from __future__ import annotations

import dataclasses
import pathlib
import re

import pytest

from olmix.errors import UserError
from olmix.graph.step import Step
from olmix.language_models.openai_backend import OpenAI
from olmix.language_models.requests import Length, Sampling
from olmix.language_models.transformers_backend import Transformers
from olmix.proofs.pipeline import compact
from olmix.proofs.pipeline.checking import Check, Checking
from olmix.proofs.pipeline.corruption import FAULTS, corruptions
from olmix.proofs.pipeline.evaluation import Asking
from olmix.proofs.pipeline.generation import Generate
from olmix.proofs.pipeline.items import Item, read_items, read_records
from olmix.proofs.pipeline.judging import Judge
from olmix.proofs.pipeline.known import Known
from olmix.proofs.pipeline.opinions import Opinion, count_votes, read_rubric, read_verdict, reliability
from olmix.proofs.pipeline.sources import Compact, Prompted, read_answer
from olmix.proofs.pipeline.verification import Lost, Verifier, Verify
from tests.language_models.endpoint import serving
from tests.proofs.pipeline_items import ACCEPTED, OPEN, REJECTED, checked, context, item, run_fan_out

LENGTH = Length(max_length=32768)


def compact_items(count: int) -> list[Item]:
    found = []
    for technique in ("sos", "cauchy", "weighted_am_gm"):
        writer = compact.write(technique, 7)
        for number in range(count):
            problem, proof, difficulty = next(writer)
            found.append(
                Item(id=f"{technique}-{number}", problem=problem, proof=proof, technique=technique, difficulty=difficulty,
                     source="compact", key=f"{technique}-{number}")
            )  # fmt: skip
    return found


def verify_step(tmp_path, items, looks, **settings):
    generate = Generate(source=Compact(techniques=("sos",)), count=1, shard=1)
    check = Check(generated=(generate,))
    checked(tmp_path / "checked", items, looks)
    folders: dict[Step, pathlib.Path] = {check: tmp_path / "checked"}
    if "verifier" in settings:
        count = settings["verifier"].pop("known")
        known = Known(items=check, count=count, checking=Checking(seconds_each=20))
        ctx = context(tmp_path / "known", folders)
        run_fan_out(known, ctx)
        folders[known] = ctx.out
        settings["verifier"] = Verifier(known=known, **settings["verifier"])
    return Verify(generated=(generate,), checked=check, **settings), context(tmp_path, folders)


def test_every_item_has_a_fate_and_the_counts_add_up(tmp_path):
    items = [item(n, technique="sos" if n < 4 else "cauchy") for n in range(6)] + [item(6, key="k0")]
    looks = [ACCEPTED, REJECTED, OPEN, ACCEPTED, ACCEPTED, OPEN, ACCEPTED]
    step, ctx = verify_step(tmp_path, items, looks)
    result = run_fan_out(step, ctx)
    assert (result.items, result.kept, result.dropped, result.undecided) == (7, 3, 2, 2)
    assert sum(fate.count for fate in result.fates) == 7
    fates = {(fate.technique, fate.fate, fate.reason): fate.count for fate in result.fates}
    assert fates["sos", "dropped", "same problem as another"] == 1
    assert fates["cauchy", "undecided", "machine: a step is open"] == 1
    kept = read_items(ctx.out)
    lost = read_records(ctx.out / "lost.jsonl", Lost)
    assert sorted([i.id for i in kept] + [one.item.id for one in lost]) == sorted(i.id for i in items)
    assert next(one.detail for one in lost if one.item.id == "i1") == "at a = 1"


def test_when_nothing_is_kept_the_reasons_are_said(tmp_path):
    step, ctx = verify_step(tmp_path, [item(0), item(1)], [REJECTED, OPEN])
    with pytest.raises(
        UserError, match=r"None of 2 items was kept: 1 dropped \(machine: a step is false\).*; such as i0: at a = 1\.$"
    ):
        run_fan_out(step, ctx)


def test_a_verifier_that_is_the_generator_is_refused():
    backend = Transformers(model="Qwen/Qwen2.5-Math-7B-Instruct")
    writer = Generate(source=Prompted(techniques=("sos",), backend=backend, length=LENGTH), count=1, shard=1)
    other = OpenAI(model="qwen2.5-math-7b-instruct", base_url="http://127.0.0.1:1/v1")
    with pytest.raises(UserError, match=r"qwen2\.5-math-7b-instruct, which also wrote the proofs"):
        Verify(generated=(writer,), checked=None, verifier=Verifier(backend=other, length=LENGTH, known=None))  # type: ignore[arg-type]
    different = OpenAI(model="mathstral", base_url="http://127.0.0.1:1/v1")
    Verify(generated=(writer,), checked=None, verifier=Verifier(backend=different, length=LENGTH, known=None))  # type: ignore[arg-type]


def test_a_model_decides_the_rest_and_its_agreement_is_measured(tmp_path):
    """The model behind the endpoint is right about the proofs that it sees, but for one kind of fault."""
    right = compact_items(8)
    texts = {i.proof for i in right}
    questions = [item(100 + n, problem=f"open {n}", proof="sure" if n % 2 else "maybe") for n in range(4)]

    def answer(body):
        prompt = body["messages"][-1]["content"].rsplit("Problem:", 1)[1]
        proof = prompt.split("Proof: ", 1)[1].strip()
        if proof == "maybe":
            return "I cannot tell."
        return f"Thinking.\nVerdict: {'right' if proof in texts or proof == 'sure' else 'wrong'}"

    with serving(answer) as endpoint:
        verifier = {
            "backend": OpenAI(model="judge", base_url=endpoint.url), "shots": 2, "known": 8, "share": 0.6,
            "sampling": Sampling(temperature=1.0, samples=3, max_new_tokens=64), "length": LENGTH,
        }  # fmt: skip
        items = [*right, *questions]
        looks = [ACCEPTED] * len(right) + [OPEN] * len(questions)
        step, ctx = verify_step(tmp_path, items, looks, verifier=verifier)
        result = run_fan_out(step, ctx)
    assert result.agreement is not None
    assert (result.agreement.accepts_right.hits, result.agreement.accepts_right.of) == (6, 6)
    assert (result.agreement.rejects_wrong.hits, result.agreement.rejects_wrong.of) == (6, 6)
    assert len(result.agreement.by_fault) >= 2
    fates = {(fate.fate, fate.reason): fate.count for fate in result.fates if fate.reason.startswith("model")}
    assert fates == {("kept", "model: right"): 2, ("undecided", "model: no verdict"): 2}
    shown = endpoint.bodies[0]["messages"][-1]["content"]
    assert shown.count("Verdict: right") == 3  # Two examples and the instruction.
    assert endpoint.bodies[0]["messages"][0]["role"] == "system"


def test_what_the_verifier_cannot_read_is_undecided_and_counted(tmp_path):
    questions = [item(100 + n, problem=f"open {n}", proof="sure " * (4000 if n == 2 else 1)) for n in range(4)]
    with serving(lambda body: "Verdict: right") as endpoint:
        verifier = {
            "backend": OpenAI(model="judge", base_url=endpoint.url), "length": Length(max_length=4096), "shots": 2, "known": 2,
            "sampling": Sampling(max_new_tokens=64),
        }  # fmt: skip
        step, ctx = verify_step(tmp_path, questions, [OPEN] * 4, verifier=verifier)
        result = run_fan_out(step, ctx)
    fates = {(fate.fate, fate.reason): fate.count for fate in result.fates}
    assert fates == {("kept", "model: right"): 3, ("undecided", "too long for the model"): 1}
    assert (result.items, result.kept + result.dropped + result.undecided) == (4, 4)
    assert result.shots == 0  # The machine knew no proof to show.
    (lost,) = read_records(ctx.out / "lost.jsonl", Lost)
    assert "tokens" in lost.detail


def test_two_writers_with_the_same_ids_are_refused():
    twins = tuple(Generate(source=Compact(techniques=(name,)), count=1, shard=1) for name in ("sos", "cauchy"))
    with pytest.raises(UserError, match=r"2 steps by compact with seed=0, whose items would have the same ids"):
        Verify(generated=twins, checked=None)  # type: ignore[arg-type]


@pytest.mark.slow
def test_corrupted_proofs_are_wrong_and_the_machine_says_so():
    from olmix.proofs.pipeline.checking import look_at_all

    items = compact_items(6)
    wrong = [one for i in items for one in corruptions(i, 0)]
    assert {one.fault for one in wrong} == set(FAULTS)
    assert [one.item.proof for one in wrong] == [one.item.proof for i in items for one in corruptions(i, 0)]
    triples = [(i.problem, i.proof, i.statement) for i in [*items, *(one.item for one in wrong)]]
    looks = look_at_all(triples, Checking(seconds_each=20), 2, lambda *_: None)
    assert all(look.verdict == "accepted" for look in looks[: len(items)])
    caught = [look.verdict != "accepted" for look in looks[len(items) :]]
    assert sum(caught) >= 0.9 * len(caught)


def test_verdicts_are_read_and_nonsense_is_none():
    assert read_verdict("bla\nVerdict: right")[0] == "right"
    assert read_verdict("Verdict: right? No.\n**Verdict:** wrong.")[0] == "wrong"
    assert read_verdict("It is right.")[0] == "none"
    good = '{"claim": "yes", "relations": "yes", "reasons": "yes", "complete": "yes", "first_fault": ""}'
    assert read_rubric(f"Sure!\n```json\n{good}\n```") == ("right", "")
    bad = good.replace('"relations": "yes"', '"relations": "No"').replace(
        '"first_fault": ""', '"first_fault": "line 2"'
    )
    assert read_rubric(bad) == ("wrong", "relations: line 2")
    latex = bad.replace("line 2", r"step 2: $\frac{a}{b} \ge \sqrt{ab}$, where {a} is \"free\"")
    assert read_rubric(latex) == ("wrong", r"relations: step 2: $\frac{a}{b} \ge \sqrt{ab}$, where {a} is \"free\"")
    assert read_rubric(good.replace('"yes"', "true")) == ("right", "")
    assert read_rubric(good.replace('"relations": "yes"', '"relations": false'))[0] == "wrong"
    template = '{"claim": "yes or no", "relations": "yes or no", "reasons": "yes or no", "complete": "yes or no"}'
    assert read_rubric(template)[0] == "none"
    assert read_rubric(f"As you asked: {template}\n{bad}\nThat is all.")[0] == "wrong"
    assert read_rubric(f"{bad}\nNo, after all:\n{good}")[0] == "right"
    for text in (
        "",
        "yes yes yes",
        "{broken",
        '{"claim": "yes"}',
        good.replace('"complete": "yes"', '"complete": "7"'),
    ):
        assert read_rubric(text)[0] == "none"


def test_votes_need_their_share():
    from olmix.language_models.requests import Answer, Completion

    def votes(*texts):
        completions = tuple(Completion(text=f"Verdict: {t}", finished=True, tokens=1) for t in texts)
        return count_votes(Answer(id="a", completions=completions, prompt_tokens=1), read_verdict, 0.6).verdict

    assert votes("right", "right", "wrong") == "right"
    assert votes("right", "wrong", "what", "what") == "none"
    assert votes("wrong", "wrong", "wrong", "right") == "wrong"
    assert votes("right", "wrong") == "none"


def test_reliability_counts_no_verdict_as_a_miss():
    verdicts = ["right", "wrong", "none", "wrong", "right", "none"]
    opinions = [Opinion(id=str(n), right=0, wrong=0, unreadable=0, verdict=v) for n, v in enumerate(verdicts)]  # type: ignore[arg-type]
    truths = [(True, "")] * 3 + [(False, "wrong sign"), (False, "wrong sign"), (False, "wrong constant")]
    found = reliability(opinions, truths)
    assert (found.accepts_right.hits, found.accepts_right.of) == (1, 3)
    assert (found.rejects_wrong.hits, found.rejects_wrong.of) == (1, 3)
    assert {name: (rate.hits, rate.of) for name, rate in found.by_fault.items()} == {
        "wrong sign": (1, 2), "wrong constant": (0, 1),
    }  # fmt: skip
    assert found.no_verdict == 2


def test_a_models_answer_is_read_or_the_reason_is_given():
    assert read_answer("Problem: A\nmore\nProof: B\nC") == ("A\nmore", "B\nC")
    assert read_answer("**Problem:** A\n\n**Proof:** B") == ("A", "B")
    assert read_answer("no idea") == "not in the form that was asked for"


def test_prompted_generation_counts_what_it_cannot_read(tmp_path):
    def answer(body):
        prompt = body["messages"][-1]["content"]
        return "Sorry." if re.search("Cauchy", prompt) else "Problem: $a^2 \\ge 0$\nProof: it is a square"

    with serving(answer) as endpoint:
        source = Prompted(
            techniques=("sos", "cauchy"), backend=OpenAI(model="m", base_url=endpoint.url), length=LENGTH,
            sampling=Sampling(temperature=0.8, max_new_tokens=64),
        )  # fmt: skip
        ctx = context(tmp_path, {})
        written = source.write(10, 3, "p", ctx, None)
        assert (len(written.items), written.failed) == (5, {"not in the form that was asked for": 5})
        assert {i.technique for i in written.items} == {"sos"}
        again = source.write(10, 3, "p", ctx, None)
    assert again == written
    assert len(endpoint.bodies) == 10  # The second time nothing was asked: the scratch of the shard had it all.
    assert dataclasses.replace(written.items[0], id="x").source == "m"


def test_settings_that_make_no_sense_are_refused(tmp_path):
    backend = OpenAI(model="m", base_url="http://127.0.0.1:1/v1")
    with pytest.raises(UserError, match=r"verify\.per_key .* it is 0"):
        Verify(generated=(), checked=None, per_key=0)  # type: ignore[arg-type]
    for wrong in ({"shots": -1}, {"share": 1.5}, {"share": 0.0}, {"shard": 0}):
        with pytest.raises(UserError, match=r"A verifier needs shots >= 0"):
            Verifier(backend=backend, length=LENGTH, known=None, **wrong)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"count >= 0 and slice >= 1; it has -1"):
        Known(items=None, count=-1)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"it has 50 and 0"):
        Known(items=None, slice=0)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"check\.slice .* it is 0"):
        Check(generated=(), slice=0)
    with pytest.raises(UserError, match=r"seconds_each is a time, above 0; it is 0"):
        Checking(seconds_each=0)
    with pytest.raises(UserError, match=r"asking\.problems .* they are 0 and 250"):
        Asking(backend=backend, length=LENGTH, problems=0)
    for wrong in ({"share": 2.0}, {"unreadable": 7.0}, {"shard": 0}):
        with pytest.raises(UserError, match="A judge needs shard >= 1"):
            Judge(evaluations={}, known=None, backend=backend, length=LENGTH, **wrong)  # type: ignore[arg-type]
