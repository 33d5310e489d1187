"""The step `proposal`: from fitted laws and limits to the mixture to train."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np

from olmix.config.tags import RunIdentity
from olmix.errors import UserError
from olmix.fit.bootstrap import Ensemble
from olmix.fit.law import Law
from olmix.fit.next_runs import next_runs
from olmix.fit.pareto import front, kl_path
from olmix.fit.propose import propose
from olmix.fit.propose_objective import Objective, objective
from olmix.fit.propose_result import FrontPoint, NextRun, ProposalResult
from olmix.fit.propose_text import to_json, to_overlay, to_table
from olmix.fit.steps import aligned
from olmix.graph.step import Context, Step
from olmix.mix.feasible import FeasibleSet
from olmix.mix.runs import RunTable, metrics_of


@dataclasses.dataclass(frozen=True, kw_only=True)
class Proposal(Step):
    """Minimises the objective of a law over the feasible set; see `olmix.fit.propose`.

    `laws` gives the fitted law, `runs` the table that it was fitted on, `limits` the feasible set. `objective` weighs
    metrics or `families` of metrics (empty: all metrics alike, or all families with `average_families`); weights are
    normalised. `maximise` names what should grow. `standardise` counts metrics in units of their spread over the runs.
    `kl` is the strength of KL(w || prior), in units of the objective. `worst` asks for the worst mixture instead. Leaves that
    the proposal would use less than `minimum_weight` are left out.
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
    #: Strengths of the KL term for the path from the optimum to the prior; empty: none.
    path: tuple[float, ...] = ()
    #: Two metrics or families whose trade-off is wanted; empty: none.
    front: tuple[str, ...] = ()
    #: How many further runs to suggest.
    next_runs: int = 0
    #: The config field that the overlay sets: by default the mixture of a single run.
    overlay_field: Annotated[str, RunIdentity] = "plan.mixture"

    def check(self, context: Context) -> None:
        """Names in the objective that no run will have, before a swarm is trained for it."""
        metrics = metrics_of(self.runs, context)
        self._goal(metrics)
        self._ends(metrics)

    def run(self, context: Context) -> ProposalResult:
        """The proposal; writes `proposal.json`, `proposal.txt` and `proposed_mixture.py` (an overlay)."""
        fitted: Any = context.read(self.laws)
        table: RunTable = context.read(self.runs)
        feasible: FeasibleSet = context.read(self.limits)
        weights, values = aligned(table, fitted.leaves, fitted.metrics)
        goal = self._goal(fitted.metrics, values)
        context.progress(0, 1, f"optimising over {len(fitted.leaves)} leaves, {self.bootstrap} refits")
        law, inside = fitted.law(), feasible.ordered(fitted.leaves)
        result, refits, chosen = propose(
            law,
            goal,
            inside,
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
        result = dataclasses.replace(
            result,
            path=kl_path(law, goal.coefficients, inside, self.path, seed=self.seed),
            front=self._front(law, inside, values, fitted.metrics),
            next_runs=self._next(law, refits, chosen, result, goal.coefficients, inside, weights, values),
        )
        (context.out / "proposal.json").write_text(to_json(result) + "\n")
        (context.out / "proposal.txt").write_text(to_table(result))
        overlay = to_overlay(result, experiment=context.experiment, field=self.overlay_field)
        (context.out / "proposed_mixture.py").write_text(overlay)
        context.progress(1, 1, result.verdict)
        return result

    def _goal(
        self, metrics: tuple[str, ...], values: np.ndarray | None = None, only: Mapping[str, float] | None = None
    ) -> Objective:
        """The objective of this step, or `only` of what is named; without `values`, as far as names show mistakes."""
        return objective(
            metrics,
            np.empty((0, len(metrics))) if values is None else values,
            self.objective if only is None else only,
            families=self.families,
            average_families=self.average_families,
            maximise=self.maximise,
            standardise=self.standardise and values is not None,
        )

    def _ends(self, metrics: tuple[str, ...], values: np.ndarray | None = None) -> list[np.ndarray]:
        """The objectives at the two ends of the front; empty without one."""
        if len(self.front) not in (0, 2):
            raise UserError(f"A front trades two metrics or families; `front` names {len(self.front)}.")
        return [self._goal(metrics, values, {name: 1.0}).coefficients for name in self.front]

    def _front(
        self, law: Law, inside: FeasibleSet, values: np.ndarray, metrics: tuple[str, ...]
    ) -> tuple[FrontPoint, ...]:
        ends = self._ends(metrics, values)
        return front(law, ends[0], ends[1], inside, kl=self.kl, seed=self.seed) if ends else ()

    def _next(
        self,
        law: Law,
        refits: Ensemble,
        chosen: np.ndarray,
        result: ProposalResult,
        coefficients: np.ndarray,
        inside: FeasibleSet,
        weights: np.ndarray,
        values: np.ndarray,
    ) -> tuple[NextRun, ...]:
        if not self.next_runs:
            return ()
        left = (values - law.predict(weights)) @ coefficients
        spent = min(len(inside.leaves), len(values) // 2)
        return next_runs(
            refits,
            chosen,
            np.array([row.weight for row in result.leaves]),
            coefficients,
            inside,
            noise=float(np.sqrt((left**2).sum() / (len(values) - spent))),
            count=self.next_runs,
            seed=self.seed,
        )
