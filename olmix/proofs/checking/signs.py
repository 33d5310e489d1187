"""Signs that can be seen in an expression as it is written, with the hypotheses as they stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from olmix.errors import UserError
from olmix.proofs.checking.forms import kinds_of, visibly_nonneg
from olmix.proofs.proving.algebra import System, Unsupported, build_system, known_sign
from olmix.proofs.statements.expr import Add, Expr, Mul, Num, Pow, Relation, add, mul, num
from olmix.proofs.statements.statement import Statement


def signed(expr: Expr, statement: Statement) -> bool:
    """Whether an expression is visibly non-negative: term by term, factor by factor.

    Factors without a visible sign may have one together, as in `(a**3 - 1)(a**2 - 1)`, or by the hypotheses, as `a - b`
    where `a >= b`; one sum alone may not.
    """
    domains = kinds_of(statement)
    if visibly_nonneg(expr, domains):
        return True
    if isinstance(expr, Add):
        rest = [t for t in expr.terms if isinstance(t, Num) or not signed(t, statement)]
        if all(isinstance(t, Num) and t.value >= 0 for t in rest):
            return True
        return _by_hypotheses([add(*rest)], statement) or (len(expr.terms) == 2 and _by_hypotheses([expr], statement))
    if not isinstance(expr, Mul):
        return False
    open_ = [f for factor in expr.factors for f in _above_and_below(factor) if not visibly_nonneg(f, domains)]
    if len(open_) == 1:
        return isinstance(open_[0], Add) and signed(open_[0], statement)
    if _by_hypotheses(open_, statement):
        return True
    try:
        system = build_system(statement.with_claim(Relation(mul(*open_), ">=", num(0))))
    except (Unsupported, UserError):
        return False
    return system.goal_op in (">=", ">") and known_sign(system.goal, system.signs) != ""


def _above_and_below(factor: Expr) -> Sequence[Expr]:
    """The factors of a denominator: where it is defined, each has the sign of its inverse."""
    if not isinstance(factor, Pow) or factor.exponent != num(-1):
        return (factor,)
    return factor.base.factors if isinstance(factor.base, Mul) else (factor.base,)


def _by_hypotheses(factors: Sequence[Expr], statement: Statement) -> bool:
    """Whether a product is non-negative because the hypotheses, read as they stand, give each factor its sign."""
    if not any(c.op not in ("=", "!=") for c in statement.constraints):
        return False
    sign = 1
    for factor in factors:
        try:
            system = build_system(statement.with_claim(Relation(factor, ">=", num(0))))
        except (Unsupported, UserError):
            return False
        if system.goal_op not in (">=", ">") or len(system.goal) > 3:
            return False
        constant, parts = system.goal.factor()
        sign *= 1 if constant > 0 else -1
        for part, times in parts:
            if times % 2:
                sign *= _sign_of(part, system)
    return sign > 0


def _sign_of(poly: Any, system: System) -> int:
    """1 or -1 where the signs of the variables, one hypothesis or the sum of two of them tell it, else 0."""
    given = [p for p, _ in system.inequalities]
    sums = [poly * 0, *given, *(p + q for i, p in enumerate(given) for q in given[:i])]
    for sign in (1, -1):
        if any(known_sign(sign * poly - s, system.signs) for s in sums):
            return sign
    from_bounds = _above_bounds(poly, system)
    if from_bounds is not None:
        for sign in (1, -1):
            if known_sign(sign * from_bounds, ("nonneg",) * len(system.signs)):
                return sign
    return 0


def _above_bounds(poly: Any, system: System) -> Any:
    """The polynomial in what variables have above their least values (`x = 1 + u` where `x >= 1`), all of them >= 0; or None."""
    least: dict[int, Any] = {}
    for given, _ in system.inequalities:
        terms = {tuple(map(int, x)): c for x, c in given.to_dict().items()}
        constant = terms.pop((0,) * len(system.names), 0)
        if len(terms) != 1:
            continue
        ((powers, slope),) = terms.items()
        if sum(powers) == 1 and slope > 0:
            least[powers.index(1)] = -constant / slope
    used = {i for x in poly.to_dict() for i, e in enumerate(x) if e}
    if not least or any(i not in least and system.signs[i] not in ("pos", "nonneg") for i in used):
        return None
    gens = poly.context().gens()
    return poly.compose(*(g + least[i] if i in least else g for i, g in enumerate(gens)))
