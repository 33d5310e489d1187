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


WRONG = r" Here $a^2+b^2\ge3ab$."


@pytest.mark.parametrize(
    "words",
    [
        r"It would be enough to have $a\ge2b$.",
        r"From $a\ge2c$ we would get $a^2\ge4c^2$.",
        r"It could be that $a>2b$.",
        r"Not all of $a<b$, $b<c$ and $c<a$ hold.",
        r"Exactly one of $a\ge b$ and $a<b$ is true.",
        r"Regardless of whether $a\ge c$ or $a<c$, squares are non-negative.",
        r"Unlike $a^3\ge a$, the claim is homogeneous.",
        r"The estimate $a\ge1$ is not given.",
        r"In the isosceles case $ab=c^2$ may be used.",
        r"If the three numbers are equal, then $a^2=bc$.",
        "% so $a>b$ here\n",
        r"It suffices to study $a\le b\le c$.",
        r"Otherwise $a>b$.",
        r"Try $a=b=2$, $c=1$. The left side is $9$.",
    ],
)
def test_what_a_sentence_leaves_open_is_no_mistake(words):
    for text in (words + PROOF, PROOF + " " + words):
        found = check_proof(PROBLEM, text)
        assert found.verdict != "rejected", found.reason
    # What is asserted before it is looked at as ever; nothing here proves anything.
    assert check_proof(PROBLEM, WRONG + " " + words).verdict == "rejected"
    assert check_proof(PROBLEM, words).verdict == "unknown"


@pytest.mark.parametrize(
    "words",
    [
        r"Squaring $a\ge b$ we get $a^2\ge b^2$.",
        r"It is clear that $a\ge b$; this would be harder for $a^3$.",
        "Now 50% of it. Then $a>b$.\n",
        r"This is 5\% more. Then $a>b$." + "\n",
        r"If $a\ge b$, then $a\ge c$.",
        r"If we add these, then $a\ge c$.",
        r"Case 1: the numbers are all equal. Then $a=b$. Case 2: $a\ne b$. Then $a\ge c$.",
    ],
)
def test_what_is_asserted_all_the_same(words):
    assert check_proof(PROBLEM, words + PROOF).verdict == "rejected"


CASES = r"Let $u,v\ge0$. Prove that $u+v\ge2\sqrt{uv}$."


@pytest.mark.parametrize(
    ("text", "rejected"),
    [
        (r"*Case 1:* one of the numbers is zero. Then the right-hand side is $0$. *Case 2:* $u,v>0$. Then %s", False),
        (r"Case 1: one of $u,v$ is zero. Then the right-hand side is $0$. Case 2: $u,v>0$. Then %s", False),
        (r"If one of the numbers is zero, then the right-hand side is $0$. Otherwise $u,v>0$ and %s", False),
        (r"The right-hand side is $0$. Otherwise $u,v>0$ and %s", True),
    ],
)
def test_a_case_in_words(text, rejected):
    right = r"$u+v-2\sqrt{uv}=(\sqrt u-\sqrt v)^2\ge0$."
    assert (check_proof(CASES, text % right).verdict == "rejected") == rejected
    assert check_proof(CASES, text % right.replace(r"2\sqrt", r"3\sqrt")).verdict == "rejected"


@pytest.mark.parametrize(
    "aside", [r"Multiplying by $2u>0$,", r"Since $u>0$,", r"Dividing by the positive number $u>0$,"]
)
def test_no_side_condition_is_what_this_is_about(aside):
    problem = r"Let $u>0$. Prove that $u+\frac1u\ge2$."
    proof = r"We have to show $u+\frac1u\ge2$. " + aside + r" this is equivalent to $u^2+1\ge2u$, i.e. $(u-1)^2\ge0$."
    assert check_proof(problem, proof).verdict != "rejected"
    assert check_proof(problem, proof.replace(r"\ge2u", r"\ge3u")).verdict == "rejected"
