"""What a report says, as plain data: the one thing that the page, the terminal and `report.json` are made from.

`gather.py` fills it from the results of the steps; everything after that is a pure function of it. None or an empty
tuple means that the search has no such thing (a fit of somebody else's CSV has no loss curves), and the page then has
no such section. Weights are shares of 1; token counts are tokens; times are seconds.
"""

from __future__ import annotations

import dataclasses
from typing import Any

Range = tuple[float, float]

#: Intervals are central 90 % intervals everywhere in a report.
LEVEL = 0.90


@dataclasses.dataclass(frozen=True, kw_only=True)
class Leaf:
    """One leaf: where its weight was, where it should go, and what the data allow.

    `swarm` is the smallest and largest weight among the runs; `identified` is False when those runs cannot tell what
    this leaf does, and `doubt` says why. `repetition` and `prior_repetition` count how often it is read in the target run.
    """

    name: str
    label: str = ""
    prior: float
    proposed: float
    interval: Range | None = None
    minimum: float = 0.0
    cap: float | None = None
    tokens: int | None = None
    repetition_limit: float | None = None
    repetition: float | None = None
    prior_repetition: float | None = None
    swarm: Range | None = None
    identified: bool = True
    doubt: str = ""

    @property
    def at_cap(self) -> bool:
        """Whether the limits of the data hold the proposal back here."""
        return self.cap is not None and self.cap < 1 and self.proposed >= self.cap - 1e-6

    @property
    def shown(self) -> str:
        """What the page calls it."""
        return self.label or self.name


@dataclasses.dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric at the prior and at the proposal: what the law says and what training gave.

    `weight` is its share of the objective, 0 when it is only watched; `coefficient` is its factor in it (negative when it
    should grow). `predicted_interval` is that of a new run. `measured` maps `prior`, `proposal` and `best` to one value per
    seed.
    """

    name: str
    label: str = ""
    weight: float = 0.0
    coefficient: float = 0.0
    maximise: bool = False
    prior_predicted: float | None = None
    predicted: float | None = None
    predicted_interval: Range | None = None
    measured: dict[str, tuple[float, ...]] = dataclasses.field(default_factory=dict)

    @property
    def shown(self) -> str:
        """What the page calls it."""
        return self.label or self.name


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gain:
    """How much better the proposal is on the objective; positive is better whatever the metrics' direction.

    `against` is `prior` or `best`; `measured` says whether it was trained (then `standard_error` and `seeds` are set)
    or predicted (then `interval`, and `probability` of being better, come from the bootstrap over runs).
    """

    against: str
    measured: bool
    value: float
    interval: Range | None = None
    standard_error: float | None = None
    probability: float | None = None
    seeds: int | None = None
    reference: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scatter:
    """Predictions of one metric for runs that the law had not seen, and how good they were.

    The `test_` scores are those on runs that were kept apart from the start, if there are any.
    """

    metric: str
    predicted: tuple[float, ...]
    observed: tuple[float, ...]
    std: tuple[float, ...] = ()
    spearman: float | None = None
    pearson: float | None = None
    rmse: float | None = None
    regret: float | None = None
    coverage_90: float | None = None
    z_spread: float | None = None
    test_spearman: float | None = None
    test_rmse: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunDoubt:
    """One run: how alone its mixture stands (0 to 1), how many standard deviations laws without it were off, and the
    proposal's expected gain over the prior by laws without it.
    """

    run: str
    leverage: float
    surprise: float
    gain_without: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Curve:
    """The training loss of one run. `role` is `swarm`, `prior`, `proposal` or `best`."""

    run: str
    role: str
    tokens: tuple[float, ...]
    loss: tuple[float, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class LearningPoint:
    """How well laws fitted on only `runs` of the runs predict the others."""

    runs: int
    metric: str
    spearman: float | None
    rmse: float | None
    spearman_range: Range | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sensitivity:
    """`values[k][j]`: the change of `metrics[k]` when 1 % of the mixture moves to `leaves[j]` from all others in proportion."""

    metrics: tuple[str, ...]
    leaves: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]
    at: str = "the proposal"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Failure:
    """A run that gave no result."""

    run: str
    reason: str
    mixture: dict[str, float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Setting:
    """One resolved value of a step's config and who set it."""

    path: str
    value: str
    blame: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class StepRecord:
    """Where one step's result came from."""

    label: str
    kind: str
    artifact: str
    fingerprint: str
    commit: str | None = None
    dirty: bool | None = None
    started: str = ""
    seconds: float | None = None
    pieces: int = 0
    settings: tuple[Setting, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cost:
    """What one part of the search took: seconds by the clock, and those times the CPUs and GPUs held.

    `runs` counts training runs and `tokens` what they were trained on; 0 and None for other steps.
    """

    part: str
    runs: int
    tokens: int | None = None
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    gpu_seconds: float = 0.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Front:
    """The best trade-offs between two metrics or families: `points` are their values (first, second) at efficient mixtures.

    `prior` and `proposal` are the values there, None where metrics were standardised and so have no common units.
    """

    first: str
    second: str
    points: tuple[tuple[float, float], ...]
    prior: tuple[float, float] | None = None
    proposal: tuple[float, float] | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class PathPoint:
    """The proposal at one strength of the pull to the prior."""

    strength: float
    objective: float
    divergence: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class NextRun:
    """A mixture worth training; `remaining` is the share of the doubt about the proposal left after it and those before."""

    mixture: dict[str, float]
    remaining: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reused:
    """A virtual leaf: `parts` mixed in fixed `shares`, as an earlier search left them."""

    leaf: str
    parts: tuple[str, ...]
    shares: tuple[float, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limit:
    """`low <= sum_i coefficients[i] * weight[leaves[i]] <= high`, by the leaves' places in `Findings.leaves`."""

    name: str
    leaves: tuple[int, ...]
    coefficients: tuple[float, ...]
    low: float
    high: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Explorer:
    """What the page needs to evaluate the laws itself; `checks` are mixtures with Python's own predictions.

    `law` is the law's JSON; its columns are `Findings.leaves`, its outputs `Findings.metrics`. The page evaluates the laws
    anew at the checks and refuses to show itself when it does not come to the same numbers.
    """

    law: dict[str, Any]
    checks: tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]
    limits: tuple[Limit, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Findings:
    """A whole report.

    `objective` is what the proposal optimises, as a metric of its own: its prediction at the proposal is corrected for the
    optimism of choosing, its interval that of the gain, so it is a little more sober than the sum of the metrics.
    `prior_moved` says that the prior breaks the limits: what is compared and trained is the feasible mixture nearest to it.
    `unit` is that of the objective, where it has one.
    """

    title: str
    question: str
    objective: Metric
    leaves: tuple[Leaf, ...]
    metrics: tuple[Metric, ...]
    runs: int
    run_names: tuple[str, ...] = ()
    gains: tuple[Gain, ...] = ()
    objective_words: str = ""
    objective_parts: str = ""
    unit: str = ""
    names_left_out: str = ""
    prior_moved: bool = False
    solver: str = ""
    worst: bool = False
    target_tokens: int | None = None
    best_run: str | None = None
    scatters: tuple[Scatter, ...] = ()
    scatter_words: str = ""
    curves: tuple[Curve, ...] = ()
    learning: tuple[LearningPoint, ...] = ()
    test_runs: int = 0
    #: (level of the interval, share of the runs left out that it held).
    calibration: tuple[tuple[float, float], ...] = ()
    run_doubts: tuple[RunDoubt, ...] = ()
    sensitivity: Sensitivity | None = None
    front: Front | None = None
    path: tuple[PathPoint, ...] = ()
    next_runs: tuple[NextRun, ...] = ()
    reused: tuple[Reused, ...] = ()
    warnings: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()
    costs: tuple[Cost, ...] = ()
    steps: tuple[StepRecord, ...] = ()
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    explorer: Explorer | None = None

    def label(self, name: str) -> str:
        """The short label of a leaf or metric."""
        named: tuple[Leaf | Metric, ...] = (*self.leaves, *self.metrics)
        return next((item.shown for item in named if item.name == name), name)

    @property
    def prior_words(self) -> str:
        """What the proposal is compared with."""
        return "the feasible mixture nearest to the prior" if self.prior_moved else "the prior"

    def gain(self, against: str, measured: bool) -> Gain | None:
        """The gain of that kind, if there is one."""
        for gain in self.gains:
            if (gain.against, gain.measured) == (against, measured):
                return gain
        return None
