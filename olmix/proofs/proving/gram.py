"""The equations behind a sum of squares: which Gram matrices give the goal, and exact solutions near floating ones.

multiplier * goal = sum over blocks of weight * zᵀQz + sum of (free polynomial * equation). Every block's Q is kept as
N Y Nᵀ with a rational N whose columns span the face on which Q must lie (facial reduction), so that Y can be positive
definite and survives rounding. Everything here is exact except what is marked as floats.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from olmix.proofs.proving.algebra import Poly, is_psd, rational, to_fraction
from olmix.proofs.proving.tasks import Task, constant_poly, write_poly

Exponents = tuple[int, ...]
Matrix = list[list[Fraction]]
#: Denominators that rounding tries, simple ones first.
DENOMINATORS = (1, 2, 3, 4, 6, 12, 60, 360, 10**4, 10**6, 10**9)


@dataclasses.dataclass(frozen=True)
class Block:
    """One Gram matrix: its weight (names of non-negative variables, indices of inequalities), its monomials, its face."""

    variables: tuple[str, ...]
    inequalities: tuple[int, ...]
    basis: tuple[Exponents, ...]
    #: Columns of N, as coordinates in the basis.
    face: tuple[tuple[Fraction, ...], ...]

    @property
    def size(self) -> int:
        """The size of Y."""
        return len(self.face)

    def weight(self, task: Task) -> Poly:
        """The product of the weight's variables and inequalities."""
        out = constant_poly(task.context, 1)
        for name in self.variables:
            out = out * task.gen(name)
        for index in self.inequalities:
            out = out * task.inequalities[index][0]
        return out

    def full(self, y: Matrix) -> Matrix:
        """Q = N Y Nᵀ."""
        left = [
            [sum((self.face[k][i] * y[k][j] for k in range(self.size) if self.face[k][i]), Fraction(0))
             for j in range(self.size)]
            for i in range(len(self.basis))
        ]  # fmt: skip
        return [
            [sum((row[k] * self.face[k][j] for k in range(self.size) if self.face[k][j]), Fraction(0))
             for j in range(len(self.basis))]
            for row in left
        ]  # fmt: skip


def unit_face(size: int) -> tuple[tuple[Fraction, ...], ...]:
    """No reduction."""
    return tuple(tuple(Fraction(int(i == j)) for i in range(size)) for j in range(size))


@dataclasses.dataclass(frozen=True)
class Equations:
    """A x = b, where x holds the coefficients of free multipliers, then each block's Y (upper triangle, row by row)."""

    columns: tuple[dict[Exponents, Fraction], ...]
    right: dict[Exponents, Fraction]
    rows: tuple[Exponents, ...]
    #: How many columns belong to the free multipliers, as (index of the equation, monomial).
    free: tuple[tuple[int, Exponents], ...]
    #: Where each block's entries begin.
    starts: tuple[int, ...]


def build_equations(
    task: Task, blocks: Sequence[Block], free: Sequence[tuple[int, Exponents]], target: Poly
) -> Equations | None:
    """The equations for a target polynomial; None where some monomial of the target cannot be made at all."""
    columns: list[dict[Exponents, Fraction]] = []
    for index, exponents in free:
        monomial = task.context.from_dict({exponents: rational(1)})
        columns.append(_terms(task.equations[index] * monomial))
    starts = []
    for block in blocks:
        starts.append(len(columns))
        weight = block.weight(task)
        forms = [
            task.context.from_dict({x: rational(c) for x, c in zip(block.basis, column, strict=True) if c})
            for column in block.face
        ]
        for i, j in triangle(block.size):
            columns.append(_terms(weight * forms[i] * forms[j] * (1 if i == j else 2)))
    right = _terms(target)
    rows = sorted({x for column in columns for x in column} | set(right))
    if not set(right) <= {x for column in columns for x in column}:
        return None
    return Equations(tuple(columns), right, tuple(rows), tuple(free), tuple(starts))


def _terms(poly: Poly) -> dict[Exponents, Fraction]:
    return {tuple(map(int, x)): to_fraction(c) for x, c in poly.to_dict().items()}


def triangle(size: int) -> list[tuple[int, int]]:
    """The places of the upper triangle, row by row."""
    return list(itertools.combinations_with_replacement(range(size), 2))


def exact_solutions(
    equations: Equations, sizes: Sequence[int], near: np.ndarray
) -> Iterable[tuple[dict[int, Fraction], list[Matrix]]]:
    """Exact solutions near a floating one, with simple numbers first: the free multipliers and every block's Y.

    Some unknowns are determined by the others; the others are rounded. Only what is positive semidefinite is yielded.
    """
    order = _order(equations, sizes)
    reduced = _reduce(equations, order)
    if reduced is None:
        return
    pivots, rest, matrix, constants = reduced
    for denominator in DENOMINATORS:
        values = {k: Fraction(round(float(near[k]) * denominator), denominator) for k in rest}
        chosen = [values[k] for k in rest]
        for row, pivot in enumerate(pivots):
            total = constants[row]
            for weight, value in zip(matrix[row], chosen, strict=True):
                if weight and value:
                    total -= weight * value
            values[pivot] = total
        made = [_matrix(values, start, size) for start, size in zip(equations.starts, sizes, strict=True)]
        if all(_likely_psd(y) for y in made) and all(is_psd(y) for y in made):
            yield {k: values[k] for k in range(len(equations.free)) if values[k]}, made


def _order(equations: Equations, sizes: Sequence[int]) -> list[int]:
    """Free multipliers are solved for first, then entries off the diagonals, then diagonals."""
    off: list[int] = []
    diagonal: list[int] = []
    for start, size in zip(equations.starts, sizes, strict=True):
        for k, (i, j) in enumerate(triangle(size)):
            (diagonal if i == j else off).append(start + k)
    return [*range(len(equations.free)), *off, *diagonal]


def _reduce(
    equations: Equations, order: Sequence[int]
) -> tuple[list[int], list[int], list[list[Fraction]], list[Fraction]] | None:
    """Reduced row echelon form: pivots, other unknowns, and each pivot as constant - row * others."""
    import flint

    def q(value: Fraction) -> Any:
        return flint.fmpq(value.numerator, value.denominator)

    zero = flint.fmpq(0)
    place = {x: i for i, x in enumerate(equations.rows)}
    width = len(order) + 1
    entries = [zero] * (len(place) * width)
    for j, k in enumerate(order):
        for x, value in equations.columns[k].items():
            entries[place[x] * width + j] = q(value)
    for x, value in equations.right.items():
        entries[place[x] * width + width - 1] = q(value)
    matrix, rank = flint.fmpq_mat(len(place), width, entries).rref()
    pivots: list[int] = []
    for i in range(rank):
        at = next(j for j in range(pivots[-1] + 1 if pivots else 0, width) if matrix[i, j])
        if at == width - 1:
            return None  # 0 = 1: the face admits no solution.
        pivots.append(at)
    others = [j for j in range(width - 1) if j not in set(pivots)]
    rows = [[to_fraction(matrix[i, j]) for j in others] for i in range(rank)]
    constants = [to_fraction(matrix[i, width - 1]) for i in range(rank)]
    return [order[j] for j in pivots], [order[j] for j in others], rows, constants


def _matrix(values: dict[int, Fraction], start: int, size: int) -> Matrix:
    out = [[Fraction(0)] * size for _ in range(size)]
    for k, (i, j) in enumerate(triangle(size)):
        out[i][j] = out[j][i] = values[start + k]
    return out


def _likely_psd(y: Matrix) -> bool:
    """A look in floats before the exact test."""
    if not y:
        return True
    floats = np.array([[float(v) for v in row] for row in y])
    return bool(np.linalg.eigvalsh(floats).min() > -1e-9 * max(1.0, np.abs(floats).max()))


def shrink(block: Block, kernel: Sequence[Sequence[Fraction]]) -> Block:
    """The block with Y restricted to what is orthogonal to some vectors (in the coordinates of Y)."""
    import flint

    if not kernel:
        return block
    entries = [flint.fmpq(v.numerator, v.denominator) for row in kernel for v in row]
    matrix, rank = flint.fmpq_mat(len(kernel), block.size, entries).rref()
    pivots: list[int] = []
    for i in range(rank):
        start = pivots[-1] + 1 if pivots else 0
        pivots.append(next(j for j in range(start, block.size) if matrix[i, j]))
    face = []
    for free in (j for j in range(block.size) if j not in pivots):
        # The vector that is 1 in one free place and solves the equations in the pivots.
        column = list(block.face[free])
        for i, pivot in enumerate(pivots):
            weight = to_fraction(matrix[i, free])
            if weight:
                column = [c - weight * p for c, p in zip(column, block.face[pivot], strict=True)]
        face.append(tuple(column))
    return dataclasses.replace(block, face=tuple(face))


def zero_vectors(task: Task, block: Block, point: Sequence[Fraction]) -> list[list[Fraction]]:
    """At a zero of the goal where the weight is positive, the vector of monomials lies in the kernel of Q."""
    weight = block.weight(task)
    if not weight(*[rational(v) for v in point]) > 0:
        return []
    monomials = []
    for exponents in block.basis:
        value = Fraction(1)
        for v, e in zip(point, exponents, strict=True):
            value *= v**e
        monomials.append(value)
    return [[sum((f * m for f, m in zip(column, monomials, strict=True)), Fraction(0)) for column in block.face]]


def to_leaf(
    task: Task,
    multiplier: Poly,
    blocks: Sequence[Block],
    free: dict[int, Fraction],
    made: Sequence[Matrix],
    places: Sequence[tuple[int, Exponents]],
) -> dict[str, Any]:
    """The `sos` leaf in plain form; empty blocks and unused monomials are left out."""
    out: list[dict[str, Any]] = []
    for block, y in zip(blocks, made, strict=True):
        gram = block.full(y)
        used = [i for i in range(len(gram)) if any(gram[i])]
        if not used:
            continue
        weight: dict[str, Any] = {}
        if block.variables:
            weight["variables"] = list(block.variables)
        if block.inequalities:
            weight["inequalities"] = list(block.inequalities)
        rows = [[str(gram[i][j]) for j in used] for i in used]
        out.append({"weight": weight, "basis": [list(block.basis[i]) for i in used], "gram": rows})
    by: dict[int, list[Any]] = {}
    for k, value in free.items():
        index, exponents = places[k]
        by.setdefault(index, []).append([list(exponents), str(value)])
    leaf: dict[str, Any] = {"leaf": "sos", "multiplier": write_poly(multiplier), "blocks": out}
    if by:
        leaf["equations"] = [[index, terms] for index, terms in sorted(by.items())]
    return leaf
