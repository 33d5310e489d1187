"""AM-GM and sums of squares: found, readable, and right by an independent computer algebra system."""

import numpy as np
import pytest
import sympy

from olmix.proofs.proving.algebra import build_system
from olmix.proofs.proving.amgm import find_amgm
from olmix.proofs.proving.certificate import check_certificate
from olmix.proofs.proving.leaves import check_leaf
from olmix.proofs.proving.readable import explain
from olmix.proofs.proving.sos import find_sos
from olmix.proofs.proving.tasks import RuleError, start_tasks
from olmix.proofs.statements.statement import parse_text

SQUARES = [
    ("a**2 + b**2 + c**2 >= a*b + b*c + c*a", "real", []),
    ("(a**2+b**2+c**2)**2 >= 3*(a**3*b+b**3*c+c**3*a)", "real", []),  # zeros that are no rational points
    ("x**4*y**2 + x**2*y**4 + 1 >= 3*x**2*y**2", "real", []),  # Motzkin's form needs a multiplier
    ("a**3+b**3+c**3+3*a*b*c >= a*b*(a+b)+b*c*(b+c)+c*a*(c+a)", "pos", []),  # Schur
    ("7*a + 5*b + 12*a*b <= 9", "pos", ["9*a**2 + 8*a*b + 7*b**2 <= 6"]),
    ("a**2 + b**2 + c**2 >= 3", "real", ["a + b + c = 3"]),
    ("a**4 + a**3 + a**2 + a + 1 > 0", "real", []),
    ("(1+a**2)*(1+b**2)*(1+c**2) >= (a+b+c-a*b*c)**2", "real", []),
]
AMGM = [
    ("a/(b+c) + b/(c+a) + c/(a+b) >= 3/2", "pos", []),
    ("a**7 + b**7 + c**7 >= a**4*b**3 + b**4*c**3 + c**4*a**3", "nonneg", []),
    ("a**3 + 16 >= 12*a", "pos", []),  # equality at a = 2
    ("4*a**2 + 9*b**2 > 11*a*b", "pos", []),
]


def first_task(item):
    return start_tasks(build_system(parse_text(*item)))[0]


@pytest.mark.parametrize("item", SQUARES)
def test_squares_are_found_and_add_up(item):
    statement, task = parse_text(*item), first_task(item)
    leaf = find_sos(task)
    assert leaf is not None
    check_leaf("sos", task, leaf)
    assert check_certificate(statement, {"tasks": [leaf]}) is None
    lines = explain(statement, {"tasks": [leaf]})
    at = next(i for i, line in enumerate(lines) if line.startswith("  = "))
    left, right = lines[at - 1], " + ".join(line[4:] for line in lines[at:])
    assert sympy.expand(sympy.sympify(left) - sympy.sympify(right)) == 0


@pytest.mark.parametrize("item", AMGM)
def test_amgm_pays_for_every_negative_term(item):
    statement, task = parse_text(*item), first_task(item)
    leaf = find_amgm(task)
    assert leaf is not None
    check_leaf("amgm", task, leaf)
    lines = [line.split(" <= ") for line in explain(statement, {"tasks": [leaf]}) if " <= " in line]
    rest = sympy.sympify(str(task.goal).replace("^", "**"))
    rng = np.random.default_rng(0)
    for left, right in lines:
        gap = sympy.sympify(right) - sympy.sympify(left)
        rest -= gap
        names = sorted(gap.free_symbols, key=str)
        points = rng.uniform(0.01, 3, size=(50, len(names)))
        assert (sympy.lambdify(names, gap)(*points.T) > -1e-12).all()
    assert all(c >= 0 for c in sympy.expand(rest).as_coefficients_dict().values())


@pytest.mark.parametrize("item", [("x**4*y**2 + x**2*y**4 + 1 >= 3.001*x**2*y**2", "real", []), ("a >= 0", "real", [])])
def test_nothing_is_found_for_what_is_false(item):
    assert find_sos(first_task(item)) is None


def test_a_tampered_gram_matrix_is_rejected():
    task = first_task(SQUARES[0])
    leaf = find_sos(task)
    for value in ("2", "-1/2", "1/3"):
        leaf["blocks"][0]["gram"][0][0] = value
        with pytest.raises(RuleError):
            check_leaf("sos", task, leaf)


def test_random_sums_of_squares_are_recognised():
    rng = np.random.default_rng(5)
    monomials = ["a**2", "b**2", "c**2", "a*b", "b*c", "c*a"]
    for _ in range(6):
        squares = []
        for _ in range(3):
            terms = [f"{k}*{m}" for k, m in zip(rng.integers(-3, 4, 6), monomials, strict=True) if k]
            squares.append(f"({' + '.join(terms) or '0'})**2")
        task = first_task((f"{' + '.join(squares)} >= 0", "real", []))
        leaf = find_sos(task)
        assert leaf is not None
        check_leaf("sos", task, leaf)
