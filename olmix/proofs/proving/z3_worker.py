"""The killable process in which z3 runs: SMT-LIB on standard input, one word on standard output.

Usage: `python -m olmix.proofs.proving.z3_worker RLIMIT TACTIC`. The work is limited by z3's resource counter, which
does not depend on the load of the machine; the caller's wall clock is only the last resort.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Prints `unsat`, `sat` or `unknown`."""
    import z3

    goal = z3.Goal()
    goal.add(z3.parse_smt2_string(sys.stdin.read()))
    solver = z3.Tactic(sys.argv[2]).solver()
    solver.set("rlimit", int(sys.argv[1]))
    solver.add(*goal)
    print(solver.check())


if __name__ == "__main__":
    main()
