import json

import pytest

from olmix.errors import UserError
from olmix.proofs.problem_text import find_answer, parse_latex
from olmix.proofs.statement import parse_text
from tests.shared_data import shared_data


@pytest.mark.parametrize(
    ("problem", "answer", "statement"),
    [
        (r"Let $a,b,c$ be positive real numbers. Prove that $$\frac{a}{b+c}+\frac{b}{c+a}+\frac{c}{a+b} \geq \frac32.$$",
         None, ("a/(b+c)+b/(c+a)+c/(a+b) >= 3/2", "pos", [])),
        (r"For all nonnegative reals $x, y$ with $x+y=2$, show that $xy \leq 1$.", None,
         ("x*y <= 1", "nonneg", ["x+y=2"])),
        (r"Let $a, b, c > 1$ be real numbers such that $abc = 8$. Find the largest constant $C$ such that the following "
         r"inequality holds for all $a, b, c$ satisfying the given constraint: $$a+b+c \geq C$$", "$C = 6$",
         ("a+b+c >= 6", "pos", ["a > 1", "b > 1", "c > 1", "a*b*c = 8"])),
        (r"Let $x \in \mathbb{R}^{+}$. Consider the following expressions: $$x + \frac1x \quad () \quad 2$$ Determine the "
         r"correct relation. Options: (A) $\leq$ (B) $\geq$", r"(B) $\geq$", ("x + 1/x >= 2", "pos", [])),
        (r"Let $a,b,c$ be the side lengths of a triangle. Prove that $(a+b-c)(b+c-a)(c+a-b) \leq abc$.", None,
         ("(a+b-c)*(b+c-a)*(c+a-b) <= a*b*c", "pos", ["b+c > a", "a+c > b", "a+b > c"])),
        (r"Let $a, b \in (0,1)$. Prove that $a(1-a)b(1-b) \leq \frac{1}{16}$.", None,
         ("a*(1-a)*b*(1-b) <= 1/16", "real", ["a > 0", "a < 1", "b > 0", "b < 1"])),
    ],
)  # fmt: skip
def test_reads(problem, answer, statement):
    assert parse_latex(problem, answer) == parse_text(*statement)


@pytest.mark.parametrize(
    ("problem", "why"),
    [
        (r"Let $x_1, \ldots, x_n$ be positive reals. Prove that $x_1+\cdots+x_n \geq 0$.", "family"),
        (r"Let $a, b$ be positive reals. Prove that $a + b \geq R$.", "R is not introduced"),
        (r"Let $a, b$ be positive reals.", "no claim"),
        (r"Let $a, b$ be real numbers. Consider: $$a^2+b^2 \quad () \quad 2ab$$", "relation to fill in"),
        (r"Let $a,b$ be real. Prove that $a^2 \geq 0$ and $b^2 \geq 0$.", "2 claims"),
    ],
)
def test_what_has_no_certain_reading_is_not_read(problem, why):
    with pytest.raises(UserError, match=why):
        parse_latex(problem)


@pytest.mark.parametrize(
    "statement",
    [
        ("a/(b+c) + b/(c+a) + c/(a+b) >= 3/2", "pos", []),
        ("x*y <= 1", "nonneg", ["x + y = 2"]),
        ("a**2 + b**2 + c**2 >= a*b + b*c + c*a", "real", ["a*b*c = 1", "a <= 5"]),
        ("sqrt(a) + sqrt(b) < 2*sqrt(a + b)", {"a": "pos", "b": "nonneg"}, []),
    ],
)
def test_a_statement_survives_its_own_latex(statement):
    parsed = parse_text(*statement)
    assert parse_latex(parsed.to_latex()) == parsed


def test_the_last_answer_counts():
    assert find_answer(r"... the answer is $C=3$. No: the answer is (B) $\geq$.") == r"\geq"
    assert find_answer("nothing") is None


def test_most_published_problems_are_read():
    items = json.loads(shared_data("inequalities", "ineqmath_100.json").read_text())
    read = 0
    for item in items:
        try:
            parse_latex(item["problem"], item["answer"])
            read += 1
        except UserError:
            continue
    assert read >= 0.85 * len(items)
