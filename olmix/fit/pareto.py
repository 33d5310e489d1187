"""What a proposal trades: the front of two objectives, and the path from the optimum to the prior.

The front comes by weighted sums, each placed where the largest gap is (Cohon's non-inferior set estimation, 1978): for
convex laws every efficient mixture minimises some weighted sum, so the points lie on the true front and the segments
between them bound it from above; for other laws they are those points of it that a weighted sum can reach.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from olmix.errors import UserError
from olmix.fit.checks import Array
from olmix.fit.law import Law
from olmix.fit.propose import divergence, optimum
from olmix.fit.propose_result import FrontPoint, PathPoint
from olmix.mix.feasible import FeasibleSet


def front(
    law: Law, first: Array, second: Array, feasible: FeasibleSet, *, points: int = 11, kl: float = 0.0, seed: int = 0
) -> tuple[FrontPoint, ...]:
    """At most `points` efficient mixtures of the objectives `first` and `second` (coefficients [k]), ordered by the first."""
    if points < 2:
        raise UserError(f"A front has at least 2 points, not {points}.")

    def solve(share: float) -> FrontPoint:
        # An end of the front keeps a crumb of the other objective, or it would be any of many equals.
        inner = min(max(share, 1e-6), 1 - 1e-6)
        w = optimum(law, (1 - inner) * first + inner * second, feasible, kl=kl, seed=seed).weights
        values = law.predict(w[None])[0]
        return FrontPoint(
            weights=tuple(float(x) for x in w), first=float(values @ first), second=float(values @ second), share=share
        )

    found = [solve(0.0), solve(1.0)]
    width = abs(found[1].first - found[0].first) or 1.0
    height = abs(found[1].second - found[0].second) or 1.0
    closed: set[tuple[float, float]] = set()
    while len(found) < points:
        gaps = [
            (np.hypot((b.first - a.first) / width, (b.second - a.second) / height), a, b)
            for a, b in itertools.pairwise(found)
            if (a.share, b.share) not in closed
        ]
        if not gaps:
            break
        size, a, b = max(gaps, key=lambda gap: gap[0])
        rise, run = a.second - b.second, b.first - a.first
        if size < 1e-6 or rise <= 0 or run <= 0:
            break
        new = solve(run / (run + rise))  # the weighted sum that is the same at both ends
        inside = a.first + 1e-9 * width < new.first < b.first - 1e-9 * width
        if not inside:
            closed.add((a.share, b.share))  # the front is straight here
            continue
        found.insert(found.index(b), new)
    return tuple(found)


def kl_path(
    law: Law, coefficients: Array, feasible: FeasibleSet, strengths: Sequence[float], *, seed: int = 0
) -> tuple[PathPoint, ...]:
    """The proposal for each strength of the KL term, in the order given."""
    found = []
    for kl in strengths:
        w = optimum(law, coefficients, feasible, kl=kl, seed=seed).weights
        away = float(divergence(w, feasible.prior_array))
        if not np.isfinite(away):
            raise UserError("The path to the prior is infinite: a leaf of prior 0 is used; give it a prior above 0.")
        found.append(
            PathPoint(
                kl=float(kl),
                weights=tuple(float(x) for x in w),
                objective=float(law.predict(w[None])[0] @ coefficients),
                divergence=away,
            )
        )
    return tuple(found)
