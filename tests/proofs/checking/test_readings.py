"""Relations that only the words around them show to be wrong: points, suppositions, announcements, the constant asked for."""

import pytest

from olmix.proofs.checking.check_proof import check_proof
from olmix.proofs.checking.legitimacy import legitimate
from olmix.proofs.checking.links import Context
from olmix.proofs.statements.expr import Relation, Var
from olmix.proofs.statements.statement import parse_text

SUM = r"Let $a,b,c>0$ with $a+b+c=3$. Prove that $a^2+b^2+c^2\ge3$."


def verdict(proof, problem=SUM, answer=None):
    return check_proof(problem, proof, answer, connect=False).verdict


@pytest.mark.parametrize(
    "text",
    [
        "The minimal value occurs when $a=b=c$, i.e. $a=b=c=%s$, since $a+b+c=3$.",
        "By symmetry the minimum is reached at $a=b=c=%s$.",
        "We guess that the least value is attained for $a=b=c=%s$.",
    ],
)
def test_a_point_lies_in_what_is_given(text):
    assert verdict(text % 1) == "unknown"
    assert verdict(text % 2) == "rejected"


SUPPOSED = r"""Suppose $a=b=c$. Then $a^2+b^2+c^2=3$.

In general $a^2+b^2+c^2%s\frac{(a+b+c)^2}{3}$."""


def test_what_was_supposed_for_a_while_proves_no_inequality():
    assert verdict(SUPPOSED % r"\ge") == "unknown"
    assert verdict(SUPPOSED % r"\le") == "rejected"
    # The same in the paragraph of the supposition is about that point.
    assert verdict((SUPPOSED % r"\le").replace("\n\n", " ")) != "rejected"


def test_what_is_announced_inside_a_contradiction_is_no_opposite_of_a_theorem():
    proof = r"""Suppose that the inequality is false. Then $a^2+b^2+c^2<3$. We reach a contradiction by showing that
$ab+bc+ca%s a^2+b^2+c^2$."""
    assert verdict(proof % r"\le") == "unknown"
    assert verdict(proof % r"\ge") == "rejected"
    # What follows from the false supposition may well be false.
    absurd = "Suppose that the inequality is false. Then $a^2+b^2+c^2<3$, so $ab+bc+ca>a^2+b^2+c^2$."
    assert verdict(absurd) != "rejected"


CONSTANT = r"Let $a,b>0$. Find the smallest constant $C$ such that $\sqrt{ab}\le C(a+b)$ for all $a,b>0$."


@pytest.mark.parametrize("factor", [2, 3])
def test_the_constant_stands_for_its_value_in_the_case(factor):
    proof = rf"""By AM-GM $\sqrt{{ab}}\le\frac{{a+b}}2$.
Equality holds when $a=b$, in which case $C(a+b)={factor}Ca$ and $\sqrt{{ab}}=a$."""
    assert verdict(proof, CONSTANT, r"$C=\frac12$") == ("unknown" if factor == 2 else "rejected")


@pytest.mark.parametrize(("value", "outcome"), [("n-1", "unknown"), ("n-2", "rejected")])
def test_a_constant_with_letters_is_the_one_of_the_answer(value, outcome):
    problem = r"""Let $x>0$ and let $n$ be a positive integer. Find the largest constant $C$ such that
$x^n+n-1 \ge (n-1)x + C + x - (n-1)x$."""
    proof = rf"""By Bernoulli $x^n\ge1+n(x-1)$ for $x\ge1$.
Equality holds when $x=1$, so the largest value is $C={value}$."""
    found = check_proof(problem, proof, "$C=n-1$", connect=False)
    assert any("the answer is" in link.reason for link in found.links) == (outcome == "rejected")


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_side_that_is_spelled_out_in_words(side):
    problem = r"Let $x,y$ be real numbers. Prove that $(x+y)^2\ge 4xy$."
    right = {"left": "x^2+2xy+y^2", "right": "2xy+2xy"}[side]
    assert verdict(f"The {side}-hand side is ${right}$.", problem) == "unknown"
    assert verdict(f"The {side} hand side equals ${right.replace('2xy', '3xy', 1)}$.", problem) == "rejected"


def test_power_means_compare_by_their_order():
    proof = r"By the power mean inequality $M_{1}^{m}(a,b,c) \leq M_{2}^{m}(a,b,c)$, so $a^2+b^2+c^2\ge3$."
    assert verdict(proof) == "unknown"
    assert verdict(proof.replace(r"\leq", r"\geq")) == "rejected"
    assert verdict(proof.replace("M_{1}", "M_{-1}")) == "unknown"


@pytest.mark.parametrize(
    ("claim", "right"),
    [("a**3+b**3+c**3 >= a**2*b+b**2*c+c**2*a", True), ("a**2+2*b**2+c**2 >= a*b+b*c", False)],
)
def test_that_one_letter_is_the_greatest_loses_nothing_in_a_cyclic_problem(claim, right):
    statement = parse_text(claim, "pos", [])
    orders = [Relation(Var("a"), ">=", Var(other)) for other in "bc"]
    assert legitimate(statement, orders, Context(statement)) == right
    # Somewhere around the circle one letter is not below the next, but an order of all three is too much to ask.
    assert legitimate(statement, orders[:1], Context(statement)) == right
    assert not legitimate(statement, [*orders, Relation(Var("b"), ">=", Var("c"))], Context(statement))


def test_a_letter_between_two_others():
    proof = r"Since the inequality is symmetric, assume that $b$ is between $a$ and $c$. Then $(b-a)(b-c)%s0$."
    assert verdict(proof % r"\le") == "unknown"
    assert verdict(proof % r"\ge") == "rejected"


@pytest.mark.parametrize("second", [1, 0])
def test_an_equality_that_cannot_hold_may_contradict_itself(second):
    problem = r"Let $z$ be a real number. Prove that $2z^2+1>2z$."
    proof = rf"We have $2z^2-2z+1=z^2+(z-1)^2\ge0$, but equality cannot hold: it would require $z=0$ and $z={second}$."
    found = check_proof(problem, proof, connect=False)
    assert found.verdict == "unknown"
    assert (found.links[-1].status == "unrefuted") == (second == 1)
