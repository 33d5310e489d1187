"""Decides an inequality: proved with a certificate, refuted with a point, or unknown with the reason.

    python -m launchers.prove --statement='a/(b+c)+b/(c+a)+c/(a+b) >= 3/2' --domain=pos
    [--constraint='a*b*c=1'] python -m launchers.prove --file=statements.json --json

A file is a JSON list of {id, statement, domain, constraints}; --json prints {id, verdict, reason, seconds} a
line.
"""

from __future__ import annotations

import json
import pathlib
import sys
from collections.abc import Iterator
from typing import Any

from absl import app, flags

from olmix.errors import UserError
from olmix.proofs.statement import DOMAINS

STATEMENT = flags.DEFINE_string("statement", None, "The claim, e.g. 'a**2 + b**2 >= 2*a*b'.")
DOMAIN = flags.DEFINE_enum("domain", "real", DOMAINS, "Where every variable lives.")
CONSTRAINT = flags.DEFINE_multi_string("constraint", [], "A hypothesis, e.g. 'a*b*c = 1'; may be repeated.")
FILE = flags.DEFINE_string("file", None, "A JSON list of {id, statement, domain, constraints}.")
JSON = flags.DEFINE_bool("json", False, "Print one JSON object a line: {id, verdict, reason, seconds}.")
SECONDS = flags.DEFINE_float(
    "wall_seconds", 38.0, "Kill what still runs on one statement after so many seconds.", lower_bound=1
)


def _items() -> Iterator[dict[str, Any]]:
    if (STATEMENT.value is None) == (FILE.value is None):
        raise UserError("Give either --statement or --file.")
    if STATEMENT.value is not None:
        yield {
            "id": "statement",
            "statement": STATEMENT.value,
            "domain": DOMAIN.value,
            "constraints": CONSTRAINT.value,
        }
        return
    path = pathlib.Path(FILE.value or "")
    try:
        items = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"--file={path} does not exist.") from None
    except (ValueError, OSError) as error:
        raise UserError(f"--file={path} is not readable as JSON: {error}") from None
    if not isinstance(items, list) or not all(isinstance(i, dict) and _is_text(i.get("statement")) for i in items):
        raise UserError(f"--file={path} must hold a JSON list of objects with a 'statement', which is text.")
    for number, item in enumerate(items):
        listed = item.get("constraints") or []
        if not isinstance(listed, list) or not all(map(_is_text, listed)):
            raise UserError(f"--file={path}, item {item.get('id', number)}: 'constraints' must be a list of texts.")
    if not items:
        raise UserError(f"--file={path} holds no statement: its list is empty.")
    for number, item in enumerate(items):
        yield {"id": str(number), "domain": DOMAIN.value, "constraints": [], **item}


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _decide(item: dict[str, Any]) -> dict[str, Any]:
    from olmix.proofs.prove import Effort, prove
    from olmix.proofs.readable import explain
    from olmix.proofs.statement import parse_text

    try:
        statement = parse_text(item["statement"], item["domain"], item["constraints"] or [])
    except UserError as error:
        if STATEMENT.value is not None:
            raise
        # One unreadable item must not cost the others.
        return {"id": item["id"], "verdict": "unknown", "reason": f"not read: {error}", "seconds": 0.0}
    verdict = prove(statement, Effort(wall_seconds=SECONDS.value))
    out = {"id": item["id"], "verdict": verdict.verdict, "reason": verdict.reason, "seconds": verdict.seconds}
    if verdict.certificate is not None:
        out["certificate"] = verdict.certificate
        if STATEMENT.value is not None and not JSON.value:
            out["proof"] = explain(statement, verdict.certificate)
    if verdict.counterexample is not None:
        out["counterexample"] = verdict.counterexample.to_json()
    return out


def _show(result: dict[str, Any]) -> None:
    if JSON.value:
        print(json.dumps({k: result[k] for k in ("id", "verdict", "reason", "seconds")}), flush=True)
        return
    prefix = "" if STATEMENT.value is not None else f"{result['id']}: "
    print(f"{prefix}{result['verdict']} ({result['seconds']:.1f} s): {result['reason']}", flush=True)
    for line in result.get("proof", ()) if STATEMENT.value is not None else ():
        print(line)


def main(argv: list[str]) -> None:
    """Prints a verdict for each statement."""
    try:
        if argv[1:]:
            raise UserError(f"{argv[1]!r} is no flag: see --help.")
        for item in _items():
            _show(_decide(item))
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    app.run(main)
