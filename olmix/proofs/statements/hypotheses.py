"""What a problem has said so far: domains, conditions, claims; and the statement that they make.

A relation is a condition or the claim by the `mode` that the words before it have set. Conditions accumulate: of two
domains that are said of a variable both hold.
"""

from __future__ import annotations

import itertools

from olmix.errors import UserError
from olmix.proofs.statements.expr import (
    STRICT,
    ZERO,
    Expr,
    Fun,
    Num,
    Relation,
    Var,
    add,
    all_variables,
    power,
    substitute,
)
from olmix.proofs.statements.formulas import Member
from olmix.proofs.statements.statement import Statement, make_statement

#: From weak to strong.
_STRENGTH = ("real", "nonneg", "pos", "natural")


class Collected:
    """Collects what is said; the first thing that is not understood is kept as `trouble`."""

    def __init__(self, constant: tuple[str, Expr] | None) -> None:
        #: The constant that the problem asks for, with the value that the answer gives.
        self.constant = constant
        self.domains: dict[str, str] = {}
        self.constraints: list[Relation] = []
        #: What depends on domains that may be said later: kind and names.
        self.later: list[tuple[str, tuple[str, ...]]] = []
        self.claims: list[Relation] = []
        self.trouble: str | None = None
        #: Names that were mentioned last, of which something may be said next.
        self.pending: list[str] = []
        #: What a relation is that comes next: `condition`, `claim`, or `none` after the claim.
        self.mode = "condition"
        self.claim_due = False
        #: Conditions of this sentence that no word makes conditions: the last of them may be the claim.
        self.loose: list[list[Relation]] = []
        #: The word or mark that joins the next formula to what stands before it.
        self.joined = ""

    def fail(self, reason: str) -> None:
        """Notes the first thing that was not understood."""
        self.trouble = self.trouble or reason

    def mention(self, name: str) -> None:
        """A formula names a variable, of which something may be said next."""
        if self.constant and name == self.constant[0]:
            return
        if self.mode == "claim" and name not in self.domains and self.claim_due:
            self.mode = "condition"  # `Prove that $x, y$ ...`: they are introduced here.
        if name not in self.pending:
            if all(n in self.domains for n in self.pending):
                self.pending.clear()
            self.pending.append(name)

    def mention_all(self, names: tuple[str, ...]) -> None:
        """Several names at once."""
        for name in names:
            self.mention(name)

    def member(self, piece: Member) -> None:
        r"""`x \in S`."""
        self.mention_all(piece.names)
        infinite = piece.domain == "real" and len(piece.relations) == len(piece.names)
        if infinite and all(r.right == ZERO and r.op in (">", ">=") for r in piece.relations):
            self.assign(piece.names, "pos" if piece.relations[0].op == ">" else "nonneg")
            return
        self.assign(piece.names, piece.domain)
        self.constraints.extend(piece.relations)

    def relations(self, relations: list[Relation]) -> None:
        """Relations in a chain: conditions or the claim, as the words before them say."""
        asked = self.constant is not None and any(self.constant[0] in r.variables() for r in relations)
        if self.constant and asked and all(self._about_constant(r) for r in relations):
            return
        if asked or self.mode == "claim":
            self.claim(relations)
        elif self.mode == "none":
            if self.joined == "and":
                self.claim(relations)
            elif self.joined == "," and not any(v in self.domains for r in relations for v in r.variables()):
                self.condition(relations)  # `$A \\geq B, \\quad a, b > 0$`: who they are is said after the claim.
            elif not set(relations) <= {*self.claims, *self.constraints}:
                self.fail("it is not clear what a relation after the claim is")
        else:
            self.condition(relations)

    def _about_constant(self, relation: Relation) -> bool:
        """`C > 0`: says nothing about the variables."""
        return self.constant is not None and set(relation.variables()) == {self.constant[0]}

    def claim(self, relations: list[Relation]) -> None:
        """Relations that are claimed."""
        new = [r for r in relations if r not in self.claims]
        if new and self.claims and self.joined != "and":
            self.fail("it makes several claims")
        self.claims.extend(new)
        self.mode, self.joined, self.claim_due = "none", "", True

    def condition(self, relations: list[Relation]) -> None:
        """Relations that are given."""
        simple = all(isinstance(side, Var | Num) for r in relations for side in (r.left, r.right))
        if simple and all(r.op != "=" for r in relations):
            self.mention_all(tuple(dict.fromkeys(v for r in relations for v in r.variables())))
            self._introduce(relations)
        kept = [r for r in relations if not self._only_sign(r)]
        self.constraints.extend(r for r in kept if r not in self.constraints)
        if self.joined in (",", "", "stop") and kept == relations:
            self.loose.append(relations)
        else:
            self.loose.clear()
        self.joined = ""

    def _introduce(self, relations: list[Relation]) -> None:
        """The domains of variables that a bound or an ordering brings in: `a > b > 0`."""
        above = [r.flipped() if r.op in ("<", "<=") else r for r in relations]
        for _ in above:
            for r in above:
                if not isinstance(r.left, Var) or r.op not in (">", ">="):
                    continue
                low = r.right
                kind = self.domains.get(low.name) if isinstance(low, Var) else _sign_of(low)
                if kind in ("nonneg", "pos", "natural"):
                    self.assign((r.left.name,), "pos" if kind != "nonneg" or r.op == ">" else "nonneg")
        self.assign(tuple(v for r in above for v in r.variables() if v not in self.domains), "real")

    def _only_sign(self, relation: Relation) -> bool:
        """Whether a relation says no more than the domain that it has given its variable."""
        if isinstance(relation.right, Var):
            relation = relation.flipped()
        if not isinstance(relation.left, Var) or relation.right != ZERO:
            return False
        wanted = {">": ("pos", "natural"), ">=": ("nonneg", "pos", "natural")}.get(relation.op, ())
        return self.domains.get(relation.left.name) in wanted

    def assign(self, names: tuple[str, ...], domain: str) -> None:
        """A domain is said of variables."""
        for name in names:
            known = self.domains.get(name, "real")
            self.domains[name] = max(known, domain, key=_STRENGTH.index)

    def statement(self) -> Statement:
        """What was read, or UserError."""
        for kind, names in self.later:
            self.say_later(kind, names or tuple(self.domains))
        if self.trouble is None and not self.claims:
            self.fail("no claim was found")
        if self.trouble:
            raise UserError(f"The problem is not read: {self.trouble}.")
        claim = _together(self._without_name(self.claims))
        if claim is None:
            raise UserError(f"The problem is not read: it makes {len(self.claims)} claims at once.")
        if self.constant:
            name, value = self.constant
            if name in claim.variables():
                claim = claim.map(lambda e: substitute(e, {name: value}))
        unknown = [v for v in all_variables((claim, *self.constraints)) if v not in self.domains]
        if unknown:
            raise UserError(f"The problem is not read: {', '.join(dict.fromkeys(unknown))} is not introduced.")
        if claim.op == "=" and self.constant:
            raise UserError("The problem is not read: a constant that makes an equation hold is no inequality.")
        used = all_variables((claim, *self.constraints))
        return make_statement(claim, {name: self.domains[name] for name in used}, dict.fromkeys(self.constraints))

    def _without_name(self, claims: list[Relation]) -> list[Relation]:
        """`S = ... >= 84`: without the name for the expression."""
        first = claims[0]
        if len(claims) > 1 and isinstance(first.left, Var) and first.op == "=" and first.left.name not in self.domains:
            return claims if any(first.left.name in r.variables() for r in claims[1:]) else claims[1:]
        return claims

    def say_later(self, kind: str, names: tuple[str, ...]) -> None:
        """Conditions on pairs or on all variables, once it is known where they live."""
        if len(names) < 2:
            self.fail("it is not clear which variables are meant")
            return
        sized = [Var(n) if self.domains.get(n, "real") != "real" else power(Var(n), 2) for n in names]
        pairs = itertools.combinations(range(len(names)), 2)
        if kind == "not all zero":
            self.constraints.append(Relation(add(*sized), ">", ZERO))
        elif kind == "no two zero":
            self.constraints.extend(Relation(add(sized[i], sized[j]), ">", ZERO) for i, j in pairs)
        else:
            self.constraints.extend(Relation(Var(names[i]), "!=", Var(names[j])) for i, j in pairs)


def _together(claims: list[Relation]) -> Relation | None:
    """Several inequalities as one: the least of their gaps is not negative. None where that cannot be said."""
    if len(claims) == 1:
        return claims[0]
    if any(r.op not in ("<", "<=", ">", ">=") for r in claims) or len({r.op in STRICT for r in claims}) > 1:
        return None
    return Relation(Fun("min", tuple(r.gap() for r in claims)), ">" if claims[0].op in STRICT else ">=", ZERO)


def _sign_of(expr: Expr) -> str | None:
    """The domain that a number is the lower end of."""
    value = getattr(expr, "value", None)
    return None if value is None or value < 0 else "pos" if value > 0 else "nonneg"
