"""Radicals in expression trees: which disappear in powers of variables, and which need a variable of their
own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction

from olmix.proofs.statements.expr import Add, Expr, Fun, Mul, Num, Pow, Var, children, mul, power, rebuild, walk


class Unsupported(Exception):
    """The statement has a part that is no polynomial in disguise; the message says which."""


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


def root_powers(exprs: list[Expr], domains: Mapping[str, str]) -> dict[str, int]:
    """For each non-negative variable under roots of monomials, the power that makes those roots disappear."""
    powers: dict[str, int] = {}
    for expr in exprs:
        for node in walk(expr):
            if isinstance(node, Pow) and isinstance(node.exponent, Num) and node.exponent.value.denominator > 1:
                exponents = _monomial(node.base)
                if exponents is None or any(domains[name] not in ("pos", "nonneg") for name in exponents):
                    continue
                for name, exponent in exponents.items():
                    needed = (node.exponent.value * exponent).denominator
                    powers[name] = math.lcm(powers.get(name, 1), needed)
    return {name: k for name, k in powers.items() if 1 < k <= 12}


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
    return rebuild(expr, lambda part: resolve_roots(part, domains))


def one_root_each(exprs: list[Expr]) -> dict[Expr, Fraction]:
    """For each radicand that resolved expressions use, the exponent of the one root that all its powers are powers of.

    A radicand that occurs only in denominators gets a root of its reciprocal, one that occurs only as `X**(2/3)` the cube
    root of its square: claims are then linear in these roots, which is what bounds of roots need. Radicands with powers of
    both signs are left as they are.
    """
    found: dict[Expr, set[Fraction]] = {}

    def visit(expr: Expr) -> None:
        inner, outer = expr, Fraction(1)
        if isinstance(expr, Pow) and isinstance(expr.base, Pow) and isinstance(expr.exponent, Num):
            inner, outer = expr.base, expr.exponent.value
        if isinstance(inner, Pow) and isinstance(inner.exponent, Num) and inner.exponent.value.denominator > 1:
            found.setdefault(inner.base, set()).add(inner.exponent.value * outer)
            visit(inner.base)
            return
        for part in children(expr):
            visit(part)

    for expr in exprs:
        visit(expr)
    out = {}
    for base, exponents in found.items():
        sign = 1 if min(exponents) > 0 else -1 if max(exponents) < 0 else 0
        step = Fraction(math.gcd(*(abs(e.numerator) for e in exponents)), math.lcm(*(e.denominator for e in exponents)))
        if sign and (sign < 0 or step.numerator > 1):
            out[base] = sign * step
    return out


def with_one_root(expr: Expr, roots: Mapping[Expr, Fraction]) -> Expr:
    """The expression with the roots that `one_root_each` has chosen."""
    inner, outer = expr, Fraction(1)
    if isinstance(expr, Pow) and isinstance(expr.base, Pow) and isinstance(expr.exponent, Num):
        inner, outer = expr.base, expr.exponent.value
    if isinstance(inner, Pow) and isinstance(inner.exponent, Num) and inner.exponent.value.denominator > 1:
        base = with_one_root(inner.base, roots)
        exponent = inner.exponent.value
        step = roots.get(inner.base)
        if step is None:
            return power(power(base, exponent), outer)
        root = power(power(base, step.numerator), Fraction(1, step.denominator))
        return power(root, exponent * outer / step)
    if isinstance(expr, Num | Var):
        return expr
    return rebuild(expr, lambda part: with_one_root(part, roots))


def auxiliary_nodes(exprs: list[Expr]) -> list[Expr]:
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
