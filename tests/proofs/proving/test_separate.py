"""Sums of functions of one variable each: the tangent line trick, checked exactly, in any number of variables."""

import copy
import json

import pytest

from olmix.proofs.proving.certificate import check_certificate
from olmix.proofs.proving.prove import SHORT, prove
from olmix.proofs.proving.readable import explain
from olmix.proofs.proving.separate import read_problem, single_claims
from olmix.proofs.proving.tasks import RuleError
from olmix.proofs.statements.statement import parse_text

EIGHT = [f"x{i}" for i in range(8)]


def total(form):
    return "+".join(form.replace("x", x) for x in EIGHT)


TRUE = [
    (f"{total('x^20')} >= 8", "nonneg", [f"{total('x')} = 8"]),
    (f"{total('1/(1+x)')} >= 4", "pos", [f"{total('x')} = 8"]),
    ("1/(5-a) + 1/(5-b) + 1/(5-c) + 1/(5-d) <= 1", "pos", ["a^2 + b^2 + c^2 + d^2 = 4"]),
    ("1/(a^3+2) + 1/(b^3+2) + 1/(c^3+2) >= 1", "pos", ["a^2 + b^2 + c^2 = 3"]),
    ("a^2 + b^2 + 3 >= 2*a + 3*b - 1/4", "real", []),
    ("a^2 + 2*b^2 > 5/4", "real", ["a + b >= 3/2"]),
]


@pytest.mark.parametrize(("text", "domain", "constraints"), TRUE)
def test_sums_fall_apart(text, domain, constraints):
    statement = parse_text(text, domain, constraints)
    verdict = prove(statement, SHORT)
    assert verdict.verdict == "proved"
    assert "separate" in verdict.reason
    assert check_certificate(statement, json.loads(json.dumps(verdict.certificate))) is None
    assert explain(statement, verdict.certificate)


def test_tampering_is_noticed():
    text, domain, constraints = TRUE[3]
    certificate = prove(parse_text(text, domain, constraints), SHORT).certificate
    for key, value in (
        ("multipliers", ["1/7"]), ("multipliers", []), ("bounds", {"a": "1", "b": "1", "c": "1"}), ("claims", []),
        ("bounds", {"a": "1"}),
    ):  # fmt: skip
        wrong = copy.deepcopy(dict(certificate))
        wrong["separate"][key] = value
        assert check_certificate(parse_text(text, domain, constraints), wrong) is not None
    for other in (text.replace(">= 1", ">= 1001/1000"), text.replace(">=", ">")):
        assert check_certificate(parse_text(other, domain, constraints), certificate) is not None
    # Less is known where the squares may be larger than 3.
    assert check_certificate(parse_text(text, domain, ["a^2 + b^2 + c^2 >= 3"]), certificate) is not None


def test_a_constraint_bounds_each_variable_only_where_all_its_parts_have_one_sign():
    def given(constraint, domain):
        statement = parse_text("a + b >= 0", domain, [constraint])
        (first, _) = single_claims(statement, read_problem(statement), [0], {"a": 0, "b": 0})
        return [str(r.op) for r in first.constraints]

    assert given("a + b = 3", "pos") == ["<="]
    assert given("a + b <= 3", "pos") == ["<="]
    assert given("a^2 + b^2 <= 3", "real") == ["<="]
    for constraint, domain in (("a + b >= 3", "pos"), ("a + b = 3", "real"), ("a - b = 3", "pos")):
        statement = parse_text("a + b >= 0", domain, [constraint])
        assert all(not s.constraints for s in single_claims(statement, read_problem(statement), [0], {"a": 0, "b": 0}))


def test_a_claim_about_numbers_is_left_to_others():
    assert prove(parse_text("4^2 >= 3", "real", ["a*b = 1"]), SHORT).verdict == "proved"


def test_what_has_two_variables_is_left_alone():
    with pytest.raises(RuleError):
        read_problem(parse_text("a^2 + b^2 >= 2*a*b"))
