"""Rules of proof that change the variables of a task (see `rules.py` for what a rule is).

Each substitution must reach every point that satisfies the hypotheses; that, and the sign of every
denominator it brings, is what these rules check.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from olmix.proofs.proving.algebra import Poly, make_context, rational
from olmix.proofs.proving.tasks import (
    Params,
    RuleError,
    Task,
    carried,
    coefficients_in,
    constant_poly,
    is_nonneg,
    is_positive,
    move,
    restrict,
    substitute_fraction,
)


def introduce(task: Task, params: Params) -> list[Task]:
    """A new positive variable that stands for 1 makes everything homogeneous; the claim becomes more
    general.
    """
    name, weights = str(params["name"]), [int(w) for w in params["weights"]]
    if name in task.names:
        raise RuleError(f"{name} is taken")
    names = (*task.names, name)
    context = make_context(names)

    def lift(poly: Poly) -> Poly:
        degrees = {x: sum(int(e) * w for e, w in zip(x, weights, strict=True)) for x in poly.to_dict()}
        top = max(degrees.values(), default=0)
        return context.from_dict({(*x, top - degrees[x]): c for x, c in poly.to_dict().items()})

    return [carried(task, lift, context=context, names=names, signs=(*task.signs, "pos"))]


def _change(
    task: Task,
    images: Mapping[str, tuple[Poly, Poly]],
    names: tuple[str, ...],
    context: Any,
    signs: tuple[str, ...],
    extra: list[tuple[Poly, bool]],
    skip: frozenset[int] = frozenset(),
) -> Task:
    """Substitutes fractions with positive denominators everywhere; `skip` are inequalities that became
    trivial.
    """
    for _, bottom in images.values():
        if not is_positive(bottom, signs):
            raise RuleError("a denominator of the substitution is not known to be positive")

    def put(poly: Poly) -> Poly:
        return substitute_fraction(poly, images, task.names, context, names)[0]

    kept = [(put(p), s) for i, (p, s) in enumerate(task.inequalities) if i not in skip]
    changed = Task(
        context=context,
        names=names,
        signs=signs,
        goal=put(task.goal),
        strict=task.strict,
        equations=tuple(put(p) for p in task.equations),
        inequalities=tuple((p, s) for p, s in (*kept, *extra) if not _says_nothing(p, s, signs)),
        nonzero=tuple(put(p) for p in task.nonzero),
    )
    return restrict(changed, changed.goal)


def _says_nothing(poly: Poly, strict: bool, signs: tuple[str, ...]) -> bool:
    return is_positive(poly, signs) if strict else is_nonneg(poly, signs)


def power(task: Task, params: Params) -> list[Task]:
    """A non-negative variable is the k-th power of a non-negative variable. `powers`: {variable: k}."""
    powers = {str(name): int(k) for name, k in params["powers"].items()}
    for name, k in powers.items():
        if task.sign(name) == "real" or k < 1:
            raise RuleError(f"{name} may be negative")
    images = {n: (task.gen(n) ** k, task.context.constant(1)) for n, k in powers.items()}
    return [_change(task, images, task.names, task.context, task.signs, [])]


def linear(task: Task, params: Params) -> list[Task]:
    """New non-negative variables for linear forms that are known to be non-negative.

    `forms`: {new name: {old name or "": coefficient}}, as many as there are old variables in `replaced`. Each
    form must be a positive multiple of an inequality of the task, or a single old variable.
    """
    forms = {str(n): {str(k): Fraction(v) for k, v in f.items()} for n, f in params["forms"].items()}
    old = sorted({k for f in forms.values() for k in f if k}, key=task.names.index)
    if len(old) != len(forms) or any(n in task.names and n not in old for n in forms):
        raise RuleError("as many forms as variables are needed")
    new_signs: dict[str, str] = {}
    spent: set[int] = set()
    for new, form in forms.items():
        poly = sum(
            (
                task.gen(k) * constant_poly(task.context, c) if k else constant_poly(task.context, c)
                for k, c in form.items()
            ),
            task.context.constant(0),
        )
        new_signs[new] = _sign_of_form(task, poly, spent)
    inverse = _invert([[forms[n].get(k, Fraction(0)) for k in old] for n in forms])
    kept = [n for n in task.names if n not in old]
    names = (*kept, *forms)
    signs = (*(task.sign(n) for n in kept), *(new_signs[n] for n in forms))
    context = make_context(names)
    gens = dict(zip(names, context.gens(), strict=True))
    images = {}
    for k, row in zip(old, inverse, strict=True):
        image = context.constant(0)
        for (new, form), c in zip(forms.items(), row, strict=True):
            image = image + (gens[new] - constant_poly(context, form.get("", Fraction(0)))) * constant_poly(context, c)
        images[k] = (image, context.constant(1))
    extra = [(images[k][0], task.sign(k) == "pos") for k in old if task.sign(k) != "real"]
    return [_change(task, images, names, context, signs, extra, frozenset(spent))]


def _sign_of_form(task: Task, poly: Poly, spent: set[int]) -> str:
    known = task.signs
    if is_positive(poly, known):
        return "pos"
    for i, (q, strict) in enumerate(task.inequalities):
        if _positive_multiple(poly, q):
            spent.add(i)
            return "pos" if strict else "nonneg"
    if is_nonneg(poly, known):
        return "nonneg"
    raise RuleError(f"{poly} is not known to be non-negative")


def _positive_multiple(p: Poly, q: Poly) -> bool:
    if p.is_zero() or q.is_zero():
        return False
    ratio = p.leading_coefficient() / q.leading_coefficient()
    return ratio > 0 and p == q * ratio


def _invert(matrix: list[list[Fraction]]) -> list[list[Fraction]]:
    size = len(matrix)
    rows = [[*row, *(Fraction(int(i == j)) for j in range(size))] for i, row in enumerate(matrix)]
    for k in range(size):
        pivot = next((i for i in range(k, size) if rows[i][k]), None)
        if pivot is None:
            raise RuleError("the forms are dependent")
        rows[k], rows[pivot] = rows[pivot], rows[k]
        rows[k] = [x / rows[k][k] for x in rows[k]]
        for i in range(size):
            if i != k and rows[i][k]:
                rows[i] = [x - rows[i][k] * y for x, y in zip(rows[i], rows[k], strict=True)]
    return [row[size:] for row in rows]


def interval(task: Task, params: Params) -> list[Task]:
    """A variable strictly below `high` and not below `low` is (low + high w)/(1 + w) with w >= 0.

    Where it may reach `high`: the claim there follows by continuity if it is not strict and the variable is bound by nothing
    but constants, because points with smaller values of it satisfy the hypotheses, too, as near as one likes.
    """
    name, low, high = str(params["variable"]), Fraction(params["low"]), Fraction(params["high"])
    v = task.gen(name)
    if not low < high:
        raise RuleError("the interval is empty")
    spent: set[int] = set()
    sign = "nonneg"
    if low != 0 or task.sign(name) == "real":
        sign = _sign_of_form(task, v - constant_poly(task.context, low), spent)
    elif task.sign(name) == "pos":
        sign = "pos"
    if _sign_of_form(task, constant_poly(task.context, high) - v, spent) != "pos" and not _reaches(task, name, high):
        raise RuleError("the upper end is not excluded")
    top = constant_poly(task.context, low) + constant_poly(task.context, high) * v
    signs = tuple(sign if n == name else s for n, s in zip(task.names, task.signs, strict=True))
    images = {name: (top, 1 + v)}
    extra = [(top, task.sign(name) == "pos")] if task.sign(name) != "real" else []
    return [_change(task, images, task.names, task.context, signs, extra, frozenset(spent))]


def ratios(task: Task, params: Params) -> list[Task]:
    """Positive variables with product r**n are r y1/y2, r y2/y3, ..., r yn/y1 with positive y, which take their names.

    `equation`: c times the product of n variables = c r**n; `order`: the variables; `ratio`: r.
    """
    index, order, ratio = int(params["equation"]), [str(n) for n in params["order"]], Fraction(params["ratio"])
    if len(order) < 2 or len(set(order)) != len(order) or ratio <= 0 or any(task.sign(n) != "pos" for n in order):
        raise RuleError("two or more positive variables are needed")
    product = task.context.constant(1)
    for name in order:
        product = product * task.gen(name)
    equation = task.equations[index]
    if equation / equation.leading_coefficient() != product - constant_poly(task.context, ratio ** len(order)):
        raise RuleError("the equation does not fix the product of the variables")
    images = {
        name: (task.gen(name) * constant_poly(task.context, ratio), task.gen(after))
        for name, after in zip(order, [*order[1:], order[0]], strict=True)
    }
    others = dataclasses.replace(task, equations=tuple(e for i, e in enumerate(task.equations) if i != index))
    return [_change(others, images, task.names, task.context, task.signs, [])]


def _reaches(task: Task, name: str, high: Fraction) -> bool:
    """Whether a claim for all values of the variable below `high` implies it for `high` itself."""
    at = task.names.index(name)
    if task.strict or any(e.degrees()[at] for e in task.equations) or (task.sign(name) != "real" and high <= 0):
        return False
    for q, _ in task.inequalities:
        if not q.degrees()[at]:
            continue
        if q.total_degree() != 1 or sum(map(bool, q.degrees())) != 1:
            return False
        rising = coefficients_in(q, at)[1].leading_coefficient() > 0
        if rising and not q(*[rational(high if i == at else 0) for i in range(len(task.names))]) > 0:
            return False  # Nothing below `high` satisfies this bound.
    return True


def solve(task: Task, params: Params) -> list[Task]:
    """An equation A v**k + B = 0 with A > 0 replaces v**k by -B/A; v must occur only in powers of v**k.

    `keep_sign` (default true) keeps the sign of v as the hypothesis -B >= 0.
    """
    index, name, k = int(params["equation"]), str(params["variable"]), int(params.get("power", 1))
    at = task.names.index(name)
    parts = coefficients_in(task.equations[index], at)
    if set(parts) != {0, k}:
        raise RuleError(f"the equation is not linear in {name}**{k}")
    a, b = parts[k], parts[0]
    if is_positive(-a, task.signs):
        a, b = -a, -b
    if not is_positive(a, task.signs):
        raise RuleError("the coefficient is not known to be positive")
    others = [p for i, p in enumerate(task.equations) if i != index]
    polys = [task.goal, *others, *(p for p, _ in task.inequalities), *task.nonzero]
    if any(power % k for p in polys for power in coefficients_in(p, at)):
        raise RuleError(f"{name} occurs in a power that is no multiple of {k}")

    def put(poly: Poly) -> Poly:
        pieces = coefficients_in(poly, at)
        most = max(pieces, default=0) // k
        total = task.context.constant(0)
        for power, piece in pieces.items():
            total = total + piece * (-b) ** (power // k) * a ** (most - power // k)
        return total

    inequalities = [(put(p), s) for p, s in task.inequalities]
    if task.sign(name) != "real" or k % 2 == 0:
        inequalities.append((-b, task.sign(name) == "pos"))
    return [
        restrict(
            task,
            put(task.goal),
            equations=tuple(put(p) for p in others),
            inequalities=tuple((p, s) for p, s in inequalities if not _says_nothing(p, s, task.signs)),
            nonzero=tuple(put(p) for p in task.nonzero),
        )
    ]


def slack(task: Task, params: Params) -> list[Task]:
    """An inequality h >= 0 becomes an equation with a new non-negative variable w.

    Either h = w, or (`ratio`) A - B = w B, where A and -B are the positive and the negative terms of h and B
    > 0.
    """
    index, name = int(params["inequality"]), str(params["name"])
    if name in task.names:
        raise RuleError(f"{name} is taken")
    names = (*task.names, name)
    context = make_context(names)
    poly, strict = task.inequalities[index]

    def moved(p: Poly) -> Poly:
        return move(p, task.names, context, names)

    unit = context.constant(1)
    if params.get("ratio"):
        negative = task.context.from_dict({x: -c for x, c in poly.to_dict().items() if c < 0})
        if not is_positive(negative, task.signs):
            raise RuleError("the smaller side is not known to be positive")
        unit = moved(negative)
    return [
        Task(
            context=context,
            names=names,
            signs=(*task.signs, "pos" if strict else "nonneg"),
            goal=moved(task.goal),
            strict=task.strict,
            equations=(*(moved(p) for p in task.equations), moved(poly) - context.gens()[-1] * unit),
            inequalities=tuple((moved(p), s) for i, (p, s) in enumerate(task.inequalities) if i != index),
            nonzero=tuple(moved(p) for p in task.nonzero),
        )
    ]


def by_sign(task: Task, params: Params) -> list[Task]:
    """Real variables are positive or negative: one task for each choice, with non-negative variables."""
    names = [str(n) for n in params["variables"]]
    if not names or any(task.sign(n) != "real" for n in names):
        raise RuleError("only real variables have two signs")
    signs = tuple("nonneg" if n in names else s for n, s in zip(task.names, task.signs, strict=True))
    out: list[Task] = []
    seen = set()
    for choice in itertools.product((1, -1), repeat=len(names)):
        gens = [
            g * choice[names.index(n)] if n in names else g
            for n, g in zip(task.names, task.context.gens(), strict=True)
        ]

        def put(poly: Poly, gens: list[Poly] = gens) -> Poly:
            return poly.compose(*gens, ctx=task.context)

        part = carried(task, put, signs=signs)
        if part.describe() not in seen:
            seen.add(part.describe())
            out.append(part)
    return out
