"""Products of sums: proved without expanding, checked exactly, and nothing false is accepted."""

import copy
import json

import pytest

from olmix.proofs.proving.certificate import check_certificate
from olmix.proofs.proving.factor_search import find_factors
from olmix.proofs.proving.factors import read_problem
from olmix.proofs.proving.prove import SHORT, prove
from olmix.proofs.proving.tasks import RuleError
from olmix.proofs.statements.statement import parse_text

TEN = [f"x{i}" for i in range(10)]

TRUE = [
    ("*".join(f"(1+{x})" for x in TEN) + " >= 1024", "pos", ["*".join(TEN) + " = 1"]),
    (f"({'+'.join(TEN)})^8 >= {'*'.join(TEN[:8])}", "nonneg", []),
    ("(a+b)^512 >= a^512", "nonneg", []),
    ("a^100 + b^100 >= a^50*b^50", "real", []),
    ("x^64 + y^64 + z^64 >= x^62*y*z", "real", []),
    ("x^200 - 200*x + 199 >= 0", "pos", []),
    ("2*a*b/(a+b) <= sqrt(a*b)", "pos", []),
    ("a*b*c <= 1", "nonneg", ["a + b + c = 3"]),
    ("a*b*c <= 1", "pos", ["a + b + c <= 3"]),
    ("a + b >= 2", "pos", ["a*b >= 1"]),
    # Equality nowhere, and no rational weights at the minimum.
    ("(1+a)^2*(1+b)^3*(1+c)^4 > 256", "pos", ["a*b*c = 1"]),
    ("a^3 + b^2 + 7/a/b > 4", "pos", []),
]


@pytest.mark.parametrize(("text", "domain", "constraints"), TRUE)
def test_products_of_sums_are_proved(text, domain, constraints):
    statement = parse_text(text, domain, constraints)
    certificate = find_factors(statement)
    assert certificate is not None
    assert check_certificate(statement, json.loads(json.dumps(certificate))) is None


@pytest.mark.parametrize(
    ("text", "domain", "constraints"),
    [
        ("(1+a)*(1+b) >= 4.001", "pos", ["a*b = 1"]),
        ("(1+a)*(1+b) > 4", "pos", ["a*b = 1"]),
        ("a + b >= 2", "pos", ["a*b <= 1"]),
        ("a*b*c <= 1", "pos", ["a + b + c >= 3"]),
        ("a*b*c <= 1", "real", ["a + b + c = 3"]),
        ("a^3 + b^3 >= a^2*b", "real", []),
        ("a^2 + b^2 > a*b", "nonneg", []),
        ("a + 1 >= 2*sqrt(a)*1.0000001", "pos", []),
        ("(a^2)^(1/2) <= a", "real", []),
        # The product says that both are positive; at 0 nothing would follow from it.
        ("a + b >= 2", "nonneg", ["a*b = 0"]),
    ],
)
def test_what_is_false_gets_no_certificate(text, domain, constraints):
    assert find_factors(parse_text(text, domain, constraints)) is None


def test_tampering_is_noticed():
    statement = parse_text("(1+a)*(2+b) >= 4*sqrt(2)*sqrt(1/2)", "pos", ["a*b = 2"])
    certificate = find_factors(statement)
    assert certificate is not None
    for path, value in ((("powers", 0), "1"), (("weights", 0, 0), "1/3"), (("weights", 0), ["2", "-1"])):
        wrong = copy.deepcopy(certificate)
        at = wrong["factors"]
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = value
        assert check_certificate(statement, wrong) is not None
    assert check_certificate(parse_text("(1+a)*(2+b) >= 8.001", "pos", ["a*b = 2"]), certificate) is not None
    assert check_certificate(statement, {"factors": {"powers": [], "weights": []}}) is not None
    assert check_certificate(statement, {"factors": {"powers": ["1/0"], "weights": [["1/2"]]}}) is not None


def test_a_sum_with_something_subtracted_is_no_sum_of_positive_terms():
    with pytest.raises(RuleError):
        read_problem(parse_text("(a^2 - a + 1)*(b + 1) >= 1", "pos"))


def test_the_verdict_needs_no_polynomial_form():
    verdict = prove(parse_text("(a+b)^300*(a+1)^200 >= 4*a^250*b^150*(a*b)^(1/2)", "pos"), SHORT)
    assert verdict.verdict == "proved"
    assert verdict.method == "certificate"


def test_irrational_numbers_that_are_equal_are_seen_to_be():
    tight, false = (f"sqrt(2)*sqrt(8)*(a+b)^2 >= {number}*a*b" for number in ("16", "16.0000001"))
    assert find_factors(parse_text(tight, "pos")) is not None
    assert find_factors(parse_text(false, "pos")) is None
