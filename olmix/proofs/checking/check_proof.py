r"""Checks a proof in LaTeX, link by link.

The proof is read as a list of relations with roles (`proof_text.py`); every asserted or announced relation is checked
in its context (`walker.py`, `links.py`); and what was checked must connect the hypothesis with the claim
(`connect.py`). The verdict is `accepted` only when every relation was read and none failed, and the claim was reached;
`rejected` when a relation certainly fails, with the numbers; `unknown` otherwise, with what was missing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from olmix.errors import UserError
from olmix.proofs.checking.best import check_best
from olmix.proofs.checking.connect import reaches_claim
from olmix.proofs.checking.curvature import wrong_bend
from olmix.proofs.checking.limits import TooLarge, too_long
from olmix.proofs.checking.link import Link
from olmix.proofs.checking.links import LINK_BUDGET, LinkResult
from olmix.proofs.checking.proof_text import Formula, read_proof
from olmix.proofs.checking.shapes import speaks_of_analogues
from olmix.proofs.checking.walker import Walker
from olmix.proofs.refuting.falsify import search
from olmix.proofs.statements.answers import find_answer, options, read_answer, same_answer
from olmix.proofs.statements.expr import Relation, Var
from olmix.proofs.statements.formulas import Chain, read_formula
from olmix.proofs.statements.latex import Scope
from olmix.proofs.statements.problem_text import parse_latex
from olmix.proofs.statements.statement import Statement


@dataclasses.dataclass(frozen=True)
class ProofVerdict:
    """`accepted`, `rejected` or `unknown`, the reason, every link, and the sentences that carry no relation."""

    verdict: str
    reason: str
    statement: Statement | None = None
    links: tuple[Link, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def first_failing(self) -> Link | None:
        """The first refuted link."""
        return next((link for link in self.links if link.status == "refuted"), None)

    def counts(self) -> dict[str, int]:
        """How many links have each status."""
        out: dict[str, int] = {}
        for link in self.links:
            out[link.status] = out.get(link.status, 0) + 1
        return out


def check_proof(
    problem: str | Statement, proof: str | Sequence[str], answer: str | None = None, connect: bool = True
) -> ProofVerdict:
    """Checks a proof of a problem; several proofs of the same problem are all checked, and one bad link rejects.

    `answer` fills the blank of the problem where it has one; without it the proof's own "the answer is" is used.
    """
    proofs = [proof] if isinstance(proof, str) else list(proof)
    found = find_answer("\n".join(proofs))
    told = answer or (found.latex() if found else None)
    if isinstance(problem, Statement):
        statement = problem
    else:
        try:
            statement = parse_latex(problem, told)
        except UserError as error:
            return ProofVerdict("unknown", str(error))
    constant = _constant(told)
    verdicts = [check_text(statement, text, connect, constant) for text in proofs]
    seen = search(statement, LINK_BUDGET)
    if seen.counterexample is not None:
        links = tuple(link for v in verdicts for link in v.links)
        return ProofVerdict("rejected", f"the claim itself fails at {seen.counterexample.describe()}", statement, links)
    if not seen.feasible:
        return ProofVerdict("unknown", "no point that satisfies the problem's hypotheses was found", statement)
    other = _other_answer(problem, answer, proofs) if answer is not None else None
    if other is not None and other.status == "refuted":
        return ProofVerdict("rejected", other.reason, statement)
    order = {"rejected": 0, "unknown": 1, "accepted": 2}
    worst = min(verdicts, key=lambda v: order[v.verdict], default=None)
    if worst is None or not any(v.links for v in verdicts):
        reason = worst.reason if worst else "the proof contains no relation that could be checked"
        return ProofVerdict("unknown", reason, statement)
    links = tuple(link for v in verdicts for link in v.links)
    if worst.verdict == "accepted" and other is not None:
        return ProofVerdict("unknown", other.reason, statement, links)
    if worst.verdict == "accepted" and isinstance(problem, str) and constant is not None:
        fault = check_best(problem, told or "", constant)
        if fault is not None:
            verdict = "rejected" if fault.status == "refuted" else "unknown"
            return ProofVerdict(verdict, f"the constant is not seen to be the best: {fault.reason}", statement, links)
    numbered = tuple(dataclasses.replace(link, number=i + 1) for i, link in enumerate(links))
    return ProofVerdict(worst.verdict, worst.reason, statement, numbered, tuple(r for v in verdicts for r in v.remarks))


def _other_answer(problem: str | Statement, answer: str, proofs: Sequence[str]) -> LinkResult | None:
    """Refuted where a proof gives another answer than the problem's; unread where that cannot be told."""
    right = read_answer(answer)
    meaning = options(problem) if isinstance(problem, str) else {}
    unclear = None
    for given in (find_answer(text) for text in proofs):
        if given is None or right is None:
            continue
        same = same_answer(given, right, meaning)
        if same is False and given.announced:
            return LinkResult("refuted", f"the proof's answer {given.text} is not the problem's")
        if same is not True:
            unclear = LinkResult("unread", f"it is not clear whether the proof's answer {given.text} is the problem's")
    return unclear


def _constant(answer: str | None) -> Relation | None:
    """`C = value` where the answer says so."""
    pieces = read_formula(answer.strip("$ .\n"), Scope()) if answer and "=" in answer else []
    relations = [r for p in pieces if isinstance(p, Chain) for r in p.relations()]
    return relations[0] if len(relations) == 1 and isinstance(relations[0].left, Var) else None


def check_text(statement: Statement, text: str, connect: bool = True, constant: Relation | None = None) -> ProofVerdict:
    """Checks one proof of a statement; `constant` is the value that the problem asks for, where it asks for one."""
    fault = too_long(text)
    if fault is not None:
        return ProofVerdict("unknown", fault, statement)
    checker = Walker(statement, constant)
    formulas: list[Formula] = []
    try:
        for item in read_proof(text):
            if isinstance(item, Formula):
                formulas.append(item)
                checker.formula(item)
            else:
                checker.remark(item.text)
    except TooLarge as error:
        return ProofVerdict("unknown", str(error), statement, tuple(checker.links), tuple(checker.remarks))
    checker.close_case()
    checker.settle()
    links = tuple(checker.links)
    failing = next((link for link in links if link.status == "refuted"), None)
    remarks = tuple(checker.remarks)
    if failing:
        return ProofVerdict("rejected", failing.describe(), statement, links, remarks)
    missing = [link for link in links if link.status in ("unread", "doubtful")]
    if missing:
        return ProofVerdict(
            "unknown", f"not everything could be checked: {missing[0].describe()}", statement, links, remarks
        )
    if not links:
        return ProofVerdict(
            "unknown", "the proof contains no relation that could be checked", statement, links, remarks
        )
    if not connect:
        return ProofVerdict(
            "unknown", "every link holds; whether they reach the claim was not asked", statement, links, remarks
        )
    bend = wrong_bend(formulas, checker.letters.scope.functions, statement)
    if bend is not None:
        return ProofVerdict("unknown", f"not everything could be checked: {bend}", statement, links, remarks)
    how = reaches_claim(statement, links, checker.context, speaks_of_analogues(text))
    if how is None:
        reason = "every link holds, but they were not seen to reach the claim"
        return ProofVerdict("unknown", reason, statement, links, remarks)
    unchecked = next((link for link in links if link.status == "unchecked"), None)
    if unchecked is not None:
        return ProofVerdict(
            "unknown", f"not everything could be checked: {unchecked.describe()}", statement, links, remarks
        )
    unused = checker.unused()
    if unused is not None:
        reason = f"every link holds, but nothing uses {unused} as it is defined, so that nothing checks it"
        return ProofVerdict("unknown", reason, statement, links, remarks)
    open_ = [str(link.number) for link in links if link.status == "unrefuted" and link.role in ("fact", "goal")]
    if open_:
        how += f"; {len(open_)} unrefuted, not proved: steps {', '.join(open_)}"
    return ProofVerdict("accepted", how, statement, links, remarks)
