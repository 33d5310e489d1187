"""What a sentence mentions without asserting it is not refuted; what renaming the variables makes true may be assumed."""

import pytest

from olmix.proofs.checking.arrangement import attained
from olmix.proofs.checking.check_proof import check_proof
from olmix.proofs.statements.statement import parse_text
from olmix.proofs.statements.text import parse_relations

PROBLEM = r"Let $a, b, c$ be positive real numbers. Prove that $a^2+b^2+c^2\ge ab+bc+ca$."
PROOF = r" We have $2(a^2+b^2+c^2)-2(ab+bc+ca)=(a-b)^2+(b-c)^2+(c-a)^2\ge0$, hence $a^2+b^2+c^2\ge ab+bc+ca$."

MENTIONS = [
    (r"Unless $a=b=c$, the inequality is strict.", "accepted"),
    (r"Note that $a\ge b$ need not hold.", "accepted"),
    (r"We cannot have $a^2+b^2<0$.", "accepted"),
    (r"Observe that either $a\ge b$ or $b>a$.", "accepted"),
    (r"There are two cases: $a\ge b$ and $a<b$.", "accepted"),
    (r"The condition $a>b$ would make it easier.", "accepted"),
    (r"The case $a<b$ is analogous to $a\ge b$.", "accepted"),
    (r"It is not true in general that $ab\ge c$.", "accepted"),
    (r"Multiplying by $t>0$ changes nothing: $ta\ge tb$ iff $a\ge b$.", "unknown"),
    (r"Since $a\ge b$ implies $a^2\ge b^2$ for positive numbers, we may compare squares.", "unknown"),
    (r"By homogeneity we may normalise so that $a+b+c=1$.", "accepted"),
    (r"It suffices to consider $a+b+c=3$.", "accepted"),
    (r"Without loss of generality $(a-1)(b-1)\ge0$.", "accepted"),
    (r"Without loss of generality $b$ is between $a$ and $c$.", "accepted"),
    # What is asserted, and what loses something.
    (r"Note that $a\ge b$.", "rejected"),
    (r"Clearly $a+b\ge c$ holds, which would help.", "rejected"),
    (r"By AM-GM $a^2+b^2\le 2ab$ if and only if $(a-b)^2\ge 0$.", "rejected"),
    (r"There are two cases: if $a\ge b$ then $a^2\le b^2$; if $a<b$ then $a^2<b^2$.", "rejected"),
    (r"Without loss of generality $a\ge 2$.", "unknown"),
]


@pytest.mark.parametrize(("words", "verdict"), MENTIONS, ids=[w[:40] for w, _ in MENTIONS])
def test_what_is_only_mentioned_is_not_refuted(words, verdict):
    found = check_proof(PROBLEM, words + PROOF)
    assert found.verdict == verdict, found.reason


@pytest.mark.parametrize(
    ("claim", "given", "assumed", "right"),
    [
        ("a*b*c <= 1", ["a + b + c = 3"], ["(a-1)*(b-1) >= 0"], True),
        ("a*b*c <= 1", ["a + b + c = 3"], ["(a-1)*(b-1)*(c-1) >= 0"], False),
        ("a*b*c <= 1", ["a + b + c = 3"], ["a >= 1"], True),
        ("a*b*c <= 1", ["a + b + c = 3"], ["a >= 6/5"], False),
        ("a*b*c <= 1", ["a + b + c = 3"], ["a > b"], False),
        ("a**3 + b**3 + c**3 >= a**2*b + b**2*c + c**2*a", [], ["(b-a)*(b-c) <= 0"], True),
        ("a**3 + b**3 + c**3 >= a**2*b + b**2*c + c**2*a", [], ["a >= b", "b >= c"], False),
        ("a**3 + 2*b**3 + c**3 >= a*b*c", [], ["(b-a)*(b-c) <= 0"], False),
        ("a + b + c >= 0", [], ["a != b"], True),
        ("a + b + c > 0", [], ["a != b"], False),
    ],
)
def test_what_some_renaming_makes_true_everywhere(claim, given, assumed, right):
    statement = parse_text(claim, "pos", given)
    assert attained(statement, [r for text in assumed for r in parse_relations(text)]) is right
