"""Scores, the comparison, and the page."""

from __future__ import annotations

import asyncio
import dataclasses
import pathlib

import pytest

from olmix.errors import UserError
from olmix.language_models.tuning import TuningResult
from olmix.proofs.pipeline.evaluation import CurveResult, Row, choose_shots, score
from olmix.proofs.pipeline.fusion import ComponentCount, TrainingSetResult
from olmix.proofs.pipeline.generation import Generated
from olmix.proofs.pipeline.intervals import wilson
from olmix.proofs.pipeline.judging import JudgeResult
from olmix.proofs.pipeline.machine import Look, look
from olmix.proofs.pipeline.opinions import Reliability
from olmix.proofs.pipeline.splitting import SplitResult
from olmix.proofs.pipeline.training import TrainResult
from olmix.proofs.pipeline.verification import Fate, Verified
from olmix.report.proofs import compare, summary
from olmix.report.proofs_findings import Findings
from olmix.report.proofs_page import find_relation, render
from tests.proofs.pipeline_items import ACCEPTED, OPEN, REJECTED, item
from tests.report.browser import needs_browser, opened


def rows(accepted: int, of: int, look: Look = REJECTED, proof: str = "p") -> list[Row]:
    items = [item(n, technique="sos" if n % 2 else "cauchy") for n in range(of)]
    looks = [ACCEPTED if n < accepted else look for n in range(of)]
    return [Row(item=i, proof=proof, finished=True, look=own) for i, own in zip(items, looks, strict=True)]


def result(before: list[Row], after: list[Row]):
    return compare(score(before, "m", "e", 2, 0), score(after, "m", "e", 0, 0), before, after)


@pytest.mark.parametrize(
    ("before", "after", "verdict", "apart"),
    [(2, 40, "helped", True), (20, 26, "helped", False), (20, 20, "not shown", False), (40, 2, "hurt", True)],
)
def test_the_answer_follows_from_the_paired_interval(before, after, verdict, apart):
    found = result(rows(before, 50), rows(after, 50))
    assert (found.verdict, found.apart) == (verdict, apart)
    assert found.gain.mean == pytest.approx((after - before) / 50)


def test_undecided_proofs_do_not_count_as_checked():
    scores = score(rows(5, 20, look=OPEN), "m", "e", 0, 0)
    assert (scores.checked.hits, scores.undecided, scores.reasons) == (5, 15, {"a step is open": 15})
    assert sum(rate.of for rate in scores.by_technique.values()) == 20


def test_different_problems_cannot_be_compared():
    with pytest.raises(UserError, match="not about the same problems"):
        result(rows(1, 10), rows(1, 11))


def test_shots_are_short_and_take_turns():
    items = [item(n, technique="sos" if n % 2 else "cauchy", proof="x" * (50 - n)) for n in range(10)]
    shots = choose_shots(items, 3)
    assert [shot.technique for shot in shots] == ["cauchy", "sos", "cauchy"]
    assert [shot.id for shot in shots] == ["i8", "i9", "i6"]


def findings_of(found, before: list[Row], after: list[Row]) -> Findings:
    tuning = TuningResult(
        kind="sft", examples=10, steps=5, planned_steps=5, epochs=1.0, stopped_early=False, best_step=None, validation_loss=0.5,
        training_loss=0.4, reward=None, left_out=0, longest=60, tokens_per_epoch=500, resumed_at=None, seconds=1.0,
        device="cpu", versions={},
    )  # fmt: skip
    curve = CurveResult(curve=((0.5, score(rows(3, 12), "m", "e", 0, 0)), (1.0, found.final)))
    return Findings(
        title="does it help?", result=found,
        generated=(
            Generated(items=20, asked=30, failed={"repeats itself": 10}, by_technique={}, engines=()),
            Generated(items=10, asked=15, failed={"cut off": 1_500, "repeats itself": 1}, by_technique={}, engines=()),
        ),
        verified=Verified(items=30, kept=20, dropped=8, undecided=2, agreement=None, engine="",
                          fates=(Fate(technique="sos", fate="dropped", reason="machine: a step is false", count=8),)),
        split=SplitResult(
            train=10, validation=2, test=12, set_aside=3, strata={"sos/easy": (5, 1, 6)}, removed={"i3": "same key"}
        ),
        training_set=TrainingSetResult(
            items=10, components=(ComponentCount(name="generated", share=1.0, available=10, used=10, read=1.0),)
        ),
        train=TrainResult(runs=((0.5, tuning), (1.0, tuning))), curve=curve, judge=None, sweep=None,
        before=tuple(before), after=tuple(after),
    )  # fmt: skip


def test_the_page_shows_everything_and_escapes_it():
    after = rows(6, 12, proof="<script>alert(1)</script> $a < b$")
    before = rows(0, 12)
    found = result(before, after)
    findings = findings_of(found, before, after)
    page = render(findings, 2)
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    for words in (
        "Yes, it helped",
        "machine: a step is false",
        "45 asked for, 30 generated: 20 kept",
        ">1,500<",
        ">11<",
        "do not overlap",
        "at a = 1",
        "Learning curve",
        "same key",
        "generated",
        'class="layout"',
        'class="verdict better"',
        '<a href="#curve">More data?</a>',
        ">5<",
        ">10<",
    ):
        assert words in page
    lines = summary(found, findings.curve, pathlib.Path("/x"))
    assert "do not overlap" in str(lines[1])


def test_a_judges_table_goes_from_before_to_after():
    """A config has its evaluations in the order of the alphabet."""
    before, after = rows(0, 12), rows(6, 12)
    findings = findings_of(result(before, after), before, after)
    assert "What a judge says" not in render(findings, 2)
    reliability = Reliability(accepts_right=wilson(4, 5), rejects_wrong=wilson(2, 5), no_verdict=1, by_fault={})
    judge = JudgeResult(
        judge="grader", judged={"after": wilson(7, 12), "before": wilson(1, 12)},
        with_machine={"after": wilson(11, 12), "before": wilson(0, 0)}, no_verdict=3, reliability=reliability, estimate=0.1,
        dollars=0.05, known_before=0,
    )  # fmt: skip
    page = render(dataclasses.replace(findings, judge=judge), 2)
    said = page[page.rindex("What a judge says") :]
    assert 0 < said.index(">before<") < said.index(">after<")
    assert "3 of all these proofs got no verdict" in said
    assert "none to count" in said


@pytest.mark.parametrize(
    ("accepted", "look", "words"),
    [
        (0, OPEN, "2 of 12 undecided. None was accepted or rejected."),
        (0, REJECTED, "2 of 12 rejected. None was accepted or undecided."),
        (1, REJECTED, "1 of 1 accepted, 2 of 11 rejected. None was undecided."),
    ],
)
def test_examples_say_what_they_are_and_what_there_is_none_of(accepted, look, words):
    before, after = rows(0, 12), rows(accepted, 12, look=look)
    page = render(findings_of(result(before, after), before, after), 2)
    assert words in page
    assert page.count("<article>") == 2 + accepted


@pytest.mark.parametrize("turn", [("9 a^{2}", "8 a^{2}"), ("\\ge 0", "\\le 0"), ("3 a", "5 a")])
def test_the_failing_step_is_found_in_the_proof_as_it_was_written(turn):
    problem = "Let $a, b$ be positive real numbers. Prove that $$ 9 a^{2} + 16 b^{2} \\ge 24 a b. $$"
    proof = "Squares: $$ 9 a^{2} + 16 b^{2} - 24 a b = \\left(3 a - 4 b\\right)^{2} \\ge 0. $$"
    seen = look(problem, proof.replace(*turn))
    assert seen.verdict == "rejected"
    place = find_relation(proof.replace(*turn), seen.failing)
    assert place is not None
    marked = proof.replace(*turn)[slice(*place)]
    assert turn[1].removeprefix("\\left").replace("\\le 0", "\\le") in marked
    assert marked.startswith(("8 a", "9 a", "\\left(3", "\\left(5", "(3", "(5"))


@needs_browser
def test_nothing_runs_over_the_edge_of_a_phone(tmp_path):
    """Tables scroll by themselves, formulas break."""
    proof = "Squares: $$ " + "9a^{2}+16b^{2}-24ab=" * 40 + "0. $$"
    before, after = rows(0, 12, proof=proof), rows(6, 12, proof=proof)
    found = result(before, after)
    path = tmp_path / "page.html"
    path.write_text(render(findings_of(found, before, after), 2), encoding="utf-8")

    async def widths() -> list[int]:
        async with opened(path) as page:
            seen = []
            for width in (1400, 400):
                await page.size(width)
                seen.append(await page.value("document.documentElement.scrollWidth"))
            assert page.problems == []
            return seen

    assert asyncio.run(widths()) == [1400, 400]


def test_a_relation_that_is_not_there_is_not_marked():
    assert find_relation("$a \\ge b$", "a >= c") is None
    assert find_relation("$a \\ge b$", "(the line before) >= b") is None
    assert find_relation("$a \\ge b$", "") is None
