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
import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from olmix.proofs.expr import Add, Expr, Fun, Mul, Num, Pow, Relation, Var, mul, power, substitute, walk
from olmix.proofs.statement import Statement

#: python-flint's multivariate polynomials carry no useful types.
Poly = Any
MAX_DEGREE = 60


class Unsupported(Exception):
    """The statement has a part that is no polynomial in disguise; the message says which."""


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


def is_psd_quadratic(poly: Poly) -> bool:
    """Whether a polynomial of total degree 2 or less is non-negative everywhere, by exact elimination on its
    matrix.
    """
    if poly.total_degree() > 2:
        return False
    size = len(poly.degrees()) + 1
    matrix = [[Fraction(0)] * size for _ in range(size)]
    for exponents, coefficient in poly.to_dict().items():
        places = [i for i, e in enumerate(exponents) for _ in range(e)]
        places += [size - 1] * (2 - len(places))
        value = to_fraction(coefficient) / 2
        matrix[places[0]][places[1]] += value
        matrix[places[1]][places[0]] += value
    return is_psd(matrix)


def is_psd(matrix: list[list[Fraction]]) -> bool:
    """Whether a symmetric rational matrix is positive semidefinite, by exact symmetric elimination (LDLᵀ)."""
    rows = [list(row) for row in matrix]
    size = len(rows)
    for k in range(size):
        pivot = rows[k][k]
        if pivot < 0:
            return False
        if pivot == 0:
            if any(rows[k][j] for j in range(k, size)):
                return False
            continue
        for i in range(k + 1, size):
            if rows[i][k]:
                ratio = rows[i][k] / pivot
                for j in range(k, size):
                    rows[i][j] -= ratio * rows[k][j]
    return True


def known_sign(poly: Poly, signs: Sequence[str]) -> str:
    """`pos`, `nonneg`, or an empty string where the coefficients alone do not tell."""
    strict = False
    for exponents, coefficient in poly.to_dict().items():
        if coefficient < 0:
            return "nonneg" if is_psd_quadratic(poly) else ""
        for exponent, sign in zip(exponents, signs, strict=True):
            if sign == "real" and exponent % 2:
                return "nonneg" if is_psd_quadratic(poly) else ""
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

    def add(
        self, x: tuple[Poly, dict[int, int]], y: tuple[Poly, dict[int, int]]
    ) -> tuple[Poly, dict[int, int]]:
        if not x[1] and not y[1]:
            return x[0] + y[0], {}
        common = {i: max(x[1].get(i, 0), y[1].get(i, 0)) for i in {*x[1], *y[1]}}
        top = sum(
            (v[0] * self.expand({i: e - v[1].get(i, 0) for i, e in common.items()}) for v in (x, y)),
            self.context.constant(0),
        )
        return self.cancel(top, common)

    def multiply(
        self, x: tuple[Poly, dict[int, int]], y: tuple[Poly, dict[int, int]]
    ) -> tuple[Poly, dict[int, int]]:
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


def _monomial(expr: Expr) -> dict[str, int] | None:
    """The exponents of a monomial with whole exponents, or None."""
    if isinstance(expr, Num):
        return {}
    if isinstance(expr, Var):
        return {expr.name: 1}
    if isinstance(expr, Pow) and isinstance(expr.base, Var) and isinstance(expr.exponent, Num):
        return {expr.base.name: int(expr.exponent.value)} if expr.exponent.value.denominator == 1 else None
    if isinstance(expr, Mul):
        out: dict[str, int] = {}
        for factor in expr.factors:
            part = _monomial(factor)
            if part is None:
                return None
            for name, exponent in part.items():
                out[name] = out.get(name, 0) + exponent
        return out
    return None


def _root_powers(exprs: list[Expr], domains: Mapping[str, str]) -> dict[str, int]:
    """For each non-negative variable under roots of monomials, the power that makes those roots disappear."""
    powers: dict[str, int] = {}
    for expr in exprs:
        for node in walk(expr):
            if (
                isinstance(node, Pow)
                and isinstance(node.exponent, Num)
                and node.exponent.value.denominator > 1
            ):
                exponents = _monomial(node.base)
                if exponents is None or any(domains[name] not in ("pos", "nonneg") for name in exponents):
                    continue
                for name, exponent in exponents.items():
                    needed = (node.exponent.value * exponent).denominator
                    powers[name] = math.lcm(powers.get(name, 1), needed)
    return {name: k for name, k in powers.items() if 1 < k <= 12}


def _split_constant(expr: Expr) -> tuple[Fraction, Expr]:
    if isinstance(expr, Num):
        return expr.value, Num(Fraction(1))
    if isinstance(expr, Mul) and isinstance(expr.factors[0], Num):
        return expr.factors[0].value, mul(*expr.factors[1:])
    return Fraction(1), expr


def _perfect_root(value: Fraction, q: int) -> Fraction | None:
    if value < 0:
        return None
    top, bottom = round(value.numerator ** (1 / q)), round(value.denominator ** (1 / q))
    return Fraction(top, bottom) if bottom and Fraction(top, bottom) ** q == value else None


def resolve_roots(expr: Expr, domains: Mapping[str, str]) -> Expr:
    """Takes whole powers of non-negative variables and perfect powers of constants out of their roots."""
    if isinstance(expr, Pow) and isinstance(expr.exponent, Num) and expr.exponent.value.denominator > 1:
        base = resolve_roots(expr.base, domains)
        q, p = expr.exponent.value.denominator, expr.exponent.value.numerator
        exponents = _monomial(base)
        if exponents is not None and all(domains.get(n) in ("pos", "nonneg") for n in exponents):
            constant = Fraction(1)
            for factor in base.factors if isinstance(base, Mul) else (base,):
                if isinstance(factor, Num):
                    constant *= factor.value
            front = _perfect_root(constant, q)
            if all((e * p) % q == 0 for e in exponents.values()):
                outside = mul(*(power(Var(n), Fraction(e * p, q)) for n, e in exponents.items()))
                if front is not None:
                    return mul(power(Num(front), p), outside)
                return mul(power(power(Num(constant), Fraction(1, q)), p), outside)
        return power(power(base, Fraction(1, q)), p)
    if isinstance(expr, Num | Var):
        return expr
    from olmix.proofs.expr import rebuild

    return rebuild(expr, lambda part: resolve_roots(part, domains))


def _auxiliary_nodes(exprs: list[Expr]) -> list[Expr]:
    """Radicals and absolute values, inner ones first, each once."""
    found: dict[Expr, None] = {}

    def visit(node: Expr) -> None:
        if isinstance(node, Add):
            for part in node.terms:
                visit(part)
        elif isinstance(node, Mul):
            for part in node.factors:
                visit(part)
        elif isinstance(node, Pow):
            visit(node.base)
            if not isinstance(node.exponent, Num):
                raise Unsupported("a power has a variable in its exponent")
            if node.exponent.value.denominator > 1:
                found[power(node.base, Fraction(1, node.exponent.value.denominator))] = None
        elif isinstance(node, Fun):
            if node.name not in ("abs", "max", "min"):
                raise Unsupported(f"{node.name} is not algebraic")
            for part in node.args:
                visit(part)
            found[node] = None

    for expr in exprs:
        visit(expr)
    return list(found)


def build_system(statement: Statement) -> System:
    """The polynomial form of a statement; raises Unsupported where there is none."""
    domains = dict(zip(statement.variables, statement.domains, strict=True))
    if "natural" in statement.domains:
        raise Unsupported("a variable runs over whole numbers")
    relations = [statement.claim, *statement.constraints]
    sides = [side for relation in relations for side in (relation.left, relation.right)]
    powers = _root_powers(sides, domains)
    by = {name: power(Var(name), k) for name, k in powers.items()}
    clean = [r.map(lambda e: resolve_roots(substitute(e, by), domains)) for r in relations]
    nodes = _auxiliary_nodes([side for r in clean for side in (r.left, r.right)])
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
    from olmix.proofs.printing import to_text

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


def _define(
    field: _Field, node: Expr, u: Poly, gens: Mapping[str, Any], auxiliary: Mapping[Expr, str]
) -> str:
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


def _hypothesis(
    field: _Field, relation: Relation, gens: Mapping[str, Any], auxiliary: Mapping[Expr, str]
) -> None:
    value = _value(field, relation.gap(), gens, auxiliary)
    if relation.op == "=":
        field.equations.append(value[0])
    elif relation.op == "!=":
        field.index(value[0])
    else:
        field.inequalities.append(_signed(field, value, relation.op in ("<", ">")))
