"""Which weights prove a product of sums: the shares of the terms where the product is least, rounded until they are exact."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from olmix.proofs.proving.factors import MOST_TERMS, Problem, Product, Sum, check_factors, read_problem, whole_product
from olmix.proofs.proving.tasks import RuleError
from olmix.proofs.statements.statement import Statement

#: Logarithms of variables stay within this: beyond it, a term is as good as gone.
_FAR = 30.0
_DENOMINATORS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 16, 20, 24, 30, 36, 60, 64, 120, 360, 840, 10**6)


def find_factors(statement: Statement) -> dict[str, Any] | None:
    """A certificate `{"factors": ...}`, or None."""
    try:
        problem = read_problem(statement)
    except RuleError:
        return None
    if not problem.claim.monomial:
        return None  # Numbers alone: nothing to search.
    sums = list(
        {base: None for product in (problem.claim, *(p for p, _ in problem.constraints)) for base in product.sums}
    )
    if not sums and not problem.constraints and any(problem.claim.monomial):
        return None
    if len(problem.claim.monomial) > 40 or sum(map(len, sums)) > 2 * MOST_TERMS:
        return None
    found = _least(problem, sums)
    if found is None:
        return None
    powers, shares = found
    for denominator in _DENOMINATORS:
        near = [Fraction(round(p * denominator), denominator) for p in powers]
        for made in (_rounded(shares, denominator), _repaired(problem, sums, near, shares, denominator)):
            if made is None:
                continue
            certificate = _certificate(problem, sums, near, made)
            try:
                check_factors(statement, certificate)
            except RuleError:
                continue
            return {"factors": certificate}
    return None


def _certificate(
    problem: Problem, sums: Sequence[Sum], powers: Sequence[Fraction], shares: Sequence[Sequence[Fraction]]
) -> dict[str, Any]:
    whole = whole_product(
        problem,
        [p if equal else max(p, Fraction(0)) for p, (_, equal) in zip(powers, problem.constraints, strict=True)],
    )
    rows = [[str(w) for w in shares[sums.index(base)]] for base in whole.sums]
    return {"powers": [str(p) for p in powers], "weights": rows}


def _rounded(shares: Sequence[np.ndarray], denominator: int) -> list[list[Fraction]]:
    return [[Fraction(round(float(w) * denominator), denominator) for w in row] for row in shares]


def _repaired(
    problem: Problem, sums: Sequence[Sum], powers: Sequence[Fraction], shares: Sequence[np.ndarray], denominator: int
) -> list[list[Fraction]] | None:
    """Weights near the floating ones for which the variables cancel exactly, the smallest ones left alone."""
    import flint

    if denominator < 60:
        return None
    try:
        whole = whole_product(problem, powers)
    except RuleError:
        return None
    rows = _rounded(shares, denominator)
    places = [
        (sums.index(base), k, n, e)
        for base, n in whole.sums.items()
        for k, (e, _) in enumerate(base)
        if rows[sums.index(base)][k] > Fraction(1, 1000)
    ]
    width = len(whole.monomial)
    # Unknown corrections: each sum's add up to what is missing from 1, and the exponents to what is left of them.
    order = [sums.index(base) for base in whole.sums]
    left = [1 - sum(rows[i], Fraction(0)) for i in order]
    gap = [-e for e in whole.monomial]
    for base, n in whole.sums.items():
        for (e, _), w in zip(base, rows[sums.index(base)], strict=True):
            gap = [g - n * w * x for g, x in zip(gap, e, strict=True)]
    matrix = [[Fraction(int(i == s)) for s, *_ in places] for i in order]
    matrix += [[n * e[j] for _, _, n, e in places] for j in range(width)]
    solved = _least_norm(matrix, [*left, *gap], flint)
    if solved is None:
        return None
    for (s, k, _, _), delta in zip(places, solved, strict=True):
        rows[s][k] += delta
    return rows


def _least_norm(matrix: list[list[Fraction]], right: list[Fraction], flint: Any) -> list[Fraction] | None:
    """The smallest solution of linear equations, exactly; None where there is none."""
    if not matrix or not matrix[0]:
        return None
    a = flint.fmpq_mat(
        len(matrix), len(matrix[0]), [flint.fmpq(v.numerator, v.denominator) for row in matrix for v in row]
    )
    square = a * a.transpose()
    b = flint.fmpq_mat(len(right), 1, [flint.fmpq(v.numerator, v.denominator) for v in right])
    rows = square.nrows()
    whole = flint.fmpq_mat(
        rows, rows + 1, [x for i in range(rows) for x in (*(square[i, j] for j in range(rows)), b[i, 0])]
    )
    reduced, rank = whole.rref()
    y = [flint.fmpq(0)] * rows
    for i in range(rank):
        lead = next(j for j in range(rows + 1) if reduced[i, j] != 0)
        if lead == rows:
            return None
        y[lead] = reduced[i, rows]
    solved = a.transpose() * flint.fmpq_mat(rows, 1, y)
    return [Fraction(int(solved[i, 0].p), int(solved[i, 0].q)) for i in range(solved.nrows())]


def _least(problem: Problem, sums: Sequence[Sum]) -> tuple[list[float], list[np.ndarray]] | None:
    """Where the claim's product is least in logarithms: the powers of the constraints and the shares of the terms there."""
    from scipy import optimize

    arrays = [
        (np.array([[float(x) for x in e] for e, _ in base]), np.log([float(c) for _, c in base])) for base in sums
    ]

    def log_of(product: Product, y: np.ndarray) -> tuple[float, np.ndarray]:
        value = sum(float(n) * math.log(c) for c, n in product.numbers.items())
        slope = np.array([float(e) for e in product.monomial])
        value += float(slope @ y)
        for base, n in product.sums.items():
            exponents, logs = arrays[sums.index(base)]
            terms = exponents @ y + logs
            top = terms.max()
            shares = np.exp(terms - top)
            value += float(n) * (top + math.log(shares.sum()))
            slope = slope + float(n) * (shares / shares.sum()) @ exponents
        return value, slope

    size = len(problem.claim.monomial)
    limits: list[Any] = [
        {
            "type": "eq" if equal and not product.sums else "ineq",
            "fun": lambda y, p=product: -log_of(p, y)[0],
            "jac": lambda y, p=product: -log_of(p, y)[1],
        }
        for product, equal in problem.constraints
    ]
    start = np.linspace(-0.1, 0.1, size)
    minimize: Any = optimize.minimize
    solved = minimize(
        lambda y: log_of(problem.claim, y), start, jac=True, bounds=[(-_FAR, _FAR)] * size, constraints=limits,
        method="SLSQP", options={"maxiter": 400, "ftol": 1e-14},
    )  # fmt: skip
    y = solved.x
    if not np.isfinite(y).all() or log_of(problem.claim, y)[0] < -1e-6:
        return None
    slopes = np.array([log_of(product, y)[1] for product, _ in problem.constraints]).reshape(-1, size)
    powers = np.linalg.lstsq(slopes.T, -log_of(problem.claim, y)[1], rcond=None)[0] if len(slopes) else np.zeros(0)
    shares = []
    for exponents, logs in arrays:
        terms = exponents @ y + logs
        share = np.exp(terms - terms.max())
        shares.append(share / share.sum())
    return [float(p) for p in powers], shares
