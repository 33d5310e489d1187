"""Mixture reuse: when the data changes, keep the shares inside an old mixture and mix it with what is new.

Recomputing a mixture over all leaves after every change of the data costs a swarm over all leaves. Leaves that did not
change keep their ratios instead: they become one *virtual leaf*, and only that leaf and the changed ones are mixed
(Olmix, arXiv 2602.12237, section on mixture reuse). `release` frees some unchanged leaves too (partial reuse), because a new
source of code may change how much of the old code is wanted. It trades a little of the optimum for a far smaller swarm.

The virtual leaf is a leaf like any other to designs, laws and proposals; its cap is where the first of its parts runs
out. `FeasibleSet.expanded` turns mixtures back into mixtures over real leaves. Data that changed under an old name is a
new leaf as far as learning goes: it is never pooled with what it was, unless the caller says so by name.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from olmix.errors import UserError, nearest
from olmix.mix.arrays import Array
from olmix.mix.feasible import FeasibleSet, Frozen, LinearLimit
from olmix.mix.runs import RunTable


@dataclasses.dataclass(frozen=True, kw_only=True)
class Changes:
    """How the leaves of today differ from those of an old mixture, by name and by a fingerprint of each leaf's data.

    `partitioned` maps an old leaf to the new leaves below it; those are not in `added`, nor the old one in `removed`.
    """

    kept: tuple[str, ...]
    revised: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    partitioned: dict[str, tuple[str, ...]]

    def __str__(self) -> str:
        lines = [
            f"{kind}: {', '.join(names)}"
            for kind, names in (
                ("kept", self.kept),
                ("revised", self.revised),
                ("added", self.added),
                ("removed", self.removed),
            )
            if names
        ]
        lines += [f"partitioned: {old} into {', '.join(new)}" for old, new in self.partitioned.items()]
        return "\n".join(lines) or "no leaves"


def changes(old: Mapping[str, Hashable], new: Mapping[str, Hashable]) -> Changes:
    """Compares leaf -> fingerprint (a digest, or a token count where there is none) of then and now."""
    partitioned = {
        leaf: below
        for leaf in old
        if leaf not in new
        and (below := tuple(other for other in new if other.startswith(leaf + ":") and other not in old))
    }
    parts = {leaf for below in partitioned.values() for leaf in below}
    return Changes(
        kept=tuple(leaf for leaf in old if leaf in new and old[leaf] == new[leaf]),
        revised=tuple(leaf for leaf in old if leaf in new and old[leaf] != new[leaf]),
        added=tuple(leaf for leaf in new if leaf not in old and leaf not in parts),
        removed=tuple(leaf for leaf in old if leaf not in new and leaf not in partitioned),
        partitioned=partitioned,
    )


def freeze(
    feasible: FeasibleSet,
    mixture: Mapping[str, float],
    *,
    change: Changes | None = None,
    release: Sequence[str] = (),
    name: str = "existing",
) -> FeasibleSet:
    """The set in which the unchanged leaves of an old `mixture` are one virtual leaf `name`.

    Leaves of the mixture stay frozen unless `change` lists them as revised, removed or partitioned, or `release` names them (a
    leaf or a node). A leaf that the old mixture did not use stays out. The virtual leaf's prior is that of its parts.
    """
    from olmix.mix.limits import leaves_below

    free = {feasible.leaves[i] for node in release for i in leaves_below(node, feasible.leaves)}
    moved = set() if change is None else {*change.revised, *change.removed, *change.partitioned}
    for leaf in mixture:
        if leaf not in feasible.leaves and leaf not in moved:
            raise UserError(
                f"The old mixture has the leaf {leaf!r}, which the data no longer has{nearest(leaf, feasible.leaves)};"
                " say that it was removed, revised or partitioned."
            )
    parts = [leaf for leaf in feasible.leaves if mixture.get(leaf, 0.0) > 0 and leaf not in moved and leaf not in free]
    unused = [leaf for leaf in feasible.leaves if mixture.get(leaf) == 0 and leaf not in moved and leaf not in free]
    if len(parts) < 2:
        raise UserError(
            f"Mixture reuse freezes the ratios between unchanged leaves, and {len(parts)} of them are left; mix all leaves anew."
        )
    if name in feasible.leaves:
        raise UserError(f"The virtual leaf {name!r} has the name of a real one; give it another.")
    total = sum(mixture[leaf] for leaf in parts)
    shares = {leaf: mixture[leaf] / total for leaf in parts}
    return _collapsed(feasible, Frozen(leaf=name, parts=tuple(parts), shares=tuple(shares.values())), set(unused))


def _collapsed(feasible: FeasibleSet, virtual: Frozen, unused: set[str]) -> FeasibleSet:
    """The set over the virtual leaf (first) and all others, without the unused ones."""
    place = {leaf: i for i, leaf in enumerate(feasible.leaves)}
    inside = [place[leaf] for leaf in virtual.parts]
    share = np.array(virtual.shares)
    rest = [i for i, leaf in enumerate(feasible.leaves) if leaf not in virtual.parts and leaf not in unused]
    for leaf in unused:
        if feasible.lower[place[leaf]] > 0:
            raise UserError(f"{leaf!r} has weight 0 in the old mixture but a minimum weight now; release it.")
    lower, upper, prior = (np.array(values) for values in (feasible.lower, feasible.upper, feasible.prior))
    limits = []
    for limit in feasible.limits:
        row = np.zeros(len(place))
        row[list(limit.leaves)] = limit.coefficients
        values = np.array([row[inside] @ share, *row[rest]])
        used = np.flatnonzero(values)
        limits.append(
            LinearLimit(
                name=limit.name,
                leaves=tuple(int(i) for i in used),
                coefficients=tuple(float(x) for x in values[used]),
                lower=limit.lower,
                upper=limit.upper,
            )
        )
    kept_prior = np.array([prior[inside].sum(), *prior[rest]])
    tokens, repeats = feasible.tokens, feasible.repetition_limits
    collapsed = dataclasses.replace(
        feasible,
        leaves=(virtual.leaf, *(feasible.leaves[i] for i in rest)),
        lower=(float((lower[inside] / share).max()), *(float(x) for x in lower[rest])),
        upper=(min(1.0, float((upper[inside] / share).min())), *(float(x) for x in upper[rest])),
        prior=tuple(float(x) for x in kept_prior / kept_prior.sum()),
        limits=tuple(limits),
        tokens=(round(_scarcest(feasible, inside, share)), *(tokens[i] for i in rest)) if tokens else (),
        repetition_limits=(_first_limit(feasible, inside, share), *(repeats[i] for i in rest)) if repeats else (),
        largest_tokens=None,
        frozen=(*feasible.frozen, virtual),
    )
    if not collapsed.is_feasible:
        scarce = min(inside, key=lambda i: upper[i] / share[inside.index(i)])
        raise UserError(
            f"With the shares of the old mixture frozen no mixture satisfies the limits: {feasible.leaves[scarce]} caps the"
            f" virtual leaf at {collapsed.upper[0]:.4g}, the other leaves can add {sum(collapsed.upper[1:]):.4g}; release it."
        )
    return collapsed


def _scarcest(feasible: FeasibleSet, inside: Sequence[int], share: Array) -> float:
    """So many tokens of the virtual leaf read its scarcest part once."""
    return float(min(feasible.tokens[i] / s for i, s in zip(inside, share, strict=True)))


def _first_limit(feasible: FeasibleSet, inside: Sequence[int], share: Array) -> float:
    """How often the scarcest part may be read until the first part reaches its own limit."""
    limits = [feasible.repetition_limits[i] * feasible.tokens[i] / s for i, s in zip(inside, share, strict=True)]
    return float(min(limits)) / _scarcest(feasible, inside, share)


def collapse_runs(table: RunTable, feasible: FeasibleSet, *, tolerance: float = 1e-3) -> RunTable:
    """Runs over real leaves as runs over the leaves of a set with virtual ones, in its order.

    Each run must mix the parts of a virtual leaf in its frozen shares (within `tolerance` of the run's weights), and use
    no leaf outside the set; otherwise the run says nothing about the virtual leaf, and this is a UserError naming it.
    """
    w = np.array(table.weights, dtype=float).reshape(len(table.runs), len(table.leaves))
    column = {leaf: j for j, leaf in enumerate(table.leaves)}
    virtual = {frozen.leaf: frozen for frozen in feasible.frozen}
    used: set[str] = set()
    columns = []
    wrong: list[str] = []
    for leaf in feasible.leaves:
        if leaf in column or leaf not in virtual:
            used.add(leaf)
            columns.append(w[:, column[leaf]] if leaf in column else np.zeros(len(w)))
            continue
        parts = virtual[leaf].parts
        inner = np.stack([w[:, column[part]] if part in column else np.zeros(len(w)) for part in parts], axis=1)
        used.update(parts)
        total = inner.sum(1)
        off = np.abs(inner - total[:, None] * np.array(virtual[leaf].shares)).max(1)
        wrong += [table.runs[i] for i in np.flatnonzero(off > tolerance)]
        columns.append(total)
    if wrong:
        raise UserError(
            f"{len(set(wrong))} of {len(table.runs)} runs mix the frozen leaves in other shares ({', '.join(wrong[:5])}, ...):"
            " they cannot be pooled with runs of the reused mixture; leave them out."
        )
    outside = [leaf for leaf, j in column.items() if leaf not in used and w[:, j].max(initial=0.0) > tolerance]
    if outside:
        raise UserError(f"Runs use leaves that the limits do not have: {', '.join(outside[:6])}.")
    return dataclasses.replace(
        table, leaves=feasible.leaves, weights=tuple(tuple(row) for row in np.stack(columns, axis=1).tolist())
    )


def pool(tables: Sequence[tuple[RunTable, Mapping[str, Hashable]]], *, same: Sequence[str] = ()) -> RunTable:
    """One table of several swarms, each with leaf -> fingerprint of the data that it was trained on.

    Leaves that a swarm did not know weigh 0 in its runs; metrics are those that all have. A leaf whose data differs between
    swarms that use it is a UserError, unless `same` names it as near enough. Names of runs must differ.
    """
    if not tables:
        raise UserError("There are no runs to pool.")
    leaves = list(dict.fromkeys(leaf for table, _ in tables for leaf in table.leaves))
    metrics = [m for m in tables[0][0].metrics if all(m in table.metrics for table, _ in tables)]
    if not metrics:
        raise UserError("The swarms to pool have no metric in common.")
    runs = [run for table, _ in tables for run in table.runs]
    twice = sorted({run for run in runs if runs.count(run) > 1})
    if twice:
        raise UserError(f"Two swarms have runs of the same name: {', '.join(twice[:6])}.")
    for leaf in leaves:
        prints = {
            prints_[leaf]
            for table, prints_ in tables
            if leaf in table.leaves
            and any(row[table.leaves.index(leaf)] > 0 for row in table.weights)
            and leaf in prints_
        }
        if len(prints) > 1 and leaf not in same:
            raise UserError(
                f"The data of {leaf!r} changed between the swarms under the same name; treat it as a new leaf,"
                " or declare that it is the same."
            )
    weights, values, failed = [], [], {}
    for table, _ in tables:
        for row, result in zip(table.weights, table.values, strict=True):
            by_leaf = dict(zip(table.leaves, row, strict=True))
            by_metric = dict(zip(table.metrics, result, strict=True))
            weights.append(tuple(by_leaf.get(leaf, 0.0) for leaf in leaves))
            values.append(tuple(by_metric[m] for m in metrics))
        failed.update(table.failed)
    return RunTable(
        runs=tuple(runs),
        leaves=tuple(leaves),
        weights=tuple(weights),
        metrics=tuple(metrics),
        values=tuple(values),
        failed=failed,
        notes=tuple(dict.fromkeys(note for table, _ in tables for note in table.notes)),
    )
