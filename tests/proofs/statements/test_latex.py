from fractions import Fraction

import pytest

from olmix.proofs.statements.expr import Var, num
from olmix.proofs.statements.formulas import Chain, Member, read_formula
from olmix.proofs.statements.latex import Scope, Unreadable, parse_latex_expression, variable_groups
from olmix.proofs.statements.printing import to_latex, to_text
from olmix.proofs.statements.text import parse_expression

SCOPE = Scope(("a", "b", "c"), variable_groups(("a", "b", "c")))


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"\frac{a^{2}}{b+c}", "a**2/(b+c)"),
        (r"\sqrt[3]{a b c}", "(a*b*c)**(1/3)"),
        (r"2 a \left(b-\frac12\right)", "2*a*(b-1/2)"),
        (r"\dfrac{1}{a}\cdot b", "1/a*b"),
        (r"a_{1}x_2", "a_1*x_2"),
        (r"|a-b|", "abs(a-b)"),
        (r"\max\{a, b\}", "max(a,b)"),
        (r"-a^{-2}", "-a**-2"),
        (r"\sum a b", "a*b+b*c+c*a"),
        (r"\sum_{cyc} \frac{a}{b+c}", "a/(b+c)+b/(c+a)+c/(a+b)"),
        (r"\prod (a+b)", "(a+b)*(b+c)*(c+a)"),
        (r"\sum_{i=1}^{3} x_{i}", "x_1+x_2+x_3"),
        (r"3 \sqrt{2 a}", "3*sqrt(2*a)"),
        (r"a^{a} b^{b+1}", "a**a*b**(b+1)"),
        (r"1 / 2", "1/2"),
    ],
)
def test_reads(latex, text):
    assert parse_latex_expression(latex, SCOPE) == parse_expression(text)


def test_symmetric_sums_have_all_permutations():
    value = parse_latex_expression(r"\sum_{sym} a^{2} b", SCOPE)
    assert value == parse_expression("a**2*b+a**2*c+b**2*a+b**2*c+c**2*a+c**2*b")


@pytest.mark.parametrize("latex", [
    r"x_{1}+\cdots+x_{n}", r"1/2a", r"a!", r"f'(x)", r"\int a", r"\sum_{i=1}^{n} x_i", r"\frac{a}", "a^", r"a^12", "",
    r"f(x)", r"\binom{n}{2}", r"x_{i}",
])  # fmt: skip
def test_refuses_what_has_no_certain_reading(latex):
    with pytest.raises(Unreadable):
        parse_latex_expression(latex, SCOPE)


@pytest.mark.parametrize("text", ["a**2/(b+c)-3*sqrt(a*b)/2", "(a-b)**2*(a+1/c)", "2**a*3", "1/(a*b)**2", "-(a+b)/2",
                                  "max(a,b)+abs(c)", "(a*b*c)**(1/3)+x_1", "a**(2/3)"])  # fmt: skip
def test_latex_that_is_printed_reads_the_same(text):
    expr = parse_expression(text)
    again = parse_latex_expression(to_latex(expr), SCOPE)
    assert to_text(again) == to_text(expr)


def chains(latex):
    return [p for p in read_formula(latex, SCOPE) if isinstance(p, Chain)]


def test_an_aligned_display_is_one_chain():
    (chain,) = chains(r"\begin{aligned} & a^2+b^2 \geq \\ & \geq 2 a b = \frac{4ab}{2} \tag{1} \end{aligned}")
    assert chain.ops == (">=", "=")
    assert all(side.expr is not None for side in chain.sides)


def test_rows_words_and_arrows_separate_chains():
    found = chains(r"a \geq b, \quad \text{i.e.} \quad b \leq a \Leftrightarrow a-b \geq 0 \\ c = 1")
    assert [c.lead for c in found] == ["", "i.e.", "<=>", ","]


def test_lists_share_what_follows():
    assert [to_text(c.sides[0].expr) for c in chains("a, b, c > 0")] == ["a", "b", "c"]
    (member,) = read_formula(r"a, b \in (0, 1)", SCOPE)
    assert isinstance(member, Member)
    assert member.names == ("a", "b")
    assert len(member.relations) == 4


def test_tuples_are_equations():
    found = chains(r"(a, b) = (2, 1/2)")
    assert [(c.sides[0].expr, c.sides[1].expr) for c in found] == [
        (Var("a"), num(2)), (Var("b"), num(Fraction(1, 2)))
    ]  # fmt: skip


def test_a_line_may_continue_the_one_before():
    (chain,) = chains(r"\leq a + b")
    assert chain.continues


def test_raised_digits_are_powers():
    assert parse_latex_expression("a²b + x¹²", SCOPE) == parse_expression("a^2*b + x^12")


@pytest.mark.parametrize(
    ("latex", "why"),
    [
        ("(" * 3000 + "a" + ")" * 3000, "nested more than"),
        (r"\frac1" * 3000 + "a", "nested more than"),
        ("9" * 5000, "digits"),
        ("a^{b}^{c}", "two exponents"),
        ("٣a", "not read"),
        ("a+ａ", "not read"),
    ],
)
def test_what_goes_beyond_a_limit_is_not_read(latex, why):
    with pytest.raises(Unreadable, match=why):
        parse_latex_expression(latex, SCOPE)
