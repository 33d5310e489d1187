"""Proofs as language models write them: right ones are judged as meant, turned and wrong ones are never accepted."""

import pytest

from olmix.proofs.checking.check_proof import check_proof
from tests.proofs.model_styles import PROOFS

#: Spoiled in a way that leaves the checker without an answer; none of them is accepted.
OPEN = {
    ("sos", "turned"): "a relation without a left side, about `this expression`",
    ("contradiction", "turned"): "what a supposition leads to",
    ("muirhead replaced", "turned"): "letters of a lemma stand for two things in turn",
}
SPOILED = [(w, kind, pair) for w in PROOFS for kind, pair in (("turned", w.turned), ("wrong", w.wrong)) if pair[0]]


@pytest.mark.parametrize("written", PROOFS, ids=[w.name for w in PROOFS])
def test_a_right_proof_of_a_model_is_judged_as_meant(written):
    found = check_proof(written.problem, written.proof)
    assert found.verdict == written.verdict, found.reason


@pytest.mark.parametrize(("written", "kind", "pair"), SPOILED, ids=[f"{w.name}: {kind}" for w, kind, _ in SPOILED])
def test_a_spoiled_proof_of_a_model_is_rejected(written, kind, pair):
    assert written.proof.count(pair[0]) == 1
    found = check_proof(written.problem, written.proof.replace(*pair))
    assert found.verdict == ("unknown" if (written.name, kind) in OPEN else "rejected"), found.reason
