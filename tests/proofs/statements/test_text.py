from fractions import Fraction

import pytest

from olmix.errors import UserError
from olmix.proofs.statements.expr import Relation, Var, add, div, mul, num, power, root
from olmix.proofs.statements.printing import to_latex, to_text
from olmix.proofs.statements.statement import parse_text
from olmix.proofs.statements.text import parse_expression, parse_relations

a, b, c = Var("a"), Var("b"), Var("c")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b*c", add(a, mul(b, c))),
        ("-a**2", mul(num(-1), power(a, 2))),
        ("a^2/b", div(power(a, 2), b)),
        ("a/b/c", mul(a, power(b, -1), power(c, -1))),
        ("2**3**2", num(512)),
        ("sqrt(a*b)", root(mul(a, b))),
        ("root(a, 3)", root(a, 3)),
        ("0.25*a", mul(num(Fraction(1, 4)), a)),
        ("3/2", num(Fraction(3, 2))),
        ("a**-1", power(a, -1)),
        ("a − b", add(a, mul(num(-1), b))),
    ],
)
def test_reads_expressions(text, expected):
    assert parse_expression(text) == expected


@pytest.mark.parametrize("text", ["ab", "2a", "a b", "a +", "(a", "foo(a)", "a $ b", "", "a)", "root(a)", "a**9999"])
def test_refuses_what_it_would_have_to_guess(text):
    with pytest.raises(UserError):
        parse_expression(text)


def test_a_chain_is_two_relations():
    first, second = parse_relations("0 < a <= b")
    assert (first, second) == (Relation(num(0), "<", a), Relation(a, "<=", b))


@pytest.mark.parametrize(
    "text",
    [
        "a*b + b*c <= a**2",
        "(a + b)**2/(c*(a + 1)) >= -3/2*a",
        "sqrt(a + sqrt(b)) - (a - b - c) >= a**(2/3)/7",
        "1/(a*b*c)**2 > abs(a - b)*max(a, b, 1/c)",
        "a**a*b**(b + 1) != 2/(3*a)",
    ],
)
def test_what_is_printed_reads_the_same(text):
    statement = parse_text(text, "pos", ["a*b*c = 1"])
    again = statement.to_text()
    assert parse_text(again["statement"], again["domain"], again["constraints"]) == statement


def test_latex_of_a_quotient():
    assert to_latex(parse_expression("a**2/(b + c) - 3*sqrt(a*b)/2")) == r"\frac{a^{2}}{b+c}-\frac{3}{2} \sqrt{a b}"
    assert to_text(parse_expression("-(a - b)")) == "-a + b"


def test_an_unknown_domain_names_the_nearest():
    with pytest.raises(UserError, match="nearest: pos"):
        parse_text("a >= 0", "poss")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("(" * 5000 + "a" + ")" * 5000, "nested more than"),
        ("a^" * 400 + "a", "nested more than"),
        ("1" * 5000, "digits"),
        ("0." + "0" * 5000 + "1", "digits"),
        ("((9^500)^500)^500", "digits"),
        ("((a^500)^500)^500", "exponents above"),
        ("a^-1000", "exponents above"),
        ("a + " * 6000 + "a", "characters"),
        ("٣*a", "not part of an expression"),
        ("a + ０", "not part of an expression"),
    ],
)
def test_what_goes_beyond_a_limit_is_one_sentence(text, why):
    with pytest.raises(UserError, match=why) as caught:
        parse_expression(text)
    assert len(str(caught.value)) < 200


def test_long_but_flat_input_is_read():
    assert parse_expression("-" * 5000 + "a") == parse_expression("a")
    assert parse_relations("+".join(["a"] * 3000) + ">= 0")[0].variables() == ("a",)
    assert parse_expression("a²³ + b⁻²") == parse_expression("a^23 + b^(-2)")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a + >= b", 5),
        ("a $ b", 3),
        ("2a", 2),
        ("b >= foo(b)", 6),
        ("a² + ab >= 1", 6),
        ("sqrt a >= 1", 1),
        ("a >=", 5),
    ],
)
def test_says_at_which_character(text, place):
    with pytest.raises(UserError, match=f"character {place}:"):
        parse_relations(text)


def test_other_signs_are_the_same_relation():
    assert parse_relations("a÷(b + c) + √(a·b) ⩾ 3/2") == parse_relations("a/(b + c) + sqrt(a*b) >= 3/2")
    with pytest.raises(UserError, match="write >= for =>"):
        parse_relations("a => b")
    with pytest.raises(UserError, match="Euler"):
        parse_relations("e**a >= 1 + a")
