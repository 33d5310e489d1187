"""Asks z3's nonlinear arithmetic whether a system has a counterexample.

z3 decides real polynomial problems by cylindrical algebraic decomposition (Jovanović & de Moura, "Solving
non-linear arithmetic", 2012): complete, but doubly exponential, so it runs in a process of its own that is
killed when time is up. `unsat` is taken as a proof; a `sat` answer is only a hint, because counterexamples
are confirmed elsewhere, exactly.
"""

from __future__ import annotations

import dataclasses
import subprocess
import sys

from olmix.proofs.proving.algebra import Poly, System

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
    return ask_smt(smt_problem(system), rlimit, kill_after)


def ask_smt(problem: str, rlimit: int = DEFAULT_RLIMIT, kill_after: float = 40.0) -> Z3Result:
    """Runs z3 on SMT-LIB text in a process of its own."""
    process = Z3Process(problem, rlimit)
    return process.wait(kill_after)


class Z3Process:
    """z3 at work on one problem; `poll` until it is true, or `wait`, or `kill`."""

    def __init__(self, problem: str, rlimit: int = DEFAULT_RLIMIT) -> None:
        self.running, self.result, self._rlimit = True, Z3Result("unknown"), rlimit
        self._process = subprocess.Popen(
            [sys.executable, "-m", "olmix.proofs.proving.z3_worker", str(rlimit), TACTIC],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdin is not None
        self._process.stdin.write(problem)
        self._process.stdin.close()
        self._process.stdin = None

    def poll(self) -> bool:
        """Whether z3 has answered; then `result` holds the answer."""
        if self._process.poll() is None:
            return False
        self._finish(*self._process.communicate())
        return True

    def wait(self, seconds: float) -> Z3Result:
        """The answer, or `killed` when it takes longer."""
        try:
            self._finish(*self._process.communicate(timeout=seconds))
        except subprocess.TimeoutExpired:
            self.kill()
            self.result = Z3Result("killed", f"stopped after {seconds:g} s of wall-clock time")
        return self.result

    def _finish(self, out: str, err: str) -> None:
        self.running = False
        answer = out.strip()
        if self._process.returncode or answer not in ("unsat", "sat", "unknown"):
            self.result = Z3Result("unknown", f"z3 failed: {(err.strip().splitlines() or ['no message'])[-1]}")
        else:
            gave_up = f"gave up within {self._rlimit} of its steps"
            self.result = Z3Result(answer, gave_up if answer == "unknown" else "")

    def kill(self) -> None:
        """Ends the process."""
        self.running = False
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()
