"""Asks z3's nonlinear arithmetic whether a system has a counterexample.

z3 decides real polynomial problems by cylindrical algebraic decomposition (Jovanović & de Moura, "Solving
non-linear arithmetic", 2012): complete, but doubly exponential, so it runs in a process of its own that is
killed when time is up. `unsat` is taken as a proof; a `sat` answer is only a hint, because counterexamples
are confirmed elsewhere, exactly.
"""

from __future__ import annotations

import dataclasses

from olmix.proofs.proving.algebra import Poly, System
from olmix.proofs.proving.process import Process

TACTIC = "qfnra-nlsat"
#: About 20 seconds of one core; z3 counts its own steps.
DEFAULT_RLIMIT = 40_000_000


@dataclasses.dataclass(frozen=True)
class Z3Result:
    """What z3 said: `unsat` (proved), `sat`, `unknown` (out of resources) or `killed` (out of wall-clock
    time).
    """

    answer: str
    detail: str = ""


def smt_poly(poly: Poly, names: tuple[str, ...]) -> str:
    """A polynomial as an SMT-LIB term."""
    terms = []
    for exponents, coefficient in poly.to_dict().items():
        top, bottom = int(coefficient.p), int(coefficient.q)
        number = f"(- {-top})" if top < 0 else str(top)
        factors = [number if bottom == 1 else f"(/ {number} {bottom})"]
        for name, exponent in zip(names, exponents, strict=True):
            factors += [name] * exponent
        terms.append(f"(* {' '.join(factors)})" if len(factors) > 1 else factors[0])
    if not terms:
        return "0"
    return f"(+ {' '.join(terms)})" if len(terms) > 1 else terms[0]


def smt_problem(system: System) -> str:
    """The negated claim with its hypotheses, as SMT-LIB."""
    names = system.names
    lines = [f"(declare-const {name} Real)" for name in names]
    for name, sign in zip(names, system.signs, strict=True):
        if sign != "real":
            lines.append(f"(assert ({'>' if sign == 'pos' else '>='} {name} 0))")
    lines += [f"(assert (= {smt_poly(p, names)} 0))" for p in system.equations]
    lines += [f"(assert ({'>' if strict else '>='} {smt_poly(p, names)} 0))" for p, strict in system.inequalities]
    # What is positive because of its coefficients need not be said again.
    lines += [f"(assert (not (= {smt_poly(p, names)} 0)))" for p in system.nonzero if _worth_saying(p, system)]
    claim = smt_poly(system.goal, names)
    lines.append(
        {">=": f"(assert (< {claim} 0))", ">": f"(assert (<= {claim} 0))"}.get(
            system.goal_op,
            f"(assert (not (= {claim} 0)))" if system.goal_op == "=" else f"(assert (= {claim} 0))",
        )
    )
    return "\n".join(lines)


def _worth_saying(poly: Poly, system: System) -> bool:
    from olmix.proofs.proving.algebra import known_sign

    return known_sign(poly, system.signs) != "pos"


def ask_z3(system: System, rlimit: int = DEFAULT_RLIMIT, kill_after: float = 40.0) -> Z3Result:
    """Runs z3 on the negation of the claim, at most `rlimit` of z3's steps and `kill_after` seconds of wall
    clock.
    """
    with z3_process(smt_problem(system), rlimit) as process:
        if process.wait(max(kill_after, 0.0)):
            return z3_result(process, rlimit)
    return Z3Result("killed", f"stopped after {kill_after:g} s of wall-clock time")


def z3_process(problem: str, rlimit: int = DEFAULT_RLIMIT) -> Process:
    """z3 at work on SMT-LIB text."""
    return Process("olmix.proofs.proving.z3_worker", [str(rlimit), TACTIC], problem)


def z3_result(process: Process, rlimit: int = DEFAULT_RLIMIT) -> Z3Result:
    """What z3 said, once its process has ended."""
    try:
        answer = process.answer().strip()
    except RuntimeError as why:
        return Z3Result("unknown", f"z3 failed: {why}")
    if answer not in ("unsat", "sat", "unknown"):
        return Z3Result("unknown", f"z3 failed: it said {answer!r}")
    return Z3Result(answer, f"gave up within {rlimit} of its steps" if answer == "unknown" else "")
