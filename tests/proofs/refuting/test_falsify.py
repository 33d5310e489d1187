import json
import pathlib
from fractions import Fraction

import pytest

from benchmarks.proofs import FALSE
from olmix.proofs.proving.prove import SHORT, prove
from olmix.proofs.refuting.counterexample import Counterexample, confirm
from olmix.proofs.refuting.falsify import falsify, search
from olmix.proofs.statements.statement import parse_text

MORE_FALSE = [
    # Strict where equality occurs, and plainly wrong.
    ("a**2 + b**2 + c**2 > a*b + b*c + c*a", "real", []),
    ("a + b + c > 3", "pos", ["a*b*c = 1"]),
    ("sqrt(a) + sqrt(b) <= sqrt(a + b)", "pos", []),
    ("(a + b)**2 = a**2 + b**2", "real", []),
    ("(1 + 1/a)*(1 + 1/b)*(1 + 1/c) >= 64.064", "pos", ["a + b + c = 1"]),
    ("a/(b+c) + b/(c+d) + c/(d+a) + d/(a+b) >= 2.002", "pos", []),
]

TRUE = [
    ("a**2 + b**2 >= 2*a*b", "real", []),
    ("a/(b+c) + b/(c+a) + c/(a+b) >= 3/2", "pos", []),
    ("a/(a+b) + b/(b+c) + c/(c+a) < 2", "pos", []),
    ("a + b + c >= 3", "pos", ["a*b*c = 1"]),
    ("sqrt(a**2 + b**2) + sqrt(b**2 + c**2) + sqrt(c**2 + a**2) >= sqrt(2)*(a + b + c)", "pos", []),
    ("a**4 + b**4 + c**4 + 1 >= 0", "real", []),
    ("1/(a - b)**2 > 0", "real", []),
    ("a**a*b**b >= (a*b)**((a + b)/2)", "pos", []),
    ("(a + b)**2 = a**2 + 2*a*b + b**2", "real", []),
    ("x**m + 1/x**m >= 2", {"x": "pos", "m": "natural"}, []),
]


OWN = pathlib.Path(__file__).parent.parent


def own(name, step=1):
    items = json.loads((OWN / f"own_{name}.json").read_text(encoding="utf-8"))[::step]
    return [pytest.param(i["statement"], i["domain"], i["constraints"], id=i["id"]) for i in items]


@pytest.mark.parametrize(("text", "domain", "constraints"), [*FALSE, *MORE_FALSE, *own("false")])
def test_false_statements_are_refuted(text, domain, constraints):
    statement = parse_text(text, domain, constraints)
    found = falsify(statement)
    assert found is not None
    assert confirm(statement, found)


@pytest.mark.parametrize(("text", "domain", "constraints"), [*TRUE, *own("true", step=16)])
def test_true_statements_are_not(text, domain, constraints):
    assert falsify(parse_text(text, domain, constraints)) is None


def test_the_same_search_gives_the_same_answer():
    statement = parse_text("a/(a+b) + b/(b+c) + c/(c+a) <= 1.998", "pos")
    assert search(statement) == search(statement)


def test_contradictory_constraints_leave_no_points():
    assert search(parse_text("a >= 0", "real", ["a > 2", "a < 1"])).feasible == 0


def test_confirmation_rejects_bad_points():
    statement = parse_text("a + b >= 2", "pos", ["a*b = 1"])
    half = Fraction(1, 2)
    assert not confirm(statement, Counterexample((("a", half), ("b", half))))  # off the constraint
    assert not confirm(statement, Counterexample((("a", -half), ("b", Fraction(-2)))))  # off the domain
    assert not confirm(statement, Counterexample((("a", Fraction(1)),)))  # not every variable
    interval = ("b", Fraction(3, 4), Fraction(4, 5))
    assert not confirm(statement, Counterexample((("a", half),), interval))  # no root inside
    loose = parse_text("a + b <= 2", "pos", ["a*b = 1"])
    assert confirm(loose, Counterexample((("a", half),), ("b", Fraction(19, 10), Fraction(21, 10))))


@pytest.mark.parametrize(
    ("claim", "why"),
    [
        ("sqrt(-1) >= 0", "even root of a negative"),
        ("sqrt(1 - sqrt(2)) >= 0", "even root of a negative"),
        ("0^0 >= 1", "power 0"),
        ("a + 1/0 >= 0", "denominator is zero"),
        ("log(-1) >= a", "logarithm"),
        ("sqrt(-1 - a^2) >= 0", "no value at any point"),
    ],
)
def test_what_has_no_value_anywhere_is_unknown(claim, why):
    verdict = prove(parse_text(claim, "real"), SHORT)
    assert verdict.verdict == "unknown"
    assert verdict.reason.startswith("undefined")
    assert why in verdict.reason


def test_a_box_is_confirmed_only_where_it_holds_a_solution():
    statement = parse_text("x*y*z <= 0.0680", "real", ["x^2+y^2+z^2 = 1", "x+y+z = 0"])
    found = falsify(statement)
    assert found is not None
    assert found.box
    assert confirm(statement, found)
    moved = tuple((name, low + 1, high + 1) for name, low, high in found.box)
    assert not confirm(statement, Counterexample(found.values, box=moved))
    assert not confirm(statement, Counterexample(found.values, box=found.box[:1]))
    for claim in ("x*y*z <= 0.1361", "x*y*z = x*y*z"):
        assert not confirm(parse_text(claim, "real", ["x^2+y^2+z^2 = 1", "x+y+z = 0"]), found)
    positive = parse_text("x*y*z <= 0.0680", "pos", ["x^2+y^2+z^2 = 1", "x+y+z = 0"])
    assert not confirm(positive, found)


def test_a_box_with_two_solutions_or_none_is_refused():
    from olmix.proofs.refuting.pinned import has_solution

    circle = parse_text("x >= 0", "real", ["x^2+y^2 = 1", "x = y"]).constraints
    near = Fraction(7071, 10000)
    small = Fraction(1, 100)
    good = (("x", near - small, near + small), ("y", near - small, near + small))
    assert has_solution(circle, {}, good)
    assert not has_solution(circle, {}, (("x", Fraction(-2), Fraction(2)), ("y", Fraction(-2), Fraction(2))))
    assert not has_solution(circle, {}, tuple((n, low + 1, high + 1) for n, low, high in good))
    double = parse_text("x >= 0", "real", ["x^2 + y^2 = 0", "x = y"]).constraints
    assert not has_solution(double, {}, (("x", -small, small), ("y", -small, small)))
