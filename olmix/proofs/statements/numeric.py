"""Values of expressions: fast in floats over many points, exact in fractions, rigorous in balls.

Floats (numpy) only ever suggest. What decides is either exact rational arithmetic or ball arithmetic
(python-flint's arb, Johansson 2017), whose answer is an interval that certainly contains the value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from olmix.proofs.statements.expr import Add, Expr, Fun, Mul, Num, Pow, Relation, Var, variables_of, walk


class Undefined(Exception):
    """The expression has no value at this point (a zero denominator, an even root of a negative number)."""


def compile_floats(exprs: Sequence[Expr], names: Sequence[str]) -> Callable[[np.ndarray], np.ndarray]:
    """A function from points (count, len(names)) to values (count, len(exprs)); NaN or inf where
    undefined.
    """
    place = {name: i for i, name in enumerate(names)}
    memo: dict[Expr, str] = {}
    lines: list[str] = []

    def emit(expr: Expr) -> str:
        if isinstance(expr, Num):
            return f"np.float64({_float_text(expr.value)})"
        if isinstance(expr, Var):
            return f"x[{place[expr.name]}]"
        if expr not in memo:
            code = _code(expr, emit)
            memo[expr] = f"t{len(memo)}"
            lines.append(f"    {memo[expr]} = {code}")
        return memo[expr]

    results = [emit(expr) for expr in exprs]
    source = "def f(x):\n" + "\n".join(lines) + f"\n    return [{', '.join(results)}]\n"
    scope: dict[str, Any] = {"np": np, "root": _float_root}
    exec(source, scope)
    inner = scope["f"]

    def evaluate(points: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            values = inner(points.T)
            table = np.empty((len(points), len(values)))
            for column, value in enumerate(values):  # Broadcasts constants; np.stack takes three times as long.
                table[:, column] = value
            return table

    return evaluate


def _float_text(value: Fraction) -> str:
    """A fraction as source of a float; beyond the range of floats it is infinite, and nothing there is finite."""
    try:
        return repr(float(value))
    except OverflowError:
        return "np.inf" if value > 0 else "-np.inf"


#: Python's own compiler recurses into long sums and products: they are written in pieces.
_PIECE = 200


def _joined(parts: list[str], sign: str) -> str:
    while len(parts) > _PIECE:
        parts = [f"({sign.join(parts[i : i + _PIECE])})" for i in range(0, len(parts), _PIECE)]
    return sign.join(parts)


def _float_root(x: Any, q: int) -> Any:
    if q == 2:
        return np.sqrt(x)
    return np.sign(x) * np.abs(x) ** (1 / q) if q % 2 else np.where(x >= 0, np.abs(x), np.nan) ** (1 / q)


def _code(expr: Expr, emit: Callable[[Expr], str]) -> str:
    if isinstance(expr, Add):
        return _joined([emit(term) for term in expr.terms], " + ")
    if isinstance(expr, Mul):
        return _joined([emit(factor) for factor in expr.factors], " * ")
    if isinstance(expr, Pow):
        base = emit(expr.base)
        if isinstance(expr.exponent, Num):
            p, q = expr.exponent.value.numerator, expr.exponent.value.denominator
            if q > 1:
                base = f"root({base}, {q})"
            return (
                base if p == 1 else f"1 / {base}" if p == -1 else f"{base} ** {p}" if p > 0 else f"1 / {base} ** {-p}"
            )
        return f"{base} ** {emit(expr.exponent)}"
    assert isinstance(expr, Fun)
    args = [emit(arg) for arg in expr.args]
    if expr.name == "pi":
        return "np.pi"
    if expr.name in ("max", "min"):
        out = args[0]
        for arg in args[1:]:
            out = f"np.{expr.name}imum({out}, {arg})"
        return out
    return f"1 / np.tan({args[0]})" if expr.name == "cot" else f"np.{expr.name}({args[0]})"


def magnitude(expr: Expr) -> Expr:
    """The expression with every term of every sum taken absolutely: the scale against which a difference is
    small.
    """
    if isinstance(expr, Add):
        return Add(tuple(magnitude(term) for term in expr.terms))
    if isinstance(expr, Mul):
        return Mul(tuple(magnitude(factor) for factor in expr.factors))
    if isinstance(expr, Pow) and isinstance(expr.exponent, Num) and expr.exponent.value > 0:
        return Pow(magnitude(expr.base), expr.exponent)
    if isinstance(expr, Num):
        return Num(abs(expr.value))
    return Fun("abs", (expr,))


def exact_value(expr: Expr, point: Mapping[str, Fraction]) -> Fraction | None:
    """The value as a fraction, or None where it is irrational (or would be too long); raises Undefined."""
    if isinstance(expr, Num):
        return expr.value
    if isinstance(expr, Var):
        return point[expr.name]
    if isinstance(expr, Add | Mul):
        total = Fraction(isinstance(expr, Mul))
        complete = True
        for part in expr.terms if isinstance(expr, Add) else expr.factors:
            value = exact_value(part, point)
            if value is None:
                complete = False
            elif isinstance(expr, Add):
                total += value
            else:
                total *= value
        return total if complete else None
    if isinstance(expr, Pow):
        base, exponent = exact_value(expr.base, point), exact_value(expr.exponent, point)
        if base is None or exponent is None:
            return None
        return exact_power(base, exponent)
    args = [exact_value(arg, point) for arg in expr.args]
    if expr.name in ("abs", "max", "min") and None not in args:
        return {"abs": lambda v: abs(v[0]), "max": max, "min": min}[expr.name](args)  # type: ignore[operator]
    return None


def exact_power(base: Fraction, exponent: Fraction) -> Fraction | None:
    """base ** exponent where that is rational, else None; raises Undefined."""
    p, q = exponent.numerator, exponent.denominator
    if base == 0 and p < 0:
        raise Undefined("a denominator is zero")
    if q % 2 == 0 and base < 0:
        raise Undefined("an even root of a negative number")
    if abs(p) > 4096 or q > 4096:
        return None
    if q > 1:
        from flint import fmpz

        sign = -1 if base < 0 else 1
        parts = [int(fmpz(abs(n)).root(q)) for n in (base.numerator, base.denominator)]
        rooted = Fraction(parts[0], parts[1])
        if rooted**q != abs(base):
            return None
        base = sign * rooted
    return base**p


def ball_value(expr: Expr, point: Mapping[str, Any]) -> Any:
    """The value as an arb at flint's current precision; not finite where it is (or may be) undefined."""
    import flint

    if isinstance(expr, Num):
        return to_ball(expr.value)
    if isinstance(expr, Var):
        value = point[expr.name]
        return to_ball(value) if isinstance(value, Fraction | int) else value
    if isinstance(expr, Add):
        total = flint.arb(0)
        for term in expr.terms:
            total += ball_value(term, point)
        return total
    if isinstance(expr, Mul):
        total = flint.arb(1)
        for factor in expr.factors:
            total *= ball_value(factor, point)
        return total
    if isinstance(expr, Pow):
        base = ball_value(expr.base, point)
        if isinstance(expr.exponent, Num):
            p, q = expr.exponent.value.numerator, expr.exponent.value.denominator
            return _ball_root(base, q) ** p
        # x**y with x > 0; at or below zero it counts as undefined.
        return base ** ball_value(expr.exponent, point) if base > 0 else flint.arb("nan")
    args = [ball_value(arg, point) for arg in expr.args]
    if expr.name == "pi":
        return flint.arb.pi()
    if expr.name in ("max", "min"):
        out = args[0]
        for arg in args[1:]:
            out = getattr(out, expr.name)(arg)
        return out
    return abs(args[0]) if expr.name == "abs" else getattr(args[0], expr.name)()


def to_ball(value: Fraction | int) -> Any:
    """A rational as a ball at the current precision."""
    import flint

    value = Fraction(value)
    return flint.arb(flint.fmpq(value.numerator, value.denominator))


def _ball_root(base: Any, q: int) -> Any:
    if q == 1:
        return base
    if q % 2 and base < 0:
        return -((-base).root(q))
    if q % 2 and not base >= 0:
        import flint

        # The odd root is monotone: take it at both ends.
        low, high = _ball_root(base.lower(), q), _ball_root(base.upper(), q)
        return low.union(high) if low.is_finite() and high.is_finite() else flint.arb("nan")
    return base.root(q)


def never_defined(*exprs: Expr) -> str | None:
    """Why an expression has no value anywhere, because a part without variables has none; None where none is seen.

    0 to the power 0, written out, counts as undefined; `x^0` is 1.
    """
    import flint

    for node in (node for expr in exprs for node in walk(expr)):
        if not isinstance(node, Pow | Fun) or variables_of(node):
            continue
        try:
            if isinstance(node, Pow) and (exact_value(node.base, {}), exact_value(node.exponent, {})) == (0, 0):
                raise Undefined("0 to the power 0")
            if exact_value(node, {}) is None:
                with flint.ctx.workprec(256):
                    if isinstance(node, Pow) and isinstance(node.exponent, Num):
                        even = node.exponent.value.denominator % 2 == 0
                        if even and ball_value(node.base, {}) < 0:
                            raise Undefined("an even root of a negative number")
                    elif isinstance(node, Fun) and node.name == "log" and not ball_value(node.args[0], {}) > 0:
                        raise Undefined("a logarithm of a number that is not positive")
        except Undefined as why:
            return str(why)
    return None


def sign_at(expr: Expr, point: Mapping[str, Any], precisions: Sequence[int] = (64, 256, 1024)) -> int | None:
    """The certified sign (-1, 0, 1) of an expression at a point of fractions or balls; None where it stays
    unclear.

    Raises Undefined where the expression certainly has no value.
    """
    import flint

    if all(isinstance(value, Fraction) for value in point.values()):
        value = exact_value(expr, point)
        if value is not None:
            return (value > 0) - (value < 0)
    for precision in precisions:
        with flint.ctx.workprec(precision):
            ball = ball_value(expr, point)
            if ball.is_finite():
                if ball > 0:
                    return 1
                if ball < 0:
                    return -1
    return None


def holds_at(relation: Relation, point: Mapping[str, Any]) -> bool | None:
    """Whether a relation certainly holds (True) or certainly fails (False) at a point; None where that stays
    unclear.

    Raises Undefined where a side has no value.
    """
    sign = sign_at(relation.gap(), point)
    if sign is None:
        return None
    if relation.op in ("<=", ">="):
        return sign >= 0
    if relation.op in ("<", ">"):
        return sign > 0
    return (sign == 0) == (relation.op == "=")
