r"""The part of the LaTeX reader for big operators: sums, products, integrals of powers, and Muirhead's `T[4, 0, 0]`.

A sum without bounds, or with `cyc`, runs over the cyclic shifts of the variables in force, `sym` over all permutations;
with numbers as bounds it is written out.
"""

from __future__ import annotations

import abc
import re

from olmix.proofs.statements.calculus import integral
from olmix.proofs.statements.expr import Expr, add, mul, num
from olmix.proofs.statements.sums import Scope, Unreadable, cyclic, muirhead, symmetric


class BigOperators(abc.ABC):
    """Reads big operators; the rest of the reader (`latex._Reader`) supplies what stands inside them."""

    tokens: list[str]
    scope: Scope
    at: int

    def __init__(self, tokens: list[str], scope: Scope) -> None:
        self.tokens, self.scope, self.at = tokens, scope, 0

    def peek(self, ahead: int = 0) -> str:
        """The token that many places ahead, or nothing at the end."""
        return self.tokens[self.at + ahead] if self.at + ahead < len(self.tokens) else ""

    def take(self, wanted: str = "") -> str:
        """The next token, which must be the wanted one."""
        token = self.peek()
        if not token or (wanted and token != wanted):
            raise Unreadable(f"{wanted or 'something'!r} is missing {f'before {token!r}' if token else 'at the end'}")
        self.at += 1
        return token

    @abc.abstractmethod
    def sum(self) -> Expr:
        """A sum."""

    @abc.abstractmethod
    def product(self) -> Expr:
        """A product."""

    @abc.abstractmethod
    def exponent(self) -> Expr:
        """An exponent or a bound: a group or one token."""

    def whole(self) -> Expr:
        """All tokens as one expression."""
        expr = self.sum()
        if self.at < len(self.tokens):
            raise Unreadable(f"{self.tokens[self.at]!r} is left over")
        return expr

    def _matching(self, opened: str, closed: str) -> int:
        depth = 0
        for i in range(self.at, len(self.tokens)):
            depth += (self.tokens[i] == opened) - (self.tokens[i] == closed)
            if depth == 0:
                return i
        raise Unreadable(f"{closed!r} is missing")

    def _muirhead(self) -> Expr:
        """`T[4, 0, 0]`: the sum over all permutations of the variables with these exponents."""
        self.at += 2
        exponents = [self.sum()]
        while self.peek() == ",":
            self.take()
            exponents.append(self.sum())
        self.take("]")
        return add(*muirhead(exponents, self.scope))

    def _integral(self) -> Expr:
        """`\\int_a^b ... dt` of sums of powers."""
        self.take(r"\int")
        ends: dict[str, Expr] = {}
        while self.peek() in ("_", "^") and self.peek() not in ends:
            mark = self.take()
            ends[mark] = self.exponent()
        close = next(
            (i for i in range(self.at, len(self.tokens) - 1) if self.tokens[i] == "d" and self.tokens[i + 1].isalpha()),
            None,
        )
        if len(ends) < 2 or close is None or "d" in self.scope.variables:
            raise Unreadable("this integral is not read")
        inside, name = self.tokens[self.at : close], self.tokens[close + 1]
        if name in self.scope.variables:
            raise Unreadable("an integral over a variable of the problem is not read")
        self.at = close + 2
        return integral(type(self)(inside, self.scope).whole() if inside else num(1), name, ends["_"], ends["^"])

    def _big(self, command: str) -> Expr:
        """A sum or product: over numbers, or over the cyclic shifts or permutations of the variables in
        force.
        """
        lower = upper = None
        for _ in range(2):
            if self.peek() in ("_", "^"):
                mark = self.take()
                bound = self._raw_bound()
                lower, upper = (bound, upper) if mark == "_" else (lower, bound)
        body_start = self.at
        word = "".join(lower or []).replace("\\", "").replace("text", "").lower()
        combine = add if command == r"\sum" else mul
        if upper is None and (lower is None or word in ("cyc", "cyclic", "cycl", "{cyc}")):
            body = self._body()
            return combine(*cyclic(body, self.scope))
        if upper is None and word in ("sym", "symm", "symmetric", "{sym}"):
            body = self._body()
            return combine(*symmetric(body, self.scope))
        match = re.fullmatch(r"([a-z])=([0-9]{1,4})", "".join(lower or []))
        last = "".join(upper or [])
        if not match or not re.fullmatch("[0-9]{1,4}", last) or int(last) - int(match[2]) > 30:
            raise Unreadable("the bounds of a sum are not read")
        terms = []
        for k in range(int(match[2]), int(last) + 1):
            self.at = body_start
            saved = self.tokens
            self.tokens = _with_index(self.tokens, body_start, match[1], k)
            terms.append(self._body())
            end = self.at
            self.tokens = saved
            self.at = end
        return combine(*terms)

    def _raw_bound(self) -> list[str]:
        if self.peek() != "{":
            return [self.take()]
        close = self._matching("{", "}")
        inside = self.tokens[self.at + 1 : close]
        self.at = close + 1
        return inside

    def _body(self) -> Expr:
        """The term that a sum sign governs: the product that follows."""
        return self.product()


def _with_index(tokens: list[str], start: int, letter: str, value: int) -> list[str]:
    """The tokens with a running index replaced by its value, from `start` on (token counts stay the same)."""
    return [*tokens[:start], *(str(value) if t == letter else t for t in tokens[start:])]
