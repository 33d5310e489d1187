"""A task: polynomial hypotheses and one polynomial that is to be shown non-negative.

Everything that proves works on tasks; `rules.py` turns one task into simpler ones, `leaves.py` closes a task.
The helpers here are plain polynomial arithmetic on python-flint's exact multivariate polynomials.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from olmix.proofs.proving.algebra import Poly, System, known_sign, make_context, rational, to_fraction

#: The plain parameters of a rule or a leaf, as a certificate stores them.
Params = Mapping[str, Any]


class RuleError(Exception):
    """A rule or a leaf does not apply; the message says why."""


@dataclasses.dataclass(frozen=True)
class Task:
    """Show `goal >= 0` (`> 0` when strict) wherever the hypotheses hold.

    Hypotheses: each variable has its sign (`pos`, `nonneg`, `real`), each equation is 0, each inequality is
    `>= 0` (or `> 0` where flagged), each polynomial in `nonzero` is not 0.
    """

    context: Any
    names: tuple[str, ...]
    signs: tuple[str, ...]
    goal: Poly
    strict: bool = False
    equations: tuple[Poly, ...] = ()
    inequalities: tuple[tuple[Poly, bool], ...] = ()
    nonzero: tuple[Poly, ...] = ()

    def gen(self, name: str) -> Poly:
        """The variable as a polynomial."""
        return self.context.gens()[self.names.index(name)]

    def sign(self, name: str) -> str:
        """The sign of a variable."""
        return self.signs[self.names.index(name)]

    def hypotheses(self) -> list[Poly]:
        """Every polynomial in the hypotheses."""
        return [*self.equations, *(p for p, _ in self.inequalities)]

    def used(self) -> tuple[str, ...]:
        """The variables that the goal mentions."""
        return tuple(name for name, degree in zip(self.names, self.goal.degrees(), strict=True) if degree)

    def describe(self) -> str:
        """The goal and the hypotheses as text."""
        text = f"{self.goal} {'>' if self.strict else '>='} 0"
        given = [f"{p} = 0" for p in self.equations] + [f"{p} {'>' if s else '>='} 0" for p, s in self.inequalities]
        return f"{text} given {', '.join(given)}" if given else text


def start_tasks(system: System) -> list[Task]:
    """The tasks whose proof proves a statement: one, or two for an equality."""
    common = {
        "context": system.context,
        "names": system.names,
        "signs": system.signs,
        "equations": system.equations,
        "inequalities": system.inequalities,
        "nonzero": system.nonzero,
    }
    if system.goal_op == "=":
        return [Task(goal=goal, **common) for goal in (system.goal, -system.goal)]
    if system.goal_op not in (">=", ">"):
        raise ValueError("a claim with != has no polynomial form")
    return [Task(goal=system.goal, strict=system.goal_op == ">", **common)]


def constant_poly(context: Any, value: Fraction | int) -> Poly:
    """A constant."""
    return context.constant(rational(value))


def components(poly: Poly, weights: Sequence[int]) -> dict[int, Poly]:
    """The weighted-homogeneous parts by degree."""
    parts: dict[int, dict[tuple[int, ...], Any]] = {}
    for exponents, coefficient in poly.to_dict().items():
        degree = sum(int(e) * w for e, w in zip(exponents, weights, strict=True))
        parts.setdefault(degree, {})[exponents] = coefficient
    return {degree: poly.context().from_dict(terms) for degree, terms in parts.items()}


def coefficients_in(poly: Poly, place: int) -> dict[int, Poly]:
    """The coefficients of the powers of one variable (by index), as polynomials in the others."""
    parts: dict[int, dict[tuple[int, ...], Any]] = {}
    for exponents, coefficient in poly.to_dict().items():
        rest = (*exponents[:place], 0, *exponents[place + 1 :])
        parts.setdefault(int(exponents[place]), {})[rest] = coefficient
    return {power: poly.context().from_dict(terms) for power, terms in parts.items()}


def move(poly: Poly, names: Sequence[str], context: Any, new_names: Sequence[str]) -> Poly:
    """The same polynomial in a ring with other variables (those it uses must be there)."""
    place = [new_names.index(name) if name in new_names else -1 for name in names]
    terms = {}
    for exponents, coefficient in poly.to_dict().items():
        out = [0] * len(new_names)
        for exponent, at in zip(exponents, place, strict=True):
            if exponent:
                out[at] = exponent
                if at < 0:
                    raise ValueError("a variable is missing in the new ring")
        terms[tuple(out)] = coefficient
    return context.from_dict(terms)


def carried(task: Task, put: Callable[[Poly], Poly], **changes: Any) -> Task:
    """The task with `put` of each of its polynomials (and other changes)."""
    return dataclasses.replace(
        task,
        goal=put(task.goal),
        equations=tuple(put(p) for p in task.equations),
        inequalities=tuple((put(p), s) for p, s in task.inequalities),
        nonzero=tuple(put(p) for p in task.nonzero),
        **changes,
    )


def restrict(task: Task, goal: Poly, **changes: Any) -> Task:
    """The task with another goal (and other changes), without variables that nothing mentions any more."""
    task = dataclasses.replace(task, goal=goal, **changes)
    polys = [task.goal, *task.hypotheses(), *task.nonzero]
    degrees = [max(p.degrees()[i] for p in polys) for i in range(len(task.names))]
    keep = [i for i, degree in enumerate(degrees) if degree] or [0]
    if len(keep) == len(task.names):
        return task
    names = tuple(task.names[i] for i in keep)
    context = make_context(names)

    def moved(poly: Poly) -> Poly:
        return move(poly, task.names, context, names)

    return carried(task, moved, context=context, names=names, signs=tuple(task.signs[i] for i in keep))


def substitute_fraction(
    poly: Poly,
    images: Mapping[str, tuple[Poly, Poly]],
    names: Sequence[str],
    context: Any,
    new_names: Sequence[str],
) -> tuple[Poly, dict[int, int]]:
    """Replaces variables by fractions top/bottom in the new ring.

    Returns the numerator after multiplying by bottom**(degree of the variable) for every replaced variable,
    and those degrees by the variable's index in `names`.
    """
    degrees = poly.degrees()
    powers: dict[int, tuple[list[Poly], list[Poly]]] = {}
    plain: dict[int, Poly] = {}
    for i, name in enumerate(names):
        if name in images:
            top, bottom = images[name]
            tops, bottoms = [context.constant(1)], [context.constant(1)]
            for _ in range(int(degrees[i])):
                tops.append(tops[-1] * top)
                bottoms.append(bottoms[-1] * bottom)
            powers[i] = tops, bottoms
        elif degrees[i]:
            plain[i] = context.gens()[new_names.index(name)]
    total = context.constant(0)
    for exponents, coefficient in poly.to_dict().items():
        term = context.constant(coefficient)
        for i, exponent in enumerate(exponents):
            if i in powers:
                term = term * powers[i][0][exponent] * powers[i][1][int(degrees[i]) - exponent]
            elif exponent:
                term = term * plain[i] ** exponent
        total = total + term
    return total, {i: int(degrees[i]) for i in powers}


def is_nonneg(poly: Poly, signs: Sequence[str]) -> bool:
    """Whether the coefficients alone show the polynomial to be non-negative."""
    return poly.is_zero() or known_sign(poly, signs) != ""


def is_positive(poly: Poly, signs: Sequence[str]) -> bool:
    """Whether the coefficients alone show the polynomial to be positive."""
    return not poly.is_zero() and known_sign(poly, signs) == "pos"


def find_weights(task: Task, level: bool = False) -> tuple[int, ...] | None:
    """Whole weights that make the radicals' equations homogeneous, original variables weighing the same.

    An auxiliary variable is recognised by its name. None where no weights fit. A radical whose equation is not homogeneous
    gets what a constraint may lift it to: the weight of its highest terms, or (`level`) none.
    """
    weights: dict[int, Fraction] = {i: Fraction(1) for i, name in enumerate(task.names) if not name.endswith("_")}
    for equation in task.equations:
        own = [i for i, degree in enumerate(equation.degrees()) if degree]
        unknown = [i for i in own if i not in weights]
        if len(unknown) != 1:
            continue
        at = unknown[0]
        found: set[Fraction] = set()
        degrees: dict[int, set[Fraction]] = {}
        for exponents in equation.to_dict():
            rest = sum((weights[i] * int(e) for i, e in enumerate(exponents) if e and i != at), Fraction(0))
            degrees.setdefault(int(exponents[at]), set()).add(rest)
        if all(len(found_here) == 1 for found_here in degrees.values()) and 0 in degrees:
            base = next(iter(degrees[0]))
            found = {(base - next(iter(rest))) / power for power, rest in degrees.items() if power}
        elif 0 in degrees and len(degrees) == 2:
            # Not homogeneous by itself: a constraint may lift the lower terms to the highest.
            power = max(degrees)
            found = {Fraction(0) if level else (max(degrees[0]) - max(degrees[power])) / power}
        if len(found) == 1:
            weights[at] = found.pop()
    if len(weights) != len(task.names):
        # What is bound by no homogeneous equation keeps the weight of a variable.
        for i in range(len(task.names)):
            weights.setdefault(i, Fraction(1))
    import math

    scale = math.lcm(*(w.denominator for w in weights.values()))
    return tuple(int(weights[i] * scale) for i in range(len(task.names)))


def terms_of(poly: Poly) -> list[tuple[tuple[int, ...], Fraction]]:
    """The terms as (exponents, coefficient)."""
    return [(tuple(map(int, e)), to_fraction(c)) for e, c in poly.to_dict().items()]


def read_poly(task: Task, terms: Any) -> Poly:
    """A polynomial from the plain form `[[exponents, coefficient as text], ...]`."""
    return task.context.from_dict({tuple(int(e) for e in x): rational(Fraction(c)) for x, c in terms})


def write_poly(poly: Poly) -> list[list[Any]]:
    """The plain form that `read_poly` reads."""
    return [[list(map(int, x)), str(to_fraction(c))] for x, c in poly.to_dict().items()]
