"""From token counts and the user's limits to the feasible set, or to an error that says why there is none.

The cap of a leaf is repetition limit x token count / target tokens. Names of limits may be leaves (`web:code:high`),
nodes of the tree (`web`, `web:code`: all leaves below them), or groups that the caller declares. An empty set is
explained by two linear programs: the smallest r = 1 / tokens for which the caps `w <= repetition limit x count x r` leave
room gives the largest feasible training run, and the least that the caps must be raised by gives the shortfall.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from olmix.errors import UserError, nearest
from olmix.mix import linear
from olmix.mix.arrays import Array
from olmix.mix.feasible import FeasibleSet, LinearLimit

#: Chinchilla multiple 1 is this many tokens per non-embedding parameter.
TOKENS_PER_PARAMETER = 20


def leaves_below(name: str, leaves: Sequence[str], groups: Mapping[str, Sequence[str]] | None = None) -> list[int]:
    """The indices of the leaves that `name` stands for: a leaf, a node of the tree, or one of `groups`."""
    if groups and name in groups:
        found = sorted({index for part in groups[name] for index in leaves_below(part, leaves)})
    else:
        found = [i for i, leaf in enumerate(leaves) if leaf == name or leaf.startswith(name + ":")]
    if not found:
        known = {":".join(leaf.split(":")[:depth]) for leaf in leaves for depth in range(1, leaf.count(":") + 2)}
        raise UserError(
            f"{name!r} is neither a leaf, nor a source or topic, nor a declared group"
            f"{nearest(name, [*known, *(groups or ())])}."
        )
    return found


def prior_from(tokens: Mapping[str, int], given: Mapping[str, float] | None = None) -> dict[str, float]:
    """The prior mixture: each leaf's share of all tokens, or `given` weights of leaves or nodes.

    A node's given weight is shared among its leaves by their tokens. Given weights must cover all leaves once, and are
    normalised.
    """
    leaves = tuple(tokens)
    if not given:
        total = sum(tokens.values())
        if total <= 0:
            raise UserError("All leaves together hold no tokens, so there is no prior; check the paths of the sources.")
        return {leaf: count / total for leaf, count in tokens.items()}
    weights = dict.fromkeys(leaves, -1.0)
    for name, weight in given.items():
        if not (weight >= 0 and math.isfinite(weight)):
            raise UserError(f"The prior of {name!r} is {weight}; a prior weight is finite and not negative.")
        below = [leaves[i] for i in leaves_below(name, leaves)]
        supply = sum(tokens[leaf] for leaf in below)
        for leaf in below:
            if weights[leaf] >= 0:
                raise UserError(f"The prior gives {leaf!r} a weight twice, the second time through {name!r}.")
            weights[leaf] = weight * (tokens[leaf] / supply if supply else 1 / len(below))
    missing = [leaf for leaf in leaves if weights[leaf] < 0]
    if missing:
        raise UserError(f"The prior has no weight for {_some(missing)}; give every leaf one, or none.")
    total_weight = sum(weights.values())
    if total_weight <= 0:
        raise UserError("The prior's weights are all 0.")
    return {leaf: weight / total_weight for leaf, weight in weights.items()}


def feasible_set(
    tokens: Mapping[str, int],
    *,
    target_tokens: int | None = None,
    repetition_limit: float = 1.0,
    repetition_limits: Mapping[str, float] | None = None,
    at_least: Mapping[str, float] | None = None,
    at_most: Mapping[str, float] | None = None,
    fixed: Mapping[str, float] | None = None,
    fixed_within: Mapping[str, Mapping[str, float]] | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
    prior: Mapping[str, float] | None = None,
    parameters: int | None = None,
) -> FeasibleSet:
    """The mixtures that `tokens` (leaf -> tokens) can supply to a run of `target_tokens` within all limits.

    `repetition_limits` overrides `repetition_limit` for leaves or nodes (a longer name wins over a shorter one).
    `at_least`, `at_most` and `fixed` bound the share of a leaf, node or group; `fixed_within[node][child]` fixes the
    child's share of its node. Without `target_tokens` token counts limit nothing. Raises a UserError that names the
    binding limits when no mixture is left.
    """
    leaves = tuple(tokens)
    if not leaves:
        raise UserError("There are no leaves, so there is no mixture to choose.")
    for leaf, count in tokens.items():
        if count < 0:
            raise UserError(f"Leaf {leaf!r} has a negative token count, {count}.")
    if target_tokens is not None and target_tokens <= 0:
        raise UserError(f"target_tokens is {target_tokens}; a run needs at least one token.")
    repeats = _repetitions(leaves, repetition_limit, repetition_limits or {})
    supply = repeats * np.array([float(count) for count in tokens.values()])
    shares = _shares(leaves, at_least or {}, at_most or {}, fixed or {}, fixed_within or {}, groups or {})
    smallest = _smallest_inverse(shares, supply, len(leaves))
    if smallest is None:
        raise UserError(_conflict(shares, len(leaves)))
    largest = int(1 / smallest * (1 + 1e-15) + 1e-6) if smallest > 0 else None
    if target_tokens is not None and largest is not None and target_tokens > largest:
        raise UserError(_shortage(tokens, repeats, shares, target_tokens, largest, parameters))
    lower, upper = np.zeros(len(leaves)), np.ones(len(leaves))
    if target_tokens is not None:
        upper = np.minimum(upper, supply / target_tokens)
    rows = []
    for share in shares:
        if len(share.leaves) == 1:
            leaf_index = share.leaves[0]
            lower[leaf_index] = max(lower[leaf_index], share.lower)
            upper[leaf_index] = min(upper[leaf_index], share.upper)
        else:
            rows.append(share)
    prior_weights = prior_from(tokens, prior)
    return FeasibleSet(
        leaves=leaves,
        lower=tuple(float(x) for x in np.minimum(lower, upper)),
        upper=tuple(float(x) for x in upper),
        prior=tuple(prior_weights[leaf] for leaf in leaves),
        limits=tuple(rows),
        tokens=tuple(int(count) for count in tokens.values()),
        repetition_limits=tuple(float(x) for x in repeats),
        target_tokens=target_tokens,
        largest_tokens=largest,
        parameters=parameters,
    )


def _repetitions(leaves: Sequence[str], default: float, given: Mapping[str, float]) -> Array:
    for name, limit in {"repetition_limit": default, **given}.items():
        if not (limit > 0 and math.isfinite(limit)):
            whose = "The repetition limit" if name == "repetition_limit" else f"The repetition limit of {name!r}"
            raise UserError(f"{whose} is {limit:g}; it must be above 0.")
    repeats = np.full(len(leaves), float(default))
    for name in sorted(given, key=lambda name: (name.count(":"), name)):
        repeats[leaves_below(name, leaves)] = given[name]
    return repeats


def _shares(
    leaves: Sequence[str],
    at_least: Mapping[str, float],
    at_most: Mapping[str, float],
    fixed: Mapping[str, float],
    fixed_within: Mapping[str, Mapping[str, float]],
    groups: Mapping[str, Sequence[str]],
) -> list[LinearLimit]:
    """All limits but those from tokens and repetition, checked one by one."""
    found = []
    for words, given, low, high in (
        ("at least", at_least, True, False),
        ("at most", at_most, False, True),
        ("exactly", fixed, True, True),
    ):
        for name, share in given.items():
            if not 0 <= share <= 1:
                raise UserError(f"The share of {name!r} is limited to {words} {share}; a share lies between 0 and 1.")
            below = tuple(leaves_below(name, leaves, groups))
            found.append(
                LinearLimit(
                    name=f"{name} {words} {share:g}",
                    leaves=below,
                    coefficients=(1.0,) * len(below),
                    lower=share if low else 0.0,
                    upper=share if high else 1.0,
                )
            )
    for node, children in fixed_within.items():
        whole = leaves_below(node, leaves, groups)
        total, covered = 0.0, set()
        for child, share in children.items():
            name = f"{node}:{child}" if any((leaf + ":").startswith(f"{node}:{child}:") for leaf in leaves) else child
            part = leaves_below(name, leaves, groups)
            if not set(part) <= set(whole):
                raise UserError(f"fixed_within[{node!r}] fixes {child!r}, which is not below {node!r}.")
            if not 0 <= share <= 1:
                raise UserError(f"The share of {child!r} within {node!r} is {share}; a share lies between 0 and 1.")
            total += share
            covered |= set(part)
            found.append(
                LinearLimit(
                    name=f"{child} exactly {share:g} of {node}",
                    leaves=tuple(whole),
                    coefficients=tuple((i in part) - share for i in whole),
                    lower=0.0,
                    upper=0.0,
                )
            )
        if total > 1 + 1e-6 or (covered == set(whole) and abs(total - 1) > 1e-6):
            raise UserError(f"The fixed shares within {node!r} sum to {total:.6g}; all its parts together make 1.")
        if covered == set(whole):
            found.pop()  # the last share follows from the others, and would only add rounding
    return found


def _program(shares: Iterable[LinearLimit], n: int, extra: int) -> tuple[list[Array], list[float]]:
    """`shares` and "sums to 1" as rows of `matrix @ (w, extra variables) <= bound`."""
    matrix: list[Array] = []
    bound: list[float] = []
    whole = LinearLimit(name="", leaves=tuple(range(n)), coefficients=(1.0,) * n, lower=1.0, upper=1.0)
    for limit in (whole, *shares):
        row = np.zeros(n + extra)
        row[list(limit.leaves)] = limit.coefficients
        matrix += [row, -row]
        bound += [limit.upper, -limit.lower]
    return matrix, bound


def _solve(cost: Array, matrix: Sequence[Array], bound: Sequence[float]) -> Array | None:
    """The minimiser over non-negative variables, None if there is none."""
    return linear.minimiser(cost, np.array(matrix), np.array(bound))


def _smallest_inverse(shares: Sequence[LinearLimit], supply: Array, n: int) -> float | None:
    """1 / (the largest training run that the supply [n] feeds within `shares`), or None if `shares` contradict."""
    if not shares:
        return 1 / supply.sum() if supply.sum() > 0 else math.inf
    scale = max(float(supply.sum()), 1.0)
    matrix, bound = _program(shares, n, 1)
    for j in range(n):
        row = np.zeros(n + 1)
        row[j], row[n] = 1.0, -supply[j] / scale
        matrix.append(row)
        bound.append(0.0)
    solution = _solve(np.eye(n + 1)[n], matrix, bound)
    if solution is None:
        empty = np.flatnonzero(supply == 0)
        if len(empty) and _solve(np.zeros(n), *_program(shares, n, 0)) is not None:
            return math.inf  # only leaves without tokens could satisfy the shares
        return None
    return float(solution[n]) / scale


def _conflict(shares: Sequence[LinearLimit], n: int) -> str:
    """Names a smallest set of limits that contradict each other, by leaving out one after the other."""
    needed = list(shares)
    for limit in shares:
        fewer = [other for other in needed if other is not limit]
        if _solve(np.zeros(n), *_program(fewer, n, 0)) is None:
            needed = fewer
    names = "; ".join(limit.name for limit in needed)
    return f"No mixture satisfies these limits together: {names}. Relax one of them."


def _shortage(
    tokens: Mapping[str, int],
    repeats: Array,
    shares: Sequence[LinearLimit],
    target: int,
    largest: int,
    parameters: int | None,
) -> str:
    """What falls short of `target` tokens, by how much, and what would be possible."""
    leaves, n = tuple(tokens), len(tokens)
    supply = repeats * np.array([float(count) for count in tokens.values()])
    caps = np.minimum(supply / target, 1.0)
    matrix, bound = _program(shares, n, n)
    for j in range(n):
        row = np.zeros(2 * n)
        row[j], row[n + j] = 1.0, -1.0
        matrix.append(row)
        bound.append(caps[j])
    solution = _solve(np.concatenate([np.zeros(n), np.ones(n)]), matrix, bound)
    missing = float(solution[n:].sum()) if solution is not None else math.nan
    # A leaf binds if more of it would let the run be longer.
    unlimited = _smallest_inverse(shares, supply, n) or 0.0
    binding = []
    for j in range(n):
        more = supply.copy()
        more[j] = 2 * more[j] + target
        longer = _smallest_inverse(shares, more, n)
        if longer is not None and longer < unlimited * (1 - 1e-9):
            binding.append(j)
    binding.sort(key=lambda j: -caps[j])
    named = [f"{leaves[j]} ({tokens[leaves[j]]:,} tokens x {repeats[j]:g} = {caps[j]:.3g} of the run)" for j in binding]
    multiple = (
        f", Chinchilla multiple {largest / (TOKENS_PER_PARAMETER * parameters):.4g} of the asked"
        f" {target / (TOKENS_PER_PARAMETER * parameters):.4g}"
        if parameters
        else ""
    )
    also = " with the fixed and limited shares" if shares else ""
    return (
        f"The data cannot supply target_tokens = {target:,} within the repetition limits{also}: the caps of"
        f" {_some(named)} bind, and {missing:.4g} of the mixture ({missing * target:,.0f} tokens) stays unfilled. The"
        f" largest feasible training run is {largest:,} tokens{multiple}. Train less, raise repetition limits, or add data."
    )


def _some(names: Sequence[str], most: int = 6) -> str:
    """The first few names, and how many more there are."""
    shown = ", ".join(names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def chinchilla_multiple(feasible: FeasibleSet, tokens: float) -> float:
    """`tokens` as a Chinchilla multiple of the model that the feasible set was made for."""
    if feasible.parameters is None:
        raise UserError("A Chinchilla multiple needs the parameters of the target model.")
    return tokens / (TOKENS_PER_PARAMETER * feasible.parameters)


def restricted(feasible: FeasibleSet, lower: Array, upper: Array) -> FeasibleSet:
    """The same set within tighter leaf limits; it may be empty, which is not checked."""
    return dataclasses.replace(feasible, lower=tuple(lower.tolist()), upper=tuple(upper.tolist()))
