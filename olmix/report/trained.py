"""What the training steps left: loss curves, measured metrics by arm, failed runs, cost."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from olmix.graph.step import Context, Step
from olmix.report.findings import Cost, Curve, Failure
from olmix.train.steps import Swarm, Validation

#: Points over all loss curves of a page, and the fewest per curve: enough to see the shape, small enough to send.
POINTS, FEWEST = 12_000, 40

#: How a validation calls its arms, and how the report does.
ARMS = {"prior": "prior", "best observed": "best", "proposal": "proposal"}


@dataclasses.dataclass(frozen=True)
class Trained:
    """One finished or failed training run of a fan-out."""

    name: str
    piece: Step
    result: Any


def trained(context: Context, step: Swarm | Validation) -> Iterator[Trained]:
    """The runs of a swarm or a validation, by name."""
    results = step.results(context)
    for name, piece in step.pieces(context).items():
        yield Trained(name, piece, results[name])


def arm_of(name: str) -> str | None:
    """The arm of a validation's piece, from its name `<arm>-seed-<n>`."""
    found = re.fullmatch(r"(.+)-seed-\d+", name)
    return ARMS.get(found[1].replace("-", " ")) if found else None


def measured(runs: list[Trained]) -> dict[str, dict[str, tuple[float, ...]]]:
    """Metrics of a validation: arm → metric → one value per finished seed."""
    found: dict[str, dict[str, tuple[float, ...]]] = {}
    for run in runs:
        arm = arm_of(run.name)
        if arm is None or not run.result.finished:
            continue
        values = found.setdefault(arm, {})
        for metric, value in run.result.metrics.items():
            values[metric] = (*values.get(metric, ()), value)
    return found


def curves(swarm: list[Trained], validation: list[Trained]) -> tuple[Curve, ...]:
    """Loss curves of all runs, thinned to what a page can carry."""
    runs = [*((run, "swarm") for run in swarm), *((run, arm_of(run.name) or "swarm") for run in validation)]
    most = max(POINTS // max(len(runs), 1), FEWEST)
    found = []
    for run, role in runs:
        points = thinned([(tokens, loss) for tokens, loss in run.result.loss_curve if loss is not None], most)
        if points:
            tokens, losses = zip(*points, strict=True)
            found.append(Curve(run=run.name, role=role, tokens=tokens, loss=losses))
    return tuple(found)


def thinned(points: list[tuple[float, float]], most: int) -> list[tuple[float, float]]:
    """At most `most` points of a curve, each the mean of its neighbours; the last point stays as it is."""
    if len(points) <= most:
        return points
    bounds = [round(i * (len(points) - 1) / (most - 1)) for i in range(most)]
    groups = [points[a:b] for a, b in itertools.pairwise(bounds) if b > a]
    means = [(sum(p[0] for p in group) / len(group), sum(p[1] for p in group) / len(group)) for group in groups]
    return [*means, points[-1]]


def failures(failed: Mapping[str, str], swarm: list[Trained], validation: list[Trained]) -> tuple[Failure, ...]:
    """Runs without a result: those of our own training with their mixtures, and those that a table of others names."""
    ours = {run.name: run.result for run in [*swarm, *validation] if not run.result.finished}
    found = [Failure(run=name, reason=result.reason, mixture=dict(result.mixture)) for name, result in ours.items()]
    found += [Failure(run=name, reason=reason) for name, reason in failed.items() if name not in ours]
    return tuple(found)


def training_cost(context: Context, part: str, runs: list[Trained]) -> Cost:
    """What the runs of a fan-out took: seconds as recorded beside their artifacts, times what they held.

    Of runs that were trained side by side each has its share recorded.
    """
    wall = cpu = gpu = 0.0
    for run in runs:
        seconds, needs = seconds_of(context, run.piece), run.piece.needs
        wall += seconds
        cpu += seconds * (needs.cpus if needs is not None else 1)
        gpu += seconds * (needs.gpus if needs is not None else 0)
    tokens = sum(run.result.tokens for run in runs)
    return Cost(part=part, runs=len(runs), tokens=tokens, seconds=wall, cpu_seconds=cpu, gpu_seconds=gpu)


def step_cost(context: Context, part: str, step: Step) -> Cost:
    """What a single step took."""
    seconds, needs = seconds_of(context, step), step.needs
    return Cost(
        part=part,
        runs=0,
        seconds=seconds,
        cpu_seconds=seconds * (needs.cpus if needs is not None else 1),
        gpu_seconds=seconds * (needs.gpus if needs is not None else 0),
    )


def seconds_of(context: Context, step: Step) -> float:
    """How long an artifact took to make, 0 where nobody wrote it down."""
    about = json.loads((context.folder(step) / "about.json").read_text())
    return float(about.get("seconds") or 0.0)
