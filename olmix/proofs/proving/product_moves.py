"""When to write positive variables with a given product as ratios: only the order of the variables is to be chosen.

One cyclic order and its mirror image; symmetric claims need no other, and cyclic ones are written in the order of their names.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from olmix.proofs.proving.tasks import Task, terms_of


def product_moves(task: Task) -> Iterator[tuple[str, dict[str, Any]]]:
    """Parameters for the rule `ratios`."""
    for index, equation in enumerate(task.equations):
        terms = sorted(terms_of(equation), key=lambda t: -sum(t[0]))
        if len(terms) != 2 or any(terms[1][0]) or max(terms[0][0]) > 1:
            continue
        order = [n for n, e in zip(task.names, terms[0][0], strict=True) if e]
        value = -terms[1][1] / terms[0][1]
        ratio = _root(value, len(order))
        if ratio is None or len(order) < 3 or any(task.sign(n) != "pos" or n.endswith("_") for n in order):
            continue
        for chosen in (order, order[::-1]):
            yield "ratios", {"equation": index, "order": chosen, "ratio": str(ratio)}


def _root(value: Fraction, n: int) -> Fraction | None:
    if value <= 0:
        return None
    rooted = Fraction(round(value.numerator ** (1 / n)), round(value.denominator ** (1 / n)) or 1)
    return rooted if rooted**n == value else None
