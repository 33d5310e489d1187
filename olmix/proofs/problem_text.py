r"""Reads a problem in English and LaTeX: who the variables are, what they satisfy, what is claimed.

Understood are the forms in which inequality problems are written: "Let $a,b,c$ be positive real numbers such
that ... Prove that $$...$$", "Find the largest constant $C$ such that ..." (with the answer given, so that
the claim is a statement), and "$A \quad () \quad B$" with the relation to fill in. A symbol that is nowhere
introduced, a sum over a family in n, two claims at once: each makes the problem unreadable, with the reason;
nothing is guessed.
"""

from __future__ import annotations

import dataclasses
import itertools
import re

from olmix.errors import UserError
from olmix.proofs.expr import Expr, Relation, Var, add, all_variables, num, substitute, variables_of
from olmix.proofs.formulas import Chain, Member, Piece, Side, has_relation, read_formula
from olmix.proofs.latex import Scope, variable_groups
from olmix.proofs.statement import Statement, make_statement

_MATH = re.compile(r"\$\$(.*?)\$\$|\\\[(.*?)\\\]|\$(.*?)\$|\\\((.*?)\\\)", re.DOTALL)
_DOMAINS = (
    (re.compile(r"non-?\s?negative"), "nonneg"),
    (re.compile(r"positive integers?|natural numbers?|positive whole"), "natural"),
    (re.compile(r"positive"), "pos"),
    (re.compile(r"\breals?\b"), "real"),
)
_TRIANGLE = re.compile(r"(sides?|side lengths|lengths of the sides)\b.*\btriangle|triangle with sides?|sides? of a")
_CLAIM = re.compile(
    r"\b(prove|show|determine|find|consider|establish|verify|demonstrate|then|we have|it holds|inequality holds)\b"
)
_CONDITION = re.compile(r"\b(such that|satisfy\w*|where|with|given|if|assume|suppose|under|subject to|and that)\b")
_BLANK = re.compile(r"\(\s*\)|\\_\\_+|\\square|\\boxed\{\s*\}|\\underline\{\s*(?:\\h?space\{[^}]*\}|\\quad|\s)*\}")
_RELATION_WORDS = {r"\leq": "<=", r"\le": "<=", r"\geq": ">=", r"\ge": ">=", "<": "<", ">": ">", "=": "="}


@dataclasses.dataclass(frozen=True)
class Span:
    """A stretch of text, or a formula (`math`), in the order of the document."""

    text: str
    math: bool


def spans(document: str) -> list[Span]:
    """Text and formulas in order; a formula that was broken in two (`$x+y+$ $z=1$`) is one again."""
    out: list[Span] = []
    place = 0

    def put(text: str, math: bool) -> None:
        if not math and not text.strip() and out and out[-1].math and "\n\n" not in text:
            out.append(Span(text, False))
        elif math and len(out) > 1 and not out[-1].text.strip() and out[-2].math and _broken(out[-2].text, text):
            out[-2:] = [Span(f"{out[-2].text} {text}", True)]
        elif text:
            out.append(Span(text, math))

    for match in _MATH.finditer(document):
        if match.start() > place:
            put(document[place : match.start()], False)
        put(next(g for g in match.groups() if g is not None), True)
        place = match.end()
    put(document[place:], False)
    return out


_JOINT = r"(?:[-+=<>]|\\(?:leq?|geq?|cdot|times|leqslant|geqslant))"


def _broken(first: str, second: str) -> bool:
    return (
        bool(re.search(_JOINT + r"\s*$", first) or re.match(r"\s*" + _JOINT, second))
        and "\\begin" not in first + second
    )


def find_answer(text: str) -> str | None:
    """The last "the answer is ..." of a solution: a relation symbol in LaTeX, or `C = value`."""
    found = re.findall(r"answer is:?\s*(?:\(?[A-F]\)\s*)?(\$\$?.*?\$\$?)", text, re.DOTALL)
    return found[-1].strip("$ \n") if found else None


def parse_latex(problem: str, answer: str | None = None) -> Statement:
    """The statement of a problem; `answer` fills the blank or gives the constant that is asked for.

    Raises UserError with the reason where the problem has no certain reading.
    """
    reader = _Problem(_clean_answer(answer))
    for span in spans(re.split(r"\bOptions\s*:", problem)[0]):
        if span.math:
            reader.formula(span.text)
        else:
            reader.words(span.text)
    return reader.statement()


def _clean_answer(answer: str | None) -> str | None:
    if answer is None:
        return None
    found = re.search(r"\$+(.*?)\$+", answer, re.DOTALL)
    return (found[1] if found else answer).strip()


class _Problem:
    """Collects what a problem says, span by span."""

    def __init__(self, answer: str | None) -> None:
        self.answer = answer
        self.domains: dict[str, str] = {}
        self.constraints: list[Relation] = []
        self.claims: list[Relation] = []
        self.pending: list[str] = []
        self.domain_ahead: str | None = None
        self.in_claim = False
        self.condition = True
        self.for_all = False
        self.constant: tuple[str, Expr] | None = None
        self.notes: list[str] = []
        self.trouble: str | None = None
        if answer and "=" in answer and answer.strip() not in _RELATION_WORDS:
            pieces = [p for p in read_formula(answer, Scope()) if isinstance(p, Chain)]
            relations = [r for p in pieces for r in p.relations()]
            if len(relations) == 1 and isinstance(relations[0].left, Var):
                self.constant = (relations[0].left.name, relations[0].right)

    def words(self, text: str) -> None:
        """Takes in a stretch of words: domains, and whether what follows is a condition or the claim."""
        low = " ".join(text.lower().split())
        if re.search(r"\bensures?\b", low):
            self.trouble = "it asks for more than a relation that holds everywhere"
        if _TRIANGLE.search(low) and self.pending:
            self._triangle()
        # "the largest positive constant" says nothing about the variables.
        about = re.sub(r"[^.]*(constant|number|value)\s*$", "", low)
        domain = next((kind for pattern, kind in _DOMAINS if pattern.search(about)), None)
        if domain:
            be = re.search(r"\b(be|are|is|being|denote)\b", low)
            if self.pending and be:
                self._assign(list(self.pending), domain)
            else:
                self.domain_ahead = domain
        different = re.search(r"different from\s+(\d+)", low)
        if different:
            for name in self.domains:
                self.constraints.append(Relation(Var(name), "!=", num(different[1])))
        if re.search(r"\bdistinct\b", low):
            for x, y in itertools.combinations(self.domains, 2):
                self.constraints.append(Relation(Var(x), "!=", Var(y)))
        conditions = [m.start() for m in _CONDITION.finditer(low)]
        claims = [m.start() for m in _CLAIM.finditer(low)]
        if claims:
            self.in_claim = True
        last = max(conditions, default=-1)
        if low.strip(" ,") == "and" and self.claims:
            self.condition = False
        elif re.search(r"\b(for|over) (all|any|every|each)( \w+)*$", low) and self.in_claim:
            self.condition = self.for_all = True
        elif (low.endswith(":") or (self.for_all and not conditions)) and self.in_claim:
            self.condition = self.for_all = False
        elif "following" in low or re.search(r"inequality|expression|prove|show", low[last + 1 :]):
            self.condition = False
        elif conditions:
            self.condition = True
        elif claims:
            self.condition = False

    def formula(self, latex: str) -> None:
        """Takes in a formula: names, memberships, conditions, or the claim."""
        if _BLANK.search(latex):
            self._fill(latex)
            return
        names = tuple(n for n in self.domains if not self.constant or n != self.constant[0])
        for piece in read_formula(latex, Scope(names, variable_groups(names))):
            if isinstance(piece, Member):
                self._assign(list(piece.names), piece.domain)
                self.constraints.extend(piece.relations)
            elif not piece.ops:
                self._mention(piece)
            else:
                self._relations(piece)

    def _mention(self, piece: Chain) -> None:
        only = piece.sides[0].expr
        if isinstance(only, Var):
            if self.constant and only.name == self.constant[0]:
                return
            if self.domain_ahead:
                self._assign([only.name], self.domain_ahead)
            elif only.name not in self.domains:
                self.pending.append(only.name)
        elif (only is None and r"\ldots" in piece.sides[0].text) or r"\cdots" in piece.sides[0].text:
            self.trouble = "it is about a family of variables x_1, ..., x_n"
        elif only is None:
            text = piece.sides[0].text
            claim = self.in_claim and not self.condition and has_relation(text)
            if claim or (not self.in_claim and re.search(r"[a-z]", text)):
                self._not_understood(piece.sides[0])

    def _not_understood(self, side: Side) -> None:
        """Notes the first thing that was not understood."""
        if self.trouble is None:
            family = re.search(r"\\[cl]dots|_ (\{ )?[nk]\b", side.text)
            self.trouble = (
                "it is about a family of variables x_1, ..., x_n"
                if family
                else f"{side.text!r} is not understood ({side.trouble})"
            )

    def _relations(self, piece: Chain) -> None:
        unread = [s for s in piece.sides if s.expr is None]
        if piece.continues and len(unread) == len(piece.sides):
            return  # A relation symbol by itself.
        if unread:
            self._not_understood(unread[0])
            return
        relations = piece.relations()
        simple = [self._sign(r) for r in relations]
        if all(simple) and not (self.in_claim and not self.condition and self.claims == [] and self.domains):
            return
        asked = self.constant is not None and any(self.constant[0] in r.variables() for r in relations)
        if self.in_claim and (asked or not self.condition):
            if self.claims and set(relations) <= set(self.claims):
                return
            self.claims.extend(relations)
            self.condition = True  # What follows the claim ("where ...", "for all ...") are conditions.
            return
        for relation, taken in zip(relations, simple, strict=True):
            if not taken:
                self.constraints.append(relation)

    def _sign(self, relation: Relation) -> bool:
        """Whether a relation only says the sign of a variable, which is then noted as its domain."""
        if isinstance(relation.right, Var) and not isinstance(relation.left, Var):
            relation = relation.flipped()
        if not isinstance(relation.left, Var) or variables_of(relation.right):
            return False
        name = relation.left.name
        if self.constant and name == self.constant[0]:
            return True
        if name not in self.domains and name not in self.pending:
            self.pending.append(name)
        kind = {">": "pos", ">=": "nonneg"}.get(relation.op)
        value = getattr(relation.right, "value", None)
        if value == 0 and kind:
            self._assign([name], kind)
            return True
        if relation.op != "=" and name not in self.domains:
            # A bound such as a > 1 introduces the variable; its own domain may follow.
            self._assign([name], "pos" if value is not None and value > 0 and kind else "real")
        return False

    def _assign(self, names: list[str], domain: str) -> None:
        for name in names:
            known = self.domains.get(name)
            if known in (None, "real") or (known == "nonneg" and domain in ("pos", "natural")):
                self.domains[name] = domain
            if name in self.pending:
                self.pending.remove(name)

    def _triangle(self) -> None:
        names = [n for n in self.pending if n not in self.domains][:3] or list(self.domains)[:3]
        if len(names) != 3:
            self.trouble = "a triangle needs three sides"
            return
        self._assign(names, "pos")
        for i, name in enumerate(names):
            others = [Var(n) for j, n in enumerate(names) if j != i]
            self.constraints.append(Relation(add(*others), ">", Var(name)))

    def _fill(self, latex: str) -> None:
        """The claim with a blank: the answer's relation goes there."""
        if self.answer is None:
            self.trouble = "the relation to fill in is not given"
            return
        symbol = self.answer.strip().strip(".")
        if symbol not in _RELATION_WORDS:
            self.trouble = f"the answer {symbol!r} is no relation"
            return
        filled = _BLANK.sub(lambda _: f" {symbol} ", re.sub(r"\\quad|\\qquad", " ", latex))
        self.in_claim, self.condition = True, False
        self.formula(filled)

    def statement(self) -> Statement:
        """What was read, or UserError."""
        claims, constraints = self.claims, self.constraints
        if self.trouble:
            raise UserError(f"The problem is not read: {self.trouble}.")
        if len(claims) > 1 and isinstance(claims[0].left, Var) and claims[0].op == "=":
            # `S = ... >= 84`: a name for the expression.
            named = claims[0].left.name
            if named not in self.domains and all(named not in r.variables() for r in claims[1:]):
                claims = claims[1:]
        if len(claims) != 1:
            what = "no claim was found" if not claims else f"it makes {len(claims)} claims at once"
            raise UserError(f"The problem is not read: {what}.")
        claim = claims[0]
        asked = [v for v in claim.variables() if v not in self.domains]
        if self.constant:
            name, value = self.constant
            if name in claim.variables():
                claim = claim.map(lambda e: substitute(e, {name: value}))
            asked = [v for v in claim.variables() if v not in self.domains]
        unknown = asked + [v for v in all_variables(constraints) if v not in self.domains]
        if unknown:
            raise UserError(f"The problem is not read: {', '.join(dict.fromkeys(unknown))} is not introduced.")
        if claim.op == "=" and self.constant:
            raise UserError("The problem is not read: a constant that makes an equation hold is no inequality.")
        used = all_variables((claim, *constraints))
        domains = {name: self.domains[name] for name in used}
        return make_statement(claim, domains, _without_duplicates(constraints), self.notes)


def _without_duplicates(relations: list[Relation]) -> list[Relation]:
    return list(dict.fromkeys(relations))


__all__ = ["Piece", "Span", "find_answer", "parse_latex", "spans"]
