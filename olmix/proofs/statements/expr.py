"""Expressions and relations: the one exact form that every other room of `proofs` reads.

A tree of rational numbers, variables, sums, products, powers and a few named functions. Nothing is simplified
behind the reader's back beyond flattening and folding of rational constants, so that an expression prints as
it was written. Floats never enter: a decimal in the input becomes the fraction that it denotes. For anything
heavier (gcd, factoring) go to `algebra.py`, which turns trees into polynomials.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any, TypeVar

#: Functions of one argument, beside `max` and `min` of any number. `pi` is the one named constant (no
#: arguments).
FUNCTIONS = ("abs", "max", "min", "sin", "cos", "tan", "cot", "exp", "log", "pi")


_Kind = TypeVar("_Kind", bound=type)


class _Node:
    """Room for a hash, which is no field: not compared, and not pickled (another process hashes strings otherwise)."""

    __slots__ = ("_hash",)
    _hash: int


def _hashed_once(kind: _Kind) -> _Kind:
    """The class with its hash computed when it is first asked for: expressions are keys again and again, and are deep."""
    compute: Any = kind.__hash__

    def __hash__(self: _Node) -> int:
        try:
            return self._hash
        except AttributeError:
            value = compute(self)
            object.__setattr__(self, "_hash", value)
            return value

    kind.__hash__ = __hash__  # type: ignore[assignment, method-assign]
    return kind


@_hashed_once
@dataclasses.dataclass(frozen=True, slots=True)
class Num(_Node):
    """A rational number."""

    value: Fraction


@_hashed_once
@dataclasses.dataclass(frozen=True, slots=True)
class Var(_Node):
    """A variable by name, such as `a`, `x_1` or `alpha`."""

    name: str


@_hashed_once
@dataclasses.dataclass(frozen=True, slots=True)
class Add(_Node):
    """A sum of two or more terms."""

    terms: tuple[Expr, ...]


@_hashed_once
@dataclasses.dataclass(frozen=True, slots=True)
class Mul(_Node):
    """A product of two or more factors."""

    factors: tuple[Expr, ...]


@_hashed_once
@dataclasses.dataclass(frozen=True, slots=True)
class Pow(_Node):
    """A power; a quotient is a product with a power of -1, a root is a power with a fractional exponent."""

    base: Expr
    exponent: Expr


@_hashed_once
@dataclasses.dataclass(frozen=True, slots=True)
class Fun(_Node):
    """A named function, see `FUNCTIONS`."""

    name: str
    args: tuple[Expr, ...]


Expr = Num | Var | Add | Mul | Pow | Fun

ZERO, ONE = Num(Fraction(0)), Num(Fraction(1))


def num(value: int | Fraction | str) -> Num:
    """A rational constant."""
    return Num(Fraction(value))


def add(*terms: Expr) -> Expr:
    """A sum, flattened, without zeros, with its rational constants folded when two or more stand together."""
    flat: list[Expr] = []
    for term in terms:
        flat.extend(term.terms if isinstance(term, Add) else (term,))
    flat = [term for term in flat if term != ZERO]
    constants = [term for term in flat if isinstance(term, Num)]
    if len(constants) > 1:
        total = Num(sum((c.value for c in constants), Fraction(0)))
        flat = [term for term in flat if not isinstance(term, Num)]
        if total.value:
            flat.append(total)
    if not flat:
        return ZERO
    return flat[0] if len(flat) == 1 else Add(tuple(flat))


def mul(*factors: Expr) -> Expr:
    """A product, flattened, with its rational constants folded in front."""
    flat: list[Expr] = []
    for factor in factors:
        flat.extend(factor.factors if isinstance(factor, Mul) else (factor,))
    constant = Fraction(1)
    rest: list[Expr] = []
    for factor in flat:
        if isinstance(factor, Num):
            constant *= factor.value
        else:
            rest.append(factor)
    if constant == 0:
        # A zero times something undefined is undefined: keep the factors, so that evaluation notices.
        return Mul((ZERO, *rest)) if any(_may_be_undefined(f) for f in rest) else ZERO
    if constant != 1 or not rest:
        rest.insert(0, Num(constant))
    return rest[0] if len(rest) == 1 else Mul(tuple(rest))


def _may_be_undefined(expr: Expr) -> bool:
    return any(isinstance(node, Pow | Fun) for node in walk(expr))


def power(base: Expr, exponent: Expr | int | Fraction) -> Expr:
    """A power; integer powers of rational constants are folded, and a power of a power when the inner is an
    integer's.
    """
    exp = exponent if isinstance(exponent, Num | Var | Add | Mul | Pow | Fun) else num(exponent)
    if exp == ONE:
        return base
    if isinstance(base, Num) and isinstance(exp, Num) and exp.value.denominator == 1:
        n = exp.value.numerator
        if (base.value or n > 0) and abs(n) <= 512:
            return Num(base.value**n)
    if (
        isinstance(base, Pow)
        and isinstance(exp, Num)
        and isinstance(base.exponent, Num)
        and exp.value.denominator == 1
        and base.exponent.value.denominator == 1
        and exp.value > 0
    ):
        return Pow(base.base, Num(base.exponent.value * exp.value))
    return Pow(base, exp)


def neg(expr: Expr) -> Expr:
    """Minus the expression; a sum is negated term by term."""
    if isinstance(expr, Add):
        return Add(tuple(neg(term) for term in expr.terms))
    return mul(num(-1), expr)


def sub(left: Expr, right: Expr) -> Expr:
    """The difference."""
    return add(left, neg(right))


def div(top: Expr, bottom: Expr) -> Expr:
    """The quotient; a quotient of constants is folded unless the divisor is zero."""
    if isinstance(bottom, Num) and bottom.value:
        return mul(Num(1 / bottom.value), top)
    return mul(top, power(bottom, -1))


def root(expr: Expr, degree: int = 2) -> Expr:
    """The real root of the given degree."""
    return power(expr, Fraction(1, degree))


def children(expr: Expr) -> tuple[Expr, ...]:
    """The direct parts of an expression."""
    if isinstance(expr, Add):
        return expr.terms
    if isinstance(expr, Mul):
        return expr.factors
    if isinstance(expr, Pow):
        return (expr.base, expr.exponent)
    if isinstance(expr, Fun):
        return expr.args
    return ()


def walk(expr: Expr) -> Iterator[Expr]:
    """Every node, parents before children."""
    stack = [expr]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(children(node))


def rebuild(expr: Expr, change: Callable[[Expr], Expr]) -> Expr:
    """The same node with `change` applied to its direct parts."""
    if isinstance(expr, Add):
        return add(*(change(term) for term in expr.terms))
    if isinstance(expr, Mul):
        return mul(*(change(factor) for factor in expr.factors))
    if isinstance(expr, Pow):
        return power(change(expr.base), change(expr.exponent))
    if isinstance(expr, Fun):
        return Fun(expr.name, tuple(change(arg) for arg in expr.args))
    return expr


def variables_of(*exprs: Expr) -> tuple[str, ...]:
    """The names of the variables, sorted (x_2 before x_10)."""
    names = frozenset().union(*map(_names, exprs))
    return tuple(sorted(names, key=_natural))


@functools.lru_cache(10_000)
def _names(expr: Expr) -> frozenset[str]:
    return frozenset(node.name for node in walk(expr) if isinstance(node, Var))


def _natural(name: str) -> tuple[str, int]:
    head = name.rstrip("0123456789")
    return (head, int(name[len(head) :] or 0))


def substitute(expr: Expr, by: Mapping[str, Expr]) -> Expr:
    """The expression with variables replaced, all at once."""
    if isinstance(expr, Var):
        return by.get(expr.name, expr)
    return rebuild(expr, lambda part: substitute(part, by))


@dataclasses.dataclass(frozen=True, slots=True)
class Relation:
    """Two expressions and one of `<= < >= > = !=` between them."""

    left: Expr
    op: str
    right: Expr

    def flipped(self) -> Relation:
        """The same relation read from right to left."""
        return Relation(self.right, MIRROR[self.op], self.left)

    def gap(self) -> Expr:
        """For an inequality, the difference that the relation says is non-negative (or positive); else left -
        right.
        """
        return sub(self.right, self.left) if self.op in ("<=", "<") else sub(self.left, self.right)

    def map(self, change: Callable[[Expr], Expr]) -> Relation:
        """The relation with both sides changed."""
        return Relation(change(self.left), self.op, change(self.right))

    def variables(self) -> tuple[str, ...]:
        """The names of the variables on both sides, sorted."""
        return variables_of(self.left, self.right)


MIRROR = {"<=": ">=", "<": ">", ">=": "<=", ">": "<", "=": "=", "!=": "!="}
NEGATED = {"<=": ">", "<": ">=", ">=": "<", ">": "<=", "=": "!=", "!=": "="}
STRICT = frozenset({"<", ">", "!="})


def all_variables(relations: Iterable[Relation]) -> tuple[str, ...]:
    """The names of the variables of several relations, sorted."""
    return variables_of(*(side for relation in relations for side in (relation.left, relation.right)))
