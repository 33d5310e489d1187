"""Proofs of our own making, right and wrong, and what the checker says about them."""

import pytest

from olmix.proofs.checking.check_proof import check_proof

NESBITT = r"Let $a, b, c$ be positive real numbers. Prove that $$\frac{a}{b+c}+\frac{b}{c+a}+\frac{c}{a+b} \geq \frac{3}{2}.$$"

RIGHT = [
    (NESBITT, r"""By the Cauchy-Schwarz inequality
$$
\frac{a}{b+c}+\frac{b}{c+a}+\frac{c}{a+b} = \frac{a^2}{ab+ac}+\frac{b^2}{bc+ba}+\frac{c^2}{ca+cb} \geq
\frac{(a+b+c)^2}{2(ab+bc+ca)}. $$
Since $(a+b+c)^2 \geq 3(ab+bc+ca)$, we have
$$ \frac{(a+b+c)^2}{2(ab+bc+ca)} \geq \frac{3}{2}. $$
Adding these, the claim follows. Equality holds if and only if $a=b=c$."""),
    (r"Let $x, y$ be positive real numbers with $xy = 1$. Show that $x + y \geq 2$.",
     r"By AM-GM, $x + y \geq 2\sqrt{xy} = 2$. Equality occurs iff $x = y = 1$."),
    (r"Let $a,b,c$ be real numbers. Prove that $a^2+b^2+c^2 \geq ab+bc+ca$.",
     r"The inequality is equivalent to $(a-b)^2+(b-c)^2+(c-a)^2 \geq 0$, which is obvious."),
    (r"Let $a,b,c$ be positive real numbers. Prove that $a^2+b^2+c^2 \geq ab+bc+ca$.",
     r"We have $a^2+b^2 \geq 2ab$, $b^2+c^2 \geq 2bc$ and $c^2+a^2 \geq 2ca$. Adding these and dividing by 2 we are done."),
    (r"Let $a, b, c$ be positive real numbers. Prove that $(a+b)(b+c)(c+a) \geq 8abc$.",
     r"By AM-GM $a+b \geq 2\sqrt{ab}$, $b+c \geq 2\sqrt{bc}$ and $c+a \geq 2\sqrt{ca}$. Multiplying them gives the result."),
]  # fmt: skip


@pytest.mark.parametrize(("problem", "proof"), RIGHT)
def test_right_proofs_are_accepted(problem, proof):
    verdict = check_proof(problem, proof)
    assert verdict.verdict == "accepted", verdict


WRONG = [
    # A flipped relation, a wrong constant, a wrong equality, a wrong equality case, a false claim.
    (RIGHT[0][0], RIGHT[0][1].replace(r"(a+b+c)^2 \geq 3", r"(a+b+c)^2 \leq 3"), r"(a + b + c)**2 <= "),
    (RIGHT[0][0], RIGHT[0][1].replace(r"{2(ab+bc+ca)}.", r"{ab+bc+ca}."), ">= (a + b + c)**2/(a*b + b*c + c*a)"),
    (RIGHT[1][0], RIGHT[1][1].replace(r"\sqrt{xy} = 2", r"\sqrt{xy} = 3"), "= 3"),
    (RIGHT[1][0], RIGHT[1][1].replace("x = y = 1", "x = y = 2"), "does not satisfy the hypotheses"),
    (RIGHT[3][0], RIGHT[3][1].replace(r"b^2+c^2 \geq 2bc", r"b^2+c^2 \geq 3bc"), "b**2 + c**2 >= 3*b*c"),
    (RIGHT[2][0].replace(r"ab+bc+ca", r"2ab+bc+ca"), RIGHT[2][1], "the claim itself fails"),
]


@pytest.mark.parametrize(("problem", "proof", "where"), WRONG)
def test_wrong_proofs_are_rejected_with_the_step(problem, proof, where):
    verdict = check_proof(problem, proof)
    assert verdict.verdict == "rejected"
    assert where in verdict.reason


@pytest.mark.parametrize(
    "proof",
    [
        "It is obvious.",
        r"Clearly $$\frac{a}{b+c}+\frac{b}{c+a}+\frac{c}{a+b} \geq \frac{3}{2}.$$",
        r"We have $(a-b)^2 \geq 0$ and we are done.",
        r"We have $a^2 + b^2 \geq 2ab$, and $\sum_{i=1}^{n} x_i \geq 0$.",
        r"Assume that $a = b$. Then $$\frac{a}{b+c}+\frac{b}{c+a}+\frac{c}{a+b} = \frac{2a}{a+c}+\frac{c}{2a} \geq \frac32.$$",
    ],
)
def test_what_does_not_reach_the_claim_is_not_accepted(proof):
    assert check_proof(NESBITT, proof).verdict == "unknown"


def test_definitions_substitutions_and_assumptions_are_understood():
    problem = r"Let $a,b,c$ be positive real numbers with $abc = 1$. Prove that $\frac{1}{a}+\frac1b+\frac1c \geq 3$."
    proof = r"""Put $a = \frac{x}{y}$, $b = \frac{y}{z}$, $c = \frac{z}{x}$ with $x,y,z>0$. Denote $S = x+y+z$.
The inequality becomes $\frac{y}{x}+\frac{z}{y}+\frac{x}{z} \geq 3$. Without loss of generality assume that $S = 1$.
Then $x + y + z = 1$ and $xy+yz+zx \leq \frac{1}{3}$."""
    verdict = check_proof(problem, proof)
    assert all(link.status in ("proved", "unrefuted") for link in verdict.links)
    assert len(verdict.links) == 3


def test_a_proof_by_contradiction_is_not_refuted_by_its_absurd_steps():
    problem = r"Let $a, b$ be positive reals with $ab = 1$. Prove that $a + b \geq 2$."
    verdict = check_proof(problem, r"Suppose on the contrary that $a + b < 2$. Then $(a+b)^2 < 4ab$, so $(a-b)^2 < 0$.")
    assert verdict.verdict == "accepted", verdict.reason
    assert [link.role for link in verdict.links] == ["goal", "goal"]
    verdict = check_proof(problem, r"Suppose on the contrary that $a + b < 2$. Then $(a+b)^2 < 3ab$, so $(a-b)^2 < 0$.")
    assert verdict.verdict == "unknown"


def test_the_answer_must_be_the_problems():
    problem = r"Let $a$ be a positive real. Consider: $$a + \frac1a \quad () \quad 2$$"
    proof = r"By AM-GM $a + \frac1a \geq 2\sqrt{a \cdot \frac1a} = 2$. Therefore, the answer is (B) $\geq$."
    assert check_proof(problem, proof).verdict == "accepted"
    assert check_proof(problem, proof.replace(r"(B) $\geq$", r"(A) $\leq$"), r"(B) $\geq$").verdict == "rejected"


def test_an_unreadable_problem_says_why():
    verdict = check_proof(r"Let $x_1, \ldots, x_n$ be reals. Prove that $x_1 + \cdots + x_n \geq 0$.", "Clear.")
    assert verdict.verdict == "unknown"
    assert "family" in verdict.reason
