"""What a proof has established: its checked relations, what chains of them give, and what follows at once from one of them.

A fact remembers where it comes from, because the claim restated is no support for the claim: whether it was only announced,
whether it is the composition of a chain or follows from another fact, whether a theorem was cited for it.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np

from olmix.proofs.checking.links import Context, build_link
from olmix.proofs.checking.walker import Link
from olmix.proofs.proving.keys import canonical_key
from olmix.proofs.statements.expr import Add, Expr, Mul, Num, Pow, Relation, Var, mul, num, power, substitute, walk
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
    #: A theorem was named for it.
    cited: bool = False
    #: It follows from other relations (the links of a chain, a power of itself).
    derived: bool = False
    #: A chain leads from one side to the other by way of something else.
    worked: bool = False
    #: A certificate proved it (or all links that it is made of).
    proved: bool = False
    #: For a product: what was multiplied.
    parts: tuple[Fact, ...] = ()


def collect_facts(links: Sequence[Link], context: Context, given: Sequence[Relation] = ()) -> list[Fact]:
    """The facts of a proof; `given` are assumptions that hold throughout, which are facts as well."""
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
        for i in range(len(chain)):
            for j in range(i + 1, len(chain)):
                pool.put_composed(chain[i : j + 1])
    pool.shift()
    return list(pool.facts.values())


class _Pool:
    """Facts by their spelling; of two with the same spelling the better supported one stays."""

    def __init__(self, context: Context, given: Sequence[Relation]) -> None:
        self.context, self.given = context, given
        self.facts: dict[str, Fact] = {}

    def put(
        self, relation: Relation, *, announced: bool, number: int, cited: bool = False, derived: bool = False,
        proved: bool = False, worked: bool = False,
    ) -> None:  # fmt: skip
        """Adds a relation, and what taking roots on both sides makes of it."""
        built, _ = build_link(relation, self.context, self.given)
        if built is None or built.claim.op == "!=":
            return
        fact = Fact(built.claim, built, canonical_key(built), announced, number, cited, derived, worked, proved)
        spelled = relation_text(built.claim)
        known = self.facts.get(spelled)
        if known is None or _rank(fact) > _rank(known):
            self.facts[spelled] = fact
        root = _rooted(built)
        if root is not None:
            self.put(root, announced=announced, number=number, derived=True, proved=proved)

    def shift(self) -> None:
        """Adds the cyclic versions of all facts, where the hypotheses are the same for all variables."""
        statement = self.context.statement
        names = statement.variables
        if self.given or self.context.substitutions or not 3 <= len(names) <= 4 or len(self.facts) > 12:
            return
        by = {v: Var(names[(i + 1) % len(names)]) for i, v in enumerate(names)}
        if len(set(statement.domains)) > 1 or not _same_hypotheses(statement, by):
            return
        for fact in list(self.facts.values()):
            relation = fact.relation
            for _ in names[1:]:
                relation = relation.map(lambda e: substitute(e, dict(by)))
                built, _ = build_link(relation, self.context, ())
                spelled = relation_text(relation)
                if (
                    built is not None
                    and spelled not in self.facts
                    and not (fact.announced or same(fact, _plain(built)))
                ):
                    self.facts[spelled] = dataclasses.replace(
                        fact, relation=built.claim, statement=built, key=canonical_key(built), parts=()
                    )

    def put_composed(self, chain: Sequence[Link]) -> None:
        """The relation between the ends of a piece of a chain; it is derived unless one link says the same already."""
        relations = [link.relation for link in chain if link.relation is not None]
        whole = compose(relations)
        if whole is None:
            return
        announced = any(link.role == "goal" for link in chain)
        proved = all(link.status == "proved" for link in chain)
        ends = [self._fact(r) for r in (whole, *(r for r in relations if r.op != "="))]
        derived = ends[0] is not None and not any(f is not None and same(f, ends[0]) for f in ends[1:])
        cited = any(link.cited for link in chain)
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
        )

    def _fact(self, relation: Relation) -> Fact | None:
        built, _ = build_link(relation, self.context, self.given)
        return None if built is None else Fact(built.claim, built, "", False, 0)


def _plain(built: Statement) -> Fact:
    return Fact(built.claim, built, "", False, 0)


def _same_hypotheses(statement: Statement, by: Mapping[str, Expr]) -> bool:
    """Whether the constraints are the same, as a whole, in other letters; seen in floats at a few points."""
    if not statement.constraints:
        return True
    gaps = [c.gap() for c in statement.constraints]
    points = np.random.default_rng(2).uniform(0.3, 1.8, size=(6, len(statement.variables)))
    here = compile_floats(gaps, statement.variables)(points)
    there = compile_floats([substitute(g, dict(by)) for g in gaps], statement.variables)(points)
    return (
        bool(np.allclose(np.sort(here), np.sort(there), equal_nan=True))
        and len({c.op for c in statement.constraints}) == 1
    )


def _rank(fact: Fact) -> tuple[bool, ...]:
    return (not fact.announced, fact.derived, fact.cited and fact.worked, fact.cited)


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
    """Whether two relations say the same up to a constant factor and moving terms, without using any hypothesis.

    Seen in floats at a few points: this decides what counts as a restatement, not whether something is true.
    """
    names = fact.relation.variables()
    if names != other.relation.variables() or fact.relation.op == "=" or other.relation.op == "=":
        return False
    rng = np.random.default_rng(11)
    points = rng.uniform(0.4, 2.3, size=(9, len(names)))
    kinds = dict(zip(fact.statement.variables, fact.statement.domains, strict=True))
    if any(kinds.get(n) == "real" for n in names):
        # |x| and x differ only below zero.
        turned = points * np.where([kinds.get(n) == "real" for n in names], rng.choice([-1, 1], size=points.shape), 1)
        points = np.concatenate([points, turned])
    values = compile_floats([fact.relation.gap(), other.relation.gap()], names)(points)
    with np.errstate(all="ignore"):
        ratios = values[:, 0] / values[:, 1]
    ratios = ratios[np.isfinite(ratios)]
    return bool(len(ratios) > 4 and ratios[0] > 0 and np.allclose(ratios, ratios[0], rtol=1e-7))


def _rooted(statement: Statement) -> Relation | None:
    """From X**n <= Y (or >=) with both sides visibly non-negative: X <= Y**(1/n)."""
    relation = statement.claim
    domains = dict(zip(statement.variables, statement.domains, strict=True))
    for side, other in ((relation.left, relation.right), (relation.right, relation.left)):
        if not (isinstance(side, Pow) and isinstance(side.exponent, Num)) or relation.op == "=":
            continue
        n = side.exponent.value
        if n.denominator == 1 and 2 <= n <= 6 and visibly_nonneg(side.base, domains) and visibly_nonneg(other, domains):
            root = _root_of(other, int(n))
            pair = (side.base, root) if side is relation.left else (root, side.base)
            return Relation(pair[0], relation.op, pair[1])
    return None


def _root_of(expr: Expr, n: int) -> Expr:
    if isinstance(expr, Num):
        for value in range(1, 60):
            if Fraction(value) ** n == expr.value:
                return num(value)
    return power(expr, Fraction(1, n))


def multiplied(facts: Sequence[Fact]) -> list[Fact]:
    """Products of two inequalities, and inequalities divided by the positive denominators that occur."""
    chosen = [f for f in facts if f.relation.op not in ("=", "!=")]
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
        domains = dict(zip(fact.statement.variables, fact.statement.domains, strict=True))
        for bottom in list(bottoms)[:6]:
            if visibly_nonneg(bottom, domains):
                out.append(_product_fact(fact, power(bottom, -1), (fact,)))
    return out


def _product_fact(fact: Fact, factor: Expr, parts: tuple[Fact, ...]) -> Fact:
    relation = Relation(mul(fact.relation.gap(), factor), ">=", num(0))
    return Fact(
        relation, fact.statement, "", any(p.announced for p in parts), fact.number, proved=fact.proved, parts=parts
    )


def visibly_nonneg(expr: Expr, domains: dict[str, str]) -> bool:
    """Whether an expression is a sum of products of squares and non-negative variables, as it is written."""
    if isinstance(expr, Num):
        return expr.value >= 0
    if isinstance(expr, Add):
        return all(visibly_nonneg(term, domains) for term in expr.terms)
    if isinstance(expr, Mul):
        signs = [f for f in expr.factors if not visibly_nonneg(f, domains)]
        return not signs
    if isinstance(expr, Pow):
        if isinstance(expr.exponent, Num) and expr.exponent.value.numerator % 2 == 0:
            return True
        return visibly_nonneg(expr.base, domains)
    name = getattr(expr, "name", "")
    return name == "abs" or domains.get(name) in ("pos", "nonneg", "natural")
