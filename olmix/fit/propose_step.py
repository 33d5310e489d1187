"""The step `proposal`: from fitted laws and limits to the mixture to train."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

import numpy as np

from olmix.config.tags import RunIdentity
from olmix.errors import UserError
from olmix.fit.propose import ProposalResult, propose
from olmix.fit.propose_objective import objective
from olmix.fit.propose_text import to_json, to_overlay, to_table
from olmix.graph.step import Context, Step
from olmix.mix.feasible import FeasibleSet
from olmix.mix.runs import RunTable


@dataclasses.dataclass(frozen=True, kw_only=True)
class Proposal(Step):
    """Minimises the objective of a law over the feasible set; see `olmix.fit.propose`.

    `laws` gives the fitted law, `runs` the table that it was fitted on, `limits` the feasible set. `objective` weighs
    metrics or `families` of metrics (empty: all metrics alike, or all families with `average_families`); weights are
    normalised. `maximise` names what should grow. `standardise` counts metrics in units of their spread over the runs.
    `kl` is the strength of KL(w || prior), in units of the objective. `worst` asks for the worst mixture instead.
    """

    laws: Step
    runs: Step
    limits: Step
    objective: dict[str, float] = dataclasses.field(default_factory=dict)
    families: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    average_families: bool = False
    maximise: tuple[str, ...] = ()
    standardise: bool = False
    kl: float = 0.0
    worst: bool = False
    minimum_weight: float = 0.0
    #: Refits of the law; `slow_bootstrap` for laws that cannot refit in a batch.
    bootstrap: int = 1000
    slow_bootstrap: int = 30
    seed: int = 0
    #: The config field that the overlay sets.
    overlay_field: Annotated[str, RunIdentity] = "mixture"

    def run(self, context: Context) -> ProposalResult:
        """The proposal; writes `proposal.json`, `proposal.txt` and `proposed_mixture.py` (an overlay)."""
        fitted: Any = context.read(self.laws)
        table: RunTable = context.read(self.runs)
        feasible: FeasibleSet = context.read(self.limits)
        weights, values = aligned(table, fitted.leaves, fitted.metrics)
        goal = objective(
            fitted.metrics,
            values,
            self.objective,
            families=self.families,
            average_families=self.average_families,
            maximise=self.maximise,
            standardise=self.standardise,
        )
        context.progress(0, 1, f"optimising over {len(fitted.leaves)} leaves, {self.bootstrap} refits")
        result, _, _ = propose(
            fitted.law(),
            goal,
            feasible.ordered(fitted.leaves),
            weights,
            values,
            table.runs,
            kl=self.kl,
            worst=self.worst,
            minimum_weight=self.minimum_weight,
            bootstrap=self.bootstrap,
            few=self.slow_bootstrap,
            seed=self.seed,
        )
        (context.out / "proposal.json").write_text(to_json(result) + "\n")
        (context.out / "proposal.txt").write_text(to_table(result))
        overlay = to_overlay(result, experiment=context.experiment, field=self.overlay_field)
        (context.out / "proposed_mixture.py").write_text(overlay)
        context.progress(1, 1, result.verdict)
        return result


def aligned(table: RunTable, leaves: tuple[str, ...], metrics: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The table's weights [n, m] and values [n, k] with columns in the order of `leaves` and `metrics`, by name."""
    for kind, ours, theirs in (("leaves", leaves, table.leaves), ("metrics", metrics, table.metrics)):
        missing = [name for name in ours if name not in theirs]
        if missing:
            raise UserError(f"The laws were fitted on {kind} that the runs do not have: {', '.join(missing[:6])}.")
    weights = np.array(table.weights, dtype=float)[:, [table.leaves.index(leaf) for leaf in leaves]]
    values = np.array(table.values, dtype=float)[:, [table.metrics.index(name) for name in metrics]]
    return weights, values
