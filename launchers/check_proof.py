r"""Checks a proof in LaTeX link by link and names the first step that fails.

    python -m launchers.check_proof --problem='Let $a,b$ be real. Prove that $a^2+b^2 \geq 2ab$.' --solution='...'
    python -m launchers.check_proof --file=proofs.json --json

A file is a JSON list of {data_id, problem, solution} (and `answer`, where the problem has a blank or asks for a
constant; without it the solution's own "the answer is" is taken). --json prints a line {id, verdict, reason, seconds,
first_failing, links} each: verdict is accepted, rejected or unknown; links counts the relations by what the check gave. What
cannot be read in a file is unknown, "not read: ..."; lines come in the order of the file, and ids need not differ.
"""

from __future__ import annotations

import json
import pathlib
import time
from typing import Any

from absl import flags

from launchers._app import launch
from launchers._items import answer_all, name_of, read_list
from olmix.errors import UserError

PROBLEM = flags.DEFINE_string("problem", None, "The problem, in English and LaTeX.", allow_overwrite=False)
SOLUTION = flags.DEFINE_string("solution", None, "The proof, in English and LaTeX.", allow_overwrite=False)
ANSWER = flags.DEFINE_string(
    "answer", None, "What fills the problem's blank, e.g. '$\\geq$' or 'C = 2'.", allow_overwrite=False
)
FILE = flags.DEFINE_string("file", None, "A JSON list of {data_id, problem, solution}.", allow_overwrite=False)
JSON = flags.DEFINE_bool("json", False, "Print one JSON object a line.")
LINKS = flags.DEFINE_bool("links", False, "Print every link, not only the first that fails.")


#: Characters of a problem or a proof: a book, not a proof, is longer.
MAX_TEXT = 200_000


def _check(item: dict[str, Any]) -> dict[str, Any]:
    from olmix.proofs.checking.check_proof import check_proof

    problem, solution, answer = item.get("problem"), item.get("solution"), item.get("answer")
    proofs = solution if isinstance(solution, list) else [solution]
    if not isinstance(problem, str):
        raise UserError("'problem' must be a text.")
    if not proofs or not all(isinstance(text, str) for text in proofs):
        raise UserError("'solution' must be a text, or a list of texts.")
    if answer is not None and not isinstance(answer, str):
        raise UserError("'answer' must be a text.")
    if any(len(text) > MAX_TEXT for text in (problem, *proofs)):
        raise UserError(f"a problem or proof of more than {MAX_TEXT} characters is not read.")
    start = time.monotonic()
    verdict = check_proof(problem, solution, answer)  # type: ignore[arg-type]
    failing = verdict.first_failing
    return {
        "verdict": verdict.verdict, "reason": verdict.reason, "seconds": round(time.monotonic() - start, 3),
        "first_failing": {"step": failing.number, "latex": failing.latex, "reason": failing.reason} if failing else None,
        "links": verdict.counts(), "verdict_links": verdict.links,
    }  # fmt: skip


def _show(result: dict[str, Any]) -> None:
    links = result.pop("verdict_links", ())
    if JSON.value:
        out = {"first_failing": None, "links": {}, **result}
        if LINKS.value:
            out["steps"] = [{"step": k.number, "role": k.role, "latex": k.latex, "status": k.status, "reason": k.reason}
                            for k in links]  # fmt: skip
        first = ("id", "verdict", "reason", "seconds")
        print(json.dumps({k: out[k] for k in (*first, *(k for k in out if k not in first))}), flush=True)
        return
    print(f"{result['id']}: {result['verdict']} ({result['seconds']:.1f} s): {result['reason']}", flush=True)
    for link in links if LINKS.value else ():
        print(f"  {link.describe()}")


def main() -> int:
    """Prints a verdict for each proof."""
    if FILE.value is None:
        if PROBLEM.value is None or SOLUTION.value is None:
            raise UserError("Give --problem and --solution, or --file.")
        item = {"problem": PROBLEM.value, "solution": SOLUTION.value, "answer": ANSWER.value}
        return answer_all([("proof", item)], _check, _show, single=True)
    if PROBLEM.value is not None or SOLUTION.value is not None:
        raise UserError("Give either --problem and --solution or --file, not both.")
    items = read_list(pathlib.Path(FILE.value), "proof", "problem", "solution")
    named = [(name_of(item, "data_id", number), item) for number, item in enumerate(items)]
    return answer_all(named, _check, _show)


if __name__ == "__main__":
    launch(main)
