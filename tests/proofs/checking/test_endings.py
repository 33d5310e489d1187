"""How proofs end: right ones are accepted, those with a step too little are not, false ones are rejected."""

import pytest

from olmix.proofs.checking.check_proof import check_proof
from olmix.proofs.checking.legitimacy import exhaustive
from olmix.proofs.checking.links import Context
from olmix.proofs.statements.statement import parse_text
from olmix.proofs.statements.text import parse_relations
from tests.proofs.endings import ENDINGS

GAPS = [e for e in ENDINGS if e.gap[0]]
FALSE = [e for e in ENDINGS if e.false[0]]


@pytest.mark.parametrize("ending", ENDINGS, ids=[e.name for e in ENDINGS])
def test_a_right_proof_is_accepted_however_it_ends(ending):
    verdict = check_proof(ending.problem, ending.proof)
    assert verdict.verdict == ending.verdict, verdict.reason


@pytest.mark.parametrize("ending", GAPS, ids=[e.name for e in GAPS])
def test_what_does_not_follow_is_not_accepted(ending):
    assert ending.proof.count(ending.gap[0]) == 1
    verdict = check_proof(ending.problem, ending.proof.replace(*ending.gap))
    assert verdict.verdict == "unknown", verdict.reason


@pytest.mark.parametrize("ending", FALSE, ids=[e.name for e in FALSE])
def test_a_false_relation_rejects_at_every_ending(ending):
    assert ending.proof.count(ending.false[0]) == 1
    verdict = check_proof(ending.problem, ending.proof.replace(*ending.false))
    assert verdict.verdict == ("unknown" if ending.name in LOOSE else "rejected"), verdict.reason


#: `A, i.e. B`: people write it for consequences, too.
LOOSE = {"i.e."}


@pytest.mark.parametrize(
    ("cases", "domain", "whole"),
    [
        ([["x <= 0"], ["0 < x", "x < 1"], ["x >= 1"]], "real", True),
        ([["x <= 0"], ["0 < x", "x < 1"], ["x > 1"]], "real", False),
        ([["x >= y"], ["x < y"]], "pos", True),
        ([["x >= 2*y"], ["x < y"]], "pos", False),
        ([["x + y >= 1"], ["x < 1/2", "y < 1/2"]], "pos", False),
        ([["x*y >= 1"], ["x*y < 1"]], "real", True),
        ([["x >= 0"]], "pos", True),
    ],
)
def test_cases_leave_nothing_out(cases, domain, whole):
    statement = parse_text("x + y >= 0", domain)
    read = [[r for text in case for r in parse_relations(text)] for case in cases]
    assert exhaustive(statement, read, Context(statement)) is whole
