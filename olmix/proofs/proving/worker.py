"""The killable process in which a long search for a certificate runs: a statement in, a certificate out, both
as JSON.

Usage: `python -m olmix.proofs.proving.worker < statement.json`; prints the certificate, or `null`.
"""

from __future__ import annotations

import json
import sys


def main() -> None:
    """Reads `{statement, domain, constraints, work}` and prints the certificate that the search finds."""
    from olmix.proofs.proving.algebra import build_system
    from olmix.proofs.proving.cones import ConeBudget
    from olmix.proofs.proving.sos import Size
    from olmix.proofs.proving.strategy import Work, find_certificate
    from olmix.proofs.statements.statement import parse_text

    item = json.load(sys.stdin)
    statement = parse_text(item["statement"], item["domain"], item["constraints"])
    work = Work(
        nodes=int(item["nodes"]),
        cones=ConeBudget(int(item["cone_terms"])),
        z3_calls=int(item["z3_calls"]),
        small_squares=40,
        large_squares=12,
        largest=Size(entries=1500, basis=40, multipliers=2),
    )
    json.dump(find_certificate(build_system(statement), work), sys.stdout)


if __name__ == "__main__":
    main()
