r"""What names mean in a formula, and what a bare sum sign runs over.

In olympiad books `\sum a b` is cyclic over the variables in force; with two groups of variables of the same size both
are shifted at once.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence

from olmix.proofs.statements.expr import ZERO, Expr, Var, mul, power, substitute, variables_of


class Unreadable(Exception):
    """The LaTeX has no certain reading as mathematics; the message says what stood in the way."""


@dataclasses.dataclass(frozen=True)
class Scope:
    """What names mean: the variables in force, and functions defined so far.

    Cyclic sums run over `groups` of variables, all shifted at once: one group (a, b, c), or several of the
    same size, (a, b, c) and (x, y, z). Without groups all variables are one.
    """

    variables: tuple[str, ...] = ()
    groups: tuple[tuple[str, ...], ...] = ()
    functions: Mapping[str, tuple[tuple[str, ...], Expr]] = dataclasses.field(default_factory=dict)
    #: What `LHS` and `RHS` stand for.
    sides: tuple[Expr, Expr] | None = None


def _groups(body: Expr, scope: Scope) -> list[tuple[str, ...]]:
    """The groups of variables that a sum over `body` runs over."""
    own = set(variables_of(body))
    groups = [g for g in (scope.groups or (scope.variables,)) if own & set(g) and len(g) > 1]
    if not groups or len({len(g) for g in groups}) > 1:
        raise Unreadable("a sum has no variables to run over")
    return groups


def cyclic(body: Expr, scope: Scope) -> list[Expr]:
    """The terms of a cyclic sum: the body under every shift of the groups it mentions."""
    groups = _groups(body, scope)
    out = []
    for shift in range(len(groups[0])):
        by = {v: Var(g[(i + shift) % len(g)]) for g in groups for i, v in enumerate(g)}
        out.append(substitute(body, dict(by)))
    return out


def symmetric(body: Expr, scope: Scope) -> list[Expr]:
    """The terms of a symmetric sum: the body under every permutation (n! terms, the usual convention)."""
    groups = _groups(body, scope)
    if len(groups[0]) > 5:
        raise Unreadable("a symmetric sum over more than five variables")
    out = []
    for order in itertools.permutations(range(len(groups[0]))):
        by = {v: Var(g[order[i]]) for g in groups for i, v in enumerate(g)}
        out.append(substitute(body, dict(by)))
    return out


def muirhead(exponents: Sequence[Expr], scope: Scope) -> list[Expr]:
    """The terms of `T[p, q, r]`: x**p y**q z**r under every permutation (n! terms), for as many variables as exponents."""
    group = next((g for g in (scope.groups or (scope.variables,)) if len(g) == len(exponents)), None)
    if group is None or len(group) > 5:
        raise Unreadable("T[...] has another number of exponents than there are variables")
    return [
        mul(*(power(Var(v), e) for v, e in zip(order, exponents, strict=True) if e != ZERO))
        for order in itertools.permutations(group)
    ]


def variable_groups(variables: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """How a sum sign sees the variables: runs of neighbouring letters of the same length, else all as one
    group.

    `a, b, c, x, y, z` are two groups of three; `t, x, y, z` are one, in the order x, y, z, t.
    """
    runs: list[list[str]] = []
    for name in sorted(variables, key=lambda v: (v.partition("_")[0], len(v), v)):
        last = runs[-1][-1] if runs else ""
        near = bool(last) and (
            (len(name) == len(last) == 1 and ord(name) == ord(last) + 1)
            or ("_" in name and name.partition("_")[0] == last.partition("_")[0])
        )
        if near:
            runs[-1].append(name)
        else:
            runs.append([name])
    if len(runs) > 1 and len({len(r) for r in runs}) == 1 and len(runs[0]) > 1:
        return tuple(tuple(r) for r in runs)
    flat = [v for r in runs for v in r]
    if "x" in flat:
        flat = [v for v in flat if v >= "x"] + [v for v in flat if v < "x"]
    return (tuple(flat),)
