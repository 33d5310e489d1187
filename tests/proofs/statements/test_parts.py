"""Claims that are several at once: the parts say together what the claim says, at every point."""

import itertools

import numpy as np
import pytest

from olmix.proofs.statements.numeric import compile_floats
from olmix.proofs.statements.parts import split_claim
from olmix.proofs.statements.statement import parse_text

#: Small whole numbers, at which floats are exact.
POINTS = np.array(list(itertools.product((-2, -1, 0, 1, 3, 4), repeat=3)), dtype=float)


def holds(relation):
    gap = compile_floats([relation.gap()], ("a", "b", "c"))(POINTS)[:, 0]
    return gap > 0 if relation.op in ("<", ">") else gap >= 0


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("abs(a) <= b", 2),
        ("b > 2*abs(a-c)", 2),
        ("max(a,b,c) <= 2", 3),
        ("min(a,2*b) >= c", 2),
        ("3*min(a,b) - abs(c) > -4", 4),
        ("abs(a) <= max(b,c) - abs(b)", 4),
        ("a <= -max(b,c)", 2),
        # One of several, not all of them; and what is no sum of such terms.
        ("max(a,b) >= c", 1),
        ("abs(a) >= b", 1),
        ("abs(a) = b", 1),
        ("abs(a)*abs(b) <= 2", 1),
        ("abs(a)^3 <= 1", 1),
    ],
)
def test_the_parts_say_what_the_claim_says(text, count):
    statement = parse_text(text)
    parts = split_claim(statement)
    assert len(parts) == count
    if statement.claim.op != "=":
        assert (np.all([holds(part.claim) for part in parts], axis=0) == holds(statement.claim)).all()


def test_too_many_parts_stay_one():
    wide = "+".join(f"abs(x{i})" for i in range(30))
    assert len(split_claim(parse_text(f"{wide} <= 1"))) == 1
