"""Functions that are said to bend one way and bend the other way."""

from __future__ import annotations

import pytest

from olmix.proofs.checking.check_proof import check_proof

PROBLEM = r"Let $a,b,c \geq 0$ with $a+b+c=3$. Prove that $\sqrt{1+a}+\sqrt{1+b}+\sqrt{1+c} \leq 3\sqrt2$."
JENSEN = r"By Jensen's inequality $$\sqrt{1+a}+\sqrt{1+b}+\sqrt{1+c} \leq 3\sqrt{1+\frac{a+b+c}{3}} = 3\sqrt2.$$"


@pytest.mark.parametrize(
    "said",
    [
        r"The function $f(x)=\sqrt{1+x}$ is concave on $[0, 3]$.", r"The function $f(x)=\sqrt{1+x}$ is concave.",
        r"Let $f(x)=\sqrt{1+x}$. The function $f$ is concave downward.", r"$f(x)=\sqrt{1+x}$ is convex upwards.",
        r"Let $f(x)=\sqrt{1+x}$. The function $f$ is not convex, but concave.",
    ],
)  # fmt: skip
def test_a_function_that_bends_as_it_is_said_to(said: str) -> None:
    assert check_proof(PROBLEM, f"{said} {JENSEN}").verdict == "accepted"


@pytest.mark.parametrize(
    "said",
    [
        r"The function $f(x)=\sqrt{1+x}$ is convex on $[0, 3]$.", r"The function $f(x)=\sqrt{1+x}$ is strictly convex.",
        r"Let $f(x)=\sqrt{1+x}$. Since $f$ is convex, Jensen's inequality applies.", r"$f(x)=\sqrt{1+x}$ is concave up.",
    ],
)  # fmt: skip
def test_a_function_that_bends_the_other_way(said: str) -> None:
    verdict = check_proof(PROBLEM, f"{said} {JENSEN}")
    assert verdict.verdict == "unknown"
    assert "where the variables lie" in verdict.reason


def test_nothing_is_said_about_a_function_that_bends_both_ways_or_elsewhere() -> None:
    problem = (
        r"Let $a,b$ be real numbers with $-2 \leq a \leq 2$ and $-2 \leq b \leq 2$. Prove that $a^2+b^2 \geq 2ab$."
    )
    proof = r"We have $a^2+b^2-2ab=(a-b)^2 \geq 0$, so $a^2+b^2 \geq 2ab$."
    for said in (r"The function $f(x)=x^3$ is concave for $x<0$.", r"The function $f(x)=x^3$ is convex."):
        assert check_proof(problem, f"{said} {proof}").verdict != "rejected"
