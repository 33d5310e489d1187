"""Looks for a counterexample: a fixed number of starts in floats, then confirmation in exact arithmetic.

Points are searched in logarithmic coordinates (so that limits at 0 and infinity are as near as any other
point), pushed onto the equality constraints by Newton's method, ranked by how far the claim fails relative to
the size of its terms, and the best are improved by a small evolution strategy. Nothing depends on the clock:
the same statement, budget and seed give the same verdict on a busy machine. What comes back is confirmed
(`counterexample.confirm`); a search that finds nothing proves nothing.
"""

from __future__ import annotations

import dataclasses
import itertools
import zlib
from collections.abc import Sequence

import numpy as np

from olmix.proofs.refuting.counterexample import Counterexample, confirm, describe_sides, rationalise
from olmix.proofs.refuting.newton import newton
from olmix.proofs.statements.expr import STRICT
from olmix.proofs.statements.numeric import compile_floats, magnitude, never_defined
from olmix.proofs.statements.statement import Statement


@dataclasses.dataclass(frozen=True, kw_only=True)
class Budget:
    """How hard to look. Counts only; no seconds."""

    starts: int = 3000
    survivors: int = 48
    generations: int = 40
    offspring: int = 12
    #: How many of the best points are rationalised and tried in exact arithmetic.
    candidates: int = 12
    seed: int = 0


QUICK = Budget(starts=800, survivors=16, generations=20, offspring=8, candidates=6)


@dataclasses.dataclass(frozen=True)
class Search:
    """What the search saw: a confirmed counterexample or None, how many feasible points, and the smallest
    relative gap.
    """

    counterexample: Counterexample | None
    feasible: int
    tightest: float
    #: The feasible point with the smallest relative gap, by variable: where equality may hold. Floats,
    #: unconfirmed.
    at: tuple[tuple[str, float], ...] = ()


#: Floats round at about 1e-16 of the size of the terms: a relative gap above this is no violation, and one above
#: `_FAINT` is so small that two candidates are enough to see whether it is real.
_NOISE, _FAINT = -3e-14, -1e-10
#: A strict claim already fails where both sides are equal.
_EQUAL = 1e-13


class _Problem:
    """The statement compiled for numpy; points are arrays (count, variables)."""

    def __init__(self, statement: Statement) -> None:
        self.statement = statement
        self.names = statement.variables
        self.domains = statement.domains
        self.equations = [c for c in statement.constraints if c.op == "="]
        self.conditions = [c for c in statement.constraints if c.op != "="]
        claim = statement.claim
        gaps = [claim.gap(), *(c.gap() for c in self.equations), *(c.gap() for c in self.conditions)]
        self._values = compile_floats([*gaps, *(magnitude(gap) for gap in gaps)], self.names)
        self.count = len(gaps)

    def evaluate(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Relative gaps: of the claim (count,), of the equations (count, e), of the conditions (count, c)."""
        values = self._values(points)
        with np.errstate(all="ignore"):
            relative = values[:, : self.count] / values[:, self.count :]
            relative = np.where(values[:, : self.count] == 0, 0.0, relative)
        equations = len(self.equations)
        return relative[:, 0], relative[:, 1 : 1 + equations], relative[:, 1 + equations :]

    def cost(self, points: np.ndarray) -> np.ndarray:
        """Smaller is worse for the claim: below 0 the claim fails there, above 1 the point is not
        feasible.
        """
        claim, equations, conditions = self.evaluate(points)
        if self.statement.claim.op == "=":
            claim = -np.abs(claim)
        elif self.statement.claim.op == "!=":
            claim = np.abs(claim)
        cost = np.where(np.isfinite(claim), claim, 3.0)
        with np.errstate(all="ignore"):
            miss = np.abs(equations).max(axis=1) if equations.shape[1] else np.zeros(len(points))
            bad = np.where(miss < 1e-11, 0.0, 1.0 + miss)
            for j, condition in enumerate(self.conditions):
                gap = conditions[:, j] if condition.op != "!=" else np.abs(conditions[:, j]) - 1e-9
                bad += np.where(gap >= -1e-15, 0.0, 1.0 - gap)
        bad = np.where(np.isfinite(bad), bad, 9.0)
        return np.where(bad > 0, 1.0 + bad, cost)


def _to_points(problem: _Problem, coordinates: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """Logarithmic coordinates and signs (or zeros) to points."""
    points = signs * np.exp(np.clip(coordinates, -60, 60))
    for j, domain in enumerate(problem.domains):
        if domain == "natural":
            points[:, j] = np.clip(np.round(points[:, j]), 1, 12)
    return points


def _project(
    problem: _Problem,
    coordinates: np.ndarray,
    signs: np.ndarray,
    tight: np.ndarray | None = None,
    rounds: int = 40,
) -> np.ndarray:
    """Newton steps of least size in log coordinates onto the equations (and the conditions marked in
    `tight`).
    """
    rows = len(problem.equations) + (0 if tight is None else int(tight.sum()))
    if not rows:
        return coordinates
    size = coordinates.shape[1]
    step = 1e-6

    def residual(at: np.ndarray, signs: np.ndarray) -> np.ndarray:
        _, equations, conditions = problem.evaluate(_to_points(problem, at, signs))
        return equations if tight is None else np.concatenate([equations, conditions[:, tight]], axis=1)

    coordinates = coordinates.copy()
    active = np.arange(len(coordinates))
    for _ in range(rounds):
        at, own = coordinates[active], signs[active]
        here = residual(at, own)
        with np.errstate(all="ignore"):
            going = np.isfinite(here).all(axis=1) & (np.abs(here).max(axis=1) > 2e-16)
        active, at, own, here = active[going], at[going], own[going], here[going]
        if not len(active):
            break
        moved = np.concatenate([at + step * np.eye(size)[j] for j in range(size)])
        there = residual(moved, np.tile(own, (size, 1))).reshape(size, len(at), rows)
        with np.errstate(all="ignore"):
            jacobian = ((there - here) / step).transpose(1, 2, 0)
        jacobian = np.where(np.isfinite(jacobian), jacobian, 0.0)
        gram = jacobian @ jacobian.transpose(0, 2, 1)
        ridge = 1e-12 * np.trace(gram, axis1=1, axis2=2) / rows + 1e-200
        gram = gram + ridge[:, None, None] * np.eye(rows)
        move = -(jacobian.transpose(0, 2, 1) @ np.linalg.solve(gram, here[:, :, None]))[:, :, 0]
        length = np.abs(move).max(axis=1, keepdims=True)
        coordinates[active] = at + move * np.minimum(1.0, 2.0 / np.maximum(length, 1e-300))
        # What has converged to rounding stays.
        active = active[(np.abs(here).max(axis=1) > 1e-14) | (length[:, 0] > 1e-9)]
    return coordinates


def _starts(problem: _Problem, budget: Budget, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Log coordinates and signs: near each other, spread wide, on patterns of few distinct values, with
    zeros.
    """
    size, count = len(problem.names), budget.starts
    spread = rng.choice([0.05, 0.5, 1.5, 4.0, 10.0], size=(count, 1))
    coordinates = rng.normal(size=(count, size)) * spread + rng.normal(size=(count, 1)) * rng.choice(
        [0.3, 3.0], size=(count, 1)
    )
    # A third take few distinct values: extremes of symmetric claims lie at two or three equal variables.
    few = slice(0, count // 3)
    pick = rng.integers(0, 2, size=(count, size))
    coordinates[few] = np.take_along_axis(coordinates[few], np.minimum(pick[few], size - 1), axis=1)
    signs = np.ones((count, size))
    for j, domain in enumerate(problem.domains):
        if domain == "real":
            signs[:, j] = rng.choice([-1.0, 1.0], size=count)
        elif domain == "natural":
            coordinates[:, j] = np.log(rng.integers(1, 8, size=count))
        if domain in ("real", "nonneg"):
            signs[rng.random(count) < 0.12, j] = 0.0
    # Real variables often matter with one sign: give every overall sign its share.
    signs[: count // 8] = np.abs(signs[: count // 8])
    return coordinates, signs


def search(statement: Statement, budget: Budget | None = None) -> Search:
    """Looks for a counterexample within the budget; see `Search`."""
    budget = budget or Budget()
    problem = _Problem(statement)
    if not statement.variables:
        return _constant(statement)
    salt = zlib.crc32(repr(statement.claim).encode())
    rng = np.random.default_rng([budget.seed, salt])
    coordinates, signs = _starts(problem, budget, rng)
    coordinates = _project_in_families(problem, coordinates, signs, rng)
    cost = problem.cost(_to_points(problem, coordinates, signs))
    feasible = int((cost <= 1).sum())
    small = _small_points(statement)
    small_cost = problem.cost(small) if len(small) else np.zeros(0)
    feasible += int((small_cost <= 1).sum())
    pool: list[tuple[float, np.ndarray]] = [
        (float(small_cost[i]), small[i]) for i in np.argsort(small_cost, kind="stable")[: budget.candidates]
    ]
    found = _try(problem, [p for c, p in pool if c < 1])
    if found:
        return Search(found, feasible, pool[0][0])
    robust = _robust(problem, _to_points(problem, coordinates, signs), cost, budget.candidates)
    keep = np.argsort(cost, kind="stable")[: budget.survivors]
    keep = np.concatenate([keep, np.flatnonzero(cost <= 1)[: budget.survivors]])
    coordinates, signs, cost = coordinates[keep], signs[keep], cost[keep]
    points = _to_points(problem, coordinates, signs)
    found = _try(problem, [*robust, *points[: budget.candidates]])
    if found:
        return Search(found, feasible, float(cost.min()))
    coordinates, cost = _evolve(problem, coordinates, signs, cost, budget, rng)
    order = np.argsort(cost, kind="stable")
    points = _to_points(problem, coordinates, signs)[order]
    robust = _robust(problem, points, cost[order], budget.candidates)
    found = _try(problem, [*robust, *points[: budget.candidates]])
    found = found or _try(problem, _polished(problem, points, cost[order]))
    feasible += int((cost <= 1).sum())
    best = dict(zip(problem.names, map(float, points[0]), strict=True))
    tightest = float(cost[order[0]])
    if len(small_cost) and small_cost.min() < tightest:
        tightest, best = (
            float(small_cost.min()),
            dict(zip(problem.names, map(float, pool[0][1]), strict=True)),
        )
    return Search(found, feasible, tightest, tuple(best.items()))


def feasible_points(statement: Statement, budget: Budget) -> np.ndarray:
    """Floating-point points that satisfy the hypotheses, at most `budget.starts`; columns run like the
    variables.
    """
    problem = _Problem(statement)
    rng = np.random.default_rng([budget.seed, 1])
    coordinates, signs = _starts(problem, budget, rng)
    coordinates = _project(problem, coordinates, signs)
    points = _to_points(problem, coordinates, signs)
    return points[problem.cost(points) <= 1]


def _project_in_families(
    problem: _Problem, coordinates: np.ndarray, signs: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Onto the equations; and, for a share of the starts, onto the boundary of one inequality constraint as
    well.
    """
    out = _project(problem, coordinates, signs)
    for j, condition in enumerate(problem.conditions[:6]):
        if condition.op == "!=":
            continue
        share = rng.random(len(coordinates)) < 0.12
        if share.any():
            tight = np.zeros(len(problem.conditions), dtype=bool)
            tight[j] = True
            out[share] = _project(problem, coordinates[share], signs[share], tight)
    return out


def _evolve(
    problem: _Problem,
    coordinates: np.ndarray,
    signs: np.ndarray,
    cost: np.ndarray,
    budget: Budget,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Each survivor is improved by random steps, along axes and along its own last success; the size
    adapts.
    """
    count, size = coordinates.shape
    scale = np.full(count, 0.5)
    last = np.zeros_like(coordinates)
    for _ in range(budget.generations):
        steps = rng.normal(size=(budget.offspring, count, size)) * scale[None, :, None]
        axis = rng.random((budget.offspring, count, size)) < 2.0 / size
        steps[::2] = np.where(axis[::2], steps[::2], 0.0)
        steps[0] = 2.0 * last
        trial = (coordinates[None] + steps).reshape(-1, size)
        many = np.tile(signs, (budget.offspring, 1))
        trial = _project(problem, trial, many, rounds=8) if problem.equations else trial
        trial_cost = problem.cost(_to_points(problem, trial, many)).reshape(budget.offspring, count)
        best = trial_cost.argmin(axis=0)
        better = trial_cost[best, np.arange(count)] < cost
        chosen = trial.reshape(budget.offspring, count, size)[best, np.arange(count)]
        last = np.where(better[:, None], chosen - coordinates, 0.0)
        coordinates = np.where(better[:, None], chosen, coordinates)
        cost = np.where(better, trial_cost[best, np.arange(count)], cost)
        scale = np.where(better, scale * 1.3, scale * 0.6)
    return coordinates, cost


def _small_points(statement: Statement) -> np.ndarray:
    """Points with small whole and simple fractional coordinates, for equalities that a strict claim
    overlooks.
    """
    size = len(statement.variables)
    values = {1: 40, 2: 12, 3: 7, 4: 5, 5: 4, 6: 3}.get(size, 2)
    simple = [1.0, 2.0, 0.5, 0.0, 3.0, 1 / 3, 4.0, 0.25, 1.5, 2 / 3, 6.0, 8.0] + [float(i) for i in range(5, 33)]
    axes = []
    for domain in statement.domains:
        own = simple[:values]
        if domain == "real":
            own = list(dict.fromkeys(x for v in own[: (values + 1) // 2 + 1] for x in (v, -v)))
        elif domain == "pos":
            own = [v for v in simple[: values + 1] if v > 0][:values]
        elif domain == "natural":
            own = [float(v) for v in range(1, values + 1)]
        axes.append(own)
    if size > 8:
        return np.ones((1, size))
    return np.array(list(itertools.islice(itertools.product(*axes), 20000)))


def _robust(problem: _Problem, points: np.ndarray, cost: np.ndarray, count: int) -> list[np.ndarray]:
    """The violating points that stay violating when they are rounded: far from every boundary; and the least extreme ones."""
    bad = np.flatnonzero(cost < _FAINT)
    if not len(bad):
        return []
    with np.errstate(all="ignore"):
        extreme = np.where(points[bad] == 0, 0.0, np.abs(np.log(np.abs(points[bad])))).max(axis=1)
    clear = bad[cost[bad] < max(0.1 * float(cost[bad].min()), -1e-3)]
    mild = [points[i] for i in bad[np.argsort(extreme, kind="stable")] if i in set(clear.tolist())][: count // 3]
    if not problem.conditions:
        return mild
    _, _, conditions = problem.evaluate(points[bad])
    room = np.minimum(np.abs(conditions).min(axis=1), np.abs(cost[bad]))
    return [points[i] for i in bad[np.argsort(-room, kind="stable")[:count]]] + mild


def _polished(problem: _Problem, points: np.ndarray, cost: np.ndarray, count: int = 3) -> list[np.ndarray]:
    """The best points after Newton's method on the claim's relative gap: what touches zero in one point is met exactly."""
    if problem.equations or problem.statement.claim.op in ("=", "!=") or "natural" in problem.domains:
        return []
    chosen: list[np.ndarray] = []
    for i in np.argsort(cost, kind="stable"):
        if len(chosen) == count or not cost[i] < 1e-2:
            break
        if all(np.abs(points[i] - other).max() > 1e-2 * np.abs(other).max() for other in chosen):
            chosen.append(points[i])
    return [newton(lambda at: problem.evaluate(at)[0], problem.cost, point) for point in chosen]


def _try(problem: _Problem, points: Sequence[np.ndarray]) -> Counterexample | None:
    """The first candidate near any of the points that is confirmed exactly; points come with the worst first."""
    statement = problem.statement
    limit = _EQUAL if statement.claim.op in STRICT else _NOISE
    faint = 2
    for point in points:
        cost = problem.cost(point[None])[0]
        if not cost < limit:
            continue
        if cost > _FAINT:
            faint -= 1
            if faint < 0:
                continue
        for candidate in rationalise(statement, [float(x) for x in point]):
            if confirm(statement, candidate):
                return describe_sides(statement, candidate)
    return None


def _constant(statement: Statement) -> Search:
    """A claim without variables is decided outright; without a value it is at no point."""
    if never_defined(statement.claim.left, statement.claim.right):
        return Search(None, 0, 0.0)
    candidate = Counterexample(())
    if confirm(statement, candidate):
        return Search(describe_sides(statement, candidate), 1, -1.0)
    return Search(None, 1, 0.0)


def falsify(statement: Statement, budget: Budget | None = None) -> Counterexample | None:
    """A confirmed counterexample, or None where the search found none (which proves nothing)."""
    return search(statement, budget).counterexample
