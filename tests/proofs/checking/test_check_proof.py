"""Proofs link by link: a right one is accepted, a flipped or wrong one never is, and the step that fails is named."""

from __future__ import annotations

import json

import pytest

from olmix.proofs.checking.check_proof import check_proof
from tests.launching import launch

PROBLEM = r"Let $a, b, c$ be real numbers. Prove that $a^2+b^2+c^2 \geq ab+bc+ca$."
RIGHT = (
    r"We have $a^2+b^2+c^2-ab-bc-ca = \frac{1}{2}\left((a-b)^2+(b-c)^2+(c-a)^2\right) \geq 0$, "
    r"hence $a^2+b^2+c^2 \geq ab+bc+ca$."
)


def test_a_right_proof_is_accepted() -> None:
    verdict = check_proof(PROBLEM, [RIGHT], "")
    assert verdict.verdict == "accepted", verdict.reason
    assert verdict.first_failing is None


@pytest.mark.parametrize(
    ("old", "new"),
    [(r"\geq 0", r"\leq 0"), (r"\frac{1}{2}", r"\frac{1}{3}"), ("(b-c)^2", "(b+c)^2")],
    ids=["flipped", "wrong constant", "wrong sign"],
)
def test_a_corrupted_proof_is_rejected_at_the_step_that_fails(old: str, new: str) -> None:
    assert old in RIGHT
    verdict = check_proof(PROBLEM, [RIGHT.replace(old, new, 1)], "")
    assert verdict.verdict == "rejected", verdict.reason
    assert verdict.first_failing is not None
    assert "fails" in verdict.first_failing.reason or "refuted" in verdict.reason


def test_words_alone_are_not_a_proof() -> None:
    assert check_proof(PROBLEM, ["This is obvious by symmetry."], "").verdict == "unknown"


def test_a_file_with_items_of_wrong_types_answers_the_others(tmp_path):
    problem, solution = r"Let $a,b$ be real. Prove that $a^2+b^2\ge 2ab$.", r"$a^2+b^2-2ab=(a-b)^2\ge 0$."
    items = [
        {"data_id": 1, "problem": problem, "solution": solution, "answer": 7},
        {"data_id": 2, "problem": problem, "solution": "$" + "(" * 3000 + "a" + ")" * 3000 + r"\ge 0$"},
        {"data_id": 3, "problem": problem, "solution": "$a²+b²≥2ab$ since $(a−b)²≥0$."},
        {"data_id": 4, "problem": problem, "solution": "$" + "9" * 5000 + r"a\ge 0$"},
        {"data_id": 5, "problem": problem},
    ]
    (tmp_path / "p.json").write_text(json.dumps(items))
    done = launch("check_proof", f"--file={tmp_path / 'p.json'}", "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr
    assert [line["id"] for line in lines] == [1, 2, 3, 4, 5]
    assert [line["verdict"] for line in lines[:2]] == ["unknown", "unknown"]
    assert lines[2]["links"] == {"proved": 2}
    assert lines[3]["verdict"] == "unknown"
    assert lines[0]["reason"].startswith("not read:")
    assert lines[4]["reason"].startswith("not read:")
