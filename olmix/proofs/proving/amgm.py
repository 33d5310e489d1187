"""Searches for a proof by weighted AM-GM: who pays for every negative term, found by linear programming.

A negative term -n y**m is covered by positive terms whose exponents average to m, in proportion to the weights (weighted
AM-GM); which weights to take from which terms is a linear program, and a vertex of it is rational. One program decides;
no term is paid for twice. The trick only works where equality holds at a point whose coordinates are known: variables
are first scaled so that this point is (1, ..., 1).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from olmix.proofs.proving.leaves import orthant_form
from olmix.proofs.proving.tasks import RuleError, Task, is_positive, terms_of
from olmix.proofs.proving.zeros import lowest_point, rational_zeros

Exponents = tuple[int, ...]
#: Larger programs belong to other methods.
MOST_TERMS, MOST_WEIGHTS = 160, 6000


def find_amgm(task: Task) -> dict[str, Any] | None:
    """An `amgm` leaf, or None. The task must have no variable that may be negative; its other hypotheses are ignored."""
    terms = dict(terms_of(task.goal))
    negative = sum(c < 0 for c in terms.values())
    if not negative or len(terms) > MOST_TERMS or negative * (len(terms) - negative) > MOST_WEIGHTS:
        return None
    if any(task.sign(name) == "real" for name in task.used()):
        return None
    for scale in _scales(task):
        scaled = {x: c * _product(scale, x) for x, c in terms.items()}
        for strict in _reserves(task, scaled):
            steps = _pay(scaled, strict)
            if steps is not None:
                return {"leaf": "amgm", "scale": [str(s) for s in scale], "steps": steps}
    return None


def _reserves(task: Task, scaled: dict[Exponents, Fraction]) -> list[tuple[Exponents, Fraction] | None]:
    """For a strict claim something positive has to be left over: a share of one positive term."""
    if not task.strict:
        return [None]
    out: list[tuple[Exponents, Fraction] | None] = []
    for x, c in scaled.items():
        if c > 0 and is_positive(task.context.from_dict({x: 1}), task.signs):
            out.append((x, c / 1000))
    return out[:4]


def _product(scale: Sequence[Fraction], exponents: Exponents) -> Fraction:
    out = Fraction(1)
    for s, e in zip(scale, exponents, strict=True):
        out *= s**e
    return out


def _scales(task: Task) -> list[tuple[Fraction, ...]]:
    """Points where equality may hold: all ones, then the rational zeros with positive coordinates."""
    ones = tuple(Fraction(1) for _ in task.names)
    try:
        form = orthant_form(task)
    except RuleError:
        return [ones]
    used = task.used()
    zeros = rational_zeros(form, starts=0 if len(used) > 4 else 30)
    lowest = None if zeros else lowest_point(form)
    out = [ones]
    for zero in [*zeros, lowest] if lowest else zeros:
        if not all(zero):
            continue
        # With one coordinate more than variables, the form was made homogeneous by the last one.
        unit = zero[-1] if len(zero) > len(used) else Fraction(1, len(used))
        by = dict(zip(used, zero, strict=False))
        scale = tuple(by[n] / unit if n in by else Fraction(1) for n in task.names)
        if scale not in out:
            out.append(scale)
    return out[:4]


def _pay(terms: dict[Exponents, Fraction], reserve: tuple[Exponents, Fraction] | None) -> list[dict[str, Any]] | None:
    """The steps of the leaf: for each negative term, the weights taken from positive ones; None where they do not suffice."""
    have = dict(terms)
    if reserve:
        have[reserve[0]] -= reserve[1]
    negative = [x for x, c in have.items() if c < 0]
    positive = [x for x, c in have.items() if c > 0]
    pairs = [(m, x) for m in negative for x in positive]
    rows = _rows(pairs, negative, positive, have)
    if rows is None:
        return None
    weights = _vertex(*rows, pairs, _costs(pairs))
    if weights is None:
        return None
    steps = []
    for m in negative:
        by = [[list(x), str(weights[m, x])] for x in positive if weights.get((m, x))]
        steps.append({"term": list(m), "by": by})
    return steps


def _costs(pairs: list[tuple[Exponents, Exponents]]) -> np.ndarray:
    """Near terms first: shorter steps are easier to read."""
    return np.array([sum((a - b) ** 2 for a, b in zip(m, x, strict=True)) ** 0.5 for m, x in pairs])


def _rows(
    pairs: list[tuple[Exponents, Exponents]],
    negative: list[Exponents],
    positive: list[Exponents],
    have: dict[Exponents, Fraction],
) -> tuple[list[dict[int, Fraction]], list[Fraction], list[dict[int, Fraction]], list[Fraction]] | None:
    """Equations (each negative term is met, in size and in exponents) and bounds (no term gives more than it has)."""
    equal: list[dict[int, Fraction]] = []
    right: list[Fraction] = []
    for m in negative:
        own = [k for k, (n, _) in enumerate(pairs) if n == m]
        equal.append({k: Fraction(1) for k in own})
        right.append(-have[m])
        for i in range(len(m)):
            row = {k: Fraction(pairs[k][1][i] - m[i]) for k in own if pairs[k][1][i] != m[i]}
            if row:
                equal.append(row)
                right.append(Fraction(0))
    bounds = [{k: Fraction(1) for k, (_, y) in enumerate(pairs) if y == x} for x in positive]
    return (equal, right, bounds, [have[x] for x in positive]) if pairs else None


def _vertex(
    equal: list[dict[int, Fraction]],
    right: list[Fraction],
    bounds: list[dict[int, Fraction]],
    most: list[Fraction],
    pairs: list[tuple[Exponents, Exponents]],
    costs: np.ndarray,
) -> dict[tuple[Exponents, Exponents], Fraction] | None:
    """A vertex of the program in floats (HiGHS' simplex), and then exactly: its support determines it."""
    from scipy.optimize import linprog

    count = len(pairs)
    a_eq, a_ub = _sparse(equal, count), _sparse(bounds, count)
    # Floats want numbers of ordinary size.
    size = max((float(abs(b)) for b in (*right, *most)), default=1.0) or 1.0
    solved = linprog(
        costs, A_ub=a_ub, b_ub=[float(b) / size for b in most], A_eq=a_eq, b_eq=[float(b) / size for b in right],
        bounds=(0, None), method="highs-ds",
    )  # fmt: skip
    if solved.status != 0 or solved.x is None or solved.slack is None:
        return None
    support = [k for k in range(count) if solved.x[k] > 1e-9]
    full = [i for i, slack in enumerate(solved.slack) if slack < 1e-9]
    exact = _solve_exactly([*equal, *(bounds[i] for i in full)], [*right, *(most[i] for i in full)], support)
    if exact is None:
        return None
    return {pairs[k]: v for k, v in zip(support, exact, strict=True) if v}


def _sparse(rows: list[dict[int, Fraction]], count: int) -> Any:
    from scipy.sparse import csr_matrix

    places = [(i, k, float(v)) for i, row in enumerate(rows) for k, v in row.items()]
    i, k, v = zip(*places, strict=True) if places else ((), (), ())
    return csr_matrix((v, (i, k)), shape=(len(rows), count))


def _solve_exactly(rows: list[dict[int, Fraction]], right: list[Fraction], support: list[int]) -> list[Fraction] | None:
    """The solution of linear equations in the variables of the support, all others zero; None where there is none that
    is non-negative and unique.
    """
    import flint

    def q(value: Fraction) -> Any:
        return flint.fmpq(value.numerator, value.denominator)

    width = len(support)
    entries = itertools.chain.from_iterable(
        [*(q(row.get(k, Fraction(0))) for k in support), q(b)] for row, b in zip(rows, right, strict=True)
    )
    matrix, rank = flint.fmpq_mat(len(rows), width + 1, list(entries)).rref()
    if rank != width or any(matrix[i, i] != 1 for i in range(width)):
        return None
    out = [Fraction(int(matrix[i, width].p), int(matrix[i, width].q)) for i in range(width)]
    return out if all(v >= 0 for v in out) else None
