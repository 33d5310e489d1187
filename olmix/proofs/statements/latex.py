r"""Reads one expression from LaTeX: `\frac{a^{2}}{b+c} + \sqrt[3]{a b c}`.

Products are written by juxtaposition, so a name is one letter (or a Greek command) with an optional index.
Sums `\sum` without bounds, or with `cyc`, run over the cyclic shifts of the variables in force, `sym` over
all permutations (the usual convention of olympiad books). Whatever has no certain reading raises
`Unreadable`; nothing is guessed.
"""

from __future__ import annotations

import re

from olmix.proofs.statements.big_operators import BigOperators
from olmix.proofs.statements.calculus import derivative
from olmix.proofs.statements.expr import Expr, Fun, Num, Var, add, div, mul, neg, num, power, root, sub, substitute
from olmix.proofs.statements.literals import (
    DIGITS,
    TooLarge,
    check_length,
    check_power,
    check_size,
    raised_digits,
    read_number,
)
from olmix.proofs.statements.sums import Scope, Unreadable, variable_groups

_TOKEN = re.compile(r"\\[A-Za-z]+\*?|\\.|[0-9]+(?:\.[0-9]+)?|\.[0-9]+|[A-Za-z]|'+|<=>|[<>!]=|=[<>]|.", re.DOTALL)
_SIZES = re.compile(r"\\(left|right|displaystyle|textstyle|limits|nolimits|[bB]igg?[lrm]?|mathrm|mathbf|boldsymbol|hfill|nonumber"
                    r"|notag|rm|hspace|thinspace|quad|qquad|[,;!: ])$")  # fmt: skip
_OPEN = {"(": ")", "[": "]", "{": "}", r"\{": r"\}", r"\lbrace": r"\rbrace"}
_NORMAL = {
    r"\dfrac": r"\frac",
    r"\tfrac": r"\frac",
    r"\cfrac": r"\frac",
    r"\times": r"\cdot",
    "*": r"\cdot",
    "−": "-",
    r"\lvert": "|",
    r"\rvert": "|",
    r"\vert": "|",
    r"\mid": "|",
    r"\lbrace": r"\{",
    r"\rbrace": r"\}",
    "·": r"\cdot",
    r"\ast": r"\cdot",
    r"\geqq": r"\geq",
    r"\leqq": r"\leq",
}
_GREEK = frozenset(["alpha", "beta", "gamma", "delta", "epsilon", "varepsilon", "theta", "lambda", "mu", "nu", "xi",
                    "rho", "sigma", "tau", "phi", "varphi", "omega"])  # fmt: skip
_TRIG = {
    r"\sin": "sin",
    r"\cos": "cos",
    r"\tan": "tan",
    r"\cot": "cot",
    r"\tg": "tan",
    r"\ctg": "cot",
    r"\ln": "log",
    r"\log": "log",
    r"\exp": "exp",
}
#: Letters that are read as functions where a bracket follows, unless they are variables.
FUNCTION_NAMES = frozenset("fghFGPQ")
#: How deep groups, fractions, roots and exponents may be nested.
MAX_NESTING = 40
#: The two sides of the claim, as `\\text{LHS}` is written by `formulas`.
_SIDES = {r"\lhs": 0, r"\rhs": 1}
_PRIMES = {
    ("^", "{", r"\prime", r"\prime", "}"): 2, ("^", "{", r"\prime", "}"): 1, ("^", r"\prime"): 1,
    ("^", "{", "''", "}"): 2, ("^", "{", "'", "}"): 1,
}  # fmt: skip


def tokenize(text: str) -> list[str]:
    """The tokens of a formula without spacing and sizing commands; text inside `\\text{...}` must be gone
    already.
    """
    tokens = [_NORMAL.get(t, t) for t in _TOKEN.findall(raised_digits(text, "{", "}"))]
    return [t for t in tokens if t not in ("~", "&") and not t.isspace() and not _SIZES.fullmatch(t)]


def parse_latex_expression(text: str, scope: Scope | None = None) -> Expr:
    """The expression in a piece of LaTeX; raises Unreadable."""
    return parse_tokens(tokenize(text), scope or Scope())


def parse_tokens(tokens: list[str], scope: Scope) -> Expr:
    """The expression that a list of tokens spells; raises Unreadable."""
    try:
        check_length("".join(tokens))
        return check_size(_Reader(tokens, scope).whole())
    except TooLarge as why:
        raise Unreadable(str(why)) from None


class _Reader(BigOperators):
    def __init__(self, tokens: list[str], scope: Scope) -> None:
        super().__init__(tokens, scope)
        self.bars = 0
        self.nesting = 0

    def sum(self) -> Expr:
        sign = 1
        while self.peek() in ("+", "-"):
            sign = -sign if self.take() == "-" else sign
        left = self.product()
        left = neg(left) if sign < 0 else left
        while self.peek() in ("+", "-"):
            minus = self.take() == "-"
            right = self.product()
            left = sub(left, right) if minus else add(left, right)
        return left

    def product(self) -> Expr:
        left = self.factor()
        while True:
            token = self.peek()
            if token == r"\cdot":
                self.take()
                left = mul(left, self._signed_factor())
            elif token in ("/", r"\div", ":"):
                self.take()
                left = div(left, self._quotient_part())
            elif token == "{" and self.peek(1) == "}":
                self.at += 2  # An empty group is spacing.
            elif self._starts_factor(token):
                left = mul(left, self.factor())
            else:
                return left

    def _signed_factor(self) -> Expr:
        if self.peek() == "-":
            self.take()
            return neg(self.factor())
        return self.factor()

    def _quotient_part(self) -> Expr:
        """What a slash divides by: one factor; a juxtaposed continuation such as `1/2a` has two readings."""
        part = self.factor()
        if self._starts_factor(self.peek()) and not self.peek() == "(":
            raise Unreadable("a slash is followed by a product without parentheses")
        if self.peek() == "(" and isinstance(part, Num):
            return part
        if self.peek() == "(":
            raise Unreadable("a slash is followed by a product without parentheses")
        return part

    def _starts_factor(self, token: str) -> bool:
        if not token or token in (")", "]", "}", r"\}", "+", "-", ",", "^", "_", "!", "'"):
            return False
        if token == "|":
            return self.bars == 0
        return (
            (token[0].isalnum() and token.isascii())
            or token in _OPEN
            or token in (r"\frac", r"\sqrt", r"\sum", r"\prod", r"\max", r"\min", r"\pi", r"\binom", r"\int", *_SIDES)
            or token in _TRIG
            or token[1:] in _GREEK
        )

    def factor(self) -> Expr:
        base = self.atom()
        if self.peek() == "^":
            self.take()
            exponent = self.exponent()
            check_power(base, exponent)
            base = power(base, exponent)
        if self.peek() == "^":
            raise Unreadable("two exponents in a row")  # TeX refuses them as well.
        if self.peek() in ("!", "'"):
            raise Unreadable("factorials and primes are not read")
        return base

    def exponent(self) -> Expr:
        token = self.peek()
        if token == "{":
            return self.group()
        if token[:1] in DIGITS and len(token) > 1:
            # `a^12` without braces raises to 1 and is followed by 2: nobody means that, but it is what TeX
            # prints.
            raise Unreadable("an exponent of several digits has no braces")
        if token in (r"\circ", r"\prime", "*"):
            raise Unreadable(f"the exponent {token} is not read")
        return self.atom()

    def group(self) -> Expr:
        opened = self.take()
        inside = self.sum()
        if self.peek() == r"\over":
            self.take()
            inside = div(inside, self.sum())
        self.take(_OPEN[opened])
        return inside

    def atom(self) -> Expr:
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            raise Unreadable(f"expressions nested more than {MAX_NESTING} deep are not read")
        value = self._atom()
        self.nesting -= 1
        return value

    def _atom(self) -> Expr:
        while self.peek() == "{" and self.peek(1) == "}":
            self.at += 2
        token = self.peek()
        if not token:
            raise Unreadable("an expression is missing at the end")
        if token[0] in DIGITS or (token[0] == "." and len(token) > 1):
            self.take()
            return Num(read_number(token))
        if token in ("(", "[", "{", r"\{"):
            return self.group()
        if token == "|":
            return self._absolute()
        if token == r"\frac":
            self.take()
            return div(self._argument(), self._argument())
        if token == r"\sqrt":
            return self._root()
        if token in (r"\sum", r"\prod"):
            return self._big(self.take())
        if token in (r"\max", r"\min"):
            return self._extremum(self.take()[1:])
        if token in _TRIG:
            return self._function(_TRIG[self.take()])
        if token == r"\int":
            return self._integral()
        if token in _SIDES and self.scope.sides:
            self.take()
            return self.scope.sides[_SIDES[token]]
        if token == r"\pi":
            self.take()
            return Fun("pi", ())
        if token == "T" and self.peek(1) == "[":
            return self._muirhead()
        if (token.isalpha() and token.isascii()) or token[1:] in _GREEK:
            return self._name()
        raise Unreadable(f"{token!r} is not read")

    def _argument(self) -> Expr:
        """The argument of a command: a group, or a single token (`\\frac12`)."""
        token = self.peek()
        if token == "{":
            return self.group()
        if token[:1] in DIGITS:
            self.take()
            if len(token) > 1:
                # TeX takes one digit; put the others back.
                self.tokens = [*self.tokens[: self.at], token[1:], *self.tokens[self.at :]]
            return num(token[0])
        return self.atom()

    def _absolute(self) -> Expr:
        self.take("|")
        self.bars += 1
        inside = self.sum()
        self.bars -= 1
        self.take("|")
        return Fun("abs", (inside,))

    def _root(self) -> Expr:
        self.take(r"\sqrt")
        degree: Expr = num(2)
        if self.peek() == "[":
            close = self._matching("[", "]")
            degree = parse_tokens(self.tokens[self.at + 1 : close], self.scope)
            self.at = close + 1
        inside = self._argument()
        if isinstance(degree, Num) and degree.value.denominator == 1 and degree.value >= 2:
            return root(inside, int(degree.value))
        return power(inside, div(num(1), degree))

    def _name(self) -> Expr:
        token = self.take()
        name = token[1:] if token.startswith("\\") else token
        if self.peek() == "_":
            self.take()
            name = f"{name}_{self._index()}"
        primes = self._primes() if name in self.scope.functions else 0
        if self.peek()[:1] == "'":
            raise Unreadable("primes are not read")
        called = name in self.scope.functions or (name in FUNCTION_NAMES and name not in self.scope.variables)
        if self.peek() == "(" and called:
            return self._call(name, primes)
        if primes:
            raise Unreadable("a derivative without its argument is not read")
        return Var(name)

    def _primes(self) -> int:
        """The number of primes that follow: `f''` or `f^{\\prime \\prime}`."""
        if self.peek()[:1] == "'":
            return len(self.take())
        ahead = self.tokens[self.at : self.at + 5]
        for spelled, count in _PRIMES.items():
            if tuple(ahead[: len(spelled)]) == spelled:
                self.at += len(spelled)
                return count
        return 0

    def _index(self) -> str:
        token = self.take()
        if token == "{":
            inside = []
            while self.peek() != "}":
                inside.append(self.take())
            self.take("}")
            token = "".join(inside)
        token = token.removeprefix("\\")
        if not re.fullmatch(r"[0-9]+|[A-Za-z]+", token):
            raise Unreadable(f"the index {token!r} is not read")
        if token in ("n", "i", "j", "k", "m"):
            raise Unreadable(f"the index {token!r} runs over a family")
        return token

    def _call(self, name: str, primes: int = 0) -> Expr:
        self.take("(")
        args = [self.sum()]
        while self.peek() == ",":
            self.take()
            args.append(self.sum())
        self.take(")")
        if name not in self.scope.functions:
            raise Unreadable(f"the function {name} is not defined")
        params, body = self.scope.functions[name]
        if len(params) != len(args):
            raise Unreadable(f"{name} takes {len(params)} arguments")
        if primes and len(params) > 1:
            raise Unreadable("a derivative of several variables is not read")
        for _ in range(primes):
            body = derivative(body, params[0])
        return substitute(body, dict(zip(params, args, strict=True)))

    def _extremum(self, name: str) -> Expr:
        opened = self.take()
        if opened not in ("(", r"\{", "{", "["):
            raise Unreadable(f"{name} needs its list")
        closed = _OPEN[opened]
        if opened == "{" and self.peek() == r"\{":
            self.take()
            closed = r"\}"
        args = [self.sum()]
        while self.peek() == ",":
            self.take()
            args.append(self.sum())
        self.take(closed)
        if opened == "{" and closed == r"\}":
            self.take("}")
        return Fun(name, tuple(args))

    def _function(self, name: str) -> Expr:
        exponent: Expr | None = None
        if self.peek() == "^":
            self.take()
            exponent = self.exponent()
            if exponent == num(-1):
                raise Unreadable("inverse functions are not read")
        if self.peek() in ("(", "{", "["):
            inside = self.group()
        else:
            parts = []
            while (
                self.peek()[:1] in DIGITS
                or self.peek() in (r"\frac", r"\pi")
                or (self.peek().isalpha() or self.peek()[1:] in _GREEK)
            ):
                parts.append(self.factor())
            if not parts:
                raise Unreadable(f"the argument of {name} is missing")
            inside = mul(*parts)
        value: Expr = Fun(name, (inside,))
        return value if exponent is None else power(value, exponent)


__all__ = ["Scope", "Unreadable", "parse_latex_expression", "parse_tokens", "tokenize", "variable_groups"]
