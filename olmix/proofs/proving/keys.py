"""A canonical key: equivalent statements of a problem meet under one name, so that copies are found.

The claim is turned into a polynomial, made homogeneous by the constraints where these allow it, freed of factors whose
sign is known and of rational content; among all renamings of the variables the smallest spelling is the key. So
`abc = 1` and the homogeneous form, both directions of writing, clearing of denominators and other letters all agree.
Strictness is not part of the key: `>` and `>=` are the same problem. Statements without a polynomial form are spelled
as trees, with the same renaming.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Iterator
from typing import Any

from olmix.proofs.proving.algebra import Poly, Unsupported, build_system, known_sign, to_fraction
from olmix.proofs.proving.rules import apply_rule
from olmix.proofs.proving.tasks import RuleError, Task, components, find_weights, start_tasks
from olmix.proofs.statements.expr import Var, substitute
from olmix.proofs.statements.printing import relation_text
from olmix.proofs.statements.statement import Statement

#: Above this many variables only the given order is spelled.
MAX_PERMUTED = 6
#: More orders than this are not tried: roots then come in the order in which they are written.
MOST_ORDERS = 720


def canonical_key(statement: Statement) -> str:
    """The key, 20 hexadecimal digits."""
    return hashlib.sha256(spelling(statement).encode()).hexdigest()[:20]


def spelling(statement: Statement) -> str:
    """The canonical spelling that the key is the hash of."""
    try:
        tasks = start_tasks(build_system(statement))
    except (Unsupported, ValueError):
        return _tree_spelling(statement)
    task = _homogeneous(tasks[0])
    goal = _core(task.goal, task)
    if len(tasks) == 2:
        goal = goal if goal.is_zero() or goal.leading_coefficient() > 0 else -goal
    op = "=" if len(tasks) == 2 else ">="
    equations = [_signless(p) for p in task.equations]
    inequalities = [_core(p, task) for p, _ in task.inequalities]
    originals = [i for i, name in enumerate(task.names) if not name.endswith("_")]
    others = [i for i in range(len(task.names)) if i not in originals]
    best: str | None = None
    for order in _orders(originals, others):
        text = f"{_spell(goal, order, task)} {op} 0"
        if best is not None and not equations and not inequalities and text > best:
            continue
        given = sorted(_spell(p, order, task) + " = 0" for p in equations)
        given += sorted(_spell(p, order, task) + " >= 0" for p in inequalities)
        signs = "".join(task.signs[i][0] for i in order[: len(originals)])
        text = f"{text}|{signs}|{';'.join(given)}"
        best = text if best is None or text < best else best
    return best or ""


def _orders(originals: list[int], others: list[int]) -> Iterator[tuple[int, ...]]:
    """Orders of the variables, those that stand for roots last; which of these comes first must not matter either."""
    first = itertools.permutations(originals) if len(originals) <= MAX_PERMUTED else iter([tuple(originals)])
    many = math.factorial(min(len(originals), MAX_PERMUTED)) * math.factorial(len(others)) > MOST_ORDERS
    for order in first:
        for rest in [tuple(others)] if many else itertools.permutations(others):
            yield (*order, *rest)


def _homogeneous(task: Task) -> Task:
    """The task after every equation that can be used to make it homogeneous has been used."""
    for _ in range(4):
        weights = find_weights(task)
        if weights is None:
            return task
        for i, equation in enumerate(task.equations):
            if len(components(equation, weights)) != 2:
                continue
            try:
                task = apply_rule("homogenise", task, {"equation": i, "weights": list(weights)})[0]
                break
            except RuleError:
                continue
        else:
            return task
    return task


def _core(poly: Poly, task: Task) -> Poly:
    """The polynomial without positive content and without factors that cannot change its sign."""
    if poly.is_zero() or poly.is_constant():
        return poly
    if len(poly) > 1500:
        return _primitive(poly)
    constant, factors = poly.factor()
    out = task.context.constant(1 if constant > 0 else -1)
    for factor, exponent in factors:
        if exponent % 2:
            if known_sign(factor, task.signs) == "pos":
                continue
            if known_sign(-factor, task.signs) == "pos":
                out = -out
                continue
            out = out * factor
        elif not (known_sign(factor, task.signs) == "pos" or known_sign(-factor, task.signs) == "pos"):
            out = out * factor**2
    return _primitive(out)


def _primitive(poly: Poly) -> Poly:
    """Divided by the positive content of its coefficients."""
    from math import gcd, lcm

    coefficients = [to_fraction(c) for c in poly.coeffs()]
    if not coefficients:
        return poly
    scale = lcm(*(c.denominator for c in coefficients))
    content = gcd(*(abs(int(c * scale)) for c in coefficients))
    return poly * scale / content


def _signless(poly: Poly) -> Poly:
    poly = _primitive(poly)
    return poly if poly.is_zero() or poly.leading_coefficient() > 0 else -poly


def _spell(poly: Poly, order: tuple[int, ...], task: Task) -> str:
    terms: list[tuple[tuple[int, ...], Any]] = []
    for x, c in poly.to_dict().items():
        terms.append((tuple(int(x[i]) for i in order), to_fraction(c)))
    terms.sort(reverse=True)
    return ",".join(f"{c}*{'.'.join(map(str, x))}" for x, c in terms)


def _tree_spelling(statement: Statement) -> str:
    names = statement.variables
    spelled = []
    orders = itertools.permutations(names) if len(names) <= MAX_PERMUTED else [names]
    for order in orders:
        by = {old: Var(f"v{i}") for i, old in enumerate(order)}
        claim = statement.claim if statement.claim.op not in ("<", "<=") else statement.claim.flipped()
        text = relation_text(claim.map(lambda e, by=by: substitute(e, by)))  # type: ignore[misc]
        given = sorted(relation_text(c.map(lambda e, by=by: substitute(e, by))) for c in statement.constraints)  # type: ignore[misc]
        kinds = "".join(statement.domain(v)[0] for v in order)
        spelled.append(f"{text.replace('>=', '>')}|{kinds}|{';'.join(given)}")
    return min(spelled)
