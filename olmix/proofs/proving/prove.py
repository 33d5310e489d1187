"""Decides a statement as far as mathematics on a machine can: proved, refuted, or unknown with the reason.

First a counterexample is sought; then a short search for a certificate of our own; then z3 and a long search
run side by side, each in a process that can be killed. `proved` means that the exact checker accepted a
certificate, or that z3 refuted the negation; `refuted` that a point was confirmed in exact or ball
arithmetic. Searches are limited by counted steps; the wall clock only ends what has lost its way, and then
the verdict is `unknown`.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

from olmix.proofs.proving.algebra import System, Unsupported, build_system, known_sign
from olmix.proofs.proving.certificate import check_certificate, methods, uses_z3
from olmix.proofs.proving.cones import ConeBudget
from olmix.proofs.proving.strategy import Work, find_certificate
from olmix.proofs.proving.z3_prover import DEFAULT_RLIMIT, Z3Process, ask_z3, smt_problem
from olmix.proofs.refuting.counterexample import Counterexample
from olmix.proofs.refuting.falsify import Budget, Search, search
from olmix.proofs.statements.expr import Relation, num
from olmix.proofs.statements.numeric import never_defined
from olmix.proofs.statements.statement import Statement


@dataclasses.dataclass(frozen=True, kw_only=True)
class Effort:
    """How hard to try. `wall_seconds` is the last resort; everything else is counted."""

    falsify: Budget = dataclasses.field(default_factory=Budget)
    #: The short search runs in this process, the long one (and z3) in processes of their own.
    short_nodes: int = 40
    short_cone_terms: int = 60_000
    #: The long search repeats what the short one tries, so no verdict hangs on when the short one gives up.
    short_seconds: float = 4.0
    long: bool = True
    long_nodes: int = 400
    long_cone_terms: int = 2_000_000
    z3_rlimit: int = DEFAULT_RLIMIT
    wall_seconds: float = 36.0


#: For many statements that are expected to be easy: no processes, no z3.
SHORT = Effort(falsify=Budget(starts=600, survivors=12, generations=16, offspring=8, candidates=6), long=False)


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
    if verdict.verdict == "proved":
        poles = _poles(build_system(statement))
        note = f"; the claim is about points where {' and '.join(poles)}" if poles else ""
        verdict = dataclasses.replace(verdict, reason=verdict.reason + note)
    return dataclasses.replace(verdict, seconds=round(time.monotonic() - start, 3))


def _decide(statement: Statement, effort: Effort, start: float) -> Verdict:
    sides = (side for r in (statement.claim, *statement.constraints) for side in (r.left, r.right))
    undefined = never_defined(*sides)
    if undefined:
        return Verdict(verdict="unknown", reason=f"undefined: {undefined}")
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
    if system.goal_op == "!=":
        return Verdict(verdict="unknown", reason="no counterexample found; claims with != are not proved")
    if not seen.feasible:
        always = statement.with_claim(Relation(num(0), ">=", num(0)))
        if search(always, effort.falsify).feasible:
            return Verdict(verdict="unknown", reason="undefined: the claim has no value at any point that was tried")
        return _without_points(system, effort)
    until = time.monotonic() + effort.short_seconds if effort.long else None
    work = Work(nodes=effort.short_nodes, cones=ConeBudget(effort.short_cone_terms, until=until), until=until)
    verdict = _accept(statement, find_certificate(system, work))
    if verdict or not effort.long:
        return verdict or Verdict(verdict="unknown", reason=_nothing(seen, "no certificate found"))
    return _in_processes(statement, system, effort, start, seen)


def _poles(system: System) -> list[str]:
    """Denominators that may vanish on the domain: where they do, the claim says nothing."""
    from olmix.proofs.proving.readable import poly_text

    open_ones = [p for p in system.nonzero if known_sign(p, system.signs) != "pos"]
    given = [q for q, strict in system.inequalities if strict]
    return [f"{poly_text(p, system.names)} is not 0" for p in open_ones if p not in given and -p not in given]


def _accept(statement: Statement, certificate: Mapping[str, Any] | None) -> Verdict | None:
    """`proved` where the exact checker accepts the certificate."""
    if certificate is None:
        return None
    fault = check_certificate(statement, certificate)
    if fault is not None:
        raise AssertionError(f"the search produced a certificate that the checker rejects: {fault}")
    z3 = uses_z3(certificate)
    how = f"certificate checked exactly ({', '.join(methods(certificate))})"
    return Verdict(
        verdict="proved",
        reason=how,
        method="certificate with z3" if z3 else "certificate",
        certificate=certificate,
    )


def _nothing(seen: Search, rest: str) -> str:
    near = f"smallest relative gap {max(seen.tightest, 0.0):.1e}"
    if seen.tightest < -1e-9:
        near = "floats at a pole or a border looked like one, exact arithmetic did not confirm it"
    return f"no counterexample found ({near}); {rest}"


def _in_processes(statement: Statement, system: System, effort: Effort, start: float, seen: Search) -> Verdict:
    """z3 and the long search side by side; the first proof wins, a certificate of our own if both come."""
    z3 = Z3Process(smt_problem(system), effort.z3_rlimit)
    own = _Search(statement, effort)
    notes = []
    try:
        while z3.running or own.running:
            if time.monotonic() - start > effort.wall_seconds:
                notes.append(f"stopped after {effort.wall_seconds:g} s of wall-clock time")
                break
            time.sleep(0.02)
            if own.running and own.poll():
                verdict = _accept(statement, own.certificate)
                if verdict:
                    return verdict
                notes.append("no certificate found")
            if z3.running and z3.poll():
                if z3.result.answer == "unsat":
                    verdict = _accept(statement, own.wait(1.0))
                    reason = "z3 shows that the negation has no solution"
                    return verdict or Verdict(verdict="proved", reason=reason, method="z3")
                notes.append(f"z3: {z3.result.answer} {z3.result.detail}".strip())
    finally:
        z3.kill()
        own.kill()
    return Verdict(verdict="unknown", reason=_nothing(seen, "; ".join(notes)))


class _Search:
    """The long search for a certificate, in a process of its own."""

    def __init__(self, statement: Statement, effort: Effort) -> None:
        item = {
            **statement.to_text(),
            "nodes": effort.long_nodes,
            "cone_terms": effort.long_cone_terms,
            "z3_calls": 12,
        }
        self.running, self.certificate = True, None
        self._process = subprocess.Popen(
            [sys.executable, "-m", "olmix.proofs.proving.worker"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(item))
        self._process.stdin.close()
        self._process.stdin = None

    def poll(self) -> bool:
        """Whether the process has ended; then `certificate` is what it found."""
        if self._process.poll() is None:
            return False
        self._finish(*self._process.communicate())
        return True

    def wait(self, seconds: float) -> Mapping[str, Any] | None:
        """A certificate that comes within some seconds (the choice between two proofs, not of a verdict)."""
        try:
            self._finish(*self._process.communicate(timeout=seconds))
        except subprocess.TimeoutExpired:
            return None
        return self.certificate

    def _finish(self, out: str, err: str) -> None:
        self.running = False
        if self._process.returncode:
            raise RuntimeError(f"the search for a certificate failed: {(err.strip().splitlines() or ['?'])[-1]}")
        self.certificate = json.loads(out)

    def kill(self) -> None:
        """Ends the process."""
        if self._process.poll() is None:
            # Its own process group: a z3 that it started ends with it.
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()


def _without_points(system: System, effort: Effort) -> Verdict:
    """Nothing satisfied the hypotheses in floats: say so, and say more if z3 knows that nothing can."""
    one = system.context.constant(1)
    empty = dataclasses.replace(system, goal=-one, goal_op=">=")
    if effort.long and ask_z3(empty, effort.z3_rlimit, 10.0).answer == "unsat":
        return Verdict(verdict="unknown", reason="the constraints contradict each other: no point satisfies them")
    return Verdict(verdict="unknown", reason="no point that satisfies the constraints was found")
