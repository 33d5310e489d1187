"""Roots replaced by AM-GM bounds: the rule is right at random points, and the search finds useful bounds."""

from fractions import Fraction

import numpy as np
import pytest

from olmix.proofs.proving.algebra import build_system
from olmix.proofs.proving.certificate import check_certificate
from olmix.proofs.proving.rules import apply_rule
from olmix.proofs.proving.sampling import evaluate
from olmix.proofs.proving.strategy import find_certificate
from olmix.proofs.proving.tangents import bounds
from olmix.proofs.proving.tasks import RuleError, start_tasks, write_poly
from olmix.proofs.statements.statement import parse_text


def task_of(*item):
    return start_tasks(build_system(parse_text(*item)))[0]


@pytest.mark.parametrize(
    "item",
    [
        ("a + b >= sqrt(a**2 + 3*b)", "pos", []),
        ("sqrt(a**2 + 3*b) >= a - b", "pos", []),
        ("(a + 2*b)**(1/3) <= 3 + a", "pos", []),
        ("5*(a/(1 + b))**(1/4) >= a + b**2 - 3", "pos", []),
    ],
)
def test_what_the_rule_leaves_implies_the_claim(item):
    """Wherever the new goal is positive, the old one is, for any positive m."""
    task = task_of(*item)
    at = next(i for i, n in enumerate(task.names) if n.endswith("_"))
    a, b, one = task.gen("a"), task.gen("b"), task.context.constant(1)
    rng = np.random.default_rng(2)
    points = np.exp(rng.normal(size=(400, 2)))
    equation = task.equations[0]
    q = int(equation.degrees()[at])
    values = np.array([[x, y, 1.0] for x, y in points])
    useful = False
    tops = {
        "linear": (a + 2 * b + 1, one),
        "small": (a + b, one * 2),
        "constant": (one * 2, one),
        "fraction": (a + 1, b + 3),
    }
    for top, bottom in tops.values():
        params = {"equation": 0, "variable": task.names[at], "top": write_poly(top), "bottom": write_poly(bottom)}
        (part,) = apply_rule("tangent", task, params)
        for i, point in enumerate(points):
            x, y = (Fraction(float(v)) for v in point)
            # D u**q - N at u = 0 and u = 1 gives N and D.
            n = -float(_at(equation, task, at, x, y, 0))
            d = float(_at(equation, task, at, x, y, 1)) + n
            values[i, at] = (n / d) ** (1 / q)
        new = evaluate(part.goal, points)
        assert (evaluate(task.goal, values)[new > 1e-9] > 0).all()
        useful |= (new > 1e-9).any()
    assert useful


def _at(poly, task, at, x, y, u):
    from olmix.proofs.proving.algebra import rational, to_fraction

    by = {"a": x, "b": y, task.names[at]: Fraction(u)}
    return to_fraction(poly(*[rational(by[n]) for n in task.names]))


def test_roots_under_a_constraint():
    item = (
        "sqrt(a*b + c) + sqrt(b*c + a) + sqrt(c*a + b) >= 1 + sqrt(a*b) + sqrt(b*c) + sqrt(c*a)", "pos", ["a + b + c = 1"],
    )  # fmt: skip
    statement = parse_text(*item)
    certificate = find_certificate(build_system(statement))
    assert certificate is not None
    assert check_certificate(statement, certificate) is None


def test_the_search_proposes_bounds_that_touch():
    task = task_of("2*a + 2*b >= sqrt(a**2 + 8*a*b)", "pos", [])
    params = next(bounds(task))
    # sqrt(a**2 + 8ab) is 3 at a = b = 1, with slopes 5/3 and 4/3.
    assert sorted((tuple(x), c) for x, c in params["top"]) == [((0, 1, 0), "4/3"), ((1, 0, 0), "5/3")]


def test_a_bound_must_be_positive():
    task = task_of("a + b >= sqrt(a**2 + 3*b)", "pos", [])
    params = next(bounds(task), None)
    name = next(n for n in task.names if n.endswith("_"))
    negative = {"equation": 0, "variable": name, "top": write_poly(task.gen("a") - 1), "bottom": [[[0, 0, 0], "1"]]}
    with pytest.raises(RuleError):
        apply_rule("tangent", task, negative)
    assert params is None or apply_rule("tangent", task, params)
