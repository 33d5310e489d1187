"""The rules of proof: each turns a task into tasks that together imply it.

This is the part that has to be right (with `algebra.py` and `leaves.py`): a rule checks its own side
conditions and raises `RuleError` where they fail, so that a certificate can only ever lead to true
statements, whatever search has produced it. A rule is a function of the task and of small plain parameters,
which is what a certificate stores.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from olmix.proofs.proving import changes, means
from olmix.proofs.proving.algebra import Poly
from olmix.proofs.proving.tangents import tangent
from olmix.proofs.proving.tasks import (
    Params,
    RuleError,
    Task,
    coefficients_in,
    components,
    is_nonneg,
    is_positive,
    read_poly,
    restrict,
)


def apply_rule(name: str, task: Task, params: Params) -> list[Task]:
    """The tasks that together imply `task` by the rule; raises RuleError where the rule does not apply."""
    if name not in RULES:
        raise RuleError(f"there is no rule {name!r}")
    try:
        return RULES[name](task, params)
    except (KeyError, IndexError, ValueError, TypeError, ZeroDivisionError) as error:
        raise RuleError(f"bad parameters for {name}: {error}") from None


def _product(task: Task, params: Params) -> list[Task]:
    """A product is non-negative when its factors are, up to an even number of sign changes.

    `signs`: for each factor of odd multiplicity, in the order of the factorisation, +1 or -1. Even powers are
    dropped.
    """
    constant, factors = task.goal.factor()
    odd = [(f, int(e)) for f, e in factors if e % 2]
    signs = list(params["signs"])
    if len(signs) != len(odd) or any(s not in (1, -1) for s in signs):
        raise RuleError("one sign for each odd factor is needed")
    overall = 1 if constant > 0 else -1
    for s in signs:
        overall *= s
    if overall < 0:
        raise RuleError("the signs do not multiply to a non-negative goal")
    if task.strict:
        for f, e in factors:
            if e % 2 == 0 and not _is_nonzero(task, f):
                raise RuleError("an even factor may vanish, but the claim is strict")
    out = []
    for (factor, _), sign in zip(odd, signs, strict=True):
        signed = sign * factor
        if is_positive(signed, task.signs) or (not task.strict and is_nonneg(signed, task.signs)):
            continue
        if task.strict and is_nonneg(signed, task.signs) and _is_nonzero(task, factor):
            continue
        out.append(dataclasses.replace(task, goal=signed))
    return out


def _is_nonzero(task: Task, poly: Poly) -> bool:
    if is_positive(poly, task.signs) or is_positive(-poly, task.signs):
        return True
    lead = poly.leading_coefficient()
    return any(p / p.leading_coefficient() == poly / lead for p in task.nonzero if not p.is_zero())


def _homogenise(task: Task, params: Params) -> list[Task]:
    """On an equation P = V of two weighted-homogeneous parts with V > 0, every polynomial can be made
    homogeneous.

    Multiplying parts of the goal by P where others are multiplied by V changes nothing but a positive factor,
    point by point; the equation is then dropped. `equation`: its index; `weights`: one for each variable.
    """
    weights = [int(w) for w in params["weights"]]
    index = int(params["equation"])
    parts = components(task.equations[index], weights)
    if len(parts) != 2:
        raise RuleError("the equation has not two homogeneous parts")
    low, high = sorted(parts)
    p, v = parts[high], -parts[low]
    if not is_positive(p, task.signs) and not is_positive(v, task.signs):
        p, v = -p, -v
        if not is_positive(p, task.signs) and not is_positive(v, task.signs):
            raise RuleError("neither side of the equation is known to be positive")
    step = high - low

    def lift(poly: Poly) -> Poly | None:
        pieces = components(poly, weights)
        if not pieces:
            return poly
        top = max(pieces)
        if any((top - d) % step for d in pieces):
            return None
        most = max((top - d) // step for d in pieces)
        total = task.context.constant(0)
        for degree, piece in pieces.items():
            times = (top - degree) // step
            total = total + piece * p**times * v ** (most - times)
        return total

    goal = lift(task.goal)
    if goal is None:
        raise RuleError("the degrees of the goal do not fit the equation")
    equations = [lift(e) for i, e in enumerate(task.equations) if i != index]
    lifted = [(lift(q), strict) for q, strict in task.inequalities]
    nonzero = [lift(q) for q in task.nonzero]
    return [
        restrict(
            task,
            goal,
            equations=tuple(e for e in equations if e is not None),
            inequalities=tuple((q, s) for q, s in lifted if q is not None),
            nonzero=tuple(q for q in nonzero if q is not None),
        )
    ]


def _reduce_equation(task: Task, params: Params) -> list[Task]:
    """An equation loses the factors that are known not to vanish."""
    index = int(params["equation"])
    _constant, factors = task.equations[index].factor()
    rest = [f for f, _ in factors if not _is_nonzero(task, f)]
    if len(rest) != 1:
        raise RuleError("the equation does not reduce to one factor")
    equations = list(task.equations)
    equations[index] = rest[0]
    return [dataclasses.replace(task, equations=tuple(equations))]


def _forget(task: Task, params: Params) -> list[Task]:
    """Hypotheses may be left unused. `equations`, `inequalities`: the indices to drop; `signs`: variables set
    real.
    """
    equations = tuple(e for i, e in enumerate(task.equations) if i not in params.get("equations", ()))
    inequalities = tuple(q for i, q in enumerate(task.inequalities) if i not in params.get("inequalities", ()))
    return [restrict(task, task.goal, equations=equations, inequalities=inequalities)]


def _interior(task: Task, params: Params) -> list[Task]:
    """Variables that may be zero need only be looked at where they are positive: the claim carries over by continuity.

    For a claim with >=, without constraints: every equation defines an even root of something that is non-negative
    whatever the variables are, so the roots are continuous and defined at all points nearby.
    """
    signs = tuple(
        "pos" if s == "nonneg" and not n.endswith("_") else s for n, s in zip(task.names, task.signs, strict=True)
    )
    if task.strict or task.inequalities or signs == task.signs:
        raise RuleError("only claims with >= carry over to where variables are zero")
    defined: set[int] = {at for at, name in enumerate(task.names) if not name.endswith("_")}
    for equation in task.equations:
        fresh = [at for at, d in enumerate(equation.degrees()) if d and at not in defined]
        parts = coefficients_in(equation, fresh[0]) if len(fresh) == 1 else {}
        powers = [q for q in parts if q]
        if len(powers) != 1 or 0 not in parts or task.signs[fresh[0]] == "real":
            raise RuleError("an equation does not just define a root")
        bottom, top = parts[powers[0]], -parts[0]
        if not (is_positive(bottom, signs) and is_nonneg(top, signs)):
            raise RuleError("what is under a root may be negative")
        if not all(_is_nonzero(task, factor) for factor, _ in bottom.factor()[1]):
            raise RuleError("a root may be undefined where a variable is zero")
        defined.add(fresh[0])
    if len(defined) != len(task.names):
        raise RuleError("a root is not defined")
    return [dataclasses.replace(task, signs=signs)]


def _split_in(task: Task, params: Params) -> list[Task]:
    """A polynomial in a non-negative variable is non-negative when all its coefficients are."""
    name = str(params["variable"])
    if task.sign(name) == "real":
        raise RuleError(f"{name} may be negative")
    pieces = coefficients_in(task.goal, task.names.index(name))
    out = []
    for power, piece in sorted(pieces.items()):
        strict = task.strict and power == 0
        if not (is_positive(piece, task.signs) if strict else is_nonneg(piece, task.signs)):
            out.append(restrict(task, piece, strict=strict))
    if task.strict and 0 not in pieces:
        raise RuleError("the claim is strict and the constant part is zero")
    return out


def _radical(task: Task, params: Params) -> list[Task]:
    """A claim A + B u >= 0 about a root u loses the root.

    `equation`: D u**q = X, with D > 0. For odd q: A + Bu and A**q + B**q u**q have the same sign. For q = 2
    by `mode`: `below` shows A >= 0 and A**2 D >= B**2 X; `above` shows B >= 0 and B**2 X >= A**2 D (the last
    where A <= 0).
    """
    index, name, mode = int(params["equation"]), str(params["variable"]), str(params["mode"])
    at = task.names.index(name)
    parts = coefficients_in(task.equations[index], at)
    q = max(parts)
    if set(parts) != {0, q} or q < 2:
        raise RuleError("the equation defines no root")
    d, x = parts[q], -parts[0]
    if is_positive(-d, task.signs):
        d, x = -d, -x
    if not is_positive(d, task.signs):
        raise RuleError("the denominator under the root is not known to be positive")
    goal = _reduce_powers(task, at, q, d, x)
    pieces = coefficients_in(goal, at)
    if not set(pieces) <= {0, 1}:
        raise RuleError(f"the claim is not linear in {name}")
    zero = task.context.constant(0)
    a, b = pieces.get(0, zero), pieces.get(1, zero)
    if q % 2:
        return [restrict(task, a**q * d + b**q * x)]
    if q != 2 or task.sign(name) == "real":
        raise RuleError("only square roots and odd roots are taken away")
    if mode == "below":
        return [dataclasses.replace(task, goal=a), restrict(task, a * a * d - b * b * x)]
    if mode == "above":
        # Where A > 0 the claim follows from B >= 0 (strictly, too).
        given = (*task.inequalities, (-a, False))
        return [
            dataclasses.replace(task, goal=b, strict=False),
            restrict(task, b * b * x - a * a * d, inequalities=given),
        ]
    raise RuleError(f"there is no mode {mode!r}")


def _reduce_powers(task: Task, at: int, q: int, d: Poly, x: Poly) -> Poly:
    """The goal times a power of d, with u**q replaced by x/d."""
    pieces = coefficients_in(task.goal, at)
    most = max(pieces, default=0) // q
    u = task.context.gens()[at]
    total = task.context.constant(0)
    for power, piece in pieces.items():
        total = total + piece * u ** (power % q) * x ** (power // q) * d ** (most - power // q)
    return total


def _cut(task: Task, params: Params) -> list[Task]:
    """A lemma: first show the polynomial to be non-negative, then use it. `poly`: its terms [[exponents,
    coefficient]].
    """
    poly = read_poly(task, params["poly"])
    strict = bool(params.get("strict", False))
    return [
        dataclasses.replace(task, goal=poly, strict=strict),
        dataclasses.replace(task, inequalities=(*task.inequalities, (poly, strict))),
    ]


def _times(task: Task, params: Params) -> list[Task]:
    """The goal may be multiplied by a positive polynomial. `poly`: its terms."""
    poly = read_poly(task, params["poly"])
    if not is_positive(poly, task.signs):
        raise RuleError("the multiplier is not known to be positive")
    return [dataclasses.replace(task, goal=task.goal * poly)]


RULES: dict[str, Callable[[Task, Params], list[Task]]] = {
    "product": _product,
    "homogenise": _homogenise,
    "introduce": changes.introduce,
    "power": changes.power,
    "reduce_equation": _reduce_equation,
    "forget": _forget,
    "interior": _interior,
    "linear": changes.linear,
    "interval": changes.interval,
    "solve": changes.solve,
    "slack": changes.slack,
    "ratios": changes.ratios,
    "split_in": _split_in,
    "radical": _radical,
    "by_sign": changes.by_sign,
    "tangent": tangent,
    "tangents": means.tangents,
    "means": means.means,
    "cut": _cut,
    "times": _times,
}
