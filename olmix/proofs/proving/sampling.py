"""Points that satisfy a task's hypotheses, in floats: they tell early which subgoals are hopeless.

What is seen here decides what is tried, never what is true.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from olmix.proofs.proving.tangents import root_equation
from olmix.proofs.proving.tasks import RuleError, Task, components, terms_of


def sample(task: Task, count: int) -> np.ndarray:
    """Points that satisfy the signs and inequalities; with equations, points of the statement's own
    search.
    """
    rng = np.random.default_rng([count, len(task.names)])
    if task.equations:
        return _on_equations(task, count)
    points = np.exp(rng.normal(size=(count, len(task.names))) * rng.choice([0.1, 1.0, 3.0], size=(count, 1)))
    for j, sign in enumerate(task.signs):
        if sign == "real":
            points[:, j] *= rng.choice([-1.0, 1.0], size=count)
    keep = np.ones(count, dtype=bool)
    for q, _ in task.inequalities:
        keep &= evaluate(q, points) >= 0
    return points[keep]


def _on_equations(task: Task, count: int) -> np.ndarray:
    from olmix.proofs.proving.task_text import task_statement
    from olmix.proofs.refuting.falsify import Budget, feasible_points

    task = dataclasses.replace(task, goal=task.context.constant(1))
    return feasible_points(task_statement(task), Budget(starts=count))


def evaluate(poly: Any, points: np.ndarray) -> np.ndarray:
    """The polynomial in floats, relative to the size of its terms."""
    terms = terms_of(poly)
    if not terms or not len(points):
        return np.zeros(len(points))
    exponents = np.array([x for x, _ in terms], dtype=float)
    coefficients = np.array([float(c) for _, c in terms])
    with np.errstate(all="ignore"):
        logs = np.log(np.abs(points)) @ exponents.T
        signs = np.where((points[:, None, :] < 0) & (exponents[None] % 2 == 1), -1.0, 1.0).prod(axis=2)
        values = np.exp(logs - logs.max(axis=1, keepdims=True)) * signs
    return (values @ coefficients) / (np.abs(values) @ np.abs(coefficients))


def plausible(task: Task) -> bool:
    """Whether the claim survives a look at some points: rules that lose too much are noticed early."""
    if task.goal.is_constant():
        return task.goal.is_zero() or bool(task.goal.leading_coefficient() > 0)
    if len(task.goal) > 1200:
        return True
    if task.equations:
        points = points_with_roots(task, 300)
        if points is None:
            return True
    else:
        points = sample(task, 800)
    return not len(points) or bool(np.nanmin(evaluate(task.goal, points)) > -1e-10)


def points_with_roots(task: Task, count: int) -> np.ndarray | None:
    """Points for a task whose equations define roots of the other variables, one after the other, but for at most one.

    That one must be a constraint of two homogeneous parts, onto which points are scaled. None for other tasks.
    """
    left = list(range(len(task.equations)))
    known = {at for at, name in enumerate(task.names) if not name.startswith("u_")}
    free = sorted(known)
    order: list[tuple[int, int, Any, Any]] = []
    while left:
        for index in left:
            new = [at for at, d in enumerate(task.equations[index].degrees()) if d > 0 and at not in known]
            if len(new) != 1 or task.signs[new[0]] == "real":
                continue
            try:
                q, d, n = root_equation(task, index, new[0])
            except RuleError:
                continue
            order.append((new[0], q, d, n))
            known.add(new[0])
            left.remove(index)
            break
        else:
            break
    points = sample(dataclasses.replace(task, equations=(), inequalities=()), count)
    if left:
        scaled = _scaled(task.equations[left[0]], free, points) if len(left) == 1 else None
        if scaled is None:
            return None
        points = scaled
    for at, q, d, n in order:
        with np.errstate(all="ignore"):
            points[:, at] = (_value(n, points) / _value(d, points)) ** (1 / q)
    keep = np.isfinite(points).all(axis=1)
    for q, _ in task.inequalities:
        with np.errstate(all="ignore"):
            keep &= evaluate(q, points) >= 0
    return points[keep]


def _scaled(equation: Any, free: list[int], points: np.ndarray) -> np.ndarray | None:
    """The points moved along their rays onto an equation with two homogeneous parts in the free variables."""
    if any(d for at, d in enumerate(equation.degrees()) if at not in free):
        return None
    parts = components(equation, [1] * points.shape[1])
    if len(parts) != 2:
        return None
    low, high = sorted(parts)
    with np.errstate(all="ignore"):
        by = (-_value(parts[low], points) / _value(parts[high], points)) ** (1 / (high - low))
    points = points.copy()
    points[:, free] *= by[:, None]
    return points[np.isfinite(by) & (by > 0)]


def _value(poly: Any, points: np.ndarray) -> np.ndarray:
    out = np.zeros(len(points))
    for x, c in terms_of(poly):
        out += float(c) * np.prod(points ** np.array(x), axis=1)
    return out
