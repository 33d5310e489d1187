"""What a proposal says: plain dataclasses that go through JSON."""

from __future__ import annotations

import dataclasses

from olmix.fit.bootstrap import Gain
from olmix.mix.feasible import Frozen, expand


@dataclasses.dataclass(frozen=True, kw_only=True)
class FrontPoint:
    """An efficient mixture and the values of the two objectives there; `share` is the weight of the second one."""

    weights: tuple[float, ...]
    first: float
    second: float
    share: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class PathPoint:
    """The proposal for one strength of the KL term: its mixture, objective, and distance KL(w || prior)."""

    kl: float
    weights: tuple[float, ...]
    objective: float
    divergence: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class NextRun:
    """A mixture to train; `remaining` is the share of the doubt that is left after this run and those before it."""

    weights: tuple[float, ...]
    remaining: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class LeafProposal:
    """One leaf: its prior and proposed weight, 90 % interval, cap, and repetitions in the target run (if declared)."""

    leaf: str
    prior: float
    weight: float
    low: float
    high: float
    cap: float
    repetitions: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class MetricPrediction:
    """One metric, as (mean, standard deviation of a new run) for the prior, the proposal and the best observed run.

    `coefficient` is its weight in the objective, negative if it should grow; `observed` is what the best run gave.
    """

    metric: str
    coefficient: float
    prior: tuple[float, float]
    proposal: tuple[float, float]
    best: tuple[float, float] | None = None
    observed: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Influence:
    """One run: what the gain of this very proposal over the prior would be by laws fitted without it, to first order."""

    run: str
    gain_without: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProposalResult:
    """The proposal, in the order of importance: the verdict, the mixture, what is expected of it, and how it was found."""

    verdict: str
    leaves: tuple[LeafProposal, ...]
    metrics: tuple[MetricPrediction, ...]
    over_prior: Gain
    over_best: Gain | None
    best_run: str | None
    best_weights: tuple[float, ...] | None
    prior_weights: tuple[float, ...]
    kl: float
    worst: bool
    method: str
    gap: float | None
    refits: int
    warnings: tuple[str, ...]
    frozen: tuple[Frozen, ...] = ()
    path: tuple[PathPoint, ...] = ()
    front: tuple[FrontPoint, ...] = ()
    next_runs: tuple[NextRun, ...] = ()
    #: Of every run; empty where the law is refitted too few times to say.
    influences: tuple[Influence, ...] = ()

    def mixture(self) -> dict[str, float]:
        """Leaf -> proposed weight, every real leaf named."""
        return self._real(tuple(row.weight for row in self.leaves))

    def prior_mixture(self) -> dict[str, float]:
        """Leaf -> weight of the prior, moved into the feasible set where it lies outside."""
        return self._real(self.prior_weights)

    def best_mixture(self) -> dict[str, float] | None:
        """Leaf -> weight of the best observed feasible run, None if there is none."""
        return None if self.best_weights is None else self._real(self.best_weights)

    def _real(self, weights: tuple[float, ...]) -> dict[str, float]:
        names, expanded = expand(self.frozen, [row.leaf for row in self.leaves], weights)
        return dict(zip(names, expanded.tolist(), strict=True))
