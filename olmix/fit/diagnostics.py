"""How far a fit can be trusted: learning curve, calibration, single runs, and leaves that the runs do not identify.

Nothing here is judged on runs that the judged law has seen. What depends on the mixtures alone (leverage, what the leaves'
weights vary by) needs no law at all, and says where the design is thin before any metric is looked at.
"""

from __future__ import annotations

import dataclasses
import statistics

import numpy as np

from olmix.fit.checks import Array
from olmix.fit.cross_validation import FEWEST_MIXTURES, OutOfSample
from olmix.fit.law import Law
from olmix.fit.scores import Score, score

#: Central intervals whose coverage is counted.
LEVELS = (0.5, 0.8, 0.9, 0.95)
#: A leaf is identified if its weight varies by more than this, and if so much of its direction is one that the runs vary in.
NARROW, INSIDE = 1e-3, 0.5
#: A run is out of the ordinary from this many standard deviations on (root mean square over the metrics).
SURPRISING = 3.0
#: The smallest subset that a learning curve begins with, and how many sizes it has at most, the last included.
_SMALLEST, _SIZES = 6, 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class LearningPoint:
    """Scores of one metric by laws fitted on `runs` of the runs and tested on the others (means over the repeats)."""

    runs: int
    metric: str
    spearman: float | None
    rmse: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunDiagnostic:
    """One run. `leverage` (0 to 1) is how alone its mixture stands, by the mixtures alone; `surprise` how far laws that had
    not seen it were off, in their own standard deviations, as a root mean square over the metrics.
    """

    run: str
    leverage: float
    surprise: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class LeafDiagnostic:
    """One leaf: the range of its weight over the runs, and whether they can tell what it does.

    `inside` (0 to 1) is the share of the direction "more of this leaf, less of all others in proportion" in which the runs
    vary at all. `together` names the leaf that its weight follows most closely (correlation above 0.95), "" if there is none.
    """

    leaf: str
    low: float
    high: float
    inside: float
    together: str
    identified: bool

    @property
    def why(self) -> str:
        """Why it is not identified, in a few words."""
        if self.high - self.low < NARROW:
            return "hardly varies"
        # Two leaves that only ever move as one: their sum is known, neither of them is.
        return f"moves with {self.together}" if self.together else "never varies alone"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Calibration:
    """Of all out-of-sample predictions, the share `observed[i]` that the central interval of `levels[i]` covered."""

    levels: tuple[float, ...]
    observed: tuple[float, ...]
    predictions: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Diagnostics:
    """What is known about a fit beside its scores."""

    learning: tuple[LearningPoint, ...] = ()
    runs: tuple[RunDiagnostic, ...] = ()
    leaves: tuple[LeafDiagnostic, ...] = ()
    calibration: Calibration | None = None

    @property
    def unidentified(self) -> tuple[str, ...]:
        """The leaves that the runs do not identify."""
        return tuple(leaf.leaf for leaf in self.leaves if not leaf.identified)

    @property
    def surprising(self) -> tuple[RunDiagnostic, ...]:
        """The runs that the laws cannot explain, worst first."""
        return tuple(sorted((r for r in self.runs if r.surprise > SURPRISING), key=lambda r: -r.surprise))

    def warnings(self) -> tuple[str, ...]:
        """What a reader must know, by name."""
        found = []
        if self.unidentified and len(self.unidentified) < len(self.leaves):
            named = [leaf for leaf in self.leaves if not leaf.identified]
            words = [f"{leaf.leaf} ({leaf.why})" for leaf in named]
            found.append(f"leaf-not-identified: the runs cannot tell what these do: {_some(words)}")
        if self.surprising:
            shown = [f"{run.run} ({run.surprise:.1f} standard deviations)" for run in self.surprising]
            found.append(f"surprising-run: laws fitted without them were far off: {_some(shown)}; look at these runs")
        if self.calibration is not None:
            covered = self.calibration.observed[self.calibration.levels.index(0.9)]
            if covered < 0.75:
                found.append(
                    f"overconfident: the 90 % intervals of the laws held only {covered:.0%} of the left-out runs"
                )
        return tuple(found)


def diagnose(
    law: Law,
    names: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]],
    w: Array,
    y: Array,
    held_out: OutOfSample,
    *,
    scores: tuple[Score, ...],
    folds: int,
    repeats: int = 2,
    seed: int = 0,
) -> Diagnostics:
    """Everything about a law on `w[n, m]`, `y[n, k]` (`names`: runs, leaves, metrics), from its left-out predictions.

    `repeats` is how many subsets of each size the learning curve fits; 0 leaves it out.
    """
    runs, leaves, metrics = names
    z = (y - held_out.mean) / np.maximum(held_out.std, 1e-300)
    curve = (
        ()
        if repeats == 0
        else learning_curve(law, metrics, w, y, scores=scores, folds=folds, repeats=repeats, seed=seed)
    )
    return Diagnostics(
        learning=curve,
        runs=tuple(
            RunDiagnostic(run=run, leverage=float(h), surprise=float(min(s, 1e6)))
            for run, h, s in zip(runs, leverage(w), np.sqrt((z**2).mean(axis=(0, 2))), strict=True)
        ),
        leaves=identified(leaves, w),
        calibration=Calibration(
            levels=LEVELS,
            observed=tuple(
                float((np.abs(z) <= statistics.NormalDist().inv_cdf(0.5 + level / 2)).mean()) for level in LEVELS
            ),
            predictions=int(z[0].size),
        ),
    )


def learning_curve(
    law: Law,
    metrics: tuple[str, ...],
    w: Array,
    y: Array,
    *,
    scores: tuple[Score, ...],
    folds: int,
    repeats: int = 2,
    seed: int = 0,
) -> tuple[LearningPoint, ...]:
    """Scores by number of runs: of laws fitted anew on random subsets, and last of the cross-validation (`scores`).

    Each subset's law is tested on all other runs; runs with the mixture of one that it saw are not counted.
    """
    rng = np.random.default_rng([seed, 21])
    points = []
    for size in sizes(len(w), folds):
        found = []
        for _ in range(repeats):
            order = rng.permutation(len(w))
            kept, rest = order[:size], order[size:]
            rest = rest[~(w[rest][:, None] == w[kept][None]).all(axis=2).any(axis=1)]
            if len(np.unique(w[kept], axis=0)) < FEWEST_MIXTURES or len(rest) < 3:
                continue
            fitted = law.clone().fit(w[kept], y[kept])
            found.append(score(metrics, y[rest], fitted.predict(w[rest])))
        for k, metric in enumerate(metrics) if found else ():
            known = [s[k].spearman for s in found if s[k].spearman is not None]
            points.append(
                LearningPoint(
                    runs=size,
                    metric=metric,
                    spearman=float(np.mean([value for value in known if value is not None])) if known else None,
                    rmse=float(np.sqrt(np.mean([s[k].rmse ** 2 for s in found]))),
                )
            )
    last = _left_in(len(w), folds)
    points += [LearningPoint(runs=last, metric=s.metric, spearman=s.spearman, rmse=s.rmse) for s in scores]
    return tuple(points)


def sizes(n: int, folds: int) -> tuple[int, ...]:
    """The subsets' sizes of a learning curve over `n` runs, evenly in the logarithm, below that of cross-validation."""
    last = _left_in(n, folds)
    first = max(_SMALLEST, n // 8)
    if first >= 0.8 * last:
        return ()
    count = min(_SIZES, 1 + int(np.log(last / first) / np.log(1.4)))
    return tuple(sorted({round(float(size)) for size in np.geomspace(first, last, count)[:-1]}))


def leverage(w: Array) -> Array:
    """How alone each mixture `w[n, m]` stands, [n], 0 to 1: the diagonal of the projection on what the mixtures span.

    1 means that along some direction this run is the only one, and whatever happened in it is taken for the truth.
    """
    centred = w - w.mean(axis=0)
    u, singular, _ = np.linalg.svd(centred, full_matrices=False)
    kept = singular > 1e-9 * max(float(singular[0]), 1e-300) if len(singular) else singular > 0
    return np.clip((u[:, kept] ** 2).sum(axis=1) + 1 / len(w), 0.0, 1.0)


def identified(leaves: tuple[str, ...], w: Array) -> tuple[LeafDiagnostic, ...]:
    """Which leaves the mixtures `w[n, m]` identify."""
    mean = w.mean(axis=0)
    centred = w - mean
    _, singular, directions = np.linalg.svd(centred, full_matrices=False)
    span = directions[singular > 1e-6 * np.sqrt(len(w))]
    spread = centred.std(axis=0)
    similar = (centred.T @ centred / len(w)) / np.maximum(np.outer(spread, spread), 1e-300)
    np.fill_diagonal(similar, 0.0)
    still = spread < 1e-9
    similar[still] = similar[:, still] = 0.0  # nothing moves with what does not move
    found = []
    for j, leaf in enumerate(leaves):
        direction = -mean.copy()
        direction[j] = 0.0
        direction /= max(-direction.sum(), 1e-300)
        direction[j] = 1.0
        inside = float(((span @ direction) ** 2).sum() / (direction @ direction))
        low, high = float(w[:, j].min()), float(w[:, j].max())
        nearest = int(np.argmax(similar[j])) if len(leaves) > 1 else j
        together = leaves[nearest] if similar[j, nearest] > 0.95 else ""
        found.append(
            LeafDiagnostic(
                leaf=leaf,
                low=low,
                high=high,
                inside=min(inside, 1.0),
                together=together,
                identified=high - low >= NARROW and inside >= INSIDE and not together,
            )
        )
    return tuple(found)


def _left_in(n: int, folds: int) -> int:
    """How many runs the laws of a cross-validation are fitted on."""
    return n - int(np.ceil(n / min(folds, n)))


def _some(items: list[str], most: int = 6) -> str:
    return ", ".join(items[:most]) + (f" and {len(items) - most} more" if len(items) > most else "")
