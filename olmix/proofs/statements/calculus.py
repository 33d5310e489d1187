"""Derivatives and integrals of expressions, as far as proofs of inequalities write them: `f'(x) = ...`, integrals of powers.

The rules of every textbook, applied to the tree; nothing is simplified. What they do not cover raises `Unreadable`.
"""

from __future__ import annotations

from olmix.proofs.statements.expr import (
    Add,
    Expr,
    Fun,
    Mul,
    Pow,
    Var,
    add,
    div,
    mul,
    neg,
    num,
    power,
    sub,
    variables_of,
)
from olmix.proofs.statements.sums import Unreadable


def derivative(expr: Expr, name: str) -> Expr:
    """The derivative with respect to a variable; raises Unreadable for functions with corners (max, min, abs)."""
    if name not in variables_of(expr):
        return num(0)
    if isinstance(expr, Var):
        return num(1)
    if isinstance(expr, Add):
        return add(*(derivative(term, name) for term in expr.terms))
    if isinstance(expr, Mul):
        parts = expr.factors
        return add(
            *(mul(*(derivative(f, name) if i == j else f for j, f in enumerate(parts))) for i in range(len(parts)))
        )
    if isinstance(expr, Pow):
        base, exponent = expr.base, expr.exponent
        if name not in variables_of(exponent):
            return mul(exponent, power(base, sub(exponent, num(1))), derivative(base, name))
        grown = add(
            mul(derivative(exponent, name), Fun("log", (base,))), mul(exponent, div(derivative(base, name), base))
        )
        return mul(expr, grown)
    assert isinstance(expr, Fun)
    if len(expr.args) != 1 or expr.name not in _OUTER:
        raise Unreadable(f"the derivative of {expr.name} is not read")
    return mul(_OUTER[expr.name](expr.args[0]), derivative(expr.args[0], name))


_OUTER = {
    "sin": lambda x: Fun("cos", (x,)),
    "cos": lambda x: neg(Fun("sin", (x,))),
    "tan": lambda x: add(num(1), power(Fun("tan", (x,)), 2)),
    "cot": lambda x: neg(add(num(1), power(Fun("cot", (x,)), 2))),
    "exp": lambda x: Fun("exp", (x,)),
    "log": lambda x: power(x, -1),
}


def integral(expr: Expr, name: str, low: Expr, high: Expr) -> Expr:
    """The integral of a sum of powers of a variable between two ends; raises Unreadable for anything else."""
    if isinstance(expr, Add):
        return add(*(integral(term, name, low, high) for term in expr.terms))
    factors = expr.factors if isinstance(expr, Mul) else (expr,)
    constant = [f for f in factors if name not in variables_of(f)]
    rest = [f for f in factors if name in variables_of(f)]
    exponent: Expr = num(0)
    for factor in rest:
        base, own = (factor.base, factor.exponent) if isinstance(factor, Pow) else (factor, num(1))
        if base != Var(name) or name in variables_of(own):
            raise Unreadable("an integral of this kind is not read")
        exponent = add(exponent, own)
    if exponent == num(-1):
        return mul(*constant, sub(Fun("log", (high,)), Fun("log", (low,))))
    raised = add(exponent, num(1))
    return mul(*constant, div(sub(power(high, raised), power(low, raised)), raised))


__all__ = ["derivative", "integral"]
