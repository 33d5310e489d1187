r"""Checks a proof in LaTeX link by link and names the first step that fails.

    python -m launchers.check_proof --problem='Let $a,b$ be real. Prove that $a^2+b^2 \geq 2ab$.' --solution='...'
    python -m launchers.check_proof --file=proofs.json --json

A file is a JSON list of {data_id, problem, solution} (and `answer`, where the problem has a blank or asks for a
constant; without it the solution's own "the answer is" is taken). --json prints a line {id, verdict, reason, seconds,
first_failing, links} each: verdict is accepted, rejected or unknown; links counts the relations by what the check gave.
"""

from __future__ import annotations

import json
import pathlib
import sys
import time
from collections.abc import Iterator
from typing import Any

from absl import app, flags

from olmix.errors import UserError

PROBLEM = flags.DEFINE_string("problem", None, "The problem, in English and LaTeX.")
SOLUTION = flags.DEFINE_string("solution", None, "The proof, in English and LaTeX.")
ANSWER = flags.DEFINE_string("answer", None, "What fills the problem's blank, e.g. '$\\geq$' or 'C = 2'.")
FILE = flags.DEFINE_string("file", None, "A JSON list of {data_id, problem, solution}.")
JSON = flags.DEFINE_bool("json", False, "Print one JSON object a line.")
LINKS = flags.DEFINE_bool("links", False, "Print every link, not only the first that fails.")


def _items() -> Iterator[dict[str, Any]]:
    if FILE.value is None:
        if PROBLEM.value is None or SOLUTION.value is None:
            raise UserError("Give --problem and --solution, or --file.")
        yield {"data_id": "proof", "problem": PROBLEM.value, "solution": SOLUTION.value, "answer": ANSWER.value}
        return
    if PROBLEM.value is not None or SOLUTION.value is not None:
        raise UserError("Give either --problem and --solution or --file, not both.")
    path = pathlib.Path(FILE.value)
    try:
        items = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"--file={path} does not exist.") from None
    except (ValueError, OSError) as error:
        raise UserError(f"--file={path} is not readable as JSON: {error}") from None
    if items == []:
        raise UserError(f"--file={path} holds no proof: its list is empty.")
    for number, item in enumerate(items if isinstance(items, list) else [None]):
        if not isinstance(item, dict) or not isinstance(item.get("problem"), str) or not _proofs(item.get("solution")):
            raise UserError(
                f"--file={path} must hold a JSON list of objects with 'problem' (text) and 'solution' (text, or a list of them)."
            )
        yield {"data_id": str(number), "answer": None, **item}


def _proofs(solution: object) -> bool:
    return isinstance(solution, str) or (
        isinstance(solution, list) and bool(solution) and all(isinstance(text, str) for text in solution)
    )


def main(argv: list[str]) -> None:
    """Prints a verdict for each proof."""
    try:
        if argv[1:]:
            raise UserError(f"{argv[1]!r} is no flag: see --help.")
        for item in _items():
            _show(item)
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


def _show(item: dict[str, Any]) -> None:
    from olmix.proofs.check_proof import check_proof

    start = time.monotonic()
    verdict = check_proof(item["problem"], item["solution"], item["answer"])
    seconds = round(time.monotonic() - start, 3)
    failing = verdict.first_failing
    if JSON.value:
        out: dict[str, Any] = {
            "id": item["data_id"],
            "verdict": verdict.verdict,
            "reason": verdict.reason,
            "seconds": seconds,
            "first_failing": {"step": failing.number, "latex": failing.latex, "reason": failing.reason}
            if failing
            else None,
            "links": verdict.counts(),
        }
        if LINKS.value:
            out["steps"] = [{"step": k.number, "role": k.role, "latex": k.latex, "status": k.status, "reason": k.reason}
                            for k in verdict.links]  # fmt: skip
        print(json.dumps(out), flush=True)
        return
    print(f"{item['data_id']}: {verdict.verdict} ({seconds:.1f} s): {verdict.reason}", flush=True)
    for link in verdict.links if LINKS.value else ():
        print(f"  {link.describe()}")


if __name__ == "__main__":
    app.run(main)
