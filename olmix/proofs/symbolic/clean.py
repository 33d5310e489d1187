"""Expressions as a person would write them down after a substitution: no fraction under a fraction, no sums left standing
that add up, and the LaTeX of the rest of this room.

Only rules that change nothing for non-zero values are used; `proofs.algebra` is for real algebra.
"""

from __future__ import annotations

from fractions import Fraction

from olmix.proofs.statements.expr import Add, Expr, Mul, Num, Pow, Var, add, mul, num, power
from olmix.proofs.symbolic.terms import number


def tidy(expr: Expr) -> Expr:
    """The same with powers of powers and of products spread out, quotients simple, and sums of linear terms added up."""
    if isinstance(expr, Add):
        return _collected([tidy(term) for term in expr.terms])
    if isinstance(expr, Mul):
        return _product([tidy(factor) for factor in expr.factors])
    if isinstance(expr, Pow) and _whole(expr.exponent):
        return _product([Pow(tidy(expr.base), expr.exponent)])
    if isinstance(expr, Pow):
        return power(tidy(expr.base), expr.exponent)
    return expr


def _whole(exponent: Expr) -> bool:
    return isinstance(exponent, Num) and exponent.value.denominator == 1


def _product(factors: list[Expr]) -> Expr:
    """Equal bases collected under one whole exponent each, in the order of appearance."""
    exponents: dict[Expr, Fraction] = {}
    constant = Fraction(1)
    stack = [(factor, Fraction(1)) for factor in reversed(factors)]
    while stack:
        base, times = stack.pop()
        if isinstance(base, Num):
            constant *= base.value ** int(times)
        elif isinstance(base, Mul):
            stack += [(factor, times) for factor in reversed(base.factors)]
        elif isinstance(base, Pow) and isinstance(base.exponent, Num) and _whole(base.exponent):
            stack.append((base.base, times * base.exponent.value))
        elif times < 0 and isinstance(base, Add) and (split := _over_one_bar(base)) is not None:
            stack += [(part, times) for part in reversed(split)]
        else:
            exponents[base] = exponents.get(base, Fraction(0)) + times
    return mul(num(constant), *(power(base, times) for base, times in exponents.items() if times))


def _over_one_bar(sum_: Add) -> tuple[Expr, Expr] | None:
    """`1/x + 3` as `1/x` and `1 + 3x`: what its terms have below the bar, and the sum without it. None where there is nothing."""
    below: dict[Expr, Fraction] = {}
    for term in sum_.terms:
        for base, times in _powers(term):
            if times < 0:
                below[base] = max(below.get(base, Fraction(0)), -times)
    if not below:
        return None
    lift = [power(base, times) for base, times in below.items()]
    return mul(*(power(base, -times) for base, times in below.items())), _collected(
        [_product([term, *lift]) for term in sum_.terms]
    )


def _powers(term: Expr) -> list[tuple[Expr, Fraction]]:
    found = []
    for factor in term.factors if isinstance(term, Mul) else (term,):
        if isinstance(factor, Pow) and isinstance(factor.exponent, Num) and _whole(factor.exponent):
            found.append((factor.base, factor.exponent.value))
    return found


def _collected(terms: list[Expr]) -> Expr:
    """A sum, with numbers and multiples of single variables added up, also those within multiples of a linear sum."""
    flat: list[tuple[Fraction, Expr]] = []
    for term in terms:
        share, rest = _share(term)
        if isinstance(rest, Add) and all(isinstance(_share(inner)[1], Num | Var) for inner in rest.terms):
            flat += [(share * own, inner) for own, inner in map(_share, rest.terms)]
        else:
            flat.append((share, rest))
    shares: dict[Expr, Fraction] = {}
    for share, rest in flat:
        shares[rest] = shares.get(rest, Fraction(0)) + share
    # As people write them: variables by the alphabet, numbers last, and no minus first where there is a choice.
    ordered = sorted(((rest, share) for rest, share in shares.items() if share), key=lambda one: _place(one[0]))
    if ordered and ordered[0][1] < 0:
        ordered.sort(key=lambda one: one[1] < 0)
    return add(*(mul(num(share), rest) for rest, share in ordered))


def _place(term: Expr) -> tuple[int, str]:
    return (2, "") if isinstance(term, Num) else (1, term.name) if isinstance(term, Var) else (0, "")


def _share(term: Expr) -> tuple[Fraction, Expr]:
    """A number and what it multiplies (1 for a number alone)."""
    if isinstance(term, Num):
        return term.value, num(1)
    if isinstance(term, Mul) and isinstance(term.factors[0], Num):
        return term.factors[0].value, mul(*term.factors[1:])
    return Fraction(1), term


def latex(expr: Expr) -> str:
    """The expression in this room's LaTeX: `3(a + b)^{2}`, `\\frac{2a}{b + c}`, `2\\sqrt{ab}`."""
    if isinstance(expr, Num):
        return number(expr.value)
    if isinstance(expr, Var):
        return expr.name
    if isinstance(expr, Add):
        out = ""
        for term in expr.terms:
            piece = latex(term)
            minus = piece.startswith("-")
            out += piece if not out else f" {'-' if minus else '+'} {piece[1:] if minus else piece}"
        return out
    if isinstance(expr, Mul | Pow):
        return _product_latex(expr)
    raise TypeError(f"{type(expr).__name__} does not occur here")


def _product_latex(expr: Mul | Pow) -> str:
    constant, above, below = Fraction(1), list[Expr](), list[Expr]()
    for factor in expr.factors if isinstance(expr, Mul) else (expr,):
        if isinstance(factor, Num):
            constant *= factor.value
        elif isinstance(factor, Pow) and isinstance(factor.exponent, Num) and factor.exponent.value < 0:
            below.append(power(factor.base, -factor.exponent.value))
        else:
            above.append(factor)
    sign, size = ("-" if constant < 0 else ""), abs(constant)
    sums = any(isinstance(factor, Add) for factor in above)
    if below or (sums and size.denominator > 1):
        return f"{sign}\\frac{{{_row(size.numerator, above)}}}{{{_row(size.denominator, below)}}}"
    if size.denominator == 1:
        whole = _row(size.numerator, above)
        return f"-{_bracketed(whole)}" if sign and sums and len(above) == 1 and size == 1 else sign + whole
    return f"{sign}{number(size)} {_row(1, above)}"


def _row(front: int, factors: list[Expr]) -> str:
    alone = len(factors) == 1 and front == 1
    text = "".join(_factor(factor, alone) for factor in factors)
    return f"{front}{text}" if front != 1 or not text else text


def _factor(expr: Expr, alone: bool) -> str:
    if isinstance(expr, Pow) and isinstance(expr.exponent, Num):
        value = expr.exponent.value
        if value.denominator > 1:
            root = f"\\sqrt{'' if value.denominator == 2 else f'[{value.denominator}]'}{{{latex(expr.base)}}}"
            return root if value.numerator == 1 else f"\\left({root}\\right)^{{{value.numerator}}}"
        inner = latex(expr.base)
        return f"{inner if isinstance(expr.base, Var) else _bracketed(inner)}^{{{number(value)}}}"
    text = latex(expr)
    return text if alone or not isinstance(expr, Add) else _bracketed(text)


def _bracketed(text: str) -> str:
    return f"\\left({text}\\right)" if "\\frac" in text or "\\sqrt" in text else f"({text})"
