"""The ends of a proof: five ways to see that a polynomial is non-negative, each checked exactly.

`coefficients`  every term is non-negative by itself.
`cones`         the non-negative orthant is cut into simplicial cones, on each of which (in the coordinates of
its rays) all
                coefficients are non-negative: successive difference substitution (Yang 2005) and its
                relatives.
`amgm`          negative terms are paid for by positive ones, each through weighted AM-GM.
`sos`           the goal (times a positive polynomial) is a sum of squares times hypotheses plus multiples of
equations, with
                a rational Gram matrix whose positive semidefiniteness is shown by exact LDLᵀ.
`z3`            z3 finds no solution of the negation; it is asked again whenever the certificate is checked.

Like the rules, the checks here are what soundness rests on. They search for nothing.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from olmix.proofs.proving.algebra import Poly, System, is_psd, make_context, rational
from olmix.proofs.proving.tasks import Params, RuleError, Task, is_nonneg, is_positive, read_poly, terms_of


def check_leaf(kind: str, task: Task, params: Params, until: float | None = None) -> None:
    """Returns where the leaf proves the task; raises RuleError where it does not.

    Raises TimeoutError where z3, which no certificate of ours replaces here, does not answer `until` then.
    """
    if kind not in LEAVES:
        raise RuleError(f"there is no leaf {kind!r}")
    try:
        if kind == "z3":
            _z3(task, params, until)
        else:
            LEAVES[kind](task, params)
    except (KeyError, IndexError, ValueError, TypeError, ZeroDivisionError) as error:
        raise RuleError(f"bad parameters for {kind}: {error}") from None


def _coefficients(task: Task, params: Params) -> None:
    if task.goal.is_zero() and not task.strict:
        return
    if not (is_positive(task.goal, task.signs) if task.strict else is_nonneg(task.goal, task.signs)):
        raise RuleError("a coefficient is negative")


# --- cones
# -----------------------------------------------------------------------------------------------------------


def orthant_form(task: Task) -> Poly:
    """The goal in the non-negative variables it uses, made homogeneous by one more where necessary (for
    `cones`).
    """
    used = task.used()
    if any(task.sign(name) == "real" for name in used):
        raise RuleError("a variable may be negative")
    places = [task.names.index(name) for name in used]
    total = task.goal.total_degree()
    terms = {tuple(int(x[i]) for i in places): c for x, c in task.goal.to_dict().items()}
    if all(sum(x) == total for x in terms):
        return make_context(tuple(f"y{i}" for i in range(len(used)))).from_dict(terms)
    context = make_context(tuple(f"y{i}" for i in range(len(used) + 1)))
    return context.from_dict({(*x, total - sum(x)): c for x, c in terms.items()})


def scaled(form: Poly, scale: Sequence[Any] | None) -> Poly:
    """The form with every variable replaced by a positive multiple of itself."""
    if not scale:
        return form
    factors = [Fraction(s) for s in scale]
    if len(factors) != len(form.degrees()) or any(s <= 0 for s in factors):
        raise RuleError("one positive scale for each variable is needed")
    context = form.context()
    images = [g * rational(s) for g, s in zip(context.gens(), factors, strict=True)]
    return form.compose(*images, ctx=context)


def in_rays(form: Poly, rays: Sequence[Sequence[Fraction]]) -> Poly:
    """The form in the coordinates of a cone: every variable becomes the combination of the rays."""
    context = form.context()
    gens = context.gens()
    images = []
    for i in range(len(rays[0])):
        image = context.constant(0)
        for gen, ray in zip(gens, rays, strict=True):
            if ray[i]:
                image = image + gen * rational(ray[i])
        images.append(image)
    return form.compose(*images, ctx=context)


def unit_rays(size: int) -> list[list[Fraction]]:
    """The rays of the orthant itself."""
    return [[Fraction(int(i == j)) for j in range(size)] for i in range(size)]


def barycentric(rays: Sequence[Sequence[Fraction]], point: Sequence[Fraction]) -> list[Fraction]:
    """The coordinates of a point in terms of linearly independent rays; raises RuleError where there are
    none.
    """
    size = len(rays)
    rows = [[rays[j][i] for j in range(size)] + [point[i]] for i in range(size)]
    for k in range(size):
        pivot = next((i for i in range(k, size) if rows[i][k]), None)
        if pivot is None:
            raise RuleError("the rays are dependent")
        rows[k], rows[pivot] = rows[pivot], rows[k]
        rows[k] = [x / rows[k][k] for x in rows[k]]
        for i in range(size):
            if i != k and rows[i][k]:
                rows[i] = [x - rows[i][k] * y for x, y in zip(rows[i], rows[k], strict=True)]
    return [row[size] for row in rows]


def split_cone(rays: Sequence[Sequence[Fraction]], point: Sequence[Fraction]) -> list[list[list[Fraction]]]:
    """The star subdivision of a cone at a point inside it: one cone for each ray that the point replaces."""
    weights = barycentric(rays, point)
    if any(w < 0 for w in weights) or sum(w > 0 for w in weights) < 2:
        raise RuleError("the point does not divide the cone")
    return [
        [list(point) if j == i else list(ray) for j, ray in enumerate(rays)] for i, w in enumerate(weights) if w > 0
    ]


def same_under(form: Poly, permutation: Sequence[int]) -> bool:
    """Whether renaming variable i to permutation[i] leaves the form as it is."""
    terms = form.to_dict()
    for x, c in terms.items():
        moved = [0] * len(x)
        for i, e in enumerate(x):
            moved[permutation[i]] = e
        if terms.get(tuple(moved)) != c:
            return False
    return True


def _cones(task: Task, params: Params) -> None:
    """`chambers`: the orderings that are shown, the others following by symmetry; `trees`: where each cone is
    cut.

    `scale` (optional) first replaces every variable by a positive multiple of itself.
    """
    form = scaled(orthant_form(task), params.get("scale"))
    size = len(form.degrees())
    if task.strict and any(task.sign(name) != "pos" for name in task.used()):
        raise RuleError("a strict claim by cones needs positive variables")
    start: list[list[list[Fraction]]]
    if params.get("chambers"):
        chambers = [tuple(int(i) for i in c) for c in params["chambers"]]
        _check_chambers(form, chambers)
        start = [chamber_rays(c) for c in chambers]
    else:
        start = [unit_rays(size)]
    trees = params["trees"]
    if len(trees) != len(start):
        raise RuleError("one tree for each chamber is needed")
    for rays, tree in zip(start, trees, strict=True):
        stack = [(rays, tree)]
        while stack:
            cone, node = stack.pop()
            if node is None:
                here = in_rays(form, cone)
                if any(c < 0 for c in here.coeffs()):
                    raise RuleError("a coefficient is negative on a cone")
                if task.strict and not positive_inside(here, cone):
                    raise RuleError("the goal may vanish inside, but the claim is strict")
                continue
            point = [Fraction(x) for x in node["at"]]
            parts = split_cone(cone, point)
            if len(parts) != len(node["parts"]):
                raise RuleError("a cut has another number of parts")
            stack.extend(zip(parts, node["parts"], strict=True))


def positive_inside(here: Poly, rays: Sequence[Sequence[Fraction]]) -> bool:
    """Whether a form with non-negative coefficients on a cone is positive where the cone meets the open
    orthant.

    Every face of the cone that enters the open orthant must carry a term of the form.
    """
    import itertools

    supports = [frozenset(i for i, e in enumerate(x) if e) for x in here.to_dict()]
    for size in range(1, len(rays) + 1):
        for face in itertools.combinations(range(len(rays)), size):
            if all(any(rays[k][i] for k in face) for i in range(len(rays))):
                inside = frozenset(face)
                if not any(support <= inside for support in supports):
                    return False
    return True


def chamber_rays(order: Sequence[int]) -> list[list[Fraction]]:
    """The cone x[order[0]] >= x[order[1]] >= ... >= 0, by its rays (each with coordinates that sum to 1)."""
    size = len(order)
    return [[Fraction(int(i in order[: k + 1]), k + 1) for i in range(size)] for k in range(size)]


def _check_chambers(form: Poly, chambers: Sequence[Sequence[int]]) -> None:
    """Every ordering of the variables is one of the chambers up to a symmetry of the form."""
    import itertools

    size = len(form.degrees())
    symmetries = [p for p in itertools.permutations(range(size)) if same_under(form, p)]
    covered = {tuple(p[i] for i in chamber) for chamber in chambers for p in symmetries}
    if any(sorted(c) != list(range(size)) for c in chambers) or len(covered) != _factorial(size):
        raise RuleError("the chambers do not cover every ordering")


def _factorial(n: int) -> int:
    return 1 if n < 2 else n * _factorial(n - 1)


# --- weighted AM-GM
# --------------------------------------------------------------------------------------------------


def _amgm(task: Task, params: Params) -> None:
    """`steps`: for each negative term, weights on positive terms; `scale`: the point where equality holds, by
    variable.

    With x = scale * y, the negative term -n y**m is covered by sum of w_i y**e_i where sum w_i = n and sum
    w_i e_i = n m, because weighted AM-GM gives sum (w_i/n) y**e_i >= y**m. The weights taken from a positive
    term never exceed its coefficient.
    """
    used = [i for i, d in enumerate(task.goal.degrees()) if d]
    if any(task.signs[i] == "real" for i in used):
        raise RuleError("a variable may be negative")
    scale = [Fraction(s) for s in params["scale"]]
    if len(scale) != len(task.names) or any(s <= 0 for s in scale):
        raise RuleError("one positive scale for each variable is needed")
    have: dict[tuple[int, ...], Fraction] = {}
    for x, c in terms_of(task.goal):
        for s, e in zip(scale, x, strict=True):
            c *= s**e
        have[x] = c
    for step in params["steps"]:
        target = tuple(int(e) for e in step["term"])
        weights = [(tuple(int(e) for e in x), Fraction(w)) for x, w in step["by"]]
        total = sum((w for _, w in weights), Fraction(0))
        if any(w < 0 for _, w in weights) or total <= 0:
            raise RuleError("weights must be positive")
        for i in range(len(target)):
            if sum((w * x[i] for x, w in weights), Fraction(0)) != total * target[i]:
                raise RuleError("the weights do not average to the term")
        have[target] = have.get(target, Fraction(0)) + total
        for x, w in weights:
            have[x] = have.get(x, Fraction(0)) - w
    if any(c < 0 for c in have.values()):
        raise RuleError("something negative is left over")
    if task.strict:
        context = task.context
        rest = context.from_dict({x: rational(c) for x, c in have.items() if c})
        if not is_positive(rest, task.signs):
            raise RuleError("nothing positive is left over, but the claim is strict")


# --- sums of squares
# -------------------------------------------------------------------------------------------------


def _sos(task: Task, params: Params) -> None:
    """multiplier * goal = sum over blocks of (product of hypotheses) * zᵀQz + sum of (polynomial * equation).

    `multiplier`: terms of a polynomial known to be positive (or non-negative and non-zero, for claims with
    >=, if `dense`: the goal is then non-negative where the multiplier is not zero, and everywhere by
    continuity, because there are no equations). Each block: `weight` (the terms' variables and inequality
    indices), `basis` (exponents), `gram`.
    """
    multiplier = read_poly(task, params["multiplier"])
    if not is_positive(multiplier, task.signs):
        dense = not task.equations and not task.inequalities and not task.strict and not multiplier.is_zero()
        if not (dense and is_nonneg(multiplier, task.signs)):
            raise RuleError("the multiplier is not known to be positive")
    total = task.context.constant(0)
    for block in params["blocks"]:
        total = total + block_value(task, block)
    for index, terms in params.get("equations", ()):
        total = total + read_poly(task, terms) * task.equations[int(index)]
    rest = multiplier * task.goal - total
    if task.strict:
        if not is_positive(rest, task.signs):
            raise RuleError("nothing positive is left over, but the claim is strict")
    elif not is_nonneg(rest, task.signs):
        raise RuleError("the squares do not add up to the goal")


def block_value(task: Task, block: Params) -> Poly:
    """The product of the block's hypotheses times zᵀQz; raises RuleError where Q is not positive semidefinite."""
    gram = [[Fraction(v) for v in row] for row in block["gram"]]
    basis = [tuple(int(e) for e in x) for x in block["basis"]]
    if len(gram) != len(basis) or any(len(row) != len(basis) for row in gram):
        raise RuleError("a Gram matrix has the wrong size")
    if any(gram[i][j] != gram[j][i] for i in range(len(gram)) for j in range(i)) or not is_psd(gram):
        raise RuleError("a Gram matrix is not positive semidefinite")
    terms: dict[tuple[int, ...], Fraction] = {}
    for i, row in enumerate(gram):
        for j, value in enumerate(row):
            if value:
                x = tuple(p + q for p, q in zip(basis[i], basis[j], strict=True))
                terms[x] = terms.get(x, Fraction(0)) + value
    value = task.context.from_dict({x: rational(c) for x, c in terms.items() if c})
    for name in block["weight"].get("variables", ()):
        if task.sign(name) == "real":
            raise RuleError(f"{name} may be negative")
        value = value * task.gen(name)
    for index in block["weight"].get("inequalities", ()):
        value = value * task.inequalities[int(index)][0]
    return value


# --- z3
# --------------------------------------------------------------------------------------------------------------


def as_system(task: Task) -> System:
    """The task in the form that `z3_prover` reads."""
    return System(
        context=task.context,
        names=task.names,
        signs=task.signs,
        equations=task.equations,
        inequalities=task.inequalities,
        nonzero=task.nonzero,
        goal=task.goal,
        goal_op=">" if task.strict else ">=",
        powers={},
        auxiliary={},
    )


#: z3 has this long where nobody says until when.
_Z3_SECONDS = 60.0


def _z3(task: Task, params: Params, until: float | None = None) -> None:
    from olmix.proofs.proving.z3_prover import ask_z3

    seconds = _Z3_SECONDS if until is None else until - time.monotonic()
    answer = ask_z3(as_system(task), int(params["rlimit"]), seconds)
    if answer.answer == "killed":
        raise TimeoutError(answer.detail)
    if answer.answer != "unsat":
        raise RuleError(f"z3 says {answer.answer} {answer.detail}")


LEAVES = {"coefficients": _coefficients, "cones": _cones, "amgm": _amgm, "sos": _sos, "z3": _z3}
