"""Searches for a certificate: tries rules in a sensible order until every task is closed by a leaf.

Nothing here has to be right for a proof to be right (rules and leaves check themselves); it has to be good.
The order is the one a person would try: factor, make homogeneous, take roots away, use linear hypotheses to
change variables, and only then bring out the heavier leaves. Work is counted in nodes and in terms of
polynomials, never in seconds.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from olmix.proofs.proving.algebra import System
from olmix.proofs.proving.amgm import find_amgm
from olmix.proofs.proving.cones import ConeBudget, Negative, find_cones
from olmix.proofs.proving.leaves import as_system
from olmix.proofs.proving.mean_moves import mean_moves
from olmix.proofs.proving.product_moves import product_moves
from olmix.proofs.proving.rules import apply_rule
from olmix.proofs.proving.sampling import evaluate, plausible, sample
from olmix.proofs.proving.sos import SMALL, Size, find_sos
from olmix.proofs.proving.tangents import bounds
from olmix.proofs.proving.tasks import (
    RuleError,
    Task,
    components,
    find_weights,
    is_nonneg,
    is_positive,
    start_tasks,
    terms_of,
)
from olmix.proofs.proving.z3_prover import ask_z3

#: About two seconds of z3.
Z3_LEAF_RLIMIT = 6_000_000

Node = dict[str, Any]
Move = tuple[str, dict[str, Any]]


@dataclasses.dataclass(kw_only=True)
class Work:
    """What a search may spend; counts down."""

    nodes: int = 150
    cones: ConeBudget = dataclasses.field(default_factory=lambda: ConeBudget(600_000))
    #: Polynomials with more terms than this are given up.
    most_terms: int = 2500
    #: How often z3 may be asked to close a task that nothing else closes.
    z3_calls: int = 0
    #: How many small sums of squares may be sought before other moves, and large ones after them.
    small_squares: int = 6
    large_squares: int = 0
    largest: Size = dataclasses.field(default_factory=Size)
    #: On the monotonic clock: a search that another one repeats in full may give up then, any other never.
    until: float | None = None
    seen: set[str] = dataclasses.field(default_factory=set)

    def spent(self) -> bool:
        """Whether nothing is left."""
        return self.nodes <= 0 or (self.until is not None and time.monotonic() > self.until)


def find_certificate(system: System, work: Work | None = None) -> dict[str, Any] | None:
    """A certificate for a statement in polynomial form, or None."""
    work = work or Work()
    roots = []
    for task in start_tasks(system):
        work.seen = set()
        node = prove_task(task, work, 0)
        if node is None:
            return None
        roots.append(node)
    return {"tasks": roots}


def prove_task(task: Task, work: Work, depth: int) -> Node | None:
    """A proof tree of one task, or None."""
    if work.spent() or _too_large(task, work) or depth > 9:
        return None
    key = f"{task.describe()} {task.signs}"
    if key in work.seen:
        return None
    work.seen.add(key)
    work.nodes -= 1
    if _closed_by_coefficients(task):
        return {"leaf": "coefficients"}
    if not plausible(task):
        return None
    found = _short_leaf(task, work)
    if found is not None:
        return found
    for rule, params in moves(task, depth):
        try:
            parts = apply_rule(rule, task, params)
        except RuleError:
            continue
        if any(_too_large(part, work) for part in parts):
            continue
        closed = []
        for part in parts:
            node = prove_task(part, work, depth + 1)
            if node is None:
                break
            closed.append(node)
        else:
            return {"rule": rule, **params, "parts": closed}
    return _leaf(task, work)


def _too_large(task: Task, work: Work) -> bool:
    polys = [task.goal, *task.hypotheses()]
    return sum(len(p) for p in polys) > work.most_terms or any(p.total_degree() > 90 for p in polys)


def _closed_by_coefficients(task: Task) -> bool:
    if task.strict:
        return is_positive(task.goal, task.signs)
    return is_nonneg(task.goal, task.signs)


def _short_leaf(task: Task, work: Work) -> Node | None:
    """What a reader likes best, where it is small: AM-GM, then a sum of squares."""
    if not task.equations and not task.inequalities:
        found = find_amgm(task)
        if found is not None:
            return found
    if work.small_squares <= 0 or any(n.endswith("_") for n in task.names):
        return None
    work.small_squares -= 1
    return find_sos(task, SMALL)


def _leaf(task: Task, work: Work) -> Node | None:
    """The heavier leaves (cones ignore all hypotheses but the signs)."""
    if not task.used() or work.spent():
        return None
    try:
        found = find_cones(task, work.cones)
    except Negative:
        return None
    return found or _large_squares(task, work) or _leaf_by_z3(task, work)


def _large_squares(task: Task, work: Work) -> Node | None:
    if work.large_squares <= 0:
        return None
    work.large_squares -= 1
    return find_sos(task, work.largest)


def _leaf_by_z3(task: Task, work: Work) -> Node | None:
    """z3 on small tasks that came out of a rule (the statement itself it is asked elsewhere)."""
    small = len(task.names) <= 5 and len(task.goal) <= 60 and task.goal.total_degree() <= 16
    if work.z3_calls <= 0 or not small:
        return None
    work.z3_calls -= 1
    if ask_z3(as_system(task), Z3_LEAF_RLIMIT, 20.0).answer != "unsat":
        return None
    return {"leaf": "z3", "rlimit": Z3_LEAF_RLIMIT}


def moves(task: Task, depth: int) -> Iterator[Move]:
    """The rules that may help, in the order in which to try them."""
    idle = _idle_definition(task)
    if idle is not None:
        yield "forget", {"equations": [idle]}
        return
    if task.equations and "nonneg" in task.signs:
        yield "interior", {}
    yield from _factoring(task)
    for i, equation in enumerate(task.equations):
        if len(equation) <= 60 and len(equation.factor()[1]) > 1:
            yield "reduce_equation", {"equation": i}
    yield from _by_constraint(task)
    yield from product_moves(task)
    bounded = list(bounds(task))
    # Cauchy-Schwarz costs nothing and reads well; squaring always works but makes everything long.
    yield from (("tangent", params) for params in bounded if "mode" in params)
    yield from mean_moves(task)
    yield from _roots(task)
    yield from (("tangent", params) for params in bounded if "mode" not in params)
    yield from _homogenising(task)
    yield from _changes_of_variables(task)
    if task.inequalities and not task.equations:
        yield "forget", {"inequalities": list(range(len(task.inequalities)))}
    yield from _slacks(task)
    for name in task.names:
        if name.startswith("w_") and not task.equations and not task.inequalities:
            yield "split_in", {"variable": name}
    yield from _signs(task)
    if task.equations:
        yield (
            "forget",
            {
                "equations": list(range(len(task.equations))),
                "inequalities": list(range(len(task.inequalities))),
            },
        )


def _idle_definition(task: Task) -> int | None:
    """An equation that only defines a root which nothing else mentions: it says nothing about the other variables."""
    for i, equation in enumerate(task.equations):
        others = [task.goal, *task.equations[:i], *task.equations[i + 1 :], *(q for q, _ in task.inequalities)]
        for at, name in enumerate(task.names):
            alone = name.startswith("u_") and equation.degrees()[at] > 0
            if alone and not any(p.degrees()[at] > 0 for p in others):
                return i
    return None


def _factoring(task: Task) -> Iterator[Move]:
    """Factors whose sign the hypotheses fix; the sign is read off at a few points."""
    if len(task.goal) > 1200 or task.goal.total_degree() > 60:
        return  # Factoring would cost more than it could bring.
    constant, factors = task.goal.factor()
    odd = [f for f, e in factors if e % 2]
    if len(factors) < 2 and not any(e > 1 for _, e in factors):
        return
    points = sample(task, 400)
    if not len(points):
        return
    signs = []
    for factor in odd:
        values = evaluate(factor, points)
        positive, negative = (values > 1e-12).sum(), (values < -1e-12).sum()
        signs.append(1 if positive >= negative else -1)
    if odd and (1 if constant > 0 else -1) * int(np.prod(signs)) < 0:
        return
    yield "product", {"signs": signs}


def _roots(task: Task) -> Iterator[Move]:
    """Roots in which the claim is linear."""
    if len(task.goal) > 300:
        return  # Squaring would leave tens of thousands of terms.
    for i, equation in enumerate(task.equations):
        degrees = equation.degrees()
        for at, name in enumerate(task.names):
            if not name.endswith("_") or not degrees[at] or not task.goal.degrees()[at]:
                continue
            used = [*task.equations[:i], *task.equations[i + 1 :], *(q for q, _ in task.inequalities)]
            if not any(p.degrees()[at] for p in used) and not any((x[at] % degrees[at]) for x in task.goal.to_dict()):
                yield "solve", {"equation": i, "variable": name, "power": int(degrees[at])}
            if degrees[at] % 2:
                yield "radical", {"equation": i, "variable": name, "mode": "odd"}
            else:
                yield "radical", {"equation": i, "variable": name, "mode": "below"}
                yield "radical", {"equation": i, "variable": name, "mode": "above"}


def _by_constraint(task: Task) -> Iterator[Move]:
    """Constraints between the statement's own variables make everything homogeneous before roots are touched."""
    roots = [at for at, name in enumerate(task.names) if name.startswith("u_")]
    if not roots or not task.equations:
        return
    for weights in dict.fromkeys((find_weights(task), find_weights(task, level=True))):
        if weights is None:
            continue
        for i, equation in enumerate(task.equations):
            if not any(equation.degrees()[at] > 0 for at in roots) and len(components(equation, weights)) == 2:
                yield "homogenise", {"equation": i, "weights": list(weights)}


def _homogenising(task: Task) -> Iterator[Move]:
    if not task.equations:
        return
    weights = find_weights(task)
    if weights is None:
        return
    for i, equation in enumerate(task.equations):
        parts = components(equation, weights)
        if len(parts) != 2:
            continue
        step = max(parts) - min(parts)
        degrees = list(components(task.goal, weights))
        if all((d - degrees[0]) % step == 0 for d in degrees):
            yield "homogenise", {"equation": i, "weights": list(weights)}
        else:
            own = [n for n, d in zip(task.names, equation.degrees(), strict=True) if d]
            others = [p for j, p in enumerate(task.equations) if j != i]
            monomial = max(parts) and len(parts[max(parts)]) == 1
            if monomial and all(task.sign(n) != "real" for n in own) and not others and step <= 6:
                yield "power", {"powers": dict.fromkeys(own, step)}
    if _mixed(task, weights) and "t_" not in task.names and not any(n.startswith("w_") for n in task.names):
        yield "introduce", {"name": "t_", "weights": list(weights)}
    for i, equation in enumerate(task.equations):
        power = _degrees(task, equation).get("t_")
        if power:
            yield "solve", {"equation": i, "variable": "t_", "power": power}
    if "t_" not in task.names and len(task.goal) <= 100:
        for i, equation in enumerate(task.equations):
            powers = _degrees(task, equation)
            if not any(d for n, d in powers.items() if n.endswith("_")):
                for name in (n for n, d in powers.items() if d == 1):
                    yield "solve", {"equation": i, "variable": name, "power": 1}


def _mixed(task: Task, weights: Sequence[int]) -> bool:
    return any(len(components(p, weights)) > 1 for p in (task.goal, *task.hypotheses()))


def _degrees(task: Task, poly: Any) -> dict[str, int]:
    return dict(zip(task.names, map(int, poly.degrees()), strict=True))


def _changes_of_variables(task: Task) -> Iterator[Move]:
    """Intervals, and as many linear inequalities as variables: new variables for them."""
    linear = [(i, q, s) for i, (q, s) in enumerate(task.inequalities) if q.total_degree() == 1]
    if not linear:
        return
    for name in task.names:
        found = _bounds(task, name)
        if found:
            yield "interval", {"variable": name, "low": str(found[0]), "high": str(found[1])}
            return
    forms: dict[str, dict[str, str]] = {}
    names = {n for _, q, _ in linear for n, d in zip(task.names, q.degrees(), strict=True) if d}
    chosen: list[tuple[dict[str, str], list[float]]] = []
    order = [n for n in task.names if n in names]

    def row(form: dict[str, str]) -> list[float]:
        return [float(_fraction(form.get(n, "0"))) for n in order]

    def add_if_new(form: dict[str, str]) -> None:
        known = np.array([r for _, r in chosen] + [row(form)])
        if len(chosen) < len(order) and np.linalg.matrix_rank(known) == len(chosen) + 1:
            chosen.append((form, row(form)))

    for _, q, _ in linear:
        add_if_new({("" if not any(x) else task.names[list(x).index(1)]): str(c) for x, c in terms_of(q)})
    for n in order:
        if task.sign(n) != "real":
            add_if_new({n: "1"})
    if len(chosen) == len(order):
        fresh = iter(f"{letter}{i}" for i in range(1, 99) for letter in ("x", "y", "z", "w"))
        for form, _ in chosen:
            name = next(f for f in fresh if f not in task.names)
            forms[name] = form
        yield "linear", {"forms": forms}


def _fraction(text: str) -> Any:
    from fractions import Fraction

    return Fraction(text)


def _bounds(task: Task, name: str) -> tuple[Any, Any] | None:
    """Lower and upper bound of a variable that linear inequalities in it alone state; a strict one where that matters."""
    from fractions import Fraction

    low: Fraction | None = None if task.sign(name) == "real" else Fraction(0)
    high: Fraction | None = None
    at = task.names.index(name)
    for q, strict in task.inequalities:
        degrees = q.degrees()
        if q.total_degree() != 1 or sum(map(bool, degrees)) != 1 or not degrees[at]:
            continue
        slope = constant = Fraction(0)
        for x, c in terms_of(q):
            if any(x):
                slope = c
            else:
                constant = c
        bound = -constant / slope
        if slope > 0:
            low = bound if low is None or bound > low else low
        elif strict or not task.strict:
            high = bound if high is None or bound < high else high
    return (low, high) if low is not None and high is not None and low < high else None


def _slacks(task: Task) -> Iterator[Move]:
    """An inequality becomes an equation with a slack; with everything made homogeneous it may be solved."""
    slacks = [n for n in task.names if n.startswith("w_")]
    if not task.inequalities or task.equations or len(slacks) > 1:
        return
    weights = find_weights(task)
    if weights and "t_" not in task.names and not slacks and _mixed(task, weights):
        yield "introduce", {"name": "t_", "weights": list(weights)}
    name = f"w_{len(slacks) + 1}_"
    for i, _ in enumerate(task.inequalities):
        yield "slack", {"inequality": i, "name": name, "ratio": True}
        yield "slack", {"inequality": i, "name": name}


def _signs(task: Task) -> Iterator[Move]:
    real = [n for n in task.used() if task.sign(n) == "real"]
    if real and len(real) <= 4 and not task.equations and not task.inequalities:
        yield "by_sign", {"variables": real}
