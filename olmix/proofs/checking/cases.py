"""Collects what the sentences of a proof say about equality, and gives each statement its verdict.

A sentence such as "equality holds iff xy = yz = zx, i.e. x = y = z; since x + y + z = 1, this means x = y = z = 1/3" names a
case step by step: everything in it has to hold there at once. With "or" there are several cases, each by itself.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence

from olmix.proofs.checking.equality import (
    DOUBTFUL,
    OUTSIDE,
    can_hold,
    check_case,
    check_in_case,
    contradiction,
    is_case,
    read_case,
)
from olmix.proofs.checking.equality_points import says_only
from olmix.proofs.checking.links import LinkResult
from olmix.proofs.checking.proof_text import Formula
from olmix.proofs.statements.expr import Expr, Num, Relation, Var, substitute, variables_of
from olmix.proofs.statements.formulas import Chain
from olmix.proofs.statements.printing import relation_text
from olmix.proofs.statements.statement import Statement

_FOLLOWS = re.compile(
    r"\b(since|then|so|because|which|this|thus|hence|each|gives|becomes|where|in both|as|we get|get|deduce|i\.e|that is)\b"
)
_OTHER = re.compile(
    r"\b(or|also|another|other|others|as well as|respectively|either|permutations?|cyclic|and (?:for|when|at|if|in case))\b"
)
_IF = re.compile(r"^\W*(if|when|for|in case|at)\b", re.IGNORECASE)


@dataclasses.dataclass
class EqualityCases:
    """The cases of equality that a passage of a proof names, and what it says about them."""

    cases: list[list[Relation]] = dataclasses.field(default_factory=list)
    facts: list[Relation] = dataclasses.field(default_factory=list)
    unread: list[str] = dataclasses.field(default_factory=list)
    open: bool = True
    #: The passage calls the case impossible.
    impossible: bool = False
    #: Cases are alternatives of each other, so that numbers of several of them may differ.
    several: bool = False
    #: The words before the first case say that there is no other one.
    only: bool = False
    place: tuple[int, int] = (-1, -1)

    def take(self, formula: Formula, pieces: Sequence[object]) -> None:
        """Takes in one formula of the passage."""
        words = formula.between.lower()
        sentence = (formula.paragraph, formula.sentence)
        fresh, self.place = sentence != self.place, sentence
        self.only = self.only if self.cases else says_only(formula.words)
        if self.cases and (_OTHER.search(words) or (fresh and _IF.search(formula.words))):
            self.several = True
            if _FOLLOWS.search(words):
                # "or any permutation, since then ..."
                self.open = False
            elif re.search(r"\bor\b|\band (for|when|at|if)\b|also|another", words) or (
                fresh and _IF.search(formula.words)
            ):
                self.cases.append([])
                self.open = True
        elif self.cases and (_FOLLOWS.search(words) or fresh):
            self.open = False
        for piece in pieces:
            if isinstance(piece, Chain) and piece.ops and not piece.continues:
                self._piece(piece)

    def _piece(self, piece: Chain) -> None:
        relations = piece.relations()
        if len(relations) < len(piece.ops):
            self.unread.append(" ".join(side.text for side in piece.sides))
            if not self.cases:
                self.open = False
            return
        if piece.lead == "or" and self.cases:
            self.several = True
            self.cases.append([])
        elif piece.lead not in ("", ",", "and", "or"):
            self.open = self.open and not self.cases
        if self.open and all(is_case(r) for r in relations):
            if not self.cases:
                self.cases.append([])
            self.cases[-1].extend(relations)
        else:
            if not self.cases:
                self.open = False
            self.facts.extend(relations)

    def verdicts(
        self,
        statement: Statement,
        near: Sequence[Relation],
        far: Sequence[Relation],
        expand: Callable[[Expr], Expr],
        constant: Relation | None,
        certain: bool,
    ) -> list[tuple[Relation | None, str, LinkResult]]:
        """Each relation of the passage with its verdict; `certain`: nothing that was assumed before went unread."""
        out: list[tuple[Relation | None, str, LinkResult]] = [
            (None, text, LinkResult("unread", "what is said about equality")) for text in self.unread
        ]
        cases = [[r.map(expand) for r in case] for case in self.cases if case]
        for case, raw in zip(cases, [c for c in self.cases if c], strict=True):
            out.append(self._case(statement, case, raw, near, far, certain))
        refine = cases[0] if len(cases) == 1 and not self.several else None
        for fact in self.facts:
            result = self._fact(statement, fact.map(expand), refine, constant, certain)
            if result is not None:
                out.append((fact, relation_text(fact), result))
                if refine is not None and fact.op == "=" and result.status == "unrefuted":
                    refine.append(fact.map(expand))
        if refine is not None and refine != cases[:1] and len(refine) > len(self.cases[0]) and not self.impossible:
            # The case as the whole passage has it.
            fault = check_case(statement, refine, near, far)
            if fault is not None and not fault.startswith(DOUBTFUL):
                out.append((refine[-1], "the case as it is found", _faulty(fault, certain)))
        return out

    def _case(
        self, statement: Statement, case: list[Relation], raw: list[Relation], near: Sequence[Relation],
        far: Sequence[Relation], certain: bool,
    ) -> tuple[Relation | None, str, LinkResult]:  # fmt: skip
        latex = ", ".join(relation_text(r) for r in raw)
        clash = contradiction(case)
        if clash is not None and self.impossible:
            return raw[0], latex, LinkResult("unrefuted", f"impossible indeed: {clash}")
        if self.impossible and _excluded(statement, case):
            return raw[0], latex, LinkResult("unrefuted", "impossible indeed: no point of the problem is such")
        if clash is not None:
            # Two cases that were read as one: only a sentence that names a single case contradicts itself.
            reason = f"these exclude each other: {clash}"
            return raw[0], latex, LinkResult("doubtful" if self.several else "refuted", reason)
        fault = check_case(statement, case, near, far, self.impossible)
        if fault is None:
            return raw[0], latex, LinkResult("unrefuted", "equality holds there")
        return raw[0], latex, _faulty(fault, certain or fault == OUTSIDE)

    def _fact(
        self,
        statement: Statement,
        fact: Relation,
        case: list[Relation] | None,
        constant: Relation | None,
        certain: bool,
    ) -> LinkResult | None:
        """What else is said about the case: it must hold there, or narrow the case down further."""
        if constant is not None and constant.left in (fact.left, fact.right):
            return _about_constant(statement, fact, constant)
        if constant is not None and isinstance(constant.left, Var) and constant.left.name in fact.variables():
            by = {constant.left.name: constant.right}
            fact = fact.map(lambda e: substitute(e, by))
        if not fact.variables():
            held = check_in_case(statement, (), fact)
            return LinkResult({"holds": "unrefuted", "fails": "refuted", "open": "doubtful"}[held], "in numbers")
        if any(_same(fact, c) for c in statement.constraints):
            return LinkResult("unrefuted", "given")
        if case is None:
            return LinkResult("doubtful", "it is not clear which case is meant") if self.cases else None
        how = check_in_case(statement, case, fact, free=self.impossible)
        if how == "holds":
            return LinkResult("unrefuted", "it holds in the case")
        if how == "fails" and fact.op == "=":
            clash = contradiction([*case, fact, *(() if self.impossible else _equations(statement))])
            if clash is None and can_hold(statement, [*case, fact], free=self.impossible):
                return LinkResult("unrefuted", "it narrows the case down")
            reason = f"not in the case: {clash}" if clash else "it fails in the case"
            return LinkResult("refuted" if certain else "doubtful", reason)
        if how == "fails":
            return LinkResult("refuted" if certain else "doubtful", "it fails in the case")
        return LinkResult("doubtful", "what is said about equality could not be checked")


def _excluded(statement: Statement, case: Sequence[Relation]) -> bool:
    """Whether a case that is solved for positive variables gives one of them a value that it cannot have."""
    by = read_case(case).by
    values = [(by.get(n), d) for n, d in zip(statement.variables, statement.domains, strict=True)]
    return any(isinstance(v, Num) and (v.value < 0 or (v.value == 0 and d == "pos")) for v, d in values if d != "real")


def _equations(statement: Statement) -> list[Relation]:
    return [c for c in statement.constraints if c.op == "="]


def _faulty(fault: str, certain: bool) -> LinkResult:
    return LinkResult("doubtful" if fault.startswith(DOUBTFUL) or not certain else "refuted", fault)


def _about_constant(statement: Statement, fact: Relation, constant: Relation) -> LinkResult | None:
    """`C = 3` where the problem asks for C: the answer, or not."""
    if fact.left != constant.left:
        fact = fact.flipped()
    put = Relation(constant.right, fact.op, fact.right)
    if not isinstance(fact.left, Var) or (put.variables() and (fact.op != "=" or not variables_of(constant.right))):
        return None
    held = check_in_case(statement, (), put)
    if held == "fails":
        return LinkResult("refuted", f"the answer is {relation_text(constant)}")
    return None


def _same(fact: Relation, other: Relation) -> bool:
    if fact.op != other.op:
        fact = fact.flipped()
    return fact.op == other.op and (
        (fact.left, fact.right) == (other.left, other.right)
        or (fact.op == "=" and (fact.right, fact.left) == (other.left, other.right))
    )
