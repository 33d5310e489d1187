"""A search with real laws and a real proposal on runs that are already there, small enough for a test."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from typing import Any

import numpy as np

from olmix.fit import LogLinear
from olmix.fit.propose_step import Proposal
from olmix.fit.steps import Laws
from olmix.graph import Context, Step
from olmix.graph.progress import Reporter
from olmix.graph.ray_engine import RaySettings
from olmix.graph.runner import Run, run_experiment
from olmix.graph.store import Store
from olmix.mix.feasible import FeasibleSet
from olmix.mix.limits import feasible_set
from olmix.mix.runs import RunTable
from olmix.mixture_search import MixtureSearch
from olmix.report import Report

LEAVES = ("web:news", "web:forums", "code:high", "code:low", "<script>alert(1)</script>", 'books & "plays"')
METRICS = ("bpb/code", "bpb/web", "bpb/<b>books</b>")
TOKENS = dict(zip(LEAVES, (900_000, 700_000, 150_000, 400_000, 300_000, 200_000), strict=True))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finished(Step):
    """A table of runs whose metrics follow a law; `effect` scales how much the mixture matters."""

    count: int = 32
    effect: float = 1.0
    noise: float = 0.003
    seed: int = 0

    def run(self, context: Context) -> RunTable:
        rng = np.random.default_rng(self.seed)
        w = rng.dirichlet(np.full(len(LEAVES), 1.5), self.count)
        slopes = -self.effect * rng.random((len(METRICS), len(LEAVES)))
        y = 0.8 + np.exp(w @ slopes.T) + self.noise * rng.standard_normal((self.count, len(METRICS)))
        return RunTable(
            runs=tuple(f"variant-{i:03d}" for i in range(self.count)),
            leaves=LEAVES,
            weights=tuple(map(tuple, w.tolist())),
            metrics=METRICS,
            values=tuple(map(tuple, y.tolist())),
            failed={"variant-099": "the loss became NaN at step 12"},
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Box(Step):
    """Limits from fixed token counts."""

    target_tokens: int = 4_000_000

    def run(self, context: Context) -> FeasibleSet:
        return feasible_set(TOKENS, target_tokens=self.target_tokens, repetition_limit=4.0)


def search(**settings: Any) -> MixtureSearch:
    runs, limits = Finished(**settings), Box()
    laws = Laws(runs=runs, law=LogLinear(), max_missing=1)
    proposal = Proposal(laws=laws, runs=runs, limits=limits, objective={"bpb/code": 2.0, "bpb/web": 1.0}, bootstrap=100,
        path=(0.0, 0.1, 1.0), front=("bpb/code", "bpb/web"), next_runs=3,
    )  # fmt: skip
    report = Report(laws=laws, proposal=proposal, runs=runs, limits=limits, question="Does <code> help?")
    return MixtureSearch(name="toy", limits=limits, swarm=runs, laws=laws, proposal=proposal, report=report)


def ran(folder: pathlib.Path, experiment: MixtureSearch) -> Run:
    from rich.console import Console

    quiet = Reporter(Console(file=(folder / "console.txt").open("w")))
    blame = {"laws.max_missing": {"place": "experiments/toy.py:7 experiment", "before": "0"}}
    return run_experiment(
        experiment,
        Store(folder / "runs"),
        resolved="{}",
        blame=json.dumps({"lines": blame}),
        ray=RaySettings(),
        reporter=quiet,
    )
