"""Walks through a proof in order: keeps what has been assumed and defined, and checks every relation in that
context.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

import numpy as np

from olmix.proofs.equality import OUTSIDE, check_case, is_case
from olmix.proofs.expr import Expr, Relation, Var, substitute, variables_of
from olmix.proofs.formulas import Chain, Member, has_relation, read_formula
from olmix.proofs.latex import Scope, Unreadable, parse_tokens, variable_groups
from olmix.proofs.links import Assumption, Context, LinkResult, check_relation
from olmix.proofs.numeric import compile_floats
from olmix.proofs.printing import relation_text
from olmix.proofs.proof_text import Formula, words_role
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
    #: Whether it was checked under an assumption of a case or of its sentence, so that it is no fact by itself.
    conditional: bool = False
    #: Whether the words before it name a theorem or a known inequality.
    cited: bool = False

    def describe(self) -> str:
        """For a reader: the relation and the verdict."""
        what = relation_text(self.relation) if self.relation else self.latex
        return f"step {self.number}: {what}: {self.status}" + (f" ({self.reason})" if self.reason else "")


_CITED = re.compile(
    r"cauchy|schwarz|titu|engel|h[^a-z]{0,3}o?lder|muirhead|schur|jensen|cheb[iy]sh|rearrangement|minkowski|bernoulli|karamata"
    r"|power.?mean|\b[aghq]m\b|arithmetic|geometric mean|well.?known|known inequality|bunyakovsky|huygens|mean inequality",
    re.IGNORECASE,
)


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


class Walker:
    """Walks through a proof, keeping the context."""

    def __init__(self, statement: Statement, constant: Relation | None = None) -> None:
        self.context = Context(statement)
        self.scope = Scope(statement.variables, sum_groups(statement))
        self.links: list[Link] = []
        self.remarks: list[str] = []
        self.chains = 0
        #: Where the last chain ended, for lines that start with a relation.
        self.last: Expr | None = None
        self.conditional = False
        #: Symbols of the proof's own that an assumption brought in.
        self.introduced: set[str] = set()
        #: The constant that the problem asks for.
        self.constant = constant
        self.cases: list[list[Relation]] = []
        self.case_open = True
        self.case_paragraph = -1
        self.case_facts: list[tuple[Relation, Formula]] = []

    def formula(self, formula: Formula) -> None:
        """Takes in one formula."""
        role = formula.role
        if role == "hypothetical":
            for piece in read_formula(formula.latex, self.scope):
                if isinstance(piece, Chain) and piece.ops:
                    self._note(piece, role, "unchecked", "inside a proof by contradiction")
            return
        if role == "equality":
            self._equality(formula)
            return
        self.close_case()
        for piece in read_formula(formula.latex, self.scope):
            own = words_role(piece.lead) if piece.lead not in ("", ",", "=>", "<=>", "->", "<==") else None
            role = "fact" if piece.lead in ("=>", "<=>") else own or role
            if role == "equality":
                self._equality(dataclasses.replace(formula, between="when"), [piece])
                continue
            if isinstance(piece, Member):
                self._member(piece)
            elif piece.ops:
                self._chain(piece, role, formula)
            elif has_relation(piece.sides[0].text):
                self._unread(piece.sides[0], "", role, piece.sides[0].text)
            elif role in ("define", "assume"):
                self._names(piece, formula.words)

    def _equality(self, formula: Formula, pieces: Sequence[object] | None = None) -> None:
        """Sentences about equality: first the case (or several, with "or"), then what holds in it."""
        if self.case_paragraph != formula.paragraph:
            self.close_case()
            self.case_paragraph = formula.paragraph
        follows = re.search(
            r"\b(since|then|so|because|which|this|thus|hence|each|gives|becomes|where|in both)\b", formula.between
        )
        if follows and self.cases:
            self.case_open = False
        if self.case_open and re.search(r"\bor\b", formula.between) and self.cases[-1:]:
            self.cases.append([])
        for piece in pieces if pieces is not None else read_formula(formula.latex, self.scope):
            if not isinstance(piece, Chain) or not piece.ops or piece.continues:
                continue
            relations = piece.relations()
            if self.case_open and len(relations) == len(piece.ops) and all(is_case(r) for r in relations):
                if not self.cases or piece.lead == "or":
                    self.cases.append([])
                self.cases[-1].extend(relations)
            elif self.case_open and not self.cases:
                self.case_open = False  # The case itself was not read: nothing after it can be checked.
            else:
                self.case_open = False
                self.case_facts.extend((r, formula) for r in relations)

    def close_case(self) -> None:
        """Checks the equality case that has been collected."""
        cases = [c for c in self.cases if c]
        facts, self.cases, self.case_facts, self.case_open = self.case_facts, [], [], True
        if not cases:
            return
        about = [k.relation for k in self.links if k.relation is not None and k.role in ("fact", "goal")]
        expand = self.context.expand
        for case in cases:
            expanded = [r.map(expand) for r in case]
            fault = check_case(self.context.statement, expanded, [r.map(expand) for r in about])
            latex = ", ".join(relation_text(r) for r in case)
            self.chains += 1
            certain = fault == OUTSIDE or not self.context.unread
            status = "unrefuted" if fault is None else "refuted" if certain else "doubtful"
            self._add(case[0], "equality", latex, LinkResult(status, fault or "equality holds there"))
            if fault or len(cases) > 1:
                return
        for relation, _ in facts:
            if relation == self.constant:
                continue  # The answer, whatever the proof has used its letter for.
            result = check_relation(relation, self.context, cases[0])
            if result.status in ("proved", "unrefuted", "refuted"):
                self._add(relation, "equality", relation_text(relation), result)

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
        if self._answers(relation) or self._defines(relation, role):
            return
        if role in ("assume", "define"):
            if self._sign(relation):
                return
            result = check_relation(relation, self.context, self._given(formula))
            if result.status in ("proved", "unrefuted"):
                # What is "assumed" but holds anyway (`since`, `with`) is a fact.
                self._add(relation, "fact", latex, result)
                return
            # What brings in a new symbol holds as long as the symbol is used; what else is said about that symbol in
            # the same breath restricts the problem's variables, and holds for a while only.
            before = set(self.introduced)
            new = self._introduce(relation)
            more = not new and bool(before & set(relation.variables()))
            lasts = "sentence" if more else "proof" if new or role == "define" else formula.lasts
            self.context.assumptions.append(Assumption(relation, lasts, formula.paragraph, formula.sentence))
            return
        result = check_relation(relation, self.context, self._given(formula))
        self._add(relation, role, latex, result, bool(_CITED.search(formula.sentence_words)))

    def _given(self, formula: Formula) -> list[Relation]:
        held = self.context.in_force(formula.paragraph, formula.sentence)
        self.conditional = any(a.lasts != "proof" and a.relation in held for a in self.context.assumptions)
        return held

    def _add(self, relation: Relation, role: str, latex: str, result: LinkResult, cited: bool = False) -> None:
        number = len(self.links) + 1
        self.links.append(
            Link(number, latex, relation, role, result.status, result.reason, self.chains, self.conditional, cited)
        )

    def _note(self, chain: Chain, role: str, status: str, reason: str) -> None:
        self.chains += 1
        for relation in chain.relations():
            self.links.append(
                Link(len(self.links) + 1, relation_text(relation), relation, role, status, reason, self.chains)
            )

    def _answers(self, relation: Relation) -> bool:
        """`C = 2`, the constant that the problem asks for: no step, but it has to be the right one."""
        left, right = relation.left, relation.right
        known = self.constant
        if known is not None and relation.op == "=" and left == known.left:
            if right == known.right:
                return True
            # With variables on the other side the proof uses the letter for something of its own.
            if not variables_of(right) or variables_of(known.right):
                self.context.definitions.setdefault(left.name, known.right)  # type: ignore[union-attr]
            return False
        if relation.op != "=" or not isinstance(left, Var) or self.context.knows(left.name):
            return False
        return not variables_of(right)

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
        self.introduced.update(new)
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
