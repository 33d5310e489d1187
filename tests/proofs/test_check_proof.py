"""Proofs link by link: a right one is accepted, a flipped or wrong one never is, and the step that fails is named."""

from __future__ import annotations

import pytest

from olmix.proofs.check_proof import check_proof

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
