"""The steps of mixture reuse: `ReusedLimits` freezes an old mixture, `ReusedRuns` reads a swarm in its terms."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from olmix.errors import UserError
from olmix.graph.step import Context, Step
from olmix.mix.feasible import FeasibleSet
from olmix.mix.runs import RunTable, metrics_of


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReusedLimits(Step):
    """`limits` with the unchanged leaves of an old mixture as one virtual leaf; see `olmix.mix.reuse`.

    The old mixture is given as `mixture` (leaf -> weight), or comes from `old`, a step whose result has `mixture()` (a
    proposal). `old_limits` is the feasible set of then: leaves whose token counts changed since must be named in
    `revised`, or this is an error. `release` frees unchanged leaves too.
    """

    limits: Step
    mixture: dict[str, float] = dataclasses.field(default_factory=dict)
    old: Step | None = None
    old_limits: Step | None = None
    revised: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    release: tuple[str, ...] = ()
    name: str = "existing"

    cheap: ClassVar[bool] = True

    def run(self, context: Context) -> FeasibleSet:
        """The set over the virtual leaf and the changed ones; writes `changes.txt`."""
        from olmix.mix.reuse import changes, freeze

        feasible: FeasibleSet = context.read(self.limits)
        if bool(self.mixture) == (self.old is not None):
            raise UserError("ReusedLimits needs the old mixture once: as `mixture` or from the step `old`.")
        mixture = self.mixture or dict(context.read(self.old).mixture())  # type: ignore[arg-type]
        now: dict[str, Any] = dict(zip(feasible.leaves, feasible.tokens or (None,) * len(feasible.leaves), strict=True))
        then: dict[str, Any] = {leaf: now.get(leaf) for leaf in mixture}
        if self.old_limits is not None:
            before: FeasibleSet = context.read(self.old_limits)
            counts = dict(zip(before.leaves, before.tokens, strict=True))
            then = {leaf: counts.get(leaf, now.get(leaf)) for leaf in mixture}
        for leaf in self.revised:
            then[leaf] = object()
        found = changes(then, now)
        silent = [leaf for leaf in found.revised if leaf not in self.revised]
        if silent:
            raise UserError(
                f"The data of {', '.join(silent[:6])} changed since the old mixture; name them in `revised` to mix them anew."
            )
        gone = [leaf for leaf in found.removed if leaf not in self.removed]
        if gone:
            raise UserError(f"{', '.join(gone[:6])} of the old mixture is gone; name it in `removed` if that is meant.")
        (context.out / "changes.txt").write_text(f"{found}\n")
        return freeze(feasible, mixture, change=found, release=self.release, name=self.name)

    def forecast(self, context: Context) -> tuple[str, ...]:
        """What is frozen, what is free, and how much of each the final run may read."""
        feasible: FeasibleSet = context.read(self)
        low, high = feasible.ranges
        wide = max(map(len, feasible.leaves))
        frozen = [f"{item.leaf}: {len(item.parts)} leaves in fixed shares" for item in feasible.frozen]
        free = [
            f"{leaf:<{wide}}  weight {max(low[j], 0):7.3%} to {min(float(high[j]), 1.0):7.3%}"
            for j, leaf in enumerate(feasible.leaves)
        ]
        return (*frozen, *free)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReusedRuns(Step):
    """The runs of a swarm over real leaves, in terms of the virtual leaf of `limits`: what laws are fitted on."""

    runs: Step
    limits: Step

    def metrics_to_come(self, context: Context) -> tuple[str, ...]:
        """Those of the swarm."""
        return metrics_of(self.runs, context)

    def run(self, context: Context) -> RunTable:
        """The collapsed table."""
        from olmix.mix.reuse import collapse_runs

        return collapse_runs(context.read(self.runs), context.read(self.limits))
