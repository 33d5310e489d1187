"""The plain results of training: one proxy, and a validation of a proposal. No torch, only numbers."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

from olmix.errors import UserError, nearest
from olmix.train.noise import needed

#: Names of metrics on held-out text begin with this.
BPB = "bpb/"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProxyResult:
    """What one proxy run gave.

    `status` is "finished" or "diverged"; a diverged run (its loss or gradient became NaN or infinite) is a result like any
    other, says why in `reason`, and has no `metrics`. `metrics` holds `bpb/<leaf>` of held-out text (see `with_groups`),
    lower is better. `tokens` were trained on, exactly (`declared_tokens` were asked for); `tokens_per_leaf` adds up to
    them; `repetition` is how often each leaf was read. `seconds` are of training alone. `loss_curve` holds (tokens, nats
    per token), `evaluations` (tokens, metrics) in the course of the run.
    """

    status: str
    reason: str
    mixture: dict[str, float]
    seed: int
    metrics: dict[str, float]
    train_loss: float | None
    tokens: int
    declared_tokens: int
    tokens_per_leaf: dict[str, int]
    repetition: dict[str, float]
    parameters: int
    non_embedding_parameters: int
    skipped_steps: int
    seconds: float
    seconds_setting_up: float
    tokens_per_second: float
    share_waiting_for_data: float
    loss_curve: tuple[tuple[int, float], ...]
    evaluations: tuple[tuple[int, dict[str, float]], ...]

    @property
    def finished(self) -> bool:
        """Whether it came to its end with finite numbers."""
        return self.status == "finished"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Arm:
    """One mixture of a validation, trained with several seeds.

    `objectives` holds the objective of each finished seed, in the order of `seeds`; `mean` and `standard_error` (of the
    mean) are None with fewer than one and two of them. `metrics` are means over the seeds. `failed` maps seeds (as text)
    to reasons.
    """

    name: str
    mixture: dict[str, float]
    seeds: tuple[int, ...]
    objectives: tuple[float, ...]
    mean: float | None
    standard_error: float | None
    metrics: dict[str, float]
    failed: dict[str, str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """The proposal against another arm: `gain` = that arm's mean objective − the proposal's; positive is better.

    `standard_error` is that of the difference of two independent means. `beyond_noise` says whether the gain is more of
    them than chance would give (`noise.needed`); None where there are too few finished seeds to say.
    """

    against: str
    gain: float | None
    standard_error: float | None
    beyond_noise: bool | None
    #: How many standard errors would tell a difference from chance with so many seeds.
    needed: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class ValidationResult:
    """Whether the proposal is better than the prior and the best observed variant, when trained anew.

    `objective` maps metric to weight; arms are "proposal", "prior" and "best observed". `sentence` says it in words.
    """

    objective: dict[str, float]
    arms: tuple[Arm, ...]
    comparisons: tuple[Comparison, ...]
    sentence: str

    def arm(self, name: str) -> Arm:
        """The arm of a name. Raises KeyError."""
        return {arm.name: arm for arm in self.arms}[name]


def mean_and_error(values: Sequence[float]) -> tuple[float | None, float | None]:
    """Mean and its standard error (sample deviation / √n); None where there are too few values."""
    if not values:
        return None, None
    mean = math.fsum(values) / len(values)
    if len(values) < 2:
        return mean, None
    return mean, math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1) / len(values))


def group_means(values: Mapping[str, float], groups: Mapping[str, tuple[str, ...]]) -> dict[str, float]:
    """The plain mean over each group's members.

    Raises:
      UserError: if a group is empty or names something that was not measured.
    """
    means = {}
    for group, members in groups.items():
        missing = [m for m in members if m not in values]
        if not members:
            raise UserError(f"Group {group!r} has no members to average; known: {', '.join(values)}.")
        if missing:
            near = nearest(missing[0], values)
            raise UserError(
                f"Group {group!r} averages {', '.join(missing)}, which has no held-out set{near}; known: {', '.join(values)}."
            )
        means[group] = math.fsum(values[m] for m in members) / len(members)
    return means


def with_groups(result: ProxyResult, groups: Mapping[str, tuple[str, ...]]) -> ProxyResult:
    """A run's result with `bpb/<group>`, the mean over each group's leaves, beside every measurement.

    It is arithmetic on what was measured, so a run is the same whatever groups are asked for, and trained once.
    """
    if not groups:
        return result

    def more(metrics: Mapping[str, float]) -> dict[str, float]:
        leaves = {name.removeprefix(BPB): value for name, value in metrics.items() if name.startswith(BPB)}
        return {**metrics, **{f"{BPB}{name}": value for name, value in group_means(leaves, groups).items()}}

    evaluations = tuple((tokens, more(metrics)) for tokens, metrics in result.evaluations)
    return dataclasses.replace(result, metrics=more(result.metrics) if result.metrics else {}, evaluations=evaluations)


def objective_value(objective: Mapping[str, float], metrics: Mapping[str, float]) -> float:
    """Σ weight · metric. Raises KeyError for a metric that was not measured."""
    return math.fsum(weight * metrics[metric] for metric, weight in objective.items())


def summarise_arm(name: str, objective: Mapping[str, float], runs: Mapping[int, ProxyResult]) -> Arm:
    """One arm from its runs by seed."""
    finished = {seed: run for seed, run in runs.items() if run.finished}
    values = [objective_value(objective, run.metrics) for run in finished.values()]
    mean, error = mean_and_error(values)
    shared = set.intersection(*(set(run.metrics) for run in finished.values())) if finished else set()
    return Arm(
        name=name,
        mixture=next(iter(runs.values())).mixture,
        seeds=tuple(finished),
        objectives=tuple(values),
        mean=mean,
        standard_error=error,
        metrics={m: math.fsum(run.metrics[m] for run in finished.values()) / len(finished) for m in sorted(shared)},
        failed={str(seed): run.reason for seed, run in runs.items() if not run.finished},
    )


def compare(proposal: Arm, other: Arm) -> Comparison:
    """The gain of the proposal over another arm, with the error of a difference of independent means (Welch)."""
    if proposal.mean is None or other.mean is None:
        return Comparison(against=other.name, gain=None, standard_error=None, beyond_noise=None)
    gain = other.mean - proposal.mean
    if proposal.standard_error is None or other.standard_error is None:
        return Comparison(against=other.name, gain=gain, standard_error=None, beyond_noise=None)
    error = math.hypot(proposal.standard_error, other.standard_error)
    least = needed(min(len(proposal.objectives), len(other.objectives)))
    return Comparison(
        against=other.name, gain=gain, standard_error=error, beyond_noise=gain > least * error, needed=least
    )


def in_words(comparison: Comparison) -> str:
    """One sentence about a comparison."""
    against, gain, error = comparison.against, comparison.gain, comparison.standard_error
    if gain is None:
        return f"Against the {against} nothing can be said: no run of one of the two finished."
    if error is None or comparison.needed is None:
        return f"Against the {against} the proposal gains {gain:+.4f}, and one seed cannot say whether that is noise."
    least = f"{comparison.needed:.1f} standard errors"
    if comparison.beyond_noise:
        verdict = f"more than {least}, so better than noise"
    elif gain < -comparison.needed * error:
        verdict = f"more than {least} in the wrong direction: it is worse"
    else:
        verdict = f"within {least}, so no more than noise"
    return f"Against the {against} the proposal gains {gain:+.4f} ± {error:.4f}, {verdict}."
