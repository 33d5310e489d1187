"""The machine's look at one problem and one proof: the pipeline's only door to the mathematics.

Everything here takes and returns plain data, so that it can run in a process that can be killed (`pool`).
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from olmix.errors import UserError

if TYPE_CHECKING:
    from olmix.proofs.checking.check_proof import Link
    from olmix.proofs.statements.statement import Statement

#: Raised whenever the same proof could now get another verdict.
VERSION = 10

#: What `check_proof` says when the claim is so plain that it followed from nothing.
EVIDENT = "the claim is evident"

#: What `pool.call_all` calls.
WORK = "olmix.proofs.pipeline.machine:look_plain"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Look:
    """The machine's verdict on a proof. `reason` is one of a few words to count by, `detail` the step and its numbers.

    `right_claim`: the proof states the problem's own claim (whether or not it proves it). `key` and `statement` are
    those of the problem, where it could be read. `step` is the first relation that fails, counted from 1, and `failing`
    its LaTeX as the checker read it.
    """

    verdict: Literal["accepted", "rejected", "undecided"]
    reason: str
    detail: str = ""
    step: int | None = None
    failing: str = ""
    right_claim: bool = False
    key: str | None = None
    statement: dict[str, Any] | None = None
    seconds: float = 0.0

    @property
    def reward(self) -> float:
        """For reinforcement learning: 1 for a checked proof, a little for one that is at least about the claim."""
        if self.verdict == "accepted":
            return 1.0
        return 0.1 if self.right_claim else 0.0


def look_plain(payload: dict[str, Any]) -> dict[str, Any]:
    """`look` on plain data: `problem`, `proof`, and `statement` (as `Statement.to_text` has it) or None."""
    import msgspec

    return msgspec.to_builtins(look(payload["problem"], payload["proof"], payload.get("statement")))


def look(problem: str, proof: str, formal: Mapping[str, Any] | None = None) -> Look:
    """The machine's verdict on a proof of a problem; `formal` is the problem's statement as text, where it is known."""
    from olmix.proofs.checking.check_proof import check_proof
    from olmix.proofs.proving.keys import canonical_key

    began = time.monotonic()
    try:
        statement = read_statement(problem, formal)
    except UserError as why:
        return Look(verdict="undecided", reason="statement not understood", detail=str(why))
    key = canonical_key(statement)
    found = check_proof(statement, proof)
    failing = found.first_failing
    states_claim = _states_claim(statement, key, found.links)
    if found.verdict == "accepted" and found.reason == EVIDENT and not states_claim:
        # The checker needed no proof at all; a proof that speaks of something else is still none.
        verdict, reason = "undecided", "does not state the claim"
    elif found.verdict == "accepted":
        verdict, reason = "accepted", "every step checked"
    elif found.verdict == "rejected":
        verdict, reason = "rejected", "a step is false"
    elif not found.links:
        verdict, reason = "undecided", "no relation in it"
    elif any(link.status in ("unread", "doubtful") for link in found.links):
        verdict, reason = "undecided", "a step is open"
    else:
        verdict, reason = "undecided", "does not reach the claim"
    return Look(
        verdict=verdict,  # type: ignore[arg-type]
        reason=reason,
        detail=failing.describe() if failing else "" if verdict == "accepted" else found.reason,
        step=failing.number if failing else None,
        failing=failing.latex if failing else "",
        right_claim=verdict == "accepted" or states_claim,
        key=key,
        statement=dict(formal) if formal else statement.to_text(),
        seconds=round(time.monotonic() - began, 4),
    )


def _states_claim(statement: Statement, key: str, links: Sequence[Link]) -> bool:
    """Whether a relation of the proof, or the ends of a chain of them, are the problem's claim in any equivalent form."""
    from olmix.proofs.proving.keys import canonical_key
    from olmix.proofs.statements.expr import Relation

    chains: dict[int, list[Relation]] = {}
    for link in links:
        if link.relation is not None and link.relation.op in ("<", "<=", ">", ">=", "="):
            chains.setdefault(link.chain, []).append(link.relation)
    candidates = []
    for relations in chains.values():
        candidates += relations
        signs = {relation.op for relation in relations} - {"="}
        if len(relations) > 1 and len(signs) == 1:
            candidates.append(Relation(relations[0].left, signs.pop(), relations[-1].right))
    for candidate in candidates:
        if set(candidate.variables()) <= set(statement.variables):
            try:
                if canonical_key(statement.with_claim(candidate)) == key:
                    return True
            except UserError:
                continue
    return False


def read_statement(problem: str, formal: Mapping[str, Any] | None) -> Statement:
    """The statement of a problem, from its text where that is known, else from its LaTeX.

    Raises:
      UserError: with what could not be read.
    """
    from olmix.proofs.statements.problem_text import parse_latex
    from olmix.proofs.statements.statement import parse_text

    if formal is not None:
        return parse_text(formal["statement"], formal.get("domain", "real"), formal.get("constraints") or [])
    return parse_latex(problem)


def key_of(problem: str, formal: Mapping[str, Any] | None = None) -> str | None:
    """The canonical key of a problem; None if it cannot be read."""
    from olmix.proofs.proving.keys import canonical_key

    try:
        return canonical_key(read_statement(problem, formal))
    except UserError:
        return None
