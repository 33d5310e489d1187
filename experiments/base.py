"""Base: which steps an experiment is made of and what each reads from. No numbers; those are a preset's business."""

from __future__ import annotations

from typing import Any

import fiddle as fdl

from olmix.data.steps import Scan
from olmix.fit.inputs.steps import CsvRuns, Supply, TestCsvRuns
from olmix.fit.propose_step import Proposal
from olmix.fit.steps import Laws
from olmix.mix.reuse_steps import ReusedLimits, ReusedRuns
from olmix.mix.steps import Design, Limits
from olmix.mixture_run import MixtureRun
from olmix.mixture_search import FitRuns, MixtureSearch
from olmix.report.mixture_run import MixtureReport
from olmix.report.steps import Report
from olmix.train.mixture import MixturePlan, TrainMixture
from olmix.train.steps import Swarm, Validation


def single_run() -> fdl.Config[MixtureRun]:
    """One run on the mixture of the scanned tree: scan, plan, train, report. Set `train.proxy`, which `plan` shares, by node."""
    scan = fdl.Config(Scan)
    plan = fdl.Config(MixturePlan, scan=scan)
    train = fdl.Config(TrainMixture, scan=scan, plan=plan)
    report = fdl.Config(MixtureReport, plan=plan, train=train)
    return fdl.Config(MixtureRun, scan=scan, plan=plan, train=train, report=report)


def mixture_search() -> fdl.Config[MixtureSearch]:
    """The whole road: scan, limits, design, swarm, laws, proposal, validation, report. A corpus may be put before it."""
    scan = fdl.Config(Scan)
    limits = fdl.Config(Limits, scan=scan)
    design = fdl.Config(Design, limits=limits)
    swarm = fdl.Config(Swarm, design=design, scan=scan)
    laws = fdl.Config(Laws, runs=swarm)
    proposal = fdl.Config(Proposal, laws=laws, runs=swarm, limits=limits)
    validation = fdl.Config(Validation, proposal=proposal, scan=scan)
    report = fdl.Config(
        Report,
        scan=scan,
        limits=limits,
        design=design,
        runs=swarm,
        laws=laws,
        proposal=proposal,
        validation=validation,
    )
    return fdl.Config(
        MixtureSearch,
        scan=scan,
        limits=limits,
        design=design,
        swarm=swarm,
        laws=laws,
        proposal=proposal,
        validation=validation,
        report=report,
    )


def reuse_search() -> fdl.Config[MixtureSearch]:
    """The whole road with an old mixture frozen: `limits` has it as one leaf, `limits.limits` has all leaves.

    The swarm trains on real leaves; laws and proposal see the frozen one.
    """
    cfg = mixture_search()
    limits = fdl.Config(ReusedLimits, limits=cfg.limits)
    runs = fdl.Config(ReusedRuns, runs=cfg.swarm, limits=limits)
    for step in (cfg.design, cfg.proposal, cfg.report):
        step.limits = limits
    for step in (cfg.laws, cfg.proposal, cfg.report):
        step.runs = runs
    cfg.limits = limits
    return cfg


def fit_runs(runs: fdl.Config[Any] | None = None) -> fdl.Config[FitRuns]:
    """From finished runs, in CSV files or as the step `runs` reads them, to laws, proposal and report; nothing is trained."""
    swarm, test = fdl.Config(CsvRuns) if runs is None else runs, fdl.Config(TestCsvRuns)
    scan = fdl.Config(Supply, runs=swarm)
    limits = fdl.Config(Limits, scan=scan)
    laws = fdl.Config(Laws, runs=swarm, test=test)
    proposal = fdl.Config(Proposal, laws=laws, runs=swarm, limits=limits)
    report = fdl.Config(Report, scan=scan, limits=limits, runs=swarm, laws=laws, proposal=proposal)
    return fdl.Config(
        FitRuns, scan=scan, limits=limits, swarm=swarm, test=test, laws=laws, proposal=proposal, report=report
    )
