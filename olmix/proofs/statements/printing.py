"""Expressions back to text (which `parse_text` reads again) and to LaTeX (which `parse_latex` reads
again).
"""

from __future__ import annotations

from fractions import Fraction

from olmix.proofs.statements.expr import Add, Expr, Fun, Mul, Num, Pow, Relation, Var, mul, power

_SUM, _PRODUCT, _UNARY, _POWER, _ATOM = range(5)


def to_text(expr: Expr) -> str:
    """Python-like text: `a**2/(b + c) + sqrt(a*b)`."""
    return _text(expr)[0]


def relation_text(relation: Relation) -> str:
    """A relation as text."""
    return f"{to_text(relation.left)} {relation.op} {to_text(relation.right)}"


def to_latex(expr: Expr) -> str:
    r"""LaTeX: `\frac{a^{2}}{b+c}+\sqrt{a b}`."""
    return _latex(expr)[0]


_LATEX_OPS = {"<=": r"\leq", ">=": r"\geq", "<": "<", ">": ">", "=": "=", "!=": r"\neq"}


def relation_latex(relation: Relation) -> str:
    """A relation as LaTeX, without dollars."""
    return f"{to_latex(relation.left)} {_LATEX_OPS[relation.op]} {to_latex(relation.right)}"


def _split_fraction(expr: Mul) -> tuple[Expr, Expr, Fraction]:
    """A product as top, bottom and rational constant in front."""
    constant, top, bottom = Fraction(1), [], []
    for factor in expr.factors:
        if isinstance(factor, Num):
            constant *= factor.value
        elif isinstance(factor, Pow) and isinstance(factor.exponent, Num) and factor.exponent.value < 0:
            bottom.append(power(factor.base, -factor.exponent.value))
        else:
            top.append(factor)
    return mul(*top), mul(*bottom), constant


def _wrap(piece: tuple[str, int], level: int) -> str:
    return piece[0] if piece[1] >= level else f"({piece[0]})"


def _text(expr: Expr) -> tuple[str, int]:
    if isinstance(expr, Num):
        text = str(expr.value)
        return text, _SUM if expr.value < 0 else _PRODUCT if "/" in text else _ATOM
    if isinstance(expr, Var):
        return expr.name, _ATOM
    if isinstance(expr, Fun):
        if expr.name == "pi":
            return "pi", _ATOM
        return f"{expr.name}({', '.join(_text(arg)[0] for arg in expr.args)})", _ATOM
    if isinstance(expr, Add):
        out = ""
        for term in expr.terms:
            piece = _wrap(_text(term), _SUM)
            if isinstance(term, Add):
                piece = f"({piece})"
            out += piece if not out else f" - {piece[1:]}" if piece.startswith("-") else f" + {piece}"
        return out, _SUM
    if isinstance(expr, Mul):
        top, bottom, constant = _split_fraction(expr)
        pieces = [
            _wrap(_text(f), _UNARY) for f in (top.factors if isinstance(top, Mul) else (top,)) if f != Num(Fraction(1))
        ]
        if abs(constant.numerator) != 1 or not pieces:
            pieces.insert(0, str(abs(constant.numerator)))
        out = "*".join(pieces)
        if constant.denominator != 1:
            bottom = mul(Num(Fraction(constant.denominator)), bottom)
        if bottom != Num(Fraction(1)):
            out += "/" + _wrap(_text(bottom), _POWER)
        return ("-" + out, _SUM) if constant < 0 else (out, _PRODUCT)
    return _text_power(expr)


def _text_power(expr: Pow) -> tuple[str, int]:
    if isinstance(expr.exponent, Num):
        value = expr.exponent.value
        if value == Fraction(1, 2):
            return f"sqrt({_text(expr.base)[0]})", _ATOM
        if value < 0:
            inner = _text(power(expr.base, -value))
            return f"1/{_wrap(inner, _POWER)}", _PRODUCT
        exponent = str(value) if value.denominator == 1 else f"({value})"
    else:
        exponent = _wrap(_text(expr.exponent), _ATOM)
    return f"{_wrap(_text(expr.base), _ATOM)}**{exponent}", _POWER


_GREEK = frozenset(["alpha", "beta", "gamma", "delta", "theta", "lambda", "mu", "phi", "varphi", "omega", "xi"])


def _latex_name(name: str) -> str:
    head, _, index = name.partition("_")
    head = f"\\{head}" if head in _GREEK else head
    return f"{head}_{{{index}}}" if index else head


def _latex_wrap(piece: tuple[str, int], level: int) -> str:
    return piece[0] if piece[1] >= level else rf"\left({piece[0]}\right)"


def _latex(expr: Expr) -> tuple[str, int]:
    if isinstance(expr, Num):
        value = expr.value
        if value.denominator == 1:
            return str(value), _SUM if value < 0 else _ATOM
        sign = "-" if value < 0 else ""
        return (
            rf"{sign}\frac{{{abs(value.numerator)}}}{{{value.denominator}}}",
            _SUM if value < 0 else _PRODUCT,
        )
    if isinstance(expr, Var):
        return _latex_name(expr.name), _ATOM
    if isinstance(expr, Fun):
        return _latex_function(expr)
    if isinstance(expr, Add):
        out = ""
        for term in expr.terms:
            piece = _latex(term)[0]
            out += piece if not out or piece.startswith("-") else f"+{piece}"
        return out, _SUM
    if isinstance(expr, Mul):
        return _latex_product(expr)
    if isinstance(expr.exponent, Num):
        value = expr.exponent.value
        if value < 0:
            return rf"\frac{{1}}{{{_latex(power(expr.base, -value))[0]}}}", _PRODUCT
        if value.numerator == 1 and value.denominator > 1:
            degree = "" if value.denominator == 2 else f"[{value.denominator}]"
            return rf"\sqrt{degree}{{{_latex(expr.base)[0]}}}", _ATOM
        exponent = str(value)
    else:
        exponent = _latex(expr.exponent)[0]
    return f"{_latex_wrap(_latex(expr.base), _ATOM)}^{{{exponent}}}", _POWER


def _latex_function(expr: Fun) -> tuple[str, int]:
    if expr.name == "pi":
        return r"\pi", _ATOM
    inner = ", ".join(_latex(arg)[0] for arg in expr.args)
    if expr.name == "abs":
        return rf"\left|{inner}\right|", _ATOM
    if expr.name in ("max", "min"):
        return rf"\{expr.name}\left\{{{inner}\right\}}", _ATOM
    return rf"\{expr.name}\left({inner}\right)", _ATOM


def _latex_product(expr: Mul) -> tuple[str, int]:
    top, bottom, constant = _split_fraction(expr)
    sign = "-" if constant < 0 else ""
    if bottom != Num(Fraction(1)):
        above = _latex(mul(Num(Fraction(abs(constant.numerator))), top))[0]
        below = _latex(mul(Num(Fraction(constant.denominator)), bottom))[0]
        return rf"{sign}\frac{{{above}}}{{{below}}}", _SUM if sign else _PRODUCT
    front = "" if abs(constant) == 1 else _latex(Num(abs(constant)))[0]
    pieces = [_latex_wrap(_latex(f), _POWER) for f in (top.factors if isinstance(top, Mul) else (top,))]
    out = front
    for piece in pieces:
        # Two digits that meet would read as one number.
        out += (r" \cdot " if out and out[-1].isdigit() and piece[0].isdigit() else " " if out else "") + piece
    return sign + out, _SUM if sign else _PRODUCT
