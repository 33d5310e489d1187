"""Theorems that are applied to sequences which the proof names: what is drawn from them has to be what the theorem says."""

import pytest

from olmix.proofs.checking.check_proof import check_proof
from olmix.proofs.checking.sequences import sequences, wrong_count, wrong_weights
from olmix.proofs.statements.expr import num

PROBLEM = r"Let $a,b,c>0$ with $a+b+c=1$. Prove that $\frac{a^2}{b}+\frac{b^2}{c}+\frac{c^2}{a}\ge1$."
PROOF = r"""Applying Cauchy-Schwarz for $x_1=\frac{a}{\sqrt b}, x_2=\frac{b}{\sqrt c}, x_3=\frac{c}{\sqrt a}$ and
$y_1=\sqrt b, y_2=\sqrt c, y_3=\sqrt a$ we get $$\left(\frac{a^2}{b}+\frac{b^2}{c}+\frac{c^2}{a}\right)(b+c+a)\ge(a+b+c)^2.$$
Since $a+b+c=1$, it follows that $\frac{a^2}{b}+\frac{b^2}{c}+\frac{c^2}{a}\ge1$."""


def links(proof):
    verdict = check_proof(PROBLEM, proof, connect=False)
    return verdict.verdict, verdict.reason


def test_the_relation_of_the_named_sequences_stands():
    assert links(PROOF)[0] == "unknown"
    divided = PROOF.replace("(b+c+a)\\ge(a+b+c)^2", "\\ge\\frac{(a+b+c)^2}{a+b+c}")
    assert links(divided)[0] == "unknown"


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (r"x_3=\frac{c}{\sqrt a}", r"x_3=\frac{2c}{\sqrt a}"),
        (r"y_1=\sqrt b", r"y_1=\sqrt{b+1}"),
        (r"x_2=\frac{b}{\sqrt c}", r"x_2=\frac{b}{\sqrt[3]{c}}"),
    ],
)
def test_other_sequences_than_those_of_the_relation_are_refuted(right, wrong):
    verdict, reason = links(PROOF.replace(right, wrong))
    assert verdict == "rejected"
    assert "Cauchy" in reason


def test_names_of_a_sequence_may_be_used_again_in_another_sentence():
    again = PROOF.replace(
        "Since $a+b+c=1$",
        r"""Again by Cauchy-Schwarz for $x_1=\sqrt a, x_2=\sqrt b, x_3=\sqrt c$ and
    $y_1=1, y_2=1, y_3=1$ we have $(\sqrt a+\sqrt b+\sqrt c)^2\le3(a+b+c)$. Since $a+b+c=1$""",
    )
    assert links(again)[0] == "unknown"


def test_numbers_of_terms_and_weights():
    weights = [(f"m_{i + 1}", num(v)) for i, v in enumerate(("1/2", "1/3", "1/6"))]
    assert wrong_count(sequences([*weights, ("n", num(3))])) is None
    assert wrong_count(sequences([*weights, ("n", num(4))])) == "n = 4, but m has 3 terms"
    assert wrong_weights(sequences(weights), "by Jensen's inequality") is None
    assert (
        wrong_weights(sequences([*weights[:2], ("m_3", num("2/6"))]), "weighted AM-GM") == "the weights m add up to 7/6"
    )
    # Without the name of a theorem that has weights the numbers are just numbers.
    assert wrong_weights(sequences([*weights[:2], ("m_3", num("2/6"))]), "for") is None
