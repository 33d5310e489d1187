"""Claims and hypotheses as people type them: what is certain is read, whatever else is refused with its reason."""

import pytest

from olmix.errors import UserError
from olmix.proofs.statements.notation import read_statement
from olmix.proofs.statements.text import parse_relations


def texts(claim, *hypotheses):
    return read_statement(claim, hypotheses)


@pytest.mark.parametrize(
    ("latex", "plain"),
    [
        (r"$\frac{a}{b+c} + \sqrt{ab} \geq \frac{3}{2}$", "a/(b + c) + sqrt(a*b) >= 3/2"),
        (r"\[ {a+b \over 2} >= \sqrt{ab}. \]", "(a + b)/2 >= sqrt(a*b)"),
        (r"a^2{}+{}b^2 \geqq 2\ast a{}b \\", "a^2 + b^2 >= 2*a*b"),
        (r"\begin{aligned} a^2+b^2 &\geq 2ab \end{aligned}", "a^2 + b^2 >= 2*a*b"),
        (r"\begin{equation*} a^{2}+b^{2} \geq 2ab \tag{1} \end{equation*}", "a^2 + b^2 >= 2*a*b"),
        (r"\boxed{a^2+b^2 \ge 2ab}", "a^2 + b^2 >= 2*a*b"),
        (r"a^2+b^2 \ge 2ab \quad \text{for all } a, b", "a^2 + b^2 >= 2*a*b"),
        (r"\prod_{cyc}(a+b)\geq 8abc", "(a + b)*(b + c)*(c + a) >= 8*a*b*c"),
        (r"\sum_{sym}a^2b\geq 6abc", "a^2*b+a^2*c+b^2*a+b^2*c+c^2*a+c^2*b >= 6*a*b*c"),
        (r"\sum_{k=1}^{3} k \ge a", "6 >= a"),
    ],
)
def test_latex_means_the_same_as_plain_text(latex, plain):
    assert texts(latex) == (parse_relations(plain), ())


@pytest.mark.parametrize("given", ["abc = 1", "a b c = 1", "$abc = 1$", "a*b*c = 1", r"a\,bc = 1."])
def test_hypotheses_beside_latex_are_products_too(given):
    cyclic, same = texts(r"\sum_{cyc}\frac ab \ge 3", given), texts("a/b + b/c + c/a >= 3", "a*b*c = 1")
    assert cyclic == same


def test_hypotheses_beside_latex_may_be_plain_text():
    claims, given = texts(r"x_1+x_2 \ge 2\sqrt{x_1x_2}", "sqrt(x1) + x2 = 1", r"x_1, x_2 \in [0, 1]")
    assert given == parse_relations("sqrt(x_1) + x_2 = 1") + tuple(
        r for text in ("x_1 >= 0", "x_1 <= 1", "x_2 >= 0", "x_2 <= 1") for r in parse_relations(text)
    )
    assert claims == parse_relations("x_1 + x_2 >= 2*sqrt(x_1*x_2)")


@pytest.mark.parametrize(
    ("claim", "given", "why"),
    [
        (r"\foo{a} \ge 1", (), "not read"),
        (r"\frac{a}{2} \ge 1", ("sqr(a) + a = 1",), "sqr"),
        (r"\sum_{cyc}\frac ab \ge 2", (), "which of a, b a sum sign runs over"),
        (r"\sum \frac{a}{b+kc} \ge \frac{3}{1+k}", (), "which of a, b, c, k"),
        (r"e^a \geq 1+a", (), "Euler"),
        (r"|KL| \leq |KM|+\left|ML\right|", (), "length"),
        (r"\sigma(n) \geq n+1", (), "function"),
        (r"S_{\triangle} \leq \frac{1}{2}ab", (), "area"),
        (r"[KLM] \geq 2ab", (), "area"),
        (r"f(a)+f(b) \geq 2f\left(\frac{a+b}2\right)", (), "f is not defined"),
        (r"\{a\}+\{b\}\ge\{a+b\}", (), "fractional"),
        (r"\frac{a}{2} \ge x2", (), "x_2"),
        (r"a^2+b^2 \geq 2ab \text{ or } a \leq b", (), "'or'"),
        (r"a \geq b \implies a^2 \geq b^2", (), "not read"),
        (r"a+b \ge 2\sqrt{ab} \text{ (fractional parts)}", (), "fractional parts"),
        (r"a+b \ge \frac12", (r"a=1 \text{ or } b=2",), "'or'"),
        (r"\frac12", (), "relation"),
        (r"$a^2 \ge 0$ whenever $a>0$", (), "not read"),
    ],
)
def test_what_has_two_readings_has_none(claim, given, why):
    with pytest.raises(UserError, match=why):
        read_statement(claim, given)
