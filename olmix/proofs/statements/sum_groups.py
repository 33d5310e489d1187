"""Which groups of variables a bare sum sign runs over in a problem: the statement must not change when they are shifted."""

from __future__ import annotations

import numpy as np

from olmix.proofs.statements.expr import Var, substitute
from olmix.proofs.statements.numeric import compile_floats
from olmix.proofs.statements.statement import Statement
from olmix.proofs.statements.sums import variable_groups


def sum_groups(statement: Statement) -> tuple[tuple[str, ...], ...]:
    """The groups of variables that a bare sum sign runs over: the statement must not change under their shift."""
    groups = variable_groups(statement.variables)
    if _invariant(statement, groups):
        return groups
    names = groups[0] if len(groups) == 1 else statement.variables
    for left_out in names:
        rest = variable_groups(tuple(v for v in names if v != left_out))
        if len(names) > 2 and _invariant(statement, rest):
            return rest
    return groups


def _invariant(statement: Statement, groups: tuple[tuple[str, ...], ...]) -> bool:
    """Whether the claim is the same (numerically, at a few points) when every group is shifted by one."""
    by = {v: Var(g[(i + 1) % len(g)]) for g in groups for i, v in enumerate(g)}
    gap = statement.claim.gap()
    function = compile_floats([gap, substitute(gap, dict(by))], statement.variables)
    points = np.random.default_rng(0).uniform(1.1, 1.9, size=(6, len(statement.variables)))
    values = function(points)
    return bool(np.allclose(values[:, 0], values[:, 1], rtol=1e-9, equal_nan=True))
