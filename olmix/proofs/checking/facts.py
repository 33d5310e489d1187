"""What a proof has established: its checked relations, what chains of them give, and what follows at once from one of them.

A fact remembers where it comes from, because the claim restated is no support for the claim: whether it was only announced,
whether it is the composition of a chain or follows from another fact, whether a theorem was cited for it.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from olmix.proofs.checking.citations import NONE
from olmix.proofs.checking.forms import between_roots, implied, kinds_of, proportional, sufficient, visibly_nonneg
from olmix.proofs.checking.limits import LONG_CHAIN
from olmix.proofs.checking.link import Link
from olmix.proofs.checking.links import Context, build_link
from olmix.proofs.checking.signs import signed
from olmix.proofs.proving.keys import canonical_key
from olmix.proofs.statements.expr import (
    Add,
    Expr,
    Mul,
    Num,
    Pow,
    Relation,
    Var,
    mul,
    neg,
    num,
    power,
    substitute,
    variables_of,
    walk,
)
from olmix.proofs.statements.numeric import compile_floats
from olmix.proofs.statements.printing import relation_text
from olmix.proofs.statements.statement import Statement

_GOOD = ("proved", "unrefuted")
#: More facts than this are not multiplied with each other.
MOST_FACTORS = 12


@dataclasses.dataclass(frozen=True)
class Fact:
    """A checked relation in the form `gap >= 0` (or `= 0`), in the variables of the claim."""

    relation: Relation
    statement: Statement
    key: str
    announced: bool
    number: int
    #: Theorems that were named for it.
    cited: frozenset[str] = NONE
    #: It follows from other relations (the links of a chain, a power of itself).
    derived: bool = False
    #: A chain leads from one side to the other by way of something else.
    worked: bool = False
    #: A certificate proved it (or all links that it is made of).
    proved: bool = False
    #: For a product: what was multiplied.
    parts: tuple[Fact, ...] = ()
    #: Nothing but the visible sign of an expression that stands in an equation.
    visible: bool = False
    #: For a chain: what it is made of.
    links: tuple[Fact, ...] = ()
    #: The relation that this one is another form of (a root of both sides, say).
    origin: Fact | None = None


def collect_facts(
    links: Sequence[Link], context: Context, given: Sequence[Relation] = (), cyclic: bool = False
) -> list[Fact]:
    """The facts of a proof; `given` are assumptions that hold throughout, which are facts as well.

    `cyclic`: the proof speaks of analogues of what it spells out.
    """
    pool = _Pool(context, given)
    for relation in given:
        pool.put(relation, announced=False, number=0, derived=True, proved=True)
    chains: dict[int, list[Link]] = {}
    for link in links:
        usable = link.status in _GOOD and link.role != "equality" and not link.conditional
        if usable and link.relation is not None:
            chains.setdefault(link.chain, []).append(link)
    for chain in chains.values():
        for link in chain:
            assert link.relation is not None
            goal = link.role == "goal"
            pool.put(
                link.relation, announced=goal, number=link.number, cited=link.cited, proved=link.status == "proved"
            )
            pool.put_visible(link)
        last = len(chain) - 1
        for i, j in itertools.combinations(range(len(chain)), 2):
            if last < LONG_CHAIN or i == 0 or j == last:
                pool.put_composed(chain[i : j + 1])
    if cyclic:
        pool.shift()
    return list(pool.facts.values())


class _Pool:
    """Facts by their spelling; of two with the same spelling the better supported one stays."""

    def __init__(self, context: Context, given: Sequence[Relation]) -> None:
        self.context, self.given = context, given
        self.facts: dict[str, Fact] = {}

    def put(
        self, relation: Relation, *, announced: bool, number: int, cited: frozenset[str] = NONE, derived: bool = False,
        proved: bool = False, worked: bool = False, origin: Fact | None = None, links: tuple[Fact, ...] = (),
        visible: bool = False,
    ) -> None:  # fmt: skip
        """Adds a relation, and what powers and roots of both sides make of it."""
        built, _ = build_link(relation, self.context, self.given)
        if built is None or built.claim.op == "!=":
            return
        fact = Fact(
            built.claim, built, canonical_key(built), announced, number, cited, derived, worked, proved,
            visible=visible, links=links, origin=origin,
        )  # fmt: skip
        spelled = relation_text(built.claim)
        known = self.facts.get(spelled)
        if known is None or _rank(fact) > _rank(known):
            self.facts[spelled] = fact
        if origin is None and not visible:
            for other in implied(built):
                self.put(
                    other, announced=announced, number=number, cited=cited, derived=derived, proved=proved, origin=fact
                )
            for other in between_roots(built):
                # Nearly the product itself, which therefore needs support of its own.
                self.put(other, announced=True, number=number, proved=proved, origin=fact)

    def put_visible(self, link: Link) -> None:
        """From `X = Y` where Y is visibly of one sign, as a sum of squares is: that sign."""
        relation = link.relation
        if relation is None or relation.op != "=":
            return
        built, _ = build_link(relation, self.context, self.given)
        if built is None:
            return
        left, right = built.claim.left, built.claim.right
        for side, other in ((right, left), (left, right)):
            if not isinstance(side, Add | Mul | Pow) or other == side:
                continue
            for op, value in ((">=", side), ("<=", neg(side))):
                if signed(value, built):
                    sign = Relation(side, op, num(0))
                    self.put(
                        sign, announced=link.role == "goal", number=link.number, derived=True, proved=True, visible=True
                    )

        for side in (left, right):
            for term in side.terms if isinstance(side, Add) else ():
                if _is_square(term):
                    square = Relation(term, ">=", num(0))
                    self.put(square, announced=False, number=link.number, derived=True, proved=True, visible=True)

    def shift(self) -> None:
        """Adds the cyclic versions of all facts, where the hypotheses are the same for all variables."""
        old = self.context.substitutions
        names = variables_of(*(self.context.expand(e) for e in old.values())) or self.context.statement.variables
        if not 3 <= len(names) <= 4 or len([f for f in self.facts.values() if not (f.origin or f.visible)]) > 16:
            return
        by = {v: Var(names[(i + 1) % len(names)]) for i, v in enumerate(names)}
        for fact in [f for f in self.facts.values() if f.origin is None and not f.visible]:
            own = fact.statement
            if len(set(own.domains)) > 1 or not set(own.variables) <= set(names) or not _same_hypotheses(own, by):
                continue
            relation = fact.relation
            for _ in names[1:]:
                relation = relation.map(lambda e: substitute(e, dict(by)))
                built, _ = build_link(relation, self.context, self.given)
                spelled = relation_text(relation)
                if built is not None and spelled not in self.facts and not same(fact, _plain(built)):
                    self.facts[spelled] = dataclasses.replace(
                        fact, relation=built.claim, statement=built, key=canonical_key(built), parts=(), origin=None
                    )

    def put_composed(self, chain: Sequence[Link]) -> None:
        """The relation between the ends of a piece of a chain; it is derived unless one link says the same already."""
        relations = [link.relation for link in chain if link.relation is not None]
        whole = compose(relations)
        if whole is None:
            return
        announced = any(link.role == "goal" for link in chain)
        proved = all(link.status == "proved" for link in chain)
        own = [self._link(link) for link in chain]
        end = self._fact(whole)
        derived = end is not None and not any(f is not None and same(f, end) for f in own)
        cited = frozenset(name for link in chain for name in link.cited)
        worked = len(chain) > 1 and any(link.relation.op == "=" and link.relation.left != link.relation.right
                                        for link in chain if link.relation is not None)  # fmt: skip
        self.put(
            whole,
            announced=announced,
            number=chain[-1].number,
            derived=derived,
            proved=proved,
            cited=cited,
            worked=worked,
            links=()
            if None in own
            else tuple(dataclasses.replace(f, cited=k.cited) for f, k in zip(own, chain, strict=True) if f is not None),
        )

    def _link(self, link: Link) -> Fact | None:
        """The fact that one link of a chain is."""
        assert link.relation is not None
        fact = self._fact(link.relation)
        if fact is None:
            return None
        known = self.facts.get(relation_text(fact.relation))
        if known is not None:
            return known
        key, proved = canonical_key(fact.statement), link.status == "proved"
        return dataclasses.replace(fact, key=key, number=link.number, proved=proved, announced=link.role == "goal")

    def _fact(self, relation: Relation) -> Fact | None:
        built, _ = build_link(relation, self.context, self.given)
        return None if built is None else Fact(built.claim, built, "", False, 0)


def _is_square(term: Expr) -> bool:
    """`(x - 1/2)**2`, with a positive number before it."""
    *scale, body = term.factors if isinstance(term, Mul) else (term,)
    return (
        all(isinstance(f, Num) and f.value > 0 for f in scale)
        and isinstance(body, Pow) and body.exponent == num(2) and isinstance(body.base, Add)
    )  # fmt: skip


def _plain(built: Statement) -> Fact:
    return Fact(built.claim, built, "", False, 0)


def _same_hypotheses(statement: Statement, by: Mapping[str, Expr]) -> bool:
    """Whether the constraints are the same, as a whole, in other letters; seen in floats at a few points."""
    if not statement.constraints:
        return True
    gaps = [c.gap() for c in statement.constraints]
    turned = [substitute(g, dict(by)) for g in gaps]
    names = variables_of(*gaps, *turned)
    points = np.random.default_rng(2).uniform(0.3, 1.8, size=(6, len(names)))
    here, there = compile_floats(gaps, names)(points), compile_floats(turned, names)(points)
    for op in {c.op for c in statement.constraints}:
        chosen = [i for i, c in enumerate(statement.constraints) if c.op == op]
        if not np.allclose(np.sort(here[:, chosen]), np.sort(there[:, chosen]), equal_nan=True):
            return False
    return True


def _rank(fact: Fact) -> tuple[bool, ...]:
    return (not fact.announced, fact.derived, bool(fact.cited) and fact.worked, bool(fact.cited))


def compose(relations: Sequence[Relation]) -> Relation | None:
    """The relation between the ends of a chain that runs in one direction."""
    ops = {r.op for r in relations} - {"="}
    if ops <= {"<", "<="}:
        op = "<" if "<" in ops else "<=" if ops else "="
    elif ops <= {">", ">="}:
        op = ">" if ">" in ops else ">="
    else:
        return None
    if any(a.right != b.left for a, b in itertools.pairwise(relations)):
        return None
    return Relation(relations[0].left, op, relations[-1].right)


def same(fact: Fact, other: Fact) -> bool:
    """Whether two relations say the same up to a constant factor and moving terms, without using any hypothesis."""
    if "=" in (fact.relation.op, other.relation.op):
        return False
    return proportional(fact.relation.gap(), other.relation.gap(), kinds_of(fact.statement))


def shapes(target: Fact) -> list[Fact]:
    """A relation that is to be reached, and the relations from which it follows by powers or roots of both sides."""
    out = [target]
    for relation in sufficient(target.statement):
        built = target.statement.with_claim(relation)
        out.append(Fact(relation, built, canonical_key(built), target.announced, target.number, target.cited))
    return out


def restates(fact: Fact, target: Fact) -> bool:
    """Whether a fact is the target, up to a constant factor, moving terms, and powers or roots of both sides."""
    return any(same(f, t) for f in (fact, *([fact.origin] if fact.origin else [])) for t in _shapes_of(target))


@functools.lru_cache(maxsize=256)
def _shapes_of(target: Fact) -> tuple[Fact, ...]:
    return tuple(shapes(target))


def multiplied(facts: Sequence[Fact]) -> list[Fact]:
    """Products of two inequalities, and inequalities divided by the positive denominators that occur."""
    chosen = [f for f in facts if f.relation.op not in ("=", "!=") and f.origin is None and not f.visible]
    if not chosen or len(chosen) > MOST_FACTORS:
        return []
    out = []
    for f, g in itertools.combinations_with_replacement(chosen, 2):
        out.append(_product_fact(f, g.relation.gap(), (f, g)))
    bottoms: dict[Expr, None] = {}
    for fact in facts:
        for node in (*walk(fact.relation.left), *walk(fact.relation.right)):
            if isinstance(node, Pow) and node.exponent == num(-1) and not isinstance(node.base, Num):
                bottoms[node.base] = None
    for fact in chosen:
        domains = kinds_of(fact.statement)
        for bottom in list(bottoms)[:6]:
            if visibly_nonneg(bottom, domains):
                out.append(_product_fact(fact, power(bottom, -1), (fact,)))
                out.append(_product_fact(fact, bottom, (fact,)))
    return out


def _product_fact(fact: Fact, factor: Expr, parts: tuple[Fact, ...]) -> Fact:
    relation = Relation(mul(fact.relation.gap(), factor), ">=", num(0))
    return Fact(
        relation, fact.statement, "", any(p.announced for p in parts), fact.number, proved=fact.proved, parts=parts
    )
