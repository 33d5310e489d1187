"""Answers are compared by what they mean."""

from __future__ import annotations

import pytest

from olmix.proofs.checking.check_proof import check_proof
from olmix.proofs.statements.answers import find_answer, options, read_answer, same_answer

OPTIONS = """Let $x$ be real. $$ x^2 + 1 \\quad () \\quad 2x $$

Options:

(A) $\\leq$

(B) $\\geq$

(C) $=$

(D) $<$

(E) $>$

(F) None of the above"""


def test_the_last_answer_counts() -> None:
    found = find_answer(r"... the answer is $C=3$. No: the answer is (B) $\geq$.")
    assert found is not None
    assert (found.letter, found.op, found.latex()) == ("B", ">=", r"\geq")
    assert find_answer("nothing") is None
    assert find_answer("The answer is yes.") is None


@pytest.mark.parametrize(
    "text",
    [
        "Answer: A standard argument shows it.",
        "A natural choice is $t=1$.",
        "Another option is $C = 2$, which is too large.",
    ],
)
def test_what_is_no_answer(text: str) -> None:
    assert find_answer(text) is None


def test_a_box_is_no_announcement_however_often_it_stands_there() -> None:
    twice = find_answer(r"\boxed{D} and once more \boxed{D}")
    told = find_answer(r"The answer is $\boxed{D}$. So \boxed{D}")
    assert twice is not None
    assert told is not None
    assert (twice.announced, told.announced) == (False, True)


def test_what_the_letters_stand_for() -> None:
    assert options(OPTIONS) == {"A": "<=", "B": ">=", "C": "=", "D": "<", "E": ">"}
    assert options("no letters") == {}


@pytest.mark.parametrize(
    "written",
    [
        r"the answer is (B) $\geq$.", r"The correct option is **(B)**.", r"the answer is $\boxed{B}$.", "**Answer:** B",
        r"the answer is (B) $\geqslant$.", r"So the answer is $\boxed{\text{(B) } \geq}$.", "the answer is (B) ≥.",
        r"\boxed{(B)}", r"the correct relation is \(\boxed{\ge}\)",
    ],
)  # fmt: skip
def test_the_same_relation(written: str) -> None:
    given, right = find_answer(written), read_answer(r"(B) $\geq$")
    assert given is not None
    assert right is not None
    assert same_answer(given, right, options(OPTIONS)) is True


@pytest.mark.parametrize(
    "written",
    ["The correct option is **(A)**.", r"the answer is (B) $\leq$.", r"the answer is $\boxed{E}$.", r"Answer: $>$"],
)
def test_another_relation(written: str) -> None:
    given, right = find_answer(written), read_answer(r"(B) $\geq$")
    assert given is not None
    assert right is not None
    assert same_answer(given, right, options(OPTIONS)) is False


@pytest.mark.parametrize(
    ("written", "same"),
    [
        (r"the answer is $C = \frac{3}{2}$.", True), (r"the answer is $\boxed{\dfrac{3}{2}}$", True),
        (r"the answer is $\frac32$.", True), (r"the answer is $\boxed{C=\frac{6}{4}}$.", True),
        ("the answer is C = 3/2.", True), ("the answer is $C = 1.5$.", True), ("the answer is $C=n$.", None),
        (r"the answer is $C = \frac{2}{3}$.", False), (r"the answer is $\boxed{2}$.", False),
    ],
)  # fmt: skip
def test_values(written: str, same: bool | None) -> None:
    given, right = find_answer(written), read_answer(r"$$C = \frac{3}{2}$$")
    assert given is not None
    assert right is not None
    assert same_answer(given, right, {}) is same


def test_values_with_letters_and_roots() -> None:
    for one, other in ((r"$C = \frac{1}{n^2}$", r"\boxed{C = n^{-2}}"), (r"$C=18\sqrt3$", r"$\sqrt{972}$")):
        left, right = read_answer(one), read_answer(other)
        assert left is not None
        assert right is not None
        assert same_answer(left, right, {}) is True


def test_a_proof_with_another_answer_is_rejected_and_a_box_around_something_else_is_not() -> None:
    proof = r"We have $x^2+1-2x = (x-1)^2 \geq 0$, so $x^2+1 \geq 2x$."
    assert (
        check_proof(OPTIONS, rf"{proof} Therefore, the answer is $\boxed{{B}}$.", r"(B) $\geq$").verdict == "accepted"
    )
    other = check_proof(OPTIONS, rf"{proof} The correct option is **(A)**.", r"(B) $\geq$")
    assert (other.verdict, other.reason) == ("rejected", "the proof's answer (A) is not the problem's")
    assert check_proof(OPTIONS, rf"{proof} \boxed{{D}}", r"(B) $\geq$").verdict == "unknown"
    false = rf"The relation is $x^2 \geq x^2+1$. {proof}"
    assert check_proof(OPTIONS, false, r"(B) $\geq$").verdict == "rejected"
