"""The step `laws`: from the table of runs to fitted laws and an honest account of how well they predict."""

from __future__ import annotations

import dataclasses

import numpy as np

from olmix.errors import UserError, candidates
from olmix.fit.checks import by_name
from olmix.fit.cross_validation import cross_validate
from olmix.fit.diagnostics import Diagnostics, diagnose
from olmix.fit.law import Array, Law
from olmix.fit.scores import Score, score
from olmix.graph.step import Context, Step
from olmix.mix.runs import RunTable, metrics_of


@dataclasses.dataclass(frozen=True, kw_only=True)
class LawsResult:
    """Fitted laws of all metrics, and predictions of every run by laws that had not seen it.

    `predicted[i][k]` is the mean over the repeats of cross-validation, `std[i][k]` the predicted standard
    deviation of that run; `observed[i][k]` what it gave. `scores` are out of sample. `runs` are in the same
    order as the rows.
    """

    leaves: tuple[str, ...]
    metrics: tuple[str, ...]
    runs: tuple[str, ...]
    law_json: str
    scores: tuple[Score, ...]
    observed: tuple[tuple[float, ...], ...]
    predicted: tuple[tuple[float, ...], ...]
    std: tuple[tuple[float, ...], ...]
    warnings: tuple[str, ...]
    failed: dict[str, str] = dataclasses.field(default_factory=dict)
    #: Scores on the runs of `Laws.test`, which no law was fitted on; empty without them.
    test_scores: tuple[Score, ...] = ()
    test_runs: int = 0
    diagnostics: Diagnostics = dataclasses.field(default_factory=Diagnostics)

    def law(self) -> Law:
        """The fitted law: its columns are `leaves`, its outputs `metrics`."""
        return Law.from_json(self.law_json)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Laws(Step):
    """Fits `law` on the runs of `runs` (any step that returns a RunTable).

    A swarm with failed variants is refused unless `max_missing` allows them: a fit without the runs that
    diverged is a fit without the runs that say where not to go. `test` gives runs that the laws are tested on
    and never fitted on (an empty table: none).
    """

    runs: Step
    law: Law
    test: Step | None = None
    #: How many failed or missing runs are acceptable.
    max_missing: int = 0
    #: Metrics that should grow; all others should fall. Only scores depend on it.
    maximise: tuple[str, ...] = ()
    folds: int = 5
    repeats: int = 3
    #: How many subsets of each size the learning curve fits; 0: no learning curve.
    learning_repeats: int = 2
    seed: int = 0

    def check(self, context: Context) -> None:
        """Names in `maximise` that no run will have."""
        self._check_maximise(metrics_of(self.runs, context))

    def _check_maximise(self, metrics: tuple[str, ...]) -> None:
        for name in self.maximise:
            if name not in metrics:
                raise UserError(
                    f"laws.maximise names {name!r}, which is no metric of the runs{candidates(name, metrics)}."
                )

    def run(self, context: Context) -> LawsResult:
        """Fits, cross-validates and writes `law.json` beside the result."""
        table: RunTable = context.read(self.runs)
        refuse_missing(table, self.max_missing)
        self._check_maximise(table.metrics)
        w, y = arrays(table)
        context.progress(0, 3, f"fitting {len(table.metrics)} metrics on {len(table.runs)} runs")
        law = self.law.clone().fit(w, y)
        context.progress(1, 3, f"cross-validating ({self.repeats} x {self.folds} folds)")
        held_out = cross_validate(law, w, y, folds=self.folds, repeats=self.repeats, seed=self.seed)
        (context.out / "law.json").write_text(law.to_json() + "\n")
        test_scores, test_runs, test_warnings = self._test(context, law, table)
        context.progress(2, 3, "diagnosing")
        scores = score(table.metrics, y, held_out.mean, held_out.std, self.maximise)
        diagnostics = diagnose(
            self.law,
            (table.runs, table.leaves, table.metrics),
            w,
            y,
            held_out,
            scores=scores,
            folds=self.folds,
            repeats=self.learning_repeats,
            seed=self.seed,
        )
        context.progress(3, 3)
        return LawsResult(
            leaves=table.leaves,
            metrics=table.metrics,
            runs=table.runs,
            law_json=law.to_json(),
            scores=scores,
            observed=_rows(y),
            predicted=_rows(held_out.mean.mean(axis=0)),
            std=_rows(held_out.std.mean(axis=0)),
            warnings=(
                *table.notes,
                *(by_name(warning, table.leaves, table.metrics) for warning in law.warnings_),
                *diagnostics.warnings(),
                *_no_better_than_chance(scores, len(table.runs)),
                *test_warnings,
            ),
            failed=table.failed,
            test_scores=test_scores,
            test_runs=test_runs,
            diagnostics=diagnostics,
        )

    def _test(self, context: Context, law: Law, table: RunTable) -> tuple[tuple[Score, ...], int, tuple[str, ...]]:
        """Scores on the test runs, how many there are, and warnings."""
        test: RunTable | None = None if self.test is None else context.read(self.test)
        if test is None or not test.runs:
            return (), 0, ()
        w, y = aligned(test, table.leaves, table.metrics)
        same = np.flatnonzero((np.abs(w[:, None] - np.array(table.weights)[None]).max(axis=2) < 1e-9).any(axis=1))
        if len(same) == len(w):
            raise UserError(
                "All test runs have mixtures that the laws are fitted on, so a score on them is no test of anything; give"
                " runs of other mixtures."
            )
        w, y = np.delete(w, same, axis=0), np.delete(y, same, axis=0)
        mean, std = law.predict(w, return_std=True)
        warnings = tuple(f"test-runs: {note.partition(': ')[2]}" for note in test.notes)
        if same.size:
            warnings += (f"test-runs: {len(same)} runs with mixtures of the fit were left out of the test",)
        return score(table.metrics, y, mean, std, self.maximise), len(w), warnings


def _no_better_than_chance(scores: tuple[Score, ...], runs: int) -> tuple[str, ...]:
    """A warning about metrics by which the laws rank left-out runs no better than a shuffled list might in one of 20 cases.

    Spearman's correlation of two unrelated rankings has variance 1 / (n - 1) (Kendall & Gibbons, Rank Correlation Methods).
    """
    chance = 1.645 / max(runs - 1, 1) ** 0.5
    weak = [
        f"{one.metric} ({one.spearman:.2f})" for one in scores if one.spearman is not None and one.spearman < chance
    ]
    if not weak:
        return ()
    shown = ", ".join(weak[:6]) + (f" and {len(weak) - 6} more" if len(weak) > 6 else "")
    return (
        f"weak-law: out of sample the laws rank {runs} runs no better than chance might (Spearman below {chance:.2f}) by {shown};"
        " what they say of these is a guess: train more variants, or longer proxies",
    )


def arrays(table: RunTable) -> tuple[Array, Array]:
    """`weights[n, m]` and `values[n, k]` of a table as float64.

    Raises:
      UserError: if the table has no runs or no metrics.
    """
    if not table.runs or not table.metrics:
        raise UserError(f"Nothing to fit: {len(table.runs)} runs with {len(table.metrics)} metrics.")
    return np.array(table.weights, dtype=np.float64), np.array(table.values, dtype=np.float64)


def aligned(table: RunTable, leaves: tuple[str, ...], metrics: tuple[str, ...]) -> tuple[Array, Array]:
    """The table's weights [n, m] and values [n, k] with columns in the order of `leaves` and `metrics`, by name."""
    for kind, ours, theirs in (("leaves", leaves, table.leaves), ("metrics", metrics, table.metrics)):
        missing = [name for name in ours if name not in theirs]
        if missing:
            raise UserError(f"The laws were fitted on {kind} that the runs do not have: {', '.join(missing[:6])}.")
    weights = np.array(table.weights, dtype=float)[:, [table.leaves.index(leaf) for leaf in leaves]]
    values = np.array(table.values, dtype=float)[:, [table.metrics.index(name) for name in metrics]]
    return weights, values


def refuse_missing(table: RunTable, max_missing: int) -> None:
    """Raises a UserError that names the failed runs if there are more than `max_missing`."""
    if len(table.failed) <= max_missing:
        return
    named = [f"{name} ({reason})" for name, reason in sorted(table.failed.items())]
    shown = "; ".join(named[:10]) + (f"; and {len(named) - 10} more" if len(named) > 10 else "")
    raise UserError(
        f"{len(named)} of {len(named) + len(table.runs)} runs are missing: {shown}. "
        f"Mend them and run again, or fit without them: --set laws.max_missing={len(named)}."
    )


def _rows(array: Array) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(value) for value in row) for row in array)
