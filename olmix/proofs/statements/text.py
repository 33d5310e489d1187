"""Reads expressions and relations from plain text: `a/(b+c) + sqrt(a*b) >= 3/2`.

Strict on purpose: products are written with `*`, names are a letter with an optional index (`a`, `x1`, `x_1`)
or a Greek word, and whatever else turns up is an error with its place, never a guess. `notation.py` knows
when LaTeX is meant, where products are written by juxtaposition.
"""

from __future__ import annotations

import bisect
import functools
import re
from collections.abc import Callable
from typing import TypeVar

from olmix.errors import UserError, nearest
from olmix.proofs.statements.expr import (
    Expr,
    Fun,
    Num,
    Relation,
    Var,
    add,
    div,
    mul,
    neg,
    power,
    root,
    sub,
    variables_of,
)
from olmix.proofs.statements.literals import (
    DIGITS,
    TooLarge,
    check_length,
    check_power,
    check_size,
    raised_digits,
    read_number,
)

_TOKEN = re.compile(
    r"\s*(?:([0-9]+\.[0-9]+|\.[0-9]+|[0-9]+)|([A-Za-z]+(?:_?[0-9]+)?)|(\*\*|<=|>=|==|!=|[-+*/^()<>=,]))"
)
_OPS = {"==": "=", "<=": "<=", ">=": ">=", "<": "<", ">": ">", "=": "=", "!=": "!="}
_PLAIN = {"≤": "<=", "≥": ">=", "≠": "!=", "·": "*", "×": "*", "−": "-", "⁄": "/", "÷": "/", "⋅": "*", "–": "-",
          "√": "sqrt", "∛": "cbrt", "π": "pi", "⩽": "<=", "⩾": ">=", "½": "(1/2)", "α": "alpha", "β": "beta", "γ": "gamma",
          "δ": "delta", "λ": "lambda"}  # fmt: skip
GREEK = frozenset(
    [
        "alpha",
        "beta",
        "gamma",
        "delta",
        "epsilon",
        "theta",
        "lambda",
        "mu",
        "nu",
        "xi",
        "rho",
        "sigma",
        "tau",
        "phi",
        "omega",
    ]
)
_CALLS = ("sqrt", "cbrt", "root", "abs", "max", "min", "sin", "cos", "tan", "cot", "exp", "log", "ln")
#: How deep parentheses, functions and exponents may be nested.
MAX_NESTING = 100


def is_variable(name: str) -> bool:
    """Whether a name may be a variable: one letter or a Greek word, with an optional index."""
    head = name.rstrip("0123456789").rstrip("_")
    return len(head) == 1 or head in GREEK


def _plain(text: str) -> str:
    text = raised_digits(text, "", "")
    for symbol, plain in _PLAIN.items():
        text = text.replace(symbol, plain)
    return text


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text if len(text) <= 80 else f"{text[:60]}..."
        self.nesting = 0
        self.source = check_length(text)
        text = _plain(text)
        self.tokens: list[str] = []
        self.ends: list[int] = []
        place = 0
        while place < len(text.rstrip()):
            match = _TOKEN.match(text, place)
            if match is None:
                rest = text[place:].lstrip()
                raise self.error(f"{rest[0]!r} is not part of an expression", len(text) - len(rest))
            self.tokens.append(next(group for group in match.groups() if group))
            place = match.end()
            self.ends.append(place)
        self.at = 0

    def error(self, what: str, place: int | None = None) -> UserError:
        """What is wrong and at which character, counted from 1; `place` is one of the plain text, else the next token's."""
        if place is None:
            place = self.place(self.at)
        at = bisect.bisect_right(range(len(self.source)), place, key=lambda k: len(_plain(self.source[: k + 1])))
        return UserError(f"{self.text!r}, character {at + 1}: {what}.")

    def place(self, index: int) -> int:
        """Where a token begins in the plain text; the end of the text after the last one."""
        if index < len(self.tokens):
            return self.ends[index] - len(self.tokens[index])
        return self.ends[-1] if self.ends else 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, wanted: str = "") -> str:
        token = self.peek()
        if not token or (wanted and token != wanted):
            place = f"before {token!r}" if token else "at the end"
            raise self.error(f"{wanted or 'an expression'} is missing {place}")
        self.at += 1
        return token

    def sum(self) -> Expr:
        left = neg(self.product()) if self._accept("-") else (self._accept("+"), self.product())[1]
        while self.peek() in ("+", "-"):
            left = add(left, self.product()) if self.take() == "+" else sub(left, self.product())
        return left

    def _accept(self, token: str) -> bool:
        if self.peek() == token:
            self.at += 1
            return True
        return False

    def product(self) -> Expr:
        left = self.unary()
        while True:
            if self._accept("*"):
                left = mul(left, self.unary())
            elif self._accept("/"):
                left = div(left, self.unary())
            elif self.peek() and self.peek() not in ")+-,<>=!<=>===!=":
                raise self.error(f"an operator is missing before {self.peek()!r}; write products with *")
            else:
                return left

    def unary(self) -> Expr:
        negative = False
        while self.peek() in ("-", "+"):
            negative ^= self.take() == "-"
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            raise TooLarge(f"expressions nested more than {MAX_NESTING} deep are not read")
        value = self._power()
        self.nesting -= 1
        return neg(value) if negative else value

    def _power(self) -> Expr:
        here = self.place(self.at)
        base = self.atom()
        if self.peek() not in ("**", "^"):
            return base
        self.take()
        exponent = self.unary()
        if base == Var("e") and variables_of(exponent):
            raise self.error("e may be Euler's number, exp(x), or a variable (then take another letter)", here)
        check_power(base, exponent)
        return power(base, exponent)

    def atom(self) -> Expr:
        token = self.take()
        here = self.place(self.at - 1)
        if token[0] in DIGITS or token[0] == ".":
            return Num(read_number(token))
        if token == "(":
            inside = self.sum()
            self.take(")")
            return inside
        if token == "pi":
            return Fun("pi", ())
        if token[0].isalpha() and self.peek() == "(" and token in _CALLS:
            return self.call(token)
        if token[0].isalpha() and is_variable(token):
            return Var(token)
        if token[0].isalpha():
            product = f" (a product is written {'*'.join(token)})" if token.isalpha() else ""
            hint = product if len(token) < 3 else nearest(token, _CALLS) or product
            if token in _CALLS:
                raise self.error(f"{token} needs its argument in brackets, as in {token}(x)", here)
            raise self.error(f"{token!r} is neither a variable nor a function{hint}", here)
        turned = {"=>": ">=", "=<": "<="}.get((self.tokens[self.at - 2] if self.at > 1 else "") + token)
        hint = f" (write {turned} for {turned[::-1]})" if turned else ""
        raise self.error(f"an expression is missing before {token!r}{hint}", here)

    def call(self, name: str) -> Expr:
        here = self.place(self.at - 1)
        self.take("(")
        args = [self.sum()]
        while self._accept(","):
            args.append(self.sum())
        self.take(")")
        if name == "root" and len(args) == 2:
            degree = getattr(args[1], "value", None)
            if degree is None or degree.denominator != 1 or degree < 2:
                raise self.error("root(x, n) needs a whole number n of 2 or more", here)
            return root(args[0], int(degree))
        if name in ("max", "min"):
            return Fun(name, tuple(args))
        if len(args) != 1 or name == "root":
            raise self.error(f"{name} takes {'two arguments' if name == 'root' else 'one argument'}", here)
        if name in ("sqrt", "cbrt"):
            return root(args[0], 2 if name == "sqrt" else 3)
        return Fun("log" if name == "ln" else name, (args[0],))


_Read = TypeVar("_Read")


def _limited(read: Callable[[str], _Read]) -> Callable[[str], _Read]:
    """The reader with what is too large as the user's mistake."""

    @functools.wraps(read)
    def reader(text: str) -> _Read:
        try:
            return read(text)
        except TooLarge as error:
            raise UserError(f"{text[:40] + '...' if len(text) > 40 else text!r} is too large: {error}.") from None

    return reader


@_limited
def parse_expression(text: str) -> Expr:
    """The expression in `text`; raises UserError with the place of what it cannot read."""
    reader = _Reader(text)
    expr = reader.sum()
    if reader.peek():
        raise reader.error(f"{reader.peek()!r} is left over")
    return check_size(expr)


@_limited
def parse_relations(text: str) -> tuple[Relation, ...]:
    """The relations in a chain: `0 < a <= b` gives two. Raises UserError where there is no relation."""
    reader = _Reader(text)
    sides, ops = [check_size(reader.sum())], []
    while reader.peek() in _OPS:
        ops.append(_OPS[reader.take()])
        sides.append(check_size(reader.sum()))
    if reader.peek():
        raise reader.error(f"{reader.peek()!r} is left over")
    if not ops:
        raise UserError(f"{text!r} is no relation: it needs one of <= < >= > = !=.")
    return tuple(Relation(left, op, right) for left, op, right in zip(sides, ops, sides[1:], strict=False))
