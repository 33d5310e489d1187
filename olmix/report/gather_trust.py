"""From the result of the laws to what a report says about trusting them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from olmix.report.findings import LearningPoint, RunDoubt, Scatter, Sensitivity

if TYPE_CHECKING:
    from olmix.fit import Law
    from olmix.fit.propose_result import ProposalResult
    from olmix.fit.steps import LawsResult


def scatters(laws: LawsResult) -> tuple[Scatter, ...]:
    """Left-out predictions and scores of every metric."""
    tested = {score.metric: score for score in laws.test_scores}
    return tuple(
        Scatter(
            metric=score.metric,
            predicted=tuple(row[k] for row in laws.predicted),
            observed=tuple(row[k] for row in laws.observed),
            std=tuple(row[k] for row in laws.std),
            spearman=score.spearman,
            pearson=score.pearson,
            rmse=score.rmse,
            regret=score.regret,
            coverage_90=score.coverage_90,
            z_spread=score.z_spread,
            test_spearman=tested[score.metric].spearman if score.metric in tested else None,
            test_rmse=tested[score.metric].rmse if score.metric in tested else None,
        )
        for k, score in enumerate(laws.scores)
    )


def sensitivity(law: Law, laws: LawsResult, proposal: ProposalResult) -> Sensitivity:
    """A point more of each leaf, taken from all others in proportion: predicted by the laws, so any law will do."""
    import numpy as np

    w = np.array([row.weight for row in proposal.leaves])
    rest = np.maximum(1 - w, 0.01)
    steps = np.minimum(0.01, rest) / rest
    moved = w + steps[:, None] * (np.eye(len(w)) - w)
    change = law.predict(moved) - law.predict(w[None])
    return Sensitivity(metrics=laws.metrics, leaves=laws.leaves, values=tuple(tuple(row) for row in change.T.tolist()))


def learning(laws: LawsResult) -> tuple[LearningPoint, ...]:
    """Scores by number of runs."""
    return tuple(
        LearningPoint(runs=point.runs, metric=point.metric, spearman=point.spearman, rmse=point.rmse)
        for point in laws.diagnostics.learning
    )


def calibration(laws: LawsResult) -> tuple[tuple[float, float], ...]:
    """(level, share of the left-out runs inside) of the laws' intervals."""
    found = laws.diagnostics.calibration
    return () if found is None else tuple(zip(found.levels, found.observed, strict=True))


def run_doubts(laws: LawsResult, proposal: ProposalResult) -> tuple[RunDoubt, ...]:
    """All runs, the most surprising first."""
    ordered = sorted(laws.diagnostics.runs, key=lambda run: -run.surprise)
    without = {item.run: item.gain_without for item in proposal.influences}
    return tuple(
        RunDoubt(run=run.run, leverage=run.leverage, surprise=run.surprise, gain_without=without.get(run.run))
        for run in ordered
    )
