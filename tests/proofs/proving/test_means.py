"""Sums of roots: Hölder's inequality and tangents give certificates, and never one for a false claim."""

import json

import numpy as np
import pytest

from olmix.proofs.proving.algebra import build_system
from olmix.proofs.proving.certificate import check_certificate, methods
from olmix.proofs.proving.mean_moves import mean_moves
from olmix.proofs.proving.readable import explain
from olmix.proofs.proving.rules import apply_rule
from olmix.proofs.proving.sampling import points_with_roots
from olmix.proofs.proving.strategy import Work, find_certificate
from olmix.proofs.proving.tasks import RuleError, start_tasks, terms_of
from olmix.proofs.statements.statement import parse_text

IMO_2001 = "a/sqrt(a**2+8*b*c) + b/sqrt(b**2+8*c*a) + c/sqrt(c**2+8*a*b) >= 1"
SUMS = [
    (IMO_2001, "pos", []),
    ("a/sqrt(4*b^2+b*c+4*c^2)+b/sqrt(4*c^2+c*a+4*a^2)+c/sqrt(4*a^2+a*b+4*b^2) >= 1", "pos", []),
    ("(a/(b+c))^(2/3)+(b/(c+a))^(2/3)+(c/(a+b))^(2/3) >= 3/4^(1/3)", "pos", []),
    ("sqrt(a/(a+b))+sqrt(b/(b+c))+sqrt(c/(c+a)) <= 3/sqrt(2)", "pos", []),
    ("sqrt(a^2+a*b+b^2)+sqrt(b^2+b*c+c^2)+sqrt(c^2+c*a+a^2) >= sqrt(3)*(a+b+c)", "pos", []),
    ("(1/a+6*b)^(1/3)+(1/b+6*c)^(1/3)+(1/c+6*a)^(1/3) <= 1/(a*b*c)", "pos", ["a*b+b*c+c*a=1"]),
]


@pytest.mark.parametrize(("text", "domain", "constraints"), SUMS)
def test_sums_of_roots_get_certificates(text, domain, constraints):
    statement = parse_text(text, domain, constraints)
    certificate = find_certificate(build_system(statement), Work())
    assert certificate is not None
    assert {"means", "tangents"} & set(methods(certificate))
    assert check_certificate(statement, json.loads(json.dumps(certificate))) is None
    assert any("root" in line for line in explain(statement, certificate))


@pytest.mark.parametrize("text", [IMO_2001, "sqrt(a+b)+sqrt(b+c)+sqrt(c+a) <= sqrt(6*(a+b+c))", SUMS[2][0]])
def test_every_offered_move_is_sound_on_points(text):
    """Wherever what the rule leaves to show holds, the claim holds: an independent look in floats."""
    task = start_tasks(build_system(parse_text(text, "pos")))[0]
    points = points_with_roots(task, 400)
    claim = _values(task.goal, points)
    looked = 0
    for rule, params in mean_moves(task):
        parts = apply_rule(rule, task, params)
        left = np.ones(len(points), dtype=bool)
        for part in parts:
            columns = [task.names.index(name) for name in part.names]
            left &= _values(part.goal, points[:, columns]) >= 0
        assert (claim[left] >= -1e-9 * np.abs(claim).max()).all()
        looked += left.sum()
    assert looked > 0


def _values(poly, points):
    return sum(float(c) * np.prod(points ** np.array(x), axis=1) for x, c in terms_of(poly))


def test_the_rule_checks_its_conditions():
    task = start_tasks(build_system(parse_text(IMO_2001, "pos")))[0]
    one = [[[0] * len(task.names), "1"]]
    zero = [[[0] * len(task.names), "-1"]]
    names = [n for n in task.names if n.endswith("_")]
    apply_rule("means", task, {"roots": [[n, one] for n in names]})
    for bad in ([[n, zero] for n in names], [[names[0], one]] * 2, [["a", one]], [[names[0], [[[0] * 2, "1"]]]]):
        with pytest.raises(RuleError):
            apply_rule("means", task, {"roots": bad})
    mixed = start_tasks(build_system(parse_text("sqrt(a+b) >= sqrt(a+c) - sqrt(b+c)", "real")))[0]
    one = [[[0] * len(mixed.names), "1"]]
    with pytest.raises(RuleError):
        apply_rule("means", mixed, {"roots": [[n, one] for n in mixed.names if n.endswith("_")]})


def test_a_false_sum_of_roots_gets_none():
    for text in (IMO_2001.replace(">= 1", ">= 1.001"), IMO_2001.replace(">= 1", "<= 1.9")):
        assert find_certificate(build_system(parse_text(text, "pos")), Work(nodes=25)) is None
