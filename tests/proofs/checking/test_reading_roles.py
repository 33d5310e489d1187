"""What stands in a proof as a definition, a condition, a point of equality or an equivalence, and is no plain claim."""

import pytest

from olmix.proofs.checking.check_proof import check_proof

TANGENT = r"Let $a,b>0$ with $a+b=2$. Prove that $a^3+b^3\ge2$."
TANGENT_PROOF = r"""We claim that for all $t>0$ $$t^3\ge 1+3(t-1)=3t-2.$$ Indeed $t^3-3t+2=(t-1)^2(t+2)\ge0$.
Adding for $t=a,b$ gives $a^3+b^3\ge3(a+b)-4=2$."""


def test_every_relation_of_a_claimed_chain_is_checked():
    verdict = check_proof(TANGENT, TANGENT_PROOF)
    assert verdict.verdict == "accepted", verdict.reason
    wrong = check_proof(TANGENT, TANGENT_PROOF.replace("=3t-2", "=3t-1"))
    assert wrong.verdict == "rejected"
    assert wrong.first_failing is not None
    assert "3*t - 1" in wrong.first_failing.describe()
    flipped = check_proof(TANGENT, TANGENT_PROOF.replace(r"t^3\ge", r"t^3\le"))
    assert flipped.verdict != "accepted"


def test_an_equation_within_a_chain_is_no_assumption():
    problem = r"Let $x,y>0$. Prove that $x+y+2\sqrt{xy}\ge4\sqrt{xy}$."
    proof = r"By AM-GM with two terms, $x+y+2\sqrt{xy}\ge2\sqrt{xy}+2\sqrt{xy}=4\sqrt{xy}$."
    assert check_proof(problem, proof).verdict == "accepted"
    assert check_proof(problem, proof.replace(r"+2\sqrt{xy}=4", r"+2\sqrt{xy}=5")).verdict == "rejected"


EQUIVALENT = r"Let $a,b>0$. Prove that $\frac{a}{b}+\frac{b}{a}\ge2$."


def test_an_equivalence_is_checked_where_both_sides_hold():
    right = r"$$\frac ab+\frac ba\ge2\iff a^2-2ab+b^2\ge0\iff (a-b)^2\ge0,$$ which is true."
    assert check_proof(EQUIVALENT, right).verdict == "accepted"
    # The new inequality is true everywhere, only it is another one.
    verdict = check_proof(EQUIVALENT, right.replace("a^2-2ab+b^2", "a^2-ab+b^2"))
    assert verdict.verdict == "rejected"
    assert verdict.first_failing is not None
    assert "not equivalent at a = 1, b = 1" in verdict.first_failing.reason


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("**Equality case.** $u=\\frac12,\\ v=\\frac12$.", "unrefuted"),
        ("**Equality case.** $u=\\frac13,\\ v=\\frac23$.", "refuted"),
        ("Equality: $u=\\frac12$ and $v=\\frac12$.", "unrefuted"),
    ],
)
def test_a_heading_about_equality_names_a_point(words, status):
    problem = r"Let $u,v>0$ with $u+v=1$. Prove that $\frac1u+\frac1v\ge4$."
    proof = r"By Cauchy-Schwarz, $(u+v)\left(\frac1u+\frac1v\right)\ge(1+1)^2=4$."
    verdict = check_proof(problem, f"{proof}\n\n{words}")
    assert verdict.links[-1].role == "equality"
    assert verdict.links[-1].status == status
    assert verdict.verdict == ("accepted" if status == "unrefuted" else "rejected")


def test_all_members_of_a_list_define():
    problem = r"Let $a\ge b\ge c>0$. Prove that $(a-b)(b-c)\ge0$."
    verdict = check_proof(problem, r"Let $b=c+x$ and $a=c+x+y$ with $x,y\ge0$. Then $(a-b)(b-c)=xy\ge0$.")
    assert all(link.status == "proved" for link in verdict.links), verdict.links
    assert not any(link.latex.startswith("a =") for link in verdict.links)
    wrong = check_proof(problem, r"Let $b=c+x$ and $a=c+x+y$ with $x,y\ge0$. Then $(a-b)(b-c)=2xy\ge0$.")
    assert wrong.verdict == "rejected"


def test_all_conditions_of_a_case_are_assumed():
    problem = r"Let $x$ be a real number. Prove that $x^2+1\ge x$."
    verdict = check_proof(problem, r"Case 1. If $x<1$ and $x\ge 0$, then $x^2+1\ge 1\ge x$.")
    assert verdict.verdict != "rejected", verdict.reason
    assert check_proof(problem, r"Case 1. If $x<1$ and $x\ge 0$, then $x^2+1\le x$.").verdict == "rejected"
