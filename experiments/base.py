"""Base: which steps an experiment is made of and what each reads from. No numbers; those are a preset's business."""

from __future__ import annotations

import fiddle as fdl

from olmix.data.steps import Scan
from olmix.fit.propose_step import Proposal
from olmix.fit.steps import Laws
from olmix.mix.steps import Design, Limits
from olmix.mixture_search import MixtureSearch
from olmix.report.steps import Report
from olmix.train.steps import Swarm, Validation


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
