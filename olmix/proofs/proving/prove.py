"""Decides a statement as far as mathematics on a machine can: proved, refuted, or unknown with the reason.

First a counterexample is sought; then a short search for a certificate of our own; then z3 and a long search
run side by side, each in a process that can be killed. `proved` means that the exact checker accepted a
certificate, or that z3 refuted the negation; `refuted` that a point was confirmed in exact or ball
arithmetic. Searches are limited by counted steps; the wall clock only ends what has lost its way, and then
the verdict is `unknown`. A claim that is several at once (|x| <= c, min(x, y) >= c) is proved part by part.
"""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

from olmix.proofs.proving.algebra import System, Unsupported, build_system, known_sign
from olmix.proofs.proving.certificate import check_certificate, methods, uses_z3
from olmix.proofs.proving.cones import ConeBudget
from olmix.proofs.proving.factor_search import find_factors
from olmix.proofs.proving.process import Process
from olmix.proofs.proving.separate_search import find_separate
from olmix.proofs.proving.strategy import Work, find_certificate
from olmix.proofs.proving.z3_prover import DEFAULT_RLIMIT, ask_z3, smt_problem, z3_process, z3_result
from olmix.proofs.refuting.counterexample import Counterexample, confirm
from olmix.proofs.refuting.falsify import Budget, Search, search
from olmix.proofs.statements.expr import Relation, num
from olmix.proofs.statements.numeric import never_defined
from olmix.proofs.statements.parts import split_claim
from olmix.proofs.statements.printing import relation_text
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


#: Polynomials that could have more monomials than this are left to processes.
MOST_MONOMIALS = 100_000

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
    verdict = _decide(statement, effort, start + effort.wall_seconds)
    return dataclasses.replace(verdict, seconds=round(time.monotonic() - start, 3))


def _decide(statement: Statement, effort: Effort, until: float) -> Verdict:
    sides = (side for r in (statement.claim, *statement.constraints) for side in (r.left, r.right))
    undefined = never_defined(*sides)
    if undefined:
        return Verdict(verdict="unknown", reason=f"undefined: {undefined}")
    seen = search(statement, effort.falsify)
    parts = split_claim(statement)
    if seen.counterexample:
        return _refuted(parts, seen.counterexample)
    if statement.claim.op == "!=":
        return Verdict(verdict="unknown", reason="no counterexample found; claims with != are not proved")
    if not seen.feasible:
        always = statement.with_claim(Relation(num(0), ">=", num(0)))
        if search(always, effort.falsify).feasible:
            return Verdict(verdict="unknown", reason="undefined: the claim has no value at any point that was tried")
        return _without_points(statement, effort, until)
    verdicts = []
    for part in parts:
        verdicts.append(_prove_part(part, effort, until, seen))
        if verdicts[-1].verdict != "proved":
            break
    return _together(parts, verdicts)


def _refuted(parts: Sequence[Statement], found: Counterexample) -> Verdict:
    """The counterexample, with the part of the claim that fails there where it has several."""
    failing = [part for part in parts if len(parts) > 1 and confirm(part, found)]
    which = f"the part {relation_text(failing[0].claim)} " if failing else ""
    return Verdict(
        verdict="refuted",
        reason=f"{which}fails at {found.describe()}",
        method="counterexample",
        counterexample=found,
    )


def _together(parts: Sequence[Statement], verdicts: Sequence[Verdict]) -> Verdict:
    """One verdict from those on the parts, of which the last may have stopped the others."""
    last = verdicts[-1]
    if len(parts) == 1:
        return last
    if last.verdict != "proved":
        which = f"part {len(verdicts)} of {len(parts)}, {relation_text(parts[len(verdicts) - 1].claim)}"
        return dataclasses.replace(last, reason=f"{which}: {last.reason}")
    certificates = [verdict.certificate for verdict in verdicts]
    method = next((m for m in ("z3", "certificate with z3") if any(v.method == m for v in verdicts)), "certificate")
    return Verdict(
        verdict="proved",
        reason=f"{len(parts)} parts: {'; '.join(dict.fromkeys(v.reason for v in verdicts))}",
        method=method,
        certificate={"parts": certificates} if all(certificates) else None,
    )


def _prove_part(part: Statement, effort: Effort, until: float, seen: Search) -> Verdict:
    """The verdict on a claim that is one claim, and for which no counterexample was found."""
    whole = find_factors(part) or find_separate(part, dict(seen.at), _prove_single)
    verdict = _accept(part, whole, until)
    if verdict is not None:
        return verdict
    try:
        system = build_system(part)
    except Unsupported as why:
        return Verdict(verdict="unknown", reason=f"no counterexample found, and no polynomial form: {why}")
    if not (effort.long and _is_large(system)):
        short = time.monotonic() + effort.short_seconds if effort.long else None
        work = Work(nodes=effort.short_nodes, cones=ConeBudget(effort.short_cone_terms, until=short), until=short)
        verdict = _accept(part, find_certificate(system, work), until)
    if verdict is None and not effort.long:
        return Verdict(verdict="unknown", reason=_nothing(seen, "no certificate found"))
    if verdict is None:
        verdict = _in_processes(part, system, effort, until, seen)
    poles = _poles(system) if verdict.verdict == "proved" else []
    note = f"; the claim is about points where {' and '.join(poles)}" if poles else ""
    return dataclasses.replace(verdict, reason=verdict.reason + note)


def _prove_single(claim: Statement) -> Mapping[str, Any] | None:
    """A certificate of a claim in one variable, where a short search finds one."""
    try:
        return find_factors(claim) or find_certificate(build_system(claim), Work(nodes=40, z3_calls=1))
    except Unsupported:
        return None


def _is_large(system: System) -> bool:
    """Whether a single step of a search may take long: such a search belongs in a process that can be killed."""
    polys = [system.goal, *system.equations, *(q for q, _ in system.inequalities)]
    degree = max(0, *(int(p.total_degree()) for p in polys))  # That of the polynomial 0 is -1.
    return math.comb(len(system.names) + degree, degree) > MOST_MONOMIALS


def _poles(system: System) -> list[str]:
    """Denominators that may vanish on the domain: where they do, the claim says nothing."""
    from olmix.proofs.proving.readable import poly_text

    open_ones = [p for p in system.nonzero if known_sign(p, system.signs) != "pos"]
    given = [q for q, strict in system.inequalities if strict]
    return [f"{poly_text(p, system.names)} is not 0" for p in open_ones if p not in given and -p not in given]


def _accept(statement: Statement, certificate: Mapping[str, Any] | None, until: float) -> Verdict | None:
    """`proved` where the exact checker accepts the certificate; None without one, or where z3 is too slow to say again
    what the certificate took from it.
    """
    if certificate is None:
        return None
    try:
        fault = check_certificate(statement, certificate, until)
    except TimeoutError:
        return None
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


def _in_processes(statement: Statement, system: System, effort: Effort, until: float, seen: Search) -> Verdict:
    """z3 and the long search side by side; the first proof wins, a certificate of our own if both come."""
    notes = []
    with z3_process(smt_problem(system), effort.z3_rlimit) as z3, _long_search(statement, effort) as own:
        searching = asking = True
        while searching or asking:
            if time.monotonic() > until:
                notes.append(f"stopped after {effort.wall_seconds:g} s of wall-clock time")
                break
            time.sleep(0.02)
            if searching and own.poll():
                searching = False
                verdict = _accept(statement, _found(own), until)
                if verdict:
                    return verdict
                notes.append("no certificate found")
            if asking and z3.poll():
                asking = False
                result = z3_result(z3, effort.z3_rlimit)
                if result.answer == "unsat":
                    # The choice between two proofs, not of a verdict.
                    better = _found(own) if searching and own.wait(1.0) else None
                    reason = "z3 shows that the negation has no solution"
                    return _accept(statement, better, until) or Verdict(verdict="proved", reason=reason, method="z3")
                notes.append(f"z3: {result.answer} {result.detail}".strip())
    return Verdict(verdict="unknown", reason=_nothing(seen, "; ".join(notes)))


def _long_search(statement: Statement, effort: Effort) -> Process:
    """The long search for a certificate, at work. z3, which it may ask, ends with it."""
    item = {
        **statement.to_text(),
        "nodes": effort.long_nodes,
        "cone_terms": effort.long_cone_terms,
        "z3_calls": 12,
    }
    return Process("olmix.proofs.proving.worker", [], json.dumps(item), leads=True)


def _found(search: Process) -> Mapping[str, Any] | None:
    """The certificate that an ended search has found."""
    try:
        certificate: Mapping[str, Any] | None = json.loads(search.answer())
    except RuntimeError as why:
        raise RuntimeError(f"the search for a certificate failed: {why}") from None
    return certificate


def _without_points(statement: Statement, effort: Effort, until: float) -> Verdict:
    """Nothing satisfied the hypotheses in floats: say so, and say more if z3 knows that nothing can."""
    try:
        system = build_system(statement)
    except Unsupported as why:
        return Verdict(
            verdict="unknown",
            reason=f"no point that satisfies the constraints was found, and no polynomial form: {why}",
        )
    one = system.context.constant(1)
    empty = dataclasses.replace(system, goal=-one, goal_op=">=")
    if effort.long and ask_z3(empty, effort.z3_rlimit, min(10.0, until - time.monotonic())).answer == "unsat":
        return Verdict(verdict="unknown", reason="the constraints contradict each other: no point satisfies them")
    return Verdict(verdict="unknown", reason="no point that satisfies the constraints was found")
