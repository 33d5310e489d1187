"""Tasks back as statements, for the tools that read expression trees (sampling, falsifying)."""

from __future__ import annotations

from collections.abc import Sequence

from olmix.proofs.proving.algebra import Poly
from olmix.proofs.proving.tasks import Task, terms_of
from olmix.proofs.statements.expr import ZERO, Expr, Relation, Var, add, mul, num, power
from olmix.proofs.statements.statement import Statement


def poly_expr(poly: Poly, names: Sequence[str]) -> Expr:
    """A polynomial as an expression tree."""
    return add(
        *(mul(num(c), *(power(Var(n), e) for n, e in zip(names, x, strict=True) if e)) for x, c in terms_of(poly))
    )


def task_statement(task: Task) -> Statement:
    """The statement that a task makes."""
    claim = Relation(poly_expr(task.goal, task.names), ">" if task.strict else ">=", ZERO)
    constraints = [Relation(poly_expr(p, task.names), "=", ZERO) for p in task.equations]
    constraints += [Relation(poly_expr(p, task.names), ">" if s else ">=", ZERO) for p, s in task.inequalities]
    return Statement(claim, task.names, task.signs, tuple(constraints))
