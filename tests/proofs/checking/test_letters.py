"""Letters that a proof brings in, late, again, or for a side of the claim; and relations that turn round."""

import pytest

from olmix.proofs.checking.check_proof import check_proof

SUM = r"Let $a,b,c>0$ with $a+b+c=3$. Prove that $a^2+b^2+c^2\ge3$."


def statuses(problem, proof, answer=None):
    verdict = check_proof(problem, proof, answer, connect=False)
    return verdict.verdict, verdict.reason, [link.status for link in verdict.links]


@pytest.mark.parametrize(
    ("wrong", "proof"),
    [
        (False, "Put $a+b+c=p=3$, $ab+bc+ca=q$. Then $a^2+b^2+c^2=p^2-2q$ and $q\\le3$."),
        (True, "Put $a+b+c=p=4$, $ab+bc+ca=q$. Then $a^2+b^2+c^2=p^2-2q$ and $q\\le3$."),
        (False, "Let $s=a+b$, so that $s+c=3$. Then $c=3-s$."),
        (True, "Let $s=a+b$ and put $s+c=2$. Then $c=2-s$."),
    ],
)
def test_what_is_given_excludes_a_definition(wrong, proof):
    assert (statuses(SUM, proof)[0] == "rejected") == wrong


def test_a_letter_whose_value_is_found_later():
    text = r"We look for $k$ with $\frac13=\frac3k$. It follows that $k=%d$."
    assert statuses(SUM, text % 9)[2] == ["proved"]
    assert statuses(SUM, text % 10)[0] == "rejected"


@pytest.mark.parametrize("name", ["f(x)", "S"])
def test_a_side_of_the_claim_gets_a_name(name):
    problem = r"Let $x$ be a real number. Prove that $x^4-2x^2+1\ge0$."
    proof = f"Denote the left-hand side by ${name}$. Then ${name}=(x^2-1)^2$."
    assert statuses(problem, proof)[2] == ["proved"]
    assert statuses(problem, proof.replace("x^2-1", "x^2-2"))[0] == "rejected"


def test_sums_run_over_a_family_of_new_letters():
    problem = r"Let $a,b,c>0$ with $abc=1$. Prove that $a+b+c\ge3$."
    proof = r"""Let $a=\frac xy, b=\frac yz, c=\frac zx$ and denote $\frac1x=t_1, \frac1y=t_2, \frac1z=t_3$.
Then $\sum \frac{t_1}{t_2}%s3$."""
    assert statuses(problem, proof % r"\ge")[0] == "unknown"
    assert statuses(problem, proof % r"\le")[0] == "rejected"


@pytest.mark.parametrize("means", [r"A M \geq G M", r"\text{GM} \geq \text{HM}", r"H M \leq A M", r"QM \ge AM"])
def test_means_compare_one_way_only(means):
    proof = f"By ${means}$ we have $a^2+1\\ge2a$."
    assert statuses(SUM, proof)[0] == "unknown"
    turned = {r"\geq": r"\leq", r"\leq": r"\geq", r"\ge": r"\le"}
    sign = next(s for s in turned if f"{s} " in means)
    assert statuses(SUM, proof.replace(f"{sign} ", f"{turned[sign]} ", 1))[0] == "rejected"


def test_a_chain_that_changes_its_direction():
    proof = r"We have $a^2+b^2+c^2\ge\frac{(a+b+c)^2}3%s3$."
    assert statuses(SUM, proof % "=")[0] == "unknown"
    assert statuses(SUM, (proof % r"\le"))[0] == "rejected"
    # An ordering may do so: it says where each letter stands.
    assert "rejected" not in statuses(SUM, r"Without loss of generality $a\ge b\le c$. Then $a^2\ge b^2$.")
    assert statuses(SUM, r"Without loss of generality $a\ge b\le c$. Then $b^2\ge c^2$.")[0] == "rejected"


@pytest.mark.parametrize("condition", ["for $0<a<3$", "for all $0<a<3$", "if $0<a<3$"])
def test_what_is_claimed_under_a_condition_is_checked(condition):
    proof = "We claim that " + condition + r" $$a^2\ge 2a-1.$$ Indeed $(a-1)^2\ge0$."
    assert "refuted" not in statuses(SUM, proof)[2]
    assert statuses(SUM, proof.replace("2a-1", "2a"))[0] == "rejected"


def test_a_numbered_case_lasts_its_paragraph():
    problem = r"Let $x$ be a real number. Prove that $x^4-x+1>0$."
    proof = r"""1) If $x\le0$ then $x^4-x+1\ge1>0$. Also $-x\ge0$.

2) If $0<x<1$ then $x^4-x+1=x^4+(1-x)$. Here $1-x>0$ and $x^4<1$.

3) If $x\ge1$ then $x^4-x+1=x(x^3-1)+1$. Here $x^3\ge1$."""
    assert "refuted" not in statuses(problem, proof)[2]
    assert statuses(problem, proof.replace("x^4<1", "x^4>1"))[0] == "rejected"


@pytest.mark.parametrize(
    ("opening", "wrong"),
    [
        # What is not read leaves everything after it open.
        ("If $x,y,z$ have product $1$ then", False),
        ("If $x,y,z$ have product 1, then", True),
        ("If $x,y,z$ have product 8, then", False),
    ],
)
def test_a_problem_in_other_letters(opening, wrong):
    problem = r"Let $a,b,c>0$. Prove that $a^3+b^3+c^3\ge3abc$."
    found = statuses(problem, f"It is enough to prove the following.\n\n{opening} $x+y+z\\ge6$.")
    assert (found[0] == "rejected") == wrong


@pytest.mark.parametrize(
    ("word", "right"), [("smallest", r"\le"), ("largest", r"\ge"), ("minimum", r"\le"), ("greatest", r"\ge")]
)
def test_a_letter_that_is_the_least_or_the_greatest(word, right):
    other = {r"\le": r"\ge", r"\ge": r"\le"}
    proof = f"Assume that $a$ is the {word} of the numbers. Then $a^2{right} b^2$ and $a{right} c$."
    assert "refuted" not in statuses(SUM, proof)[2]
    assert statuses(SUM, proof.replace(f"a{right} c", f"a{other[right]} c"))[0] == "rejected"


def test_existence_brings_letters_in():
    problem = r"Let $a,b,c>0$ with $abc=1$. Prove that $a+b+c\ge3$."
    proof = r"""Since $abc=1$ there exist positive numbers $x,y,z$ such that $a=\frac xy, b=\frac yz, c=\frac zx$.
Then $\frac ab=\frac{xz}{y^2}$."""
    assert set(statuses(problem, proof)[2]) == {"proved"}
    assert statuses(problem, proof.replace("{y^2}", "{y^3}"))[0] == "rejected"


def test_equality_in_letters_that_the_proof_has_defined():
    problem = r"Let $x,y$ be real numbers different from 1. Prove that $\frac1{(1-x)^2}+\frac1{(1-y)^2}>0$."
    proof = r"""Let $\frac1{1-x}=u, \frac1{1-y}=v$. Then the sum is $S=u^2+v^2$, and $S\ge0$.
Equality occurs iff $u=v=%s$, which is impossible."""
    assert "refuted" not in statuses(problem, proof % 0)[2]
    assert statuses(problem, proof % 1)[0] == "rejected"
