import json

import pytest

from olmix.errors import UserError
from olmix.proofs.statements.problem_text import parse_latex
from olmix.proofs.statements.statement import parse_text
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
        (r"Let $a,b$ be real. Prove that $a^2 = b$ and $b^2 \geq 0$.", "2 claims"),
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


def test_most_published_problems_are_read():
    items = json.loads(shared_data("inequalities", "ineqmath_100.json").read_text())
    read = 0
    for item in items:
        try:
            parse_latex(item["problem"], item["answer"])
            read += 1
        except UserError:
            continue
    assert read >= 0.91 * len(items)


def _given(text):
    """`domain : a > b, ab = 1` as the domain and the constraints."""
    domain, _, rest = text.partition(":")
    return domain.strip(), [part for part in (p.strip() for p in rest.split(",")) if part]


ABC = "a + b + c >= 3"
LET = r"Let $a,b,c$ be positive real numbers"
CLAIM = r"Prove that $a+b+c\ge 3$."


@pytest.mark.parametrize(
    ("problem", "claim", "given"),
    [
        # What holds for all variables together.
        (rf"{LET} whose product is $1$. {CLAIM}", ABC, "pos: a*b*c = 1"),
        (rf"{LET} with product $1$. {CLAIM}", ABC, "pos: a*b*c = 1"),
        (rf"{LET} whose sum equals 4. {CLAIM}", ABC, "pos: a+b+c = 4"),
        (rf"{LET} with sum $4$. {CLAIM}", ABC, "pos: a+b+c = 4"),
        (rf"{LET} adding up to $4$. {CLAIM}", ABC, "pos: a+b+c = 4"),
        (rf"{LET} whose sum is at least $4$. {CLAIM}", ABC, "pos: a+b+c >= 4"),
        (rf"{LET} the sum of whose squares is $3$. {CLAIM}", ABC, "pos: a^2+b^2+c^2 = 3"),
        (rf"{LET} such that the sum of their reciprocals is $3$. {CLAIM}", ABC, "pos: 1/a+1/b+1/c = 3"),
        (rf"{LET} with arithmetic mean $1$. {CLAIM}", ABC, "pos: (a+b+c)/3 = 1"),
        (rf"Positive reals $a,b,c$ have product $1$. {CLAIM}", ABC, "pos: a*b*c = 1"),
        (rf"The product of three positive numbers $a,b,c$ equals $1$. {CLAIM}", ABC, "pos: a*b*c = 1"),
        (r"Let $a,b,c$ be reals with $a+b+c=4$. Prove that their product is at most $3$.", "a*b*c <= 3", "real: a+b+c = 4"),
        # Conditions in formulas.
        (rf"Let $a,b,c>0$ with $abc=1$. {CLAIM}", ABC, "pos: a*b*c = 1"),
        (rf"Let $a,b,c>0$ be such that $abc=1$. {CLAIM}", ABC, "pos: a*b*c = 1"),
        (rf"{LET} satisfying the condition $abc=1$. {CLAIM}", ABC, "pos: a*b*c = 1"),
        (rf"{LET}, $abc=1$. {CLAIM}", ABC, "pos: a*b*c = 1"),
        (rf"{LET}, and let $abc=1$. {CLAIM}", ABC, "pos: a*b*c = 1"),
        (rf"{LET}. If $abc\ge1$, prove that $a+b+c\ge3$.", ABC, "pos: a*b*c >= 1"),
        (rf"{LET} such that $abc$ is equal to $1$. {CLAIM}", ABC, "pos: a*b*c = 1"),
        (rf"{LET} such that $abc$ does not exceed $1$. {CLAIM}", ABC, "pos: a*b*c <= 1"),
        (r"Given that $a+b=1$ and $a,b\ge0$, show that $ab\le\frac14$.", "a*b <= 1/4", "nonneg: a+b = 1"),
        (r"If $a+b=1$, $a\ge0$, $b\ge0$, then $ab\le\frac14$.", "a*b <= 1/4", "nonneg: a+b = 1"),
        (r"Suppose $x,y>0$ and $x+y=1$. Then $xy\le\frac14$.", "x*y <= 1/4", "pos: x+y = 1"),
        (r"We are given positive reals $x,y$ with $x+y=1$. Show that $xy\le\frac14$.", "x*y <= 1/4", "pos: x+y = 1"),
        (r"Assume that $x,y$ are positive and that $x+y=1$. Prove $xy\le\frac14$.", "x*y <= 1/4", "pos: x+y = 1"),
        (r"Consider real numbers $x\neq y$ with $xy=1$. Prove that $x^2+y^2>2$.", "x^2+y^2 > 2", "real: x != y, x*y = 1"),
        (r"Let $n$ be a positive integer and $x$ a real number with $x\ge0$. Prove that $nx\ge0$.", "n*x >= 0", "mixed"),
        # Orderings, bounds and intervals.
        (r"Let $a>b>0$. Prove that $a^2>b^2$.", "a^2 > b^2", "pos: a > b"),
        (r"Let $x\ge y\ge z>0$. Prove that $x^2\ge yz$.", "x^2 >= y*z", "pos: x >= y, y >= z"),
        (r"Let $0<a,b,c<1$. Prove that $abc<1$.", "a*b*c < 1", "pos: a < 1, b < 1, c < 1"),
        (r"Let $0\le x,y\le2$. Prove that $xy\le4$.", "x*y <= 4", "nonneg: x <= 2, y <= 2"),
        (r"Let $x,y$ be real numbers in the interval $[0,1]$. Prove $xy\le1$.", "x*y <= 1",
         "real: x >= 0, x <= 1, y >= 0, y <= 1"),
        (r"Let $x,y\in[0,1]$. Prove $xy\le1$.", "x*y <= 1", "real: x >= 0, x <= 1, y >= 0, y <= 1"),
        (r"Let $x,y\in(0,\infty)$. Prove $xy>0$.", "x*y > 0", "pos"),
        (r"Let $x,y$ be real numbers, each at least $1$. Prove $xy\ge1$.", "x*y >= 1", "real: x >= 1, y >= 1"),
        (r"Let $x,y$ be real numbers greater than $1$. Prove $xy>1$.", "x*y > 1", "real: x > 1, y > 1"),
        (r"Let $a,b \in \mathbb{R}_{\ge 0}$. Prove $a+b\ge0$.", "a+b >= 0", "nonneg"),
        (r"Let $m,n$ be positive integers. Prove that $m^2+n^2\ge2mn$.", "m^2+n^2 >= 2*m*n", "natural"),
        (r"Let $n\ge2$ be an integer. Prove that $n^2\ge4$.", "n^2 >= 4", "natural: n >= 2"),
        (r"Let $x$ be a natural number. Prove that $x^2\ge x$.", "x^2 >= x", "natural"),
        (r"Let $a,b$ be nonzero reals. Prove $a^2b^2>0$.", "a^2*b^2 > 0", "real: a != 0, b != 0"),
        (r"Let $a,b$ be distinct real numbers. Prove $a^2+b^2>2ab$.", "a^2+b^2 > 2*a*b", "real: a != b"),
        (r"Let $a,b$ be positive reals, not all zero. Prove $a+b>0$.", "a+b > 0", "pos: a+b > 0"),
        (r"Let $a,b$ be reals, not both zero. Prove $a^2+b^2>0$.", "a^2+b^2 > 0", "real: a^2+b^2 > 0"),
        (r"Let $a,b,c$ be non-negative reals, no two of which are zero. Prove $a+b+c>0$.", "a+b+c > 0",
         "nonneg: a+b > 0, a+c > 0, b+c > 0"),
        (r"Let $a,b,c$ be the sides of a triangle with perimeter $3$. Prove $abc\le1$.", "a*b*c <= 1",
         "pos: b+c > a, a+c > b, a+b > c, a+b+c = 3"),
        # Where the variables are introduced.
        (r"Prove that $x+\frac1x\ge2$ for all $x>0$.", "x+1/x >= 2", "pos"),
        (r"For all $x>0$, prove that $x+\frac1x\ge2$.", "x+1/x >= 2", "pos"),
        (r"Prove that for all $x>0$, $x+\frac1x\ge2$.", "x+1/x >= 2", "pos"),
        (r"Prove that $x^4-x+\frac12>0$ for every real number $x$.", "x^4-x+1/2 > 0", "real"),
        (r"Prove that for all positive $x$ and $y$ with $x+y=1$, $xy\le\frac14$.", "x*y <= 1/4", "pos: x+y = 1"),
        (r"Prove that for all $x,y>0$, $x+y=1$, we have $xy\le\frac14$.", "x*y <= 1/4", "pos: x+y = 1"),
        (r"Prove that $xy\le\frac14$ whenever $x,y>0$ and $x+y=1$.", "x*y <= 1/4", "pos: x+y = 1"),
        (r"Prove that $xy\le\frac14$ subject to $x,y>0$, $x+y=1$.", "x*y <= 1/4", "pos: x+y = 1"),
        (r"Prove that $xy\le\frac14$ if $x,y$ are reals such that $x+y=1$.", "x*y <= 1/4", "real: x+y = 1"),
        (r"Prove that if $x+y=1$ for real $x,y$, then $xy\le\frac14$.", "x*y <= 1/4", "real: x+y = 1"),
        (r"Prove that $\forall a,b\in\mathbb{R}$: $a^2+b^2\ge2ab$.", "a^2+b^2 >= 2*a*b", "real"),
        (r"Prove that $$a^2+b^2\ge2ab \quad \text{for all } a,b\in\mathbb{R}.$$", "a^2+b^2 >= 2*a*b", "real"),
        (r"Prove that $$a+b\ge2\sqrt{ab}, \quad a,b>0.$$", "a+b >= 2*sqrt(a*b)", "pos"),
        (r"Show that $\sum_{cyc} \frac{a}{b+c}\ge\frac32$ for any positive $a,b,c$.", "a/(b+c)+b/(c+a)+c/(a+b) >= 3/2", "pos"),
        # Claims and what stands around them.
        (r"Let $a,b>0$. Prove that \begin{align*} a+b\ge2\sqrt{ab}. \end{align*}", "a+b >= 2*sqrt(a*b)", "pos"),
        (r"Let $a,b>0$. Prove that \begin{gather*} a+b\ge2\sqrt{ab} \end{gather*}", "a+b >= 2*sqrt(a*b)", "pos"),
        (r"Let $a,b>0$. Prove that the following inequality holds: \[a+b\ge2\sqrt{ab}\]", "a+b >= 2*sqrt(a*b)", "pos"),
        (r"Prove or disprove that $a^2\ge a$ for all real $a$.", "a^2 >= a", "real"),
        (r"Prove that $a+b\ge2$ for all $a,b>0$ with $ab=1$ and determine when equality holds.", "a+b >= 2", "pos: a*b = 1"),
        (r"Prove that $a+b\ge2$, with equality iff $a=b$, for all $a,b>0$ with $ab=1$.", "a+b >= 2", "pos: a*b = 1"),
        (rf"(IMO 1995) Let $a,b,c>0$ satisfy $abc=1$. {CLAIM}", ABC, "pos: a*b*c = 1"),
        (rf"**Problem 2.** [Nesbitt] Let $a,b,c>0$ satisfy $abc=1$. {CLAIM}", ABC, "pos: a*b*c = 1"),
        (r"Let $a,b$ be reals with $a^2+b^2=1$. Prove that $-\frac12\le ab\le\frac12$.", "min(a*b+1/2, 1/2-a*b) >= 0",
         "real: a^2+b^2 = 1"),
    ],
)  # fmt: skip
def test_phrases_are_read_exactly(problem, claim, given):
    domain, constraints = _given(given) if given != "mixed" else ({"n": "natural", "x": "nonneg"}, [])
    read, wanted = parse_latex(problem), parse_text(claim, domain, constraints)
    assert (read.claim, read.variables, read.domains) == (wanted.claim, wanted.variables, wanted.domains)
    assert set(read.constraints) == set(wanted.constraints)


@pytest.mark.parametrize(
    "problem",
    [
        rf"{LET} with an area of $1$. {CLAIM}",
        rf"{LET}. The area of the triangle is $1$. {CLAIM}",
        rf"{LET}, at least two of which are equal. {CLAIM}",
        rf"{LET} between $0$ and $1$. {CLAIM}",
        rf"{LET} with $a+b+c=4$, and suppose that $a$ is the largest. {CLAIM}",
        rf"{LET} with perimeter $3$. {CLAIM}",
        rf"{LET} and $x,y$ be reals with sum $1$. Prove that $a+x\ge 0$.",
        rf"{LET}. Prove that $a+b+c\ge3$ or $abc\le1$.",
        rf"{LET}. Prove that it is not true that $a+b+c\ge3$.",
        rf"{LET}. Prove that $a+b+c\ge3$ unless $abc<1$.",
        rf"{LET}. Prove that a) $a+b+c\ge3$; b) $abc\le1$.",
        rf"{LET}. Prove that $a+b+c\ge3$. Prove that $abc=1$.",
        rf"{LET} with $abc=1$. Find the minimum value of $a+b+c$.",
        rf"{LET}. Determine the best constant $k$ such that $a+b+c\ge k$.",
        r"Let $a,b,c$ be reals with $abc=1$. Prove that $a,b,c$ are positive and $a+b+c\ge3$.",
        rf"Let $a,b,c$ be the sides of an acute triangle. {CLAIM}",
        r"Let $a,b$ be integers. Prove that $a^2\ge b$.",
        r"Let $a,b\in\mathbb{Z}$. Prove that $a^2\ge b$.",
        r"Let $a,b$ be rational numbers. Prove that $a^2\ge b$.",
        r"Let $p>2$ be a prime. Prove that $p\ge3$.",
        r"Prove that for some real $a$ we have $a^2\ge1$.",
        r"There exist reals $a,b$ with $a\ge b$. Prove that $a^2\ge b^2$.",
        r"Let $a$ be real. Prove that $$a^2\ge 1 \text{ if a is an integer}.$$",
        r"Let $x,y>0$ be such that exactly one of $x\ge1$ holds. Prove that $x\ge0$.",
        r"Let $f(x)=x^2$. Prove that $f(x)\ge0$ for real $x$.",
        r"Let a, b be positive reals. Prove that $a+b\ge2\sqrt{ab}$.",
    ],
)  # fmt: skip
def test_what_is_not_understood_makes_a_problem_unread(problem):
    with pytest.raises(UserError, match="not read"):
        parse_latex(problem)
