"""The kernel of proof: what is true gets a certificate that the checker accepts, and tampering is noticed."""

import copy
import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from olmix.proofs.proving import prove as prove_module
from olmix.proofs.proving.algebra import build_system, known_sign
from olmix.proofs.proving.certificate import check_certificate
from olmix.proofs.proving.cones import ConeBudget, find_cones
from olmix.proofs.proving.keys import canonical_key
from olmix.proofs.proving.leaves import split_cone, unit_rays
from olmix.proofs.proving.rules import RULES, apply_rule
from olmix.proofs.proving.strategy import Work, find_certificate
from olmix.proofs.proving.tasks import RuleError, Task, start_tasks
from olmix.proofs.refuting.falsify import falsify
from olmix.proofs.statements.statement import parse_text

PROVABLE = [
    ("a/(b+c) + b/(c+a) + c/(a+b) >= 3/2", "pos", []),
    ("a**3 + b**3 + c**3 + 3*a*b*c >= a**2*(b+c) + b**2*(c+a) + c**2*(a+b)", "nonneg", []),
    ("a**4*b + b**4*c + c**4*d + d**4*a >= a + b + c + d", "nonneg", ["a*b*c*d = 1"]),
    ("1/a + 1/b + 1/c >= 9", "pos", ["a + b + c = 1"]),
    ("a/(a+b) + b/(b+c) + c/(c+a) < 2", "pos", []),
    ("a*b*c >= (a+b-c)*(b+c-a)*(c+a-b)", "pos", ["a+b>c", "b+c>a", "c+a>b"]),
    ("8*(a*b*c)**(1/3) + ((a**3+b**3+c**3)/3)**(1/3) <= 3*(a+b+c)", "pos", []),
    ("sqrt(3*a*b*c*(a+b+c)) <= a*b + b*c + c*a", "pos", []),
    ("a**2 + b**2 >= 2*a*b", "real", []),
    ("(a+b)**2 - 4*a*b = (a-b)**2", "real", []),
    ("a + 1/a >= 5/2", "real", ["a >= 2"]),
    ("a*(1 - a)*b*(1 - b) <= 1/16", "real", ["a > 0", "a < 1", "b > 0", "b < 1"]),
    ("2*a**2 + 3*b**2 >= 6/5*(a + b)**2", "pos", []),
    ("a**3 + 8*b**3 + 27*c**3 >= 18*a*b*c", "pos", []),
]


def certificate_of(text, domain, constraints):
    statement = parse_text(text, domain, constraints)
    return statement, find_certificate(build_system(statement), Work())


@pytest.mark.parametrize(("text", "domain", "constraints"), PROVABLE)
def test_a_certificate_survives_json_and_is_accepted(text, domain, constraints):
    statement, certificate = certificate_of(text, domain, constraints)
    assert certificate is not None
    assert check_certificate(statement, json.loads(json.dumps(certificate))) is None


def test_a_certificate_does_not_prove_another_statement():
    _, certificate = certificate_of("a/(b+c) + b/(c+a) + c/(a+b) >= 3/2", "pos", [])
    for wrong in ("a/(b+c) + b/(c+a) + c/(a+b) >= 151/100", "a/(b+c) + b/(c+a) + c/(a+b) > 3/2"):
        assert check_certificate(parse_text(wrong, "pos"), certificate) is not None
    assert check_certificate(parse_text("a/(b+c) + b/(c+a) + c/(a+b) >= 3/2", "real"), certificate) is not None


def test_tampering_with_cones_is_noticed():
    statement = parse_text("9/(1 + a*b*c) <= (1/a + 1/b + 1/c)*(1/(1 + a) + 1/(1 + b) + 1/(1 + c))", "pos")
    leaf = find_cones(start_tasks(build_system(statement))[0], ConeBudget(60_000))
    assert leaf is not None
    assert check_certificate(statement, {"tasks": [leaf]}) is None
    assert any(tree is not None for tree in leaf["trees"])
    for change in (
        {"trees": [None] * len(leaf["trees"])},
        {"trees": leaf["trees"][:-1]},
        {"chambers": [*leaf["chambers"][:-1], leaf["chambers"][0][:-1]]},
        {"chambers": [], "trees": [None]},
    ):
        bad = {"tasks": [{**copy.deepcopy(leaf), **change}]}
        assert check_certificate(statement, bad) is not None


@pytest.mark.parametrize(
    "garbage",
    [
        {},
        {"tasks": []},
        {"tasks": [{"rule": "magic", "parts": []}]},
        {"tasks": [{"leaf": "faith"}]},
        {"tasks": [{"rule": "homogenise", "parts": []}]},
    ],
)
def test_garbage_is_no_certificate(garbage):
    assert check_certificate(parse_text("a**2 + b**2 >= 2*a*b", "pos"), garbage) is not None


def test_ratios_need_the_product_they_claim():
    task = start_tasks(build_system(parse_text("a + b + c >= 6", "pos", ["2*a*b*c = 16"])))[0]
    good = {"equation": 0, "order": ["a", "b", "c"], "ratio": "2"}
    (part,) = apply_rule("ratios", task, good)
    a, b, c = part.context.gens()
    assert part.goal == 2 * a**2 * c + 2 * b**2 * a + 2 * c**2 * b - 6 * a * b * c
    assert part.equations == ()
    loose = start_tasks(build_system(parse_text("a + b + c >= 6", "nonneg", ["a*b*c = 8"])))[0]
    for wrong, at in ((good, loose), ({**good, "ratio": "1"}, task), ({**good, "order": ["a", "b"]}, task),
                      ({**good, "ratio": "-2"}, task), ({**good, "order": ["a", "b", "b"]}, task)):  # fmt: skip
        with pytest.raises(RuleError):
            apply_rule("ratios", at, wrong)


BOXES = [
    ("x/(1+y*z)+y/(1+z*x)+z/(1+x*y) <= 2", ["0<=x<=1", "0<=y<=1", "0<=z<=1"]),
    ("a/(b+c+1)+b/(c+a+1)+c/(a+b+1)+(1-a)*(1-b)*(1-c) <= 1", ["0<=a<=1", "0<=b<=1", "0<=c<=1"]),
    ("(a+b+c)*(1/a+1/b+1/c) <= 10", ["1<=a<=2", "1<=b<=2", "1<=c<=2"]),
]


@pytest.mark.parametrize(("text", "constraints"), BOXES)
def test_closed_boxes_are_proved_through_half_open_ones(text, constraints):
    statement, certificate = certificate_of(text, "real", constraints)
    assert certificate is not None
    assert check_certificate(statement, certificate) is None


@pytest.mark.parametrize(
    ("text", "domain", "constraints", "low", "high"),
    [
        ("0 >= a", "real", ["0 <= a <= 1", "a >= 1"], "0", "1"),  # only a = 1 is left
        ("b >= a", "real", ["0 <= a <= 1", "b >= a"], "0", "1"),  # another hypothesis binds it
        ("1 > a", "real", ["0 <= a <= 1"], "0", "1"),  # strict
        ("a >= 1", "real", ["0 <= a <= 1", "a*b = 1"], "0", "1"),  # an equation binds it
        ("a > 1", "nonneg", ["a >= -1", "a <= 0"], "-1", "0"),  # only a = 0 is left
        ("a >= 1", "nonneg", ["a >= -1", "a <= 0"], "-1", "0"),
    ],
)
def test_a_closed_end_is_refused_where_it_stands_alone(text, domain, constraints, low, high):
    task = start_tasks(build_system(parse_text(text, domain, constraints)))[0]
    with pytest.raises(RuleError, match="upper end"):
        apply_rule("interval", task, {"variable": "a", "low": low, "high": high})


small = st.integers(min_value=-3, max_value=3)


@st.composite
def random_statements(draw):
    """Random small polynomial claims on the positive reals, true or false."""
    names = ("a", "b", "c")
    terms = draw(st.lists(st.tuples(st.tuples(*[st.integers(0, 2)] * 3), small), min_size=2, max_size=6))
    parts = []
    for exponents, coefficient in terms:
        factors = "*".join(f"{n}**{e}" for n, e in zip(names, exponents, strict=True) if e)
        parts.append(f"({coefficient})" + (f"*{factors}" if factors else ""))
    constraints = draw(
        st.sampled_from(
            [
                [],
                ["a*b*c = 1"],
                ["a + b + c = 3"],
                ["a >= b"],
                ["a*b >= 1"],
                ["a < 1"],
                ["1 <= a <= 2"],
                ["a <= 1", "a >= 1"],
            ]
        )
    )
    return " + ".join(parts) + " >= 0", constraints


@settings(max_examples=60)
@given(random_statements(), st.sampled_from(["pos", "nonneg", "real"]))
def test_nothing_is_both_proved_and_refuted(drawn, domain):
    """Two independent methods: whatever gets a certificate, a search for counterexamples must not refute."""
    text, constraints = drawn
    statement = parse_text(text, domain, constraints)
    certificate = find_certificate(build_system(statement), Work(nodes=20))
    if certificate is not None:
        assert check_certificate(statement, certificate) is None
        assert falsify(statement) is None


@settings(max_examples=60)
@given(st.sampled_from(sorted(RULES)), st.dictionaries(st.text(max_size=8), st.integers(-2, 4), max_size=3))
def test_rules_refuse_nonsense(rule, params):
    task = start_tasks(build_system(parse_text("a + b >= 2", "pos", ["a*b = 1"])))[0]
    try:
        parts = apply_rule(rule, task, params)
    except RuleError:
        return
    assert all(isinstance(part, Task) for part in parts)


def test_a_cut_covers_its_cone():
    from fractions import Fraction

    rays = unit_rays(3)
    parts = split_cone(rays, [Fraction(1, 2), Fraction(1, 4), Fraction(1, 4)])
    assert len(parts) == 3
    with pytest.raises(RuleError):
        split_cone(rays, [Fraction(1), Fraction(0), Fraction(0)])
    with pytest.raises(RuleError):
        split_cone(rays, [Fraction(2), Fraction(-1, 2), Fraction(-1, 2)])


def test_no_certificate_is_believed_unchecked(monkeypatch):
    _, stolen = certificate_of("a/(b+c) + b/(c+a) + c/(a+b) >= 3/2", "pos", [])
    monkeypatch.setattr(prove_module, "find_certificate", lambda *_: stolen)
    with pytest.raises(AssertionError, match="the checker rejects"):
        prove_module.prove(parse_text("a**3 + b**3 + c**3 >= a**2*b + b**2*c + c**2*a", "pos"), prove_module.SHORT)


def test_a_claim_of_several_parts_needs_a_certificate_of_each():
    statement = parse_text("abs(x/(1 + x**2)) <= 1/2")
    proved = prove_module.prove(statement, prove_module.SHORT)
    assert proved.verdict == "proved"
    parts = json.loads(json.dumps(proved.certificate))["parts"]
    assert check_certificate(statement, {"parts": parts}) is None
    for wrong in (parts[:1], [*parts, parts[0]], [parts[0], {"tasks": []}]):
        assert check_certificate(statement, {"parts": wrong}) is not None
    assert check_certificate(parse_text("x/(1 + x**2) <= 1/2"), {"parts": parts}) is not None


def test_a_leaf_of_z3_is_asked_again_and_only_until_the_time_is_up():
    statement = parse_text("a**2 + b**2 >= 2*a*b")
    certificate = {"tasks": [{"leaf": "z3", "rlimit": 1_000_000}]}
    assert check_certificate(statement, certificate) is None
    assert check_certificate(parse_text("a**2 + b**2 >= 3*a*b"), certificate) is not None
    with pytest.raises(TimeoutError):
        check_certificate(statement, certificate, until=time.monotonic() - 1)


@pytest.mark.parametrize(
    ("text", "sign"),
    [("a**2 - a + 1", "pos"), ("a**2 - 2*a + 1", "nonneg"), ("a**2 + a*b + b**2", "nonneg"), ("a**2 - 3*a + 1", ""),
     ("a**2 - 2*a*b + b**2 + 1/1000", "pos"), ("a**2 - b", ""), ("a", ""), ("a**4 - a + 1", "")],
)  # fmt: skip
def test_the_sign_of_a_quadratic(text, sign):
    system = build_system(parse_text(f"{text} >= 0"))
    assert known_sign(system.goal, system.signs) == sign


def test_variables_that_may_be_zero_are_taken_positive_only_where_that_is_no_loss():
    root = "sqrt(a**2 + a*b + b**2) + sqrt(a) >= b"
    (positive,) = apply_rule("interior", task_of(root, "nonneg"), {})
    assert positive.signs[:2] == ("pos", "pos")
    for text, constraints in (
        (root.replace(">=", ">"), []),
        ("sqrt(a - b) >= b", []),
        # Defined at a = 0 only, where it is false.
        ("sqrt(-a) >= 1", []),
        (root, ["a*b = 0"]),
        (root, ["a >= b"]),
        ("a**2 + b >= 0", ["a + b = 1"]),
    ):
        with pytest.raises(RuleError):
            apply_rule("interior", task_of(text, "nonneg", constraints), {})


def task_of(text, domain, constraints=()):
    return start_tasks(build_system(parse_text(text, domain, constraints)))[0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("abs(25*r) <= (25**8 + 1)**(2/3)", "(25**8 + 1)**(2/3) >= abs(25*r)"),
        ("sqrt(a) + 2*sqrt(b + 1) <= 3*a", "2*sqrt(x + 1) + sqrt(y) <= 3*y"),
    ],
)
def test_the_order_of_roots_does_not_matter_to_the_key(one, other):
    assert canonical_key(parse_text(one, "pos")) == canonical_key(parse_text(other, "pos"))
    assert canonical_key(parse_text(one, "pos")) != canonical_key(
        parse_text(one.replace("25", "5").replace("3*", "4*"), "pos")
    )
