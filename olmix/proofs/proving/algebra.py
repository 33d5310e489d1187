"""From a statement to polynomials: exact, over the rationals, with radicals as new variables.

Every side becomes a fraction whose denominator is kept as a product of irreducible factors. A radical
`X**(p/q)` becomes a new variable `u >= 0` with the equation `u**q = X`; a variable that occurs only under
roots of monomials is replaced by a power of itself instead, which adds nothing. `abs`, `max` and `min` become
variables with the polynomial conditions that define them. The claim `L >= R` becomes `N >= 0`, where `L - R =
N/D`: factors of D of known sign are dropped, a factor of unknown sign is multiplied into N (which is sound,
because `N/f >= 0` and `N*f >= 0` say the same wherever f is not zero).

What this cannot express (powers with variable exponents, logarithms, sines) raises `Unsupported`, with the
reason.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from olmix.proofs.proving.radicals import (
    Unsupported,
    auxiliary_nodes,
    one_root_each,
    resolve_roots,
    root_powers,
    with_one_root,
)
from olmix.proofs.statements.expr import Add, Expr, Fun, Mul, Num, Pow, Relation, Var, power, substitute
from olmix.proofs.statements.statement import Statement

#: python-flint's multivariate polynomials carry no useful types.
Poly = Any
MAX_DEGREE = 60


@dataclasses.dataclass(frozen=True)
class System:
    """A statement as polynomials in `names` (original variables first, then one for each radical).

    `signs` runs parallel to `names` (`pos`, `nonneg` or `real`). Hypotheses: every equation is 0, every
    inequality is `>= 0` (or `> 0` where its flag is set), every polynomial in `nonzero` is not 0. Claim:
    `goal >= 0`, `> 0` or `= 0` by `goal_op`. `powers[v] = k` says that the variable v stands for the k-th
    root of the statement's variable v.
    """

    context: Any
    names: tuple[str, ...]
    signs: tuple[str, ...]
    equations: tuple[Poly, ...]
    inequalities: tuple[tuple[Poly, bool], ...]
    nonzero: tuple[Poly, ...]
    goal: Poly
    goal_op: str
    powers: Mapping[str, int]
    auxiliary: Mapping[str, str]
    unknown_factors: tuple[Poly, ...] = ()


def make_context(names: tuple[str, ...]) -> Any:
    """A polynomial ring over the rationals, graded reverse lexicographic."""
    import flint

    return flint.fmpq_mpoly_ctx.get(names, flint.Ordering.degrevlex)


def rational(value: Fraction | int) -> Any:
    """A flint rational."""
    import flint

    value = Fraction(value)
    return flint.fmpq(value.numerator, value.denominator)


def to_fraction(value: Any) -> Fraction:
    """A flint rational as a Fraction."""
    return Fraction(int(value.p), int(value.q))


def quadratic_sign(poly: Poly) -> str:
    """`pos` or `nonneg` where a polynomial of total degree 2 or less is positive or non-negative everywhere, by exact
    elimination on its matrix; an empty string where it is neither, or the degree is higher.
    """
    if poly.total_degree() > 2:
        return ""
    size = len(poly.degrees()) + 1
    matrix = [[Fraction(0)] * size for _ in range(size)]
    for exponents, coefficient in poly.to_dict().items():
        places = [i for i, e in enumerate(exponents) for _ in range(e)]
        places += [size - 1] * (2 - len(places))
        value = to_fraction(coefficient) / 2
        matrix[places[0]][places[1]] += value
        matrix[places[1]][places[0]] += value
    pivots = _pivots(matrix)
    # The last one, which belongs to the constant, is the least value.
    return "" if pivots is None else "pos" if pivots[-1] > 0 else "nonneg"


def is_psd(matrix: list[list[Fraction]]) -> bool:
    """Whether a symmetric rational matrix is positive semidefinite."""
    return _pivots(matrix) is not None


def _pivots(matrix: list[list[Fraction]]) -> list[Fraction] | None:
    """The diagonal of D in LDLᵀ, by exact symmetric elimination; None for a matrix that is not positive semidefinite."""
    rows = [list(row) for row in matrix]
    size = len(rows)
    for k in range(size):
        pivot = rows[k][k]
        if pivot < 0:
            return None
        if pivot == 0:
            if any(rows[k][j] for j in range(k, size)):
                return None
            continue
        for i in range(k + 1, size):
            if rows[i][k]:
                ratio = rows[i][k] / pivot
                for j in range(k, size):
                    rows[i][j] -= ratio * rows[k][j]
    return [rows[k][k] for k in range(size)]


def known_sign(poly: Poly, signs: Sequence[str]) -> str:
    """`pos`, `nonneg`, or an empty string where the coefficients alone do not tell."""
    strict = False
    for exponents, coefficient in poly.to_dict().items():
        if coefficient < 0:
            return quadratic_sign(poly)
        for exponent, sign in zip(exponents, signs, strict=True):
            if sign == "real" and exponent % 2:
                return quadratic_sign(poly)
        strict |= all(sign == "pos" for exponent, sign in zip(exponents, signs, strict=True) if exponent)
    return "pos" if strict else "nonneg"


class _Field:
    """Fractions with factored denominators: a value is (numerator, {index of factor: exponent})."""

    def __init__(self, context: Any, signs: list[str]) -> None:
        self.context, self.signs = context, signs
        self.factors: list[Poly] = []
        self.equations: list[Poly] = []
        self.inequalities: list[tuple[Poly, bool]] = []

    def constant(self, value: Fraction) -> tuple[Poly, dict[int, int]]:
        return self.context.constant(rational(value)), {}

    def index(self, factor: Poly) -> int:
        for i, known in enumerate(self.factors):
            if known == factor:
                return i
        self.factors.append(factor)
        return len(self.factors) - 1

    def split(self, poly: Poly) -> tuple[Any, dict[int, int]]:
        """A polynomial as a rational constant times registered factors, each with the sign that is known of
        it.
        """
        constant, factors = poly.factor()
        out: dict[int, int] = {}
        for factor, exponent in factors:
            lead = factor.leading_coefficient()
            factor, constant = factor / lead, constant * lead**exponent
            if not known_sign(factor, self.signs) and known_sign(-factor, self.signs):
                factor, constant = -factor, constant * (-1) ** exponent
            out[self.index(factor)] = out.get(self.index(factor), 0) + int(exponent)
        return constant, out

    def expand(self, factors: Mapping[int, int]) -> Poly:
        out = self.context.constant(1)
        for index, exponent in factors.items():
            out = out * self.factors[index] ** exponent
        return out

    def add(self, x: tuple[Poly, dict[int, int]], y: tuple[Poly, dict[int, int]]) -> tuple[Poly, dict[int, int]]:
        if not x[1] and not y[1]:
            return x[0] + y[0], {}
        common = {i: max(x[1].get(i, 0), y[1].get(i, 0)) for i in {*x[1], *y[1]}}
        top = sum(
            (v[0] * self.expand({i: e - v[1].get(i, 0) for i, e in common.items()}) for v in (x, y)),
            self.context.constant(0),
        )
        return self.cancel(top, common)

    def multiply(self, x: tuple[Poly, dict[int, int]], y: tuple[Poly, dict[int, int]]) -> tuple[Poly, dict[int, int]]:
        bottom = {i: x[1].get(i, 0) + y[1].get(i, 0) for i in {*x[1], *y[1]}}
        return self.cancel(self._checked(x[0] * y[0]), bottom)

    def cancel(self, top: Poly, bottom: dict[int, int]) -> tuple[Poly, dict[int, int]]:
        out = {}
        for index, exponent in bottom.items():
            while exponent:
                quotient, remainder = divmod(top, self.factors[index])
                if not remainder.is_zero() or top.is_zero():
                    break
                top, exponent = quotient, exponent - 1
            if exponent:
                out[index] = exponent
        return top, out

    def invert(self, x: tuple[Poly, dict[int, int]]) -> tuple[Poly, dict[int, int]]:
        if x[0].is_zero():
            raise Unsupported("a denominator is zero everywhere")
        constant, factors = self.split(x[0])
        return self.expand(x[1]) / constant, factors

    def power(self, x: tuple[Poly, dict[int, int]], n: int) -> tuple[Poly, dict[int, int]]:
        if n < 0:
            return self.power(self.invert(x), -n)
        if abs(n) * max(1, x[0].total_degree()) > 4 * MAX_DEGREE:
            raise Unsupported(f"a power of degree {n * x[0].total_degree()} is too high to expand")
        return x[0] ** n, {i: e * n for i, e in x[1].items() if n}

    def _checked(self, poly: Poly) -> Poly:
        if poly.total_degree() > 4 * MAX_DEGREE:
            raise Unsupported(f"a product of degree {poly.total_degree()} is too high to expand")
        return poly


def build_system(statement: Statement) -> System:
    """The polynomial form of a statement; raises Unsupported where there is none."""
    domains = dict(zip(statement.variables, statement.domains, strict=True))
    if "natural" in statement.domains:
        raise Unsupported("a variable runs over whole numbers")
    relations = [statement.claim, *statement.constraints]
    sides = [side for relation in relations for side in (relation.left, relation.right)]
    powers = root_powers(sides, domains)
    by = {name: power(Var(name), k) for name, k in powers.items()}
    clean = [r.map(lambda e: resolve_roots(substitute(e, by), domains)) for r in relations]
    roots = one_root_each([side for r in clean for side in (r.left, r.right)])
    clean = [r.map(lambda e: with_one_root(e, roots)) for r in clean]
    nodes = auxiliary_nodes([side for r in clean for side in (r.left, r.right)])
    # A name that no parser produces, so that it cannot collide.
    auxiliary = {node: f"u_{i + 1}_" for i, node in enumerate(nodes)}
    names = (*statement.variables, *auxiliary.values())
    signs = [domains[v] for v in statement.variables] + ["real"] * len(nodes)
    context = make_context(names)
    field = _Field(context, signs)
    gens = dict(zip(names, context.gens(), strict=True))
    for node in nodes:
        signs[names.index(auxiliary[node])] = _define(field, node, gens[auxiliary[node]], gens, auxiliary)
    claim, *hypotheses = clean
    for relation in hypotheses:
        _hypothesis(field, relation, gens, auxiliary)
    top, bottom = _value(field, claim.gap(), gens, auxiliary)
    unknown = []
    for index, exponent in bottom.items():
        factor = field.factors[index]
        if exponent % 2 and not known_sign(factor, signs):
            unknown.append(factor)
    for factor in unknown:
        top = top * factor
    op = {"<=": ">=", ">=": ">=", "<": ">", ">": ">", "=": "=", "!=": "!="}[claim.op]
    from olmix.proofs.statements.printing import to_text

    return System(
        context=context,
        names=names,
        signs=tuple(signs),
        equations=tuple(field.equations),
        inequalities=tuple(field.inequalities),
        nonzero=tuple(field.factors),
        goal=top,
        goal_op=op,
        powers=powers,
        auxiliary={name: to_text(node) for node, name in auxiliary.items()},
        unknown_factors=tuple(unknown),
    )


def _value(field: _Field, expr: Expr, gens: Mapping[str, Any], auxiliary: Mapping[Expr, str]) -> Any:
    """The fraction that an expression denotes."""
    if isinstance(expr, Num):
        return field.constant(expr.value)
    if isinstance(expr, Var):
        return gens[expr.name], {}
    if isinstance(expr, Fun):
        return gens[auxiliary[expr]], {}
    if isinstance(expr, Add):
        total = field.constant(Fraction(0))
        for term in expr.terms:
            total = field.add(total, _value(field, term, gens, auxiliary))
        return total
    if isinstance(expr, Mul):
        total = field.constant(Fraction(1))
        for factor in expr.factors:
            total = field.multiply(total, _value(field, factor, gens, auxiliary))
        return total
    assert isinstance(expr.exponent, Num)
    exponent = expr.exponent.value
    if exponent.denominator > 1:
        radical: tuple[Poly, dict[int, int]] = (
            gens[auxiliary[power(expr.base, Fraction(1, exponent.denominator))]],
            {},
        )
        return field.power(radical, exponent.numerator)
    return field.power(_value(field, expr.base, gens, auxiliary), exponent.numerator)


def _define(field: _Field, node: Expr, u: Poly, gens: Mapping[str, Any], auxiliary: Mapping[Expr, str]) -> str:
    """Adds the conditions that define the auxiliary variable of a radical, absolute value, maximum or
    minimum.

    Returns the sign of the new variable. An odd root of something that may be negative is the real root with
    its sign.
    """
    if isinstance(node, Pow):
        assert isinstance(node.exponent, Num)
        top, bottom = _value(field, node.base, gens, auxiliary)
        q = node.exponent.value.denominator
        field.equations.append(u**q * field.expand(bottom) - top)
        signed = _signed(field, (top, bottom), False)
        known = known_sign(signed[0], field.signs)
        if q % 2 == 0 and not known:
            field.inequalities.append(signed)  # An even root is defined nowhere else.
        return known or ("nonneg" if q % 2 == 0 else "real")
    assert isinstance(node, Fun)
    values = [_value(field, arg, gens, auxiliary) for arg in node.args]
    if node.name == "abs":
        square = field.multiply(values[0], values[0])
        field.equations.append(u**2 * field.expand(square[1]) - square[0])
        return "nonneg"
    product = field.constant(Fraction(1))
    for value in values:
        gap = field.add((u, {}), field.multiply(field.constant(Fraction(-1)), value))
        product = field.multiply(product, gap)
        signed_gap = gap if node.name == "max" else field.multiply(field.constant(Fraction(-1)), gap)
        field.inequalities.append(_signed(field, signed_gap, False))
    field.equations.append(product[0])
    return "real"


def _signed(field: _Field, value: tuple[Poly, dict[int, int]], strict: bool) -> tuple[Poly, bool]:
    """A polynomial with the sign of a fraction."""
    top, bottom = value
    for index, exponent in bottom.items():
        if exponent % 2 and not known_sign(field.factors[index], field.signs):
            top = top * field.factors[index]
    return top, strict


def _hypothesis(field: _Field, relation: Relation, gens: Mapping[str, Any], auxiliary: Mapping[Expr, str]) -> None:
    value = _value(field, relation.gap(), gens, auxiliary)
    if relation.op == "=":
        field.equations.append(value[0])
    elif relation.op == "!=":
        field.index(value[0])
    else:
        field.inequalities.append(_signed(field, value, relation.op in ("<", ">")))
