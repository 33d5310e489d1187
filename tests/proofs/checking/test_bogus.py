"""What proves nothing is not accepted, whatever it looks like, and no input takes the checker down."""

import time

import pytest

from olmix.proofs.checking.check_proof import check_proof
from olmix.proofs.checking.citations import cited_theorems
from tests.proofs.bogus import CLAIMS, all_bogus, drawn, long_texts

#: One text of each kind for each claim in turn, and some that are drowned or joined; the whole lot is a benchmark.
CHOSEN = [one for i, one in enumerate(all_bogus()) if i % 41 == 0] + drawn(12, 3)
NESBITT = (
    r"Let $a,b,c$ be positive real numbers. Prove that $$\frac{a}{b+c}+\frac{b}{c+a}+\frac{c}{a+b} \ge \frac{3}{2}.$$"
)


@pytest.mark.parametrize("one", CHOSEN, ids=[one.name for one in CHOSEN])
def test_what_proves_nothing_is_not_accepted(one):
    assert check_proof(one.problem, one.proof).verdict != "accepted"


@pytest.mark.parametrize("name", long_texts())
def test_no_input_takes_the_checker_down(name):
    start = time.process_time()
    assert check_proof(NESBITT, long_texts()[name]).verdict != "accepted"
    assert time.process_time() - start < 60


@pytest.mark.parametrize(
    ("answer", "verdict"), [("2", "accepted"), ("1", "rejected"), ("-1", "rejected"), ("3", "rejected")]
)
def test_only_the_best_constant_answers_the_question(answer, verdict):
    problem = r"Let $p,q$ be positive real numbers. Find the largest constant $C$ such that $$p^2+q^2 \geq C pq.$$"
    proof = r"We have $(p-q)^2\geq 0$ and $pq \geq 0$, hence $p^2+q^2 \geq 2pq"
    proof += "$." if answer == "2" else rf" \geq {answer} pq$."
    found = check_proof(problem, f"{proof} Therefore, the answer is $C={answer}$.", f"$C={answer}$")
    assert found.verdict == verdict, found.reason


def test_a_chain_of_weak_inequalities_is_no_proof_of_a_strict_one():
    weak, strict = (f"Let $u,v$ be real numbers. Prove that $u^2+v^2 {op} 2uv-1$." for op in (r"\geq", ">"))
    proof = r"We have $u^2+v^2\geq 2uv\geq 2uv-1$."
    assert check_proof(weak, proof).verdict == "accepted"
    assert check_proof(strict, proof).verdict == "unknown"
    assert check_proof(strict, r"We have $(u-v)^2\geq 0$, hence $u^2+v^2\geq 2uv>2uv-1$.").verdict == "accepted"


def test_a_name_stands_for_its_own_theorem_only():
    assert cited_theorems("By the Cauchy-Schwarz inequality") == {"cauchy"}
    assert cited_theorems(r"By AM-GM and H\"older") == {"mean", "hoelder"}
    assert cited_theorems("Now we expand") == frozenset()
    problem = r"Let $a,b,c>0$. Prove that $a^4+b^4+c^4\ge abc(a+b+c)$."
    assert check_proof(problem, r"By Muirhead $a^4+b^4+c^4\ge abc(a+b+c)$.").verdict == "accepted"
    assert check_proof(problem, r"By Minkowski $a^4+b^4+c^4\ge abc(a+b+c)$.").verdict == "unknown"


def test_every_claim_is_true_and_read():
    for claim in CLAIMS:
        problem = f"{claim.opening} Prove that $${claim.left} \\ge {claim.right}.$$"
        assert check_proof(problem, f"${claim.left} < {claim.right}$").verdict == "rejected"
