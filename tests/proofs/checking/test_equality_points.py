"""What a proof says about all points of equality, points before the word, points where a letter is looked at, totals."""

import pytest

from olmix.proofs.checking.check_proof import check_proof

RATIO = r"Let $p,q>0$. Prove that $\frac pq+\frac qp\ge 2$."
PROOF = r"Since $p^2+q^2-2pq=(p-q)^2\ge 0$, dividing by $pq$ gives $\frac pq+\frac qp\ge 2$. "
TANGENT = r"Let $a,b,c>0$ with $a+b+c=6$. Prove that $\frac1a+\frac1b+\frac1c\ge\frac32$."


@pytest.mark.parametrize(
    "words",
    [
        r"For $p=4q$ equality holds.",
        r"When $p=1$ and $q=5$, we have equality.",
        r"With $p=3, q=2$ both sides are equal.",
        r"Taking $p=7$ and $q=1$ we see that the bound is attained.",
        r"Equality occurs iff $p=q=3$.",
        r"Equality holds only for $p=q=1$.",
        r"Equality never holds.",
        r"The inequality is strict for all $p, q$.",
    ],
)
def test_false_words_about_equality_are_refuted(words):
    assert check_proof(RATIO, PROOF + words).verdict == "rejected"


@pytest.mark.parametrize(
    "words",
    [
        r"For $p=q$ equality holds.",
        r"If $p=q=1$, for example, we have equality.",
        r"When $p=2$ and $q=2$, both sides are equal.",
        r"Equality holds if and only if $p=q$.",
        r"We may assume that $p+q=2$. Equality holds only if $p=q=1$.",
        r"Equality cannot hold for $p\ne q$.",
        r"If $p=2q$, then equality does not hold.",
    ],
)
def test_right_words_about_equality_stay_right(words):
    assert check_proof(RATIO, PROOF + words).verdict == "accepted"


def test_what_words_may_have_restricted_is_not_refuted():
    words = "Since the inequality is homogeneous we may assume the sum is $2$. Equality holds if and only if $p=q=1$."
    assert check_proof(RATIO, PROOF + words).verdict == "unknown"
    assert (
        check_proof(RATIO, PROOF + "We may assume that not both are equal. Equality never holds.").verdict == "unknown"
    )


def test_the_only_case_of_a_lemma_is_not_the_claims():
    problem = r"Let $a,b>0$. Prove that $a^3+b^3\ge ab(a+b)$."
    proof = (
        r"We have $a^3+b^3-ab(a+b)=(a+b)(a-b)^2\ge0$, so $a^3+b^3\ge ab(a+b)$. "
        r"Note that $a^2+1\ge 2a$, where equality holds iff $a=1$."
    )
    assert check_proof(problem, proof).verdict != "rejected"


@pytest.mark.parametrize("start", [r"The tangent line of $\frac1u$ at $u=2$ is", r"Let $u>0$. For $u=2$ we have"])
def test_a_letter_is_not_fixed_by_a_point(start):
    value = r"$\frac{4-u}{4}$" if "tangent" in start else r"$\frac1u=\frac12$"
    end = r"Hence $\frac1a+\frac1b+\frac1c\ge\frac{12-(a+b+c)}{4}=\frac32$."
    right = rf"{start} {value}. Now $$\frac1u-\frac{{4-u}}{{4}}=\frac{{(u-2)^2}}{{4u}}\ge0.$$ {end}"
    assert check_proof(TANGENT, right).verdict == "accepted"
    assert check_proof(TANGENT, right.replace("{4u}", "{4u^3}")).verdict != "accepted"


def test_a_bound_of_the_product_in_words_is_looked_at():
    problem = r"Let $u,v,w>0$. Prove that $(u+v)(v+w)(w+u)\ge 8uvw$."
    proof = r"We have $u+v\ge2\sqrt{uv}$ and two similar relations, so the product is at least $8uvw$."
    assert check_proof(problem, proof).verdict == "accepted"
    assert check_proof(problem, proof.replace("least $8uvw", r"least $9uvw\ge 8uvw")).verdict == "unknown"


def test_for_names_the_numbers_that_a_theorem_is_applied_to():
    problem = r"Let $x, y$ be positive real numbers. Prove that $(3x+4y)^2 \leq 25(x^2+y^2)$."
    proof = (
        r"By the Cauchy-Schwarz inequality for $a_1=x, a_2=y; b_1=3, b_2=FOUR$ we get "
        r"$$(3x+4y)^2 \leq (3^2+4^2)(x^2+y^2) = 25(x^2+y^2).$$"
    )
    assert check_proof(problem, proof.replace("FOUR", "4")).verdict == "accepted"
    assert check_proof(problem, proof.replace("FOUR", "5")).verdict == "rejected"
