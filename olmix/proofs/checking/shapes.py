"""What relations and expressions of a proof look like: the ends of a chain, points, numbers in a definition."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from olmix.proofs.statements.expr import Expr, Num, Pow, Relation, Var, children, num


def ends(relations: Sequence[Relation]) -> list[Relation]:
    """The relation between the ends of a chain: it is an equality only where all links are."""
    directions = {r.op[0] for r in relations if r.op not in ("=", "!=")}
    linked = all(a.right == b.left for a, b in itertools.pairwise(relations))
    if len(directions) == 1 and linked:
        return [Relation(relations[0].left, f"{directions.pop()}=", relations[-1].right)]
    return list(relations)


def is_point(relation: Relation) -> bool:
    """Whether a relation says where a variable is: `a = b`, `x = 1`."""
    return (
        relation.op == "="
        and bool(relation.variables())
        and all(isinstance(s, Var | Num) for s in (relation.left, relation.right))
    )


def has_numbers(expr: Expr) -> bool:
    """Whether numbers stand in an expression, other than signs and the exponents of quotients."""
    if isinstance(expr, Num):
        return abs(expr.value) != 1
    if isinstance(expr, Pow) and expr.exponent == num(-1):
        return has_numbers(expr.base)
    return any(has_numbers(part) for part in children(expr))
