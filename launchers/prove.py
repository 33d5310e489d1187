"""Decides an inequality: proved with a certificate, refuted with a point, or unknown with the reason.

    python -m launchers.prove --statement='a/(b+c)+b/(c+a)+c/(a+b) >= 3/2' --domain=pos [--constraint='a*b*c=1']
    python -m launchers.prove --file=statements.json --json

A file is a JSON list of {id, statement, domain, constraints}; --json prints {id, verdict, reason, seconds} a line. What
cannot be read in a file is unknown, "not read: ..."; lines come in the order of the file, and ids need not differ. A chain
`0 <= x <= 7/27` is two claims: proved where both are, refuted where one is, and the reason says which. Statements may be LaTeX.
"""

from __future__ import annotations

import dataclasses
import json
import math
import pathlib
from typing import Any

from absl import flags

from launchers._app import launch
from launchers._items import answer_all, name_of, read_list
from olmix.errors import UserError, nearest
from olmix.proofs.statements.statement import DOMAINS

STATEMENT = flags.DEFINE_string("statement", None, "The claim, e.g. 'a**2 + b**2 >= 2*a*b'.", allow_overwrite=False)
DOMAIN = flags.DEFINE_enum("domain", "real", DOMAINS, "Where every variable lives.", allow_overwrite=False)
CONSTRAINT = flags.DEFINE_multi_string("constraint", [], "A hypothesis, e.g. 'a*b*c = 1'; may be repeated.")
FILE = flags.DEFINE_string("file", None, "A JSON list of {id, statement, domain, constraints}.", allow_overwrite=False)
JSON = flags.DEFINE_bool("json", False, "Print one JSON object a line: {id, verdict, reason, seconds}.")
SECONDS = flags.DEFINE_float(
    "wall_seconds", 36.0, "Kill what still runs on one statement after so many seconds.", lower_bound=1
)


def _decide(item: dict[str, Any]) -> dict[str, Any]:
    from olmix.proofs.proving.prove import Effort, Verdict, prove
    from olmix.proofs.proving.readable import explain
    from olmix.proofs.statements.printing import relation_text
    from olmix.proofs.statements.statement import parse_claims

    verdicts: list[Verdict] = []
    proof: list[str] = []
    seconds = 0.0
    claims = parse_claims(*_parts(item))
    for statement in claims:
        verdict = prove(statement, Effort(wall_seconds=max(SECONDS.value - seconds, 1.0)))
        seconds += verdict.seconds
        if len(claims) > 1 and verdict.verdict != "proved":
            verdict = dataclasses.replace(verdict, reason=f"{relation_text(statement.claim)}: {verdict.reason}")
        verdicts.append(verdict)
        if verdict.verdict == "refuted":
            verdicts = [verdict]
            break
        if verdict.certificate is not None and STATEMENT.value is not None and not JSON.value:
            proof += [f"{relation_text(statement.claim)}:"] if len(claims) > 1 else []
            proof += explain(statement, verdict.certificate)
    worst = next((v.verdict for v in verdicts if v.verdict != "proved"), "proved")
    reason = "; ".join(dict.fromkeys(v.reason for v in verdicts if v.verdict == worst))
    out: dict[str, Any] = {"verdict": worst, "reason": reason, "seconds": round(seconds, 3)}
    return {**out, "proof": proof} if worst == "proved" else out


_KEYS = ("id", "statement", "domain", "constraints")


def _parts(item: dict[str, Any]) -> tuple[str, str | dict[str, str], list[str]]:
    """Statement, domain and constraints of an item; what is left out is as with the flags."""
    for key in item:
        near = "" if key in _KEYS else nearest(str(key), _KEYS, count=1)
        if near:
            # A hypothesis that is overlooked for its name would change the claim.
            raise UserError(f"{key!r} is no field of a statement{near}.")
    statement, domain, constraints = item.get("statement"), item.get("domain"), item.get("constraints")
    if not isinstance(statement, str):
        raise UserError("'statement' must be a text.")
    if domain is None:
        domain = DOMAIN.value
    kinds = list(domain.values()) if isinstance(domain, dict) else [domain]
    if not all(isinstance(kind, str) for kind in kinds):
        raise UserError(
            f"'domain' must be one of {', '.join(DOMAINS)}, or an object with one of them for each variable."
        )
    constraints = [] if constraints is None else constraints
    if not isinstance(constraints, list) or not all(isinstance(text, str) for text in constraints):
        raise UserError("'constraints' must be a list of texts.")
    return statement, domain, constraints


def _show(result: dict[str, Any]) -> None:
    if JSON.value:
        print(json.dumps({k: result[k] for k in ("id", "verdict", "reason", "seconds")}), flush=True)
        return
    prefix = "" if STATEMENT.value is not None else f"{result['id']}: "
    print(f"{prefix}{result['verdict']} ({result['seconds']:.1f} s): {result['reason']}", flush=True)
    for line in result.get("proof", ()):
        print(line)


def main() -> int:
    """Prints a verdict for each statement."""
    if not math.isfinite(SECONDS.value):
        raise UserError(f"--wall_seconds={SECONDS.value} must be a number of seconds.")
    if (STATEMENT.value is None) == (FILE.value is None):
        raise UserError("Give either --statement or --file.")
    if STATEMENT.value is not None:
        item = {"statement": STATEMENT.value, "domain": DOMAIN.value, "constraints": CONSTRAINT.value}
        return answer_all([("statement", item)], _decide, _show, single=True)
    if CONSTRAINT.value:
        raise UserError("--constraint goes with --statement; a file's items have their own 'constraints'.")
    items = read_list(pathlib.Path(FILE.value or ""), "statement", "statement")
    named = [(name_of(item, "id", number), item) for number, item in enumerate(items)]
    return answer_all(named, _decide, _show)


if __name__ == "__main__":
    launch(main)
