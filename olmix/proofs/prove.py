"""Decides a statement as far as mathematics on a machine can: proved, refuted, or unknown with the reason.

First a counterexample is sought; then z3 and our own certificates run side by side, each in a process that
can be killed. `proved` means that z3 refuted the negation or that an exact checker accepted a certificate;
`refuted` that a point was confirmed in exact or ball arithmetic. Searches are limited by counted steps; the
wall clock only ends what has lost its way, and then the verdict is `unknown`.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from typing import Any

from olmix.proofs.algebra import System, Unsupported, build_system
from olmix.proofs.counterexample import Counterexample
from olmix.proofs.falsify import Budget, search
from olmix.proofs.statement import Statement
from olmix.proofs.z3_prover import DEFAULT_RLIMIT, ask_z3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Effort:
    """How hard to try. `wall_seconds` is the last resort; everything else is counted."""

    falsify: Budget = dataclasses.field(default_factory=Budget)
    z3_rlimit: int = DEFAULT_RLIMIT
    use_z3: bool = True
    wall_seconds: float = 38.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verdict:
    """`proved`, `refuted` or `unknown`; by what; with the certificate or the counterexample where there is
    one.
    """

    verdict: str
    reason: str
    method: str = ""
    certificate: Mapping[str, Any] | None = None
    counterexample: Counterexample | None = None
    seconds: float = 0.0


def prove(statement: Statement, effort: Effort | None = None) -> Verdict:
    """The verdict on a statement."""
    effort = effort or Effort()
    start = time.monotonic()
    verdict = _decide(statement, effort, start)
    return dataclasses.replace(verdict, seconds=round(time.monotonic() - start, 3))


def _decide(statement: Statement, effort: Effort, start: float) -> Verdict:
    seen = search(statement, effort.falsify)
    if seen.counterexample:
        return Verdict(
            verdict="refuted",
            reason=f"fails at {seen.counterexample.describe()}",
            method="counterexample",
            counterexample=seen.counterexample,
        )
    try:
        system = build_system(statement)
    except Unsupported as why:
        return Verdict(verdict="unknown", reason=f"no counterexample found, and no polynomial form: {why}")
    if not seen.feasible:
        return _without_points(system, effort)
    if effort.use_z3:
        left = effort.wall_seconds - (time.monotonic() - start)
        answer = ask_z3(system, effort.z3_rlimit, max(1.0, left))
        if answer.answer == "unsat":
            return Verdict(verdict="proved", reason="z3 shows that the negation has no solution", method="z3")
        return Verdict(
            verdict="unknown", reason=f"no counterexample found; z3: {answer.answer} {answer.detail}".strip()
        )
    return Verdict(verdict="unknown", reason="no counterexample found, no certificate found")


def _without_points(system: System, effort: Effort) -> Verdict:
    """Nothing satisfied the hypotheses in floats: say so, and say more if z3 knows that nothing can."""
    one = system.context.constant(1)
    empty = dataclasses.replace(system, goal=-one, goal_op=">=")
    if effort.use_z3 and ask_z3(empty, effort.z3_rlimit, 10.0).answer == "unsat":
        return Verdict(
            verdict="unknown", reason="the constraints contradict each other: no point satisfies them"
        )
    return Verdict(verdict="unknown", reason="no point that satisfies the constraints was found")
