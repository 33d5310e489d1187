r"""Checks a proof in LaTeX, link by link.

The proof is read as a list of relations with roles (`proof_text.py`); every asserted or announced relation is checked
in its context (`links.py`); and what was checked must connect the hypothesis with the claim (`connect.py`). The verdict
is `accepted` only when every relation was read and none failed, and the claim was reached; `rejected` when a relation
certainly fails, with the numbers; `unknown` otherwise, with what was missing.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

import numpy as np

from olmix.errors import UserError
from olmix.proofs.expr import Expr, Relation, Var, substitute, variables_of
from olmix.proofs.formulas import Chain, Member, read_formula
from olmix.proofs.latex import Scope, Unreadable, parse_tokens, variable_groups
from olmix.proofs.links import Assumption, Context, LinkResult, check_relation
from olmix.proofs.numeric import compile_floats
from olmix.proofs.printing import relation_text
from olmix.proofs.problem_text import find_answer, parse_latex
from olmix.proofs.proof_text import Formula, read_proof, words_role
from olmix.proofs.statement import Statement


@dataclasses.dataclass(frozen=True)
class Link:
    """One relation of the proof: where it stands, what it says, and what the check gave."""

    number: int
    latex: str
    relation: Relation | None
    role: str
    status: str
    reason: str = ""
    #: Links of one chain share its number.
    chain: int = 0

    def describe(self) -> str:
        """For a reader: the relation and the verdict."""
        what = relation_text(self.relation) if self.relation else self.latex
        return f"step {self.number}: {what}: {self.status}" + (f" ({self.reason})" if self.reason else "")


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
    if isinstance(problem, Statement):
        statement = problem
    else:
        try:
            statement = parse_latex(problem, answer or find_answer("\n".join(proofs)))
        except UserError as error:
            return ProofVerdict("unknown", str(error))
    verdicts = [check_text(statement, text, connect) for text in proofs]
    order = {"rejected": 0, "unknown": 1, "accepted": 2}
    worst = min(verdicts, key=lambda v: order[v.verdict], default=None)
    if worst is None or not any(v.links for v in verdicts):
        return ProofVerdict("unknown", "the proof contains no relation that could be checked", statement)
    links = tuple(link for v in verdicts for link in v.links)
    numbered = tuple(dataclasses.replace(link, number=i + 1) for i, link in enumerate(links))
    return ProofVerdict(worst.verdict, worst.reason, statement, numbered, tuple(r for v in verdicts for r in v.remarks))


def check_text(statement: Statement, text: str, connect: bool = True) -> ProofVerdict:
    """Checks one proof of a statement."""
    checker = _Checker(statement)
    for item in read_proof(text):
        if isinstance(item, Formula):
            checker.formula(item)
        else:
            checker.remarks.append(item.text)
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
    from olmix.proofs.connect import reaches_claim

    how = reaches_claim(statement, links, checker.context)
    if how is None:
        reason = "every link holds, but they were not seen to reach the claim"
        return ProofVerdict("unknown", reason, statement, links, remarks)
    return ProofVerdict("accepted", how, statement, links, remarks)


def sum_groups(statement: Statement) -> tuple[tuple[str, ...], ...]:
    """The groups of variables that a bare sum sign runs over: the statement must not change under their shift."""
    groups = variable_groups(statement.variables)
    if _invariant(statement, groups):
        return groups
    names = groups[0] if len(groups) == 1 else statement.variables
    for left_out in names:
        rest = variable_groups(tuple(v for v in names if v != left_out))
        if len(names) > 2 and _invariant(statement, rest):
            return rest
    return groups


def _invariant(statement: Statement, groups: tuple[tuple[str, ...], ...]) -> bool:
    """Whether the claim is the same (numerically, at a few points) when every group is shifted by one."""
    by = {v: Var(g[(i + 1) % len(g)]) for g in groups for i, v in enumerate(g)}
    gap = statement.claim.gap()
    function = compile_floats([gap, substitute(gap, dict(by))], statement.variables)
    points = np.random.default_rng(0).uniform(1.1, 1.9, size=(6, len(statement.variables)))
    values = function(points)
    return bool(np.allclose(values[:, 0], values[:, 1], rtol=1e-9, equal_nan=True))


def _names_a_theorem(chain: Chain) -> bool:
    """`A M \\geq G M` and its kin name an inequality between means."""
    return all(re.fullmatch(r"[AGHQKR] ?M?( _ .*)?|[AGHQKR]", side.text) and "M" in side.text for side in chain.sides)


class _Checker:
    """Walks through a proof, keeping the context."""

    def __init__(self, statement: Statement) -> None:
        self.context = Context(statement)
        self.scope = Scope(statement.variables, sum_groups(statement))
        self.links: list[Link] = []
        self.remarks: list[str] = []
        self.chains = 0
        #: Where the last chain ended, for lines that start with a relation.
        self.last: Expr | None = None

    def formula(self, formula: Formula) -> None:
        """Takes in one formula."""
        role = formula.role
        if role in ("equality", "hypothetical"):
            for piece in read_formula(formula.latex, self.scope):
                if isinstance(piece, Chain) and piece.ops and role == "hypothetical":
                    self._note(piece, role, "unchecked", "inside a proof by contradiction")
            return
        for piece in read_formula(formula.latex, self.scope):
            own = words_role(piece.lead) if piece.lead not in ("", ",", "=>", "<=>", "->", "<==") else None
            role = "fact" if piece.lead in ("=>", "<=>") else own or role
            if role == "equality":
                return
            if isinstance(piece, Member):
                self._member(piece)
            elif piece.ops:
                self._chain(piece, role, formula)
            elif role in ("define", "assume"):
                self._names(piece, formula.words)

    def _member(self, piece: Member) -> None:
        for name in piece.names:
            if name not in self.context.statement.variables:
                self.context.domains[name] = piece.domain
        for relation in piece.relations:
            self.context.assumptions.append(Assumption(relation, "proof", 0, 0))

    def _names(self, piece: Chain, words: str) -> None:
        """`for positive x`: a new variable with the domain that the words name."""
        only = piece.sides[0].expr
        if isinstance(only, Var) and not self.context.knows(only.name):
            low = words.lower()
            kind = "nonneg" if re.search(r"non-?negative", low) else "pos" if "positive" in low else "real"
            if kind != "real" or "real" in low:
                self.context.domains[only.name] = kind

    def _chain(self, chain: Chain, role: str, formula: Formula) -> None:
        if _names_a_theorem(chain):
            self.remarks.append(" ".join(side.text for side in chain.sides))
            return
        if chain.continues and formula.between.strip(" .,:;") and not formula.latex.lstrip().startswith("\\begin"):
            # `which is $\geq 1$`: what it is about stands in the words.
            self._unread(chain.sides[0], chain.ops[0], role, formula.latex)
            return
        if chain.continues and self.last is not None:
            first = dataclasses.replace(chain.sides[0], expr=self.last, text="(the line before)")
            chain = dataclasses.replace(chain, sides=(first, *chain.sides[1:]))
        if self._defines_function(chain):
            return
        self.chains += 1
        for left, op, right in zip(chain.sides, chain.ops, chain.sides[1:], strict=False):
            if left.expr is None or right.expr is None:
                self._unread(left if left.expr is None else right, op, role, f"{left.text} {op} {right.text}")
                continue
            self._relation(Relation(left.expr, op, right.expr), role, formula, f"{left.text} {op} {right.text}")
        self.last = chain.sides[-1].expr

    def _unread(self, side: object, op: str, role: str, latex: str) -> None:
        trouble = getattr(side, "trouble", "")
        if role in ("assume", "define"):
            self.context.unread.append(latex)
        self.links.append(Link(len(self.links) + 1, latex, None, role, "unread", trouble, self.chains))

    def _relation(self, relation: Relation, role: str, formula: Formula, latex: str) -> None:
        if self._defines(relation, role) or self._answers(relation):
            return
        if role in ("assume", "define"):
            if self._sign(relation):
                return
            result = check_relation(relation, self.context, self._given(formula))
            if result.status in ("proved", "unrefuted"):
                # What is "assumed" but holds anyway (`since`, `with`) is a fact.
                self._add(relation, "fact", latex, result)
                return
            self._introduce(relation)
            self.context.assumptions.append(
                Assumption(
                    relation, formula.lasts if role == "assume" else "proof", formula.paragraph, formula.sentence
                )
            )
            return
        self._add(relation, role, latex, check_relation(relation, self.context, self._given(formula)))

    def _given(self, formula: Formula) -> list[Relation]:
        return self.context.in_force(formula.paragraph, formula.sentence)

    def _add(self, relation: Relation, role: str, latex: str, result: LinkResult) -> None:
        number = len(self.links) + 1
        self.links.append(Link(number, latex, relation, role, result.status, result.reason, self.chains))

    def _note(self, chain: Chain, role: str, status: str, reason: str) -> None:
        self.chains += 1
        for relation in chain.relations():
            self.links.append(
                Link(len(self.links) + 1, relation_text(relation), relation, role, status, reason, self.chains)
            )

    def _answers(self, relation: Relation) -> bool:
        """`C = 2`, the constant that the problem asks for: no step, but it has to be the right one."""
        left, right = relation.left, relation.right
        if relation.op != "=" or not isinstance(left, Var) or self.context.knows(left.name):
            return False
        return not variables_of(right) or all(v in self.context.statement.variables for v in variables_of(right))

    def _sign(self, relation: Relation) -> bool:
        """`x > 0` for a symbol that is new or defined: its domain, or a fact about it that needs no check."""
        if relation.op in ("<", "<="):
            relation = relation.flipped()
        if not isinstance(relation.left, Var) or getattr(relation.right, "value", None) != 0:
            return False
        name = relation.left.name
        if (
            relation.op not in (">", ">=")
            or name in self.context.statement.variables
            or name in self.context.definitions
        ):
            return False
        self.context.domains[name] = "pos" if relation.op == ">" else "nonneg"
        return True

    def _introduce(self, relation: Relation) -> bool:
        """New symbols without a word about where they live: they live where the problem's variables do."""
        kinds = set(self.context.statement.domains)
        new = [name for name in relation.variables() if not self.context.knows(name)]
        for name in new:
            self.context.domains[name] = next(iter(kinds)) if len(kinds) == 1 else "real"
        return bool(new)

    def _defines(self, relation: Relation, role: str) -> bool:
        """`S = a + b`: a new symbol; `a = x/y`: an old variable in terms of new ones."""
        if relation.op != "=":
            return False
        known = self.context.knows
        for left, right in ((relation.left, relation.right), (relation.right, relation.left)):
            if not isinstance(left, Var):
                continue
            inside = variables_of(right)
            if not known(left.name) and left.name not in inside and all(known(v) for v in inside) and inside:
                self.context.definitions[left.name] = right
                self._regroup()
                return True
            new = [v for v in inside if not known(v)]
            old = left.name in self.context.statement.variables and left.name not in self.context.substitutions
            substitution = role in ("define", "assume") or bool(self.context.substitutions)
            if old and substitution and inside and left.name not in inside:
                fresh = {v for e in self.context.substitutions.values() for v in variables_of(e)}
                declared = set(self.context.domains)
                if (new or set(inside) <= fresh | declared) and not set(inside) & set(self.context.statement.variables):
                    self.context.substitutions[left.name] = right
                    self._regroup()
                    return True
        return False

    def _regroup(self) -> None:
        """New variables of the same number may be what sum signs run over from now on."""
        new = tuple(sorted({*self.context.definitions, *(
            v for e in self.context.substitutions.values() for v in variables_of(e))}))  # fmt: skip
        old = self.context.statement.variables
        groups = sum_groups(self.context.statement)
        if len(new) == len(groups[0]) and len(new) > 1:
            groups = (*groups, *variable_groups(new))
        self.scope = dataclasses.replace(self.scope, variables=(*old, *new), groups=groups)

    def _defines_function(self, chain: Chain) -> bool:
        """`f(a, b, c) = ...` where f is not yet known."""
        head = chain.sides[0]
        if head.expr is not None or not chain.ops or chain.ops[0] != "=" or chain.sides[1].expr is None:
            return False
        match = re.match(r"^([A-Za-z]) \( ((?:[A-Za-z] , )*[A-Za-z]) \)$", head.text)
        if not match or match[1] in self.scope.functions:
            return False
        params = tuple(match[2].split(" , "))
        functions = {**self.scope.functions, match[1]: (params, chain.sides[1].expr)}
        self.scope = dataclasses.replace(self.scope, functions=functions)
        try:
            self.last = parse_tokens(head.text.split(" "), self.scope)
        except Unreadable:
            self.last = None
        rest = dataclasses.replace(chain, sides=chain.sides[1:], ops=chain.ops[1:])
        if rest.ops:
            self._chain(rest, "fact", Formula("", "fact", "", 0, 0))
        return True
