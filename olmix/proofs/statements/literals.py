"""What the readers of plain text and of LaTeX share: numbers, raised digits, and how much of everything they take.

Only the digits 0 to 9 make numbers: other scripts' digits are letters that nobody should guess about. The limits are far
beyond any inequality that people write; they keep a typing error or an attack from costing more than one sentence.
"""

from __future__ import annotations

import re
from fractions import Fraction

from olmix.proofs.statements.expr import Expr, Num, Pow, children, walk

#: Characters of one statement or formula.
MAX_LENGTH = 20_000
#: Digits of a number, written or computed.
MAX_DIGITS = 1000
MAX_EXPONENT = 512
#: How deep an expression may be nested, as a tree.
MAX_DEPTH = 150

DIGITS = frozenset("0123456789")
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_BITS = MAX_DIGITS * 10 // 3


class TooLarge(Exception):
    """The input goes beyond a limit; the message is the end of a sentence that says which."""


def raised_digits(text: str, opened: str, closed: str) -> str:
    """`x²` as a power: the raised digits between `^` + `opened` and `closed`."""
    return re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+", lambda found: f"^{opened}{found[0].translate(_RAISED)}{closed}", text)


def check_length(text: str) -> str:
    """The text itself; raises TooLarge where it is too long."""
    if len(text) > MAX_LENGTH:
        raise TooLarge(f"it has {len(text)} characters, and more than {MAX_LENGTH} are not read")
    return text


def read_number(digits: str) -> Fraction:
    """The number that ASCII digits (with a decimal point) spell."""
    if len(digits) > MAX_DIGITS:
        raise TooLarge(f"numbers of more than {MAX_DIGITS} digits are not read")
    return Fraction(digits)


def check_power(base: Expr, exponent: Expr) -> None:
    """Raises TooLarge where a power is out of reach, before anything is multiplied out."""
    if not isinstance(exponent, Num):
        return
    if abs(exponent.value) > MAX_EXPONENT:
        raise TooLarge(f"exponents above {MAX_EXPONENT} are not read")
    if isinstance(base, Num) and _bits(base.value) * abs(exponent.value) > _BITS:
        raise TooLarge(f"numbers of more than {MAX_DIGITS} digits are not read")


def _bits(value: Fraction) -> int:
    return max(abs(value.numerator).bit_length() - 1, value.denominator.bit_length() - 1)


def check_size(expr: Expr) -> Expr:
    """The expression itself; raises TooLarge where folding has made numbers, exponents or nesting too large."""
    for node in walk(expr):
        if isinstance(node, Num) and _bits(node.value) > _BITS:
            raise TooLarge(f"numbers of more than {MAX_DIGITS} digits are not read")
        if isinstance(node, Pow) and isinstance(node.exponent, Num) and abs(node.exponent.value) > MAX_EXPONENT:
            raise TooLarge(f"exponents above {MAX_EXPONENT} are not read")
    level: list[Expr] = [expr]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in children(node)]
        if not level:
            return expr
    raise TooLarge(f"expressions nested more than {MAX_DEPTH} deep are not read")
