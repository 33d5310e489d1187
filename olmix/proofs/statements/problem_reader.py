r"""Goes through a problem phrase by phrase (`phrases.py`) and notes what each says (`hypotheses.py`)."""

from __future__ import annotations

import dataclasses
import itertools
import re

from olmix.proofs.statements.expr import ZERO, Expr, Relation, Var, add, div, mul, num, power, root
from olmix.proofs.statements.formulas import Chain, Member, Piece, Side, distributed, read_formula
from olmix.proofs.statements.hypotheses import Collected
from olmix.proofs.statements.latex import Scope, variable_groups
from olmix.proofs.statements.phrases import HARMLESS, PHRASES, WHOLE, domain_of, has_parts, number_word, operator, plain
from olmix.proofs.statements.printing import to_latex

_BLANK = re.compile(r"\(\s*\)|\\_\\_+|\\square|\\boxed\{\s*\}|\\underline\{\s*(?:\\h?space\{[^}]*\}|\\quad|\s)*\}")
_RELATION_WORDS = {r"\leq": "<=", r"\le": "<=", r"\geq": ">=", r"\ge": ">=", "<": "<", ">": ">", "=": "="}
_INTERVAL = re.compile(r"\s*(?:\\left\s*)?[\[(][^,;]*,[^,;]*[\])]\s*[.,]?\s*")
_ENDS = re.compile(r"(?<!right)\s*([.,:;?])\s*(?:\\end\{\w+\*?\}\s*|\\\\\s*)*$")
_SAID_OF_VARIABLES = (
    "is_domain",
    "distinct",
    "no_two_zero",
    "not_all_zero",
    "different",
    "bound",
    "interval",
    "triangle",
)
#: Words inside a formula that are understood there.
_WORDS_INSIDE = {"": "join", ",": "join", "and": "join"} | dict.fromkeys(
    ("for all", "for any", "for every", "for", "where", "with", "if", "whenever", "when", "such that"), "condition"
)


@dataclasses.dataclass(frozen=True)
class Span:
    """A stretch of text, or a formula (`math`), in the order of the document."""

    text: str
    math: bool


class ProblemReader(Collected):
    """Reads one problem; `names` are its variables where they are known from an earlier reading."""

    def __init__(self, answer: str | None, names: tuple[str, ...] = ()) -> None:
        super().__init__(_given_constant(answer))
        self.answer = answer
        self.known = names
        self.formulas: list[tuple[str, list[Piece]]] = []
        #: How many times a domain was said of new variables.
        self.groups = 0
        self.triangle = False

    def read(self, document: list[Span]) -> None:
        """Goes through the document phrase by phrase."""
        marked = self._marked(document)
        if has_parts(marked):
            self.fail("it has several parts")
        place = 0
        while place < len(marked):
            match, action = next(((m, a) for p, a in PHRASES if (m := p.match(marked, place))), (None, ""))
            word = re.match(r"\S+", marked[place:])
            assert word is not None
            if match and match.end() > place:
                self._guard(action)
                getattr(self, f"_on_{action}")(match)
                place = match.end()
            elif word[0] in HARMLESS or word[0] in "()[]":
                place += word.end()
            else:
                self.fail(f"{word[0]!r} is not understood")
                return
            place += marked[place : place + 1] == " "
        self._on_stop(None)

    def _guard(self, action: str) -> None:
        """`Prove that $a, b$ are positive`: what would be said of the variables is claimed."""
        if action in _SAID_OF_VARIABLES and (self.mode == "claim" or (self.mode == "none" and self.joined == "and")):
            self.fail("it claims more than relations")

    def _marked(self, document: list[Span]) -> str:
        parts = []
        for span in document:
            if not span.math:
                parts.append(plain(span.text))
                continue
            ends = _ENDS.search(span.text)
            parts.append(f"{self._kind(span.text)}{len(self.formulas) - 1}" + (f" {ends[1]}" if ends else ""))
        return " ".join(part for part in parts if part)

    def _kind(self, latex: str) -> str:
        """The letter of a formula in marked text; the formula is read and kept."""
        if _BLANK.search(latex):
            self.formulas.append((self._filled(latex), []))
            return "B"
        self.formulas.append((latex, []))
        if _INTERVAL.fullmatch(latex):
            return "I"
        pieces = self._pieces(latex)
        self.formulas[-1] = (latex, pieces)
        alone = [p.sides[0] for p in pieces if isinstance(p, Chain) and not p.ops]
        if any(side.expr is None for side in alone):
            return "U"
        if len(alone) == len(pieces) and all(isinstance(side.expr, Var) for side in alone):
            return "N"
        if len(alone) == len(pieces):
            return "V" if len(alone) == 1 else "U"
        return "R"

    def _pieces(self, latex: str) -> list[Piece]:
        for words in re.findall(r"\\(?:text|textit|textbf|textrm|mbox|mathrm)\s*\{([^{}]*)\}", latex):
            low = " ".join(words.lower().strip(" ,.;:~").split())
            if low not in _WORDS_INSIDE and low not in ("cyc", "sym", "cyclic"):
                self.fail(f"{words!r} inside a formula is not understood")
        latex = re.sub(r"\\(?:forall|ForAll)\b", r"\\text{ for all }", latex)
        return distributed(read_formula(latex, Scope(self.known, variable_groups(self.known))))

    def _filled(self, latex: str) -> str:
        """The claim with a blank: the answer's relation goes there."""
        symbol = (self.answer or "").strip().strip(".")
        if self.answer is None:
            self.fail("the relation to fill in is not given")
        elif symbol not in _RELATION_WORDS:
            self.fail(f"the answer {symbol!r} is no relation")
        return _BLANK.sub(lambda _: f" {symbol} ", re.sub(r"\\quad|\\qquad", " ", latex))

    def _on_skip(self, match: re.Match[str]) -> None:
        pass

    def _on_equality(self, match: re.Match[str]) -> None:
        self.mode = "none" if self.claims else self.mode

    def _on_stop(self, match: re.Match[str] | None) -> None:
        """A sentence ends: where a claim was announced and none came, the last loose relation is it."""
        if self.claim_due and not self.claims and self.loose:
            last = self.loose[-1]
            if all(r.op != "=" for r in last) and all(r in self.constraints for r in last):
                for relation in last:
                    self.constraints.remove(relation)
                self.claim(last)
        self.loose = []
        self.joined = "stop"
        self.mode = "none" if self.claims else "claim" if self.claim_due else "condition"

    def _on_colon(self, match: re.Match[str]) -> None:
        if self.claim_due and not self.claims:
            self.mode = "claim"

    def _on_join(self, match: re.Match[str]) -> None:
        if not (self.joined == "and" and match[0] == ","):
            self.joined = match[0]

    def _on_claim(self, match: re.Match[str]) -> None:
        self.claim_due = True
        if not self.claims:
            self.mode = "claim"
            self.loose = []

    def _on_condition(self, match: re.Match[str]) -> None:
        self.mode, self.joined = "condition", "word"

    def _on_asks(self, match: re.Match[str]) -> None:
        self.fail("it asks for a value, which is no statement")

    def _on_constant(self, match: re.Match[str]) -> None:
        name = self._names(match["constant"])
        if self.constant is None or name != (self.constant[0],):
            self.fail("it asks for a constant that is not given")

    def _on_triangle(self, match: re.Match[str]) -> None:
        named = match.groupdict().get("names")
        names = self._names(named) if named else tuple(n for n in self.pending if n not in self.domains)
        if len(names) != 3:
            self.fail("a triangle needs three sides")
            return
        self.assign(names, "pos")
        self.triangle = True
        for i, name in enumerate(names):
            others = [Var(n) for j, n in enumerate(names) if j != i]
            self.constraints.append(Relation(add(*others), ">", Var(name)))

    def _on_is_triangle(self, match: re.Match[str]) -> None:
        if not self.triangle:
            self.fail("a triangle needs three sides")

    def _on_perimeter(self, match: re.Match[str]) -> None:
        if not self.triangle:
            self.fail("a perimeter needs a triangle")
        self._on_all(match)

    def _on_all(self, match: re.Match[str]) -> None:
        """A condition on the sum, product, ... of all variables."""
        what = match.groupdict().get("parts") or match.groupdict().get("aggregate") or "sum"
        named = re.search(r"of (N\d+(?: (?:, and|,|and) N\d+)*)", match[0])
        names = self._names(named[1]) if named else self._everyone()
        if len(names) < 2 or (not named and self.groups > 1):
            self.fail(f"it is not clear of which variables the {what} is meant")
            return
        terms: list[Expr] = [Var(name) for name in names]
        if what == "pairwise products":
            terms = [mul(x, y) for x, y in itertools.combinations(terms, 2)]
        changed = {"squares": 2, "cubes": 3, "reciprocals": -1}.get(what)
        if changed:
            terms = [power(term, changed) for term in terms]
        if what == "square roots":
            terms = [root(term) for term in terms]
        whole = mul(*terms) if what == "product" else add(*terms)
        if what in ("arithmetic mean", "mean", "average"):
            whole = div(whole, num(len(terms)))
        self._relation_of(whole, operator(match.groupdict().get("compared")), match["value"], match[0])

    def _everyone(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.domains, *self.pending)))

    def _relation_of(self, left: Expr, op: str, value: str, said: str = "with") -> None:
        """A relation in words, `said` so; what opens with "whose", "with" and so on is a condition wherever it stands."""
        right = self._value(value)
        if right is None:
            return
        if self.mode == "condition" or said.startswith(
            ("whose", "with", "having", "where", "if", "such that", "for which")
        ):
            self.constraints.append(Relation(left, op, right))
        else:
            self.relations([Relation(left, op, right)])

    def _on_aggregate_of(self, match: re.Match[str]) -> None:
        self._say_domain(self._names(match["these"]), match["domain"])
        terms = [Var(name) for name in self._names(match["these"])]
        whole = mul(*terms) if match["aggregate"] == "product" else add(*terms)
        self._relation_of(whole, operator(match["compared"]), match["value"], match[0])

    def _on_no_two_zero(self, match: re.Match[str]) -> None:
        self._zero(match)
        self.later.append(("no two zero", self._everyone()))

    def _on_not_all_zero(self, match: re.Match[str]) -> None:
        self._zero(match)
        self.later.append(("not all zero", self._everyone()))

    def _zero(self, match: re.Match[str]) -> None:
        last = match[0].split()[-1]
        if last.startswith("V") and self._value(last) != ZERO:
            self.fail(f"{match[0]!r} is not understood")

    def _on_different(self, match: re.Match[str]) -> None:
        for name in self._everyone():
            self._relation_of(Var(name), "!=", match["value"])

    def _on_distinct(self, match: re.Match[str]) -> None:
        self.later.append(("distinct", ()))

    def _on_interval(self, match: re.Match[str]) -> None:
        names = tuple(self.pending) or self._everyone()
        if not names or self.groups > 1:
            self.fail("it is not clear which variables lie in the interval")
            return
        latex = self.formulas[int(match["interval"][1:])][0]
        for piece in self._pieces(f"{', '.join(to_latex(Var(n)) for n in names)} \\in {latex.strip().rstrip('.,')}"):
            if isinstance(piece, Member):
                self.member(piece)
            else:
                self.fail(f"{latex!r} is not understood")

    def _on_bound(self, match: re.Match[str]) -> None:
        names = tuple(self.pending) or self._everyone()
        if not names or self.groups > 1:
            self.fail("it is not clear which variables are bounded")
            return
        for name in names:
            self.assign((name,), "real")
            self._relation_of(Var(name), operator(match["compared"]), match["value"])

    def _on_compare(self, match: re.Match[str]) -> None:
        left = self._value(match["left"] or match["left2"])
        right = self._value(match["value"] or match["value2"])
        op = operator(match["compared"] or match["compared2"])
        if left is not None and right is not None:
            self.relations([Relation(left, op, right)])

    def _on_is_domain(self, match: re.Match[str]) -> None:
        if not self.pending:
            self.fail(f"it is not clear what {match['domain']!r} is said of")
        self._say_domain(tuple(self.pending), match["domain"])

    def _on_domain_of(self, match: re.Match[str]) -> None:
        these = match["these"]
        if these.startswith("N"):
            names = self._names(these)
            if self.constant and self.constant[0] in names:
                return
        else:
            pieces = self.formulas[int(these[1:])][1]
            names = _standing_alone(pieces)
            self.mode = "condition"
            if not names:
                self.fail(f"it is not clear what {match['domain']!r} is said of")
            self._take(pieces)
        self._say_domain(names, match["domain"])

    def _say_domain(self, names: tuple[str, ...], words: str) -> None:
        kind, relation, trouble = domain_of(words)
        if trouble == WHOLE and names and all(self.domains.get(name) in ("pos", "natural") for name in names):
            kind, trouble = "natural", None
        if trouble:
            self.fail(trouble)
        if {"distinct", "different"} & set(words.split()):
            self.later.append(("distinct", names))
        new = [name for name in names if name not in self.domains]
        self.groups += bool(new)
        if kind is None:
            self.pending.extend(n for n in names if n not in self.pending)
            return
        self.assign(names, kind)
        if relation:
            self.constraints.extend(Relation(Var(name), relation, ZERO) for name in names)

    def _on_formula(self, match: re.Match[str]) -> None:
        latex, pieces = self.formulas[int(match[0][1:])]
        if match[0][0] in "VIU":
            self._not_understood(latex, pieces)
        elif match[0][0] == "B":
            self.claim_due, self.mode = True, "claim"
            self._take(self._pieces(latex))
        else:
            self._take(pieces)

    def _not_understood(self, latex: str, pieces: list[Piece]) -> None:
        sides = [side for p in pieces if isinstance(p, Chain) for side in p.sides if side.expr is None]
        side = sides[0] if sides else Side(latex.strip(), None, "what is said of it is not understood")
        family = re.search(r"\\[cl]?dots|_ ?(\{ ?)?[nk]\b", side.text)
        self.fail(
            "it is about a family of variables x_1, ..., x_n"
            if family
            else f"{side.text!r} is not understood ({side.trouble})"
        )

    def _take(self, pieces: list[Piece]) -> None:
        """Takes in a formula: names, memberships, conditions, or the claim."""
        for piece in pieces:
            inside = _WORDS_INSIDE.get(piece.lead)
            if inside is None:
                self.fail(f"{piece.lead!r} inside a formula is not understood")
            elif inside == "condition":
                self.mode, self.joined = "condition", "word"
            elif piece.lead:
                self.joined = piece.lead
            if isinstance(piece, Member):
                self.member(piece)
            elif any(side.expr is None for side in piece.sides):
                self._not_understood("", [piece])
            elif not piece.ops:
                name = piece.sides[0].expr
                if isinstance(name, Var):
                    self.mention(name.name)
                else:
                    self._not_understood(piece.sides[0].text, [])
            else:
                self.relations(list(piece.relations()))

    def _names(self, marks: str) -> tuple[str, ...]:
        names = []
        for mark in re.findall(r"N(\d+)", marks):
            for piece in self.formulas[int(mark)][1]:
                only = piece.sides[0].expr if isinstance(piece, Chain) else None
                if isinstance(only, Var):
                    names.append(only.name)
        return tuple(names)

    def _value(self, mark: str) -> Expr | None:
        if not re.fullmatch(r"[NV]\d+", mark):
            return num(number_word(mark))
        pieces = self.formulas[int(mark[1:])][1]
        only = pieces[0].sides[0].expr if len(pieces) == 1 and isinstance(pieces[0], Chain) else None
        if only is None:
            self.fail(f"{self.formulas[int(mark[1:])][0]!r} is no value")
        return only


def _given_constant(answer: str | None) -> tuple[str, Expr] | None:
    if not answer or "=" not in answer or answer.strip() in _RELATION_WORDS:
        return None
    pieces = [p for p in read_formula(answer, Scope()) if isinstance(p, Chain)]
    relations = [r for p in pieces for r in p.relations()]
    if len(relations) == 1 and isinstance(relations[0].left, Var):
        return relations[0].left.name, relations[0].right
    return None


def _standing_alone(pieces: list[Piece]) -> tuple[str, ...]:
    """The variables that are sides of relations by themselves, or members of a set."""
    names: list[str] = []
    for piece in pieces:
        if isinstance(piece, Member):
            names.extend(piece.names)
        else:
            names.extend(side.expr.name for side in piece.sides if isinstance(side.expr, Var))
    return tuple(dict.fromkeys(names))
