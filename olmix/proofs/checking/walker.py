"""Walks through a proof in order, keeping what was assumed and defined; every relation is checked in that context."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from olmix.proofs.checking import wording
from olmix.proofs.checking.cases import EqualityCases
from olmix.proofs.checking.citations import NONE, cited_theorems
from olmix.proofs.checking.contrary import opposes, under_contrary
from olmix.proofs.checking.equivalence import compare
from olmix.proofs.checking.letters import Letters
from olmix.proofs.checking.link import Link
from olmix.proofs.checking.links import Assumption, Context, LinkResult, check_relation
from olmix.proofs.checking.mentions import Governed, conditional, doubted, mentioned, spared
from olmix.proofs.checking.passages import about, at_point, no_case, only_case, own_case
from olmix.proofs.checking.proof_text import Formula, words_role
from olmix.proofs.checking.readings import asserted, excluded, misplaced, never_holds, only_at_points
from olmix.proofs.checking.sequences import is_cauchy, sequences, wrong_count, wrong_weights
from olmix.proofs.checking.shapes import (
    CITED,
    bridges,
    is_point,
    is_turned_theorem,
    names_a_theorem,
    names_afterwards,
    turns_round,
    written,
)
from olmix.proofs.checking.totals import unbound_total
from olmix.proofs.statements.expr import Expr, Num, Relation, Var, variables_of
from olmix.proofs.statements.formulas import Chain, Member, has_relation, read_formula
from olmix.proofs.statements.printing import relation_text
from olmix.proofs.statements.statement import Statement


class Walker:
    """Walks through a proof, keeping the context."""

    def __init__(self, statement: Statement, constant: Relation | None = None) -> None:
        self.context = Context(statement)
        self.letters = Letters(self.context, constant)
        self.links: list[Link] = []
        self.remarks: list[str] = []
        self.said = ""  # All words so far.
        #: What the sentences just before say (`Apply Cauchy-Schwarz.`), and the sentence that they may be about.
        self.announced, self.heard = "", (-1, -1)
        self.chains = 0
        #: Where the last chain ended, for lines that start with a relation.
        self.last: Expr | None = None
        self.conditional = False
        self.under: tuple[Relation, ...] = ()
        #: The last chain, which `i.e.` may be about.
        self.before: Chain | None = None
        self.aside = False
        self.governed = Governed()
        self.equality = EqualityCases()
        #: Symbols that relations have used.
        self.used: set[str] = set()
        #: An equation was supposed in a proof by contradiction: what follows from it need not hold otherwise.
        self.supposed = False
        self.contrary = False
        self.places: dict[int, tuple[int, int]] = {}

    def remark(self, text: str) -> None:
        """Takes in a sentence without a formula, which may name the theorem of the next one."""
        self.remarks.append(text)
        self.said += f" {text}"
        self._never(text)
        self.governed.remark(text)
        if names_afterwards(text) and self.links and self.links[-1].role in ("fact", "goal"):
            self.links[-1] = dataclasses.replace(self.links[-1], cited=cited_theorems(text))
        self.announced = text if self.heard != (-1, -1) else f"{self.announced} {text}"
        self.heard = (-1, -1)

    def formula(self, formula: Formula) -> None:
        """Takes in one formula."""
        role = formula.role
        self.said += f" {formula.sentence_words}"
        place = (formula.paragraph, formula.sentence)
        self.heard = place if self.heard == (-1, -1) else self.heard
        if place != self.heard:
            self.announced = ""
        if role in ("hypothetical", "absurd"):
            for piece in read_formula(formula.latex, self.letters.scope):
                if isinstance(piece, Chain) and piece.ops:
                    self._note(piece, formula)
            return
        if role in ("equality", "impossible"):
            self._equality(formula)
            return
        if mentioned(formula):
            self.remarks.append(formula.latex.strip())
            return
        self.close_case()
        self.letters.at(formula.sentence)
        if role == "point":
            self._point(formula)
            return
        before: Chain | None = None
        start, told = len(self.links), False
        pieces = read_formula(self.letters.spelled(formula.latex), self.letters.scope)
        if role in ("assume", "define") and not any(isinstance(p, Member) or p.ops for p in pieces):
            bare = [e.name for p in pieces if isinstance(p, Chain) and isinstance(e := p.sides[0].expr, Var)]
            after = formula.sentence_words.strip()[len(formula.words) :]
            if len(bare) == len(pieces) and not any(map(self.context.knows, bare)):
                self.letters.family(bare, after)
                told = True
            elif len(bare) == len(pieces) == 1:
                self.letters.extreme(bare[0], after)
        for piece in pieces:
            own = words_role(piece.lead) if piece.lead not in ("", ",", "=>", "<=>", "->", "<==") else None
            role = {"=>": "fact", "<=>": "goal"}.get(piece.lead, own or role)
            if role == "equality":
                self._equality(dataclasses.replace(formula, between="when"), [piece])
                continue
            named = wording.side_named(piece, formula, self.letters.scope.sides) if isinstance(piece, Chain) else None
            if named is not None:
                piece, role = wording.nearer(named, self.before, self.context, self._given(formula)), "fact"
            if isinstance(piece, Chain) and piece is pieces[0] and role in ("fact", "goal"):
                vague = unbound_total(piece, formula, self.links, self.context, self._given(formula))
                if vague is not None:
                    self._add(None, role, written(piece), vague)
            if isinstance(piece, Member):
                self._member(piece)
            elif piece.ops:
                self._chain(piece, role, formula)
                same = wording.calls_same(formula, self.aside) if piece is pieces[0] else ""
                if piece.lead == "<=>" and before is not None:
                    self._equivalent(before, piece, formula)
                elif same and self.before is not None:
                    self._equivalent(self.before, piece, formula, same)
                before = piece
                if role in ("fact", "goal"):
                    # No condition (`which is true for a < 3`) is what `i.e.` is about.
                    self.before, self.aside = piece, wording.is_aside(piece, formula)
            elif has_relation(piece.sides[0].text):
                self._unread(piece.sides[0], "", role, piece.sides[0].text)
            elif role in ("define", "assume"):
                self.letters.kind(piece, formula.words)
            if not isinstance(piece, Member) and not piece.ops:
                self.letters.side(piece, formula.sentence_words)
        if conditional(formula):
            for i, link in spared(self.links, start, place, self.places).items():
                self.links[i] = link
        why = self.governed.why(formula, told or any(isinstance(p, Member) or p.ops for p in pieces))
        if why:
            self.links[start:] = [doubted(link, why) for link in self.links[start:]]
        if not any(isinstance(p, Chain) and p.ops for p in pieces):
            self._never(formula.sentence_words)

    def _point(self, formula: Formula) -> None:
        """`It attains its minimum at x = 1`: no step, but what is given must not exclude the point."""
        self.chains += 1
        pieces = read_formula(formula.latex, self.letters.scope)
        result = at_point([r for p in pieces if isinstance(p, Chain) for r in p.relations()], self.context)
        self._add(None, "point", formula.latex, result)

    def _equality(self, formula: Formula, pieces: Sequence[object] | None = None) -> None:
        """Sentences about equality."""
        if self.equality.cases and self.equality.place[0] != formula.paragraph:
            self.close_case()
        self.equality.impossible = self.equality.impossible or formula.role == "impossible"
        self.equality.take(formula, pieces if pieces is not None else read_formula(formula.latex, self.letters.scope))

    def unused(self) -> str | None:
        """A definition with numbers in it that no relation has used, so that nothing has checked it; or None."""
        relations = [link.relation for link in self.links if link.relation is not None]
        return self.letters.unused(self.used, relations, [link.latex for link in self.links])

    def close_case(self) -> None:
        """Checks what has been said about equality."""
        told, self.equality = self.equality, EqualityCases()
        expand = self.context.expand
        near, far = about(self.links, self.places, told.place, expand)
        self.conditional = False
        certain = not self.context.unread
        for relation, latex, result in told.verdicts(
            self.context.statement, near, far, expand, self.letters.constant, certain
        ):
            if relation is not None and result.status == "doubtful":
                result = own_case(told, relation, self.links, self.context) or result
            self.chains += 1
            self._add(relation, "equality", latex, result)
        narrow = only_case(told, near, far, self.context, self.said) if certain else None
        if narrow is not None:
            self._add(None, "equality", "the only case", narrow)

    def _never(self, text: str) -> None:
        """`Equality never holds`, outside of proofs by contradiction."""
        if self.links and not (self.contrary or self.supposed):
            place = self.places.get(max(self.places, default=0), (-1, -1))
            fault = no_case(text, *about(self.links, self.places, place, self.context.expand), self.context, self.said)
            if fault is not None:
                self._add(None, "equality", text, fault)

    def _member(self, piece: Member) -> None:
        for name in piece.names:
            if name not in self.context.statement.variables:
                self.context.domains[name] = piece.domain
        for relation in piece.relations:
            self.context.assumptions.append(Assumption(relation, "proof", 0, 0))

    def _chain(self, chain: Chain, role: str, formula: Formula) -> None:
        if names_a_theorem(chain):
            if is_turned_theorem(chain):
                self._add(None, "fact", written(chain), LinkResult("refuted", "the means compare the other way round"))
            else:
                self.remarks.append(written(chain))
            return
        if chain.continues and formula.between.strip(" .,:;") and not formula.latex.lstrip().startswith("\\begin"):
            # `which is $\geq 1$`: what it is about stands in the words.
            about = wording.subject(chain, formula, self.last, self.context, self._given(formula))
            if about is None:
                self._unread(chain.sides[0], chain.ops[0], role, formula.latex)
                return
            self.last = about
        if chain.continues and self.last is not None:
            first = dataclasses.replace(chain.sides[0], expr=self.last, text="(the line before)")
            chain = dataclasses.replace(chain, sides=(first, *chain.sides[1:]))
        function = self.letters.function(chain)
        if function is not None:
            self.last, rest = function
            if rest.ops:
                self._chain(rest, "fact", Formula("", "fact", "", 0, 0))
            return
        self.chains += 1
        self.places[self.chains] = (formula.paragraph, formula.sentence)
        if turns_round(chain) and role in ("fact", "goal"):
            simple = all(isinstance(s.expr, Var | Num) for s in chain.sides)
            result = LinkResult("doubtful" if simple else "refuted", "the chain changes its direction")
            self._add(None, role, written(chain), result)
        if role in ("assume", "define") and asserted(chain, self.context, self._given(formula)):
            role = "fact"
        self._across(chain, role, formula)
        relations = chain.relations()
        if role == "fact" and len(relations) == len(chain.ops) and wording.POINT.search(formula.sentence_words):
            clash = misplaced(relations, self.context)
            if clash is not None and not wording.SUPPOSITION.search(formula.sentence_words.replace("when", "")):
                self._add(
                    relations[-1], role, relation_text(relations[-1]), LinkResult("refuted", f"not given: {clash}")
                )
        for left, op, right in zip(chain.sides, chain.ops, chain.sides[1:], strict=False):
            if left.expr is None or right.expr is None:
                self._unread(left if left.expr is None else right, op, role, f"{left.text} {op} {right.text}")
                continue
            self._relation(Relation(left.expr, op, right.expr), role, formula, f"{left.text} {op} {right.text}")
            if role == "define" and op == "=" and [right.expr] == list(self.letters.named.values())[-1:]:
                role = "fact" if variables_of(chain.sides[-1].expr or right.expr) else role  # `Let D = A = B`.
        self.last = chain.sides[-1].expr

    def _equivalent(self, before: Chain, after: Chain, formula: Formula, how: str = "firm") -> None:
        """`A <=> B`, or words that say so."""
        result = None if self.context.unread else compare(before, after, self.context, self._given(formula), how)
        if result is not None:
            self._add(None, "fact", f"the relation before <=> {written(after)}", result)

    def _across(self, chain: Chain, role: str, formula: Formula) -> None:
        """`X >= (unread) >= Y` says that X >= Y: refuted where that is false."""
        for relation in bridges(chain) if role in ("fact", "goal") else ():
            result = check_relation(relation, self.context, self._given(formula))
            if result.status == "refuted":
                self._add(relation, role, relation_text(relation), result)

    def _unread(self, side: object, op: str, role: str, latex: str, why: str = "") -> None:
        trouble = why or getattr(side, "trouble", "")
        if role in ("assume", "define"):
            self.context.unread.append(latex)
        self.links.append(Link(len(self.links) + 1, latex, None, role, "unread", trouble, self.chains))

    def _relation(self, relation: Relation, role: str, formula: Formula, latex: str) -> None:
        if self.letters.answers(relation, role, formula.words) or self.letters.defines(relation, role):
            return
        if role in ("assume", "define"):
            if self.letters.sign(relation) or (role == "assume" and self._opposes(relation)):
                return
            result = check_relation(relation, self.context, self._given(formula))
            if result.status in ("proved", "unrefuted"):
                # What is "assumed" but holds anyway (`since`, `with`) is a fact.
                self._add(relation, "fact", latex, result)
                return
            if role == "define" and excluded(relation, self.context):
                self._add(relation, role, latex, LinkResult("refuted", "what is given excludes it"))
                return
            # What brings in a new symbol holds as long as the symbol is used; what else is said about that symbol in
            # the same breath restricts the problem's variables, and holds for a while only.
            before = set(self.letters.introduced)
            new = self.letters.introduce(relation)
            names = set(relation.variables())
            more = not new and bool(before & names)
            lasts = "sentence" if more else "proof" if new or role == "define" else formula.lasts
            if lasts == "sentence" and not names & set(self.context.statement.variables) and not is_point(relation):
                lasts = "paragraph"  # `for 0 < t < 1`, where t is the proof's own.
            self.context.assume(Assumption(relation, lasts, formula.paragraph, formula.sentence))
            return
        if self.contrary:
            self._follows(relation, formula, latex)
            return
        result = check_relation(relation, self.context, self._given(formula))
        if result.status == "refuted" and re.search(r"\\[lr]hs\b", latex) and any(k.role == "goal" for k in self.links):
            result = LinkResult("doubtful", f"{result.reason}; but LHS and RHS may be those of another relation")
        if result.status == "refuted" and is_point(relation) and wording.POINT.search(formula.sentence_words):
            result = LinkResult("doubtful", f"{result.reason}; but the sentence may be about that point only")
        if result.status in ("proved", "unrefuted") and only_at_points(
            relation, self.context, formula.paragraph, formula.sentence
        ):
            result = LinkResult("refuted", "it holds only where what was supposed for a while makes both sides equal")
        if result.status in ("proved", "unrefuted"):
            result = self._as_named(relation, formula) or result
        self._add(relation, role, latex, result, self._cites(formula))

    def _as_named(self, relation: Relation, formula: Formula) -> LinkResult | None:
        """Refuted where a theorem is applied to sequences that the sentence names, and the relation is not what it says."""
        named = sequences(self.letters.fresh)
        words = formula.sentence_words
        wrong = (wrong_count(named) if CITED.search(words) else None) or wrong_weights(named, words)
        same = is_cauchy(named, relation, self.context, words)
        if same:
            self.used |= {name for name, _ in self.letters.fresh}
        elif same is False:
            wrong = wrong or "this is not Cauchy's inequality for the sequences that the sentence names"
        self.letters.fresh = []
        return LinkResult("refuted", wrong) if wrong else None

    def settle(self) -> None:
        """Looks again at relations in letters whose values the proof has found later."""
        late = self.letters.late()
        for i, link in enumerate(self.links):
            if link.status != "unread" or link.relation is None or link.role not in ("fact", "goal"):
                continue
            unknown = [v for v in link.relation.variables() if not self.context.knows(v)]
            if unknown and all(v in late.definitions for v in unknown):
                place = self.places.get(link.chain, (-1, -1))
                result = check_relation(link.relation, late, late.in_force(*place))
                self.links[i] = dataclasses.replace(link, status=result.status, reason=result.reason)

    def _given(self, formula: Formula) -> list[Relation]:
        held = self.context.in_force(formula.paragraph, formula.sentence)
        self.under = tuple(r for r in held if self._restricts(r))
        self.conditional = any(a.lasts != "proof" and a.relation in self.under for a in self.context.assumptions)
        return held

    def _restricts(self, relation: Relation) -> bool:
        """Whether an assumption is about the problem's variables, and not about a letter of a lemma alone."""
        new = {v for e in self.context.substitutions.values() for v in variables_of(e)}
        own = {*self.context.statement.variables, *new}
        there = relation.map(self.context.expand)
        if there.op == "=" and any(isinstance(s, Var) and s.name not in own for s in (there.left, there.right)):
            return False  # `taking t = a`, where the lemma holds for all t.
        return bool(set(there.variables()) & own)

    def _add(
        self, relation: Relation | None, role: str, latex: str, result: LinkResult, cited: frozenset[str] = NONE
    ) -> None:
        number = len(self.links) + 1
        if relation is not None and role in ("fact", "goal"):
            self.used |= set(relation.variables())
        held = (self.chains, self.conditional, cited, self.under)
        self.links.append(Link(number, latex, relation, role, result.status, result.reason, *held))

    def _note(self, chain: Chain, formula: Formula) -> None:
        """What stands in a proof by contradiction. Identities must hold all the same: no inequality makes them true."""
        self.chains += 1
        supposed = bool(wording.SUPPOSITION.search(formula.words))
        for relation in chain.relations():
            if supposed and self._opposes(relation):
                continue
            if self.contrary:
                self._follows(relation, formula, relation_text(relation))
                continue
            self.supposed = self.supposed or (supposed and relation.op == "=")
            result = LinkResult("unchecked", "inside a proof by contradiction")
            if relation.op == "=" and formula.role == "hypothetical" and not supposed and not self.supposed:
                found = check_relation(relation, self.context, self._given(formula))
                result = found if found.status == "refuted" else result
            elif (
                relation.op != "="
                and wording.ANNOUNCED.search(formula.words)
                and not supposed
                and never_holds(relation, self.context)
            ):
                result = LinkResult("refuted", "the opposite is proved")
            self._add(relation, "hypothetical", relation_text(relation), result)

    def _opposes(self, relation: Relation) -> bool:
        """Whether a supposition is the opposite of the claim; from here on relations are what it leads to."""
        self.contrary = self.contrary or opposes(relation, self.context)
        return self.contrary and opposes(relation, self.context)

    def _follows(self, relation: Relation, formula: Formula, latex: str) -> None:
        there, role, result = under_contrary(
            relation, self.context, self._given(formula), not self.supposed, formula.role == "absurd"
        )
        self._add(there, role, latex if there == relation else relation_text(there), result, self._cites(formula))

    def _cites(self, formula: Formula) -> frozenset[str]:
        return cited_theorems(f"{self.announced} {formula.sentence_words} {formula.latex}")
