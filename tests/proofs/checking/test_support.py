"""What supports a claim: visible evidence, a derivation, a theorem that it is an instance of; never the claim itself."""

import pytest

from olmix.proofs.checking.check_proof import check_proof
from olmix.proofs.checking.instances import is_common, is_instance, is_mean_instance
from olmix.proofs.statements.statement import parse_text

PROBLEMS = {
    "three squares": (r"Let $u, v, w$ be real numbers.", r"u^2+v^2+w^2", r"uv+vw+wu"),
    "a mean": (r"Let $p, q$ be positive real numbers.", r"p^3+p^3+q^3", r"3p^2q"),
    "quotients": (r"Let $x, y$ be positive real numbers.", r"\frac xy+\frac yx", "2"),
    "one variable": (r"Let $t$ be a real number.", r"t^2+9", r"6t"),
}
BOGUS = {
    "restated": r"We have $$L \ge R.$$ This completes the proof.",
    "scaled": r"Clearly $5(L) \ge 5(R)$. Hence $L \ge R$.",
    "moved": r"Note that $(L) - (R) \ge 0$. The claim follows.",
    "shifted": r"It is equivalent to $3(L)+7 \ge 3(R)+7$, which is true.",
    "well known": r"It is well known that $2(L) \ge 2(R)$. Divide by $2$.",
    "averaged": r"$$L \ge \frac{L + R}{2} \ge R.$$",
    "padded": r"$$(L)-(R) = 2(L)-2(R)-(L)+(R) \ge 0.$$",
    "vacuous": r"Since $0 \ge 0$ and $1 \ge 0$, we get $$L \ge R.$$",
}


@pytest.mark.parametrize("bogus", BOGUS)
@pytest.mark.parametrize("name", PROBLEMS)
def test_the_claim_is_not_its_own_proof(name, bogus):
    opening, left, right = PROBLEMS[name]
    proof = BOGUS[bogus].replace("L", left).replace("R", right)
    verdict = check_proof(f"{opening} Prove that ${left} \\ge {right}$.", proof)
    assert verdict.verdict == "unknown", verdict.reason


def test_a_theorem_that_the_claim_is_no_instance_of_is_no_support():
    problem = r"Let $u, v, w$ be real numbers. Prove that $u^2+v^2+w^2\ge uv+vw+wu$."
    assert check_proof(problem, r"By Minkowski's inequality $u^2+v^2+w^2\ge uv+vw+wu$.").verdict == "unknown"


def test_a_lemma_in_other_letters_is_not_its_proof():
    problem = r"Let $x,y,z>0$. Prove that $\frac xy+\frac yz+\frac zx\ge 3$."
    lemma = r"Lemma. For $p,q,r>0$ we have $\frac pq+\frac qr+\frac rp\ge 3$. Taking $p=x$, $q=y$, $r=z$ we are done."
    assert check_proof(problem, lemma).verdict == "unknown"
    cited = r"By AM-GM, $\frac xy+\frac yz+\frac zx\ge 3\sqrt[3]{\frac xy\cdot\frac yz\cdot\frac zx}=3$."
    assert check_proof(problem, cited).verdict == "accepted"


@pytest.mark.parametrize(
    ("name", "proof"),
    [
        ("three squares", r"$u^2+v^2+w^2-uv-vw-wu=\frac12\left((u-v)^2+(v-w)^2+(w-u)^2\right)\ge0$."),
        ("a mean", r"By AM-GM, $p^3+p^3+q^3\ge3p^2q$."),
        ("a mean", r"$2p^3+q^3-3p^2q=(p-q)^2(2p+q)\ge0$."),
        ("quotients", r"$\frac xy+\frac yx-2=\frac{(x-y)^2}{xy}\ge0$."),
        ("one variable", r"We have $(t-3)^2\ge0$, hence $t^2+9\ge6t$."),
    ],
)
def test_evidence_that_can_be_seen_is_enough(name, proof):
    opening, left, right = PROBLEMS[name]
    verdict = check_proof(f"{opening} Prove that ${left} \\ge {right}$.", proof)
    assert verdict.verdict == "accepted", verdict.reason
    flipped = check_proof(f"{opening} Prove that ${left} \\ge {right}$.", proof.replace(r"\ge", r"\le", 1))
    assert flipped.verdict == "rejected"


@pytest.mark.parametrize(
    ("claim", "domain", "true"),
    [
        ("x^2/y + y^2/z + z^2/x >= (x + y + z)^2/(x + y + z)", "pos", True),
        ("(x + y)*(1/x + 1/y) >= 4", "pos", True),
        ("(x + y)*(1/x + 1/y) >= 3.9", "pos", False),
        ("x^3 + y^3 + z^3 >= x^2*y + y^2*z + z^2*x", "pos", True),
        ("2*(x^3 + y^3 + z^3) >= x^2*y + x*y^2 + y^2*z + y*z^2 + z^2*x + z*x^2", "pos", True),
        ("3*(x^3 + y^3 + z^3) >= (x + y + z)*(x^2 + y^2 + z^2)", "pos", True),
        ("sqrt(x) + sqrt(y) <= 2*sqrt((x + y)/2)", "pos", True),
        ("x^3 + y^3 + z^3 + 3*x*y*z >= x^2*y + x*y^2 + y^2*z + y*z^2 + z^2*x + z*x^2", "nonneg", True),
        ("x^4 + y^4 + 1 >= x^3*y + x", "pos", False),
        ("x^4 + 2*y^4 >= 3*x*y^3", "pos", False),
    ],
)
def test_instances_of_theorems_are_told_from_other_inequalities(claim, domain, true):
    assert is_instance(parse_text(claim, domain, [])) is true


def test_the_weights_of_a_mean_are_found():
    assert is_mean_instance(parse_text("2*x + y >= 3*cbrt(x^2*y)", "pos", []))
    assert is_mean_instance(parse_text("32*x + 1 >= 3*cbrt(256*x^2)", "pos", []))
    assert not is_mean_instance(parse_text("2*x + y >= 3.1*cbrt(x^2*y)", "pos", []))
    assert not is_mean_instance(parse_text("2*x + y >= 2.9*cbrt(x*y^2)", "pos", []))
    assert is_common(parse_text("x/y + y/x + z/x + x/z >= 4", "pos", []))
    assert not is_common(parse_text("x/y + y/z + z/x >= 3", "pos", []))


def test_a_substitution_by_angles_is_not_seen_through_and_breaks_nothing():
    problem = r"Let $x, y \in [0,1]$. Prove that $x\sqrt{1-y^{2}}+y\sqrt{1-x^{2}} \leq 1$."
    proof = (
        r"Let $x=\sin\alpha$, $y=\sin\beta$ with $\alpha,\beta \in \left[0,\frac{\pi}{2}\right]$. Then "
        r"$\sqrt{1-x^{2}}=\cos\alpha$ and $\sqrt{1-y^{2}}=\cos\beta$, so "
        r"$$x\sqrt{1-y^{2}}+y\sqrt{1-x^{2}}=\sin\alpha\cos\beta+\sin\beta\cos\alpha=\sin(\alpha+\beta) \leq 1.$$"
    )
    assert check_proof(problem, proof).verdict == "unknown"
