"""Searches for sums of squares: multiplier * goal = squares, times hypotheses, plus multiples of equations.

Which squares, is a semidefinite program (Parrilo 2003); clarabel solves it in floats. Tight inequalities have no solution
in the interior, so the program is first restricted to the face that the zeros of the goal leave (Permenter & Parrilo 2018),
and further to what the floating solution shows to vanish; there a solution can be rounded (Peyrl & Parrilo 2008) and is
exact. Non-negative variables come as weights of the squares. Sizes are limited, never seconds.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from olmix.proofs.proving.algebra import Poly, rational
from olmix.proofs.proving.gram import (
    Block,
    Exponents,
    build_equations,
    exact_solutions,
    shrink,
    to_leaf,
    unit_face,
    zero_vectors,
)
from olmix.proofs.proving.leaves import orthant_form
from olmix.proofs.proving.semidefinite import rational_span, solve_program, symmetric
from olmix.proofs.proving.tasks import RuleError, Task, is_positive, terms_of
from olmix.proofs.proving.zeros import rational_zeros


@dataclasses.dataclass(frozen=True, kw_only=True)
class Size:
    """How large a program may be: entries of all Gram matrices, and monomials in one of them."""

    entries: int = 500
    basis: int = 24
    #: Coefficients of the free multipliers of equations.
    free: int = 200
    #: How often the goal is multiplied by the sum of its variables (or of their squares).
    multipliers: int = 1


SMALL = Size(entries=160, basis=12, free=60, multipliers=0)
#: Below this the smallest eigenvalue counts as zero: the face is too large still.
_INTERIOR = 1e-7


def find_sos(task: Task, size: Size | None = None) -> dict[str, Any] | None:
    """An `sos` leaf, or None."""
    size = size or Size()
    if task.goal.is_zero() or not task.used() or len(task.names) > 8 or len(task.goal) > 4 * size.entries:
        return None
    zeros: list[tuple[Fraction, ...]] | None = None

    def zeros_once() -> list[tuple[Fraction, ...]]:
        nonlocal zeros
        zeros = known_zeros(task) if zeros is None else zeros
        return zeros

    for multiplier in _multipliers(task, size.multipliers):
        goal = multiplier * task.goal
        if _too_many(task, goal, size):
            return None
        blocks = _blocks(task, goal)
        entries = sum(b.size * (b.size + 1) // 2 for b in blocks)
        if not blocks or entries > size.entries or max(b.size for b in blocks) > size.basis:
            return None
        for target in _targets(task, multiplier):
            found = _solve(task, multiplier, target, blocks, zeros_once)
            if found is not None:
                return found
    return None


def _too_many(task: Task, goal: Poly, size: Size) -> bool:
    """Whether the degrees alone show that the program would be too large."""
    half = goal.total_degree() // 2
    if task.equations or task.inequalities:
        if math.comb(len(task.names) + half, half) > size.basis:
            return True
        free = goal.total_degree() + goal.total_degree() % 2
        degrees = [free - e.total_degree() for e in task.equations]
        return sum(math.comb(len(task.names) + d, d) for d in degrees if d >= 0) > size.free
    return math.comb(len(task.used()) - 1 + half, half) > 40 * size.basis


def _multipliers(task: Task, most: int) -> Iterator[Poly]:
    one = task.context.constant(1)
    yield one
    names = task.used()
    if most < 1 or len(names) < 2:
        return
    real = any(task.sign(n) == "real" for n in names)
    if real and (task.equations or task.inequalities or task.strict):
        return
    factor = sum(((task.gen(n) ** 2 if real else task.gen(n)) for n in names), task.context.constant(0))
    for power in range(1, most + 1):
        yield factor**power


def _targets(task: Task, multiplier: Poly) -> Iterator[Poly]:
    """What the squares must add up to; for a strict claim a small positive part is left over."""
    goal = multiplier * task.goal
    if not task.strict:
        yield goal
        return
    tried = 0
    for x, c in terms_of(goal):
        monomial = task.context.from_dict({x: rational(1)})
        if c > 0 and is_positive(monomial, task.signs) and tried < 3:
            tried += 1
            yield goal - monomial * rational(c / 1000)


# --- which monomials and weights -----------------------------------------------------------------------------------


def _blocks(task: Task, goal: Poly) -> list[Block]:
    """Weights: products of distinct non-negative variables, and inequalities; monomials inside Newton's polytope."""
    names = task.names
    support = [x for x, _ in terms_of(goal)]
    others = [x for p in task.equations for x, _ in terms_of(p)]
    degrees = [sum(x) for x in support]
    top = max(degrees) + (max(degrees) % 2)
    homogeneous = min(degrees) == max(degrees) and not task.equations
    bounds = None if task.equations or task.inequalities else _Polytope(support)
    live = [i for i, n in enumerate(names) if n in task.used() or any(x[i] for x in others)]
    live += [i for q, _ in task.inequalities for i, d in enumerate(q.degrees()) if d and i not in live]
    signed = [names[i] for i in live if task.sign(names[i]) != "real"]
    weights: list[tuple[tuple[str, ...], tuple[int, ...]]] = []
    for count in range(min(len(signed), max(degrees), 4) + 1):
        weights += [(s, ()) for s in itertools.combinations(signed, count)]
    for index in range(len(task.inequalities)):
        weights += [((), (index,)), *(((n,), (index,)) for n in signed)]
    weights += [((), pair) for pair in itertools.combinations(range(len(task.inequalities)), 2)]
    out = []
    for variables, inequalities in weights:
        empty = Block(variables, inequalities, (), ())
        weight = [x for x, _ in terms_of(empty.weight(task))]
        if not weight:
            continue  # A hypothesis that became 0 >= 0.
        most = max(sum(x) for x in weight)
        if most > top:
            continue
        low = math.ceil((min(degrees) - most) / 2) if homogeneous else 0
        high = (max(degrees) - most) // 2
        if homogeneous and len({sum(x) for x in weight}) == 1 and (max(degrees) - most) % 2:
            continue
        basis = [x for d in range(max(low, 0), high + 1) for x in _monomials(len(names), live, d)]
        if bounds is not None:
            basis = [x for x in basis if bounds.contains([2 * a + b for a, b in zip(x, weight[0], strict=True)])]
        if basis:
            out.append(Block(variables, inequalities, tuple(basis), unit_face(len(basis))))
    return _without_idle(task, out, set(support)) if bounds is not None else out


def _monomials(width: int, live: Sequence[int], degree: int) -> Iterator[Exponents]:
    for places in itertools.combinations_with_replacement(live, degree):
        exponents = [0] * width
        for i in places:
            exponents[i] += 1
        yield tuple(exponents)


class _Polytope:
    """An outer bound of Newton's polytope: its width in a fixed set of directions."""

    def __init__(self, support: Sequence[Exponents]) -> None:
        size = len(support[0])
        steps = (-2, -1, 0, 1, 2) if size <= 4 else (-1, 0, 1)
        self.directions = np.array(list(itertools.islice(itertools.product(steps, repeat=size), 3000)))
        self.most = (self.directions @ np.array(support).T).max(axis=1)

    def contains(self, point: Sequence[int]) -> bool:
        return bool((self.directions @ np.array(point) <= self.most).all())


def _without_idle(task: Task, blocks: list[Block], support: set[Exponents]) -> list[Block]:
    """Drops monomials whose square nothing can cancel: their diagonal entry must be zero."""
    while True:
        weights = [tuple(int(n in b.variables) for n in task.names) for b in blocks]
        crossed = set(support)
        for block, w in zip(blocks, weights, strict=True):
            for x, y in itertools.combinations(block.basis, 2):
                crossed.add(tuple(a + b + c for a, b, c in zip(x, y, w, strict=True)))
        out = []
        for block, w in zip(blocks, weights, strict=True):
            kept = tuple(x for x in block.basis if tuple(2 * a + c for a, c in zip(x, w, strict=True)) in crossed)
            if kept:
                out.append(Block(block.variables, (), kept, unit_face(len(kept))))
        if sum(len(b.basis) for b in out) == sum(len(b.basis) for b in blocks):
            return out
        blocks = out


def _free_multipliers(task: Task, target: Poly) -> list[tuple[int, Exponents]]:
    if not task.equations:
        return []
    top = target.total_degree() + target.total_degree() % 2
    live = list(range(len(task.names)))
    return [
        (index, x)
        for index, equation in enumerate(task.equations)
        for d in range(top - equation.total_degree() + 1)
        for x in _monomials(len(task.names), live, d)
    ]


# --- where the goal vanishes -----------------------------------------------------------------------------------------


def known_zeros(task: Task, most: int = 12) -> list[tuple[Fraction, ...]]:
    """Exact rational points that satisfy the hypotheses and at which the goal is zero."""
    found: dict[tuple[Fraction, ...], None] = {}
    size = len(task.names)
    if not task.equations and not task.inequalities and all(task.sign(n) != "real" for n in task.used()):
        for zero in _orthant_zeros(task):
            found[zero] = None
    values = {1: 60, 2: 25, 3: 9, 4: 7, 5: 5}.get(size, 3)
    simple = [Fraction(v) for v in ["0", "1", "-1", "2", "-2", "1/2", "-1/2", "3", "-3", "1/3", "-1/3", "2/3", "4"]]
    simple += [Fraction(s * k, 4) for k in range(3, 33) for s in (1, -1) if Fraction(s * k, 4) not in simple]
    axes: list[list[Fraction]] = []
    for sign in task.signs:
        allowed = [v for v in simple if sign == "real" or v >= 0]
        axes.append(allowed[:values])
    grid = list(itertools.islice(itertools.product(*axes), 20000))
    floats = np.array([[float(v) for v in point] for point in grid])
    near = np.abs(_values(task.goal, floats)) < 1e-9
    for equation in task.equations:
        near &= np.abs(_values(equation, floats)) < 1e-9
    for k in np.flatnonzero(near):
        point = grid[k]
        flints = [rational(v) for v in point]
        exact = task.goal(*flints) == 0 and all(e(*flints) == 0 for e in task.equations)
        if exact and all(q(*flints) >= 0 for q, _ in task.inequalities) and any(point):
            found[point] = None
        if len(found) >= 4 * most:
            break
    ordered = sorted(found, key=lambda p: (sum(v == 0 for v in p), max(v.denominator for v in p), max(map(abs, p))))
    return _projectively_distinct(task, ordered)[:most]


def _values(poly: Poly, points: np.ndarray) -> np.ndarray:
    out = np.zeros(len(points))
    for x, c in terms_of(poly):
        out += float(c) * np.prod(points ** np.array(x), axis=1)
    return out


def _projectively_distinct(task: Task, points: list[tuple[Fraction, ...]]) -> list[tuple[Fraction, ...]]:
    """One point of each ray through zero where the goal is homogeneous."""
    degrees = {sum(x) for x, _ in terms_of(task.goal)}
    if len(degrees) > 1 or task.equations or task.inequalities:
        return points
    out: dict[tuple[Fraction, ...], tuple[Fraction, ...]] = {}
    for point in points:
        lead = next(v for v in point if v)
        out.setdefault(tuple(v / lead for v in point), point)
    return list(out.values())


def _orthant_zeros(task: Task) -> Iterator[tuple[Fraction, ...]]:
    try:
        form = orthant_form(task)
    except RuleError:
        return
    used = task.used()
    for zero in rational_zeros(form, starts=30):
        if len(zero) > len(used) and not zero[-1]:
            continue  # At infinity.
        unit = zero[-1] if len(zero) > len(used) else Fraction(1)
        by = {n: v / unit for n, v in zip(used, zero, strict=False)}
        yield tuple(by.get(n, Fraction(0)) for n in task.names)


# --- the program -----------------------------------------------------------------------------------------------------


def _solve(
    task: Task, multiplier: Poly, target: Poly, blocks: list[Block], zeros: Callable[[], list[tuple[Fraction, ...]]]
) -> dict[str, Any] | None:
    """Solves on the face known so far, learns more of the face, and rounds as soon as there is room."""
    free = _free_multipliers(task, target)
    for attempt in range(5):
        blocks = [b for b in blocks if b.size]
        equations = build_equations(task, blocks, free, target)
        if equations is None:
            return None
        sizes = [b.size for b in blocks]
        best = solve_program(equations, sizes, centred=True)
        if best is None or best[1] < -1e-5:
            return None
        if best[1] > _INTERIOR:
            for chosen, made in exact_solutions(equations, sizes, best[0]):
                leaf = to_leaf(task, multiplier, blocks, chosen, made, free)
                if _is_right(task, leaf):
                    return leaf
            return None
        if attempt == 0:
            before = sizes
            blocks = [shrink(b, [v for point in zeros() for v in zero_vectors(task, b, point)]) for b in blocks]
            if [b.size for b in blocks] != before:
                continue
        inner = solve_program(equations, sizes, centred=False)
        if inner is None:
            return None
        smaller = [_reduced(b, symmetric(inner[0], s, b.size)) for b, s in zip(blocks, equations.starts, strict=True)]
        if all(s is None or s.size == b.size for s, b in zip(smaller, blocks, strict=True)):
            return None
        blocks = [b if s is None else s for s, b in zip(smaller, blocks, strict=True)]
    return None


def _is_right(task: Task, leaf: dict[str, Any]) -> bool:
    from olmix.proofs.proving.leaves import check_leaf

    try:
        check_leaf("sos", task, leaf)
    except RuleError:
        return False
    return True


def _reduced(block: Block, y: np.ndarray) -> Block | None:
    """The block without the directions in which the floating solution vanishes, where these are rational."""
    values, vectors = np.linalg.eigh(y)
    largest = max(values.max(), 1e-3)
    null = vectors[:, values < 1e-5 * largest]
    if not null.shape[1]:
        return None
    if null.shape[1] == block.size:
        return dataclasses.replace(block, face=())
    kernel = rational_span(null)
    return None if kernel is None else shrink(block, kernel)


__all__ = ["SMALL", "Size", "find_sos", "known_zeros"]
