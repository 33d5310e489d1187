"""From the results of the steps to findings: the one place that knows what other rooms' results look like.

Predictions, intervals and scores are taken as the steps that made them state them; what is computed here is only what
follows from them (sensitivities, repetition of the prior, shares of the objective).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from olmix.report import gather_trust
from olmix.report.findings import (
    Explorer,
    Findings,
    Front,
    Gain,
    Leaf,
    Limit,
    Metric,
    NextRun,
    PathPoint,
    Reused,
)
from olmix.report.labels import labels, left_out
from olmix.report.means import error, mean
from olmix.report.words import listing, percent

if TYPE_CHECKING:
    from olmix.fit import Law
    from olmix.fit.bootstrap import Gain as FitGain
    from olmix.fit.propose_result import MetricPrediction, ProposalResult
    from olmix.fit.steps import LawsResult
    from olmix.mix.feasible import FeasibleSet
    from olmix.mix.runs import RunTable

#: Half of a central 90 % interval of a normal distribution, in standard deviations.
Z90 = 1.6448536269514722

#: An objective of so few metrics is told by their names.
FEW = 3

#: Metric → one value per seed, for each arm ("prior", "proposal", "best").
Measured = Mapping[str, Mapping[str, tuple[float, ...]]]


def search_findings(
    *,
    title: str,
    question: str,
    laws: LawsResult,
    proposal: ProposalResult,
    runs: RunTable,
    limits: FeasibleSet | None = None,
    measured: Measured | None = None,
    scatter_words: str = "",
    trade: Trade | None = None,
) -> Findings:
    """What the laws and the proposal say, with what validation measured, if anything did.

    Training, cost and provenance are added by the step, which can look into folders.
    """
    measured = measured or {}
    law = laws.law()
    grows = all(row.coefficient <= 0 for row in proposal.metrics)
    total = sum(abs(row.coefficient) for row in proposal.metrics)
    cuts = [cut for cut in map(left_out, (laws.leaves, laws.metrics)) if cut]
    short = labels(laws.metrics)
    metrics = tuple(
        _metric(row, short[row.metric], total, {arm: values.get(row.metric, ()) for arm, values in measured.items()})
        for row in proposal.metrics
    )
    objective = _objective(proposal, metrics, grows)
    return Findings(
        title=title,
        question=question,
        objective=objective,
        objective_words=objective_words(metrics),
        objective_parts=objective_parts(metrics),
        unit=unit(metrics),
        names_left_out=", ".join(cuts),
        leaves=_leaves(proposal, laws, runs, limits),
        metrics=metrics,
        runs=len(runs.runs),
        run_names=laws.runs,
        gains=_gains(proposal, objective),
        prior_moved=any(
            abs(row.prior - w) > 1e-6 for row, w in zip(proposal.leaves, proposal.prior_weights, strict=True)
        ),
        solver=_solver(proposal),
        worst=proposal.worst,
        target_tokens=limits.target_tokens if limits is not None else None,
        best_run=proposal.best_run,
        scatters=gather_trust.scatters(laws),
        scatter_words=scatter_words,
        sensitivity=gather_trust.sensitivity(law, laws, proposal),
        learning=gather_trust.learning(laws),
        test_runs=laws.test_runs,
        calibration=gather_trust.calibration(laws),
        run_doubts=gather_trust.run_doubts(laws, proposal),
        front=_front(proposal, trade),
        path=_path(proposal, grows),
        next_runs=_next_runs(proposal),
        reused=tuple(Reused(leaf=item.leaf, parts=item.parts, shares=item.shares) for item in proposal.frozen),
        warnings=tuple(dict.fromkeys((*laws.warnings, *proposal.warnings))),
        explorer=_explorer(law, laws, proposal, limits),
    )


@dataclasses.dataclass(frozen=True)
class Trade:
    """What a front was asked for: the names of its two ends, and how the proposal reads such names."""

    first: str
    second: str
    families: Mapping[str, Sequence[str]]
    maximise: Sequence[str]
    standardised: bool


def _front(proposal: ProposalResult, trade: Trade | None) -> Front | None:
    """The front with the prior and the proposal beside it; what should grow is shown as what it is, not with a minus."""
    if trade is None or not proposal.front:
        return None
    values = {row.metric: (row.prior[0], row.proposal[0]) for row in proposal.metrics}

    def at(name: str, where: int) -> float:
        members = trade.families.get(name, (name,))
        return sum(values[member][where] for member in members) / len(members)

    signs = [-1.0 if name in trade.maximise else 1.0 for name in (trade.first, trade.second)]
    ends = None if trade.standardised else [(at(trade.first, i), at(trade.second, i)) for i in (0, 1)]
    return Front(
        first=trade.first,
        second=trade.second,
        points=tuple((signs[0] * point.first, signs[1] * point.second) for point in proposal.front),
        prior=None if ends is None else ends[0],
        proposal=None if ends is None else ends[1],
    )


def _path(proposal: ProposalResult, grows: bool) -> tuple[PathPoint, ...]:
    sign = -1.0 if grows else 1.0
    return tuple(
        PathPoint(strength=point.kl, objective=sign * point.objective, divergence=point.divergence)
        for point in proposal.path
    )


def _next_runs(proposal: ProposalResult) -> tuple[NextRun, ...]:
    names = [row.leaf for row in proposal.leaves]
    return tuple(
        NextRun(mixture={n: w for n, w in zip(names, run.weights, strict=True) if w > 0}, remaining=run.remaining)
        for run in proposal.next_runs
    )


def _metric(row: MetricPrediction, label: str, total: float, measured: Mapping[str, tuple[float, ...]]) -> Metric:
    mean, std = row.proposal
    return Metric(
        name=row.metric,
        label=label,
        weight=abs(row.coefficient) / total if total else 0.0,
        coefficient=row.coefficient,
        maximise=row.coefficient < 0,
        prior_predicted=row.prior[0],
        predicted=mean,
        predicted_interval=(mean - Z90 * std, mean + Z90 * std),
        measured={arm: values for arm, values in measured.items() if values},
    )


def _objective(proposal: ProposalResult, metrics: Sequence[Metric], grows: bool) -> Metric:
    """The objective as a metric; when all metrics should grow it is shown as what grows."""
    sign = -1.0 if grows else 1.0
    # A counterfactual's gains say how much worse it is; here they stay gains, so its signs turn.
    turn = -1.0 if proposal.worst else 1.0
    prior = sum(row.coefficient * row.prior[0] for row in proposal.metrics)
    gain = proposal.over_prior
    ends = sorted(sign * (prior - turn * value) for value in (gain.low, gain.high))
    arms: dict[str, tuple[float, ...]] = {}
    for arm in ("prior", "proposal", "best"):
        rows = [(m.coefficient, m.measured.get(arm, ())) for m in metrics if m.coefficient]
        count = min((len(values) for _, values in rows), default=0)
        if count:
            arms[arm] = tuple(sign * sum(c * values[i] for c, values in rows) for i in range(count))
    return Metric(
        name="objective",
        weight=1.0,
        maximise=grows,
        prior_predicted=sign * prior,
        predicted=sign * (prior - turn * gain.expected),
        predicted_interval=(ends[0], ends[1]),
        measured=arms,
    )


def unit(metrics: Sequence[Metric]) -> str:
    """The unit of the objective: bits per byte when that is what all its metrics count, else none."""
    return "bits per byte" if all(metric.name.startswith("bpb/") for metric in metrics if metric.weight > 0) else ""


def objective_words(metrics: Sequence[Metric]) -> str:
    """The objective in a few words: `the mean of 3 metrics (a, b and c)`; the names only where they are few."""
    counted = [metric for metric in metrics if metric.weight > 0]
    if len(counted) == 1:
        return counted[0].shown
    names = f" ({listing([metric.shown for metric in counted])})" if len(counted) <= FEW else ""
    return f"the {'' if _even(counted) else 'weighted '}mean of {len(counted)} metrics{names}"


def objective_parts(metrics: Sequence[Metric]) -> str:
    """What the objective is made of, with shares where they differ and a word on metrics that should grow."""
    counted = [metric for metric in metrics if metric.weight > 0]
    if len(counted) < 2 or (_even(counted) and len(counted) <= FEW):
        return ""
    even = _even(counted)
    names = [m.shown if even else f"{percent(m.weight, 0)} {m.shown}" for m in counted]
    growing = sum(metric.maximise for metric in counted)
    note = "; metrics that should grow count with a minus" if 0 < growing < len(counted) else ""
    return listing(names, 20) + note


def _even(counted: Sequence[Metric]) -> bool:
    return max(metric.weight for metric in counted) - min(metric.weight for metric in counted) < 1e-9


def _gains(proposal: ProposalResult, objective: Metric) -> tuple[Gain, ...]:
    plain = all(row.coefficient >= 0 for row in proposal.metrics) or objective.maximise
    found = [_predicted(proposal.over_prior, "prior", proposal.worst, objective.prior_predicted if plain else None)]
    if proposal.over_best is not None:
        found.append(_predicted(proposal.over_best, "best", proposal.worst, None))
    ours = objective.measured.get("proposal", ())
    sign = 1.0 if objective.maximise else -1.0
    for arm in ("prior", "best"):
        theirs = objective.measured.get(arm, ())
        mine, other = mean(ours), mean(theirs)
        if mine is None or other is None:
            continue
        sure = len(ours) > 1 and len(theirs) > 1
        found.append(
            Gain(
                against=arm,
                measured=True,
                value=sign * (mine - other),
                standard_error=(error(ours) ** 2 + error(theirs) ** 2) ** 0.5 if sure else None,
                seeds=min(len(ours), len(theirs)),
                reference=abs(other) if plain else None,
            )
        )
    return tuple(found)


def _predicted(gain: FitGain, against: str, worst: bool, reference: float | None) -> Gain:
    low, high = (-gain.high, -gain.low) if worst else (gain.low, gain.high)
    return Gain(
        against=against,
        measured=False,
        value=-gain.expected if worst else gain.expected,
        interval=(low, high),
        probability=1 - gain.probability if worst else gain.probability,
        reference=None if reference is None else abs(reference),
    )


def _leaves(proposal: ProposalResult, laws: LawsResult, runs: RunTable, limits: FeasibleSet | None) -> tuple[Leaf, ...]:
    judged = {leaf.leaf: leaf for leaf in laws.diagnostics.leaves}
    columns = dict(zip(runs.leaves, zip(*runs.weights, strict=True), strict=True))
    allowed = limits.ordered([row.leaf for row in proposal.leaves]) if limits is not None else None
    target = allowed.target_tokens if allowed is not None else None
    short = labels([row.leaf for row in proposal.leaves])
    found = []
    for j, row in enumerate(proposal.leaves):
        column = columns[row.leaf]
        tokens = allowed.tokens[j] if allowed is not None and allowed.tokens else None
        found.append(
            Leaf(
                name=row.leaf,
                label=short[row.leaf],
                prior=row.prior,
                proposed=row.weight,
                interval=(row.low, row.high),
                minimum=allowed.lower[j] if allowed is not None else 0.0,
                cap=row.cap,
                tokens=tokens,
                repetition_limit=allowed.repetition_limits[j]
                if allowed is not None and allowed.repetition_limits
                else None,
                repetition=row.repetitions,
                prior_repetition=row.prior * target / tokens if target and tokens else None,
                swarm=(min(column), max(column)),
                identified=row.leaf not in judged or judged[row.leaf].identified,
                doubt="" if row.leaf not in judged or judged[row.leaf].identified else judged[row.leaf].why,
            )
        )
    return tuple(found)


def _solver(proposal: ProposalResult) -> str:
    certificate = f", duality gap {proposal.gap:.0e}" if proposal.gap is not None else ""
    pull = (
        f"λ = {proposal.kl:g} times the KL divergence from the prior is added to the objective"
        if proposal.kl
        else "nothing pulls it to the prior"
    )
    return f"{proposal.method}{certificate}; {proposal.refits:,} bootstrap refits; {pull}"


def _explorer(law: Law, laws: LawsResult, proposal: ProposalResult, limits: FeasibleSet | None) -> Explorer | None:
    """The laws as the page can evaluate them, if it can: None for laws that have no counterpart there."""
    import numpy as np

    from olmix.report.explorer import portable

    slim = portable(json.loads(laws.law_json))
    if slim is None:
        return None
    names = tuple(row.leaf for row in proposal.leaves)
    if names != laws.leaves or tuple(row.metric for row in proposal.metrics) != laws.metrics:
        raise ValueError("The proposal was made from other laws: its leaves or metrics differ from theirs.")
    points = [
        [row.prior for row in proposal.leaves],
        [row.weight for row in proposal.leaves],
        list(proposal.prior_weights),
    ]
    if proposal.best_weights is not None:
        points.append(list(proposal.best_weights))
    points.append([1 / len(names)] * len(names))
    values = law.predict(np.array(points))
    allowed = limits.ordered(names) if limits is not None else None
    return Explorer(
        law=slim,
        checks=tuple((tuple(point), tuple(value)) for point, value in zip(points, values.tolist(), strict=True)),
        limits=tuple(
            Limit(
                name=limit.name, leaves=limit.leaves, coefficients=limit.coefficients, low=limit.lower, high=limit.upper
            )
            for limit in (allowed.limits if allowed is not None else ())
        ),
    )
