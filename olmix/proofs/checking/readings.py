"""Relations that are wrong under every reading of the words around them, though no search by itself would say so.

A definition may contradict what is given; a point may lie outside it; an inequality may hold only because of equations that
were supposed for a while; what is announced inside a proof by contradiction may be the opposite of a theorem.
"""

from __future__ import annotations

from collections.abc import Sequence

from olmix.proofs.checking.equality import contradiction, holds_in_numbers, read_case
from olmix.proofs.checking.links import Context, check_relation
from olmix.proofs.checking.shapes import is_point
from olmix.proofs.statements.expr import Expr, Num, Relation, Var, variables_of
from olmix.proofs.statements.formulas import Chain


def excluded(relation: Relation, context: Context) -> bool:
    """Whether what is given proves that an equation never holds: `a + b + c = p = 2` where a + b + c = 1.

    Of the value of a single variable of the problem nothing is said: books look at limits of the domain.
    """
    free = [side for side in (relation.left, relation.right) if not isinstance(side, Num)]
    if relation.op != "=" or any(isinstance(s, Var) and s.name in context.statement.variables for s in free):
        return False
    return any(check_relation(Relation(relation.left, op, relation.right), context).status == "proved" for op in "<>")


def never_holds(relation: Relation, context: Context) -> bool:
    """Whether the opposite of an inequality is proved, and the inequality itself fails somewhere."""
    opposite = Relation(relation.right, "<=" if relation.op[0] == "<" else ">=", relation.left)
    return (
        check_relation(opposite, context).status == "proved" and check_relation(relation, context).status == "refuted"
    )


def misplaced(relations: Sequence[Relation], context: Context) -> str | None:
    """`The least value occurs when a = b = c, i.e. a = b = c = 2/3`: what excludes the point, exactly; or None."""
    if not relations or not all(map(is_point, relations)):
        return None
    given = [c for c in context.statement.constraints if c.op == "="]
    return contradiction([r.map(context.expand) for r in (*relations, *given)])


def agrees_in_own_letters(case: Sequence[Relation], shown: Sequence[Relation]) -> bool | None:
    """Whether the last inequality that can be looked at in the letters of a case is an equality there; None where none can.

    `shown` are the relations of the proof as they were written: with `A = a**2 + b**2` a relation `A >= 0` is one in a and b.
    """
    solved = read_case(case)
    if any(not isinstance(value, Num) for value in solved.by.values()):
        return None
    equal = [r for r in shown if r.op == "="]

    def spelled(expr: Expr) -> list[Expr]:
        found = [expr]
        for side in found:
            found += [
                o for r in equal for s, o in ((r.left, r.right), (r.right, r.left)) if s == side and o not in found
            ]
        return [e for e in found if set(variables_of(e)) <= set(solved.by)]

    for relation in reversed(shown):
        if relation.op in ("=", "!=") or not relation.variables():
            continue
        verdicts = [
            holds_in_numbers(Relation(solved.put(left), "=", solved.put(right)))
            for left in spelled(relation.left)
            for right in spelled(relation.right)
            if variables_of(left) or variables_of(right)
        ]
        if verdicts and None not in verdicts:
            return any(verdicts)
    return None


def only_at_points(relation: Relation, context: Context, paragraph: int, sentence: int) -> bool:
    """Whether an inequality holds only because equations were supposed in a paragraph before, which make it an equality.

    `Suppose a = b = c. Then ...` looks for the case of equality; a later paragraph that writes an inequality means all
    points. Without loss of generality no equations are supposed.
    """
    held = context.in_force(paragraph, sentence)
    points = [
        a.relation
        for a in context.assumptions
        if a.relation in held
        and is_point(a.relation)
        and a.paragraph != paragraph
        and set(a.relation.variables()) <= set(context.statement.variables)
    ]
    if not points or relation.op in ("=", "!=") or context.unread:
        return False
    turned = Relation(relation.right, relation.op, relation.left)
    if check_relation(turned, context, held).status not in ("proved", "unrefuted"):
        return False
    return check_relation(relation, context, [r for r in held if r not in points]).status == "refuted"


def asserted(chain: Chain, context: Context, given: Sequence[Relation]) -> bool:
    """`with four terms, A >= B = C`: of a chain with a proper inequality that holds all the rest is asserted as well."""
    if "=" not in chain.ops or not any(op[0] in "<>" for op in chain.ops):
        return False
    proper = [
        r for r in chain.relations() if r.op[0] in "<>" and not all(isinstance(s, Var | Num) for s in (r.left, r.right))
    ]
    return any(check_relation(r, context, given).status in ("proved", "unrefuted") for r in proper)
